from itertools import pairwise

import numpy as np
import pytest
import torch

from hashbench.errors import InvalidInputError
from hashbench.methods.itq import ITQ
from hashbench.methods.pcah import PCAH

X = (np.random.default_rng(0).laplace(size=(300, 10)) * np.linspace(1, 2, 10)).astype(np.float32)


def quantization_loss(n_iter):
    values = ITQ(n_bits=6, n_iter=n_iter, device="cpu").fit(X).project(X)
    return np.square(np.where(values > 0, 1, -1) - values).sum()


def test_objective_never_rises():
    losses = [quantization_loss(n) for n in (0, 1, 2, 4, 8, 16, 32)]
    assert all(after <= before + 1e-2 for before, after in pairwise(losses))
    assert losses[-1] < 0.99 * losses[0]


def test_rotation_is_orthogonal_and_keeps_the_components():
    itq = ITQ(n_bits=6, device="cpu").fit(X)
    np.testing.assert_allclose(itq.rotation_ @ itq.rotation_.T, np.eye(6), atol=1e-5)
    components = torch.from_numpy(PCAH(n_bits=6, device="cpu").fit(X).project(X))
    np.testing.assert_allclose(itq.project(X), components @ itq.rotation_, atol=1e-3)


@pytest.mark.parametrize("method", [ITQ, PCAH])
def test_more_bits_than_features(method):
    with pytest.raises(InvalidInputError, match="n_bits=11 needs 11 principal directions"):
        method(n_bits=11, device="cpu").fit(X)
