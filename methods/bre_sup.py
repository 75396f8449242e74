"""Binary reconstructive embedding with labels (supervised BRE).

Kulis & Darrell, "Learning to hash with binary reconstructive embeddings", NIPS 2009. A bit is h_k(x) =
sgn(sum_q W_qk x_qk'x) of s random items x_qk, all rows centred and of length 1. Over random pairs, 1/2 sum
(Hamming distance / r - d_ij)^2 is minimised, r = n_bits, d = 0 for items of one class and 1 for others.
Coordinate descent takes one W_qk at a time, for each bit one random q: as W_qk grows, each item flips the
bit at one value, so that the objective is constant between these values, and the best interval is found
exactly. It ends where a sweep over the bits gains less than 1.
Formula: from a port (ZJULearning/MatlabFunc); the supervised distances, and that rows are centred, from
memory.
Departures from the paper: s = 20 and the rule for the end are the port's. A sum over the flips of each
pair's two items, in place of a walk over them, gives the same intervals. Items with several labels have d =
0 where they share one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.numerics import label_sets, sample_rows, unit_rows, wide


@dataclass(eq=False, repr=False, kw_only=True)
class BRE(HashMethod):
    """Linear bits whose Hamming distances are 0 within a class and 1 between classes, as far as they can.

    n_labelled: how many items, drawn from all, the bits are fitted to.
    n_anchors: s, the items that a bit is a sum of.
    partners: share of the items that an item is paired with.
    n_sweeps: largest number of sweeps.
    """

    supervision: ClassVar = "supervised"
    n_labelled: int = 1000
    n_anchors: int = 20
    partners: float = 0.05
    n_sweeps: int = 100

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        assert y is not None
        if self.n_labelled < 2 or not 0 < self.partners <= 1:
            raise InvalidInputError(
                f"{self.name()}: n_labelled={self.n_labelled} must be 2 or more, partners={self.partners} "
                "above 0 and at most 1"
            )
        member, similarity = label_sets(y.cpu())
        chosen = torch.randperm(len(X), generator=generator)[: self.n_labelled]
        self.mean_ = X.mean(0)
        rows = unit_rows(wide((X - self.mean_).cpu()[chosen]))
        n, r = len(rows), self.n_bits
        kernel = rows @ rows.T
        left = torch.arange(n).repeat(max(1, round(self.partners * n)))
        right = (left + torch.randint(1, max(n, 2), (len(left),), generator=generator)) % n
        target = (similarity[member[chosen[left]], member[chosen[right]]] < 0).double()
        anchors = torch.stack([sample_rows(torch.arange(n), self.n_anchors, generator) for _ in range(r)], 1)
        W = 0.001 * torch.randn(anchors.shape, generator=generator, dtype=torch.float64)
        sums = torch.stack([kernel[:, anchors[:, k]] @ W[:, k] for k in range(r)], 1)
        bits = sums > 0
        differ = (bits[left] != bits[right]).double().sum(1)
        value = (differ / r - target).square().sum() / 2
        for _ in range(self.n_sweeps):
            for k in range(r):
                q = int(torch.randint(len(anchors), (1,), generator=generator))
                column = kernel[:, anchors[q, k]]
                rest = sums[:, k] - W[q, k] * column
                others = differ - (bits[left, k] != bits[right, k]).double()
                cost = ((others + 1) / r - target).square() - (others / r - target).square()
                W[q, k] = best_weight(W[q, k], column, rest, left, right, cost)
                sums[:, k] = rest + W[q, k] * column
                bits[:, k] = sums[:, k] > 0
                differ = others + (bits[left, k] != bits[right, k]).double()
            before, value = value, (differ / r - target).square().sum() / 2
            if before - value < 1:
                break
        directions = [rows[anchors[:, k]].T @ W[:, k] for k in range(r)]
        self.directions_ = torch.stack(directions, 1).to(X.dtype).to(X.device)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return unit_rows(X - self.mean_) @ self.directions_


def best_weight(
    now: torch.Tensor,
    column: torch.Tensor,
    rest: torch.Tensor,
    left: torch.Tensor,
    right: torch.Tensor,
    cost: torch.Tensor,
) -> torch.Tensor:
    """The w () that minimises the sum of the costs (p,) of the pairs (left, right) that differ.

    Item i has bit rest_i + w column_i > 0. Returned is the middle of the best interval of w, or now where
    none is better than the interval of now.
    """
    flips = column != 0
    if not flips.any():
        return now
    at = torch.where(flips, -rest / torch.where(flips, column, 1), torch.inf)
    values, order = at.sort()
    values = values[: int(flips.sum())]
    place = torch.empty_like(order)
    place[order] = torch.arange(len(at))
    first = torch.where(flips, column < 0, rest > 0)  # bits for a w below all values
    change = torch.where(first[left] == first[right], cost, -cost)
    early, late = torch.minimum(place[left], place[right]), torch.maximum(place[left], place[right])
    n = len(at)
    totals = torch.bincount(early + 1, change, n + 1) - torch.bincount(late + 1, change, n + 1)
    totals[0] = cost[first[left] != first[right]].sum()
    totals = totals.cumsum(0)[: len(values) + 1]
    ends = torch.cat([values[:1] - 2, values, values[-1:] + 2])
    middle, width = (ends[1:] + ends[:-1]) / 2, ends[1:] - ends[:-1]
    allowed = torch.where(width > 1e-9, totals, torch.inf)
    best = allowed.argmin()
    current = totals[torch.searchsorted(values, now)]
    return middle[best] if allowed[best] < current - 1e-9 else now
