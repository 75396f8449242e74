"""Copies and forgeries of images: the same for every method, so that a process makes them once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from hashbench.authentication.manipulations import MANIPULATIONS, Index, Pixels
from hashbench.authentication.tampering import COLUMNS, tampered

KEPT = 1 << 29  # bytes: what takes more is made anew each time, one array after the other


@dataclass(frozen=True)
class Versions:
    """One array of images like the originals for each kind.

    copies: of all images, in the order of the list of copies. forgeries: of those that are forged, in the
    order of the list of forgeries. What is kept for the next method can be read only.
    """

    copies: Iterable[Pixels]
    forgeries: Iterable[Pixels]


@dataclass(frozen=True)
class _Originals:
    """Images, equal where all that their versions depend on is."""

    digest: str
    n_forged: int
    pixels: Pixels = field(compare=False)
    ids: Index = field(compare=False)


def versions_of(pixels: Pixels, ids: Index, n_forged: int) -> Versions:
    """The versions of images (n, c, h, w) uint8, whose numbers are ``ids``, (n,).

    n_forged: how many, from the first on, are forged; each one's neighbour is the donor of its patches.
    """
    size = pixels.nbytes * len(MANIPULATIONS) + pixels[:n_forged].nbytes * len(COLUMNS)
    if size > KEPT:
        return _made(pixels, ids, n_forged)
    hasher = hashlib.sha256(f"{pixels.shape}".encode())
    for array in (pixels, ids):
        hasher.update(np.ascontiguousarray(array).data)
    return _kept(_Originals(hasher.hexdigest(), n_forged, pixels, ids))


def _made(pixels: Pixels, ids: Index, n_forged: int) -> Versions:
    own = pixels[:n_forged]
    return Versions(
        (one.copies(pixels, ids) for one in MANIPULATIONS),
        tampered(own, np.roll(own, 1, axis=0), ids[:n_forged]),
    )


@lru_cache(maxsize=1)
def _kept(originals: _Originals) -> Versions:
    made = _made(originals.pixels, originals.ids, originals.n_forged)
    return Versions(tuple(map(_read_only, made.copies)), tuple(map(_read_only, made.forgeries)))


def _read_only(version: Pixels) -> Pixels:
    version.flags.writeable = False  # a method must not change what the next one gets
    return version
