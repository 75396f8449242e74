"""HashNet, DHN, DCH and SupCon: losses of pairs, each beside a loop over the pairs."""

from math import cosh, log, log1p, sqrt, tanh

import numpy as np
import pytest
import torch

from hashbench.methods.dch import DCH, LEAST
from hashbench.methods.dhn import DHN
from hashbench.methods.hashnet import HashNet
from hashbench.methods.supcon import SupCon
from hashbench.training import Batch, TrainingData, same_label

N, K = 9, 5
z = 1.3 * torch.randn(N, K, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
CLASSES = torch.arange(N) % 3
MULTI = (torch.rand(N, 4, generator=torch.Generator().manual_seed(3)) > 0.7).float()
both = pytest.mark.parametrize("labels", [CLASSES, MULTI])


def batch(labels, progress=0.0):
    return Batch(labels, torch.arange(len(labels)), progress)


def pairs(labels, *kinds):
    """The ordered pairs of two images, of the kinds asked for."""
    similar = same_label(labels)
    return [(i, j) for i in range(N) for j in range(N) if i != j and bool(similar[i, j]) in kinds]


def relaxed(beta=1.0):
    return [[tanh(beta * v) for v in row] for row in z.tolist()]


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def nll(theta, similar):
    return log(1 + np.exp(theta)) - similar * theta


@both
@pytest.mark.parametrize("progress", [0.0, 0.4])
def test_hashnet_is_a_loop_over_both_kinds_of_pairs(labels, progress):
    u = relaxed(sqrt(1 + 50 * progress))
    expected = sum(
        np.mean([nll(10 / K * dot(u[i], u[j]), kind) for i, j in pairs(labels, kind)])
        for kind in (True, False)
    )
    loss = HashNet(n_bits=K).loss(z, batch(labels, progress))
    assert loss.item() == pytest.approx(expected, rel=1e-12)


@both
def test_hashnet_with_the_releases_weight_is_a_weighted_mean(labels):
    u, total, weights = relaxed(), 0.0, 0.0
    for kind, weight in ((True, 5.0), (False, 1.0)):
        total += weight * sum(nll(10 / K * dot(u[i], u[j]), kind) for i, j in pairs(labels, kind))
        weights += weight * len(pairs(labels, kind))
    loss = HashNet(n_bits=K, similar_weight=5.0).loss(z, batch(labels))
    assert loss.item() == pytest.approx(total / weights, rel=1e-12)


def test_hashnet_sharpens_as_the_release_does():
    assert HashNet().beta(0) == 1
    assert HashNet().beta(1) == pytest.approx(sqrt(51))
    sharper = HashNet(n_bits=K).loss(z, batch(CLASSES, 0.9))
    assert sharper != HashNet(n_bits=K).loss(z, batch(CLASSES, 0.0))


def test_hashnet_of_equal_weights_is_dhn_without_its_quantisation():
    hashnet = HashNet(n_bits=K, scale=K, similar_weight=1.0).loss(z, batch(CLASSES))
    assert hashnet.item() == pytest.approx(
        DHN(n_bits=K, quantization=0).loss(z, batch(CLASSES)).item(), rel=1e-12
    )


@both
def test_dhn_is_a_loop_over_pairs_and_bits(labels):
    u = relaxed()
    likelihood = np.mean(
        [nll(dot(u[i], u[j]), kind) for kind in (True, False) for i, j in pairs(labels, kind)]
    )
    quantization = np.mean([sum(log(cosh(abs(v) - 1)) for v in row) for row in u])
    for weight in (0.3, 7.0):
        loss = DHN(n_bits=K, quantization=weight).loss(z, batch(labels)).item()
        assert loss == pytest.approx(likelihood + weight * quantization, rel=1e-12)
    assert DHN().quantization == 0.3


def test_dhn_at_zero_and_at_bits():
    zero = torch.zeros(4, K, dtype=torch.float64, requires_grad=True)
    loss = DHN(n_bits=K).loss(zero, batch(CLASSES[:4]))
    assert loss.item() == pytest.approx(log(2) + 0.3 * K * log(cosh(1)), rel=1e-9)
    pair_term = DHN(n_bits=K, quantization=0)
    pair_term.loss(zero, batch(CLASSES[:4])).backward()
    assert (zero.grad == 0).all()
    bits = 50 * z.sign()
    assert DHN(n_bits=K).loss(bits, batch(CLASSES)).item() == pytest.approx(
        pair_term.loss(bits, batch(CLASSES)).item(), rel=1e-12
    )


@both
def test_dch_is_a_loop_over_both_kinds_of_pairs(labels):
    u, expected = relaxed(), 0.0
    for kind in (True, False):
        d = [sum((x - y) ** 2 for x, y in zip(u[i], u[j], strict=True)) for i, j in pairs(labels, kind)]
        expected += np.mean([log1p((v + 1e-3) / 20) if kind else log1p(20 / (v + 1e-3)) for v in d])
    quantization = np.mean([(abs(v) - 1) ** 2 for row in u for v in row])
    loss = DCH(n_bits=K).loss(z, batch(labels)).item()
    assert loss == pytest.approx(expected + 0.1 * quantization, rel=1e-12)


def test_dch_pulls_a_similar_pair_the_harder_the_nearer_it_is():
    """The slope by distance is 1 / (gamma + d); a logistic likelihood has none at d = 0."""

    def loss(step):
        codes = torch.zeros(2, 1, dtype=torch.float64)
        codes[1] = torch.atanh(torch.tensor(step, dtype=torch.float64).sqrt())
        return DCH(n_bits=1, quantization=0).loss(codes, batch(torch.tensor([0, 0]))).item()

    assert loss(0.0) == pytest.approx(log1p(LEAST / 20))
    for d in (0.0, 0.3, 0.9):
        assert (loss(d + 1e-6) - loss(d)) / 1e-6 == pytest.approx(1 / (20 + LEAST + d), rel=1e-4)


def test_equal_codes_of_two_classes_cost_dch_a_finite_loss():
    equal = torch.full((2, 4), 0.5, requires_grad=True)
    loss = DCH(n_bits=4, quantization=0).loss(equal, batch(torch.tensor([0, 1])))
    assert loss.item() == pytest.approx(log1p(20 / LEAST), rel=1e-6)


def supcon(outputs, labels, **parameters):
    method = SupCon(n_bits=outputs.shape[1], **parameters)
    method.state_ = method.make_state(TrainingData(labels, 3)).double()
    return method.loss(outputs, batch(labels)).item()


@both
def test_supcon_is_a_loop_over_anchors_and_their_positives(labels):
    v = ((z - z.mean(0)) / (z.var(0, correction=0) + 1e-5).sqrt()).numpy()
    f, similar, values = v / np.linalg.norm(v, axis=1, keepdims=True), same_label(labels), []
    for i in range(N):
        others = [a for a in range(N) if a != i]
        positives = [p for p in others if similar[i, p]]
        total = log(sum(np.exp(f[i] @ f[a] / 0.1) for a in others))
        if positives:
            values.append(np.mean([total - f[i] @ f[p] / 0.1 for p in positives]))
    assert supcon(z, labels) == pytest.approx(np.mean(values), rel=1e-9)


def test_anchors_without_similar_images_do_not_count_in_supcon():
    assert supcon(z, torch.arange(N)) == 0
    words = torch.tensor([[1.0, 1], [1, 1], [-1, -1], [-1, -1]]).double()
    assert supcon(words, torch.tensor([0, 0, 1, 1])) == pytest.approx(log1p(2 * np.exp(-20)), abs=1e-9)
