from itertools import pairwise

import numpy as np
import pytest
import torch

from hashbench.errors import InvalidInputError
from hashbench.numerics import anchor_graph, graph_mean, graph_rows, kmeans, nearest, unit_rows

rng = np.random.default_rng(0)
X = torch.from_numpy(rng.normal(size=(60, 3)).astype(np.float32))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def plain_kmeans(points, centres, n_iter):
    """Lloyd's algorithm in loops; an empty centre takes the farthest point left."""
    for _ in range(n_iter):
        distances = np.square(points[:, None] - centres).sum(2)
        own, order = distances.argmin(1), np.argsort(-distances.min(1), kind="stable").tolist()
        centres = centres.copy()
        for j in range(len(centres)):
            centres[j] = points[own == j].mean(0) if (own == j).any() else points[order.pop(0)]
    return centres, np.square(points[:, None] - centres).sum(2).argmin(1)


@pytest.mark.parametrize("rows", [7, 8192])
def test_kmeans_equals_plain_loops(monkeypatch, rows):
    monkeypatch.setattr("hashbench.numerics.clustering.ROWS", rows)
    start, _ = kmeans(X, 6, 0, seeded())
    centres, member = kmeans(X, 6, 4, seeded())
    expected, own = plain_kmeans(X.double().numpy(), start.double().numpy(), 4)
    np.testing.assert_allclose(centres, expected, atol=1e-5)
    assert np.array_equal(member, own)


def test_empty_centres_move_to_the_farthest_rows():
    points = torch.tensor([[0.0], [0.0], [0.0], [0.0], [0.0], [0.0], [9.0], [5.0]])
    seeds = [seed for seed in range(40) if kmeans(points, 3, 0, seeded(seed))[0].abs().sum() == 0]
    assert seeds, "some start has its three centres at zero"
    for seed in seeds:
        assert set(kmeans(points, 3, 1, seeded(seed))[0].flatten().tolist()) == {14 / 8, 9.0, 5.0}
        centres, member = kmeans(points, 3, 5, seeded(seed))
        assert set(centres.flatten().tolist()) == {0.0, 9.0, 5.0}
        assert torch.equal(centres[member], points)


def test_kmeans_lowers_the_error_and_ends_at_means():
    errors = [float(nearest(X, kmeans(X, 5, n, seeded(1))[0])[0].sum()) for n in range(8)]
    assert all(after <= before + 1e-4 for before, after in pairwise(errors))
    assert errors[-1] < 0.9 * errors[0]


def test_fewer_rows_than_centres():
    centres, member = kmeans(X[:4], 9, 3, seeded())
    assert len(centres) == 4
    assert torch.equal(centres[member], X[:4])
    with pytest.raises(InvalidInputError, match="n_anchors=0"):
        kmeans(X, 0, 3, seeded())


@pytest.mark.parametrize("sigma_squared", [None, 0.3])
def test_anchor_graph_equals_plain_loops(monkeypatch, sigma_squared):
    monkeypatch.setattr("hashbench.numerics.clustering.ROWS", 7)
    anchors = X[:8] + 0.1
    indices, weights, width = anchor_graph(X, anchors, 3, sigma_squared)
    distances = np.square(X.numpy()[:, None].astype(np.float64) - anchors.numpy()).sum(2)
    order = np.argsort(distances, axis=1)[:, :3]
    assert np.array_equal(indices, order)
    expected = sigma_squared or np.sqrt(np.sort(distances, axis=1)[:, 2]).mean() ** 2
    assert width == pytest.approx(expected, rel=1e-4)
    Z = np.zeros((60, 8))
    for i in range(60):
        for j in order[i]:
            Z[i, j] = np.exp(-distances[i, j] / expected)
    Z /= Z.sum(1, keepdims=True)
    np.testing.assert_allclose(graph_rows(indices, weights, 8), Z, atol=1e-5)
    values = rng.normal(size=(8, 4)).astype(np.float32)
    np.testing.assert_allclose(graph_mean(indices, weights, torch.from_numpy(values)), Z @ values, atol=1e-5)


def test_a_row_far_from_all_anchors_has_weights_all_the_same():
    _, weights, _ = anchor_graph(1000 + X, X[:5], 2, 0.01)
    np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-6)


def test_items_that_are_their_own_anchors():
    indices, weights, width = anchor_graph(X, X, 1)
    assert torch.equal(indices[:, 0], torch.arange(60))
    assert width > 0
    assert torch.equal(weights, torch.ones(60, 1))


@pytest.mark.parametrize("s", [0, 6])
def test_more_nearest_anchors_than_anchors(s):
    with pytest.raises(InvalidInputError, match=f"n_nearest={s} .* 5 anchors"):
        anchor_graph(X, X[:5], s)


def test_unit_rows():
    rows = unit_rows(torch.cat([X, torch.zeros(1, 3)]))
    np.testing.assert_allclose(rows[:-1].norm(dim=1), 1, rtol=1e-6)
    assert not rows[-1].any()
    np.testing.assert_allclose(rows[:-1] * X.norm(dim=1, keepdim=True), X, rtol=1e-5)
