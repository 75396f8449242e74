import numpy as np
import pytest

from hashbench.methods.lsh import LSH


@pytest.mark.parametrize("centred", [False, True])
def test_bits_differ_with_probability_angle_over_pi(centred):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 6)).astype(np.float32) + 3
    bits = LSH(n_bits=4000, device="cpu", centred=centred).fit(X).encode(X[:2]).unpack().astype(int)
    a, b = (X - centred * X.mean(0))[:2]
    angle = np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    assert np.abs(bits[0] - bits[1]).mean() == pytest.approx(angle / np.pi, abs=0.03)
