import numpy as np
import pytest
import torch

from hashbench.errors import InvalidInputError
from hashbench.features.gist import Gist

CPU = torch.device("cpu")


def rows(images):
    return Gist().rows_of(np.asarray(images), CPU)


def drawn(*shape, low=0, high=256):
    return np.random.default_rng(0).integers(low, high, shape).astype(np.uint8)


def shift(image):
    """Frequency 0 of an image in the middle, its transfer function in the order of numpy's fft."""
    return np.fft.ifftshift(image)


def naive(image):
    """The source's steps, one image and one filter after the other, in float64."""
    grey = image.astype(float).mean(0)
    grey = 255 * (grey - grey.min()) / (grey.max() - grey.min())
    height, width = grey.shape
    bright = np.pad(np.log(grey + 1), 5, mode="symmetric")
    n = max(bright.shape)
    n += n % 2
    bright = np.pad(bright, [(0, n - side) for side in bright.shape], mode="symmetric")
    fx, fy = np.meshgrid(np.arange(-n / 2, n / 2), np.arange(-n / 2, n / 2))
    slow = shift(np.exp(-(fx**2 + fy**2) * np.log(2) / 16))
    fast = bright - np.fft.ifft2(np.fft.fft2(bright) * slow).real
    contrast = np.sqrt(np.abs(np.fft.ifft2(np.fft.fft2(fast**2) * slow)))
    ready = np.pad((fast / (0.2 + contrast))[5 : 5 + height, 5 : 5 + width], 32, mode="symmetric")
    spectrum = np.fft.fft2(ready)
    tall, wide = ready.shape
    fx, fy = np.meshgrid(np.arange(wide) - wide // 2, np.arange(tall) - tall // 2)
    found = []
    for i in range(4):
        for j in range(8):
            t = np.angle(fx + 1j * fy) + j * np.pi / 8
            t[t > np.pi] -= 2 * np.pi
            H = np.exp(-10 * 0.35 * (np.hypot(fx, fy) / wide / (0.3 / 1.85**i) - 1) ** 2 - 2 * np.pi * t**2)
            energy = np.abs(np.fft.ifft2(spectrum * shift(H)))[32 : 32 + height, 32 : 32 + width]
            across, down = ([side * k // 4 for k in range(5)] for side in (width, height))
            for x in range(4):
                for y in range(4):
                    found.append(energy[down[y] : down[y + 1], across[x] : across[x + 1]].mean())
    return np.array(found)


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28), (1, 8, 8), (3, 21, 30), (1, 30, 9)])
def test_as_the_source_step_by_step(shape):
    images = drawn(3, *shape)
    found = rows(images)
    assert found.shape == (3, 512)
    assert found.dtype == np.float32
    for image, row in zip(images, found, strict=True):
        np.testing.assert_allclose(row, naive(image), rtol=1e-3, atol=1e-4)


def test_brightness_and_contrast_do_not_count():
    images = drawn(4, 3, 32, 32, low=10, high=120)
    np.testing.assert_allclose(rows(images + 50), rows(images), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(rows(images * 2), rows(images), rtol=1e-3, atol=1e-5)
    assert np.abs(rows(images)[0] - rows(images)[1]).max() > 0.01


def test_one_grey_level_is_zeros():
    assert not rows(np.full((2, 3, 32, 32), 77, np.uint8)).any()


def test_stripes_are_strongest_in_the_filter_of_their_direction():
    wave = np.round(127 + 100 * np.sin(2 * np.pi * 0.3 * np.arange(32))).astype(np.uint8)
    upright = np.broadcast_to(wave, (1, 1, 32, 32))  # changes along x: angle 0, the first orientation
    energies = rows(np.concatenate([upright, upright.transpose(0, 1, 3, 2)])).reshape(2, 4, 8, 16).mean(3)
    assert [np.unravel_index(one.argmax(), (4, 8)) for one in energies] == [(0, 0), (0, 4)]


def test_what_happens_in_a_block_stays_in_the_block():
    image = np.full((1, 1, 32, 32), 100, np.uint8)
    image[0, 0, 18:22, 2:6] = drawn(4, 4)  # third row of blocks, first column
    blocks = rows(image).reshape(4, 8, 4, 4)[0].mean(0)  # the finest scale: columns, rows
    assert np.unravel_index(blocks.argmax(), (4, 4)) == (0, 2)


def test_batches_and_their_order_do_not_count():
    images = drawn(35, 1, 8, 8)
    np.testing.assert_allclose(rows(images[::-1]), rows(images)[::-1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("wrong", [drawn(2, 3, 4), drawn(2, 1, 3, 8), drawn(2, 1, 8, 8).astype(float)])
def test_of_something_else(wrong):
    with pytest.raises(InvalidInputError, match="gist"):
        rows(wrong)
