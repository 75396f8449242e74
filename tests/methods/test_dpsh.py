import math

import numpy as np
import pytest
import torch

from hashbench.methods.dpsh import DPSH
from hashbench.training import Batch


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def batch(labels):
    return Batch(labels, torch.arange(len(labels)), 0.0)


def shares(labels, i, j):
    return bool(labels[i] == labels[j] if labels.ndim == 1 else (labels[i] * labels[j]).any())


@pytest.mark.parametrize("labels", [torch.arange(9) % 3, (random(9, 4, seed=3) > 0.3).float()])
@pytest.mark.parametrize("eta", [0.0, 0.01, 2.0])
def test_the_loss_is_a_loop_over_pairs_and_images(labels, eta):
    z = 2 * random(9, 5)
    pairs = [(i, j) for i in range(9) for j in range(9) if i != j]
    likelihood = []
    for i, j in pairs:
        theta = sum(float(z[i, k] * z[j, k]) for k in range(5)) / 2
        likelihood.append(-(shares(labels, i, j) * theta - math.log(1 + math.exp(theta))))
    quantization = [sum((abs(float(v)) - 1) ** 2 for v in row) for row in z]
    expected = np.mean(likelihood) + eta * np.mean(quantization)
    assert DPSH(n_bits=5, eta=eta).loss(z, batch(labels)).item() == pytest.approx(expected, rel=1e-12)


def test_gradient_is_that_of_the_paper():
    """Eq. (7) without the stored outputs: both images of a pair move; a_ij = sigmoid(Theta_ij)."""
    z, labels, eta = random(8, 4).requires_grad_(), torch.arange(8) % 2, 0.5
    DPSH(n_bits=4, eta=eta).loss(z, batch(labels)).backward()
    u = z.detach()
    error = torch.sigmoid(u @ u.T / 2) - (labels[:, None] == labels).double()
    error.fill_diagonal_(0)
    expected = (error @ u + error.T @ u) / 2 / 56 + 2 * eta * (u - u.sign()) / 8
    np.testing.assert_allclose(z.grad, expected, rtol=1e-10)


def test_quantisation_is_weighted_as_by_the_authors_at_5000_images():
    assert DPSH().eta == pytest.approx(50 / 5000)


def test_descent_gives_classes_codes_of_their_own():
    y = torch.arange(30) % 3
    z = (0.5 * random(30, 8)).requires_grad_()
    optimizer = torch.optim.Adam([z], lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        DPSH(n_bits=8).loss(z, batch(y)).backward()
        optimizer.step()
    distance = (z.detach()[:, None].sign() != z.detach().sign()).sum(2)
    same = y[:, None] == y
    assert distance[same].max() < distance[~same].min()
