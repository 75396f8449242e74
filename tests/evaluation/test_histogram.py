"""Counts of the kernel against numpy, and what must not change them."""

import numpy as np
import pytest
import torch

from hashbench.contracts.codes import Codes
from hashbench.evaluation import histogram, layout, torch_kernel
from hashbench.evaluation.histogram import HammingIndex, Histograms
from hashbench.evaluation.layout import BitPlanes, Merged, lay_out
from hashbench.evaluation.relevance import check_labels, match_labels

CUDA = pytest.param(
    "cuda",
    marks=[
        pytest.mark.gpu,
        pytest.mark.skipif(not torch.cuda.is_available(), reason="torch.cuda.is_available() is false"),
    ],
)
DEVICES = [None, "cpu", CUDA]


@pytest.fixture(autouse=True)
def _no_database_is_too_small_for_bit_planes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "FEW", 0)


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


def count(
    query: Codes, database: Codes, ql: np.ndarray, dl: np.ndarray, device: str | None = None
) -> Histograms:
    """All histograms, one row for each query; by torch on a device, else by numba."""
    labels = match_labels(check_labels(ql, len(query), "query"), check_labels(dl, len(database), "database"))
    index = HammingIndex(query, database, labels, None if device is None else torch.device(device))
    blocks = [index.count(block) for block in index.blocks()]
    items = np.concatenate([block.items for block in blocks])[index.rows]
    relevant = np.concatenate([block.relevant for block in blocks])[index.rows]
    multiplicity = np.concatenate([block.multiplicity for block in blocks])
    assert np.array_equal(multiplicity, np.bincount(index.rows))
    return Histograms(items, relevant, np.ones(len(query), np.int64))


def make(n_bits: int, n_query: int, n_database: int, labels: str, distinct: int, seed: int = 0):  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(seed)
    pool = rng.normal(size=(distinct, n_bits))
    query = Codes.from_real(pool[rng.integers(0, distinct, n_query)])
    database = Codes.from_real(pool[rng.integers(0, distinct, n_database)])
    if labels == "single":
        return query, database, rng.integers(3, 10, n_query), rng.integers(3, 10, n_database)
    n_classes = {"multi": 10, "multi wide": 130}[labels]
    return query, database, rng.random((n_query, n_classes)) < 0.1, rng.random((n_database, n_classes)) < 0.1


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("distinct", [90, 100_000], ids=["repeats", "hardly any repeats"])
@pytest.mark.parametrize("labels", ["single", "multi", "multi wide"])
@pytest.mark.parametrize("n_bits", [1, 12, 48, 64, 65, 127, 128, 255, 300])
def test_counts_are_those_of_numpy(
    n_bits: int, labels: str, distinct: int, device: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if distinct == 90:  # as in a database so large that merging pays for short codes, too
        monkeypatch.setattr(layout, "MERGED_BITS", 1)
    query, database, ql, dl = make(n_bits, 35, 601, labels, distinct)
    items, relevant = reference(query, database, ql, dl)
    counted = count(query, database, ql, dl, device)
    assert np.array_equal(counted.items, items)
    assert np.array_equal(counted.relevant, relevant)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("distinct", [90, 100_000], ids=["repeats", "hardly any repeats"])
@pytest.mark.parametrize("labels", ["multi", "multi wide"])
def test_gains_are_those_of_numpy(labels: str, distinct: int, device: str | None) -> None:
    query, database, ql, dl = make(20, 35, 601, labels, distinct)
    ql[3], dl[5] = False, False  # an item without labels is relevant to none
    ql[:, 0], dl[:, 1] = True, False  # a label that no item of the database has
    ql[7] = dl[9] = True
    matched = match_labels(ql, dl)
    index = HammingIndex(query, database, matched, device and torch.device(device), graded=True)
    gains = index.count(slice(None)).gains
    assert gains is not None
    sums, grades = (counts[index.rows] for counts in gains)
    shared = ql.astype(int) @ dl.T.astype(int)
    for i, code in enumerate(query.unpack()):
        distances = (database.unpack() != code).sum(1)
        assert np.array_equal(sums[i], np.bincount(distances, weights=shared[i], minlength=21))
        assert np.array_equal(grades[i], np.bincount(shared[i], minlength=grades.shape[1]))


def test_gains_are_counted_only_where_they_are_asked_for_and_differ() -> None:
    for labels, graded in (("single", True), ("multi", False)):
        query, database, ql, dl = make(20, 35, 601, labels, 90)
        index = HammingIndex(query, database, match_labels(ql, dl), None, graded)
        assert index.count(slice(None)).gains is None


@pytest.mark.parametrize("n_database", [4095, 4097, 65_536, 140_001])
@pytest.mark.parametrize("device", DEVICES)
def test_counts_across_chunks_and_tiles(
    device: str | None, n_database: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_kernel, "PAIRS", 2 * torch_kernel.ITEMS)  # two of the three queries at a time
    for distinct in (1, 200_000):
        query, database, ql, dl = make(20, 3, n_database, "single", distinct)
        items, relevant = reference(query, database, ql, dl)
        counted = count(query, database, ql, dl, device)
        assert np.array_equal(counted.items, items)
        assert np.array_equal(counted.relevant, relevant)


def test_all_items_at_one_distance() -> None:
    """As bit planes, which otherwise hold items that differ; and with no item of odd parity."""
    words, labels = np.zeros((140_001, 1), np.uint64), np.arange(140_001) % 2
    for n_bits in (20, 64):
        items, relevant = BitPlanes(words, n_bits, labels).count(words[:3], np.array([0, 1, 2]))
        assert items.tolist() == [[140_001] + n_bits * [0]] * 3
        assert relevant.tolist() == [[n] + n_bits * [0] for n in (70_001, 70_000, 0)]


@pytest.mark.parametrize("n_bits", [1, 15, 16, 31, 32, 63, 64, 4095, 4096])
def test_every_distance(n_bits: int) -> None:
    """From equal to complement, as many items as the distance: the largest ones need one more bit plane."""
    distances = np.repeat(np.arange(n_bits + 1), np.arange(n_bits + 1) % 7 + 1)
    words = Codes.from_real(np.arange(n_bits) < distances[:, None]).words()
    labels = np.arange(len(words)) % 2
    for query in (0, -1):  # the zeros, the ones
        near = distances if query == 0 else n_bits - distances
        items, relevant = BitPlanes(words, n_bits, labels).count(words[query][None], np.array([1]))
        assert items.tolist() == [np.bincount(near, minlength=n_bits + 1).tolist()]
        assert relevant.tolist() == [np.bincount(near, labels, n_bits + 1).astype(int).tolist()]


@pytest.mark.parametrize("labels", ["single", "multi"])
def test_few_items_are_counted_one_by_one(labels: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "FEW", 602)
    query, database, ql, dl = make(64, 35, 601, labels, 100_000)
    assert isinstance(lay_out(database.words(), 64), Merged)
    items, relevant = reference(query, database, ql, dl)
    counted = count(query, database, ql, dl)
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
        index = HammingIndex(query, database, labels)
        assert len(index.count(slice(None)).items) == len(np.unique(query.packed, axis=0)) == n_rows
        assert len(index.rows) == 300


def test_blocks_of_queries_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    query, database, ql, dl = make(12, 50, 200, "single", distinct=30)
    whole = count(query, database, ql, dl)
    monkeypatch.setattr(histogram, "CELLS", 13 * 7)  # seven queries at a time
    labels = match_labels(ql, dl)
    index = HammingIndex(query, database, labels)
    assert len(index.blocks()) == -(-(index.rows.max() + 1) // 7) > 1
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
    halves = [count(query, database[half], ql, dl[half]) for half in (slice(250), slice(250, None))]
    assert np.array_equal(whole.items, halves[0].items + halves[1].items)
    assert np.array_equal(whole.relevant, halves[0].relevant + halves[1].relevant)
    twice = count(query, database[np.repeat(np.arange(501), 2)], ql, np.repeat(dl, 2))
    assert np.array_equal(2 * whole.items, twice.items)


def test_class_without_database_items() -> None:
    query, database, _, dl = make(10, 4, 50, "single", distinct=20)
    counted = count(query, database, np.array([3, 99, 2**40, 5]), dl)
    assert counted.items.sum(1).tolist() == [50] * 4
    assert counted.relevant.sum(1).tolist() == [(dl == 3).sum(), 0, 0, (dl == 5).sum()]


def test_many_classes() -> None:
    rng = np.random.default_rng(0)
    query, database, _, _ = make(10, 40, 3000, "single", distinct=2000)
    odd = int(np.flatnonzero(database.unpack().sum(axis=1) % 2)[0])
    # Of both parities no more than one byte; more; no more than two; more than the labels that need no sort.
    for spread in (128, 129, 300, 40_000, 100_000):
        ql, dl = rng.integers(0, spread, 40), rng.integers(0, spread, 3000)
        dl[:40] = ql
        dl[odd] = ql[-1] = spread - 1
        items, relevant = reference(query, database, ql, dl)
        counted = count(query, database, ql, dl)
        assert np.array_equal(counted.items, items)
        assert np.array_equal(counted.relevant, relevant)
