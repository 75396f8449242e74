"""The one table of metrics: name, definition, which way is better, decimals, function.

Names are the same in Python, on the command line, in records and in tables. K stands for any rank, R for any
Hamming radius: ``map@1000[hits]``, ``precision@r2``. Reading the table loads neither numba nor torch.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from hashbench.contracts.task import MetricInfo
from hashbench.errors import InvalidInputError, UnknownNameError
from hashbench.evaluation import metrics
from hashbench.evaluation.arrays import Values


class Entry(NamedTuple):
    """A line of the table. function: None for code health, which ``code_health`` computes all at once."""

    info: MetricInfo
    function: Callable[..., Values] | None


_TIES = "exact expectation over the orders of tied items"


def _ranking(function: Callable[..., Values], definition: str) -> Entry:
    return Entry(MetricInfo(definition, least=0.0), function)


def _health(definition: str, decimals: int = 3) -> Entry:
    """A property of the database's codes, independent of the queries. More is not better."""
    return Entry(MetricInfo(definition, better=None, decimals=decimals, of="codes"), None)


METRICS: dict[str, Entry] = {
    "map": _ranking(metrics.average_precision, f"mean average precision of the whole ranking, {_TIES}"),
    "map_optimistic": _ranking(
        metrics.average_precision_optimistic, "mAP with the relevant items first among ties: an upper bound"
    ),
    "map_pessimistic": _ranking(
        metrics.average_precision_pessimistic, "mAP with the relevant items last among ties: a lower bound"
    ),
    "map@K[hits]": _ranking(
        metrics.average_precision_at_hits,
        f"mAP of the first K, divided by the relevant among them, {_TIES}",
    ),
    "map@K[min]": _ranking(
        metrics.average_precision_at_min,
        f"mAP of the first K, divided by K or by all relevant if these are fewer, {_TIES}",
    ),
    "map@K[total]": _ranking(
        metrics.average_precision_at_total, f"mAP of the first K, divided by all relevant items, {_TIES}"
    ),
    "precision@K": _ranking(metrics.precision_at, f"part of the first K that is relevant, {_TIES}"),
    "recall@K": _ranking(metrics.recall_at, f"part of the relevant items that is among the first K, {_TIES}"),
    "ndcg@K": _ranking(
        metrics.ndcg_at, f"DCG of the first K over the best possible, gain: labels shared, {_TIES}"
    ),
    "precision@rR": _ranking(
        metrics.precision_within,
        "part of the items within Hamming radius R that is relevant; an empty ball scores 0",
    ),
    "recall@rR": _ranking(
        metrics.recall_within, "part of the relevant items that is within Hamming radius R"
    ),
    "f1@rR": _ranking(metrics.f1_within, "harmonic mean of precision and recall within Hamming radius R"),
    "map@rR": _ranking(
        metrics.average_precision_within,
        f"mAP of the items within Hamming radius R, {_TIES}; an empty ball scores 0",
    ),
    "bit_balance": _health("1 where every bit is set in half of the codes, 0 where every bit is constant"),
    "bit_correlation": _health("mean absolute correlation of two bits, 0 for a bit that is constant"),
    "distinct_codes": _health("number of different codes", decimals=0),
    "code_entropy": _health("entropy of the distribution of codes, in bits"),
    "quantization_error": _health(
        "mean squared distance of codes from real values scaled to their length, per bit"
    ),
}
RANKING = tuple(name for name, entry in METRICS.items() if entry.info.of == "units")
HEALTH = tuple(name for name, entry in METRICS.items() if entry.info.of == "codes")
# Added to every definition.
_RULES = {
    "units": "a query without a relevant item scores 0",
    "codes": "computed from the database's codes",
}


def metric_infos() -> dict[str, MetricInfo]:
    """Every metric by name or, where a name holds a number, by its pattern."""
    return {name: entry.info for name, entry in METRICS.items()}


def describe(name: str) -> MetricInfo:
    """What a metric's name stands for, with its number filled in: ``describe("precision@100")``.

    Raises UnknownNameError; InvalidInputError where a part of the name is wrong or missing.
    """
    pattern, number = read_name(name)
    info = METRICS[pattern].info
    text = info.definition if number is None else re.sub(r"\b[KR]\b", str(number), info.definition)
    return replace(info, definition=f"{text}; {_RULES[info.of]}")


def read_name(name: str) -> tuple[str, int | None]:
    """The pattern that a name follows and its number: ``("map@K[hits]", 1000)``, ``("map", None)``.

    Raises as ``describe``.
    """
    if not isinstance(name, str):
        raise InvalidInputError(
            f"the name of a metric is text, not {name!r}; available: {', '.join(METRICS)}"
        )
    pattern, number = _split(name)
    stem, at_rank, denominator = pattern.partition("@K")
    if stem == "map" and at_rank and number is not None and pattern not in METRICS:
        fault = f"has no denominator {denominator}" if denominator else "does not name its denominator"
        raise InvalidInputError(
            f"metric '{name}' {fault}; write map@{number}[hits] (relevant items retrieved), "
            f"map@{number}[min] (min(k, R)) or map@{number}[total] (all R relevant items)"
        )
    if number is None:
        _check_number(name)
    if pattern not in METRICS:
        raise UnknownNameError("metric", name, METRICS, [_example(form, number) for form in METRICS])
    if at_rank and number == 0:
        raise InvalidInputError(f"metric '{name}' asks for rank 0; ranks start at 1")
    return pattern, number


def _split(name: str) -> tuple[str, int | None]:
    """A number has one form, plain digits, so that a metric has one name: ``precision@007`` holds none."""
    match = re.search(r"@(r?)(0|[1-9][0-9]*)(?=\[|\Z)", name)
    if match is None:
        return name, None
    return name.replace(match[0], "@rR" if match[1] else "@K", 1), int(match[2])


def _check_number(name: str) -> None:
    """Raise InvalidInputError where a metric's number is missing, is K or R, or is no plain number."""
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
