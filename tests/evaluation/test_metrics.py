"""The formulas against the plainest means: every order of the ties, written out, in exact fractions."""

from fractions import Fraction
from itertools import chain, combinations, permutations, product
from math import comb, log2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom
from sklearn.metrics import average_precision_score, ndcg_score

from hashbench.errors import InvalidInputError
from hashbench.evaluation import metrics as m
from hashbench.evaluation.sums import harmonic_between

Groups = list[tuple[int, int]]


def rankings(groups: Groups) -> list[list[int]]:
    """Every relevance sequence that an order of the ties gives; all are equally likely."""
    within = [[[int(i in hits) for i in range(n)] for hits in combinations(range(n), r)] for n, r in groups]
    return [list(chain(*parts)) for parts in product(*within)]


def precision_sum(ranking: list[int], k: int) -> Fraction:
    return sum((Fraction(sum(ranking[:i]), i) for i in range(1, k + 1) if ranking[i - 1]), Fraction(0))


def ratio(numerator: Fraction | int, denominator: int) -> Fraction:
    return Fraction(numerator) / denominator if denominator else Fraction(0)


def mean(values: list[Fraction]) -> float:
    return float(sum(values) / len(values))


def histograms(*rows: Groups) -> tuple[np.ndarray, np.ndarray]:
    array = np.array(rows, np.int64)
    return array[:, :, 0], array[:, :, 1]


group = st.integers(0, 4).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))
some_groups = st.lists(group, min_size=1, max_size=4).filter(lambda groups: sum(n for n, _ in groups) > 0)


@settings(max_examples=150, deadline=None)
@given(some_groups, st.data())
def test_every_metric_is_its_mean_over_all_tie_orders(groups: Groups, data: st.DataObject) -> None:
    n, R = (sum(counts) for counts in zip(*groups, strict=True))
    k = data.draw(st.integers(1, n))
    orders = rankings(groups)
    items, relevant = histograms(groups)
    whole = [ratio(precision_sum(order, n), R) for order in orders]
    at_k = [precision_sum(order, k) for order in orders]
    hits = [sum(order[:k]) for order in orders]
    expected = {
        m.average_precision: mean(whole),
        m.average_precision_optimistic: float(max(whole)),
        m.average_precision_pessimistic: float(min(whole)),
    }
    expected_at_k = {
        m.average_precision_at_hits: mean([ratio(s, h) for s, h in zip(at_k, hits, strict=True)]),
        m.average_precision_at_min: mean([ratio(s, min(k, R)) for s in at_k]),
        m.average_precision_at_total: mean([ratio(s, R) for s in at_k]),
        m.precision_at: mean([Fraction(h, k) for h in hits]),
        m.recall_at: mean([ratio(h, R) for h in hits]),
    }
    for metric, value in expected.items():
        assert metric(items, relevant) == pytest.approx([value], abs=1e-12), metric.__name__
    for metric, value in expected_at_k.items():
        assert metric(items, relevant, k) == pytest.approx([value], abs=1e-12), metric.__name__


def discounted(gains: tuple[int, ...], k: int) -> float:
    return sum(gain / log2(1 + rank) for rank, gain in enumerate(gains[:k], 1))


some_grades = st.lists(st.lists(st.integers(0, 3), max_size=3), min_size=1, max_size=3).filter(any)


@settings(max_examples=80, deadline=None)
@given(some_grades, st.data())
def test_ndcg_is_its_mean_over_all_tie_orders(groups: list[list[int]], data: st.DataObject) -> None:
    every = [gain for group in groups for gain in group]
    k = data.draw(st.integers(1, len(every)))
    best = discounted(tuple(sorted(every, reverse=True)), k)
    orders = [tuple(chain(*parts)) for parts in product(*(permutations(group) for group in groups))]
    expected = sum(discounted(order, k) / best if best else 0 for order in orders) / len(orders)
    items, relevant = histograms([(len(group), sum(gain > 0 for gain in group)) for group in groups])
    gains = m.Gains(np.array([[sum(group) for group in groups]]), np.bincount(every)[None])
    assert m.ndcg_at(items, relevant, k, gains) == pytest.approx([expected], abs=1e-12)
    if max(every) <= 1:
        assert m.ndcg_at(items, relevant, k) == pytest.approx([expected], abs=1e-12)


def test_ndcg_agrees_with_scikit_learn() -> None:
    """Without ties, and with them too: scikit-learn takes the expectation over their orders by default."""
    rng = np.random.default_rng(0)
    grades, place = rng.integers(0, 4, (20, 60)) * (rng.random((20, 60)) < 0.3), np.arange(60)
    for group in (place, place // 7, 0 * place):
        pad = [np.bincount(group, weights=row).astype(np.int64) for row in grades]
        items = np.tile(np.bincount(group), (20, 1))
        relevant = np.array([np.bincount(group, weights=row > 0).astype(np.int64) for row in grades])
        gains = m.Gains(np.array(pad), np.array([np.bincount(row, minlength=4) for row in grades]))
        for k in (1, 10, 25, 60):
            expected = [ndcg_score(row[None], -group[None], k=k) for row in grades]
            assert m.ndcg_at(items, relevant, k, gains) == pytest.approx(expected, abs=1e-12)
            expected = [ndcg_score(row[None] > 0, -group[None], k=k) for row in grades]
            assert m.ndcg_at(items, relevant, k) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(st.lists(some_groups, min_size=1, max_size=3))
def test_curve_by_rank_is_precision_and_recall_at_each_rank(rows: list[Groups]) -> None:
    longest = max(sum(n for n, _ in row) for row in rows)
    width = max(map(len, rows)) + 1
    rows = [[*row, (longest - sum(n for n, _ in row), 0)] for row in rows]  # the same database for all
    rows = [row + [(0, 0)] * (width - len(row)) for row in rows]
    ranks = list(range(1, longest + 1))
    precision, recall = m.precision_recall_by_rank(*histograms(*rows), ranks)
    backwards = m.precision_recall_by_rank(*histograms(*rows), ranks[::-1])
    assert np.array_equal(backwards[0][:, ::-1], precision)
    assert np.array_equal(backwards[1][:, ::-1], recall)
    for row, precisions, recalls in zip(rows, precision, recall, strict=True):
        # Each place of a group holds a relevant item with probability r/n.
        places, R = [ratio(r, n) for n, r in row for _ in range(n)], sum(r for _, r in row)
        hits = [float(sum(places[:k])) for k in ranks]
        assert precisions == pytest.approx([hit / k for hit, k in zip(hits, ranks, strict=True)], abs=1e-12)
        assert recalls == pytest.approx([hit / R if R else 0 for hit in hits], abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(some_groups, st.integers(0, 5))
def test_radius_metrics_look_at_the_ball_only(groups: Groups, radius: int) -> None:
    ball = groups[: radius + 1]
    n, hits, R = sum(n for n, _ in ball), sum(r for _, r in ball), sum(r for _, r in groups)
    items, relevant = histograms(groups)
    precision, recall = ratio(hits, n), ratio(hits, R)
    assert m.precision_within(items, relevant, radius) == pytest.approx([float(precision)])
    assert m.recall_within(items, relevant, radius) == pytest.approx([float(recall)])
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0
    assert m.f1_within(items, relevant, radius) == pytest.approx([float(f1)])
    ap = mean([ratio(precision_sum(order, n), hits) for order in rankings(ball)])
    assert m.average_precision_within(items, relevant, radius) == pytest.approx([ap], abs=1e-12)
    curve = m.precision_recall_by_radius(items, relevant)
    inside = min(radius, len(groups) - 1)
    assert [curve[0][0, inside], curve[1][0, inside]] == pytest.approx([float(precision), float(recall)])


def test_rows_do_not_influence_each_other() -> None:
    rows = [
        [(3, 1), (4, 2), (0, 0)],
        [(0, 0), (5, 5), (2, 0)],
        [(1, 0), (3, 0), (3, 0)],
        [(7, 3), (0, 0), (0, 0)],
    ]
    for metric in (m.average_precision, m.average_precision_optimistic, m.average_precision_pessimistic):
        alone = [metric(*histograms(row))[0] for row in rows]
        assert metric(*histograms(*rows)).tolist() == alone
    for at in (m.average_precision_at_hits, m.average_precision_at_min, m.recall_at, m.ndcg_at):
        alone = [at(*histograms(row), 4)[0] for row in rows]
        assert at(*histograms(*rows), 4) == pytest.approx(alone, abs=1e-15)


def test_denominator_of_hits_is_not_monotone() -> None:
    """The worked case of swuxyj/DeepHash-pytorch issue 33: one hit more, a lower score."""
    more, fewer = [(1, 1), (1, 0), (1, 1), (1, 1)], [(1, 1), (1, 0), (1, 0), (1, 1)]
    items, relevant = histograms(more, fewer)
    assert m.average_precision_at_hits(items, relevant, 3) == pytest.approx([5 / 6, 1])
    assert m.average_precision_at_min(items, relevant, 3) == pytest.approx([5 / 9, 1 / 2])
    assert m.average_precision_at_total(items, relevant, 3) == pytest.approx([5 / 9, 1 / 2])


def test_published_formula_of_tie_aware_average_precision() -> None:
    """McSherry & Najork 2008, summed rank by rank as they print it."""
    groups = [(3, 2), (0, 0), (1, 1), (40, 7), (2, 2), (500, 30), (1, 0), (9, 0)]
    total, N, P, R = Fraction(0), 0, 0, sum(r for _, r in groups)
    for n, r in groups:
        for t in range(N + 1, N + n + 1):
            slope = Fraction(r - 1, n - 1) if n > 1 else Fraction(0)
            total += Fraction(r, n) * (P + (t - N - 1) * slope + 1) / t
        N, P = N + n, P + r
    value = m.average_precision(*histograms(groups))
    assert value == pytest.approx([float(total / R)], abs=1e-14)


@pytest.mark.parametrize("metric", [m.average_precision, m.average_precision_optimistic])
def test_no_digits_are_lost_far_down_the_ranking(metric) -> None:  # type: ignore[no-untyped-def]
    """Where N is large, naive prefix sums of 1/t cancel: 1e-10 at N = 50,000, 1e-8 at 10,000,000."""
    for before in (63, 64, 1_000, 50_000, 10_000_000):
        exact = (Fraction(1, before + 1) + Fraction(2, before + 2)) / 2
        value = metric(*histograms([(before, 0), (2, 2)]))[0]
        assert value == pytest.approx(float(exact), rel=1e-9)
        assert abs(value - float(exact)) < 1e-15


def test_harmonic_differences() -> None:
    for a, b in product((0, 1, 5, 63, 64, 65, 100, 700), repeat=2):
        if a <= b:
            exact = sum((Fraction(1, t) for t in range(a + 1, b + 1)), Fraction(0))
            assert harmonic_between(np.array([a]), np.array([b])) == pytest.approx(float(exact), rel=1e-13)


@pytest.mark.parametrize(
    ("before", "cut", "k"),
    [((7, 3), (5000, 500), 1000), ((0, 0), (50_000, 5_000), 1000), ((9, 0), (1200, 1190), 50)],
)
def test_expected_ratio_in_large_groups(before: tuple[int, int], cut: tuple[int, int], k: int) -> None:
    """Against the sum over the whole hypergeometric distribution of scipy."""
    (N, P), (n, r), drawn = before, cut, k - before[0]
    first = m.average_precision(*histograms([before, (1, 0)]))[0] * P
    expected = 0.0
    for h in range(max(0, drawn - n + r), min(r, drawn) + 1):
        slope = (h - 1) / (drawn - 1)
        precisions = sum((P + 1 + j * slope) / (N + j + 1) for j in range(drawn)) * h / drawn
        if P + h:
            expected += hypergeom.pmf(h, n, r, drawn) * (first + precisions) / (P + h)
    value = m.average_precision_at_hits(*histograms([before, cut, (10, 5)]), k)[0]
    assert value == pytest.approx(expected, rel=1e-9)


def test_agrees_with_scikit_learn_without_ties() -> None:
    rng = np.random.default_rng(0)
    relevance = rng.random((20, 300)) < 0.2
    expected = [average_precision_score(row, -np.arange(300)) for row in relevance]
    items = np.ones(relevance.shape, np.int64)
    for metric in (m.average_precision, m.average_precision_optimistic, m.average_precision_pessimistic):
        assert metric(items, relevance.astype(np.int64)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("n", "r"), [(10, 1), (10, 10), (59_000, 5_900)])
def test_one_tied_group_scores_what_a_random_order_scores(n: int, r: int) -> None:
    """E[AP] of a random order: [(r - 1)/(n - 1) (n - H_n) + H_n] / n."""
    H = sum(1 / t for t in range(1, n + 1))
    expected = ((r - 1) / (n - 1) * (n - H) + H) / n
    assert m.average_precision(*histograms([(n, r)])) == pytest.approx([expected], abs=1e-12)


def test_last_item_counts() -> None:
    items, relevant = histograms([(4, 0), (1, 1)])
    assert m.average_precision(items, relevant) == pytest.approx([1 / 5])
    assert m.average_precision_at_hits(items, relevant, 5) == pytest.approx([1 / 5])
    assert m.recall_at(items, relevant, 5) == pytest.approx([1])


def test_query_without_relevant_items_scores_zero() -> None:
    items, relevant = histograms([(2, 0), (3, 0)])
    for metric in (m.average_precision, m.average_precision_optimistic, m.average_precision_pessimistic):
        assert metric(items, relevant).tolist() == [0.0]
    for at in (m.average_precision_at_hits, m.average_precision_at_min, m.average_precision_at_total):
        assert at(items, relevant, 3).tolist() == [0.0]
    assert m.recall_at(items, relevant, 3).tolist() == [0.0]
    assert m.ndcg_at(items, relevant, 3).tolist() == [0.0]
    assert m.recall_within(items, relevant, 1).tolist() == [0.0]


def test_rank_beyond_the_database() -> None:
    for metric in (m.precision_at, m.average_precision_at_hits, m.average_precision_at_min, m.ndcg_at):
        with pytest.raises(InvalidInputError, match="rank 6 is beyond the database of 5 items"):
            metric(*histograms([(2, 1), (3, 1)]), 6)


def test_oracle_writes_out_every_order() -> None:
    assert len(rankings([(4, 2), (3, 1)])) == comb(4, 2) * comb(3, 1)
