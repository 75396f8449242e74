"""How database items lie in memory for counting; which of three kernels counts affects only the speed.

On a CPU, bit planes save more for shorter codes; beyond 256 bits they cost as much as codes one by one.

Each layout has ``count(queries, labels)``: queries (Q, W) words of 64 bits with their classes (Q,) or label
sets (Q, L), as ``Labels`` holds them, to the items and the relevant items at each distance, both (Q,
n_bits + 1) int64. Without labels of items or queries, only the first is meaningful. Threads may count side
by side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from hashbench.evaluation.arrays import Counts
from hashbench.evaluation.distinct import as_columns, find_distinct

if TYPE_CHECKING:
    import torch

MERGED_BITS = 400  # on a CPU, codes of n bits are merged where at most n / MERGED_BITS of them are distinct,
FEW = 1 << 10  # or counted one by one where there are fewer: planes of them would be mostly padding
MERGED_ON_DEVICE = 0.4  # on a device, where at most this part is distinct: a merged code costs no more there
Words = NDArray[np.uint64]


class Layout(Protocol):
    """The items of a database."""

    def count(self, queries: Words, labels: NDArray | None) -> tuple[Counts, Counts]:
        """Items and relevant items at each distance."""


def lay_out(
    words: Words, n_bits: int, labels: NDArray | None = None, device: torch.device | None = None
) -> Layout:
    """Items (n, W) with their classes (n,) or label sets (n, L), or none.

    device: the torch device that counts; None: the CPU's cores, by numba. The counts are the same.
    """
    if device is not None:
        return OnDevice(words, n_bits, labels, device)
    sets = [labels] if labels is not None and labels.ndim == 2 else []
    merged = find_distinct(as_columns(words, *sets), min(n_bits / MERGED_BITS, 0.9))
    if merged is not None:
        return Merged(words, n_bits, labels, *merged)
    if len(words) < FEW:
        every = np.arange(len(words))
        return Merged(words, n_bits, labels, every, every, np.ones_like(every))
    return BitPlanes(words, n_bits, labels)


class BitPlanes:
    """Items not merged: even and odd codes separate, each sorted by class."""

    def __init__(self, words: Words, n_bits: int, labels: NDArray | None) -> None:
        self.n_bits = n_bits
        classes = labels if labels is not None and labels.ndim == 1 else None
        order, sizes = _sort_by_parity(words, classes)
        words, sets = words[order], None if labels is None or labels is classes else labels[order]
        del order  # as large as the codes
        middle = int(sizes[0].sum())
        self._halves = [
            _Half.of(words[part], n_bits, sizes[parity], None if sets is None else sets[part])
            for parity, part in enumerate((slice(middle), slice(middle, None)))
        ]

    def count(self, queries: Words, labels: NDArray | None) -> tuple[Counts, Counts]:
        """Items and relevant items at each distance."""
        from hashbench.evaluation.kernel import count_planes  # numba takes a moment to import

        counts = np.zeros((2, len(queries), 16 * (self.n_bits // 16 + 1)), np.uint64)
        for parity, half in enumerate(self._halves):
            ranges = _class_ranges(half.bounds, labels, len(queries))
            sets = None if labels is None or half.sets is None else (labels, half.sets)
            count_planes(queries, half.planes, half.n_items, parity, ranges, sets, *counts)
        items, relevant = counts[:, :, : self.n_bits + 1].view(np.int64)
        return items, relevant


class _Half(NamedTuple):
    """Items of one parity.

    planes: of their codes, (T, K, TILE). bounds: where each class begins. sets: planes of their label sets.
    """

    n_items: int
    planes: Words
    bounds: NDArray[np.int64]
    sets: Words | None

    @classmethod
    def of(cls, words: Words, n_bits: int, sizes: NDArray[np.int64], sets: Words | None) -> Self:
        from hashbench.evaluation.kernel import as_planes

        planes = as_planes(words, n_bits)
        set_planes = None if sets is None else as_planes(sets, 64 * sets.shape[1])
        return cls(len(words), planes, _class_bounds(sizes), set_planes)


class Merged:
    """Items of equal code merged into one with a count: among all, and among those of its class.

    Multi-label items are merged where code and label set are equal. first, numbers, times: as from
    ``find_distinct``.
    """

    def __init__(
        self,
        words: Words,
        n_bits: int,
        labels: NDArray | None,
        first: NDArray[np.int64],
        numbers: NDArray[np.int64],
        times: NDArray[np.int64],
    ) -> None:
        self.n_bits = n_bits
        distinct = words[first]
        self._words, self._times = np.ascontiguousarray(distinct.T), times
        self._sets = self._bounds = None
        if labels is not None and labels.ndim == 2:
            self._sets = np.ascontiguousarray(labels[first].T)
        elif labels is not None:
            pairs, self._class_times = np.unique(labels * len(first) + numbers, return_counts=True)
            self._bounds = _class_bounds(np.bincount(pairs // len(first)))
            self._class_words = np.ascontiguousarray(distinct[pairs % len(first)].T)

    def count(self, queries: Words, labels: NDArray | None) -> tuple[Counts, Counts]:
        """Items and relevant items at each distance."""
        from hashbench.evaluation.kernel import count_weighted

        everything = np.tile(np.array([0, len(self._times)]), (len(queries), 1))
        if self._sets is not None:
            counts = count_weighted(
                queries, self._words, self._times, everything, self.n_bits, labels, self._sets
            )
            apart, shared = counts[:, : self.n_bits + 1], counts[:, self.n_bits + 1 :]
            return apart + shared, shared
        items = count_weighted(queries, self._words, self._times, everything, self.n_bits)
        if self._bounds is None:
            return items, np.zeros_like(items)
        ranges = _class_ranges(self._bounds, labels, len(queries))
        return items, count_weighted(queries, self._class_words, self._class_times, ranges, self.n_bits)


class OnDevice:
    """Items for torch, equal ones of equal label merged where that pays."""

    def __init__(
        self,
        words: Words,
        n_bits: int,
        labels: NDArray | None,
        device: torch.device,
    ) -> None:
        self.n_bits, self.device = n_bits, device
        labels = np.zeros(len(words), np.int64) if labels is None else labels
        self._times = None
        merged = find_distinct(as_columns(words, labels), MERGED_ON_DEVICE)
        if merged is not None:
            first, _, self._times = merged
            words, labels = words[first], labels[first]
        self._words, self._labels = np.ascontiguousarray(words.T), np.ascontiguousarray(labels.T)

    def count(self, queries: Words, labels: NDArray | None) -> tuple[Counts, Counts]:
        """Items and relevant items at each distance."""
        from hashbench.evaluation.torch_kernel import count_distances  # torch takes a second to import

        labels = np.zeros(len(queries), np.int64) if labels is None else labels
        return count_distances(
            queries, self._words, labels, self._labels, self.n_bits, self._times, self.device
        )


def _sort_by_parity(words: Words, classes: NDArray | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The order of even codes before odd ones, each by class, and how many there are, (2, n_classes)."""
    odd = np.bitwise_count(np.bitwise_xor.reduce(words, axis=1)) & 1
    n_classes = 1 if classes is None else int(classes.max()) + 1
    narrow = np.uint8 if n_classes <= 1 << 7 else np.uint16 if n_classes <= 1 << 15 else np.int64
    groups = odd * narrow(n_classes)
    if classes is not None:
        groups += classes.astype(narrow)
    sizes = np.bincount(groups, minlength=2 * n_classes).reshape(2, n_classes)
    return np.argsort(groups, kind="stable"), sizes  # by radix up to 16 bits


def _class_bounds(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each class begins among items sorted by class, and where the last ends."""
    return np.concatenate([[0], np.cumsum(sizes)])


def _class_ranges(bounds: NDArray[np.int64], classes: NDArray | None, n_queries: int) -> NDArray[np.int64]:
    """The items [start, stop) of each query's class, (n_queries, 2); none without classes."""
    if classes is None or classes.ndim == 2:
        return np.zeros((n_queries, 2), np.int64)
    return np.stack([bounds.take(classes, mode="clip"), bounds.take(classes + 1, mode="clip")], axis=1)
