"""Histograms of Hamming distances: all that a metric needs to know of a query's ranking.

A ranking by Hamming distance has n_bits + 1 places, so every metric follows from two counts at each distance:
items and relevant items. No sort, no relevance matrix, no query x database matrix. Equal codes are counted
once, with their multiplicity, where there are enough of them; the counts are the same either way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hashbench.codes import Codes
from hashbench.evaluation.metrics import Gains
from hashbench.evaluation.relevance import Labels, has_label

if TYPE_CHECKING:
    import torch

BLOCKS = 8  # into which queries are divided at least, so that no thread waits long for another,
PAIRS = 1 << 25  # unless a block is less work than this many query x item pairs
CELLS = 1 << 14  # counts of a block in each of its histograms at most; twice as many, and their temporary
# arrays are given back to the system and asked for again at every step
ON_DEVICE = 256  # blocks that a device counts at a time: small ones do not pay
REPEATS = 0.4  # database codes are counted by multiplicity where at most this part of them is distinct
SAMPLE = 4096  # codes looked at before all of them are sorted to find repeats


@dataclass(frozen=True, eq=False)
class Histograms:
    """Counts by distance d = 0..n_bits for each query.

    items, relevant: (Q, n_bits + 1) int64. multiplicity: (Q,) int64, how many queries a row stands for.
    gains: None where they were not asked for, or every relevant item has gain 1.
    """

    items: NDArray[np.int64]
    relevant: NDArray[np.int64]
    multiplicity: NDArray[np.int64]
    gains: Gains | None = None

    def parts(self, size: int) -> Iterator[Histograms]:
        """So many queries at a time."""
        for first in range(0, len(self.items), size):
            rows = slice(first, first + size)
            gains = self.gains and Gains(*(counts[rows] for counts in self.gains))
            yield Histograms(self.items[rows], self.relevant[rows], self.multiplicity[rows], gains)


@dataclass(frozen=True, eq=False)
class _Part:
    """Database items as a kernel reads them.

    words: (W, n). weights: (n,), how often an item counts; None: once. labels: (L, n) label sets, or (n,)
    classes for a device; None: grouped by class.
    """

    words: NDArray[np.uint64]
    weights: NDArray[np.int64] | None = None
    labels: NDArray | None = None


class HammingIndex:
    """Queries and database laid out for counting: grouped by class, repeated codes merged where that pays.

    rows: (n_queries,) int64, the row that each query has among the counts of all ``blocks``; equal queries
    share one. block_size: how many rows to score at a time, the same on every machine.
    device: the torch device that counts; None: the CPU's cores, by numba. The counts are the same.
    graded: whether gains are counted too, where items can share several labels.
    """

    def __init__(
        self,
        query: Codes,
        database: Codes,
        labels: Labels,
        device: torch.device | None = None,
        graded: bool = False,
    ) -> None:
        self.labels, self.n_bits = labels, query.n_bits
        self.device, self.graded = device, graded and labels.multi_label
        self._index_queries(query.words(), labels.query)
        words = database.words()
        if self.graded:
            self._index_gains(words)
        if labels.multi_label or device is not None:
            self._all = self._merge_items(words)
            return
        merged = _distinct([*words.T], REPEATS)
        if merged is None:
            order = np.argsort(labels.database.astype(_narrow(labels.n_classes)), kind="stable")
            self._all = self._by_class = _Part(np.ascontiguousarray(words[order].T))
            sizes = np.bincount(labels.database, minlength=labels.n_classes)
        else:
            first, code, counts = merged
            self._all = _Part(np.ascontiguousarray(words[first].T), counts)
            pairs, counts = np.unique(labels.database * len(first) + code, return_counts=True)
            self._by_class = _Part(np.ascontiguousarray(words[first[pairs % len(first)]].T), counts)
            sizes = np.bincount(pairs // len(first), minlength=labels.n_classes)
        self._class_bounds = np.concatenate([[0], np.cumsum(sizes)])

    def blocks(self) -> list[slice]:
        """The rows to ``count`` at a time."""
        size = self.block_size * (1 if self.device is None else ON_DEVICE)
        return [slice(first, first + size) for first in range(0, len(self._words), size)]

    def count(self, block: slice) -> Histograms:
        """The histograms of a block of queries. Threads may count blocks side by side."""
        words, labels = self._words[block], self._query_labels[block]
        if self.device is not None:
            items, relevant = self._count_on_device(words, labels, self._all, self.n_bits)
        elif self.labels.multi_label:
            items, relevant = self._count_shared(words, labels)
        else:
            items = self._count_all(words, self._all, self.n_bits)
            ranges = np.stack([self._class_bounds[labels], self._class_bounds[labels + 1]], axis=1)
            relevant = self._count(words, self._by_class, ranges, self.n_bits)
        gains = self._count_gains(words, labels) if self.graded else None
        return Histograms(items, relevant, self._multiplicity[block], gains)

    def _index_queries(self, words: NDArray[np.uint64], labels: NDArray) -> None:
        """Equal ones as one, beside those that differ in their label only; else, grouped by class."""
        merged = _distinct([*words.T, *_columns(labels)], 0.9)
        if merged is not None:
            first, self.rows, self._multiplicity = merged
        else:
            first = np.arange(len(words)) if self.labels.multi_label else np.argsort(labels, kind="stable")
            self.rows, self._multiplicity = np.argsort(first), np.ones(len(words), np.int64)
        self._words, self._query_labels = np.ascontiguousarray(words[first]), labels[first]
        size = max(-(-len(first) // BLOCKS), PAIRS // len(self.labels.database))
        self.block_size = max(1, min(size, CELLS // (self.n_bits + 1)))

    def _count_all(self, words: NDArray[np.uint64], part: _Part, n_bits: int) -> NDArray[np.int64]:
        merged = _distinct([*words.T], 0.9)  # equal codes under different labels rank alike
        queries = words if merged is None else words[merged[0]]
        if self.device is not None:
            counts, _ = self._count_on_device(queries, None, part, n_bits)
        else:
            ranges = np.tile(np.array([0, part.words.shape[1]]), (len(queries), 1))
            counts = self._count(queries, part, ranges, n_bits)
        return counts if merged is None else counts[merged[1]]

    def _count_shared(
        self, words: NDArray[np.uint64], masks: NDArray[np.uint64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        ranges = np.tile(np.array([0, self._all.words.shape[1]]), (len(words), 1))
        counts = self._count(words, self._all, ranges, self.n_bits, masks)
        apart, shared = counts[:, : self.n_bits + 1], counts[:, self.n_bits + 1 :]
        return apart + shared, shared

    def _count(
        self,
        queries: NDArray[np.uint64],
        part: _Part,
        ranges: NDArray[np.int64],
        n_bits: int,
        masks: NDArray[np.uint64] | None = None,
    ) -> NDArray[np.int64]:
        from hashbench.evaluation.kernel import count_distances  # numba takes a moment to import

        queries = np.ascontiguousarray(queries)
        return count_distances(queries, part.words, ranges, n_bits, part.weights, masks, part.labels)

    def _count_on_device(
        self, words: NDArray[np.uint64], labels: NDArray | None, part: _Part, n_bits: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Items and relevant items at each distance; labels None: all are relevant."""
        from hashbench.evaluation.torch_kernel import count_distances  # and torch a second

        assert self.device is not None
        own, others = labels, part.labels
        if own is None or others is None:
            own, others = np.zeros(len(words), np.int64), np.zeros(part.words.shape[1], np.int64)
        return count_distances(words, part.words, own, others, n_bits, part.weights, self.device)

    def _index_gains(self, words: NDArray[np.uint64]) -> None:
        """Group the items by label, each in the groups of all its labels, and the label sets by size."""
        sets = self.labels.database
        self._by_label, sizes = {}, np.zeros(len(sets), np.int64)
        for label in range(self.labels.n_classes):
            has = has_label(sets, label)
            sizes += has
            if has.any():
                self._by_label[label] = _merge(words[has])
        self._by_size = {int(size): _merge(sets[sizes == size]) for size in np.unique(sizes)}

    def _count_gains(self, words: NDArray[np.uint64], sets: NDArray[np.uint64]) -> Gains:
        """The gain of an item is the number of labels it shares, so its distance counts for each of these.

        Label sets a and b share (|a| + |b| - |a xor b|) / 2 labels, and |a xor b| is a Hamming distance too.
        """
        sums, sizes = np.zeros((len(words), self.n_bits + 1), np.int64), np.zeros(len(words), np.int64)
        for label in range(self.labels.n_classes):
            rows = np.flatnonzero(has_label(sets, label))
            sizes[rows] += 1
            if len(rows) and label in self._by_label:
                sums[rows] += self._count_all(words[rows], self._by_label[label], self.n_bits)
        grades = np.zeros((len(sets), max(self._by_size) + 1), np.int64)
        for size, part in self._by_size.items():
            counts = self._count_all(sets, part, self.labels.n_classes)
            distance = sizes[:, None] + size - 2 * np.arange(grades.shape[1])
            possible = (distance >= 0) & (distance <= self.labels.n_classes)
            grades += possible * np.take_along_axis(counts, distance * possible, axis=1)
        return Gains(sums, grades)

    def _merge_items(self, words: NDArray[np.uint64]) -> _Part:
        """Items of equal code and label as one with a multiplicity."""
        labels, counts = self.labels.database, None
        merged = _distinct([*words.T, *_columns(labels)], REPEATS)
        if merged is not None:
            first, _, counts = merged
            words, labels = words[first], labels[first]
        return _Part(np.ascontiguousarray(words.T), counts, np.ascontiguousarray(labels.T))


def _merge(words: NDArray[np.uint64]) -> _Part:
    """Equal rows of (n, W) words as one with a multiplicity."""
    merged = _distinct([*words.T], REPEATS)
    if merged is None:
        return _Part(np.ascontiguousarray(words.T))
    return _Part(np.ascontiguousarray(words[merged[0]].T), merged[2])


def _columns(labels: NDArray) -> NDArray[np.uint64]:
    """Classes or label sets as columns to compare, (1, n) or (L, n)."""
    return np.atleast_2d(labels.T).view(np.uint64)


def _distinct(
    columns: list[NDArray[np.uint64]], part: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]] | None:
    """Distinct rows: an index of each, the distinct row of each row, and how often each occurs.

    None where more than ``part`` of the rows is distinct, so that merging them would not pay.
    """
    n = len(columns[0])
    sample = slice(None, None, -(-n // SAMPLE))
    few = number_rows([column[sample] for column in columns])
    # Among 4,096 of n rows hardly any is repeated unless a good part of the n rows is.
    if len(few) > 64 and few.max() + 1 > 0.999 * len(few):
        return None
    numbers = number_rows(columns)
    n_distinct = int(numbers.max()) + 1
    if n_distinct > part * n:
        return None
    first = np.empty(n_distinct, np.int64)
    first[numbers] = np.arange(n)
    return first, numbers, np.bincount(numbers, minlength=n_distinct)


def number_rows(columns: list[NDArray[np.uint64]]) -> NDArray[np.int64]:
    """Equal rows get equal numbers, 0..distinct - 1; columns: the columns of the rows, each (n,)."""
    numbers = np.unique(columns[0], return_inverse=True)[1]
    for column in columns[1:]:
        values, place = np.unique(column, return_inverse=True)
        numbers = np.unique(numbers * len(values) + place, return_inverse=True)[1]
    return numbers


def _narrow(n_values: int) -> type[np.unsignedinteger]:
    """The type in which numpy sorts class indices fastest: by radix up to 16 bits."""
    return np.uint8 if n_values <= 1 << 8 else np.uint16 if n_values <= 1 << 16 else np.uint64
