import numpy as np
import pytest

from hashbench.errors import InvalidInputError
from hashbench.methods.random import Random
from hashbench.methods.real_valued import RealValued

images = np.random.default_rng(0).integers(0, 256, (2000, 3, 4, 4), np.uint8)


def test_random_bits_are_fair_and_independent():
    bits = Random(n_bits=24).fit(images).encode(images).unpack() * 2.0 - 1
    correlation = bits.T @ bits / len(bits)
    assert np.abs(bits.mean(0)).max() < 0.1
    assert np.abs(correlation - np.eye(24)).max() < 0.12


def test_random_codes_depend_on_the_image_and_the_seed_only():
    codes = Random(n_bits=40).fit(images[:5]).encode(images).packed
    assert np.array_equal(codes[[7, 3]], Random(n_bits=40).fit(images).encode(images[[7, 3]]).packed)
    assert (codes != Random(n_bits=40, random_state=1).fit(images).encode(images).packed).any(1).all()
    changed = images[:1].copy()
    changed[0, 0, 0, 0] ^= 1
    assert not np.array_equal(Random(n_bits=40).fit(images).encode(changed).packed[0], codes[0])


def test_random_codes_are_the_same_for_ever():
    blank = np.zeros((1, 1, 2, 2), np.uint8)
    assert Random(n_bits=16).fit(blank).encode(blank).packed.tolist() == [[225, 146]]


def test_real_valued_is_the_cosine_of_centred_features():
    X = images.reshape(len(images), -1).astype(np.float32)
    vectors = RealValued(device="cpu").fit(X).project(X[:2])
    a, b = (X - X.mean(0))[:2]
    assert vectors[0] @ vectors[1] == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), abs=1e-4)
    with pytest.raises(InvalidInputError, match="rank its project"):
        RealValued(device="cpu").fit(X).encode(X)
