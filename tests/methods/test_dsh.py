import numpy as np
import pytest
import torch

from hashbench.methods.dsh import DSH
from hashbench.training import Batch


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def batch(labels):
    return Batch(labels, torch.arange(len(labels)), 0.0)


def shares(labels, i, j):
    return bool(labels[i] == labels[j] if labels.ndim == 1 else (labels[i] * labels[j]).any())


@pytest.mark.parametrize("labels", [torch.arange(9) % 3, (random(9, 4, seed=3) > 0.3).float()])
@pytest.mark.parametrize("alpha", [0.0, 0.01, 3.0])
def test_the_loss_is_a_loop_over_unordered_pairs(labels, alpha):
    z, n_bits = 1.2 * random(9, 5), 5
    values, beyond = [], 0
    for i in range(9):
        for j in range(i + 1, 9):
            distance = sum(float(z[i, k] - z[j, k]) ** 2 for k in range(n_bits))
            beyond += distance > 2 * n_bits and not shares(labels, i, j)
            contrastive = distance if shares(labels, i, j) else max(2 * n_bits - distance, 0)
            to_bits = sum(abs(abs(float(v)) - 1) for v in (*z[i], *z[j]))
            values.append(contrastive / 2 + alpha * to_bits)
    assert beyond, "the example must reach beyond the margin"
    loss = DSH(n_bits=n_bits, alpha=alpha).loss(z, batch(labels)).item()
    assert loss == pytest.approx(np.mean(values), rel=1e-12)


def test_codes_that_agree_in_a_class_and_differ_in_half_the_bits_cost_nothing():
    """Margin 2 K: bits that differ in K / 2 places are 4 K / 2 apart."""
    z = torch.tensor([[1.0, 1, 1, 1], [1, 1, 1, 1], [-1, -1, 1, 1]])
    assert DSH(n_bits=4).loss(z, batch(torch.tensor([0, 0, 1]))).item() == 0
    nearer = torch.tensor([[1.0, 1, 1, 1], [1, 1, 1, 1], [-1, 1, 1, 1]])
    assert DSH(n_bits=4).loss(nearer, batch(torch.tensor([0, 0, 1]))).item() == pytest.approx(
        (8 - 4) / 2 * 2 / 3
    )


def test_equal_outputs_have_a_finite_gradient():
    z = torch.full((4, 6), 0.5, requires_grad=True)
    DSH(n_bits=6).loss(z, batch(torch.tensor([0, 0, 1, 1]))).backward()
    assert torch.isfinite(z.grad).all()
    assert (z.grad < 0).all(), "only the regulariser pulls, towards +1"
