"""Hashes that packages compute: the right function, the right picture, the right bits."""

import hashlib

import imagehash
import numpy as np
import pdqhash
import pytest
import scipy.fft
from PIL import Image

from hashbench.errors import InvalidInputError
from hashbench.plugins.registry import find

SIDES = [(1, 28, 28), (3, 32, 32), (3, 20, 45)]
SQUARES = ("ahash", "dhash", "phash", "whash")


def drawn(shape, n=5):
    return np.random.default_rng(0).integers(0, 256, (n, *shape), np.uint8)


def bits(name, X, n_bits):
    return find("method", name)(n_bits=n_bits, device="cpu").fit(X).encode(X).unpack()


def picture(image):
    return Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))


@pytest.mark.parametrize("shape", SIDES)
@pytest.mark.parametrize("side", [8, 16])
@pytest.mark.parametrize("name", SQUARES)
def test_as_the_package(name, side, shape):
    function = {"ahash": imagehash.average_hash}.get(name) or getattr(imagehash, name)
    X = drawn(shape)
    expected = [function(picture(image), hash_size=side).hash.ravel() for image in X]
    assert np.array_equal(bits(name, X, side * side), expected)


def test_by_their_formulas():
    X = drawn((3, 32, 32))
    small = [np.asarray(picture(image).convert("L").resize((8, 8), Image.Resampling.LANCZOS)) for image in X]
    assert np.array_equal(bits("ahash", X, 64), [(p > p.mean()).ravel() for p in small])
    wide = [np.asarray(picture(image).convert("L").resize((9, 8), Image.Resampling.LANCZOS)) for image in X]
    assert np.array_equal(bits("dhash", X, 64), [(p[:, 1:] > p[:, :-1]).ravel() for p in wide])
    grey = [np.asarray(picture(image).convert("L")).astype(float) for image in X]  # 32 x 32 is 4 k x 4 k
    low = [scipy.fft.dctn(p)[:8, :8] for p in grey]
    assert np.array_equal(bits("phash", X, 64), [(c > np.median(c)).ravel() for c in low])


@pytest.mark.parametrize("shape", SIDES)
def test_pdq_as_the_package(shape):
    X = drawn(shape)
    colour = [np.ascontiguousarray(np.broadcast_to(image, (3, *shape[1:])).transpose(1, 2, 0)) for image in X]
    assert np.array_equal(bits("pdq", X, 256), [pdqhash.compute(image)[0] for image in colour])


@pytest.mark.parametrize(
    ("name", "possible", "impossible"),
    [
        ("ahash", (4, 9, 64, 256), (1, 12, 32, 48)),
        ("whash", (4, 16, 64, 256), (9, 36, 100)),
        ("pdq", (256,), (64, 255)),
        ("sha256", (1, 64, 256), (257,)),
        ("cs_lbp", (64, 256), (8, 80)),
        ("keyed_cs_lbp", (12, 64, 256), (1, 13)),
        ("block_mean", (12, 64, 256), (1, 13)),
    ],
)
def test_lengths(name, possible, impossible):
    X = drawn((1, 16, 16))
    cls = find("method", name)
    for n_bits in possible:
        assert cls.accepts_bits(n_bits) is None
        assert bits(name, X, n_bits).shape == (5, n_bits)
    for n_bits in impossible:
        assert name in cls.accepts_bits(n_bits)
        with pytest.raises(InvalidInputError, match=name):
            bits(name, X, n_bits)


@pytest.mark.parametrize("name", [*SQUARES, "pdq"])
def test_two_channels_are_refused(name):
    with pytest.raises(InvalidInputError, match=f"{name} .*2"):
        bits(name, drawn((2, 16, 16)), 256)


def test_sha256_is_the_digest():
    X = drawn((3, 8, 8))
    digest = np.frombuffer(hashlib.sha256(X[2].tobytes()).digest(), np.uint8)
    assert np.array_equal(bits("sha256", X, 256)[2], np.unpackbits(digest))
    assert np.array_equal(bits("sha256", X, 12)[2], np.unpackbits(digest)[:12])
    changed = X.copy()
    changed[2, 0, 0, 0] ^= 1
    assert 80 < (bits("sha256", X, 256)[2] != bits("sha256", changed, 256)[2]).sum() < 176
