"""Losses of pairs and triplets against loops: DNNH, DQN's cosines, HSWD, IDHN, MMHH."""

import math

import numpy as np
import pytest
import torch

from hashbench.methods.dnnh import DNNH, Slices
from hashbench.methods.dqn_cos import DQNCosine
from hashbench.methods.hswd import HSWD, distance_to_coins
from hashbench.methods.idhn import IDHN
from hashbench.methods.mmhh import MMHH, student_nll
from hashbench.training import Batch, TrainingData, mean_of_pairs, pair_nll, same_label

N, K = 8, 5
SINGLE = torch.arange(N) % 3
MULTI = torch.tensor(
    [[1.0, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 0], [1, 1, 1], [0, 0, 1], [0, 0, 1], [0, 1, 0]]
)
both_labels = pytest.mark.parametrize("labels", [SINGLE, MULTI], ids=["classes", "multi-hot"])


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def batch(labels):
    return Batch(labels, torch.arange(len(labels)), 0.0)


def shares(labels, i, j):
    return bool(labels[i] == labels[j] if labels.ndim == 1 else (labels[i] * labels[j]).any())


def cosine(a, b):
    length = math.hypot(*a) * math.hypot(*b)
    return sum(float(x * y) for x, y in zip(a, b, strict=True)) / length if length else 0.0


PAIRS = [(i, j) for i in range(N) for j in range(N) if i != j]


@both_labels
def test_dqn_regresses_cosines(labels):
    z = 2 * draw(N, K)
    errors = [((1 if shares(labels, i, j) else -1) - cosine(z[i], z[j])) ** 2 for i, j in PAIRS]
    quantization = [sum((abs(float(v)) - 1) ** 2 for v in row) for row in z]
    expected = np.mean(errors) + 0.3 * np.mean(quantization)
    assert DQNCosine(n_bits=K, eta=0.3).loss(z, batch(labels)).item() == pytest.approx(expected, rel=1e-9)


def test_dqn_at_equiangular_classes_is_what_dissimilar_pairs_cannot_reach():
    C = 4
    corners = torch.eye(C, dtype=torch.float64) - 1 / C
    labels = torch.arange(12) % C
    share = 1 - 2 / 11  # of dissimilar pairs
    value = DQNCosine(n_bits=C, eta=0.0).loss(corners[labels], batch(labels)).item()
    assert value == pytest.approx(share * (1 - 1 / (C - 1)) ** 2)


@both_labels
def test_idhn_has_a_likelihood_for_sure_pairs_and_an_error_between(labels):
    z = 2 * draw(N, K)
    u = [[float(v) / (1 + abs(float(v))) for v in row] for row in z]
    values = []
    for i, j in PAIRS:
        similarity = cosine(labels[i], labels[j]) if labels.ndim == 2 else float(shares(labels, i, j))
        inner = float(np.dot(u[i], u[j]))
        if 0.01 <= similarity <= 0.99:
            values.append(0.1 * K * ((inner + K) / (2 * K) - similarity) ** 2)
        else:
            values.append(math.log(1 + math.exp(5 * inner / K)) - similarity * 5 * inner / K)
    expected = np.mean(values) + 0.1 * np.mean([abs(abs(v) - 1) for row in u for v in row])
    assert IDHN(n_bits=K).loss(z, batch(labels)).item() == pytest.approx(expected, rel=1e-6)


def test_idhn_on_single_labels_is_a_logistic_pair_loss():
    z, u = draw(N, K), torch.nn.functional.softsign(draw(N, K))
    expected = mean_of_pairs(pair_nll(5 * u @ u.T / K, same_label(SINGLE)))
    assert IDHN(n_bits=K, eta=0.0, gamma=7.0).loss(z, batch(SINGLE)).item() == pytest.approx(expected.item())


@both_labels
def test_mmhh_weighs_pairs_by_kind_and_by_the_ball(labels):
    z, gamma, radius = draw(N, K), 1.5, 2.0
    u = torch.tanh(z)
    kinds = {True: [], False: []}
    inside = 0
    for i, j in PAIRS:
        d = K / 2 * (1 - cosine(u[i], u[j]))
        q, similar = gamma / (2 * (gamma + d)), shares(labels, i, j)
        inside += d <= radius
        weight = {True: 0.5, False: 0.8}[similar] if d <= radius else 1
        kinds[similar].append(-weight * math.log(q if similar else 1 - q))
    assert 0 < inside < len(PAIRS)
    to_bits = [sum(math.log(math.cosh(abs(float(v)) - 1)) for v in row) for row in u]
    expected = sum(np.mean(kind) for kind in kinds.values()) + 0.2 * np.mean(to_bits)
    method = MMHH(n_bits=K, gamma=gamma, radius=radius, quantization=0.2)
    assert method.loss(z, batch(labels)).item() == pytest.approx(expected, rel=1e-6)


def test_mmhh_is_the_cauchy_loss_of_similar_pairs_plus_a_constant_and_is_finite_at_0():
    d = torch.linspace(0, 20, 9, dtype=torch.float64)
    similar = torch.ones(9, dtype=torch.bool)
    np.testing.assert_allclose(student_nll(d, similar, 3.0), math.log(2) + np.log1p(d.numpy() / 3))
    assert student_nll(torch.zeros(1), torch.tensor([False]), 3.0).item() == pytest.approx(math.log(2))


@both_labels
def test_hswd_is_a_balanced_pair_loss_and_a_sorted_distance(labels):
    z = draw(N, K)
    u = torch.tanh(z)
    kinds = {True: [], False: []}
    for i, j in PAIRS:
        theta, similar = 0.1 * float(u[i] @ u[j]), shares(labels, i, j)
        kinds[similar].append(math.log(1 + math.exp(theta)) - similar * theta)
    columns = [sorted(z[:, k].tolist()) for k in range(K)]
    distance = [(v - (-1 if i < N / 2 else 1)) ** 2 for column in columns for i, v in enumerate(column)]
    expected = sum(np.mean(kind) for kind in kinds.values()) + 0.3 * np.mean(distance)
    assert HSWD(n_bits=K, matching=0.3).loss(z, batch(labels)).item() == pytest.approx(expected, rel=1e-9)


def test_hswd_asks_nothing_of_balanced_bits_and_draws_a_constant_one_apart():
    bits = torch.tensor([[1.0, -1], [-1, -1], [1, 1], [-1, 1]])
    assert distance_to_coins(bits) == 0
    assert distance_to_coins(torch.ones(4, 2)) == 2
    assert distance_to_coins(torch.tensor([[1.0], [0], [-1]])) == 0


@both_labels
def test_dnnh_is_a_loop_over_triplets_of_slices(labels):
    torch.manual_seed(0)
    method = DNNH(n_bits=3, slice_width=4, margin=1.5)
    method.state_ = method.make_state(TrainingData(labels, 3)).double()
    z = draw(N, 12)
    weight, bias = method.state_.weight.tolist(), method.state_.bias.tolist()
    h = [
        [
            1 / (1 + math.exp(-bias[k] - sum(weight[k][f] * max(0, float(row[4 * k + f])) for f in range(4))))
            for k in range(3)
        ]
        for row in z
    ]
    d = [[sum((a - b) ** 2 for a, b in zip(h[i], h[j], strict=True)) for j in range(N)] for i in range(N)]
    values = [
        max(0, 1.5 + d[q][p] - d[q][n])
        for q, p in PAIRS
        for n in range(N)
        if shares(labels, q, p) and not shares(labels, q, n)
    ]
    assert method.loss(z, batch(labels)).item() == pytest.approx(np.mean(values), rel=1e-9)
    collapsed = method.loss(z[:1].expand(N, -1), batch(labels))
    assert collapsed.item() == pytest.approx(1.5)


def test_dnnh_reads_each_bit_from_its_own_slice_and_starts_balanced():
    torch.manual_seed(0)
    layer, z = Slices(6, 50), draw(4000, 300).float()
    values = layer(z)
    changed = z.clone()
    changed[:, 100:150] += 1
    moved = (layer(changed) != values).any(dim=0)
    assert moved.tolist() == [False, False, True, False, False, False]
    assert values.mean(dim=0).abs().max() < 0.1
    assert values.std(dim=0).mean().item() == pytest.approx(1, abs=0.1)
