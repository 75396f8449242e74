"""SSH and SPLH of Wang, Kumar and Chang; MLH; supervised BRE."""

from itertools import product

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from hashbench.errors import InvalidInputError
from hashbench.methods.bre_sup import BRE, best_weight
from hashbench.methods.mlh import MLH, hinge_losses, surrogate_ascent, worst_codes
from hashbench.methods.splh import SPLH, corrected
from hashbench.methods.ssh_wang import SSH, pairwise_agreement

rng = np.random.default_rng(0)
y = np.arange(90) % 3
X = (3 * np.eye(6)[y] + rng.normal(size=(90, 6))).astype(np.float32)
half = np.where(np.arange(90) % 2, -1, y)
several = np.stack([y == 0, y <= 1, y == 2], 1).astype(np.float32)
several[::2] = -1


def fitted(cls, n_bits=4, labels=y, **params):
    return cls(n_bits=n_bits, device="cpu", **params).fit(X, labels)


def signs(method):
    return np.where(method.project(X) > 0, 1.0, -1.0)


@pytest.mark.parametrize("cls", [SSH, SPLH, MLH, BRE])
def test_codes_are_near_within_a_class_and_far_between(cls):
    codes = signs(fitted(cls))
    distance = (codes[:, None] != codes).sum(2)
    same = y[:, None] == y
    assert distance[same].mean() < 0.8 * distance[~same].mean()


@pytest.mark.parametrize("labels", [y, np.maximum(several, 0)], ids=["classes", "multi-hot"])
def test_agreement_of_pairs_equals_the_sum_over_all_of_them(labels):
    hot = np.eye(3)[labels] if labels.ndim == 1 else labels
    S = np.where(hot @ hot.T > 0, 1.0, -1.0)
    np.fill_diagonal(S, 0)
    found = pairwise_agreement(torch.from_numpy(X), torch.from_numpy(labels))
    np.testing.assert_allclose(found, X.T.astype(float) @ S @ X / 90, rtol=1e-4)


ORTHOGONAL = [(SSH, {}), (SPLH, {"deflation": True})]


@pytest.mark.parametrize(("cls", "params"), ORTHOGONAL)
def test_with_all_weight_on_the_variance_the_directions_are_principal_components(cls, params):
    directions = fitted(cls, eta=1e6, **params).directions_.numpy()
    np.testing.assert_allclose(np.abs(PCA(4).fit(X).components_ @ directions), np.eye(4), atol=0.01)


@pytest.mark.parametrize(("cls", "params"), ORTHOGONAL)
@pytest.mark.parametrize("labels", [half, several], ids=["classes", "multi-hot"])
def test_directions_of_some_labels_are_orthonormal_and_use_those_of_no_other(cls, params, labels):
    directions = fitted(cls, labels=labels, **params).directions_.numpy()
    np.testing.assert_allclose(directions.T @ directions, np.eye(4), atol=1e-5)
    all_known = fitted(cls, labels=y, **params).directions_.numpy()
    assert np.abs(directions - all_known).max() > 0.01


@pytest.mark.parametrize(("cls", "params"), ORTHOGONAL)
def test_more_orthogonal_bits_than_features(cls, params):
    with pytest.raises(InvalidInputError, match="n_bits=7"):
        fitted(cls, 7, **params)


def test_splh_without_deflation_mends_pairs_that_the_earlier_bits_got_wrong():
    def wrong(alpha):
        codes = signs(fitted(SPLH, 12, alpha=alpha))
        return ((codes @ codes.T > 0) != (y[:, None] == y)).mean()

    assert wrong(1.0) < wrong(0.0)  # without a correction all bits are the same


def test_splh_corrects_pairs_of_the_wrong_sign_only():
    S = torch.tensor([[0.0, 1.0, -1.0], [1.0, 0.0, -1.0], [-1.0, -1.0, 0.0]])
    found = corrected(S, torch.tensor([2.0, -3.0, 1.0]), 0.5)
    assert found.tolist() == [[0, 1 + 3, -1 - 1], [1 + 3, 0, -1], [-1 - 1, -1, 0]]


def test_mlh_losses_at_each_distance():
    dissimilar, similar = hinge_losses(6, 2)
    assert similar.tolist() == pytest.approx([max(m - 1, 0) / 5 for m in range(7)])
    assert dissimilar.tolist() == pytest.approx([max(3 - m, 0) / 3 for m in range(7)])


def test_mlh_worst_codes_against_all_pairs_of_codes_and_the_bound_they_give():
    generator = torch.Generator().manual_seed(0)
    s, t = torch.randn(2, 40, 3, generator=generator)
    losses = hinge_losses(3, 1)[torch.arange(40) % 2]
    u, v = worst_codes(s, t, losses)
    for i in range(40):

        def value(a, b, i=i):
            return float(a @ s[i] + b @ t[i] + losses[i, int((a != b).sum())])

        codes = [torch.tensor(bits) for bits in product((-1.0, 1.0), repeat=3)]
        assert value(u[i], v[i]) == pytest.approx(max(value(a, b) for a in codes for b in codes), abs=1e-5)
        true = losses[i, int(((s[i] > 0) != (t[i] > 0)).sum())]
        assert value(u[i], v[i]) - float(s[i].abs().sum() + t[i].abs().sum()) >= float(true) - 1e-5


def test_mlh_step_is_the_gradient_of_the_surrogate():
    generator = torch.Generator().manual_seed(1)
    W = torch.randn(4, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    A, B = torch.randn(2, 10, 4, generator=generator, dtype=torch.float64)
    losses = hinge_losses(3, 1).double()[torch.arange(10) % 2]
    s, t = A @ W, B @ W
    u, v = worst_codes(s.detach(), t.detach(), losses)
    surrogate = (u * s + v * t).sum(1) - s.abs().sum(1) - t.abs().sum(1)
    surrogate.mean().backward()
    np.testing.assert_allclose(-W.grad, surrogate_ascent(W.detach(), A, B, losses), atol=1e-12)


def test_mlh_leaves_a_similar_pair_of_one_item_alone():
    item = torch.randn(1, 4, generator=torch.Generator().manual_seed(0))
    W = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    assert not surrogate_ascent(W, item, item, hinge_losses(3, 2)[[1]]).any()


@pytest.fixture
def mlh_steps(monkeypatch):
    """What the steps of a fit are given, and the ascent that they get."""
    steps = []

    def recorded(*given):
        steps.append((*given, surrogate_ascent(*given)))
        return steps[-1][-1]

    monkeypatch.setattr("hashbench.methods.mlh.surrogate_ascent", recorded)
    return steps


def test_mlh_ascends_with_momentum_a_falling_rate_and_shrinkage_of_all_but_the_offsets(mlh_steps):
    method = fitted(MLH, n_epochs=4, n_pairs=60, batch=20, rate=0.5, momentum=0.8, shrinkage=0.3)
    weights = [step[0].double().numpy() for step in mlh_steps] + [method.weights_.double().numpy()]
    assert len(weights) == 4 * 3 + 1
    moved = np.zeros((7, 4))
    for t, (*_, ascent) in enumerate(mlh_steps):
        rate = 0.5 * (1, 0.75, 0.5, 0.25)[t // 3]
        for i, k in product(range(7), range(4)):
            shrunk = 0.3 * weights[t][i, k] if i < 6 else 0
            moved[i, k] = 0.8 * moved[i, k] + rate * (float(ascent[i, k]) - shrunk)
        np.testing.assert_allclose(weights[t + 1] - weights[t], moved, atol=1e-5)
    assert np.abs(weights[-2][6]).max() > 0.01, "offsets that could shrink"


@pytest.mark.parametrize("labels", [y, np.maximum(several, 0)], ids=["classes", "multi-hot"])
@pytest.mark.parametrize("positive", [0.0, 0.5, 1.0])
def test_mlh_draws_at_least_its_share_of_similar_pairs_and_the_rest_among_all(mlh_steps, positive, labels):
    method = fitted(MLH, labels=labels, n_epochs=1, n_pairs=1000, positive=positive)
    rows, losses = (X - method.mean_.numpy()) / float(method.scale_), hinge_losses(4, 1)
    hot = np.eye(3)[labels] if labels.ndim == 1 else labels
    shares = []
    for _, left, right, given, _ in mlh_steps:
        a, b = (np.abs(side[:, None, :6].numpy() - rows).max(2).argmin(1) for side in (left, right))
        similar = (hot[a] * hot[b]).any(1)
        assert torch.equal(given, losses[torch.from_numpy(similar).long()])
        shares.append(similar.mean())
    assert min(shares) >= positive
    among_all = (hot @ hot.T > 0).mean()
    assert np.mean(shares) == pytest.approx(positive + (1 - positive) * among_all, abs=0.06)


def test_mlh_distance_out_of_range():
    with pytest.raises(InvalidInputError, match="rho=5"):
        fitted(MLH, rho=5)


def cost_of(w, column, rest, left, right, cost):
    bits = rest + w * column > 0
    return float(cost[bits[left] != bits[right]].sum())


@pytest.mark.parametrize("seed", range(8))
def test_bre_weight_is_the_best_of_a_fine_grid(seed):
    generator = torch.Generator().manual_seed(seed)
    column, rest = torch.randn(2, 8, generator=generator, dtype=torch.float64)
    column[3] = 0  # never flips
    left = torch.arange(8).repeat(3)
    right = (left + torch.randint(1, 8, (24,), generator=generator)) % 8
    cost = torch.randn(24, generator=generator, dtype=torch.float64)
    given = column, rest, left, right, cost
    now = torch.randn((), generator=generator, dtype=torch.float64)
    found = cost_of(best_weight(now, *given), *given)
    grid = torch.cat([now[None], torch.linspace(-100, 100, 20_001, dtype=torch.float64)])
    bits = rest[:, None] + column[:, None] * grid > 0
    assert found <= float((cost @ (bits[left] != bits[right]).double()).min()) + 1e-9


def test_bre_keeps_its_weight_where_nothing_is_better():
    one, cost = torch.ones(2, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    now = torch.tensor(0.3, dtype=torch.float64)
    pair = torch.tensor([0]), torch.tensor([1])
    assert best_weight(now, one, one, *pair, cost) == now
    assert best_weight(now, 0 * one, one, *pair, cost) == now


def test_bre_comes_nearer_to_its_distances_with_more_sweeps():
    target = (y[:, None] != y).astype(float)

    def error(n_sweeps):
        codes = signs(fitted(BRE, 8, n_sweeps=n_sweeps, partners=1.0))
        return np.square((codes[:, None] != codes).mean(2) - target).sum()

    assert error(20) < error(1) < error(0)
