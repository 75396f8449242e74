"""Random numbers of each image: they depend on the image's number and on a name, on nothing else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hashbench.identity.digest import seed_of


def uniform(ids: NDArray[np.int64], name: str, n: int) -> NDArray[np.float64]:
    """(len(ids), n) numbers in [0, 1).

    Raw bits of PCG64, which NumPy promises to be the same in every version.
    """
    raw = [np.random.PCG64(seed_of("authentication", name, int(i))).random_raw(n) for i in ids]
    bits = np.array(raw, np.uint64).reshape(len(ids), n) >> np.uint64(11)
    return bits.astype(np.float64) * 2.0**-53


def normal(ids: NDArray[np.int64], name: str, n: int) -> NDArray[np.float64]:
    """(len(ids), n) standard normal numbers (Box & Muller, Annals of Mathematical Statistics 29, 1958)."""
    half = -(-n // 2)
    numbers = uniform(ids, name, 2 * half)
    radius = np.sqrt(-2 * np.log1p(-numbers[:, :half]))
    angle = 2 * np.pi * numbers[:, half:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)[:, :n]
