"""A stopped training is resumed only by what would have trained the same weights."""

from dataclasses import replace

import pytest
import torch

from hashbench.execution.fitting import CellEncoder, Ground
from hashbench.execution.timer import Timer


class Noting:
    """In a method's place: notes the checkpoint that it is to use."""

    def fit(self, X, y, *, start, checkpoint):
        self.checkpoint = checkpoint


def checkpoint(work, place, device="cpu"):
    ground, noting = Ground.open(work, place, torch.device(device)), Noting()
    CellEncoder(ground, noting, 0, Timer(torch.device("cpu"))).fit(place)
    return noting.checkpoint


@pytest.mark.parametrize("changed", ["nothing", "device", "torch", "precision", "threads"])
def test_a_training_is_resumed_where_its_numbers_are_the_same(grid, place, monkeypatch, changed):
    (work,) = grid("dsh")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    before, device = checkpoint(work, place), "cpu"
    if changed == "device":
        device = "mps"  # no more in bfloat16 than this CPU
    if changed == "torch":
        monkeypatch.setattr(torch, "__version__", "0.1")
    if changed == "precision":
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    if changed == "threads":
        place = replace(place, threads=place.threads + 1)
    assert (checkpoint(work, place, device) == before) == (changed == "nothing")
