"""The names of the metrics, the same in Python, on the command line, in records and in tables.

K stands for any rank, R for any Hamming radius: ``map@1000[hits]``, ``precision@r2``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hashbench.errors import InvalidInputError, UnknownNameError
from hashbench.evaluation import metrics
from hashbench.evaluation.metrics import Counts, Values

METRICS: dict[str, Callable[..., Values]] = {
    "map": metrics.average_precision,
    "map_optimistic": metrics.average_precision_optimistic,
    "map_pessimistic": metrics.average_precision_pessimistic,
    "map@K[hits]": metrics.average_precision_at_hits,
    "map@K[min]": metrics.average_precision_at_min,
    "map@K[total]": metrics.average_precision_at_total,
    "precision@K": metrics.precision_at,
    "recall@K": metrics.recall_at,
    "precision@rR": metrics.precision_within,
    "recall@rR": metrics.recall_within,
    "f1@rR": metrics.f1_within,
    "map@rR": metrics.average_precision_within,
}

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
    "precision@r2",
    "recall@r2",
)

_NAME = re.compile(r"(?P<stem>[^@\[\]]+)(@(?P<radius>r?)(?P<number>\d+))?(?P<denominator>\[[^\[\]]*\])?")


@dataclass(frozen=True)
class Metric:
    """A metric with its argument: ``rank`` or ``radius``, at most one of them, is a number."""

    name: str
    function: Callable[..., Values]
    rank: int | None = None
    radius: int | None = None

    def __call__(self, items: Counts, relevant: Counts) -> Values:
        """The value of each query, (Q,)."""
        argument = self.rank if self.rank is not None else self.radius
        return self.function(items, relevant, *([] if argument is None else [argument]))


def describe_metrics() -> dict[str, str]:
    """One line of explanation for each name."""
    return {name: (function.__doc__ or "").partition("\n")[0] for name, function in METRICS.items()}


def parse_metric(name: str) -> Metric:
    """The metric of a name. Raises UnknownNameError; InvalidInputError where a part is wrong or missing."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise UnknownNameError("metric", name, METRICS)
    stem, radius, number, denominator = match["stem"], match["radius"], match["number"], match["denominator"]
    argument = "" if number is None else "@rR" if radius else "@K"
    pattern = f"{stem}{argument}{denominator or ''}"
    if pattern == "map@K" or (stem == "map" and argument == "@K" and pattern not in METRICS):
        fault = (
            "does not name its denominator" if denominator is None else f"has no denominator {denominator}"
        )
        raise InvalidInputError(
            f"metric '{name}' {fault}; write map@{number}[hits] (relevant items retrieved), "
            f"map@{number}[min] (min(k, R)) or map@{number}[total] (all R relevant items)"
        )
    if pattern not in METRICS:
        raise UnknownNameError("metric", name, METRICS)
    if argument == "@K" and int(number) == 0:
        raise InvalidInputError(f"metric '{name}' asks for rank 0; ranks start at 1")
    return Metric(
        name,
        METRICS[pattern],
        rank=int(number) if argument == "@K" else None,
        radius=int(number) if argument == "@rR" else None,
    )


def choose_metrics(names: Iterable[str], n_database: int, *, radii: bool = True) -> list[Metric]:
    """The metrics to compute; of DEFAULT_METRICS itself, those that the database allows.

    radii: whether items have a Hamming distance. Raises InvalidInputError where a metric asked for by name
    cannot be computed; nothing asked for is dropped.
    """
    if isinstance(names, str):
        raise InvalidInputError(f"metrics must be a list of names, not the text '{names}'; write ['{names}']")
    if names is DEFAULT_METRICS:
        known = [parse_metric(name) for name in names]
        return [m for m in known if (m.rank or 0) <= n_database and (radii or m.radius is None)]
    chosen = [parse_metric(name) for name in dict.fromkeys(names)]
    if not chosen:
        raise InvalidInputError(f"no metric is asked for; available: {', '.join(METRICS)}")
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
