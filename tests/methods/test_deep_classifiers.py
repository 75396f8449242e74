"""DLBHC, SSDH of Yang et al., greedy hash and cross-entropy + sign: classifiers on codes."""

from math import exp, log

import pytest
import torch

from hashbench.plugins.registry import find
from hashbench.training import Batch, TrainingData

N, K, C = 7, 4, 3
z = 1.5 * torch.randn(N, K, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
CLASSES = torch.arange(N) % C
MULTI = (torch.rand(N, C, generator=torch.Generator().manual_seed(3)) > 0.5).double()
both = pytest.mark.parametrize("labels", [CLASSES, MULTI])


def made(name, **parameters):
    method = find("method", name)(n_bits=K, **parameters)
    torch.manual_seed(0)
    method.state_ = method.make_state(TrainingData(CLASSES, C)).double()
    return method


def loss(method, outputs, labels=CLASSES):
    return method.loss(outputs, Batch(labels, torch.arange(len(labels)), 0.0))


def cross_entropy(method, codes, labels):
    """A loop over images, and over classes where an image can have several."""
    weight = method.state_.weight.tolist()
    bias = [0.0] * C if method.state_.bias is None else method.state_.bias.tolist()
    values = []
    for i, code in enumerate(codes):
        logits = [bias[c] + sum(w * a for w, a in zip(weight[c], code, strict=True)) for c in range(C)]
        if labels.ndim == 1:
            values.append(log(sum(map(exp, logits))) - logits[labels[i]])
        else:
            signs = [1 if has else -1 for has in labels[i].tolist()]
            values.append(sum(log(1 + exp(-s * v)) for s, v in zip(signs, logits, strict=True)) / C)
    return sum(values) / len(values)


def sigmoids(outputs):
    return [[1 / (1 + exp(-v)) for v in row] for row in outputs.tolist()]


@both
def test_dlbhc_classifies_sigmoids(labels):
    method = made("dlbhc", initial=0.8)
    expected = cross_entropy(method, sigmoids(z), labels)
    assert loss(method, z, labels).item() == pytest.approx(expected, rel=1e-9)


@both
def test_cross_entropy_and_sign_classifies_the_outputs(labels):
    method = made("ce_sign")
    expected = cross_entropy(method, z.tolist(), labels)
    assert loss(method, z, labels).item() == pytest.approx(expected, rel=1e-9)


@both
def test_ssdh_adds_a_term_for_bits_and_one_for_their_balance(labels):
    method, a = made("ssdh_classes", binary=0.7, balance=3.0), sigmoids(z)
    to_bits = sum((v - 0.5) ** 2 for row in a for v in row) / (N * K)
    half = sum((sum(row) / K - 0.5) ** 2 for row in a) / N
    expected = cross_entropy(method, a, labels) - 0.7 * to_bits / 2 + 3.0 * half / 2
    assert loss(method, z, labels).item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("outputs", "terms"),
    [
        ([0.0, 0, 0, 0], 0.0),  # a = 1/2
        ([60.0, 60, -60, -60], -1 / 8),  # bits, half of them 1
        ([60.0, 60, 60, 60], -1 / 8 + 1 / 8),  # bits, all of them 1
    ],
)
def test_ssdhs_terms_at_their_limits(outputs, terms):
    outputs = torch.tensor([outputs], dtype=torch.float64)
    labels = CLASSES[:1]
    method = made("ssdh_classes")
    rest = cross_entropy(method, sigmoids(outputs), labels)
    assert loss(method, outputs, labels).item() - rest == pytest.approx(terms, abs=1e-12)


@both
def test_greedy_hash_classifies_the_bits(labels):
    method = made("greedyhash")
    bits = [[1.0 if v > 0 else -1.0 for v in row] for row in z.tolist()]
    cubic = sum(abs(abs(v) - 1) ** 3 for row in z.tolist() for v in row) / (N * K)
    expected = cross_entropy(method, bits, labels) + 0.1 * cubic
    assert loss(method, z, labels).item() == pytest.approx(expected, rel=1e-9)


def test_greedy_hash_hands_the_gradient_at_the_bits_to_the_outputs():
    method = made("greedyhash", alpha=0.0)
    outputs, bits = z.clone().requires_grad_(), torch.where(z > 0, 1, -1).double().requires_grad_()
    loss(method, outputs).backward()
    torch.nn.functional.cross_entropy(method.state_(bits), CLASSES).backward()
    torch.testing.assert_close(outputs.grad, bits.grad)
    assert method.state_.bias is None


def test_an_output_of_zero_is_a_bit_of_minus_one_for_greedy_hash():
    method = made("greedyhash", alpha=0.0)
    assert loss(method, 0 * z) == loss(method, 0 * z - 0.5)
    assert loss(method, 0 * z) != loss(method, 0 * z + 0.5)


def test_bits_have_no_cubic_term():
    assert loss(made("greedyhash", alpha=9.0), z.sign()) == loss(made("greedyhash", alpha=0.0), z.sign())


@pytest.mark.parametrize(("name", "deviation"), [("dlbhc", 0.01), ("ssdh_classes", 0.2)])
def test_fresh_classifiers_have_the_authors_deviation(name, deviation):
    torch.manual_seed(0)
    classifier = find("method", name)(n_bits=64).make_state(TrainingData(torch.arange(100), 100))
    assert classifier.weight.std().item() == pytest.approx(deviation, rel=0.05)
    assert (classifier.bias == 0).all()
