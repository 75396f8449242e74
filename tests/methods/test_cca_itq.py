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
    ours = CCAITQ(n_bits=3, rho=1e-6, device="cpu").fit(X, y).directions_.numpy()
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


def test_a_ridge_that_is_too_small():
    twice = np.concatenate([X, X], 1)
    with pytest.raises(InvalidInputError, match=r"cca_itq: rho=0.0 leaves a covariance singular; raise rho"):
        CCAITQ(rho=0.0, device="cpu").fit(twice, y)
