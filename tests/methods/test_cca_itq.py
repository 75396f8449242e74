import numpy as np
import pytest
import torch
from sklearn.cross_decomposition import CCA

from hashbench.errors import InvalidInputError
from hashbench.methods.cca_itq import CCAITQ

rng = np.random.default_rng(0)
y = rng.integers(0, 4, 400)
X = (rng.normal(size=(4, 9))[y] + rng.normal(size=(400, 9))).astype(np.float32)


def test_directions_span_those_of_scikit_learn():
    ours = CCAITQ(n_bits=3, ridge=1e-6, device="cpu").fit(X, y).directions_.numpy()
    theirs = CCA(3, scale=False, tol=1e-10, max_iter=5000).fit(X, np.eye(4)[y]).x_rotations_
    theirs, _ = np.linalg.qr(theirs)
    ours, _ = np.linalg.qr(ours)
    np.testing.assert_allclose(np.linalg.svd(ours.T @ theirs)[1], np.ones(3), atol=1e-2)


@pytest.mark.parametrize("n_bits", [2, 3, 12, 48])
def test_codes_beyond_the_number_of_classes(n_bits):
    method = CCAITQ(n_bits=n_bits, device="cpu").fit(X, y)
    bits = method.encode(X).unpack()
    assert np.linalg.matrix_rank(method.project(X), tol=1e-2) == min(n_bits, 3)
    assert ((bits.mean(0) > 0.05) & (bits.mean(0) < 0.95)).all(), "no bit is constant"
    if n_bits > 3:
        assert len(np.unique(bits, axis=1).T) > 3, "the bits are not copies of C - 1 bits"


def test_multi_hot_labels_of_single_classes_are_the_same_labels():
    one, multi = (CCAITQ(n_bits=8, device="cpu").fit(X, labels) for labels in (y, np.eye(4)[y]))
    assert torch.equal(one.directions_, multi.directions_)


def test_defaults_are_the_release_a_ridge_of_0_0001_on_both_covariances():
    from scipy.linalg import eigh

    assert CCAITQ().get_params().items() >= {"ridge": 1e-4, "relative": False}.items()
    scaled = X / 50  # so that the ridge matters
    joint = np.cov(np.concatenate([scaled, np.eye(4)[y]], 1).T)
    xx, xy, yy = joint[:9, :9] + 1e-4 * np.eye(9), joint[:9, 9:], joint[9:, 9:] + 1e-4 * np.eye(4)
    squares, W = eigh(xy @ np.linalg.solve(yy, xy.T), xx)
    W = W[:, ::-1][:, :3] * np.sqrt(squares[::-1][:3])
    ours = CCAITQ(n_bits=3, device="cpu").fit(scaled, y).directions_.numpy()
    np.testing.assert_allclose(ours @ ours.T, W @ W.T, rtol=1e-2, atol=1e-2 * np.abs(W @ W.T).max())


BALANCED = np.arange(400) % 4


def codes(data, **params):
    return CCAITQ(n_bits=8, device="cpu", **params).fit(data, BALANCED).encode(data).unpack()


def test_a_relative_ridge_does_not_see_the_scale_of_the_features():
    settings = {"ridge": 0.5, "relative": True}
    assert (codes(X, **settings) == codes(16 * X, **settings)).mean() > 0.999


def test_an_absolute_ridge_goes_with_the_square_of_the_scale():
    # The labels' ridge then scales all correlations alike: the classes are of equal size.
    assert (codes(X, ridge=0.5) == codes(4 * X, ridge=8.0)).mean() > 0.999
    assert (codes(X, ridge=0.5) == codes(4 * X, ridge=0.5)).mean() < 0.999


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("scale", [1, 255])
def test_constant_columns(scale, relative):
    constant = np.zeros((400, 500), np.float32)
    constant[:, ::2] = 1
    data = scale * np.concatenate([np.clip(X, 0, 1), constant], 1)
    ridge = 1.0 if relative else 1e-4
    method = CCAITQ(n_bits=12, ridge=ridge, relative=relative, device="cpu").fit(data, y)
    assert np.isfinite(method.project(data)).all()


def test_a_ridge_that_is_too_small():
    twice = np.concatenate([X, X], 1)
    with pytest.raises(InvalidInputError, match=r"cca_itq: ridge=0.0 leaves a covariance singular; raise it"):
        CCAITQ(ridge=0.0, device="cpu").fit(twice, y)
