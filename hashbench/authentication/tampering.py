"""Changes of what an image shows: the fixed list of forgeries that a perceptual hash must refuse.

Raise ``VERSION`` of the copies when a change of the code changes a forgery. Each has a second column, saved
as JPEG of quality 90 afterwards, as a forger would. The place is the one, of eight drawn for the image (of
the four quadrants), at which the image changes most: a forgery that changes nothing, such as black on
black, is none.

    patch        a square of this share of the sides is taken from another image
    copy_move    a square is covered by another part of the image
    erase        a square is covered by its mean
    quadrant     grey levels added to a quarter of the image
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hashbench.authentication.manipulations import Index, Pixels, jpeg
from hashbench.authentication.seeded import uniform

PLACES = 8
QUALITY = 90
SAVED = "+jpeg"  # ends the name of the second column


@dataclass(frozen=True)
class Tampering:
    """One kind of forgery. share: of each side of the image that is touched, or that a quadrant is."""

    family: str
    share: float
    added: int = 0

    @property
    def name(self) -> str:
        """Such as "patch 25"."""
        return f"{self.family} {f'{self.added:+}' if self.added else round(100 * self.share)}"


TAMPERINGS = (
    Tampering("patch", 0.25),
    Tampering("patch", 0.40),
    Tampering("patch", 0.55),
    Tampering("copy_move", 0.25),
    Tampering("erase", 0.25),
    Tampering("quadrant", 0.5, added=40),
)
COLUMNS = tuple(f"{one.name}{saved}" for one in TAMPERINGS for saved in ("", SAVED))


def square(shape: tuple[int, ...], share: float) -> tuple[int, int]:
    """Height and width in pixels of the touched part of images (..., h, w)."""
    return max(1, round(share * shape[-2])), max(1, round(share * shape[-1]))


def tampered(pixels: Pixels, donors: Pixels, ids: Index) -> Iterator[Pixels]:
    """The forgeries of images (n, c, h, w), one array for each of ``COLUMNS``.

    donors: for each image another one, of the same shape, that patches are taken from.
    """
    for kind in TAMPERINGS:
        forged = _forged(kind, pixels, donors, ids)
        yield forged
        yield jpeg(forged, ids, QUALITY)


def _forged(kind: Tampering, pixels: Pixels, donors: Pixels, ids: Index) -> Pixels:
    best, most = pixels.copy(), np.full(len(pixels), -1, np.int64)
    sides = square(pixels.shape, kind.share)
    room = np.array(pixels.shape[2:]) - sides  # corners lie in [0, room]
    drawn = uniform(ids, kind.name, 4 * PLACES).reshape(-1, PLACES, 2, 2)
    corner: NDArray[np.int64]
    for i in range(4 if kind.family == "quadrant" else PLACES):
        if kind.family == "quadrant":
            corner = np.broadcast_to(room * (i // 2, i % 2), (len(pixels), 2))
        else:
            corner = (drawn[:, i, 0] * (room + 1)).astype(np.int64)
        other = (drawn[:, i, 1] * (room + 1)).astype(np.int64)
        inside = _inside(corner, sides, pixels.shape)
        candidate = np.where(inside, _cover(kind, pixels, donors, inside, other - corner), pixels)
        change = np.abs(candidate.astype(np.int16) - pixels).sum((1, 2, 3), dtype=np.int64)
        better = change > most
        best[better], most[better] = candidate[better], change[better]
    return best


def _inside(corner: NDArray[np.int64], sides: tuple[int, int], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """(n, 1, h, w): which pixels lie in the square at each image's corner (y, x)."""
    rows, columns = (
        (np.arange(size) >= corner[:, [axis]]) & (np.arange(size) < corner[:, [axis]] + sides[axis])
        for axis, size in enumerate(shape[2:])
    )
    return (rows[:, :, None] & columns[:, None, :])[:, None]


def _cover(
    kind: Tampering, pixels: Pixels, donors: Pixels, inside: NDArray[np.bool_], step: NDArray[np.int64]
) -> Pixels:
    """What covers the square. step: (n, 2), from the square to the part that is copied."""
    if kind.family == "patch":
        return donors
    if kind.family == "quadrant":
        return np.clip(pixels.astype(np.int16) + kind.added, 0, 255).astype(np.uint8)
    if kind.family == "erase":
        area = inside.sum((2, 3), keepdims=True)
        return np.rint((pixels * inside).sum((2, 3), keepdims=True, dtype=np.int64) / area).astype(np.uint8)
    height, width = pixels.shape[2:]
    rows = (np.arange(height) + step[:, [0]]) % height
    columns = (np.arange(width) + step[:, [1]]) % width
    image = np.arange(len(pixels))[:, None, None]
    return pixels.transpose(0, 2, 3, 1)[image, rows[:, :, None], columns[:, None, :]].transpose(0, 3, 1, 2)
