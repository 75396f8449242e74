"""Binary reconstructive embeddings (BRE), without labels.

Kulis & Darrell, "Learning to hash with binary reconstructive embeddings", NIPS 2009. A bit is
h_k(x) = [sum_q W_qk kappa(x_qk, x) > 0] over s training items of its own; kappa is the inner product of
centred rows of length 1. W minimises sum over pairs of (share of bits that differ - d_ij)^2 / 2, d_ij =
||x_i - x_j||^2 / 2, one weight at a time: as W_qk grows, each item's bit changes at one value; of all the
intervals between these values the best is found exactly.
Formula: read in the authors' code (as kept in ZJULearning/MatlabFunc).
Departures from the paper: distances are divided by the largest of the pairs, as in the code. s = 50 is the
paper's from memory (the code kept has 20), and so is that rows are centred before they are scaled. Only so
many training items are looked at as ``n_items`` says (1,000, as there); pairs are 5 % of them for each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.numerics import unit_rows


@dataclass(eq=False, repr=False, kw_only=True)
class BRE(HashMethod):
    """Linear hash functions, spanned by training items, whose Hamming distances rebuild Euclidean ones.

    n_items: training items, drawn at random, that the distances are of.
    n_anchors: s, items that a bit is spanned by, drawn from these.
    pair_share: with how many of the items each is compared.
    n_iter: largest number of sweeps; a sweep changes one weight of each bit.
    tolerance: sweeps end where the objective falls by less.
    """

    n_items: int = 1000
    n_anchors: int = 50
    pair_share: float = 0.05
    n_iter: int = 100
    tolerance: float = 1.0

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        if self.n_items < 2 or self.n_anchors < 1 or not 0 < self.pair_share <= 1:
            raise InvalidInputError(
                f"{self.name()}: n_items={self.n_items} must be 2 or more, n_anchors={self.n_anchors} "
                f"positive, pair_share={self.pair_share} above 0 and at most 1"
            )
        self.mean_ = X.mean(0)
        order = torch.randperm(len(X), generator=generator)[: self.n_items]
        rows = unit_rows(X[order.to(X.device)] - self.mean_).cpu().double()
        n, s = len(rows), min(self.n_anchors, len(rows))
        anchors = torch.rand(self.n_bits, n, generator=generator).topk(s).indices
        weights = 0.001 * torch.randn(self.n_bits, s, generator=generator, dtype=torch.float64)
        partners = torch.rand(n, n, generator=generator).fill_diagonal_(-1)
        chosen = partners.topk(min(max(round(self.pair_share * n), 1), max(n - 1, 1))).indices
        pairs = torch.stack([torch.arange(n)[:, None].expand_as(chosen).flatten(), chosen.flatten()]).numpy()
        kernel = (rows @ rows.T).numpy()
        wanted = 1 - kernel[pairs[0], pairs[1]]
        wanted /= max(wanted.max(), 1e-12)
        picks = torch.randint(s, (self.n_iter, self.n_bits), generator=generator).numpy()
        learned = descended(kernel, anchors.numpy(), weights.numpy(), pairs, wanted, picks, self.tolerance)
        spanned = rows[anchors] * torch.from_numpy(learned)[:, :, None]
        self.normals_ = unit_rows(spanned.sum(1)).T.float().contiguous().to(X.device)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return unit_rows(X - self.mean_) @ self.normals_


def descended(
    kernel: NDArray,
    anchors: NDArray,
    weights: NDArray,
    pairs: NDArray,
    wanted: NDArray,
    picks: NDArray,
    tol: float,
) -> NDArray:
    """Weights (r, s) after at most len(picks) sweeps; a sweep sets weight picks[sweep, k] of each bit k.

    kernel (n, n); anchors (r, s): the items that span each bit; pairs (2, p); wanted (p,): their distances.
    """
    weights, r = weights.copy(), len(weights)
    values = np.stack([kernel[:, anchors[k]] @ weights[k] for k in range(r)])
    bits = values > 0
    differ = (bits[:, pairs[0]] != bits[:, pairs[1]]).sum(0)
    before = reconstruction(differ / r, wanted)
    for sweep in picks:
        for k, q in enumerate(sweep):
            differ -= bits[k, pairs[0]] != bits[k, pairs[1]]
            slope = kernel[:, anchors[k, q]]
            rest = values[k] - weights[k, q] * slope
            weights[k, q] = best_weight(rest, slope, differ, pairs, wanted, r, weights[k, q])
            values[k] = rest + weights[k, q] * slope
            bits[k] = values[k] > 0
            differ += bits[k, pairs[0]] != bits[k, pairs[1]]
        after = reconstruction(differ / r, wanted)
        if before - after < tol:
            break
        before = after
    return weights


def reconstruction(distances: NDArray, wanted: NDArray) -> float:
    """Half of the sum of squared differences, the objective."""
    return float(np.square(distances - wanted).sum() / 2)


def best_weight(
    rest: NDArray, slope: NDArray, others: NDArray, pairs: NDArray, wanted: NDArray, r: int, now: float
) -> float:
    """The w at which the bits [rest + w slope > 0] of n items make the objective least.

    others (p,): in how many of the other r - 1 bits each pair differs. w lies half-way between two values at
    which a bit changes, or beyond all; it stays ``now`` where nothing is better.
    """
    moving = np.abs(slope) > 1e-12
    where = np.where(moving, -rest / np.where(moving, slope, 1), np.inf)
    order = np.argsort(where, kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    count = int(moving.sum())
    if not count:
        return now
    # An item's bit as long as fewer than rank + 1 items have changed, and after.
    early = np.where(moving, slope < 0, rest > 0)
    late = np.where(moving, slope > 0, rest > 0)
    i, j = pairs
    first, second = np.where(rank[i] < rank[j], i, j), np.where(rank[i] < rank[j], j, i)
    cost = (np.square((others + 1) / r - wanted) - np.square(others / r - wanted)) / 2  # of differing
    states = [early[first] != early[second], late[first] != early[second], late[first] != late[second]]
    jumps = np.zeros(len(order) + 1)
    jumps[0] = cost @ states[0]
    for item, old, new in ((first, *states[:2]), (second, *states[1:])):
        steps = np.bincount(rank[item], cost * (new.astype(float) - old), len(order))
        jumps[1:] += steps
    sums = jumps.cumsum()[: count + 1]
    ends = where[order[:count]]
    middles = np.concatenate([[ends[0] - 1], (ends[1:] + ends[:-1]) / 2, [ends[-1] + 1]])
    valid = np.concatenate([[True], ends[1:] > ends[:-1], [True]])  # equal ends leave no room between
    best = int(np.where(valid, sums, np.inf).argmin())
    bits = rest + now * slope > 0
    return float(middles[best]) if sums[best] < cost @ (bits[i] != bits[j]) - 1e-12 else now
