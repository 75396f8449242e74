"""Histograms of Hamming distances: all that a metric needs to know about a query's ranking.

A ranking by Hamming distance has n_bits + 1 places, so every metric follows from two counts at each distance:
items and relevant items. No sort, no relevance matrix, no query x database matrix.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hashbench.contracts.codes import Codes
from hashbench.evaluation.distinct import as_columns, find_distinct
from hashbench.evaluation.layout import lay_out
from hashbench.evaluation.metrics import Gains
from hashbench.evaluation.relevance import Labels, has_label

if TYPE_CHECKING:
    import torch

BLOCKS = 8  # the least number of blocks of queries, so that no thread waits long for another,
PAIRS = 1 << 25  # unless a block is less work than this many query x item pairs
CELLS = 1 << 14  # the most counts in each histogram of a block; with twice as many, their temporary arrays
# are freed and allocated again at every step
ON_DEVICE = 256  # blocks that a device counts at a time: small ones do not pay


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
        """The histograms in parts of ``size`` queries."""
        for first in range(0, len(self.items), size):
            rows = slice(first, first + size)
            gains = self.gains and Gains(*(counts[rows] for counts in self.gains))
            yield Histograms(self.items[rows], self.relevant[rows], self.multiplicity[rows], gains)


class HammingIndex:
    """Queries and database laid out for counting.

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
        self.n_bits, self.n_classes = query.n_bits, labels.n_classes
        self.device, self.graded = device, graded and labels.multi_label
        self._index_queries(query.words(), labels.query, len(database))
        words = database.words()
        self._items = lay_out(words, self.n_bits, labels.database, device)
        if self.graded:
            self._index_gains(words, labels.database)

    def blocks(self) -> list[slice]:
        """The rows to ``count`` at a time."""
        size = self.block_size * (1 if self.device is None else ON_DEVICE)
        return [slice(first, first + size) for first in range(0, len(self._words), size)]

    def count(self, block: slice) -> Histograms:
        """The histograms of a block of queries. Threads may count blocks side by side."""
        words, labels = self._words[block], self._labels[block]
        items, relevant = self._items.count(words, labels)
        gains = self._count_gains(words, labels) if self.graded else None
        return Histograms(items, relevant, self._multiplicity[block], gains)

    def _index_queries(self, words: NDArray[np.uint64], labels: NDArray, n_items: int) -> None:
        """Merge queries of equal code and label, and choose the block size."""
        merged = find_distinct(as_columns(words, labels), 0.9)
        self.rows, self._multiplicity = np.arange(len(words)), np.ones(len(words), np.int64)
        if merged is not None:
            first, self.rows, self._multiplicity = merged
            words, labels = words[first], labels[first]
        self._words, self._labels = words, labels
        size = max(-(-len(words) // BLOCKS), PAIRS // n_items)
        n_cells = max(self.n_bits, self.n_classes if self.graded else 0) + 1
        self.block_size = max(1, min(size, CELLS // n_cells))

    def _index_gains(self, words: NDArray[np.uint64], sets: NDArray[np.uint64]) -> None:
        """Group the items by label, each in the groups of all its labels, and the label sets by size."""
        self._by_label, sizes = {}, np.zeros(len(sets), np.int64)
        for label in range(self.n_classes):
            has = has_label(sets, label)
            sizes += has
            if has.any():
                self._by_label[label] = lay_out(words[has], self.n_bits, None, self.device)
        self._by_size = {
            int(size): lay_out(sets[sizes == size], self.n_classes, None, self.device)
            for size in np.unique(sizes)
        }

    def _count_gains(self, words: NDArray[np.uint64], sets: NDArray[np.uint64]) -> Gains:
        """The gain of an item is the number of labels it shares, so its distance counts for each of these.

        Label sets a and b share (|a| + |b| - |a xor b|) / 2 labels, and |a xor b| is a Hamming distance too.
        """
        sums, sizes = np.zeros((len(words), self.n_bits + 1), np.int64), np.zeros(len(words), np.int64)
        for label in range(self.n_classes):
            rows = np.flatnonzero(has_label(sets, label))
            sizes[rows] += 1
            if len(rows) and label in self._by_label:
                sums[rows] += self._by_label[label].count(words[rows], None)[0]
        grades = np.zeros((len(sets), max(self._by_size) + 1), np.int64)
        for size, items in self._by_size.items():
            counts = items.count(sets, None)[0]
            distance = sizes[:, None] + size - 2 * np.arange(grades.shape[1])
            possible = (distance >= 0) & (distance <= self.n_classes)
            grades += possible * np.take_along_axis(counts, distance * possible, axis=1)
        return Gains(sums, grades)
