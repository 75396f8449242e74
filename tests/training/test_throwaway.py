"""Four kinds of method that the contract must bear: plugins of under 40 lines that pass all checks."""

import pytest

from hashbench.plugins import registry
from hashbench.testing import METHOD_CHECKS, iter_checks

HEADER = '''"""{title}.

Departures from the paper: there is none; this plugin is for the tests of the contract.
"""

from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy

from hashbench.contracts.recipe import Pretraining
from hashbench.training import (
    Batch, DeepHashMethod, Epoch, TrainingData, classification_loss, mean_of_pairs, pair_nll, same_label
)


@dataclass(eq=False, repr=False, kw_only=True)
'''
PLUGINS = {
    "contrastive": '''class Contrastive(DeepHashMethod):
    """Two views of an image agree more than those of two images, without labels (as SimCLR, on codes)."""

    pretraining: Pretraining = "none"
    temperature: float = 0.3

    supervision = "unsupervised"
    views = 2

    def loss(self, z, batch: Batch):
        b = len(z) // 2
        codes = torch.nn.functional.normalize(z.tanh(), dim=1)
        itself = torch.eye(2 * b, dtype=torch.bool, device=z.device)
        logits = (codes @ codes.T / self.temperature).masked_fill(itself, -torch.inf)
        return cross_entropy(logits, torch.arange(2 * b, device=z.device).roll(b))
''',
    "discrete": '''class Discrete(DeepHashMethod):
    """Codes of all images, updated between epochs, that the outputs regress on (as DSDH alternates)."""

    nu: float = 0.1

    def make_state(self, data: TrainingData):
        state = torch.nn.Module()
        state.register_buffer("codes", torch.zeros(data.n, self.n_bits, dtype=torch.int8))
        return state

    def refresh(self, epoch: Epoch):
        self.state_.codes.copy_(torch.where(epoch.outputs() > 0, 1, -1))

    def loss(self, z, batch: Batch):
        to_codes = (z - self.state_.codes[batch.index]).square().mean()
        return mean_of_pairs(pair_nll(z @ z.T / 2, same_label(batch.labels))) + self.nu * to_codes
''',
    "halflabelled": '''class HalfLabelled(DeepHashMethod):
    """A classifier beside the codes; two views of all images agree, labelled or not."""

    supervision = "semi-supervised"
    labelled_share = 0.5
    views = 2

    def make_state(self, data: TrainingData):
        return torch.nn.Linear(self.n_bits, data.n_classes)

    def loss(self, z, batch: Batch):
        first, second = z.chunk(2)
        agree = (first - second).square().mean()
        both = batch.labelled[:, None] & batch.labelled
        pairs = pair_nll(z @ z.T / 2, same_label(batch.labels))
        return classification_loss(self.state_(z), batch) + 0.1 * agree + mean_of_pairs(pairs * both)
''',
    "memory": '''class Memory(DeepHashMethod):
    """Pairs of the batch's images with all training images, whose last outputs a bank keeps (as DPSH)."""

    def make_state(self, data: TrainingData):
        state = torch.nn.Module()
        state.register_buffer("bank", torch.zeros(data.n, self.n_bits))
        shared = data.labels if data.labels.ndim == 2 else torch.nn.functional.one_hot(data.labels).float()
        state.register_buffer("labels", shared)
        return state

    def loss(self, z, batch: Batch):
        self.state_.bank[batch.index] = z.detach()
        similar = self.state_.labels[batch.index] @ self.state_.labels.T > 0
        return pair_nll(z @ self.state_.bank.T / 2, similar).mean()
''',
}


@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_of_its_kind_passes_all_checks(name, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "_FILES", {})
    path = tmp_path / f"{name}.py"
    path.write_text(HEADER.format(title=name) + PLUGINS[name])
    assert len(path.read_text().splitlines()) < 40
    assert registry.register_file(path) == "method"
    found = list(iter_checks("method", registry.find("method", name)))
    assert len(found) > 10
    assert [(check, error) for check, error in found if error is not None] == []


@pytest.mark.parametrize(
    ("name", "old", "new", "check"),
    [
        ("halflabelled", "    labelled_share = 0.5\n", "", "declares what it is"),
        ("contrastive", "views = 2", "views = 0", "declares what it is"),
        ("contrastive", "views = 2", "views = 2\n    weak_views = 3", "declares what it is"),
        ("discrete", "    nu", "    labelled_share = 0.5\n    nu", "declares what it is"),
        ("halflabelled", "classification_loss(self.state_(z), batch) + ", "", "trains every parameter"),
        ("memory", "return pair_nll", "return 0 * pair_nll", "trains every parameter"),
    ],
)
def test_a_fault_of_its_kind_is_found(name, old, new, check, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "_FILES", {})
    path = tmp_path / f"{name}.py"
    text = HEADER.format(title=name) + PLUGINS[name]
    assert old in text
    path.write_text(text.replace(old, new))
    registry.register_file(path)
    (checked,) = [f for f in METHOD_CHECKS if f.__name__.replace("_", " ") == check]
    with pytest.raises(AssertionError, match=f"(?i){name}"):
        checked(registry.find("method", name))
