"""The classic mistakes of published code, planted one by one: the comparison with all orders of ties fails.

A test of the tests. The problem holds what the mistakes need to show: ties, outputs that are exactly 0, a
relevant item at the very end, a query without relevant items and one whose ball is empty.
"""

from collections.abc import Callable, Iterator
from itertools import chain, permutations, product
from math import log2
from types import SimpleNamespace

import numpy as np
import pytest

from hashbench.contracts.codes import Codes
from hashbench.evaluation import evaluate
from hashbench.evaluation import metrics as m
from hashbench.evaluation.histogram import HammingIndex, Histograms
from hashbench.evaluation.metric_table import METRICS, RANKING

QUERY = np.array([[-1, -1, -1, -1], [-1, -1, 1, -1], [1, -1, -1, -1]]) * 0.7
DATABASE = np.array(
    [
        [-0.9, -0.2, -0.7, -0.5],
        [-0.6, -0.8, 0.0, 0.4],
        [-0.3, -0.7, 0.6, -0.2],
        [-0.5, 0.9, -0.4, -0.8],
        [-0.7, -0.6, 0.5, 0.3],
        [-0.2, 0.4, 0.8, 0.0],
        [0.5, 0.6, 0.2, 0.8],
    ]
)
QUERY_SETS = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]])
DATABASE_SETS = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 0, 1], [0, 1, 1], [0, 0, 0], [1, 1, 0]])
DATABASE_SETS = np.pad(DATABASE_SETS, ((0, 0), (0, 1)))
NAMES = ["map", "map@3[hits]", "map@2[min]", "map@2[total]", "precision@3", "recall@3", "ndcg@3"]
NAMES += ["precision@r0", "recall@r2", "f1@r1", "map@r1"]


def replaced(patch: pytest.MonkeyPatch, name: str, function: Callable[..., np.ndarray]) -> None:
    """Plant a function in the place of a metric's."""
    patch.setitem(METRICS, name, METRICS[name]._replace(function=function))


def orders(query: int) -> Iterator[tuple[int, ...]]:
    """The gains of the ranking in every order of its ties."""
    distances = ((DATABASE > 0) != (QUERY[query] > 0)).sum(1)
    gains = DATABASE_SETS @ QUERY_SETS[query]
    groups = [gains[distances == d].tolist() for d in range(5)]
    return (tuple(chain(*order)) for order in product(*map(permutations, groups)))


def ball(query: int, radius: int) -> int:
    return int((((DATABASE > 0) != (QUERY[query] > 0)).sum(1) <= radius).sum())


def precisions(gains: tuple[int, ...], k: int) -> float:
    return sum(sum(g > 0 for g in gains[:i]) / i for i in range(1, k + 1) if gains[i - 1])


def dcg(gains: tuple[int, ...], k: int) -> float:
    return sum(gain / log2(1 + rank) for rank, gain in enumerate(gains[:k], 1))


def score(name: str, gains: tuple[int, ...], query: int) -> float:
    """A metric of one order, as its definition says; 0/0 is 0."""
    hits, R = [sum(g > 0 for g in gains[:k]) for k in range(len(gains) + 1)], sum(g > 0 for g in gains)
    n = ball(query, int(name[-1])) if "@r" in name else 0
    value = {
        "map": (precisions(gains, len(gains)), R),
        "map@3[hits]": (precisions(gains, 3), hits[3]),
        "map@2[min]": (precisions(gains, 2), min(2, R)),
        "map@2[total]": (precisions(gains, 2), R),
        "precision@3": (hits[3], 3),
        "recall@3": (hits[3], R),
        "ndcg@3": (dcg(gains, 3), dcg(tuple(sorted(gains, reverse=True)), 3)),
        "precision@r0": (hits[n], n),
        "recall@r2": (hits[n], R),
        "f1@r1": (2 * hits[n], n + R),
        "map@r1": (precisions(gains, n), hits[n]),
    }[name]
    return value[0] / value[1] if value[1] else 0.0


EXPECTED = {
    name: np.mean([np.mean([score(name, gains, i) for gains in orders(i)]) for i in range(3)])
    for name in NAMES
}


def check() -> None:
    """Raise AssertionError where the package does not give what the orders written out give."""
    result = evaluate(QUERY, DATABASE, QUERY_SETS, DATABASE_SETS, NAMES)
    assert result.values == pytest.approx(EXPECTED, abs=1e-12)


def test_the_package_makes_none_of_them() -> None:
    check()


Plant = Callable[[pytest.MonkeyPatch], None]
PLANTS: dict[str, Plant] = {}
HOME = SimpleNamespace(**evaluate.__globals__)  # names as evaluate sees them


def plant(function: Plant) -> Plant:
    PLANTS[function.__name__] = function
    return function


def replace(patch: pytest.MonkeyPatch, name: str, value: object) -> None:
    patch.setitem(evaluate.__globals__, name, value)


@plant
def the_last_item_is_dropped(patch: pytest.MonkeyPatch) -> None:
    def without_last(query, database, labels, *rest):  # type: ignore[no-untyped-def]
        cut = type(labels)(labels.query, labels.database[:-1], labels.n_classes)
        return HOME.HammingIndex(query, database[:-1], cut, *rest)

    replace(patch, "HammingIndex", without_last)
    replace(patch, "curve_ranks", lambda n_database: [1])  # else the rank of the lost item is refused


def rank_by(patch: pytest.MonkeyPatch, distances: np.ndarray, sort: str | None = None) -> None:
    """Let the package count distances (Q, N) that can be halves; ``sort``: and break ties as argsort does.

    Each item has a bin of 2 N a unit of distance: those of a distance share one, or follow one another as
    sorted. All else, the balls of a radius too, stays as it is.
    """
    n = len(DATABASE)
    places = (2 * n * distances).astype(int)
    if sort is not None:
        places += distances.argsort(axis=1, kind=sort).argsort(axis=1)  # type: ignore[call-overload]
    gains = QUERY_SETS @ DATABASE_SETS.T

    def count(weights: np.ndarray) -> np.ndarray:
        pairs = zip(places, weights, strict=True)
        return np.array([np.bincount(row, weight, 2 * n * 5) for row, weight in pairs]).astype(int)

    def all_at_once(index: HammingIndex, block: slice) -> Histograms:
        index.rows, index.block_size = np.arange(len(QUERY)), len(QUERY)
        grades = np.array([np.bincount(row, minlength=3) for row in gains])
        once = np.ones(len(QUERY), int)
        counts = count(np.ones(gains.shape)), count(gains > 0)
        return Histograms(*counts, once, m.Gains(count(gains), grades))

    def within(metric: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
        return lambda items, relevant, radius: metric(items, relevant, 2 * n * radius + n - 1)

    def by_radius(*counts: np.ndarray) -> list[np.ndarray]:
        return [values[:, n - 1 :: 2 * n] for values in m.precision_recall_by_radius(*counts)]

    patch.setattr(HammingIndex, "blocks", lambda index: [slice(None)])
    patch.setattr(HammingIndex, "count", all_at_once)
    replace(patch, "precision_recall_by_radius", by_radius)
    for name in RANKING:
        if name.endswith("@rR"):
            replaced(patch, name, within(METRICS[name].function))


HAMMING = ((QUERY[:, None] > 0) != (DATABASE > 0)).sum(2)


def test_what_the_plants_of_rankings_leave_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are noticed for their distances and their ties, not for how they are planted."""
    rank_by(monkeypatch, HAMMING)
    check()


@plant
def ties_fall_as_the_file_lists_them(patch: pytest.MonkeyPatch) -> None:
    rank_by(patch, HAMMING, "stable")


@plant
def ties_fall_as_an_unstable_sort_leaves_them(patch: pytest.MonkeyPatch) -> None:
    rank_by(patch, HAMMING, "heapsort")


@plant
def sign_of_zero_is_a_third_value(patch: pytest.MonkeyPatch) -> None:
    rank_by(patch, (4 - np.sign(QUERY) @ np.sign(DATABASE).T) / 2)


@plant
def the_formula_for_training_is_reported(patch: pytest.MonkeyPatch) -> None:
    def smooth(items: np.ndarray, relevant: np.ndarray) -> np.ndarray:
        N, P = items.cumsum(1), relevant.cumsum(1)
        value = (relevant * (2 * P - relevant + 1) / (2 * N - items + 1)).sum(1)
        return value / np.maximum(relevant.sum(1), 1)

    replaced(patch, "map", smooth)


@plant
def zero_is_not_a_negative_output(patch: pytest.MonkeyPatch) -> None:
    def not_below_zero(cls: type[Codes], values: np.ndarray) -> Codes:
        return cls(np.packbits(np.asarray(values) >= 0, axis=1), np.shape(values)[1])

    patch.setattr(Codes, "from_real", classmethod(not_below_zero))


@plant
def queries_without_relevant_items_are_skipped(patch: pytest.MonkeyPatch) -> None:
    def skipping(per_query, *rest):  # type: ignore[no-untyped-def]
        return HOME.summarise({name: values[:2] for name, values in per_query.items()}, *rest)

    replace(patch, "summarise", skipping)


@plant
def empty_balls_are_skipped(patch: pytest.MonkeyPatch) -> None:
    def of_full_balls(items: np.ndarray, relevant: np.ndarray, radius: int) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            values = relevant[:, : radius + 1].sum(1) / items[:, : radius + 1].sum(1)
        return np.where(np.isnan(values), np.nanmean(values), values)

    replaced(patch, "precision@rR", of_full_balls)


@plant
def one_denominator_passes_for_another(patch: pytest.MonkeyPatch) -> None:
    replaced(patch, "map@K[min]", m.average_precision_at_hits)


@plant
def hits_of_the_expectation_instead_of_the_expectation_of_the_ratio(patch: pytest.MonkeyPatch) -> None:
    def of_means(items: np.ndarray, relevant: np.ndarray, k: int) -> np.ndarray:
        hits = k * m.precision_at(items, relevant, k)
        return m.average_precision_at_total(items, relevant, k) * relevant.sum(1) / np.maximum(hits, 1e-9)

    replaced(patch, "map@K[hits]", of_means)


@plant
def the_first_step_of_recall_is_lost(patch: pytest.MonkeyPatch) -> None:
    def without_first(items: np.ndarray, relevant: np.ndarray) -> np.ndarray:
        lost = m.average_precision_at_total(items, relevant, 1)
        return m.average_precision(items, relevant) - lost

    replaced(patch, "map", without_first)


@plant
def gains_are_cut_to_relevance(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(HOME.Metric, "graded", property(lambda metric: False))


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_mistake_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTS[name](monkeypatch)
    with pytest.raises(AssertionError):
        check()
