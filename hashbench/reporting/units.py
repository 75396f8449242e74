"""Each unit's metric values, from the files beside the records, and what they say of a table's rows.

A unit is what a value belongs to and what a bootstrap draws: the task says what it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hashbench.contracts.task import MetricInfo
from hashbench.errors import InvalidInputError
from hashbench.records import Record
from hashbench.records.values import ALL, HEADLINE
from hashbench.reporting.table import Row
from hashbench.system.archives import DAMAGED, check_archive

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VALUES_CURE = "hashbench rescore writes them from the stored codes"


class UnitValues:
    """The values that ``hashbench run`` and ``hashbench rescore`` write beside records, by record.

    files: records by the path they were read from. Each metric of a file of values is read once.
    """

    def __init__(self, files: Mapping[Path, Record]) -> None:
        self._paths = {_identity(record): path for path, record in files.items()}
        self._known: dict[tuple[Path, str], NDArray[np.float64] | None] = {}

    def mean(self, repetitions: Iterable[Record], metric: str) -> NDArray[np.float64] | None:
        """(n_units,) means over the repetitions that have the metric; None where any has no values.

        Values whose mean is not the record's are from another evaluation, and count as missing. Raises
        InvalidInputError where a file is damaged.
        """
        import numpy as np

        scored = [record for record in repetitions if metric in record.metrics]
        values = [self._values(record, metric) for record in scored]
        known = [array for array in values if array is not None]
        whole = bool(known) and len(known) == len(values) and len({len(array) for array in known}) == 1
        return np.mean(known, axis=0) if whole else None

    def _values(self, record: Record, metric: str) -> NDArray[np.float64] | None:
        path = self._paths.get(_identity(record))
        if path is None:
            return None
        if (path, metric) not in self._known:
            self._known[path, metric] = self._of_record(path, record, metric)
        return self._known[path, metric]

    def _of_record(self, path: Path, record: Record, metric: str) -> NDArray[np.float64] | None:
        for file in (path.with_suffix(suffix) for suffix in (ALL, HEADLINE)):
            values = _read(file, metric)
            if values is not None and math.isclose(values.mean(), record.metrics[metric], abs_tol=1e-12):
                return values
        return None


def _read(path: Path, metric: str) -> NDArray[np.float64] | None:
    """A metric's values in a file, (n_units,); None where there are none."""
    import numpy as np

    if not path.exists():
        return None
    try:
        check_archive(path, (metric,))
        with np.load(path, allow_pickle=False) as archive:
            values = archive[metric] if metric in archive.files else np.empty(0)
    except DAMAGED as error:
        raise InvalidInputError(f"'{path}' is damaged; {VALUES_CURE.replace('them', 'it anew')}") from error
    return values if values.ndim == 1 and len(values) else None


def mark_inseparable(
    rows: Sequence[Row],
    cells: Mapping[str, Sequence[Record]],
    bits: Sequence[int | None],
    values: UnitValues,
    metric: str,
    info: MetricInfo,
    units: str,
) -> tuple[list[Row], str]:
    """Mark the values that are not separable from the best of their column; also explain it in a sentence.

    cells: the records of each row by ``Row.key``. units: what the values belong to, in plural. Controls are
    neither marked nor the best.
    """
    import numpy as np

    from hashbench.reporting.significance import ALPHA, holm, paired_bootstrap

    tested: list[tuple[int, str, NDArray[np.float64]]] = []  # column, row, best - own value of each unit
    lacking, untested = set[str](), list[str]()
    for column, length in enumerate(bits):
        means = {row.key: row.values[column].mean for row in rows if row.group != "controls"}
        best_mean = info.best([mean for mean in means.values() if mean is not None])
        ranked = sorted(  # the best first, the others in the table's order
            (row for row in rows if means.get(row.key) is not None),
            key=lambda row: means[row.key] != best_mean,
        )
        found = {row.key: _of_column(cells[row.key], length, values, metric) for row in ranked}
        if len(ranked) > 1:
            lacking |= {_title(row) for row in ranked if found[row.key] is None}
            if found[ranked[0].key] is None:
                untested.append(f"{length} bits" if length else metric)
        for row in ranked[1:]:
            best, own = found[ranked[0].key], found[row.key]
            if best is not None and own is not None and len(best) == len(own):
                tested.append((column, row.key, best - own))
    separable: dict[tuple[int, str], bool] = {}
    if tested:
        tests = paired_bootstrap(np.stack([differences for *_, differences in tested]))
        for column in range(len(bits)):
            p = {key: d.p for (c, key, _), d in zip(tested, tests, strict=True) if c == column}
            for key, corrected in zip(p, holm([*p.values()]), strict=True):
                separable[column, key] = corrected <= ALPHA
    marked = [
        replace(
            row,
            values=tuple(
                replace(value, separable=separable.get((column, row.key)))
                for column, value in enumerate(row.values)
            ),
        )
        for row in rows
    ]
    return marked, _explain(bool(tested), not all(separable.values()), sorted(lacking), untested, units)


def _of_column(
    records: Sequence[Record], length: int | None, values: UnitValues, metric: str
) -> NDArray[np.float64] | None:
    try:
        return values.mean((r for r in records if r.cell.bits in (None, length)), metric)
    except InvalidInputError:  # a damaged file: the table is made without it, and says so
        return None


def _explain(tested: bool, found: bool, lacking: Sequence[str], untested: Sequence[str], units: str) -> str:
    """untested: columns in which the values of the best are missing."""
    if not tested:
        return (
            f"Nothing is marked †: values of single {units} are missing or damaged; {VALUES_CURE}."
            if lacking
            else ""
        )
    others = "All that were tested" if lacking else "All"
    marked = (
        "†: not separable from the best of its column" if found else f"{others} are separable from the best"
    )
    text = (
        f"{marked} (paired bootstrap over the {units}, values of repetitions averaged; Holm-corrected within "
        f"a column, 5 %). The test covers the choice of {units}, not the chance in training."
    )
    if lacking:
        text += f" Not tested, as values of single {units} are missing or damaged: {', '.join(lacking)}"
        text += (
            f", and so nothing at {', '.join(untested)}; {VALUES_CURE}." if untested else f"; {VALUES_CURE}."
        )
    return text


def _title(row: Row) -> str:
    return " ".join(filter(None, (row.label, row.features)))


def _identity(record: Record) -> tuple[str, str, str | None, str]:
    digests = record.digests
    return record.cell.model_dump_json(), digests.task, digests.recipe, record.created.isoformat()
