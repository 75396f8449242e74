"""The counting kernel for GPUs: the counts of ``kernel.py``, bit for bit, from torch on a device.

Distances are a matrix product of -1/+1 codes, exact in half precision up to 2,048 bits since every partial
sum is an integer that it can hold; each pair then adds one to its query's histogram. Pairs are counted
tile by tile, so that memory does not grow with queries or database.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

PAIRS = 1 << 24  # query x item pairs per tile: some 200 MiB on the device
ITEMS = 1 << 14  # database items per tile
HALF_BITS = 2048  # the longest codes whose distances half precision holds


@torch.inference_mode()
def count_distances(
    queries: NDArray[np.uint64],
    words: NDArray[np.uint64],
    query_labels: NDArray,
    labels: NDArray,
    n_bits: int,
    weights: NDArray[np.int64] | None,
    device: torch.device,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Histograms of the distances of each query to all items, and to the relevant ones.

    queries: (Q, W) words of 64 bits. words: (W, N), the database. query_labels and labels: (Q,) and (N,)
    int64 classes, or (Q, L) and (L, N) uint64 label sets as bits. weights: (N,), how often an item counts;
    None: once. Returns two (Q, n_bits + 1) int64.
    """
    width, n_distances = 64 * queries.shape[1], n_bits + 1
    exact = torch.float16 if width <= HALF_BITS else torch.float32
    half_width = torch.tensor(width / 2, dtype=exact, device=device)
    query_signs, query_sets = _signs(queries, exact, device), _sets(query_labels, device)
    counts = torch.zeros((len(queries), 2 * n_distances), dtype=torch.int64, device=device)
    for first in range(0, words.shape[1], ITEMS):
        tile = slice(first, first + ITEMS)
        signs, sets = _signs(words[:, tile].T, exact, device), _sets(labels[..., tile].T, device)
        times = torch.ones(1, dtype=torch.int64) if weights is None else torch.from_numpy(weights[tile])
        times = times.to(device)
        step = PAIRS // len(signs)
        for start in range(0, len(queries), step):
            rows = slice(start, start + step)
            # The padding bits are equal, so the width stands for n_bits.
            distance = torch.addmm(half_width, query_signs[rows], signs.T, alpha=-0.5)
            bins = distance.to(torch.int64).add_(_share(query_sets[rows], sets), alpha=n_distances)
            counts[rows].scatter_add_(1, bins, times.expand_as(bins))
    apart, relevant = counts.cpu().numpy().reshape(len(queries), 2, n_distances).transpose(1, 0, 2)
    return apart + relevant, np.ascontiguousarray(relevant)


def _bits(words: NDArray[np.uint64], device: torch.device) -> torch.Tensor:
    """(n, W) uint64 to (n, 64 W) uint8 zeros and ones, the same order for all."""
    octets = torch.from_numpy(np.ascontiguousarray(words).view(np.uint8)).to(device)
    places = torch.arange(8, dtype=torch.uint8, device=device)
    return (octets.unsqueeze(2) >> places).bitwise_and_(1).flatten(1)


def _signs(words: NDArray[np.uint64], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    return _bits(words, device).to(dtype).mul_(2).sub_(1)


def _sets(labels: NDArray, device: torch.device) -> torch.Tensor:
    """Classes as they are, (n,); label sets (n, L) as multi-hot rows for a matrix product."""
    if labels.ndim == 1:
        return torch.from_numpy(labels).to(device)
    return _bits(labels, device).to(torch.float32)


def _share(query_sets: torch.Tensor, sets: torch.Tensor) -> torch.Tensor:
    """Which items share a class or a label with which queries: (Q, N) bool."""
    if sets.ndim == 1:
        return query_sets.unsqueeze(1) == sets
    return query_sets @ sets.T > 0
