"""Two methods, query by query."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hashbench.errors import InvalidInputError, UnknownNameError
from hashbench.records import Record
from hashbench.reporting.queries import QueryValues
from hashbench.reporting.selection import by_setting, grouped, latest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Comparison:
    """One method against another on the same queries, on average over the repetitions of each.

    difference: first - second, with its 95 % interval ``low`` to ``high``. p: of a paired bootstrap over the
    queries; p_holm: corrected for the number of comparisons made with the same metric. wins, ties, losses:
    queries on which the first scores more, the same, less.
    """

    dataset: str
    protocol: str
    metric: str
    bits: int | None  # None: neither makes codes
    first: str
    second: str
    mean_first: float
    mean_second: float
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    wins: int
    ties: int
    losses: int
    n_queries: int
    repetitions: tuple[int, int]


def compare(
    files: Mapping[Path, Record], first: str, second: str, metrics: Sequence[str] = ("map",)
) -> list[Comparison]:
    """Compare two methods in each data set, protocol and code length that both have, on the same features.

    first, second: a row's name as tables print it, alone or with its features: ``itq``, ``itq:cnn``,
    ``mu_liu (pretraining=none)``. Raises UnknownNameError, MixedProtocolsError; InvalidInputError where the
    two have nothing in common, or values per query are missing.
    """
    import numpy as np

    from hashbench.reporting.significance import holm, paired_bootstrap

    records = list(files.values())
    pairs = _pairs(_named(records, first), _named(records, second))
    if not pairs:
        raise InvalidInputError(
            f"'{first}' and '{second}' share no data set, protocol, code length and features; name the "
            "features of each to compare across them, such as itq:cnn itq:pixels"
        )
    queries, comparisons = QueryValues(files), list[Comparison]()
    for metric in metrics:
        values = [
            (_values(queries, ours, metric), _values(queries, theirs, metric)) for _, ours, theirs in pairs
        ]
        made = []
        for (bits, ours, theirs), (a, b) in zip(pairs, values, strict=True):
            [tested] = paired_bootstrap((a - b)[None])
            made.append(
                Comparison(
                    dataset=ours[0].cell.dataset,
                    protocol=ours[0].cell.protocol,
                    metric=metric,
                    bits=bits,
                    first=_name(ours[0]),
                    second=_name(theirs[0]),
                    mean_first=float(a.mean()),
                    mean_second=float(b.mean()),
                    difference=tested.mean,
                    low=tested.low,
                    high=tested.high,
                    p=tested.p,
                    p_holm=tested.p,
                    wins=int(np.sum(a > b)),
                    ties=int(np.sum(a == b)),
                    losses=int(np.sum(a < b)),
                    n_queries=len(a),
                    repetitions=(len(ours), len(theirs)),
                )
            )
        corrected = holm([comparison.p for comparison in made])
        comparisons += [replace(c, p_holm=p) for c, p in zip(made, corrected, strict=True)]
    return comparisons


def _named(records: Iterable[Record], name: str) -> list[Record]:
    """The records that are done of the rows of a name."""
    known = {form: record.cell.row for record in records for form in _forms(record)}
    if name not in known:
        raise UnknownNameError("row", name, known)
    return [record for record in records if record.status == "done" and name in _forms(record)]


def _forms(record: Record) -> tuple[str, ...]:
    """The names of a record's row: without its features, and with them."""
    return tuple(dict.fromkeys((record.cell.label, _name(record))))


def _name(record: Record) -> str:
    return f"{record.cell.label}:{record.cell.features}" if record.cell.features else record.cell.label


Pair = tuple[int | None, list[Record], list[Record]]


def _pairs(first: Sequence[Record], second: Sequence[Record]) -> list[Pair]:
    """Code length and repetitions of each two rows that can be compared.

    Rows on different features are compared only where each name leaves no other.
    """
    one_each = len({r.cell.row for r in first}) == len({r.cell.row for r in second}) == 1
    pairs: list[Pair] = []
    for members in by_setting([*first, *second]).values():
        chosen = latest(members)
        sides = []
        for side in (first, second):
            rows = {record.cell.row for record in side}
            sides.append(
                grouped(
                    (r for r in chosen if r.cell.row in rows), lambda r: (r.cell.row, r.cell.bits)
                ).values()
            )
        for ours, theirs in itertools.product(*sides):
            a, b = ours[0].cell, theirs[0].cell
            same_features = None in (a.features, b.features) or a.features == b.features or one_each
            if a.row != b.row and same_features and (None in (a.bits, b.bits) or a.bits == b.bits):
                pairs.append((a.bits or b.bits, ours, theirs))

    def place(pair: Pair) -> tuple[str | int, ...]:
        bits, [ours, *_], [theirs, *_] = pair
        return ours.cell.dataset, ours.cell.protocol, _name(ours), _name(theirs), bits or 0

    return sorted(pairs, key=place)


def _values(queries: QueryValues, repetitions: Sequence[Record], metric: str) -> NDArray[np.float64]:
    known = {name for record in repetitions for name in record.metrics}
    if metric not in known:
        raise UnknownNameError("metric", metric, known)
    values = queries.mean(repetitions, metric)
    if values is None:
        raise InvalidInputError(
            f"values per query of {_name(repetitions[0])} are missing beside its records; hashbench rescore "
            "writes them from the stored codes"
        )
    return values
