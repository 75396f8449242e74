"""Each query's metric values, from the files beside the records, and what they say of a table's rows."""

from __future__ import annotations

import math
import zipfile
import zlib
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
CURE = "hashbench rescore writes them from the stored codes"


class QueryValues:
    """The values that ``hashbench run`` and ``hashbench rescore`` write beside records, by record.

    files: records by the path they were read from.
    """

    def __init__(self, files: Mapping[Path, Record]) -> None:
        self._paths = {_identity(record): path.with_suffix(SUFFIX) for path, record in files.items()}

    def mean(self, repetitions: Iterable[Record], metric: str) -> NDArray[np.float64] | None:
        """(n_queries,) means over the repetitions that have the metric; None where one lacks its values.

        Values whose mean is not the record's are of another evaluation, and count as lacking.
        """
        import numpy as np

        scored = [record for record in repetitions if metric in record.metrics]
        values = [self._values(record, metric) for record in scored]
        known = [array for array in values if array is not None]
        return np.mean(known, axis=0) if known and len(known) == len(values) else None

    def _values(self, record: Record, metric: str) -> NDArray[np.float64] | None:
        import numpy as np

        path = self._paths.get(_identity(record))
        if path is None or not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as archive:
                values = archive[metric] if metric in archive.files else np.empty(0)
        except (OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            raise InvalidInputError(f"'{path}' is damaged; {CURE.replace('them', 'it anew')}") from error
        same = len(values) == record.split["queries"]
        return values if same and math.isclose(values.mean(), record.metrics[metric], abs_tol=1e-12) else None


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

    from hashbench.reporting.significance import ALPHA, holm, paired_bootstrap

    tested: list[tuple[int, str, NDArray[np.float64]]] = []  # column, row, best - own value of each query
    lacking, untested = set[str](), list[str]()
    for column, length in enumerate(bits):
        ranked = sorted(
            (row for row in rows if row.group != "controls" and row.values[column].mean is not None),
            key=lambda row: -(row.values[column].mean or 0.0),
        )
        values = {row.key: _of_column(row, cells, length, queries, metric) for row in ranked}
        if len(ranked) > 1:
            lacking |= {_title(row) for row in ranked if values[row.key] is None}
            if values[ranked[0].key] is None:
                untested.append(f"{length} bits" if length else metric)
        for row in ranked[1:]:
            best, own = values[ranked[0].key], values[row.key]
            if best is not None and own is not None:
                tested.append((column, row.key, best - own))
    separable: dict[tuple[int, str], bool] = {}
    if tested:
        found = paired_bootstrap(np.stack([differences for *_, differences in tested]))
        for column in range(len(bits)):
            p = {key: d.p for (c, key, _), d in zip(tested, found, strict=True) if c == column}
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
    return marked, _explain(bool(tested), not all(separable.values()), sorted(lacking), untested)


def _of_column(
    row: Row,
    cells: Mapping[str, Sequence[Record]],
    length: int | None,
    queries: QueryValues,
    metric: str,
) -> NDArray[np.float64] | None:
    try:
        return queries.mean((r for r in cells[row.key] if r.cell.bits in (None, length)), metric)
    except InvalidInputError:  # a damaged file: the table is there without it, and says so
        return None


def _explain(tested: bool, found: bool, lacking: Sequence[str], untested: Sequence[str]) -> str:
    """untested: columns in which the best itself lacks its values."""
    if not tested:
        return f"Nothing is marked †, for values per query are missing or damaged: {CURE}." if lacking else ""
    others = "All that were tested" if lacking else "All"
    marked = (
        "†: not separable from the best of its column" if found else f"{others} are separable from the best"
    )
    text = (
        f"{marked} (paired bootstrap over the queries, values of repetitions averaged; Holm-corrected within "
        "a column, 5 %); another draw of queries is covered, another training is not."
    )
    if lacking:
        text += f" Not tested, for values per query are missing or damaged: {', '.join(lacking)}"
        text += f", and so nothing at {', '.join(untested)}; {CURE}." if untested else f"; {CURE}."
    return text


def _title(row: Row) -> str:
    return " ".join(filter(None, (row.label, row.features)))


def _identity(record: Record) -> tuple[str, str, str]:
    return record.cell.model_dump_json(), record.digests.protocol, record.created.isoformat()
