"""Codes and labels to metrics: the whole evaluation in one call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hashbench.codes import Codes
from hashbench.errors import InvalidInputError, UnknownNameError
from hashbench.evaluation.histogram import HammingIndex, Histograms
from hashbench.evaluation.inputs import as_codes
from hashbench.evaluation.metric_names import DEFAULT_METRICS, Metric, choose_metrics
from hashbench.evaluation.metrics import precision_recall_by_radius
from hashbench.evaluation.relevance import check_labels, match_labels

if TYPE_CHECKING:
    import torch

MAX_BITS = 4096
ROWS = 1024  # queries scored at a time: their temporary arrays stay in the cache


@dataclass(frozen=True)
class PrecisionRecallCurve:
    """Mean precision and recall of the queries within each Hamming radius; an empty ball has precision 0."""

    radius: list[int]
    precision: list[float]
    recall: list[float]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Metric values by name, means over the queries; ``evaluation["map"]``.

    per_query: (n_queries,) float64 by name. pr_curve: None for real vectors.
    """

    values: dict[str, float]
    per_query: dict[str, NDArray[np.float64]]
    pr_curve: PrecisionRecallCurve | None
    n_queries: int
    n_database: int

    def __getitem__(self, name: str) -> float:
        if name not in self.values:
            raise UnknownNameError("metric of this evaluation", name, self.values)
        return self.values[name]

    def __contains__(self, name: object) -> bool:
        return name in self.values

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)


def evaluate(
    query_codes: Codes | ArrayLike,
    database_codes: Codes | ArrayLike,
    query_labels: ArrayLike,
    database_labels: ArrayLike,
    metrics: Iterable[str] = DEFAULT_METRICS,
    device: str = "cpu",
) -> Evaluation:
    """Rank the database by Hamming distance for each query and score the rankings, exactly.

    Codes: ``Codes``, or (n, n_bits) arrays of bool, 0/1, -1/+1 or real values (bit = value > 0).
    Labels: (n,) classes (relevant: the same class) or (n, C) multi-hot (relevant: a label shared).
    metrics: names as ``describe_metrics`` lists them; by default DEFAULT_METRICS without ranks beyond the
    database. device: "cuda", "cuda:1" count on the GPU, by torch; all others ("cpu", "mps") on the CPU's
    cores; "auto" on a GPU where there is one. Every value is the same, bit for bit.
    Ties count in expectation over their orders; a query without a relevant item counts 0. Memory stays within
    a small multiple of the codes. Raises InvalidInputError, UnknownNameError.
    """
    query, database = as_codes(query_codes, "query"), as_codes(database_codes, "database")
    if query.n_bits != database.n_bits:
        raise InvalidInputError(
            f"query codes have {query.n_bits} bits, database codes {database.n_bits}; both must "
            "come from the same encoder"
        )
    if query.n_bits > MAX_BITS:
        raise InvalidInputError(
            f"codes of {query.n_bits} bits are too long; at most {MAX_BITS} are supported"
        )
    labels = match_labels(
        check_labels(query_labels, len(query), "query"),
        check_labels(database_labels, len(database), "database"),
    )
    chosen = choose_metrics(metrics, len(database))
    index = HammingIndex(query, database, labels, _find_gpu(device))
    per_query: dict[str, list[NDArray[np.float64]]] = {metric.name: [] for metric in chosen}
    curve = np.zeros((2, query.n_bits + 1))
    with ThreadPoolExecutor() as pool:
        for histograms, rows in index.blocks():
            firsts = range(0, len(histograms.items), ROWS)
            scores = list(pool.map(partial(_score, chosen, histograms), firsts))
            for i, metric in enumerate(chosen):
                per_query[metric.name].append(np.concatenate([values[i] for values, _ in scores])[rows])
            curve += sum(part for _, part in scores)
    precision, recall = (curve / len(query)).tolist()
    return summarise(
        per_query,
        len(database),
        PrecisionRecallCurve(list(range(query.n_bits + 1)), precision, recall),
    )


def _score(
    chosen: list[Metric], histograms: Histograms, first: int
) -> tuple[list[NDArray[np.float64]], NDArray[np.float64]]:
    """The values of ROWS queries for each metric, and the sums of their curves."""
    rows = slice(first, first + ROWS)
    items, relevant = histograms.items[rows], histograms.relevant[rows]
    curves = precision_recall_by_radius(items, relevant)
    sums = np.array([histograms.multiplicity[rows] @ by_query for by_query in curves])
    return [metric(items, relevant) for metric in chosen], sums


def _find_gpu(device: str) -> torch.device | None:
    """The GPU of a name; None where the CPU counts, which the name "cpu" tells without loading torch."""
    if device == "cpu":
        return None
    from hashbench.device import resolve_device

    found = resolve_device(device)
    return found if found.type == "cuda" else None


def summarise(
    parts: Mapping[str, list[NDArray[np.float64]]], n_database: int, curve: PrecisionRecallCurve | None
) -> Evaluation:
    """The evaluation of values that came in blocks of queries."""
    per_query = {name: np.concatenate(blocks) for name, blocks in parts.items()}
    values = {name: float(array.mean()) for name, array in per_query.items()}
    n_queries = len(next(iter(per_query.values())))
    return Evaluation(values, per_query, curve, n_queries, n_database)
