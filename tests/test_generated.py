"""The picture of generated images: what lies where."""

import numpy as np
import pytest
from generated import generated_grid


class Painter:
    """An image whose pixels are the text's number; the noise, where there is any, adds 100."""

    def __init__(self, channels):
        self.channels = channels
        self.noises = []

    def generate(self, T, z):
        self.noises.append(z)
        values = T[:, 0] + 100 * (z != 0).any(axis=1)
        images = np.broadcast_to(values[:, None, None, None], (len(T), self.channels, 2, 3)).astype(np.uint8)
        images = images.copy()
        images[:, 0, 0, 0] = 255
        return images


@pytest.mark.parametrize("channels", [1, 3])
def test_rows_are_texts_and_columns_are_noises(channels):
    painter = Painter(channels)
    grid = generated_grid(painter, np.array([[1], [2]]), columns=4)
    assert grid.shape == ((4, 12) if channels == 1 else (4, 12, 3))
    red = grid if channels == 1 else grid[:, :, 0]
    assert (red[::2, ::3] == 255).all()  # the corner of each image
    assert red[1, 1::3].tolist() == [1, 101, 101, 101]
    assert red[3, 1::3].tolist() == [2, 102, 102, 102]
    if channels == 3:
        assert grid[0, 0].tolist() == [255, 1, 1]


def test_noise_is_zero_first_and_the_same_for_all_texts():
    painter = Painter(1)
    generated_grid(painter, np.array([[1], [2]]), columns=3)
    first, second, third = painter.noises
    assert first.shape == (2, 100)
    assert not first.any()
    assert (second[0] == second[1]).all()
    assert not np.array_equal(second, third)
    assert second.std() == pytest.approx(1, abs=0.2)
