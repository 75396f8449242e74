"""Counts of the kernel against numpy, and what must not change them."""

import numpy as np
import pytest

from hashbench.codes import Codes
from hashbench.errors import InvalidInputError
from hashbench.evaluation import histogram
from hashbench.evaluation.histogram import HammingIndex, Histograms
from hashbench.evaluation.relevance import check_labels, match_labels


def reference(
    query: Codes, database: Codes, query_labels: np.ndarray, database_labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Items and relevant items at each distance, one query at a time: no words, no packing, no merging."""
    bits, n_bins = database.unpack(), query.n_bits + 1
    items, relevant = [], []
    for code, label in zip(query.unpack(), query_labels, strict=True):
        distances = (bits != code).sum(1)
        shares = database_labels == label if label.ndim == 0 else (database_labels & label).any(1)
        items.append(np.bincount(distances, minlength=n_bins))
        relevant.append(np.bincount(distances[shares], minlength=n_bins))
    return np.array(items), np.array(relevant)


def count(query: Codes, database: Codes, ql: np.ndarray, dl: np.ndarray, **options) -> Histograms:  # type: ignore[no-untyped-def]
    """All histograms, one row for each query."""
    labels = match_labels(check_labels(ql, len(query), "query"), check_labels(dl, len(database), "database"))
    blocks = list(HammingIndex(query, database, labels, **options).blocks())
    items = np.concatenate([h.items[rows] for h, rows in blocks])
    relevant = np.concatenate([h.relevant[rows] for h, rows in blocks])
    assert sum(h.multiplicity.sum() for h, _ in blocks) == len(query)
    return Histograms(items, relevant, np.ones(len(query), np.int64))


def make(n_bits: int, n_query: int, n_database: int, labels: str, distinct: int, seed: int = 0):  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(seed)
    pool = rng.normal(size=(distinct, n_bits))
    query = Codes.from_real(pool[rng.integers(0, distinct, n_query)])
    database = Codes.from_real(pool[rng.integers(0, distinct, n_database)])
    if labels == "single":
        return query, database, rng.integers(-3, 4, n_query), rng.integers(-3, 4, n_database)
    n_classes = {"multi": 10, "multi wide": 130}[labels]
    return query, database, rng.random((n_query, n_classes)) < 0.1, rng.random((n_database, n_classes)) < 0.1


@pytest.mark.parametrize("deduplicate", [None, True, False])
@pytest.mark.parametrize("labels", ["single", "multi", "multi wide"])
@pytest.mark.parametrize("n_bits", [1, 8, 12, 48, 64, 65, 127, 128, 255, 256, 300])
def test_counts_are_those_of_numpy(n_bits: int, labels: str, deduplicate: bool | None) -> None:
    query, database, ql, dl = make(n_bits, 35, 601, labels, distinct=90)
    items, relevant = reference(query, database, ql, dl)
    counted = count(query, database, ql, dl, deduplicate=deduplicate)
    assert np.array_equal(counted.items, items)
    assert np.array_equal(counted.relevant, relevant)


@pytest.mark.parametrize("n_database", [4095, 4097, 65_536, 140_001])
def test_counts_across_chunks_and_tiles(n_database: int) -> None:
    for distinct in (1, 200_000):  # one code for all: the largest count a cell can hold
        query, database, ql, dl = make(20, 3, n_database, "single", distinct)
        items, relevant = reference(query, database, ql, dl)
        counted = count(query, database, ql, dl, deduplicate=False)
        assert np.array_equal(counted.items, items)
        assert np.array_equal(counted.relevant, relevant)


def test_large_sets_decide_by_sample() -> None:
    """Beyond 4,096 codes a sample comes first; with and without repeats the counts are right."""
    for distinct in (50, 100_000):
        query, database, ql, dl = make(40, 20, 9000, "single", distinct)
        items, relevant = reference(query, database, ql, dl)
        counted = count(query, database, ql, dl)
        assert np.array_equal(counted.items, items)
        assert np.array_equal(counted.relevant, relevant)


def test_repeated_codes_are_merged_and_distinct_ones_are_not() -> None:
    for distinct, n_rows in ((5, 5), (100_000, 300)):
        query, database, _, _ = make(40, 300, 300, "single", distinct)
        labels = match_labels(np.zeros(300, np.int64), np.zeros(300, np.int64))
        ((histograms, rows),) = HammingIndex(query, database, labels).blocks()
        assert len(histograms.items) == len(np.unique(query.packed, axis=0)) == n_rows
        assert len(rows) == 300


def test_blocks_of_queries_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    query, database, ql, dl = make(12, 50, 200, "single", distinct=30)
    whole = count(query, database, ql, dl)
    monkeypatch.setattr(histogram, "CELLS", 13 * 7)  # seven queries at a time
    labels = match_labels(ql, dl)
    assert len(list(HammingIndex(query, database, labels).blocks())) == 8
    parts = count(query, database, ql, dl)
    assert np.array_equal(parts.items, whole.items)
    assert np.array_equal(parts.relevant, whole.relevant)


@pytest.mark.parametrize("labels", ["single", "multi"])
def test_what_does_not_change_the_counts(labels: str) -> None:
    query, database, ql, dl = make(30, 25, 500, labels, distinct=100)
    counted = count(query, database, ql, dl)
    order = np.random.default_rng(1).permutation(500)
    shuffled = count(query, database[order], ql, dl[order])
    assert np.array_equal(counted.items, shuffled.items)
    assert np.array_equal(counted.relevant, shuffled.relevant)

    flip = np.zeros(30, np.uint8)
    flip[[3, 17]] = 1
    flipped = count(Codes.from_real(query.unpack() ^ flip), Codes.from_real(database.unpack() ^ flip), ql, dl)
    assert np.array_equal(counted.items, flipped.items)
    assert np.array_equal(counted.relevant, flipped.relevant)


def test_halves_of_the_database_add_up() -> None:
    query, database, ql, dl = make(30, 25, 501, "single", distinct=100)
    whole = count(query, database, ql, dl)
    merged = count(query, database[:250], ql, dl[:250]) + count(query, database[250:], ql, dl[250:])
    assert np.array_equal(whole.items, merged.items)
    assert np.array_equal(whole.relevant, merged.relevant)
    twice = count(query, database[np.repeat(np.arange(501), 2)], ql, np.repeat(dl, 2))
    assert np.array_equal(2 * whole.items, twice.items)
    with pytest.raises(InvalidInputError, match="not of the same queries"):
        _ = whole + count(query[:5], database, ql[:5], dl)


def test_class_without_database_items() -> None:
    query, database, _, dl = make(10, 4, 50, "single", distinct=20)
    counted = count(query, database, np.array([-3, 99, 2**40, 0]), dl)
    assert counted.items.sum(1).tolist() == [50] * 4
    assert counted.relevant.sum(1).tolist() == [(dl == -3).sum(), 0, 0, (dl == 0).sum()]


def test_many_classes() -> None:
    rng = np.random.default_rng(0)
    query, database, _, _ = make(10, 40, 3000, "single", distinct=2000)
    for spread in (300, 100_000):  # more than one byte; more than the labels that need no sort
        ql, dl = rng.integers(0, spread, 40), rng.integers(0, spread, 3000)
        dl[:40] = ql
        items, relevant = reference(query, database, ql, dl)
        counted = count(query, database, ql, dl)
        assert np.array_equal(counted.items, items)
        assert np.array_equal(counted.relevant, relevant)
