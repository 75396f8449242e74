"""Toy data, and methods fitted on them in seconds."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hashbench.contracts.method import HashMethod
from hashbench.contracts.recipe import Recipe

Method = type[HashMethod]
N_CLASSES, N_BITS = 4, 8
SHORT = Recipe(pretrain_epochs=1, epochs=1, batch_size=48)  # for deep methods, where any training is enough
LONGER = Recipe(pretrain_epochs=4, epochs=4, batch_size=16)  # a second; all our losses learn in it
_FITTED: dict[Any, HashMethod] = {}


def require(condition: bool, message: str) -> None:
    """Raise AssertionError with the message unless the condition holds, under ``python -O`` too."""
    if not condition:
        raise AssertionError(message)


@cache
def toy(inputs: Literal["features", "images"], seed: int = 0) -> tuple[NDArray, NDArray[np.int64]]:
    """96 items of four classes that are easy to tell apart, with their classes.

    Features: (96, 16) float32, Gaussian blobs around four fixed centres. Images: (96, 1, 8, 8) uint8, a
    bright horizontal band whose place is the class. Both arrays are read-only.
    """
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(96) % N_CLASSES)
    X: NDArray
    if inputs == "features":
        centres = 4 * np.random.default_rng(99).normal(size=(N_CLASSES, 16))
        X = (centres[y] + rng.normal(size=(96, 16))).astype(np.float32)
    else:
        X = rng.integers(0, 60, (96, 1, 8, 8))
        X[np.arange(96)[:, None], 0, 2 * y[:, None] + [0, 1]] += 150
        X = X.astype(np.uint8)
    X.flags.writeable = y.flags.writeable = False
    return X, y


def training_set(cls: Method) -> tuple[NDArray, NDArray[np.int64]]:
    """The toy data to fit a method on; for a semi-supervised one every second label is -1."""
    X, y = toy(cls.inputs)
    if cls.supervision == "semi-supervised":
        y = np.where(np.arange(len(y)) % 2, -1, y)
    return X, y


def options(cls: Method, seed: int = 0) -> dict[str, Any]:
    """What fit() is given besides X and y: the toy texts, for a method that reads texts."""
    return {"texts": toy_texts(seed)} if cls.reads_text else {}


@cache
def toy_texts(seed: int = 0) -> NDArray[np.uint8]:
    """(96, 12) texts of the toy items: one of two words of the class, and one of four words at random."""
    _, y = toy("features", seed)
    rng = np.random.default_rng(seed + 1000)
    texts = np.zeros((len(y), 3 * N_CLASSES), np.uint8)
    texts[np.arange(len(y)), 2 * y + rng.integers(0, 2, len(y))] = 1
    texts[np.arange(len(y)), 2 * N_CLASSES + rng.integers(0, N_CLASSES, len(y))] = 1
    texts.flags.writeable = False
    return texts


def lengths(cls: Method) -> tuple[int, ...]:
    """The code lengths of the checks: 8 and the odd 5, or the nearest that the method can make."""
    possible = [n_bits for n_bits in range(1, 1025) if cls.accepts_bits(n_bits) is None]
    require(bool(possible), f"{cls.name()}.accepts_bits() refuses every length up to 1,024")
    return tuple(dict.fromkeys(min(possible, key=lambda n: abs(n - wanted)) for wanted in (N_BITS, 5)))


def new(cls: Method, **parameters: Any) -> HashMethod:
    """An unfitted method on the CPU with codes of about 8 bits; a deep one with a budget of two epochs."""
    defaults: dict[str, Any] = {"n_bits": lengths(cls)[0], "device": "cpu"}
    if cls.deep:
        defaults["recipe"] = SHORT
    return cls(**{**defaults, **parameters})


def fitted(cls: Method) -> HashMethod:
    """A method fitted on the toy data; one object for all checks that only read it."""
    if cls not in _FITTED:
        _FITTED[cls] = new(cls, **({"recipe": LONGER} if cls.deep else {})).fit(
            *training_set(cls), **options(cls)
        )
    return _FITTED[cls]
