"""Losses with centres or classifiers against loops: DCWH, DHD, HHF, HyP2, JMLH, MDSHC."""

import math

import numpy as np
import pytest
import torch

from hashbench.methods.dcwh import DCWH
from hashbench.methods.dhd import DHD, kernel_error
from hashbench.methods.hhf import HHF
from hashbench.methods.hyp2 import HyP2
from hashbench.methods.jmlh import JMLH, from_coins
from hashbench.methods.mdshc import MDSHC
from hashbench.numerics import codewords
from hashbench.training import Batch, Epoch, TrainingData, classification_loss

N, K, C = 7, 6, 3
SINGLE = torch.tensor([0, 1, 2, 1, 0, 2, 1])
MULTI = torch.tensor([[1.0, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 1], [1, 1, 0], [0, 0, 1], [0, 1, 0]])
both_labels = pytest.mark.parametrize("labels", [SINGLE, MULTI], ids=["classes", "multi-hot"])


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def batch(labels, progress=0.0):
    return Batch(labels, torch.arange(len(labels)), progress)


def classes_of(labels):
    """The classes of each image, as lists."""
    if labels.ndim == 1:
        return [[int(c)] for c in labels]
    return [[c for c in range(C) if row[c]] for row in labels]


def prepared(method, labels):
    torch.manual_seed(0)
    method.state_ = method.make_state(TrainingData(labels, C)).double()
    return method


def cosine(a, b):
    return float((a @ b / (a.norm() * b.norm())).detach())


def softmax(logits):
    values = [math.exp(v) for v in logits]
    return [v / sum(values) for v in values]


ZETA = 1 - 2 * 4 / 6  # of 3 words with 6 bits: two dimensions, at most 4 bits apart


@both_labels
def test_hyp2_is_a_loop_over_images_proxies_and_pairs(labels):
    method = prepared(HyP2(n_bits=K, beta=0.7), labels)
    z, (proxies,), classes = draw(N, K), method.state_, classes_of(labels)
    near, far, apart = [], [], []
    for i in range(N):
        for c in range(C):
            value = cosine(z[i], proxies[c])
            (near if c in classes[i] else far).append(1 - value if c in classes[i] else max(0, value - ZETA))
        for j in range(N):
            if min(len(classes[i]), len(classes[j])) > 1 and not set(classes[i]) & set(classes[j]):
                apart.append(max(0, cosine(z[i], z[j]) - ZETA))
    expected = np.mean(near) + np.mean(far) + 0.7 * (np.mean(apart) if apart else 0)
    assert method.loss(z, batch(labels)).item() == pytest.approx(expected, rel=1e-9)


def test_hyp2_compares_images_of_several_classes_that_share_none():
    labels = torch.tensor([[1.0, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 0]])
    z = torch.ones(3, K)
    method = HyP2(n_bits=K, beta=1.0)
    method.state_ = method.make_state(TrainingData(labels, 4))
    without = HyP2(n_bits=K, beta=0.0)
    without.state_ = method.state_
    term = method.loss(z, batch(labels)) - without.loss(z, batch(labels))
    assert term.item() == pytest.approx(1 - ZETA, rel=1e-5)


@pytest.mark.parametrize("cls", [HyP2, HHF])
def test_outputs_at_codewords_that_are_the_proxies_cost_nothing(cls):
    words = codewords(10, 12).double()
    method, labels = cls(n_bits=12), torch.arange(20) % 10
    method.state_ = torch.nn.ParameterList([words])
    assert method.loss(words[labels], batch(labels)).item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    "labels", [SINGLE, MULTI, SINGLE % 2], ids=["classes", "multi-hot", "a class without images"]
)
def test_hhf_is_a_loop_over_proxies(labels):
    """The pull is a mean over the classes that the batch has, the push over all."""
    method = prepared(HHF(n_bits=K, scale=3.0, quantization=0.1), labels)
    z, (proxies,), classes = draw(N, K), method.state_, classes_of(labels)
    pull, push = [], []
    for c in range(C):
        values = [(c in classes[i], cosine(z[i], proxies[c])) for i in range(N)]
        if any(own for own, _ in values):
            pull.append(math.log(1 + sum(math.exp(3 * max(0, 0.8 - v)) - 1 for own, v in values if own)))
        push.append(
            math.log(1 + sum(math.exp(3 * max(0, v - ZETA - 0.2)) - 1 for own, v in values if not own))
        )
    quantization = sum((abs(float(v)) - 1) ** 2 for row in z for v in row)
    expected = np.mean(pull) + np.mean(push) + 0.1 * quantization
    assert method.loss(z, batch(labels)).item() == pytest.approx(expected, rel=1e-9)


@both_labels
@pytest.mark.parametrize("progress", [0.0, 0.5])
def test_mdshc_classifies_by_centres_and_later_draws_pairs_together(labels, progress):
    method = prepared(MDSHC(n_bits=K), labels)
    z, classes = draw(N, K), classes_of(labels)
    u = torch.tanh((z - z.mean(dim=0)) / (z.var(dim=0, correction=0) + 1e-5).sqrt())
    values = []
    for i in range(N):
        q = softmax([math.sqrt(K) * cosine(u[i], centre) for centre in method.state_.centres])
        values += [-math.log(p if c in classes[i] else 1 - p + 1e-6) for c, p in enumerate(q)]
    pairs = [
        math.log(1 + math.exp((1 - cosine(u[i], u[j])) / 2))
        for i in range(N)
        for j in range(N)
        if i != j and set(classes[i]) & set(classes[j])
    ]
    expected = np.mean(values) + 1e-4 * float((u.abs() - 1).square().mean())
    expected += np.mean(pairs) if progress else 0
    assert method.loss(z, batch(labels, progress)).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("n_bits", "least"), [(12, 5), (16, 6), (24, 10), (32, 13), (48, 21), (64, 28)])
def test_mdshc_has_centres_as_far_apart_as_the_bound_asks(n_bits, least):
    centres = MDSHC(n_bits=n_bits).make_state(TrainingData(torch.arange(10), 10)).centres
    distances = (n_bits - centres @ centres.T) / 2
    distances.fill_diagonal_(n_bits)
    assert distances.min() >= least


@both_labels
@pytest.mark.parametrize("progress", [0.0, 0.5])
def test_dcwh_is_a_mixture_around_class_means_within_a_cube(labels, progress):
    method = prepared(DCWH(n_bits=K, vertex=0.3), labels)
    z, classes = draw(N, K), classes_of(labels)
    means = draw(C, K, seed=1)
    method.state_.means.copy_(means)
    values = []
    for i in range(N):
        q = softmax([-float((z[i] - mean).square().sum()) / 2 for mean in means])
        values.append(np.mean([-math.log(q[c]) for c in classes[i]]))
    cubic = [sum(max(0, abs(float(v)) - 1.1) for v in row) for row in z]
    vertex = [sum((abs(float(v)) - 1) ** 2 for v in row) for row in z]
    expected = np.mean(values) + 10 * np.mean(cubic) + (0.3 * np.mean(vertex) if progress else 0)
    assert method.loss(z, batch(labels, progress)).item() == pytest.approx(expected, rel=1e-6)


@both_labels
def test_dcwh_takes_the_means_of_all_images_of_a_class(labels):
    method = DCWH(n_bits=K)
    method.state_ = method.make_state(TrainingData(labels, C + 1))
    untouched, U = method.state_.means[C].clone(), draw(N, K).float()
    epoch = Epoch(labels, 0.0, torch.Generator(), lambda: U, lambda: U)
    if labels.ndim == 2:
        epoch = Epoch(torch.nn.functional.pad(labels, (0, 1)), 0.0, torch.Generator(), lambda: U, lambda: U)
    method.refresh(epoch)
    for c in range(C):
        members = [i for i in range(N) if c in classes_of(labels)[i]]
        torch.testing.assert_close(method.state_.means[c], U[members].mean(dim=0))
    assert torch.equal(method.state_.means[C], untouched)


@both_labels
def test_jmlh_classifies_bits_that_are_drawn_and_passes_the_gradient_of_their_probability(labels):
    method, z = prepared(JMLH(n_bits=K), labels), draw(N, K).requires_grad_()
    torch.manual_seed(3)
    method.loss(z, batch(labels)).backward()
    torch.manual_seed(3)
    bits = (z.sigmoid() > torch.rand(N, K, dtype=torch.float64)).double().requires_grad_()
    classification_loss(method.state_(bits), batch(labels)).backward()
    q = z.detach().sigmoid()
    expected = q * (1 - q) * (bits.grad + 0.1 * z.detach() / N)  # dKL/dq = logit(q)
    np.testing.assert_allclose(z.grad, expected, rtol=1e-6)


def test_jmlh_has_the_divergence_from_fair_coins():
    z = draw(4, K)
    values = [
        sum(q * math.log(2 * q) + (1 - q) * math.log(2 - 2 * q) for q in row) for row in z.sigmoid().tolist()
    ]
    assert from_coins(z).item() == pytest.approx(np.mean(values))
    assert from_coins(torch.zeros(3, K)) == 0
    assert from_coins(torch.full((3, K), 100.0)).item() == pytest.approx(K * math.log(2))


@both_labels
def test_dhd_classifies_weak_views_and_makes_strong_ones_follow(labels):
    method = prepared(DHD(n_bits=K), labels)
    z, classes = draw(2 * N, K).requires_grad_(), classes_of(labels)
    u = torch.tanh(torch.nn.functional.layer_norm(z, (K,))).detach()
    values, apart, errors = [], [], []
    for i in range(N):
        q = softmax([cosine(u[i], proxy) / 0.2 for proxy in method.state_.proxies])
        values.append(np.mean([-math.log(q[c]) for c in classes[i]]))
        apart.append(1 - cosine(u[i], u[i + N]))
        for v in u[i].tolist():
            above, below = (math.exp(-(((v - side) / 0.5) ** 2) / 2) for side in (1, -1))
            own, other = (above, below) if v > 0 else (below, above)
            errors.append(-math.log(own) - math.log(1 - other))
    expected = np.mean(values) + 0.1 * np.mean(apart) + 0.1 * np.mean(errors)
    twice = torch.cat([labels, labels])
    value = method.loss(z, Batch(twice, torch.arange(N).repeat(2), 0.0))
    assert value.item() == pytest.approx(expected, rel=1e-9)
    method.set_params(distillation=0.0).loss(z, Batch(twice, torch.arange(N).repeat(2), 0.0)).backward()
    assert not z.grad[N:].any()


def test_dhd_asks_nearly_nothing_of_bits():
    bits = torch.tensor([[1.0, -1, 1, -1]], dtype=torch.float64)
    assert kernel_error(bits).item() == pytest.approx(-math.log(1 - math.exp(-8)))
    assert kernel_error(0 * bits) > 2
