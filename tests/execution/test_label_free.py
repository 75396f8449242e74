"""The label-free start in a run: shared, its quality in every record that stands on it, never on queries."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hashbench.errors import InvalidInputError
from hashbench.execution import context
from hashbench.execution.cell import run_cell
from hashbench.plugins.registry import register_file

QUALITY = {"ssl_linear", "ssl_neighbours", "ssl_rank"}


def test_records_hold_the_quality_of_the_network_that_they_stand_on(grid, place, own_cache, monkeypatch):
    def run(method, **given):
        (work,) = grid(method, **given)
        return run_cell(work, place)

    seen = []
    quality = context.quality_of

    def watched(features, labels, seed):
        seen.append(len(features))
        assert len(labels) == len(features)
        return quality(features, labels, seed)

    monkeypatch.setattr(context, "quality_of", watched)
    shallow, deep = run("itq", features=["ssl"]), run("greedyhash_u")
    assert (shallow.error, deep.error) == (None, None)
    assert seen == [720], "training images alone, and once"
    assert shallow.digests.backbone == deep.digests.backbone is not None
    assert (shallow.card.n_labelled, deep.card.n_labelled, shallow.card.learned_from) == (0, 0, "images")
    for record in (shallow, deep):
        assert record.curves.keys() >= QUALITY
        assert 0 < record.curves["ssl_linear"][0] <= 1
    assert QUALITY.isdisjoint(run("itq", features=["cnn"]).curves)
    other = run("greedyhash_u", set={"greedyhash_u.start_from": "ssl=2"})
    assert other.digests.backbone not in (None, deep.digests.backbone)
    with pytest.raises(InvalidInputError, match="positive number"):
        run("greedyhash_u", set={"greedyhash_u.start_from": "ssl=long"})


def test_labels_change_the_quality_and_no_bit_of_the_network(grid, place, own_cache):
    (work,) = grid("greedyhash_u")
    opened = context.context_of(work.setting, place.data)
    cpu = torch.device("cpu")
    first = opened.backbone(work.setting, work.start, cpu)
    shuffled = opened.images.labels.copy()
    shuffled[opened.split.train] = np.random.default_rng(0).permutation(shuffled[opened.split.train])
    own_cache.rename(own_cache.with_name("before"))
    other = context.Context(opened.name, replace(opened.images, labels=shuffled), opened.split)
    again = other.backbone(work.setting, work.start, cpu)
    assert all(
        torch.equal(a, b) for a, b in zip(first.network.parameters(), again.network.parameters(), strict=True)
    )
    assert again.quality["linear"] < 0.5
    assert again.quality["rank"] == first.quality["rank"]


UNSUPERVISED = """
from hashbench.training.deep import DeepHashMethod
class Own(DeepHashMethod):
    \"\"\"U (test).\"\"\"
    supervision = "unsupervised"
    def loss(self, batch):
        return batch.z.square().mean()
"""


@pytest.mark.parametrize("pretraining", ["softmax", "frozen"])
def test_an_unsupervised_method_does_not_start_from_a_network_that_labels_trained(
    tmp_path, grid, pretraining
):
    (tmp_path / "blind.py").write_text(UNSUPERVISED)
    register_file(tmp_path / "blind.py")
    settings = {"blind.pretraining": pretraining}
    with pytest.raises(InvalidInputError, match=r"blind is unsupervised.*'cnn'"):
        grid("blind", set=settings)
    assert [work.cell.method for work in grid("blind", set={"blind.pretraining": "none"})] == ["blind"]
    assert [work.cell.method for work in grid("blind", set=settings | {"blind.start_from": "ssl"})] == [
        "blind"
    ]
    assert "blind" not in {work.cell.method for work in grid("deep", set=settings)}
