"""Methods on graphs: AGH, SGH, IMH, DGH."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from hashbench.errors import InvalidInputError
from hashbench.methods.agh import AGH, eigenvectors, second_thresholds
from hashbench.methods.dgh import DGH, balanced, discrete_step, quality, rotation
from hashbench.methods.imh import IMH, between, laplacian, through_items
from hashbench.methods.sgh_graph import SGHGraph, transformed
from hashbench.numerics import anchor_graph, graph_rows, sign

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 4)).astype(np.float32)


def fitted(method, data=X, **params):
    return method(**{"n_bits": 6, "n_anchors": 30, "device": "cpu", **params}).fit(data)


def graph(s=3):
    """Z (n, m) of the anchor graph, and A = Z L^-1 Z'."""
    anchors = torch.from_numpy(X[:30])
    Z = graph_rows(*anchor_graph(torch.from_numpy(X), anchors, s)[:2], 30)
    A = Z.double().numpy()
    return Z, A / A.sum(0) @ A.T


def test_anchor_graph_eigenvectors_are_those_of_the_full_matrix():
    Z, A = graph()
    np.testing.assert_allclose(A.sum(1), 1, atol=1e-6)
    _, W, found = eigenvectors(Z, 5, 0.999)
    Y = Z.double().numpy() @ W.numpy()
    values, vectors = np.linalg.eigh(A)
    assert values[-1] == pytest.approx(1)
    assert 5 <= found < 30
    np.testing.assert_allclose(Y.T @ Y, 200 * np.eye(5), atol=1e-3)
    np.testing.assert_allclose(Y.sum(0), 0, atol=1e-3)
    np.testing.assert_allclose(np.abs(vectors[:, -2:-7:-1].T @ Y), np.sqrt(200) * np.eye(5), atol=1e-2)


def test_second_thresholds_are_where_the_cut_is_least():
    Z, A = graph()
    mass, W, _ = eigenvectors(Z, 3, 0.999)
    L = np.eye(200) - A
    for column in (Z.double() @ W).T:
        high, low = second_thresholds(column, Z.double(), mass).tolist()
        y = column.numpy()
        p, q = y > 0, y <= 0

        def cut(high, low, y=y, p=p):
            f = np.where(p, y - high, low - y)
            return f @ L @ f, f.sum()

        value, total = cut(high, low)
        assert total == pytest.approx(0, abs=1e-3), "balanced"
        for step in (-0.1, 0.1):  # the other balanced pairs of thresholds
            assert cut(high + step * q.sum() / 200, low + step * p.sum() / 200)[0] > value


def test_both_layers_share_their_first_bits():
    one, two = fitted(AGH, n_bits=3, layers=1).project(X), fitted(AGH, n_bits=5, layers=2).project(X)
    np.testing.assert_allclose(one, two[:, :3], rtol=1e-4, atol=1e-4)
    method = fitted(AGH, n_bits=6, layers=2)
    high, low = method.thresholds_.numpy()
    expected = np.where(one > 0, one > high, one < low)
    assert np.array_equal(method.project(X)[:, 3:] > 0, expected)


@pytest.mark.parametrize("method", [AGH, DGH])
def test_a_graph_in_two_parts_has_eigenvalue_1_twice(method):
    far = X + 1000 * (np.arange(200) % 2)[:, None]
    with pytest.raises(InvalidInputError, match=rf"{method.name()}: n_bits=\d+ needs .*has \d+"):
        fitted(method, far, n_nearest=1, n_bits=60)
    Z = graph_rows(*anchor_graph(torch.from_numpy(far), torch.from_numpy(far[:30]), 1)[:2], 30)
    assert eigenvectors(Z, 1, 0.999)[2] == 0, "with one anchor an item, all eigenvalues are 1"


def test_agh_refuses_three_layers():
    with pytest.raises(InvalidInputError, match="agh: layers=3 must be 1 or 2"):
        fitted(AGH, layers=3)


def test_feature_transformation_is_the_linearised_similarity():
    rows = torch.from_numpy(X / np.linalg.norm(X, axis=1, keepdims=True)).double()
    P, Q = transformed(rows, 2.0)
    product = (P @ Q.T).numpy()
    for i in range(5):
        for j in range(5):
            inner = float(rows[i] @ rows[j])
            line = (np.e - 1 / np.e) / 2 * inner + (np.e + 1 / np.e) / 2
            assert product[i, j] == pytest.approx(2 * np.exp(-1) * line - 1)
    opposite = transformed(torch.tensor([[0.6, 0.8], [-0.6, -0.8]]).double(), 2.0)
    np.testing.assert_allclose(  # the line meets exp at inner products of 1 and -1
        opposite[0] @ opposite[1].T, [[1, 2 * np.exp(-2) - 1], [2 * np.exp(-2) - 1, 1]], atol=1e-12
    )


def dense_problem(method):
    """K (n, m), its Gram matrix with the ridge, and the similarity S (n, n), every pair written out."""
    rows = (X - X.mean(0)).astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1).mean()
    distances = np.square(rows[:, None] - method.anchors_.numpy()).sum(2)
    K = np.exp(-distances / (2 * distances.mean()))
    K -= K.mean(0)
    P, Q = (part.numpy() for part in transformed(torch.from_numpy(rows), 2.0))
    inner = K.T @ K
    return K, inner + 1e-6 * np.trace(inner) / len(inner) * np.eye(len(inner)), P @ Q.T


def test_sgh_bits_equal_plain_loops():
    from scipy.linalg import eigh

    r, method = 4, fitted(SGHGraph, n_bits=4, n_anchors=10)
    K, inner, S = dense_problem(method)
    drawn = torch.Generator().manual_seed(0)
    torch.randperm(200, generator=drawn)
    codes = np.zeros((200, r))
    for bit in [*range(r), *torch.randperm(r, generator=drawn).tolist()]:
        codes[:, bit] = 0
        A = K.T @ (r * S - codes @ codes.T) @ K
        codes[:, bit] = np.sign(K @ eigh((A + A.T) / 2, inner)[1][:, -1])
    ours = sign(torch.from_numpy(method.project(X))).numpy()
    assert (np.abs((ours * codes).mean(0)) > 0.98).all()


def test_sgh_fits_the_similarity_of_all_pairs():
    method = fitted(SGHGraph)
    S = dense_problem(method)[2]
    H = sign(torch.from_numpy(method.project(X))).numpy()
    chance = rng.choice([-1.0, 1.0], H.shape)
    fit, random = (np.square(6 * S - codes @ codes.T).sum() for codes in (H, chance))
    assert fit < min(0.9 * np.square(6 * S).sum(), 0.7 * random)


def test_imh_matrices_equal_plain_loops():
    rows, anchors = torch.from_numpy(X), torch.from_numpy(X[:12])
    W, width = between(rows, anchors, 3)
    distances = np.square(X[:, None].astype(np.float64) - X[:12]).sum(2)
    assert width == pytest.approx(np.sqrt(np.sort(distances, axis=1)[:, 2]).mean() ** 2, rel=1e-4)
    plain = np.exp(-distances / width) * (distances.argsort(1).argsort(1) < 3)
    np.testing.assert_allclose(W, plain, atol=1e-4)
    normalised = plain / plain.sum(1, keepdims=True)
    np.testing.assert_allclose(through_items(W), np.diag(plain.sum(0)) - normalised.T @ plain, atol=1e-3)
    own = np.square(X[:12, None].astype(np.float64) - X[:12]).sum(2)
    bandwidth = np.sqrt(np.sort(own, axis=1)[:, 4]).mean() ** 2
    linked = np.exp(-own / bandwidth) * (own.argsort(1).argsort(1) < 5) * (1 - np.eye(12))
    linked = np.maximum(linked, linked.T)
    np.testing.assert_allclose(laplacian(anchors, 4), np.diag(linked.sum(1)) - linked, atol=1e-4)


def test_imh_base_points_keep_their_embedding():
    method = fitted(IMH, n_nearest=1)
    np.testing.assert_allclose(method.project(method.anchors_.numpy()), method.embedding_, atol=1e-5)


def test_imh_first_bit_separates_two_groups_that_just_touch():
    data = np.concatenate([X[:100] * 0.3 + [3, 0, 0, 1], X[100:] * 0.3 + [0, 3, 0, 1]]).astype(np.float32)
    bits = fitted(IMH, data, n_neighbours=18).project(data)[:, 0] > 0
    assert bits[:100].all() != bits[100:].any()


def test_imh_refuses_more_bits_than_base_points():
    with pytest.raises(InvalidInputError, match="imh: n_bits=40"):
        fitted(IMH, n_bits=40)


def test_discrete_graph_steps_never_lower_the_objective():
    Z, _ = graph()
    generator = torch.Generator().manual_seed(0)
    B = sign(torch.randn(200, 5, generator=generator))
    Y, rho = balanced(B, generator), 0.1
    values = [quality(B, Y, Z, rho)]
    for _ in range(4):
        for n_iter in (1, 300):
            B = discrete_step(B, Y, Z, rho, n_iter)
            values.append(quality(B, Y, Z, rho))
        Y = balanced(B, generator)
        values.append(quality(B, Y, Z, rho))
    assert all(after >= before - 1e-2 for before, after in pairwise(values))
    assert values[-1] > 1.2 * values[0]


def test_quality_and_the_fixed_point_equal_the_dense_graph():
    Z, A = graph()
    generator = torch.Generator().manual_seed(1)
    B = sign(torch.randn(200, 5, generator=generator))
    Y = balanced(B, generator)
    b, y = B.numpy(), Y.numpy()
    assert quality(B, Y, Z, 0.3) == pytest.approx(np.trace(b.T @ A @ b) + 0.3 * np.trace(b.T @ y), rel=1e-4)
    end = discrete_step(B, Y, Z, 0.0, 300).numpy()
    assert np.array_equal(end, np.where(A @ end > 0, 1, -1))


def test_balanced_codes_are_balanced_and_uncorrelated():
    generator = torch.Generator().manual_seed(0)
    B = sign(torch.randn(50, 4, generator=generator))
    B[:, 2], B[:, 3] = 1, B[:, 0]  # a constant bit, and one twice: rank 2
    Y = balanced(B, generator)
    np.testing.assert_allclose(Y.sum(0), 0, atol=1e-3)
    np.testing.assert_allclose(Y.T @ Y, 50 * np.eye(4), atol=1e-3)
    centred = (B - B.mean(0)).numpy()
    assert float((B * Y).sum()) == pytest.approx(
        np.sqrt(50) * np.linalg.svd(centred, compute_uv=False).sum(), rel=1e-4
    )


def test_rotated_start_lies_nearer_to_its_signs():
    H = torch.randn(80, 4, generator=torch.Generator().manual_seed(0))
    R = rotation(H, 20)
    np.testing.assert_allclose(R @ R.T, np.eye(4), atol=1e-5)
    assert (H @ R).abs().sum() > H.abs().sum()


@pytest.mark.parametrize(("rho", "best"), [(0.1, 0), (2.0, 1)])
def test_of_the_two_starts_the_codes_of_larger_quality_are_kept(monkeypatch, rho, best):
    starts, ends, ascend = [], [], DGH._ascend

    def recorded(self, Z, Y, generator):
        starts.append(Y)
        ends.append(ascend(self, Z, Y, generator))
        return ends[-1]

    monkeypatch.setattr(DGH, "_ascend", recorded)
    method = fitted(DGH, n_bits=3, rho=rho)
    assert starts[1].abs().sum() > starts[0].abs().sum(), "the second is rotated to its signs"
    assert ends[best][1] > ends[1 - best][1] + 10
    Z = graph_rows(*anchor_graph(torch.from_numpy(X), method.anchors_, 3)[:2], len(method.anchors_)).numpy()
    for m, column in enumerate(Z.T):
        bits = sum(w * codes for w, codes in zip(column, ends[best][0].numpy(), strict=True)) / column.sum()
        np.testing.assert_allclose(method.weights_[m], bits, atol=1e-4)


def test_new_items_get_the_mean_bit_of_their_anchors():
    method = fitted(DGH, n_bits=3)
    indices, weights, _ = anchor_graph(torch.from_numpy(X), method.anchors_, 3)
    Z = graph_rows(indices, weights, len(method.anchors_)).numpy()
    values = method.project(X)
    np.testing.assert_allclose(values, Z @ method.weights_.numpy(), atol=1e-5)
    codes = np.where(values > 0, 1, -1)
    # The learned bits are a fixed point, or nearly: the anchors' means of the new codes are theirs.
    means = Z.T @ codes / Z.sum(0)[:, None]
    assert np.abs(means - method.weights_.numpy()).mean() < 0.1
