import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from hashbench.errors import InvalidInputError
from hashbench.methods.mm_cslbp import MMCSLBP


def photographs(n=12, channels=3, side=32, low=40, high=200, seed=0):
    """Images with edges of all directions and grey levels in [low, high)."""
    noise = np.random.default_rng(seed).normal(size=(n, channels, side, side))
    smooth = gaussian_filter(noise, (0, 0, 2, 2), mode="nearest")
    smooth -= smooth.min((2, 3), keepdims=True)
    smooth /= smooth.max((2, 3), keepdims=True)
    return (low + smooth * (high - 1 - low)).astype(np.uint8)


def bits(X, **parameters):
    parameters = {"n_bits": 256, **parameters}
    return MMCSLBP(device="cpu", **parameters).fit(X).encode(X).unpack()


@pytest.mark.parametrize("channels", [1, 3])
def test_a_constant_or_a_factor_changes_no_bit(channels):
    X = photographs(channels=channels, low=10, high=120)
    assert np.array_equal(bits(X + 50), bits(X))
    assert np.array_equal(bits(X * 2, flat=0.0), bits(X, flat=0.0))
    assert np.array_equal(bits(X * 2, flat=4.0), bits(X, flat=2.0))  # the rule is in grey levels
    assert 0.2 < bits(X).mean() < 0.5


def test_flat_images_and_blocks_are_zeros():
    flat = np.full((2, 3, 32, 32), 90, np.uint8)
    for parameters in ({}, {"flat": 0.0}, {"quantiser": "double"}, {"weight": "none"}):
        assert not bits(flat, **parameters).any()
    half = photographs(4, channels=1)
    half[..., :16] = 90
    found = bits(half).reshape(4, 8, 8, 4)  # rows, columns, bins
    assert not found[:, :, :3].any()
    assert found[:, :, 4:].any()


@pytest.mark.parametrize("n_bits", [64, 256])
def test_a_quarter_turn_moves_blocks_and_swaps_bins(n_bits):
    X = photographs(20)
    grid = int(np.sqrt(n_bits // 4))
    turned = bits(np.rot90(X, axes=(2, 3)).copy(), n_bits=n_bits)
    expected = np.rot90(bits(X, n_bits=n_bits).reshape(20, grid, grid, 4), axes=(1, 2))[..., [2, 3, 0, 1]]
    assert np.array_equal(turned, expected.reshape(20, -1))


@pytest.mark.parametrize(
    ("n_bits", "grid"), [(12, (3, 1)), (24, (3, 2)), (32, (4, 2)), (48, (4, 3)), (64, (4, 4)), (256, (8, 8))]
)
def test_each_length_has_its_grid(n_bits, grid):
    method = MMCSLBP(n_bits=n_bits, device="cpu").fit(photographs())
    assert tuple(len(matrix) for matrix in method.blocks_) == grid
    assert method.encode(photographs()).n_bits == n_bits
    assert MMCSLBP.accepts_bits(n_bits) is None


@pytest.mark.parametrize("n_bits", [1, 6, 20, 28, 44])
def test_other_lengths_are_refused(n_bits):
    assert MMCSLBP.accepts_bits(n_bits)
    with pytest.raises(InvalidInputError, match="mm_cslbp"):
        MMCSLBP(n_bits=n_bits, device="cpu").fit(photographs())


def naive(image, n_bits, weight, reading, flat, size):
    """Shares of the bins in each block, pixel by pixel; the plain formulas."""
    red, green, blue = image.astype(float)
    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    grey = gaussian_filter(grey, 1, mode="nearest", radius=3)
    resized = torch.nn.functional.interpolate(
        torch.tensor(grey)[None, None], (size, size), mode="bicubic", antialias=True
    )
    g = np.pad(resized[0, 0].numpy(), 1, mode="edge")
    steps = [(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]
    kernel = np.outer([1, 2, 1], [-1, 0, 1])
    gradient = np.zeros((size, size))
    code = np.zeros((size, size), int)
    for y in range(size):
        for x in range(size):
            part = g[y : y + 3, x : x + 3]
            gradient[y, x] = np.hypot((part * kernel).sum(), (part * kernel.T).sum())
            D = [
                g[y + 1 + steps[i][0], x + 1 + steps[i][1]]
                - g[y + 1 + steps[i + 4][0], x + 1 + steps[i + 4][1]]
                for i in range(4)
            ]
            code[y, x] = (D[0] > 0) + 2 * (D[2] > 0) if reading == "two_pairs" else np.argmin(np.abs(D))
    M = np.pad(gradient, 1, mode="edge")
    side = int(np.sqrt(n_bits // 4))
    sums, contrasts = np.zeros((side, side, 4)), np.zeros((side, side))
    for y in range(size):
        for x in range(size):
            around = np.array([M[y + 1 + a, x + 1 + b] for a, b in steps])
            contrast = np.abs(around - gradient[y, x]).mean()
            w = {
                "contrast": contrast,
                "none": 1,
                "magnitude": gradient[y, x],
                "lbp_count": (around >= gradient[y, x] + 1).sum(),
            }[weight]
            block = y * side // size, x * side // size
            sums[(*block, code[y, x])] += w
            contrasts[block] += contrast * (side / size) ** 2
    shares = sums / np.maximum(sums.sum(2, keepdims=True), 1e-12)
    return np.where(contrasts[..., None] >= flat, shares, 0)


@pytest.mark.parametrize("weight", ["contrast", "none", "magnitude", "lbp_count"])
@pytest.mark.parametrize("reading", ["argmin", "two_pairs"])
def test_as_pixel_by_pixel(weight, reading):
    X = photographs(3)
    X[2, :, :, 10:] = 100
    method = MMCSLBP(n_bits=64, device="cpu", weight=weight, reading=reading, size=24).fit(X)
    for image, values in zip(X, method.project(X), strict=True):
        expected = naive(image, 64, weight, reading, 2.0, 24).ravel() - 0.25
        if weight == "lbp_count" or reading == "two_pairs":  # equal values may be rounded apart
            assert np.abs(values - expected).mean() < 0.01
        else:
            assert np.abs(values - expected).max() < 2e-3


def test_two_bits_a_bin_are_gray_levels():
    X = photographs(6)
    single = MMCSLBP(n_bits=64, device="cpu").fit(X).project(X) + 0.25
    level = (single > 1 / 8).astype(int) + (single > 1 / 4) + (single >= 1 / 2)
    words = np.array([[0, 0], [0, 1], [1, 1], [1, 0]])
    assert np.array_equal(bits(X, n_bits=128, quantiser="double").reshape(6, 64, 2), words[level])
    assert set(level.ravel()) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    "parameters",
    [
        {"weight": "some"},
        {"reading": "min"},
        {"quantiser": "two"},
        {"size": 4},
        {"quantiser": "double", "n_bits": 12},
    ],
)
def test_wrong_parameters_are_refused(parameters):
    with pytest.raises(InvalidInputError, match="mm_cslbp"):
        MMCSLBP(device="cpu", **{"n_bits": 256, **parameters}).fit(photographs())
    with pytest.raises(InvalidInputError, match="channel"):
        bits(photographs(channels=2))
