"""The words around a table: its caption, and the notes on what failed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from string import ascii_lowercase
from typing import Any

from hashbench.evaluation.definitions import HEALTH_DEFINITIONS, define
from hashbench.records import Record
from hashbench.reporting.significance import half_width
from hashbench.reporting.table import Note, Row


def caption(
    metric: str,
    protocol: dict[str, Any],
    done: Sequence[Record],
    rows: Sequence[Row],
    digests: dict[str, str],
    superseded: int,
    tests: str = "",
) -> tuple[str, ...]:
    """What a reader must know to compare the table's numbers with others'."""
    lines = []
    description = str(protocol.get("description", "")).rstrip(".")
    if done:
        split = done[0].split
        counts = f"{split.get('queries', 0):,} queries, {split.get('train', 0):,} training images, "
        counts += f"database of {split.get('database', 0):,}"
        inside = split.get("train_in_database")
        counts += "" if inside is None else f" ({inside:,} of them trained on)"
        lines.append(f"Protocol {done[0].cell.protocol}: {description}." if description else "")
        lines.append(f"Split: {counts}.")
    meaning, health = define(metric), metric in HEALTH_DEFINITIONS
    rule = "computed from the database's codes" if health else "a query without a relevant item counts 0"
    lines.append(f"{metric}: {meaning + '; ' if meaning else ''}{rule}. {_repetitions(rows)}")
    if any(row.supervision == "unsupervised" and row.n_labelled for row in rows):
        lines.append("'in features': the method sees no labels, but its features were learned from labels.")
    if not health and any(row.group != "controls" for row in rows):
        lines.append(f"Bold: best of a column, controls apart. {tests}".strip())
    if done:
        lines.append(_environment(done))
    lines.append("Digests: " + ", ".join(f"{name} {digest[:8]}" for name, digest in digests.items()) + ".")
    edited = [row.label for row in rows if len(_sources(row, done)) > 1]
    if edited:
        lines.append(
            f"The method's code changed between repetitions or code lengths of: {', '.join(edited)}."
        )
    lines += _mixtures(done)
    if superseded:
        lines.append(f"{superseded} older or failed records of the same cells are left out.")
    return tuple(filter(None, lines))


def mark_failures(rows: Sequence[Row], records: Sequence[Record]) -> tuple[list[Row], list[Note]]:
    """The rows with a mark at each value some repetition of which failed, and a note for each row's error."""
    marked: list[Row] = []
    found: list[Note] = []
    for row in rows:
        cells = [record for record in records if _is_of(record, row)]
        failures = [record for record in cells if record.status == "failed"]
        if failures:
            mark = f"({_letter(len(found))})"
            found.append(Note(mark, _failure(row, failures, len(cells))))
            row = replace(row, values=tuple(replace(v, mark=mark) if v.failed else v for v in row.values))
        marked.append(row)
    return marked, found


def _failure(row: Row, failures: Sequence[Record], n_cells: int) -> str:
    """What failed, how much of it, and the first error."""
    lengths = sorted({record.cell.bits for record in failures if record.cell.bits})
    where = f" at {', '.join(map(str, lengths))} bits" if lengths else ""
    error = failures[0].error
    assert error is not None  # records see to it
    message = error.message.strip().partition("\n")[0][:200]
    gone = f"; if it is gone, delete {row.method}-*.json" if row.group == "not loaded" else ""
    return f"{row.label}: {len(failures)} of {n_cells} cells failed{where}; {error.type}: {message}{gone}"


def _mixtures(done: Sequence[Record]) -> list[str]:
    """What should be one throughout a table and is not: a repetition's backbone, the code that evaluated."""
    lines = []
    trunks: dict[tuple[str | None, int], set[str]] = {}
    for record in done:
        if record.digests.trunk:
            trunks.setdefault((record.cell.backbone, record.cell.repetition), set()).add(record.digests.trunk)
    mixed = sorted({str(backbone) for (backbone, _), digests in trunks.items() if len(digests) > 1})
    if mixed:
        lines.append(
            f"The rows do not all stand on the same trained {', '.join(mixed)}: device, torch or training "
            "code changed in between."
        )
    return lines + _evaluations(done)


def _evaluations(done: Sequence[Record]) -> list[str]:
    """Whether metrics were computed anew, and whether by one code."""
    anew = [record.rescored for record in done if record.rescored]
    days = sorted({f"{rescoring.created:%Y-%m-%d}" for rescoring in anew})
    lines = []
    if anew:
        versions = sorted({rescoring.environment.versions["hashbench"] for rescoring in anew})
        lines.append(
            f"{len(anew)} of {len(done)} records evaluated anew, without training, by hashbench "
            f"{'/'.join(versions)} on {', '.join(days)}."
        )
    coded, vectors = (
        {r.digests.evaluation_source for r in done if r.card and (r.card.output == "codes") is codes}
        for codes in (True, False)
    )
    if len(coded) > 1:
        lines.append("The records were not all evaluated by the same code; hashbench rescore does that.")
    elif coded and vectors - coded:
        names = sorted({r.cell.method for r in done if r.card and r.card.output == "vectors"})
        lines.append(
            f"{', '.join(names)}: evaluated by other code than the rest, and without codes to evaluate anew; "
            "delete its records and run it again."
        )
    return lines


def _repetitions(rows: Iterable[Row]) -> str:
    counts = {value.n for row in rows for value in row.values if value.n}
    if not counts or counts == {1}:
        return "n = 1: no spread."
    if len(counts) == 1:
        n = counts.pop()
        return (
            f"Mean ± sample standard deviation of n = {n} repetitions (95 % interval of the mean: "
            f"± {half_width(1.0, n):.2f} of it)."
        )
    return (
        f"Mean ± sample standard deviation of n = {min(counts)} to {max(counts)} repetitions (95 % intervals "
        "of the means: in the CSV format)."
    )


def _environment(records: Sequence[Record]) -> str:
    environments = [record.environment for record in records]
    machines = sorted({f"{e.device} ({e.cpu}, {e.precision})" for e in environments})
    versions = []
    for name in ("hashbench", "python", "torch", "numpy"):
        found = sorted({e.versions[name] for e in environments if name in e.versions})
        if found:
            versions.append(f"{name} {'/'.join(found)}")
    return f"Run on {' and on '.join(machines)}; {', '.join(versions)}."


def _sources(row: Row, records: Sequence[Record]) -> set[str]:
    """The digests of the method's code under which a row was obtained."""
    return {r.digests.method_source for r in records if r.digests.method_source and _is_of(r, row)}


def _is_of(record: Record, row: Row) -> bool:
    cell = record.cell
    of_cell = (cell.method, cell.features, cell.backbone, cell.params)
    return of_cell == (row.method, row.features, row.backbone, row.params)


def _letter(index: int) -> str:
    """a, b, ..., z, aa, ab, ..."""
    high, low = divmod(index, 26)
    return (_letter(high - 1) if high else "") + ascii_lowercase[low]
