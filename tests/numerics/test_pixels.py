"""Numerics of images against torch's own, or pixel by pixel."""

import numpy as np
import pytest
import torch

from hashbench import numerics
from hashbench.errors import InvalidInputError

CPU = torch.device("cpu")


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("target", [(20, 31), (4, 5), (9, 12)])
def test_resizing_is_that_of_torch(mode, target):
    X = torch.rand(2, 1, 9, 12, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.interpolate(X, target, mode=mode, antialias=True)[:, 0]
    rows, columns = (numerics.resizing(a, b, mode, CPU) for a, b in zip(X.shape[2:], target, strict=True))
    assert torch.allclose(rows @ X[:, 0] @ columns.T, expected, atol=1e-5)


def test_averaging_shares_pixels_between_parts():
    assert numerics.averaging(8, 4, CPU) @ torch.arange(8.0) == pytest.approx([0.5, 2.5, 4.5, 6.5])
    thirds = numerics.averaging(8, 3, CPU)
    assert thirds.sum(1) == pytest.approx([1, 1, 1])
    assert thirds.sum(0) == pytest.approx([3 / 8] * 8)
    assert thirds[0] == pytest.approx([3 / 8, 3 / 8, 1 / 4, 0, 0, 0, 0, 0])


def test_luma_is_exact_and_free_of_a_constant():
    X = torch.randint(0, 200, (5, 3, 6, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    luma = numerics.relative_luma(X)
    full = (X.double() * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1)
    assert torch.allclose(luma.double(), full - full.amin((1, 2), keepdim=True), atol=1e-4)
    assert torch.equal(numerics.relative_luma(X + 55), luma)
    assert torch.equal(
        numerics.relative_luma(X[:, :1]), (X[:, 0] - X[:, 0].amin((1, 2), keepdim=True)).float()
    )
    with pytest.raises(InvalidInputError, match="4"):
        numerics.relative_luma(torch.zeros(1, 4, 6, 6, dtype=torch.uint8))


def test_neighbours_go_round():
    image = torch.arange(25.0).reshape(1, 5, 5)
    found = [int(view[0, 2, 2]) for view in numerics.neighbours(image)]
    assert found == [13, 8, 7, 6, 11, 16, 17, 18]
    corner = [int(view[0, 0, 0]) for view in numerics.neighbours(image)]
    assert corner == [1, 1, 0, 0, 0, 5, 5, 6]


@pytest.mark.parametrize("n", range(1, 200))
def test_grids_are_as_square_as_can_be(n):
    grids = [(n // k, k) for k in range(1, n + 1) if n % k == 0 and n // k >= k]
    rows, columns = min(grids, key=lambda grid: grid[0] - grid[1])
    assert numerics.block_grid(n) == ((rows, columns) if rows <= 3 * columns else None)
    assert np.prod((rows, columns)) == n
