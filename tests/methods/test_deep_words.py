"""CSQ, DPN, OrthoHash, normalised softmax and Proxy-Anchor: outputs beside fixed or learned class centres."""

from math import exp, log, log1p, sqrt, tanh

import numpy as np
import pytest
import torch

from hashbench.errors import InvalidInputError
from hashbench.methods.csq import CSQ
from hashbench.methods.dpn import DPN
from hashbench.methods.norm_softmax import NormSoftmax
from hashbench.methods.orthohash import OrthoHash
from hashbench.methods.proxy_anchor import ProxyAnchor
from hashbench.numerics import codewords
from hashbench.training import Batch, Epoch, TrainingData, same_label

N, K, C = 8, 6, 4
z = 1.5 * torch.randn(N, K, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
CLASSES = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])  # class 3 is not in the batch
MULTI = (torch.rand(N, C, generator=torch.Generator().manual_seed(3)) > 0.6).float()
MULTI[2] = 0
both = pytest.mark.parametrize("labels", [CLASSES, MULTI])


def made(cls, n_bits=K, n_classes=C, **parameters):
    method = cls(n_bits=n_bits, **parameters)
    method.n_classes_ = n_classes
    torch.manual_seed(0)
    method.state_ = method.make_state(TrainingData(CLASSES, n_classes)).double()
    return method


def loss(method, outputs, labels):
    return method.loss(outputs, Batch(labels, torch.arange(len(labels)), 0.0))


def classes_of(labels, i):
    return [int(labels[i])] if labels.ndim == 1 else [c for c in range(C) if labels[i, c]]


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True)) / sqrt(sum(x * x for x in a) * sum(y * y for y in b))


@both
def test_csq_is_a_loop_over_bits_and_pairs(labels):
    method, central, pairs = made(CSQ), [], []
    words, u = method.state_.words.tolist(), [[tanh(v) for v in row] for row in z.tolist()]
    for i in range(N):
        votes = [sum(words[c][k] for c in classes_of(labels, i)) for k in range(K)]
        centre = [v or t for v, t in zip(votes, method.state_.tie.tolist(), strict=True)]
        p = [(v + 1) / 2 for v in u[i]]
        if classes_of(labels, i):
            central.append(-np.mean([log(a if c > 0 else 1 - a) for a, c in zip(p, centre, strict=True)]))
        for j in range(N):
            x = 10 / K * sum(a * b for a, b in zip(u[i], u[j], strict=True))
            if i != j:
                pairs.append(log1p(exp(x)) - bool(same_label(labels)[i, j]) * x)
    to_bits = np.mean([(abs(v) - 1) ** 2 for row in u for v in row])
    expected = np.mean(central) + 0.2 * np.mean(pairs) + 0.05 * to_bits
    assert loss(method, z, labels).item() == pytest.approx(expected, rel=1e-9)


def test_csq_at_zero_and_at_its_centres():
    assert loss(made(CSQ), 0 * z, CLASSES).item() == pytest.approx(1.2 * log(2) + 0.05, rel=1e-9)
    method = made(CSQ, pair_weight=0.0)
    assert torch.equal(method.state_.words.float(), codewords(C, K))
    assert loss(method, 50 * method.state_.words[CLASSES], CLASSES).item() == pytest.approx(0, abs=1e-12)


def test_csq_pushes_each_output_to_its_centres_side():
    method, outputs = made(CSQ, pair_weight=0.0, quantization=0.0), z.clone().requires_grad_()
    loss(method, outputs, CLASSES).backward()
    assert torch.equal(outputs.grad.sign(), -method.state_.words[CLASSES])


@both
def test_dpn_is_a_loop_over_the_centres_of_an_image(labels):
    method, values = made(DPN, margin=1.3), []
    for i in range(N):
        words = [method.state_.words[c].tolist() for c in classes_of(labels, i)]
        if words:
            hinges = [max(0.0, 1.3 - t * float(v)) for word in words for t, v in zip(word, z[i], strict=True)]
            values.append(sum(hinges))
    assert loss(method, z, labels).item() == pytest.approx(np.mean(values), rel=1e-9)


def test_dpn_has_no_gradient_beyond_the_margin_and_a_constant_one_before_it():
    method = made(DPN)
    centre = method.state_.words[CLASSES]
    outputs = (centre * torch.linspace(-1, 3, K).double()).requires_grad_()
    loss(method, outputs, CLASSES).backward()
    beyond = outputs.detach() * centre >= 1
    assert 0 < beyond.sum() < beyond.numel()
    assert torch.equal(outputs.grad, torch.where(beyond, 0, -centre / N))


@pytest.mark.parametrize("cls", [DPN, OrthoHash])
def test_centres_are_random_words_of_the_seed_or_codewords(cls):
    first, second = (dict(made(cls).state_.named_buffers()) for _ in range(2))
    [name] = [name for name in first if name.endswith("words")]
    assert torch.equal(first[name], second[name])
    hadamard = dict(made(cls, centres="hadamard").state_.named_buffers())[name]
    assert torch.equal(hadamard.float(), codewords(C, K))
    assert not torch.equal(hadamard, first[name])


@pytest.mark.parametrize("cls", [CSQ, DPN, OrthoHash])
def test_too_few_words_for_the_classes_are_an_error(cls):
    with pytest.raises(InvalidInputError, match="too few for 5 classes"):
        cls(n_bits=2).make_state(TrainingData(torch.arange(5), 5))


def refreshed(progress, **parameters):
    method = made(DPN, n_bits=3, n_classes=3, **parameters)
    method.state_.words.copy_(torch.tensor([[1.0, 1, 1], [1, -1, 1], [-1, -1, 1]]))
    outputs = torch.tensor([[-2.0, 3, 1], [-1, -1, 0.1], [-3, 2, -9], [4, 4, -4], [5, -5, -5]])
    labels = torch.tensor([0, 0, 0, 1, 1])
    method.refresh(Epoch(labels, progress, torch.Generator(), lambda: outputs, lambda: outputs))
    return method.state_.words.tolist()


def test_adaptive_centres_are_the_majority_of_codes_after_an_epoch():
    """Class 1 is tied in its second bit, class 2 has no images: the old bits stay."""
    before = [[1.0, 1, 1], [1, -1, 1], [-1, -1, 1]]
    assert refreshed(0.5, adaptive=True) == [[-1.0, 1, 1], [1, -1, -1], [-1, -1, 1]]
    assert refreshed(0.0, adaptive=True) == before
    assert refreshed(0.5) == before


@both
@pytest.mark.parametrize("margin", [0.0, 0.2])
def test_orthohash_is_a_loop_over_normalised_outputs_and_centres(labels, margin):
    method, values = made(OrthoHash, margin=margin), []
    v = ((z - z.mean(0)) / (z.var(0, correction=0) + 1e-5).sqrt()).tolist()
    words = method.state_["centres"].words.tolist()
    for i in range(N):
        own = classes_of(labels, i)
        logits = [8 * (cosine(v[i], words[c]) - margin * (c in own)) for c in range(C)]
        if own:
            values.append(log(sum(map(exp, logits))) - np.mean([logits[c] for c in own]))
    assert loss(method, z, labels).item() == pytest.approx(np.mean(values), rel=1e-9)
    assert loss(method, 7 * z + 3, labels).item() == pytest.approx(np.mean(values), rel=1e-3)


def test_orthohash_at_orthogonal_centres():
    """Ten classes, 12 bits: log(1 + 9 exp(-scale (1 - margin)))."""
    method = made(OrthoHash, n_bits=12, n_classes=10, centres="hadamard")
    method.state_.eval()  # moving averages of 0 and 1: outputs stay as they are
    outputs = method.state_["centres"].words
    assert torch.equal(outputs @ outputs.T, 12 * torch.eye(10).double())
    assert loss(method, outputs, torch.arange(10)).item() == pytest.approx(0.014843, abs=1e-6)
    assert log1p(9 * exp(-8 * 0.8)) == pytest.approx(0.014843, abs=1e-6)


@both
def test_normalised_softmax_is_a_loop_over_proxies(labels):
    method, values = made(NormSoftmax, scale=5.0), []
    for i in range(N):
        logits = [5 * cosine(z[i].tolist(), p) for p in method.state_["proxies"].tolist()]
        own = classes_of(labels, i)
        if own:
            values.append(log(sum(map(exp, logits))) - np.mean([logits[c] for c in own]))
    assert loss(method, z, labels).item() == pytest.approx(np.mean(values), rel=1e-9)


@both
def test_proxy_anchor_is_a_loop_over_proxies_and_images(labels):
    method, pull, push = made(ProxyAnchor), [], []
    for c, proxy in enumerate(method.state_["proxies"].tolist()):
        similarity = [cosine(row, proxy) for row in z.tolist()]
        own = [s for i, s in enumerate(similarity) if c in classes_of(labels, i)]
        rest = [s for i, s in enumerate(similarity) if c not in classes_of(labels, i)]
        if own:
            pull.append(log1p(sum(exp(-32 * (s - 0.1)) for s in own)))
        push.append(log1p(sum(exp(32 * (s + 0.1)) for s in rest)))
    expected = np.mean(pull) + sum(push) / C
    assert loss(method, z, labels).item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("cls", "expected"),
    [
        (NormSoftmax, log1p(3 * exp(-8))),
        (ProxyAnchor, log1p(exp(-32 * 0.9)) + log1p(3 * exp(3.2))),
    ],
)
def test_outputs_on_orthogonal_proxies(cls, expected):
    method, proxies = made(cls, n_bits=C), torch.eye(C, dtype=torch.float64)
    method.state_["proxies"].data.copy_(3 * proxies)
    assert loss(method, proxies, torch.arange(C)).item() == pytest.approx(expected, rel=1e-9)
