"""The counting kernels: how many database items stand at each Hamming distance of each query.

Compiled once, then read from numba's cache on disk. They release the GIL, so that threads that each count a
block of queries run side by side, which is safe in worker processes however they were started.

Items that differ are counted 64 at a time, as bit planes: word w of plane k holds bit k of items 64 w to
64 w + 63. Carry-save adders sum the bits in which they differ from the query, so that the distances are bit
planes too (Harley & Seal's population count across words: Warren, "Hacker's Delight", 2nd ed., section 5-1),
and the items at a distance are the population count of an AND of these. The items of a call agree in the
parity of their bits, so that a query's distances are all even or all odd, and half of them can be skipped.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from hashbench.evaluation.compiling import called

TILE = 64  # words of a plane at a time: 64 planes of them fit the first-level cache
PLANES = 16  # planes added at a time
LANES = 8  # words of a vector: loops over a multiple of it leave no remainder
CHUNK = 1 << 12  # distances of weighted items held at a time
ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
NONE = np.uint64(0)


@intrinsic  # pragma: no cover (compiled)
def _popcount(typing_context: Any, word: Any) -> Any:
    """Number of ones in a uint64, by LLVM's ctpop: inside a loop it becomes a vector instruction."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), codegen


@njit(cache=True, nogil=True, inline="always")  # pragma: no cover (compiled)
def _carry(a, b, c):  # type: ignore[no-untyped-def]
    """The carry bit of the sum of three bits; the sum's lower bit is a ^ b ^ c."""
    return ((a ^ b) & (b ^ c)) ^ b


@njit(cache=True, nogil=True, inline="always")  # pragma: no cover (compiled)
def _add_eight(planes, w, flip, one, two, four):  # type: ignore[no-untyped-def]
    """Word w of eight planes, each XOR its ``flip``, added to a sum of bit planes: the sum and the carry."""
    a, b = planes[w] ^ flip[0], planes[w + TILE] ^ flip[1]
    c, d = planes[w + 2 * TILE] ^ flip[2], planes[w + 3 * TILE] ^ flip[3]
    x, one = _carry(one, a, b), one ^ a ^ b
    y, one = _carry(one, c, d), one ^ c ^ d
    p, two = _carry(two, x, y), two ^ x ^ y
    a, b = planes[w + 4 * TILE] ^ flip[4], planes[w + 5 * TILE] ^ flip[5]
    c, d = planes[w + 6 * TILE] ^ flip[6], planes[w + 7 * TILE] ^ flip[7]
    x, one = _carry(one, a, b), one ^ a ^ b
    y, one = _carry(one, c, d), one ^ c ^ d
    q, two = _carry(two, x, y), two ^ x ^ y
    return one, two, four ^ p ^ q, _carry(four, p, q)


@njit(cache=True, nogil=True, inline="always")  # pragma: no cover (compiled)
def _eight(flips, k):  # type: ignore[no-untyped-def]
    a, b, c, d = flips[k], flips[k + 1], flips[k + 2], flips[k + 3]
    return a, b, c, d, flips[k + 4], flips[k + 5], flips[k + 6], flips[k + 7]


@njit(cache=True, nogil=True)  # pragma: no cover (compiled)
def _add_planes(planes, flips, n_words, sums, carry):  # type: ignore[no-untyped-def]
    """sums[j * TILE + w] = bit j of the distances of the items of word w.

    planes: those of a tile, (K * TILE,). flips: (K,), ALL where the query has a one. carry: (TILE,) scratch.
    """
    sums[:] = NONE
    for k in range(0, len(flips), PLANES):
        rows = planes[k * TILE : (k + PLANES) * TILE]
        low, high = _eight(flips, k), _eight(flips, k + 8)
        for w in range(n_words):
            one, two, four, eight = sums[w], sums[w + TILE], sums[w + 2 * TILE], sums[w + 3 * TILE]
            one, two, four, x = _add_eight(rows, w, low, one, two, four)
            one, two, four, y = _add_eight(rows, w + 8 * TILE, high, one, two, four)
            sums[w], sums[w + TILE], sums[w + 2 * TILE], sums[w + 3 * TILE] = one, two, four, eight ^ x ^ y
            carry[w] = _carry(eight, x, y)
        for first in range(4 * TILE, len(sums), TILE):
            row = sums[first : first + TILE]
            for w in range(n_words):
                row[w], carry[w] = row[w] ^ carry[w], row[w] & carry[w]


@njit(cache=True, nogil=True)  # pragma: no cover (compiled)
def _tally(sums, mask, low, high, parity, counts, here):  # type: ignore[no-untyped-def]
    """counts[d] += the items at distance d among those of words [low, high) that ``mask`` selects.

    sums: as ``_add_planes`` leaves them. parity: that of the distances. here: (TILE,) scratch.
    """
    n_words, selected = high - low, mask[low:high]
    two, four = sums[TILE + low : TILE + high], sums[2 * TILE + low : 2 * TILE + high]
    eight, sixteen = sums[3 * TILE + low : 3 * TILE + high], sums[4 * TILE + low : 4 * TILE + high]
    for group in range(len(counts) // 16):
        flip = NONE if group & 1 else ALL
        for w in range(n_words):
            here[w] = selected[w] & (sixteen[w] ^ flip)
        for first in range(5 * TILE, len(sums), TILE):
            flip = NONE if group >> (first // TILE - 4) & 1 else ALL
            row = sums[first + low : first + high]
            for w in range(n_words):
                here[w] &= row[w] ^ flip
        found = NONE
        for w in range(n_words):
            found |= here[w]
        if found == NONE:  # few groups of long codes have items
            continue
        n0 = n1 = n2 = n3 = n4 = n5 = n6 = n7 = NONE
        for w in range(n_words):
            near, far = here[w] & ~eight[w], here[w] & eight[w]
            n0 += _popcount(near & ~four[w] & ~two[w])
            n1 += _popcount(near & ~four[w] & two[w])
            n2 += _popcount(near & four[w] & ~two[w])
            n3 += _popcount(near & four[w] & two[w])
            n4 += _popcount(far & ~four[w] & ~two[w])
            n5 += _popcount(far & ~four[w] & two[w])
            n6 += _popcount(far & four[w] & ~two[w])
            n7 += _popcount(far & four[w] & two[w])
        for i, n in enumerate((n0, n1, n2, n3, n4, n5, n6, n7)):
            counts[16 * group + 2 * i + parity] += n


@njit(cache=True, nogil=True)  # pragma: no cover (compiled)
def _select(mask, low, high):  # type: ignore[no-untyped-def]
    """Ones for items [low, high) of a tile; returns the words that hold them, whole vectors."""
    mask[:] = NONE
    mask[low // 64 : (high + 63) // 64] = ALL
    mask[low // 64] = ALL << np.uint64(low % 64)
    mask[(high - 1) // 64] &= ALL >> np.uint64(-high % 64)
    size = 64 * LANES
    return low // size * LANES, (high + size - 1) // size * LANES


@njit(cache=True, nogil=True)  # pragma: no cover (compiled)
def _select_sharing(mask, label_set, planes):  # type: ignore[no-untyped-def]
    """Ones for the items of a tile that have a label of the set; planes: (64 L, TILE), one for each label."""
    mask[:] = NONE
    for label in range(len(planes)):
        if label_set[label // 64] >> np.uint64(label % 64) & np.uint64(1):
            for w in range(TILE):
                mask[w] |= planes[label, w]


@njit(cache=True, nogil=True)  # pragma: no cover (compiled)
def _count_planes(queries, planes, n_items, parity, ranges, sets, set_planes, items, relevant, scratch):  # type: ignore[no-untyped-def]
    mask, spare, sums = scratch[:TILE], scratch[TILE : 2 * TILE], scratch[2 * TILE :]
    n_planes = planes.shape[1]
    flips = np.empty((len(queries), n_planes), np.uint64)
    parities = np.empty(len(queries), np.int64)
    for q in range(len(queries)):
        differing = np.uint64(parity)
        for word in queries[q]:
            differing += _popcount(word)
        parities[q] = differing & np.uint64(1)
        for k in range(n_planes):
            flips[q, k] = ALL if queries[q, k // 64] >> np.uint64(k % 64) & np.uint64(1) else NONE
    for t in range(len(planes)):
        first, last = 64 * TILE * t, min(64 * TILE * (t + 1), n_items)
        tile = planes[t].reshape(-1)
        for q in range(len(queries)):
            begin, end = _select(mask, 0, last - first)
            _add_planes(tile, flips[q], end, sums, spare)
            _tally(sums, mask, begin, end, parities[q], items[q], spare)
            if len(set_planes):
                _select_sharing(mask, sets[q], set_planes[t])
                _tally(sums, mask, begin, end, parities[q], relevant[q], spare)
                continue
            start, stop = max(ranges[q, 0], first), min(ranges[q, 1], last)
            if start < stop:
                begin, end = _select(mask, start - first, stop - first)
                _tally(sums, mask, begin, end, parities[q], relevant[q], spare)


@njit(cache=True, nogil=True)  # pragma: no cover (compiled)
def _count_each(queries, words, query_masks, masks, ranges, n_distances, weights, counts):  # type: ignore[no-untyped-def]
    distances = np.empty(CHUNK, np.uint16)
    for q in range(len(queries)):
        start, stop = ranges[q]
        for first in range(start, stop, CHUNK):
            last = min(first + CHUNK, stop)
            distances[:] = 0
            for w in range(queries.shape[1]):
                word, row = queries[q, w], words[w, first:last]
                for i in range(last - first):
                    distances[i] += _popcount(row[i] ^ word)
            if query_masks.shape[1]:
                for i in range(last - first):
                    shared = NONE
                    for w in range(query_masks.shape[1]):
                        shared |= masks[w, first + i] & query_masks[q, w]
                    distances[i] += n_distances * np.uint64(shared != 0)
            for i in range(last - first):
                counts[q, distances[i]] += weights[first + i]


def as_planes(words: NDArray[np.uint64], n_planes: int) -> NDArray[np.uint64]:
    """Words (n, W) as bit planes (T, K, TILE), plane k of bit k % 8 of byte k // 8; zeros beyond the words.

    K is the next multiple of PLANES: whole bytes, as codes fill theirs from the top. On little-endian
    machines only.
    """
    n, n_tiles = len(words), -(-len(words) // (64 * TILE))
    n_planes = -(-n_planes // PLANES) * PLANES
    planes = _aligned(n_tiles * n_planes * TILE).reshape(n_tiles, n_planes, TILE)
    octets = words.view(np.uint8).reshape(n, 8 * words.shape[1])
    column = np.zeros(n_tiles * TILE * 64, np.uint8)
    for k in range(n_planes):
        if k % 8 == 0:
            column[:n] = octets[:, k // 8]
        bits = np.packbits(column & np.uint8(1 << k % 8), bitorder="little")
        planes[:, k] = bits.view(np.uint64).reshape(n_tiles, TILE)
    return planes


def count_planes(
    queries: NDArray[np.uint64],
    planes: NDArray[np.uint64],
    n_items: int,
    parity: int,
    ranges: NDArray[np.int64],
    sets: tuple[NDArray[np.uint64], NDArray[np.uint64]] | None,
    items: NDArray[np.uint64],
    relevant: NDArray[np.uint64],
) -> None:
    """Add the items and the relevant items at each distance to ``items`` and ``relevant``.

    queries: (Q, W) words of 64 bits. planes: (T, K, TILE), n_items of the database, all with an even number
    of ones (parity 0) or all with an odd one (1). The relevant items are those of ranges (Q, 2),
    [start, stop), or, with sets, those that share a label: (Q, L) words of bits of the queries,
    (T, 64 L, TILE) planes of the items. items, relevant: (Q, G), G a multiple of 16 beyond the largest
    distance.
    """
    n_sums = max(5, planes.shape[1].bit_length())
    scratch = _aligned((2 + n_sums) * TILE)
    own, others = sets or (np.zeros((len(queries), 0), np.uint64), np.zeros((0, 0, TILE), np.uint64))
    called(_count_planes, queries, planes, n_items, parity, ranges, own, others, items, relevant, scratch)


def count_weighted(
    queries: NDArray[np.uint64],
    words: NDArray[np.uint64],
    weights: NDArray[np.int64],
    ranges: NDArray[np.int64],
    n_bits: int,
    query_masks: NDArray[np.uint64] | None = None,
    masks: NDArray[np.uint64] | None = None,
) -> NDArray[np.int64]:
    """Histograms of the distances of each query to the items of its range, each counted by its weight.

    queries: (Q, W) words of 64 bits. words: (W, N), the database. weights: (N,). ranges: (Q, 2), the items
    [start, stop) that the query is compared with. query_masks (Q, L) and masks (L, N): label sets as bits.
    Returns (Q, n_bits + 1), or (Q, 2 (n_bits + 1)) with masks: first the items that share no label, then
    those that do.
    """
    n_bins = n_bits + 1 if masks is None else 2 * (n_bits + 1)
    if query_masks is None or masks is None:
        query_masks, masks = np.zeros((len(queries), 0), np.uint64), np.zeros((0, 0), np.uint64)
    counts = np.zeros((len(queries), n_bins), np.int64)
    n = np.uint64(n_bits + 1)
    called(_count_each, queries, words, query_masks, masks, ranges, n, weights, counts)
    return counts


def _aligned(n_words: int) -> NDArray[np.uint64]:
    """Zeros that begin at a cache line, because a vector that crosses one is read more slowly."""
    line = 8
    buffer = np.zeros(n_words + line, np.uint64)
    first = -(buffer.ctypes.data // 8) % line
    return buffer[first : first + n_words]
