"""Compare two methods, unit by unit."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hashbench.contracts.task import Task
from hashbench.errors import InvalidInputError, UnknownNameError
from hashbench.records import Cell, Record
from hashbench.reporting.selection import Compatible, compatible, grouped, latest
from hashbench.reporting.tasks import check_metrics, knows
from hashbench.reporting.units import VALUES_CURE, UnitValues

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Comparison:
    """One method against another on the same units, on average over the repetitions of each.

    recipe: as in ``Compatible``. unit: what was scored and drawn, in plural, n_units of them. difference:
    first - second, with its 95 % interval ``low`` to ``high``. p: of a paired bootstrap over the units;
    p_holm: corrected for the number of comparisons made with the same metric. wins, ties, losses: units on
    which the first is better, the same, worse; where neither way is better, higher, the same, lower.
    """

    task: str
    dataset: str
    protocol: str
    recipe: str
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
    unit: str
    n_units: int
    repetitions: tuple[int, int]


def compare_rows(
    files: Mapping[Path, Record],
    first: str,
    second: str,
    metrics: Sequence[str] | None = None,
    values: UnitValues | None = None,
) -> list[Comparison]:
    """Compare two methods in each data set, protocol, recipe and code length that both have.

    first, second: a row's name as tables print it, alone or with its features: ``itq``, ``itq:cnn``,
    ``mu_liu (pretraining=none)``; on the same features unless each name fits one row only. metrics: None
    is the headline of each task. values: ``UnitValues(files)``, for those who compare many pairs of the same
    files. Raises UnknownNameError, MixedProtocolsError; InvalidInputError
    where the two have nothing in common, or values per unit are missing.
    """
    if first == second:
        raise InvalidInputError(f"'{first}' is compared with itself; name another row")
    pairs = _pairs(_named(files.values(), first), _named(files.values(), second))
    if not pairs:
        raise InvalidInputError(
            f"'{first}' and '{second}' share no data set, protocol, code length and features; name the "
            "features of each to compare across them, such as itq:cnn itq:pixels"
        )
    check_metrics(metrics or (), [record for pair in pairs for side in pair[1:] for record in side])
    values = values or UnitValues(files)
    asked: dict[str, list[Pair]] = {}
    for pair in pairs:
        for metric in metrics or (pair.setting.task.headline(),):
            if knows(pair.setting.task, metric):
                asked.setdefault(metric, []).append(pair)
    return [comparison for metric in asked for comparison in _with_metric(metric, asked[metric], values)]


class Pair(NamedTuple):
    """The records to compare: the repetitions of each method, in one setting and code length."""

    setting: Compatible
    first: list[Record]
    second: list[Record]


def _with_metric(metric: str, pairs: Sequence[Pair], values: UnitValues) -> list[Comparison]:
    """The comparisons of all pairs with one metric; p is corrected for the number of pairs."""
    import numpy as np

    from hashbench.reporting.significance import holm, paired_bootstrap

    scored = [_same_units(pair, metric, values) for pair in pairs]
    lengths = {len(a) for a, _ in scored}  # the draws are of that many units, the same for all pairs
    tests = {n: iter(paired_bootstrap(np.stack([a - b for a, b in scored if len(a) == n]))) for n in lengths}
    comparisons = []
    for (setting, ours, theirs), (a, b) in zip(pairs, scored, strict=True):
        tested = next(tests[len(a)])
        better, worse = (a < b, a > b) if setting.task.describe(metric).better == "lower" else (a > b, a < b)
        comparisons.append(
            Comparison(
                task=setting.task.name(),
                dataset=setting.dataset,
                protocol=setting.protocol,
                recipe=setting.recipe,
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
                wins=int(better.sum()),
                ties=int(np.sum(a == b)),
                losses=int(worse.sum()),
                unit=setting.task.unit[1],
                n_units=len(a),
                repetitions=(len(ours), len(theirs)),
            )
        )
    corrected = holm([comparison.p for comparison in comparisons])
    return [replace(c, p_holm=p) for c, p in zip(comparisons, corrected, strict=True)]


def _named(records: Iterable[Record], name: str) -> list[Record]:
    """The finished records of the rows with this name."""
    forms = [(record, {record.cell.label, row_name(record)}) for record in records]
    named = [record for record, names in forms if name in names]
    if not named:
        raise UnknownNameError("row of these records", name, {form for _, names in forms for form in names})
    done = [record for record in named if record.status == "done"]
    if not done:
        raise InvalidInputError(f"all cells of '{name}' failed; hashbench table tells why")
    return done


def row_name(record: Record) -> str:
    """A row's name with its features: ``itq:cnn``, ``mu_liu (pretraining=none)``."""
    return f"{record.cell.label}:{record.cell.features}" if record.cell.features else record.cell.label


def _pairs(first: Sequence[Record], second: Sequence[Record]) -> list[Pair]:
    """The pairs that can be compared, setting by setting and row by row.

    Rows on different features are compared only where each name fits one row only. A pair that trains no
    network is in the setting of every recipe; it is compared once, with none.
    """
    sides = [{record.cell.row for record in side} for side in (first, second)]
    across = len(sides[0]) == len(sides[1]) == 1
    pairs: list[Pair] = []
    seen: set[tuple[str, str]] = set()
    for setting in compatible([*first, *second]):
        groups = grouped(latest(setting.records), lambda record: (record.cell.row, record.cell.bits)).values()
        ours, theirs = ([group for group in groups if group[0].cell.row in side] for side in sides)
        found = [
            Pair(setting, a, b)
            for a, b in itertools.product(ours, theirs)
            if _comparable(a[0].cell, b[0].cell, across)
        ]
        for pair in sorted(found, key=_order):
            if any(record.digests.recipe for record in (*pair.first, *pair.second)):
                pairs.append(pair)
            elif (setting.dataset, setting.protocol) not in seen:
                pairs.append(pair._replace(setting=replace(setting, recipe="")))
        seen.add((setting.dataset, setting.protocol))
    return pairs


def _order(pair: Pair) -> tuple[str, str, int]:
    ours, theirs = pair.first[0], pair.second[0]
    return row_name(ours), row_name(theirs), ours.cell.bits or theirs.cell.bits or 0


def _comparable(a: Cell, b: Cell, across: bool) -> bool:
    """Whether two rows differ, and agree in code length and features, as far as both have them."""
    same_bits = None in (a.bits, b.bits) or a.bits == b.bits
    same_features = None in (a.features, b.features) or a.features == b.features
    return a.row != b.row and same_bits and (same_features or across)


def _same_units(
    pair: Pair, metric: str, values: UnitValues
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = (_of_units(pair.setting.task, side, metric, values) for side in pair[1:])
    if len(first) != len(second):
        raise InvalidInputError(
            f"{row_name(pair.first[0])} has values of {len(first):,} {pair.setting.task.unit[1]}, "
            f"{row_name(pair.second[0])} of {len(second):,}; run the cells of one of them again"
        )
    return first, second


def _of_units(
    task: type[Task], repetitions: Sequence[Record], metric: str, values: UnitValues
) -> NDArray[np.float64]:
    name, of = row_name(repetitions[0]), task.describe(metric).of
    if of != "units":
        raise InvalidInputError(
            f"metric '{metric}' has no values of single {task.unit[1]}, it is of all together; compare by "
            "another, such as " + task.headline()
        )
    known = {metric for record in repetitions for metric in record.metrics}
    if metric not in known:
        raise UnknownNameError(f"metric of {name}", metric, known)
    found = values.mean(repetitions, metric)
    if found is None:
        card = repetitions[0].card
        cure = VALUES_CURE if card is None or card.output == "codes" else "run its cells again"
        raise InvalidInputError(
            f"values of single {task.unit[1]} of {name} are missing beside its records; {cure}"
        )
    return found
