"""Hamming distances of authentication, as histograms of each image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hashbench.contracts.codes import Codes

Counts = NDArray[np.float64]
ROWS = 256  # images whose distances from all others are computed at a time


class Sample(NamedTuple):
    """Distances by image: (n_images, n_bits + 1) counts.

    of_pairs: a distance is of two images and is counted with both, as against distances of an image's own.
    """

    counts: Counts
    of_pairs: bool


def between(one: Codes, other: Codes) -> NDArray[np.int64]:
    """(len(one), len(other)) Hamming distances."""
    rows, columns = one.words(), other.words()
    result = np.zeros((len(rows), len(columns)), np.int64)
    for first in range(0, len(rows), ROWS):
        part = slice(first, first + ROWS)
        for word in range(rows.shape[1]):
            result[part] += np.bitwise_count(rows[part, None, word] ^ columns[None, :, word])
    return result


def from_own(originals: Codes, changed: Codes) -> NDArray[np.int64]:
    """(n, M) distances of each original from its M changed versions, which stand together in ``changed``."""
    versions = changed.words().reshape(len(originals), -1, originals.words().shape[1])
    return np.bitwise_count(originals.words()[:, None] ^ versions).sum(2, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Distances:
    """All distances of one part.

    copies: (n, M), in the order of the list of copies. pairs: (n, n). alike: (n, n) bool, whether two
    images share a class. tampered: (n, T), in the order of the list of forgeries.
    """

    n_bits: int
    copies: NDArray[np.int64]
    pairs: NDArray[np.int64]
    alike: NDArray[np.bool_]
    tampered: NDArray[np.int64]

    def own(self, distances: NDArray[np.int64]) -> Sample:
        """Distances (n, K) of each image from versions of it."""
        return Sample(self._counted(np.arange(len(distances))[:, None], distances), False)

    def different(self, name: str) -> Sample:
        """Distances of different images: "pairs"; "class", of one class; "nearest", each from its nearest."""
        others = ~np.eye(len(self.pairs), dtype=bool)
        if name == "nearest":
            return self.own(np.where(others, self.pairs, self.n_bits + 1).min(1, keepdims=True))
        chosen = others & self.alike if name == "class" else others
        return Sample(self._counted(np.nonzero(chosen)[0], self.pairs[chosen]), True)

    def _counted(self, image: NDArray[np.int64], distances: NDArray[np.int64]) -> Counts:
        n, width = len(self.pairs), self.n_bits + 1
        flat = (image * width + distances).ravel()
        return np.bincount(flat, minlength=n * width).reshape(n, width).astype(np.float64)

    @cached_property
    def moments(self) -> tuple[float, float]:
        """Mean and variance of the normalised distances of different images."""
        counts = self.different("pairs").counts.sum(0)
        places = np.arange(self.n_bits + 1) / self.n_bits
        mean = float(counts @ places / counts.sum())
        return mean, float(counts @ (places - mean) ** 2 / counts.sum())


def same_class(labels: NDArray) -> NDArray[np.bool_]:
    """(n, n): whether two images share a class, of (n,) classes or (n, C) multi-hot labels."""
    if labels.ndim == 1:
        return np.asarray(labels[:, None] == labels)
    rows = labels.astype(np.float32)
    return np.asarray(rows @ rows.T > 0)


def facts_of_codes(codes: Codes, moments: tuple[float, float]) -> Mapping[str, float]:
    """Facts of the codes of original images, by name."""
    rates = codes.unpack().mean(0)
    mean, variance = moments
    return {
        "effective_bits": mean * (1 - mean) / variance if variance > 0 else 0.0,
        "least_bit_rate": float(rates.min()),
        "most_bit_rate": float(rates.max()),
        "near_constant_bits": float(((rates < 0.02) | (rates > 0.98)).sum()),
        "distinct_codes": float(len(np.unique(codes.packed, axis=0))),
    }
