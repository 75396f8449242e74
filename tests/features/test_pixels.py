import numpy as np
import pytest
import torch

from hashbench.contracts.dataset import Images
from hashbench.errors import InvalidInputError
from hashbench.features.pixels import Pixels

CPU = torch.device("cpu")


def test_pixels_are_flat_fractions():
    pixels = np.arange(256, dtype=np.uint8).reshape(4, 4, 4, 4)
    vectors = Pixels().rows_of(pixels, CPU)
    assert vectors.shape == (4, 64)
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors.ravel(), (np.arange(256) / 255).astype(np.float32))
    images = Images(pixels, np.zeros(4, np.int64), ("a",))
    np.testing.assert_array_equal(Pixels().rows(images, np.array([2, 0]), CPU), vectors[[2, 0]])


@pytest.mark.parametrize("wrong", [np.zeros((2, 3, 4), np.uint8), np.zeros((2, 1, 4, 4), np.float32)])
def test_pixels_of_something_else(wrong):
    with pytest.raises(InvalidInputError, match=r"\(n, c, h, w\) uint8"):
        Pixels().rows_of(wrong, CPU)
