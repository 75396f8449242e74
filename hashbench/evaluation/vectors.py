"""Real vectors ranked by cosine and scored by the same metrics as codes: a ceiling for codes."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hashbench.errors import InvalidInputError
from hashbench.evaluation.arrays import Counts, Values
from hashbench.evaluation.evaluate import Evaluation, curve_ranks, summarise
from hashbench.evaluation.inputs import as_array
from hashbench.evaluation.metric_names import DEFAULT_METRICS, choose_metrics
from hashbench.evaluation.metrics import Gains, precision_recall_by_rank
from hashbench.evaluation.relevance import Labels, check_labels, has_label, match_labels

CELLS = 1 << 22  # query x database cells held at a time
ROWS = 8192  # vectors checked at a time


def evaluate_vectors(
    query_vectors: ArrayLike,
    database_vectors: ArrayLike,
    query_labels: ArrayLike,
    database_labels: ArrayLike,
    metrics: Iterable[str] | None = DEFAULT_METRICS,
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
    # Cosine up to the query's norm, which does not change its ranking: vectors of -1 and 1 tie exactly.
    norms = np.sqrt(np.einsum("nd,nd->n", database, database))
    scale = 1 / np.where(norms > 0, norms, 1)
    same = _first_equal(database)
    graded = labels.multi_label and any(metric.graded for metric in chosen)
    ranks = curve_ranks(len(database))
    parts: dict[str, list[Values]] = {metric.name: [] for metric in chosen}
    by_rank = np.zeros((2, len(ranks)))
    size = int(np.clip(CELLS // len(database), 1, 256))
    for first in range(0, len(query), size):
        with np.errstate(over="ignore", invalid="ignore"):  # reported below
            similarity = query[first : first + size] @ database.T
            similarity *= scale
        if not np.isfinite(similarity).all():
            raise InvalidInputError("products of the vectors overflow float32; scale the features down")
        if same is not None:
            similarity = similarity[:, same]
        shared = _shared_labels(labels, slice(first, first + size))
        items, relevant, sums = rank_groups(similarity, shared if graded else shared > 0)
        gains = Gains(sums, _count_grades(shared)) if graded else None
        for metric in chosen:
            parts[metric.name].append(metric(items, relevant, gains))
        by_rank += [values.sum(0) for values in precision_recall_by_rank(items, relevant, ranks)]
    per_query = {name: np.concatenate(blocks) for name, blocks in parts.items()}
    return summarise(per_query, len(database), None, by_rank)


def rank_groups(similarity: NDArray[np.float32], gains: NDArray) -> tuple[Counts, Counts, Counts]:
    """Items, relevant items and gains of each group of the ranking, most similar first: (Q, G), zero padded.

    similarity: (Q, N). gains: (Q, N) of at most 65,535, or bool. Items of equal similarity are a group.
    Neighbouring groups whose items all have one gain are put together: their order changes no metric, and
    some 59,000 groups become a few thousand.
    """
    n_queries, n_items = similarity.shape
    bits = (-similarity + np.float32(0)).view(np.int32)  # + 0: zero has one sign, so one bit pattern
    ordered = np.where(bits < 0, bits ^ 0x7FFFFFFF, bits)  # sorts as the floats do
    keys = (ordered.astype(np.int64) << 16) | gains
    keys.sort(axis=1)
    gain, place = (keys & 0xFFFF).ravel(), keys >> 16
    first = np.ones((n_queries, n_items), bool)
    np.not_equal(place[:, 1:], place[:, :-1], out=first[:, 1:])
    starts = np.flatnonzero(first)
    items = np.diff(starts, append=gain.size)
    lowest, highest = gain[starts], gain[starts + items - 1]
    row = starts // n_items
    pure = lowest == highest
    joins = (row[1:] == row[:-1]) & pure[1:] & pure[:-1] & (lowest[1:] == lowest[:-1])
    run = starts[np.concatenate([[True], ~joins])]
    row = run // n_items
    column = np.arange(len(run)) - np.searchsorted(row, np.arange(n_queries))[row]
    groups = np.zeros((3, n_queries, column.max() + 1), np.int64)
    sums = np.add.reduceat(gain, run)
    relevant = sums if gains.dtype == bool else np.add.reduceat((gain > 0).astype(np.int64), run)
    groups[:, row, column] = np.diff(run, append=gain.size), relevant, sums
    return groups[0], groups[1], groups[2]


def _check_vectors(vectors: ArrayLike, of: str) -> NDArray[np.float32]:
    array = as_array(vectors, f"{of} vectors")
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

    A matrix product may round equal columns differently, depending on their position: this keeps them tied.
    Vectors are compared by their digests, so that the database is not held twice.
    """
    seen: dict[bytes, int] = {}
    digests = (blake2b(vector + np.float32(0), digest_size=16).digest() for vector in database)  # -0 is 0
    same = np.array([seen.setdefault(digest, i) for i, digest in enumerate(digests)])
    return None if len(seen) == len(database) else same


def _shared_labels(labels: Labels, block: slice) -> NDArray:
    """How many labels each item shares with each query of the block: (Q, N)."""
    query = labels.query[block]
    if not labels.multi_label:
        return query[:, None] == labels.database
    shared = np.zeros((len(query), len(labels.database)), np.uint16)
    for label in range(labels.n_classes):
        shared[has_label(query, label)] += has_label(labels.database, label)
    return shared


def _count_grades(shared: NDArray[np.uint16]) -> Counts:
    n_grades = int(shared.max()) + 1
    places = shared + n_grades * np.arange(len(shared))[:, None]
    return np.bincount(places.ravel(), minlength=n_grades * len(shared)).reshape(-1, n_grades)
