"""What holds for every deep method without labels: blind to labels, finite at the edges."""

import numpy as np
import pytest
import torch

from hashbench.contracts.recipe import Recipe
from hashbench.plugins.registry import find
from hashbench.testing.toy import new, toy
from hashbench.training import Batch, TrainingData
from hashbench.training.pretrain import untrained_network

METHODS = ["greedyhash_u", "bihalf", "cibhash", "tbh", "ssdh_u", "mls3rduh", "sgh_gen"]
N, N_BITS, D = 12, 6, 5
X, y = toy("images")
features = torch.rand(N, D, generator=torch.Generator().manual_seed(0))
pytestmark = pytest.mark.parametrize("name", METHODS)


@pytest.fixture(scope="module")
def start():
    return untrained_network(torch.tensor(X), Recipe(), 1, 0)


def prepared(name, rows=features):
    """The method before its first step, and the batch of all its images."""
    torch.manual_seed(0)
    method = find("method", name)(n_bits=N_BITS)
    method.network_ = torch.nn.Module()
    method.network_.head = torch.nn.Linear(rows.shape[1], method.n_outputs(0), dtype=rows.dtype)
    nothing = torch.empty(len(rows), 0)
    method.state_ = method.make_state(TrainingData(nothing, 0, rows.shape[1], lambda: rows)).to(rows.dtype)
    place = torch.arange(len(rows)).repeat(method.views)
    return method, Batch(nothing.repeat(method.views, 1), place, 0.5, rows.repeat(method.views, 1))


def outputs_of(method, n, scale=1.0):
    z = torch.randn(n * method.views, method.n_outputs(0), generator=torch.Generator().manual_seed(1))
    return (z * scale).requires_grad_()


def value(method, z, batch):
    torch.manual_seed(0)  # the critics of TBH draw codes
    loss = method.loss(z, batch)
    loss.backward()
    return loss.detach()


def test_labels_of_any_kind_give_the_same_codes_bit_for_bit(name, start):
    cls = find("method", name)
    codes = [
        new(cls).fit(X, labels, start=start).project(X)
        for labels in (None, y[::-1], np.full((len(y), 4), np.nan))
    ]
    assert all(np.array_equal(codes[0], others) for others in codes[1:])


def test_it_starts_without_labels_or_from_scratch_and_never_from_a_classifier(name):
    cls = find("method", name)
    assert (cls.supervision, cls.start_from) == ("unsupervised", "ssl")
    assert cls.pretraining in ("softmax", "frozen")
    fresh = new(cls, pretraining="none").fit(X)
    assert np.isfinite(fresh.project(X)).all()
    assert "pretrain_loss" not in fresh.history_


@pytest.mark.parametrize("scale", [0.0, 50.0])
def test_the_loss_and_its_gradient_are_finite(name, scale):
    method, batch = prepared(name)
    z = outputs_of(method, N, scale)
    assert torch.isfinite(value(method, z, batch))
    assert torch.isfinite(z.grad).all()


@pytest.mark.parametrize("rows", [features[:2], features[:1].repeat(N, 1)], ids=["two", "duplicates"])
def test_two_images_and_images_that_are_all_alike_are_no_fault(name, rows):
    method, batch = prepared(name, rows)
    z = outputs_of(method, len(rows))
    assert torch.isfinite(value(method, z, batch))
    assert torch.isfinite(z.grad).all()


def test_the_order_of_images_does_not_matter(name, monkeypatch):
    monkeypatch.setattr(torch, "rand_like", torch.zeros_like)  # TBH's critics draw other codes for each image
    method, batch = prepared(name, features.double())
    order = torch.randperm(N, generator=torch.Generator().manual_seed(2))
    both = torch.cat([order + view * N for view in range(method.views)])
    shuffled = Batch(batch.labels, batch.index[both], 0.5, batch.features[both])
    z = outputs_of(method, N).detach().double()
    first, again = (
        value(method, part.clone().requires_grad_(), b) for part, b in ((z, batch), (z[both], shuffled))
    )
    assert first.item() == pytest.approx(again.item(), rel=1e-9)
    if method.views == 1:
        mixed = value(method, z[both].clone().requires_grad_(), batch)
        assert mixed.item() != pytest.approx(first.item(), rel=1e-9), "outputs belong to their images"
