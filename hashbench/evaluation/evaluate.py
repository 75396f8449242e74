"""Codes and labels to metrics: the whole evaluation in one call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hashbench.contracts.codes import MAX_BITS, Codes
from hashbench.errors import InvalidInputError, UnknownNameError
from hashbench.evaluation.arrays import Values
from hashbench.evaluation.histogram import HammingIndex, Histograms
from hashbench.evaluation.inputs import as_codes
from hashbench.evaluation.metric_names import DEFAULT_METRICS, Metric, choose_metrics
from hashbench.evaluation.metrics import precision_recall_by_radius, precision_recall_by_rank
from hashbench.evaluation.relevance import check_labels, match_labels
from hashbench.system.shown import Shown
from hashbench.system.threads import within_limit

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class PrecisionRecallCurve:
    """Mean precision and recall of the queries within each Hamming radius; an empty ball has precision 0."""

    radius: list[int]
    precision: list[float]
    recall: list[float]


@dataclass(frozen=True)
class RankCurve:
    """Mean precision and recall of the queries' first items, in expectation over ties, by number of items.

    rank: ten per decade and the whole database, the same for all databases of one size.
    """

    rank: list[int]
    precision: list[float]
    recall: list[float]


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation(Shown):
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

    def _shown(self) -> dict[str, str]:
        said = {"queries": f"{self.n_queries:,}", "database": f"{self.n_database:,}"}
        return said | {name: f"{value:.4g}" for name, value in self.values.items()}

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
    metrics: names of ``metric_table``; by default DEFAULT_METRICS without ranks beyond the
    database. device: "cuda", "cuda:1" count on the GPU, by torch; all others ("cpu", "mps") on the CPU's
    cores, of which a cell of a run uses as many as it has threads; "auto" on a GPU where there is one. Every
    value is the same, bit for bit.
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

    def score(block: slice) -> list[_Scores]:
        return [_score(chosen, ranks, part) for part in index.count(block).parts(index.block_size)]

    n_threads = within_limit(config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]
    with ThreadPoolExecutor(n_threads) as pool:  # one counts while another holds the GIL to score
        scores = list(chain.from_iterable(pool.map(score, index.blocks())))
    values = zip(*(part.values for part in scores), strict=True)
    per_query = {
        metric.name: np.concatenate(parts)[index.rows] for metric, parts in zip(chosen, values, strict=True)
    }
    by_radius = np.sum([part.by_radius for part in scores], axis=0)
    precision, recall = (by_radius / len(query)).tolist()
    curve = PrecisionRecallCurve(list(range(query.n_bits + 1)), precision, recall)
    return summarise(per_query, len(database), curve, np.sum([part.by_rank for part in scores], axis=0))


class _Scores(NamedTuple):
    """Scores of a block of queries: each metric's values, (Q,), and the two curves summed over the block."""

    values: list[Values]
    by_radius: Values
    by_rank: Values


def _score(chosen: list[Metric], ranks: list[int], histograms: Histograms) -> _Scores:
    items, relevant, times = histograms.items, histograms.relevant, histograms.multiplicity
    by_radius = np.array([times @ values for values in precision_recall_by_radius(items, relevant)])
    by_rank = np.array([times @ values for values in precision_recall_by_rank(items, relevant, ranks)])
    return _Scores([metric(items, relevant, histograms.gains) for metric in chosen], by_radius, by_rank)


def _find_gpu(device: str) -> torch.device | None:
    """The GPU of a name; None where the CPU counts. The name "cpu" needs no import of torch."""
    if device == "cpu":
        return None
    from hashbench.system.device import resolve_device

    found = resolve_device(device)
    return found if found.type == "cuda" else None


def curve_ranks(n_database: int) -> list[int]:
    """1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, ...: ten per decade as whole numbers, and the database's size."""
    decades = 10 ** np.arange(0, np.log10(n_database), 0.1)
    return np.unique([*decades.round().astype(int), n_database]).tolist()


def summarise(
    per_query: dict[str, Values],
    n_database: int,
    curve: PrecisionRecallCurve | None,
    by_rank: Values,
) -> Evaluation:
    """The evaluation of the values of each query by metric.

    by_rank: (2, n_ranks), the sums over the queries of precision and recall at the ranks of the curve.
    """
    values = {name: float(array.mean()) for name, array in per_query.items()}
    n_queries = len(next(iter(per_query.values())))
    precision, recall = (by_rank / n_queries).tolist()
    rank_curve = RankCurve(curve_ranks(n_database), precision, recall)
    return Evaluation(values, per_query, curve, rank_curve, n_queries, n_database)
