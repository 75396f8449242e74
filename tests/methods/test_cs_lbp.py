import numpy as np
import pytest
import torch

from hashbench.methods.block_mean import BlockMean
from hashbench.methods.cs_lbp import CSLBP
from hashbench.methods.keyed_cs_lbp import KeyedCSLBP

images = np.random.default_rng(0).integers(0, 256, (4, 1, 32, 32), np.uint8)
STEPS = [(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]


def histograms(image, blocks, threshold=2.55):
    """(blocks, blocks, 16): parts of the pixels with each pattern, pixel by pixel."""
    grey = torch.tensor(image, dtype=torch.float64)[None]
    g = torch.nn.functional.interpolate(grey, (64, 64), mode="bicubic", antialias=True)[0, 0].numpy()
    g = np.pad(g, 1, mode="edge")
    found = np.zeros((blocks, blocks, 16))
    for y in range(64):
        for x in range(64):
            around = [g[y + 1 + a, x + 1 + b] for a, b in STEPS]
            code = sum(2**i * (around[i] - around[i + 4] > threshold) for i in range(4))
            found[y * blocks // 64, x * blocks // 64, code] += (blocks / 64) ** 2
    return found


def test_cs_lbp_counts_patterns():
    values = CSLBP(n_bits=64, device="cpu").fit(images).project(images)
    for image, row in zip(images, values, strict=True):
        assert row == pytest.approx(histograms(image, 2).ravel() - 1 / 16, abs=2e-3)


def test_the_keyed_hash_is_an_inner_product_with_the_key():
    method = KeyedCSLBP(n_bits=64, random_state=3, device="cpu").fit(images)
    for image, row in zip(images, method.project(images), strict=True):
        products = histograms(image, 8) @ method.key_.numpy()
        assert row == pytest.approx((products - products.mean()).ravel(), abs=0.05)
    other = KeyedCSLBP(n_bits=64, random_state=4, device="cpu").fit(images)
    assert (method.encode(images).unpack() != other.encode(images).unpack()).mean() > 0.2


@pytest.mark.parametrize("against", ["mean", "median"])
def test_block_mean_compares_blocks_of_256_x_256_pixels(against):
    colour = np.random.default_rng(1).integers(0, 256, (3, 3, 32, 28), np.uint8)
    found = BlockMean(n_bits=256, against=against, device="cpu").fit(colour).encode(colour).unpack()
    for image, bits in zip(colour, found, strict=True):
        grey = torch.tensor(np.tensordot([0.299, 0.587, 0.114], image, 1))[None, None]
        large = torch.nn.functional.interpolate(grey, (256, 256), mode="bilinear", antialias=True)[0, 0]
        means = large.reshape(16, 16, 16, 16).mean((1, 3)).numpy()
        level = large.mean().item() if against == "mean" else np.median(means)
        assert np.array_equal(bits, (means >= level).ravel())


def test_block_mean_of_one_grey_level_is_all_ones():
    flat = np.full((1, 1, 32, 32), 9, np.uint8)
    assert BlockMean(n_bits=64, device="cpu").fit(flat).encode(flat).unpack().all()
