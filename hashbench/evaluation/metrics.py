"""Metrics of a ranking with ties, each a pure function of two histograms.

``items`` and ``relevant`` are (Q, G) int64: for each query (a row) and each group of tied items, nearest
first, how many items and how many relevant items the group holds. For codes, group d holds the items at
Hamming distance d. Every function returns (Q,) float64. A query without a relevant item scores 0.

Notation: n, r are the items and the relevant items of a group; N, P those before it; R = all relevant items.
Items of a group stand in random order, all orders equally likely; the expectation over them is exact.
Formulas: McSherry & Najork, "Computing information retrieval performance measures efficiently in the presence
of tied scores", ECIR 2008.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hashbench.errors import InvalidInputError
from hashbench.evaluation.arrays import Counts, Values


class Gains(NamedTuple):
    """What graded metrics need beyond ``items`` and ``relevant``.

    sums: (Q, G), the sum of the gains of each group's items. grades: (Q, S + 1), how many items of the whole
    database have gain 0, 1, ..., S.
    """

    sums: Counts
    grades: Counts


def average_precision(items: Counts, relevant: Counts) -> Values:
    """Expected average precision of the whole ranking.

    AP = (1/R) sum over groups of (r/n) sum_{j=1..n} [P + 1 + (j - 1)(r - 1)/(n - 1)] / (N + j).
    """
    return _divide(_precision_sum(items, relevant, items), relevant.sum(1))


def average_precision_optimistic(items: Counts, relevant: Counts) -> Values:
    """Average precision where the relevant items of each group come first: an upper bound.

    AP = (1/R) sum over groups of sum_{i=1..r} (P + i) / (N + i).
    """
    return _divide(_first_come(relevant, _before(items)), relevant.sum(1))


def average_precision_pessimistic(items: Counts, relevant: Counts) -> Values:
    """Average precision where the relevant items of each group come last: a lower bound.

    AP = (1/R) sum over groups of sum_{i=1..r} (P + i) / (N + n - r + i).
    """
    return _divide(_first_come(relevant, _before(items) + items - relevant), relevant.sum(1))


def average_precision_at_total(items: Counts, relevant: Counts, k: int) -> Values:
    """Expected AP@k divided by R, all relevant items of the database: (1/R) sum_{i<=k} P@i rel(i)."""
    _check_rank(items, k)
    return _divide(_precision_sum(items, relevant, _kept(items, k)), relevant.sum(1))


def average_precision_at_min(items: Counts, relevant: Counts, k: int) -> Values:
    """Expected AP@k divided by min(k, R), the most relevant items that k ranks can hold."""
    _check_rank(items, k)
    return _divide(_precision_sum(items, relevant, _kept(items, k)), np.minimum(relevant.sum(1), k))


def average_precision_at_hits(items: Counts, relevant: Counts, k: int) -> Values:
    """Expected AP@k divided by the relevant items among the first k; no hit scores 0.

    The denominator most hashing code uses; it is not monotone: [+, -, +] scores 5/6, [+, -, -] scores 1.
    Both parts of the ratio depend on the order inside the one group that rank k cuts, through the number h of
    relevant items among its first m, which is hypergeometric. Given h, the first m items are a group of their
    own with h relevant items, so E = sum_h p(h) [A + S(m, h)] / (P + h), with A the sum of precisions before
    the group and S that of the average precision above with n = m, r = h.
    """
    _check_rank(items, k)
    kept = _kept(items, k)
    uncut = np.where(kept == items, kept, 0)
    before = _precision_sum(items, relevant, uncut)
    cut = (kept > 0) & (kept < items)
    hits = np.where(uncut > 0, relevant, 0).sum(1)
    result = _divide(before, hits)
    rows = np.flatnonzero(cut.any(1))
    if len(rows):
        group = cut[rows].argmax(1)
        n, r, m = (counts[rows, group] for counts in (items, relevant, kept))
        result[rows] = _expected_ratio(n, r, m, k - m, hits[rows], before[rows])
    return result


def precision_at(items: Counts, relevant: Counts, k: int) -> Values:
    """Expected precision of the first k items: (1/k) [P + (k - N) r/n], in the group that holds rank k."""
    return precision_recall_by_rank(items, relevant, [k])[0][:, 0]


def recall_at(items: Counts, relevant: Counts, k: int) -> Values:
    """Expected part of the relevant items that is among the first k: (1/R) [P + (k - N) r/n]."""
    return precision_recall_by_rank(items, relevant, [k])[1][:, 0]


def ndcg_at(items: Counts, relevant: Counts, k: int, gains: Gains | None = None) -> Values:
    """Expected discounted cumulative gain of the first k items, divided by the highest possible.

    DCG = sum over groups of (g/n) sum_{t=N+1..min(N+n,k)} 1 / log2(1 + t), g the sum of the group's gains.
    The highest possible is the DCG of the database in the order of gains: its groups are the grades.
    The gain of an item is the number of labels that it shares with the query, undistorted; gains None: 1 if
    relevant, else 0. Järvelin & Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002,
    with the discount of Burges et al., "Learning to rank using gradient descent", ICML 2005.
    """
    _check_rank(items, k)
    if gains is None:
        n_items, n_relevant = items.sum(1), relevant.sum(1)
        gains = Gains(relevant, np.stack([n_items - n_relevant, n_relevant], axis=1))
    best = gains.grades[:, ::-1]
    ideal = _discounted(best, best * np.arange(best.shape[1])[::-1], k)
    return _divide(_discounted(items, gains.sums, k), ideal)


def precision_within(items: Counts, relevant: Counts, radius: int) -> Values:
    """Part of the items at Hamming distance <= radius that is relevant; an empty ball scores 0."""
    ball = slice(radius + 1)
    return _divide(relevant[:, ball].sum(1), items[:, ball].sum(1))


def recall_within(items: Counts, relevant: Counts, radius: int) -> Values:
    """Part of the relevant items that is at Hamming distance <= radius."""
    return _divide(relevant[:, : radius + 1].sum(1), relevant.sum(1))


def f1_within(items: Counts, relevant: Counts, radius: int) -> Values:
    """Harmonic mean of precision and recall within the radius: 2 hits / (items in the ball + R)."""
    ball = slice(radius + 1)
    return _divide(2 * relevant[:, ball].sum(1), items[:, ball].sum(1) + relevant.sum(1))


def average_precision_within(items: Counts, relevant: Counts, radius: int) -> Values:
    """Expected AP of the items at distance <= radius, divided by the relevant ones among them.

    An empty ball scores 0. A pure Hamming ranking: DCH (Cao et al., CVPR 2018) re-ranks the ball by real
    values instead.
    """
    ball = slice(radius + 1)
    return average_precision(items[:, ball], relevant[:, ball])


def precision_recall_by_radius(items: Counts, relevant: Counts) -> tuple[Values, Values]:
    """Precision and recall within each radius, both (Q, G); an empty ball has precision 0."""
    hits = relevant.cumsum(1)
    return _divide(hits, items.cumsum(1)), _divide(hits, hits[:, -1:])


def precision_recall_by_rank(items: Counts, relevant: Counts, ranks: ArrayLike) -> tuple[Values, Values]:
    """Expected precision and recall of the first k items for each k of ``ranks``, both (Q, len(ranks)).

    The expected number of hits is P + (k - N) r/n, in the group that holds rank k.
    """
    from hashbench.evaluation.sums import hits_within

    k = np.asarray(ranks)
    _check_rank(items, int(k.max()))
    hits = hits_within(items, relevant, k)
    return hits / k, _divide(hits, relevant.sum(1, keepdims=True))


def _precision_sum(items: Counts, relevant: Counts, kept: Counts) -> Values:
    """Expected sum of the precisions at the relevant items, over the first ``kept`` items of each group."""
    from hashbench.evaluation.sums import precision_sum

    return precision_sum(items, relevant, kept, _before(items), _before(relevant)).sum(1)


def _first_come(relevant: Counts, N: Counts) -> Values:
    """Sum of the precisions at the relevant items where those of a group have the ranks N + 1 to N + r."""
    from hashbench.evaluation.sums import precision_sum

    return precision_sum(relevant, relevant, relevant, N, _before(relevant)).sum(1)


def _expected_ratio(n: Counts, r: Counts, m: Counts, N: Counts, P: Counts, before: Values) -> Values:
    """E[(before + precisions at the h hits) / (P + h)], h hypergeometric: hits of m draws from n with r."""

    def ratio(h: Counts) -> Values:
        return _divide(before + h / m * ((P + 1) * gap + (h - 1) / np.maximum(m - 1, 1) * later), P + h)

    from hashbench.evaluation.sums import harmonic_between

    gap = harmonic_between(N, N + m)
    later = m - (N + 1) * gap
    mode = (m + 1) * (r + 1) // (n + 2)
    total, weight = ratio(mode), np.ones(len(n))
    for step in (1, -1):  # outwards from the mode: weights relative to it, none overflows
        h, p = mode, np.ones(len(n))
        while True:
            if step > 0:
                p = p * ((r - h) / (h + 1)) * ((m - h) / np.maximum(n - r - m + h + 1, 1))
            else:
                p = p * (h / (r - h + 1)) * (np.maximum(n - r - m + h, 0) / (m - h + 1))
            h = h + step
            p = np.where(p > 1e-18, p, 0.0)
            if not p.any():
                break
            h = np.where(p > 0, h, mode)
            total += p * ratio(h)
            weight += p
    return total / weight


def _discounted(items: Counts, gains: Counts, k: int) -> Values:
    """Expected sum of gain times discount over the first k items, whose groups have these sums of gains."""
    discounts = _discount_sums(k)
    N = np.minimum(_before(items), k)
    within = discounts[np.minimum(N + items, k)] - discounts[N]
    return (gains / np.maximum(items, 1) * within).sum(1)


@lru_cache(maxsize=4)
def _discount_sums(k: int) -> Values:
    """sum_{t=1..n} 1 / log2(1 + t) for n = 0..k."""
    return np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, k + 2)))])


def _before(counts: Counts) -> Counts:
    from hashbench.evaluation.sums import before

    return before(counts)


def _kept(items: Counts, k: int) -> Counts:
    """How many items of each group are among the first k."""
    return np.clip(k - _before(items), 0, items)


def _divide(numerator: NDArray, denominator: NDArray) -> Values:
    """Quotient, 0 where the denominator is 0 (the numerator is too)."""
    return numerator / np.maximum(denominator, 1)


def _check_rank(items: Counts, k: int) -> None:
    n_items = int(items[0].sum()) if len(items) else k
    if k > n_items:
        raise InvalidInputError(
            f"rank {k} is beyond the database of {n_items} items; ask for at most @{n_items}"
        )
