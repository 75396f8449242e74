"""MIHash and TALR-AP: losses of a ranking by soft distances, each beside a loop over images and bins."""

from math import log2, tanh

import pytest
import torch

from hashbench.errors import InvalidInputError
from hashbench.methods.mihash import MIHash
from hashbench.methods.talr_ap import TALRAP
from hashbench.numerics import codewords
from hashbench.training import Batch, TrainingData, same_label

N, K = 9, 6
z = 2 * torch.randn(N, K, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
CLASSES = torch.arange(N) % 3
MULTI = (torch.rand(N, 4, generator=torch.Generator().manual_seed(3)) > 0.7).float()
both = pytest.mark.parametrize("labels", [CLASSES, MULTI, torch.tensor([0, 0, 0, 1, 1, 2, 3, 4, 5])])
either = pytest.mark.parametrize("method", [MIHash, TALRAP])


def batch(labels):
    return Batch(labels, torch.arange(len(labels)), 0.0)


def histogram(i, others, scale, n_bins):
    """How many of the others lie at each bin's centre, by hand."""
    h, width, counts = [[tanh(scale * v / 2) for v in row] for row in z.tolist()], K / n_bins, []
    for bin_ in range(n_bins + 1):
        distances = [(K - sum(a * b for a, b in zip(h[i], h[j], strict=True))) / 2 for j in others]
        counts.append(sum(max(0.0, 1 - abs(d - bin_ * width) / width) for d in distances))
    return counts


def others_of(i, labels):
    """All other images, and the similar ones among them."""
    others = [j for j in range(N) if j != i]
    return others, [j for j in others if same_label(labels)[i, j]]


def entropy(counts):
    total = sum(counts)
    return -sum(c / total * log2(c / total) for c in counts if c)


@both
@pytest.mark.parametrize(("scale", "n_bins"), [(1.0, None), (4.0, 5), (1.0, 1)])
def test_mihash_is_a_loop_over_images(labels, scale, n_bins):
    values = []
    for i in range(N):
        others, similar = others_of(i, labels)
        dissimilar = [j for j in others if j not in similar]
        information = entropy(histogram(i, others, scale, n_bins or K // 2))
        for kind in filter(None, (similar, dissimilar)):
            share = len(kind) / len(others)
            information -= share * entropy(histogram(i, kind, scale, n_bins or K // 2))
        values.append(information)
    loss = MIHash(n_bits=K, scale=scale, n_bins=n_bins).loss(z, batch(labels)).item()
    assert loss == pytest.approx(-sum(values) / N, rel=1e-9)


@both
@pytest.mark.parametrize(("scale", "n_bins"), [(1.0, None), (4.0, 5), (1.0, 1)])
def test_talr_is_a_loop_over_images_and_bins(labels, scale, n_bins):
    values = []
    for i in range(N):
        others, similar = others_of(i, labels)
        found = histogram(i, similar, scale, n_bins or K)
        every = histogram(i, others, scale, n_bins or K)
        precision = sum(
            found[b] * (sum(found[:b]) + sum(found[: b + 1]) + 1) / (sum(every[:b]) + sum(every[: b + 1]) + 1)
            for b in range(len(found))
        )
        values.append(precision / len(similar) if similar else 0.0)
    loss = TALRAP(n_bits=K, scale=scale, n_bins=n_bins).loss(z, batch(labels)).item()
    assert loss == pytest.approx(-sum(values) / N, rel=1e-9)


def ten_classes(n_bits):
    labels = torch.arange(120) % 10
    return 100 * codewords(10, n_bits)[labels].double(), labels


@pytest.mark.parametrize("n_bits", [12, 24, 48])
def test_a_word_for_each_class_is_the_best_there_is(n_bits):
    outputs, labels = ten_classes(n_bits)
    share = 11 / 119
    most = -share * log2(share) - (1 - share) * log2(1 - share)
    assert most == pytest.approx(0.44455, abs=1e-5)
    assert MIHash(n_bits=n_bits).loss(outputs, batch(labels)).item() == pytest.approx(-most, rel=1e-9)
    assert TALRAP(n_bits=n_bits).loss(outputs, batch(labels)).item() == pytest.approx(-1, rel=1e-9)


def test_one_code_for_all_says_nothing():
    outputs, labels = ten_classes(12)
    outputs = outputs[:1].expand(120, -1)
    assert MIHash(n_bits=12).loss(outputs, batch(labels)).item() == pytest.approx(0, abs=1e-12)
    assert TALRAP(n_bits=12).loss(outputs, batch(labels)).item() == pytest.approx(-12 / 120, rel=1e-9)


@either
def test_gradients_are_those_of_finite_differences(method):
    """Also where bins are empty: there p log p has no derivative of its own."""
    outputs = z.clone().requires_grad_()
    loss = method(n_bits=K, scale=4.0, n_bins=6)
    assert torch.autograd.gradcheck(lambda x: loss.loss(x, batch(CLASSES)), outputs)


@either
def test_a_similar_pair_is_pulled_together(method):
    outputs = torch.tensor([[2.0, 1.0, 1.0, -1.0], [-0.3, 1.0, 1.0, -1.0], [-2.0, -1.0, 1.0, 1.0]])
    outputs.requires_grad_()
    method(n_bits=4, n_bins=2).loss(outputs, batch(torch.tensor([0, 0, 1]))).backward()
    assert outputs.grad[1, 0] < 0


@either
def test_the_default_bins_follow_the_length(method):
    outputs = torch.randn(12, 40, generator=torch.Generator().manual_seed(2))
    labels = batch(torch.arange(12) % 3)
    assert method(n_bits=40).loss(outputs, labels) == method(n_bits=40, n_bins=20).loss(outputs, labels)
    shorter = outputs[:, :24]
    n_bins = 12 if method is MIHash else 24
    assert method(n_bits=24).loss(shorter, labels) == method(n_bits=24, n_bins=n_bins).loss(shorter, labels)


@either
def test_a_histogram_without_bins_is_refused(method):
    with pytest.raises(InvalidInputError, match="n_bins=0"):
        method(n_bins=0).make_state(TrainingData(CLASSES, 3))
