"""Codes and labels to metrics: the whole evaluation in one call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hashbench.codes import Codes
from hashbench.errors import InvalidInputError, UnknownNameError
from hashbench.evaluation.histogram import HammingIndex, Histograms
from hashbench.evaluation.inputs import as_codes
from hashbench.evaluation.metric_names import DEFAULT_METRICS, Metric, choose_metrics
from hashbench.evaluation.metrics import Gains, Values, precision_recall_by_radius, precision_recall_by_rank
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


@dataclass(frozen=True)
class RankCurve:
    """Mean precision and recall of the queries' first items, in expectation over ties, by number of items.

    rank: ten a decade and the whole database, the same for all databases of a size.
    """

    rank: list[int]
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
    rank_curve: RankCurve
    n_queries: int
    n_database: int

    @property
    def curves(self) -> dict[str, list[float]]:
        """Both curves as records hold them: radius, precision, recall; rank, precision_at_rank, ..."""
        curves: dict[str, list[float]] = {} if self.pr_curve is None else asdict(self.pr_curve)
        by_rank = asdict(self.rank_curve)
        curves["rank"] = by_rank.pop("rank")
        return curves | {f"{name}_at_rank": values for name, values in by_rank.items()}

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
    metrics: Iterable[str] | None = DEFAULT_METRICS,
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
    from numba import config  # it takes a moment to import

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
    graded = any(metric.graded for metric in chosen)
    index = HammingIndex(query, database, labels, _find_gpu(device), graded)
    ranks = curve_ranks(len(database))
    per_query: dict[str, list[Values]] = {metric.name: [] for metric in chosen}
    by_radius, by_rank = np.zeros((2, query.n_bits + 1)), np.zeros((2, len(ranks)))
    with ThreadPoolExecutor(config.NUMBA_NUM_THREADS) as pool:  # type: ignore[attr-defined]
        for histograms, rows in index.blocks():
            firsts = range(0, len(histograms.items), ROWS)
            scores = list(pool.map(partial(_score, chosen, ranks, histograms), firsts))
            for i, metric in enumerate(chosen):
                per_query[metric.name].append(np.concatenate([score[0][i] for score in scores])[rows])
            by_radius += sum(score[1] for score in scores)
            by_rank += sum(score[2] for score in scores)
    precision, recall = (by_radius / len(query)).tolist()
    curve = PrecisionRecallCurve(list(range(query.n_bits + 1)), precision, recall)
    return summarise(per_query, len(database), curve, by_rank)


def _score(
    chosen: list[Metric], ranks: list[int], histograms: Histograms, first: int
) -> tuple[list[Values], Values, Values]:
    """The values of ROWS queries for each metric, and the sums of their curves by radius and by rank."""
    rows = slice(first, first + ROWS)
    items, relevant, times = histograms.items[rows], histograms.relevant[rows], histograms.multiplicity[rows]
    gains = histograms.gains and Gains(*(counts[rows] for counts in histograms.gains))
    by_radius = np.array([times @ values for values in precision_recall_by_radius(items, relevant)])
    by_rank = np.array([times @ values for values in precision_recall_by_rank(items, relevant, ranks)])
    return [metric(items, relevant, gains) for metric in chosen], by_radius, by_rank


def _find_gpu(device: str) -> torch.device | None:
    """The GPU of a name; None where the CPU counts, which the name "cpu" tells without loading torch."""
    if device == "cpu":
        return None
    from hashbench.device import resolve_device

    found = resolve_device(device)
    return found if found.type == "cuda" else None


def curve_ranks(n_database: int) -> list[int]:
    """1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, ...: ten a decade as whole numbers, and the database's size."""
    decades = 10 ** np.arange(0, np.log10(n_database), 0.1)
    return np.unique([*decades.round().astype(int), n_database]).tolist()


def summarise(
    parts: Mapping[str, list[Values]],
    n_database: int,
    curve: PrecisionRecallCurve | None,
    by_rank: Values,
) -> Evaluation:
    """The evaluation of values that came in blocks of queries.

    by_rank: (2, n_ranks), the sums over the queries of precision and recall at the ranks of the curve.
    """
    per_query = {name: np.concatenate(blocks) for name, blocks in parts.items()}
    values = {name: float(array.mean()) for name, array in per_query.items()}
    n_queries = len(next(iter(per_query.values())))
    precision, recall = (by_rank / n_queries).tolist()
    rank_curve = RankCurve(curve_ranks(n_database), precision, recall)
    return Evaluation(values, per_query, curve, rank_curve, n_queries, n_database)
