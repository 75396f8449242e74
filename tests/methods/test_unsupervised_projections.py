"""PCA-RR, SKLSH, KLSH, spherical and isotropic hashing."""

import numpy as np
import pytest
import torch

from hashbench.errors import InvalidInputError
from hashbench.methods.isohash import IsoHash, isotropic
from hashbench.methods.itq import ITQ
from hashbench.methods.klsh import KLSH
from hashbench.methods.pca_rr import PCARR
from hashbench.methods.pcah import PCAH
from hashbench.methods.sklsh import SKLSH
from hashbench.methods.spherical import SpH, moved, overlaps, radii

rng = np.random.default_rng(0)
X = (rng.laplace(size=(300, 10)) * np.linspace(1, 3, 10)).astype(np.float32)


def fitted(method, data=X, **params):
    return method(**{"n_bits": 6, "device": "cpu", **params}).fit(data)


def test_pca_rr_is_itq_without_iterations():
    np.testing.assert_allclose(fitted(PCARR).project(X), fitted(ITQ, n_iter=0).project(X), atol=1e-4)


def test_pca_rr_keeps_the_distances_of_principal_components():
    rotated, plain = fitted(PCARR).project(X), fitted(PCAH).project(X)
    np.testing.assert_allclose(rotated @ rotated.T, plain @ plain.T, rtol=1e-3, atol=1e-2)
    assert not np.array_equal(rotated > 0, plain > 0)


def test_sklsh_bits_differ_as_the_kernel_says():
    method = fitted(SKLSH, n_bits=20_000)
    points = X[:4]
    bits = method.project(points) > 0
    distances = np.sqrt(np.square(X[:, None].astype(np.float64) - X).sum(2))
    sampled = torch.randperm(300, generator=torch.Generator().manual_seed(0))[:100].numpy()
    unit = np.sort(distances[sampled], axis=1)[:, 50].mean()
    for i in range(4):
        for j in range(i):
            scaled = (distances[i, j] / unit) ** 2
            terms = [(1 - np.exp(-k * k * scaled / 2)) / (4 * k * k - 1) for k in range(1, 300)]
            assert (bits[i] != bits[j]).mean() == pytest.approx(8 / np.pi**2 * sum(terms), abs=0.015)


def test_sklsh_of_a_wide_kernel_gives_all_items_one_code():
    assert len(np.unique(fitted(SKLSH, gamma=1e-8).project(X) > 0, axis=0)) == 1
    with pytest.raises(InvalidInputError, match="sklsh: gamma=0"):
        fitted(SKLSH, gamma=0)


def test_sklsh_of_equal_items():
    assert np.isfinite(fitted(SKLSH, np.ones((9, 3), np.float32)).project(X[:5, :3])).all()


def test_klsh_equals_plain_loops():
    method = fitted(KLSH, n_anchors=12, n_chosen=4)
    anchors = method.anchors_.double().numpy()

    def kernel(a, b):
        return np.exp(-np.square(a[:, None] - b).sum(2) / (2 * method.sigma_squared_))

    K = kernel(anchors, anchors)
    J = np.eye(12) - 1 / 12
    values, vectors = np.linalg.eigh(J @ K @ J)
    half = (vectors[:, 1:] / np.sqrt(values[1:])) @ vectors[:, 1:].T
    chosen = torch.Generator().manual_seed(0)
    torch.randperm(300, generator=chosen)
    rows = torch.rand(12, 6, generator=chosen).argsort(0)[:4].numpy()
    new = kernel(X[:20].astype(np.float64), anchors)
    centred = new - K.mean(0) - new.mean(1, keepdims=True) + K.mean()
    for bit in range(6):
        weights = sum(half[:, i] for i in rows[:, bit]) * np.sqrt(11 / 4)
        np.testing.assert_allclose(method.project(X[:20])[:, bit], centred @ weights, atol=2e-3)
        assert weights @ J @ K @ J @ weights <= 11 + 1e-6


def test_klsh_refuses_more_items_a_bit_than_it_has():
    with pytest.raises(InvalidInputError, match="klsh: n_chosen=13 of 12"):
        fitted(KLSH, n_anchors=12, n_chosen=13)


@pytest.mark.parametrize("n", [300, 299])
def test_half_of_the_items_lie_in_each_ball(n):
    bits = fitted(SpH, X[:n]).project(X[:n]) > 0
    assert (bits.sum(0) == n // 2).all()


def test_balls_share_a_quarter_of_the_items_by_the_bounds():
    method = fitted(SpH)
    shared = overlaps(torch.from_numpy(X), method.centres_, method.radii_).numpy()
    pairs = shared[np.triu_indices(6, 1)]
    start = fitted(SpH, n_iter=0)
    first = overlaps(torch.from_numpy(X), start.centres_, start.radii_).numpy()[np.triu_indices(6, 1)]
    assert np.abs(pairs - 75).mean() <= 7.5 < np.abs(first - 75).mean()
    assert pairs.std() <= 0.15 * 75


def test_forces_on_balls_equal_plain_loops_and_cancel():
    data = torch.from_numpy(X)
    centres = data[:4].clone()
    overlap = overlaps(data, centres, radii(data, centres))
    distances = np.sqrt(np.square(X[:, None] - X[:4]).sum(2))
    inside = distances <= np.sort(distances, axis=0)[149]
    expected = X[:4].astype(np.float64)
    for i in range(4):
        for j in range(i):
            shared = (inside[:, i] & inside[:, j]).sum()
            force = 0.5 * (shared - 75) / 75 * (X[i] - X[j])
            expected[i] += force / 4
            expected[j] -= force / 4
    after = moved(centres, overlap, 300)
    np.testing.assert_allclose(after, expected, atol=1e-4)
    np.testing.assert_allclose(after.mean(0), centres.mean(0), atol=1e-5)


def test_many_items_at_one_place_leave_the_balls_finite():
    data = np.maximum(np.random.default_rng(0).normal(size=(200, 20)) - 1.5, 0).astype(np.float32)
    assert np.isfinite(fitted(SpH, data, n_bits=8).project(data)).all()


def test_one_ball():
    assert (fitted(SpH, n_bits=1).project(X) > 0).sum() == 150


def test_isotropic_projections_have_equal_variances_and_keep_their_sum():
    variances = fitted(IsoHash).project(X).astype(np.float64).var(0)
    np.testing.assert_allclose(variances, variances.mean(), rtol=2e-3)
    assert variances.sum() == pytest.approx(fitted(PCAH).project(X).astype(np.float64).var(0).sum(), rel=1e-4)


def test_isotropic_rotation_does_not_need_ordered_variances():
    variances = torch.tensor([1.0, 9.0, 0.1, 4.0], dtype=torch.float64)
    Q = isotropic(variances, 200, 10, torch.Generator().manual_seed(0))
    np.testing.assert_allclose(Q @ Q.T, np.eye(4), atol=1e-10)
    np.testing.assert_allclose((Q * variances @ Q.T).diagonal(), variances.mean(), rtol=1e-3)


def test_isotropic_single_bit_is_the_first_component():
    ours, plain = fitted(IsoHash, n_bits=1).project(X), fitted(PCAH, n_bits=1).project(X)
    np.testing.assert_allclose(np.abs(ours), np.abs(plain), atol=1e-5)


@pytest.mark.parametrize("method", [PCARR, IsoHash])
def test_more_bits_than_features(method):
    with pytest.raises(InvalidInputError, match="n_bits=11 needs 11 principal directions"):
        fitted(method, n_bits=11)
