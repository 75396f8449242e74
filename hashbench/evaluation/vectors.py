"""Real vectors ranked by cosine and scored by the same metrics as codes: the ceiling of all coding."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hashbench.errors import InvalidInputError
from hashbench.evaluation.evaluate import Evaluation, summarise
from hashbench.evaluation.metric_names import DEFAULT_METRICS, choose_metrics
from hashbench.evaluation.metrics import Counts
from hashbench.evaluation.relevance import Labels, check_labels, match_labels

CELLS = 1 << 22  # query x database cells held at a time
ROWS = 8192  # vectors checked at a time


def evaluate_vectors(
    query_vectors: ArrayLike,
    database_vectors: ArrayLike,
    query_labels: ArrayLike,
    database_labels: ArrayLike,
    metrics: Iterable[str] = DEFAULT_METRICS,
) -> Evaluation:
    """Rank the database by cosine similarity for each query and score the rankings, exactly.

    Vectors: (Q, d) and (N, d), computed in float32; equal similarities tie, equal vectors always. A vector of
    zeros has similarity 0 to all. Labels and metrics as in ``evaluate``; radius metrics do not apply.
    Raises InvalidInputError, UnknownNameError.
    """
    query, database = _check_vectors(query_vectors, "query"), _check_vectors(database_vectors, "database")
    if query.shape[1] != database.shape[1]:
        raise InvalidInputError(
            f"query vectors have {query.shape[1]} dimensions, database vectors {database.shape[1]}; both "
            "must come from the same features"
        )
    labels = match_labels(
        check_labels(query_labels, len(query), "query"),
        check_labels(database_labels, len(database), "database"),
    )
    chosen = choose_metrics(metrics, len(database), radii=False)
    # Cosine up to the query's norm, which its ranking does not see: vectors of -1 and 1 tie exactly.
    norms = np.sqrt(np.einsum("nd,nd->n", database, database))
    scale = 1 / np.where(norms > 0, norms, 1)
    same = _first_equal(database)
    per_query: dict[str, list[NDArray[np.float64]]] = {metric.name: [] for metric in chosen}
    size = int(np.clip(CELLS // len(database), 1, 256))
    for first in range(0, len(query), size):
        with np.errstate(over="ignore", invalid="ignore"):  # named below
            similarity = query[first : first + size] @ database.T
            similarity *= scale
        if not np.isfinite(similarity).all():
            raise InvalidInputError("products of the vectors overflow float32; scale the features down")
        if same is not None:
            similarity = similarity[:, same]
        items, relevant = rank_groups(similarity, _relevance(labels, slice(first, first + size)))
        for metric in chosen:
            per_query[metric.name].append(metric(items, relevant))
    return summarise(per_query, len(database), None)


def rank_groups(similarity: NDArray[np.float32], relevance: NDArray[np.bool_]) -> tuple[Counts, Counts]:
    """Items and relevant items of each group of the ranking, most similar first: (Q, G) each, zero padded.

    similarity, relevance: (Q, N). Items of equal similarity are a group. Neighbouring groups without any
    relevant item are put together, and so are neighbouring groups of relevant items only: their order moves
    no metric, and some 59,000 groups become a few thousand.
    """
    n_queries, n_items = similarity.shape
    bits = (-similarity + np.float32(0)).view(np.int32)  # + 0: zero has one sign, so one bit pattern
    ordered = np.where(bits < 0, bits ^ 0x7FFFFFFF, bits)  # sorts as the floats do
    keys = (ordered.astype(np.int64) << 1) | relevance
    keys.sort(axis=1)
    hit, place = (keys & 1).ravel(), keys >> 1
    first = np.ones((n_queries, n_items), bool)
    np.not_equal(place[:, 1:], place[:, :-1], out=first[:, 1:])
    starts = np.flatnonzero(first)
    items = np.diff(starts, append=hit.size)
    relevant = np.add.reduceat(hit, starts)
    row = starts // n_items
    mixed = (relevant > 0) & (relevant < items)
    joins = (row[1:] == row[:-1]) & ~mixed[1:] & ~mixed[:-1] & ((relevant[1:] > 0) == (relevant[:-1] > 0))
    run = np.flatnonzero(np.concatenate([[True], ~joins]))
    row = row[run]
    column = np.arange(len(run)) - np.searchsorted(row, np.arange(n_queries))[row]
    groups = np.zeros((2, n_queries, column.max() + 1), np.int64)
    groups[:, row, column] = np.add.reduceat(items, run), np.add.reduceat(relevant, run)
    return groups[0], groups[1]


def _check_vectors(vectors: ArrayLike, of: str) -> NDArray[np.float32]:
    array = np.asarray(vectors)
    if array.ndim != 2 or array.shape[1] == 0 or array.dtype.kind not in "biuf":
        raise InvalidInputError(f"{of} vectors must be (n, d) real values, not {array.shape} {array.dtype}")
    if not len(array):
        raise InvalidInputError(f"{of} vectors are empty; at least one is needed")
    array = np.ascontiguousarray(array, np.float32)
    if not all(np.isfinite(array[i : i + ROWS]).all() for i in range(0, len(array), ROWS)):
        raise InvalidInputError(f"{of} vectors contain NaN or infinity; clean them first")
    return array


def _first_equal(database: NDArray[np.float32]) -> NDArray[np.int64] | None:
    """The index of the first equal vector for each; None where no two are equal.

    A matrix product may round equal columns differently, by where they stand: this keeps them tied.
    """
    seen: dict[bytes, int] = {}
    same = np.array([seen.setdefault(vector.tobytes(), i) for i, vector in enumerate(database)])
    return None if len(seen) == len(database) else same


def _relevance(labels: Labels, block: slice) -> NDArray[np.bool_]:
    query = labels.query[block]
    if not labels.multi_label:
        return query[:, None] == labels.database
    shared = np.zeros((len(query), len(labels.database)), bool)
    for word, column in zip(query.T, labels.database.T, strict=True):
        shared |= (word[:, None] & column) != 0
    return shared
