"""Each query's metric values, from the files beside the records, and what they say of a table's rows."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hashbench.errors import InvalidInputError
from hashbench.records import Record
from hashbench.reporting.table import Row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SUFFIX = ".per_query.npz"


class QueryValues:
    """The values that ``hashbench run`` and ``hashbench rescore`` write beside records, by record.

    files: records by the path they were read from.
    """

    def __init__(self, files: Mapping[Path, Record]) -> None:
        self._paths = {_identity(record): path.with_suffix(SUFFIX) for path, record in files.items()}

    def mean(self, repetitions: Iterable[Record], metric: str) -> NDArray[np.float64] | None:
        """(n_queries,) means over the repetitions that are done; None where one has no value of its own."""
        import numpy as np

        done = [record for record in repetitions if record.status == "done"]
        values = [self._values(record, metric) for record in done]
        known = [array for array in values if array is not None]
        return np.mean(known, axis=0) if known and len(known) == len(values) else None

    def _values(self, record: Record, metric: str) -> NDArray[np.float64] | None:
        import numpy as np

        path = self._paths.get(_identity(record))
        if path is None or not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as archive:
                return archive[metric] if metric in archive.files else None
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise InvalidInputError(
                f"'{path}' is damaged ({error}); hashbench rescore {path.parent} writes it again"
            ) from error


def mark_inseparable(
    rows: Sequence[Row],
    cells: Mapping[str, Sequence[Record]],
    bits: Sequence[int | None],
    queries: QueryValues,
    metric: str,
) -> tuple[list[Row], str]:
    """Mark the values that cannot be told from the best of their column; and a sentence on how that is known.

    cells: the records of each row by ``Row.key``. Controls are neither marked nor the best.
    """
    import numpy as np

    from hashbench.reporting.significance import LEVEL, holm, paired_bootstrap

    differences: list[NDArray[np.float64]] = []
    tested: list[tuple[int, str]] = []  # column and row of each difference
    untested: dict[str, str] = {}
    for column, length in enumerate(bits):
        ranked = sorted(
            (row for row in rows if row.group != "controls" and row.values[column].mean is not None),
            key=lambda row: -(row.values[column].mean or 0.0),
        )
        values = {
            row.key: queries.mean((r for r in cells[row.key] if r.cell.bits in (None, length)), metric)
            for row in ranked
        }
        for row in ranked[1:]:
            best, own = values[ranked[0].key], values[row.key]
            if best is None or own is None:
                untested[row.key] = " ".join(filter(None, (row.label, row.features)))
            else:
                differences.append(best - own)
                tested.append((column, row.key))
    inseparable = set()
    if differences:
        p = [difference.p for difference in paired_bootstrap(np.stack(differences))]
        for column in {column for column, _ in tested}:
            places = [i for i, (other, _) in enumerate(tested) if other == column]
            corrected = holm([p[i] for i in places])
            inseparable |= {tested[i] for i, q in zip(places, corrected, strict=True) if q > 1 - LEVEL}
    marked = [
        replace(
            row,
            values=tuple(
                replace(value, separable=(column, row.key) not in inseparable)
                for column, value in enumerate(row.values)
            ),
        )
        for row in rows
    ]
    return marked, _explain(bool(differences), bool(inseparable), sorted(untested.values()))


def _explain(tested: bool, found: bool, untested: Sequence[str]) -> str:
    cure = "values per query are missing beside the records, and hashbench rescore writes them."
    if not tested:
        return f"Differences are not tested: {cure}" if untested else ""
    marked = "†: not separable from" if found else "All others are separable from"
    text = (
        f"{marked} the best of its column (paired bootstrap over the queries, repetitions averaged, "
        "Holm-corrected in each column, 5 %); this covers the draw of queries, not of trainings."
    )
    return f"{text} Not tested are {', '.join(untested)}: {cure}" if untested else text


def _identity(record: Record) -> tuple[str, str, str]:
    return record.cell.model_dump_json(), record.digests.protocol, record.created.isoformat()
