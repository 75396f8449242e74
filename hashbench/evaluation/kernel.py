"""The counting kernel: how many database items stand at each Hamming distance of each query.

The only module that imports numba for more than its number of threads. Compiled once, then read from numba's
cache on disk. It releases the GIL, so that threads that each count a block of queries run side by side, which
is safe in joblib workers whatever started them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

TILE = 1 << 16  # database items a tile; half of it must not overflow a uint16 count
CHUNK = 1 << 12  # distances held at a time: they stay in the first-level cache
PAIR_BINS = 256  # up to as many bins two neighbouring uint8 bins make one 16-bit index


@intrinsic  # pragma: no cover (compiled)
def _popcount(typing_context: Any, word: Any) -> Any:
    """Number of ones in a uint64, by LLVM's ctpop: inside a loop it becomes a vector instruction."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), codegen


@njit(cache=True, nogil=True, inline="always")  # pragma: no cover (compiled)
def _fill_bins(bins, query, words, query_mask, masks, first, last, n_distances):  # type: ignore[no-untyped-def]
    """bins[i] = distance of item first + i, plus n_distances where it shares a label with the query."""
    for w in range(len(query)):
        word = query[w]
        row = words[w, first:last]
        if w == 0:
            for i in range(last - first):
                bins[i] = _popcount(row[i] ^ word)
        else:
            for i in range(last - first):
                bins[i] += _popcount(row[i] ^ word)
    if len(query_mask) == 1:
        mask, row = query_mask[0], masks[0, first:last]
        for i in range(last - first):
            bins[i] += n_distances * np.uint64((row[i] & mask) != 0)
    elif len(query_mask) > 1:
        for i in range(last - first):
            shared = np.uint64(0)
            for w in range(len(query_mask)):
                shared |= masks[w, first + i] & query_mask[w]
            bins[i] += n_distances * np.uint64(shared != 0)


@njit(cache=True, nogil=True)  # pragma: no cover (compiled)
def _count_pairs(queries, words, query_masks, masks, starts, stops, n_distances, counts):  # type: ignore[no-untyped-def]
    """Counts of unweighted items, at most 256 bins: one memory increment serves two items.

    Two neighbouring bins (uint8) are read as one 16-bit index into a joint histogram, whose margins are added
    at the end of a tile.
    """
    n_bins = counts.shape[1]
    bins = np.empty(CHUNK, np.uint8)
    pairs = bins.view(np.uint16)
    joint = np.zeros((n_bins, 256), np.uint16)
    flat = joint.reshape(-1)
    columns = np.empty(n_bins, np.int32)
    for tile in range(starts.min(), stops.max(), TILE):
        for q in range(len(queries)):
            low, high = max(tile, starts[q]), min(tile + TILE, stops[q])
            if low >= high:
                continue
            for first in range(low, high, CHUNK):
                last = min(first + CHUNK, high)
                _fill_bins(bins, queries[q], words, query_masks[q], masks, first, last, n_distances)
                for i in range((last - first) // 2):
                    flat[pairs[i]] += np.uint16(1)
                if (last - first) % 2:
                    counts[q, bins[last - first - 1]] += 1
            columns[:] = 0
            for a in range(n_bins):
                row = np.int32(0)
                for b in range(n_bins):
                    count = np.int32(joint[a, b])
                    row += count
                    columns[b] += count
                    joint[a, b] = 0
                counts[q, a] += row
            for b in range(n_bins):
                counts[q, b] += columns[b]


@njit(cache=True, nogil=True)  # pragma: no cover (compiled)
def _count_each(queries, words, query_masks, masks, starts, stops, n_distances, weights, counts):  # type: ignore[no-untyped-def]
    """Counts of items with multiplicities, any number of bins. No weights: each counts once."""
    bins = np.empty(CHUNK, np.uint16)
    for q in range(len(queries)):
        for first in range(starts[q], stops[q], CHUNK):
            last = min(first + CHUNK, stops[q])
            _fill_bins(bins, queries[q], words, query_masks[q], masks, first, last, n_distances)
            if len(weights):
                for i in range(last - first):
                    counts[q, bins[i]] += weights[first + i]
            else:
                for i in range(last - first):
                    counts[q, bins[i]] += 1


def count_distances(
    queries: NDArray[np.uint64],
    words: NDArray[np.uint64],
    ranges: NDArray[np.int64],
    n_bits: int,
    weights: NDArray[np.int64] | None = None,
    query_masks: NDArray[np.uint64] | None = None,
    masks: NDArray[np.uint64] | None = None,
) -> NDArray[np.int64]:
    """Histograms of the distances of each query to the items of its range.

    queries: (Q, W) words of 64 bits. words: (W, N), the database. ranges: (Q, 2), items [start, stop) that
    the query is compared with. weights: (N,), how often an item counts; None: once. query_masks (Q, L) and
    masks (L, N): label sets as bits.
    Returns (Q, n_bits + 1), or (Q, 2 (n_bits + 1)) with masks: first the items that share no label, then
    those that do.
    """
    n_distances = n_bits + 1
    n_bins = n_distances if masks is None else 2 * n_distances
    if query_masks is None or masks is None:
        query_masks, masks = np.zeros((len(queries), 0), np.uint64), np.zeros((0, 0), np.uint64)
    counts = np.zeros((len(queries), n_bins), np.int64)
    n = np.uint64(n_distances)
    starts, stops = np.ascontiguousarray(ranges.T)
    shared = (queries, words, query_masks, masks, starts, stops, n)
    if weights is None and n_bins <= PAIR_BINS:
        _count_pairs(*shared, counts)
    else:
        _count_each(*shared, np.zeros(0, np.int64) if weights is None else weights, counts)
    return counts
