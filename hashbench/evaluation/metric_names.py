"""Metrics by name, ready to be computed: the chosen ones, and those that a run computes by default."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hashbench.errors import InvalidInputError
from hashbench.evaluation import metrics
from hashbench.evaluation.arrays import Counts, Values
from hashbench.evaluation.metric_table import METRICS, RANKING, read_name
from hashbench.evaluation.metrics import Gains

DEFAULT_METRICS: tuple[str, ...] = (
    "map",
    "map_optimistic",
    "map_pessimistic",
    "map@1000[hits]",
    "map@1000[min]",
    "map@1000[total]",
    "precision@100",
    "precision@500",
    "precision@1000",
    "ndcg@100",
    "precision@r2",
    "recall@r2",
)


@dataclass(frozen=True)
class Metric:
    """A metric with its argument: ``rank`` or ``radius``, at most one of them, is a number."""

    name: str
    function: Callable[..., Values]
    rank: int | None = None
    radius: int | None = None

    @property
    def graded(self) -> bool:
        """Whether it matters how many labels an item shares with the query."""
        return self.function is metrics.ndcg_at

    def __call__(self, items: Counts, relevant: Counts, gains: Gains | None = None) -> Values:
        """The value of each query, (Q,). gains: None where every relevant item has gain 1."""
        arguments = [number for number in (self.rank, self.radius) if number is not None]
        if self.graded:
            return self.function(items, relevant, *arguments, gains)
        return self.function(items, relevant, *arguments)


def parse_metric(name: str) -> Metric:
    """The metric of a name. Raises as ``describe``, and InvalidInputError for code health."""
    pattern, number = read_name(name)
    function = METRICS[pattern].function
    if function is None:
        raise InvalidInputError(
            f"'{name}' is of a set of codes, not of rankings: hashbench.code_health(codes) gives it"
        )
    of_rank = "@K" in pattern
    return Metric(name, function, rank=number if of_rank else None, radius=None if of_rank else number)


def choose_metrics(names: Iterable[str] | None, n_database: int, *, radii: bool = True) -> list[Metric]:
    """The metrics to compute; for DEFAULT_METRICS itself, or None, those that the database allows.

    radii: whether items have a Hamming distance. Raises InvalidInputError where a metric asked for by name
    cannot be computed; nothing asked for is dropped.
    """
    if isinstance(names, str):
        raise InvalidInputError(f"metrics must be a list of names, not the text '{names}'; write ['{names}']")
    if names is None or names is DEFAULT_METRICS:
        known = [parse_metric(name) for name in DEFAULT_METRICS]
        return [m for m in known if (m.rank or 0) <= n_database and (radii or m.radius is None)]
    if not isinstance(names, Iterable):
        raise InvalidInputError(f"metrics must be a list of names, not {names!r}; write ['map']")
    chosen = list({metric.name: metric for metric in map(parse_metric, names)}.values())
    if not chosen:
        raise InvalidInputError(f"no metric is asked for; available: {', '.join(RANKING)}")
    for metric in chosen:
        if metric.rank is not None and metric.rank > n_database:
            raise InvalidInputError(
                f"metric '{metric.name}' asks for rank {metric.rank}, but the database has {n_database} items"
            )
        if metric.radius is not None and not radii:
            raise InvalidInputError(
                f"metric '{metric.name}' needs codes: real vectors have no Hamming distance; leave it out"
            )
    return chosen
