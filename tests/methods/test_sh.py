from math import pi, sin

import numpy as np
import pytest
from sklearn.decomposition import PCA

from hashbench.methods.sh import SH


@pytest.mark.parametrize(("n_bits", "d"), [(4, 8), (12, 3), (6, 6)])
def test_bits_are_the_smoothest_eigenfunctions(n_bits, d):
    X = (np.random.default_rng(1).uniform(size=(150, d)) * np.arange(d, 0, -1) ** 1.3).astype(np.float32)
    sh = SH(n_bits=n_bits, device="cpu").fit(X)

    V = PCA(min(n_bits, d), svd_solver="full").fit_transform(X.astype(np.float64))
    low, high = V.min(0), V.max(0)
    functions = []
    for side in range(V.shape[1]):
        for mode in range(1, n_bits + 1):
            omega = mode * pi / (high[side] - low[side])
            functions.append((1 - np.exp(-0.5 * 0.01 * omega**2), side, omega))
    functions.sort()
    for bit, (_, side, omega) in enumerate(functions[:n_bits]):
        naive = np.array([sin(pi / 2 + omega * (v - low[side])) for v in V[:, side]])
        ours = sh.project(X)[:, bit]
        # a principal direction has no sign: reversed, an odd mode changes sign and an even one does not
        assert min(np.abs(ours - naive).max(), np.abs(ours + naive).max()) < 1e-2


def test_constant_features_give_no_nan():
    assert np.isfinite(SH(n_bits=4, device="cpu").fit(np.ones((6, 3))).project(np.ones((2, 3)))).all()
