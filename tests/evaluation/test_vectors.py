"""Cosine ranking of real vectors."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, ndcg_score

from hashbench.errors import InvalidInputError
from hashbench.evaluation import evaluate, evaluate_vectors, vectors
from hashbench.evaluation.metrics import average_precision, average_precision_at_hits, precision_at

RNG = np.random.default_rng(0)
QUERY, DATABASE = RNG.normal(size=(15, 6)), RNG.normal(size=(300, 6))
QUERY_LABELS, DATABASE_LABELS = RNG.integers(0, 4, 15), RNG.integers(0, 4, 300)


def test_agrees_with_scikit_learn_on_cosine() -> None:
    result = evaluate_vectors(QUERY, DATABASE, QUERY_LABELS, DATABASE_LABELS)
    cosine = QUERY @ (DATABASE / np.linalg.norm(DATABASE, axis=1, keepdims=True)).T
    for i, label in enumerate(QUERY_LABELS):
        expected = average_precision_score(label == DATABASE_LABELS, cosine[i])
        assert result.per_query["map"][i] == pytest.approx(expected, abs=1e-12)
        top = np.argsort(-cosine[i])[:100]
        assert result.per_query["precision@100"][i] == pytest.approx((DATABASE_LABELS[top] == label).mean())
    assert result.pr_curve is None
    assert (result.n_queries, result.n_database) == (15, 300)


@pytest.mark.parametrize("multi_label", [False, True])
def test_signs_rank_as_their_codes(multi_label: bool) -> None:
    """The cosine of -1/+1 vectors falls with their Hamming distance: same groups, so same values."""
    query, database = np.sign(QUERY), np.sign(DATABASE)
    ql, dl = (RNG.random((n, 5)) < 0.3 for n in (15, 300)) if multi_label else (QUERY_LABELS, DATABASE_LABELS)
    names = [
        "map",
        "map_optimistic",
        "map_pessimistic",
        "map@50[hits]",
        "map@50[min]",
        "recall@20",
        "ndcg@50",
    ]
    by_cosine = evaluate_vectors(query, database, ql, dl, names)
    by_distance = evaluate(query, database, ql, dl, names)
    for name in names:
        assert by_cosine.per_query[name] == pytest.approx(by_distance.per_query[name], abs=1e-12)
    assert by_cosine.rank_curve.rank == by_distance.rank_curve.rank
    assert by_cosine.rank_curve.precision == pytest.approx(by_distance.rank_curve.precision, abs=1e-12)
    assert by_cosine.rank_curve.recall == pytest.approx(by_distance.rank_curve.recall, abs=1e-12)


def test_graded_ndcg_agrees_with_scikit_learn() -> None:
    query_sets, database_sets = RNG.random((15, 70)) < 0.2, RNG.random((300, 70)) < 0.2
    result = evaluate_vectors(QUERY, DATABASE, query_sets, database_sets, ["ndcg@10", "ndcg@300"])
    shared = query_sets.astype(int) @ database_sets.T.astype(int)
    cosine = QUERY @ (DATABASE / np.linalg.norm(DATABASE, axis=1, keepdims=True)).T
    for i in range(15):
        for k in (10, 300):
            expected = ndcg_score(shared[i : i + 1], cosine[i : i + 1], k=k)
            assert result.per_query[f"ndcg@{k}"][i] == pytest.approx(expected, abs=1e-12)


def test_grouping_neighbours_moves_no_metric() -> None:
    """Against one group a similarity value, none put together."""
    similarity = RNG.integers(-4, 5, (8, 60)).astype(np.float32)
    similarity[0, :5] = -0.0  # ties with 0
    relevance = RNG.random((8, 60)) < 0.3
    values = np.unique(similarity)[::-1]
    items = np.stack([(similarity == value).sum(1) for value in values], axis=1)
    relevant = np.stack([((similarity == value) & relevance).sum(1) for value in values], axis=1)
    *few, gains = vectors.rank_groups(similarity, relevance)
    assert np.array_equal(gains, few[1])
    assert average_precision(*few) == pytest.approx(average_precision(items, relevant), abs=1e-14)
    for k in (1, 7, 60):
        assert precision_at(*few, k) == pytest.approx(precision_at(items, relevant, k), abs=1e-14)
        exact = average_precision_at_hits(items, relevant, k)
        assert average_precision_at_hits(*few, k) == pytest.approx(exact, abs=1e-14)
    distinct = RNG.permutation(np.arange(480, dtype=np.float32)).reshape(8, 60)
    items, relevant, _ = vectors.rank_groups(distinct, distinct >= distinct.mean(axis=1, keepdims=True))
    assert items.shape == (8, 2)  # relevant ones, then the others
    assert (items[:, 0] == relevant[:, 0]).all()
    assert (items.sum(1) == 60).all()


def test_equal_vectors_tie_and_scale_does_not_matter() -> None:
    database = np.concatenate([DATABASE, DATABASE[:50], np.zeros((2, 6))])
    labels = np.concatenate([DATABASE_LABELS, (DATABASE_LABELS[:50] + 1) % 4, [0, 1]])
    result = evaluate_vectors(QUERY, database, QUERY_LABELS, labels)
    assert result["map_pessimistic"] < result["map"] < result["map_optimistic"]
    order = RNG.permutation(352)
    scaled = evaluate_vectors(QUERY * 8, database[order] * 4, QUERY_LABELS, labels[order])
    for name, values in result.per_query.items():
        assert scaled.per_query[name] == pytest.approx(values, abs=1e-12)


def test_equal_vectors_share_one_similarity() -> None:
    """A product may round by position; so equal vectors are looked up, never computed twice."""
    some = DATABASE.astype(np.float32)
    assert vectors._first_equal(some) is None
    same = vectors._first_equal(some[[4, 7, 4, 9, 7]])
    assert same is not None
    assert same.tolist() == [0, 1, 0, 3, 1]
    zeros = np.array([[0.0, 1.0], [-0.0, 1.0]], np.float32)
    assert vectors._first_equal(zeros) is not None  # equal, though not byte for byte


def test_chunks_of_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = evaluate_vectors(QUERY, DATABASE, QUERY_LABELS, DATABASE_LABELS)
    monkeypatch.setattr(vectors, "CELLS", 1200)
    parts = evaluate_vectors(QUERY, DATABASE, QUERY_LABELS, DATABASE_LABELS)
    for name, values in whole.per_query.items():
        assert parts.per_query[name] == pytest.approx(values, abs=1e-12)


@pytest.mark.parametrize(
    ("query", "database", "message"),
    [
        (QUERY[:, :5], DATABASE, "query vectors have 5 dimensions, database vectors 6"),
        (QUERY[0], DATABASE, r"query vectors must be \(n, d\) real values, not \(6,\)"),
        (QUERY, DATABASE.astype(str), "database vectors must be"),
        (QUERY, DATABASE[:0], "database vectors are empty"),
        (np.full((15, 6), np.nan), DATABASE, "query vectors contain NaN or infinity"),
        (QUERY * 1e30, DATABASE * 1e30, "overflow float32; scale the features down"),
    ],
)
def test_wrong_vectors(query: np.ndarray, database: np.ndarray, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        evaluate_vectors(query, database, QUERY_LABELS, DATABASE_LABELS[: len(database)])


def test_radius_does_not_apply() -> None:
    assert not any("@r" in name for name in evaluate_vectors(QUERY, DATABASE, QUERY_LABELS, DATABASE_LABELS))
    with pytest.raises(InvalidInputError, match="'recall@r2' needs codes"):
        evaluate_vectors(QUERY, DATABASE, QUERY_LABELS, DATABASE_LABELS, ["recall@r2"])
