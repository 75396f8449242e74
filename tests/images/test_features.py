import numpy as np
import pytest

from hashbench.errors import InvalidInputError
from hashbench.images.features import pixels


def test_pixels_are_flat_fractions():
    images = np.arange(256, dtype=np.uint8).reshape(4, 4, 4, 4)
    vectors = pixels(images)
    assert vectors.shape == (4, 64)
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors.ravel(), (np.arange(256) / 255).astype(np.float32))


@pytest.mark.parametrize("wrong", [np.zeros((2, 3, 4), np.uint8), np.zeros((2, 1, 4, 4), np.float32)])
def test_pixels_of_something_else(wrong):
    with pytest.raises(InvalidInputError, match=r"\(n, c, h, w\) uint8"):
        pixels(wrong)
