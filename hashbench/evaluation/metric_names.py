"""The names of the metrics, the same in Python, on the command line, in records and in tables.

K stands for any rank, R for any Hamming radius: ``map@1000[hits]``, ``precision@r2``. What each stands for is
in ``hashbench.evaluation.definitions``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hashbench.errors import InvalidInputError, UnknownNameError
from hashbench.evaluation import metrics
from hashbench.evaluation.definitions import HEALTH_DEFINITIONS, METRIC_DEFINITIONS, split_name
from hashbench.evaluation.metrics import Counts, Gains, Values

METRICS: dict[str, Callable[..., Values]] = {
    "map": metrics.average_precision,
    "map_optimistic": metrics.average_precision_optimistic,
    "map_pessimistic": metrics.average_precision_pessimistic,
    "map@K[hits]": metrics.average_precision_at_hits,
    "map@K[min]": metrics.average_precision_at_min,
    "map@K[total]": metrics.average_precision_at_total,
    "precision@K": metrics.precision_at,
    "recall@K": metrics.recall_at,
    "ndcg@K": metrics.ndcg_at,
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


def describe_metrics() -> dict[str, str]:
    """One line of explanation for each name."""
    return {name: METRIC_DEFINITIONS[name] for name in METRICS}


def parse_metric(name: str) -> Metric:
    """The metric of a name. Raises UnknownNameError; InvalidInputError where a part is wrong or missing."""
    if not isinstance(name, str):
        raise InvalidInputError(
            f"the name of a metric is text, not {name!r}; available: {', '.join(METRICS)}"
        )
    pattern, number = split_name(name)
    stem, at_rank, denominator = pattern.partition("@K")
    if stem == "map" and at_rank and number is not None and pattern not in METRICS:
        fault = f"has no denominator {denominator}" if denominator else "does not name its denominator"
        raise InvalidInputError(
            f"metric '{name}' {fault}; write map@{number}[hits] (relevant items retrieved), "
            f"map@{number}[min] (min(k, R)) or map@{number}[total] (all R relevant items)"
        )
    if name in HEALTH_DEFINITIONS:
        raise InvalidInputError(
            f"'{name}' is of a set of codes, not of rankings: hashbench.code_health(codes) gives it"
        )
    if number is None:
        _check_number(name)
    if pattern not in METRICS:
        known = [*METRICS, *HEALTH_DEFINITIONS]
        raise UnknownNameError("metric", name, known, [_example(form, number) for form in known])
    if at_rank and number == 0:
        raise InvalidInputError(f"metric '{name}' asks for rank 0; ranks start at 1")
    return Metric(
        name, METRICS[pattern], rank=number if at_rank else None, radius=None if at_rank else number
    )


def _check_number(name: str) -> None:
    """Raise InvalidInputError where K, R, nothing or no plain number stands where a metric has its number."""
    match = re.search(r"@(r?)([^\[]*)", name)
    if match is None:
        return
    pattern = name.replace(match[0], "@rR" if match[1] else "@K", 1)
    if pattern not in METRICS:
        return
    letter, meaning = ("R", "a Hamming radius") if match[1] else ("K", "a rank")
    fault = f"{letter} stands for {meaning}" if match[2] in ("", letter) else f"{match[2]!r} is not {meaning}"
    raise InvalidInputError(f"metric {name!r}: {fault}; write {_example(pattern)}")


def _example(pattern: str, number: int | None = None) -> str:
    """A name that follows a pattern, with a usual number where none is given."""
    rank, radius = (100, 2) if number is None else (number, number)
    return pattern.replace("@K", f"@{rank}").replace("@rR", f"@r{radius}")


def choose_metrics(names: Iterable[str] | None, n_database: int, *, radii: bool = True) -> list[Metric]:
    """The metrics to compute; of DEFAULT_METRICS itself, or None, those that the database allows.

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
