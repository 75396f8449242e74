"""Two methods, query by query."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hashbench.errors import InvalidInputError, UnknownNameError
from hashbench.records import Cell, Record
from hashbench.reporting.queries import CURE, QueryValues
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
    pairs = _pairs(_named(files.values(), first), _named(files.values(), second))
    if not pairs:
        raise InvalidInputError(
            f"'{first}' and '{second}' share no data set, protocol, code length and features; name the "
            "features of each to compare across them, such as itq:cnn itq:pixels"
        )
    queries = QueryValues(files)
    return [comparison for metric in metrics for comparison in _with_metric(metric, pairs, queries)]


def _with_metric(metric: str, pairs: Sequence[Pair], queries: QueryValues) -> list[Comparison]:
    """The comparisons of all pairs with one metric, for whose number p is corrected."""
    import numpy as np

    from hashbench.reporting.significance import holm, paired_bootstrap

    values = [[_values(queries, side, metric) for side in pair] for pair in pairs]
    lengths = {len(a) for a, _ in values}  # the draws are of that many queries, the same for all pairs
    tests = {n: iter(paired_bootstrap(np.stack([a - b for a, b in values if len(a) == n]))) for n in lengths}
    comparisons = []
    for (ours, theirs), (a, b) in zip(pairs, values, strict=True):
        tested = next(tests[len(a)])
        comparisons.append(
            Comparison(
                dataset=ours[0].cell.dataset,
                protocol=ours[0].cell.protocol,
                metric=metric,
                bits=ours[0].cell.bits or theirs[0].cell.bits,
                first=row_name(ours[0]),
                second=row_name(theirs[0]),
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
    corrected = holm([comparison.p for comparison in comparisons])
    return [replace(c, p_holm=p) for c, p in zip(comparisons, corrected, strict=True)]


def _named(records: Iterable[Record], name: str) -> list[Record]:
    """The records that are done of the rows of a name."""
    forms = [(record, {record.cell.label, row_name(record)}) for record in records]
    named = [record for record, names in forms if name in names]
    if not named:
        raise UnknownNameError("row", name, {form for _, names in forms for form in names})
    done = [record for record in named if record.status == "done"]
    if not done:
        raise InvalidInputError(f"all cells of '{name}' failed; hashbench table tells why")
    return done


def row_name(record: Record) -> str:
    """A row's name with its features: ``itq:cnn``, ``mu_liu (pretraining=none)``."""
    return f"{record.cell.label}:{record.cell.features}" if record.cell.features else record.cell.label


Pair = tuple[list[Record], list[Record]]  # the repetitions of each


def _pairs(first: Sequence[Record], second: Sequence[Record]) -> list[Pair]:
    """What can be compared, setting by setting and row by row.

    Rows on different features are compared only where each name leaves no other.
    """
    sides = [{record.cell.row for record in side} for side in (first, second)]
    across = len(sides[0]) == len(sides[1]) == 1
    pairs: list[Pair] = []
    for members in by_setting([*first, *second]).values():
        groups = grouped(latest(members), lambda record: (record.cell.row, record.cell.bits)).values()
        ours, theirs = ([group for group in groups if group[0].cell.row in side] for side in sides)
        found = [
            (a, b) for a, b in itertools.product(ours, theirs) if _comparable(a[0].cell, b[0].cell, across)
        ]
        pairs += sorted(found, key=_order)
    return pairs


def _order(pair: Pair) -> tuple[str, str, int]:
    ours, theirs = pair[0][0], pair[1][0]
    return row_name(ours), row_name(theirs), ours.cell.bits or theirs.cell.bits or 0


def _comparable(a: Cell, b: Cell, across: bool) -> bool:
    """Whether two rows differ, and agree in code length and features, as far as both have them."""
    same_bits = None in (a.bits, b.bits) or a.bits == b.bits
    same_features = None in (a.features, b.features) or a.features == b.features
    return a.row != b.row and same_bits and (same_features or across)


def _values(queries: QueryValues, repetitions: Sequence[Record], metric: str) -> NDArray[np.float64]:
    known = {name for record in repetitions for name in record.metrics}
    if metric not in known:
        raise UnknownNameError(f"metric of {row_name(repetitions[0])}", metric, known)
    values = queries.mean(repetitions, metric)
    if values is None:
        card = repetitions[0].card
        cure = CURE if card is None or card.output == "codes" else "run its cells again"
        raise InvalidInputError(
            f"values per query of {row_name(repetitions[0])} are missing beside its records; {cure}"
        )
    return values
