"""The words around a table: its caption, and the notes on what failed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from string import ascii_lowercase

from hashbench.contracts.task import MetricInfo
from hashbench.records import Record
from hashbench.reporting.provenance import environment, mixtures, without_folders
from hashbench.reporting.selection import Compatible, grouped, shared_digests
from hashbench.reporting.significance import half_width
from hashbench.reporting.table import Note, Row


def summary(setting: Compatible, metric: str, rows: Sequence[Row]) -> str:
    """The caption in one sentence, for formats that print everything else separately."""
    of_recipe = f", {setting.recipe}" if setting.recipe else ""
    counts = _counts(rows)
    spread = "n = 1" if max(counts, default=1) == 1 else f"mean ± standard deviation, {_of_counts(counts)}"
    return f"{metric} on {setting.dataset} under {setting.protocol}{of_recipe} ({spread})."


def caption(
    setting: Compatible,
    metric: str,
    info: MetricInfo,
    records: Sequence[Record],
    rows: Sequence[Row],
    tests: str = "",
) -> tuple[str, ...]:
    """What a reader must know to compare the table's numbers with others'.

    records: the newest of each cell. tests: how values were found not to be separable.
    """
    done = [record for record in records if record.status == "done"]
    lines = []
    if done:
        description = str(done[0].protocol.get("description", "")).rstrip(".")
        lines.append(f"Protocol {setting.protocol}: {description}." if description else "")
        split = str(done[0].protocol.get("split", ""))
        lines.append(f"Here: {split}." if split else "")
    if setting.recipe:
        lines.append(f"Of several recipes, this is the one with {setting.recipe}.")
    lines.append(f"{metric}: {info.definition}. {_repetitions(rows)}")
    for place in ("features", "backbone"):
        if any(row.sees.endswith(f"labels in {place}") for row in rows):
            lines.append(f"'in {place}': the method sees no labels, but its {place} learned from them.")
    if any(value.best for row in rows for value in row.values):
        which = "the lowest" if info.better == "lower" else "best"
        lines.append(f"Bold: {which} of a column, controls apart. {tests}".strip())
    if done:
        lines.append(environment(done))
    digests = shared_digests(records)
    lines.append("Digests: " + ", ".join(f"{name} {digest[:8]}" for name, digest in digests.items()) + ".")
    by_row = grouped(done, lambda record: record.cell.row)
    edited = [row.label for row in rows if len(_sources(by_row.get(row.key, []))) > 1]
    if edited:
        lines.append(
            f"The method's code changed between repetitions or code lengths of: {', '.join(edited)}."
        )
    lines += mixtures(done)
    superseded = len(setting.records) - len(records)
    if superseded:
        lines.append(f"{superseded} older or failed records of the same cells are left out.")
    return tuple(filter(None, lines))


def mark_failures(rows: Sequence[Row], records: Sequence[Record]) -> tuple[list[Row], list[Note]]:
    """The rows with a mark at each value with a failed repetition, and a note for each row's error."""
    marked: list[Row] = []
    found: list[Note] = []
    by_row = grouped(records, lambda record: record.cell.row)
    for row in rows:
        cells = by_row.get(row.key, [])
        failures = [record for record in cells if record.status == "failed"]
        if failures:
            mark = f"({_letter(len(found))})"
            found.append(Note(mark, _failure(row, failures, len(cells))))
            row = replace(row, values=tuple(replace(v, mark=mark) if v.failed else v for v in row.values))
        marked.append(row)
    return marked, found


def mark_foreign(rows: Sequence[Row], records: Sequence[Record], task: str) -> tuple[list[Row], list[Note]]:
    """The rows with a mark at the methods that are not made for the task, and a note that says so."""
    foreign = {
        record.cell.row
        for record in records
        if record.card and record.card.made_for and task not in record.card.made_for
    }
    if not foreign:
        return list(rows), []
    marked = [replace(row, label=f"{row.label} *") if row.key in foreign else row for row in rows]
    return marked, [Note("*", f"Not made for {task}.")]


def ceiling(found: tuple[str, str] | None, records: Sequence[Record], decimals: int) -> list[Note]:
    """A note on what perfect codes would reach, ``Task.ceiling``; none where no record holds it."""
    if found is None:
        return []
    metric, words = found
    numbers = {f"{record.metrics[metric]:.{decimals}f}" for record in records if metric in record.metrics}
    return [Note("", f"{words}: {' to '.join(sorted(numbers))}, {metric}.")] if numbers else []


def _failure(row: Row, failures: Sequence[Record], n_cells: int) -> str:
    """What failed, how much of it, and the first error."""
    lengths = sorted({record.cell.bits for record in failures if record.cell.bits})
    where = f" at {', '.join(map(str, lengths))} bits" if lengths else ""
    error = failures[0].error
    assert error is not None  # records guarantee it
    message = without_folders(error.message.strip().partition("\n")[0])[:200]
    gone = f"; if it is gone, delete {row.method}-*.json" if row.group == "not loaded" else ""
    of_all = f"{len(failures)} of {n_cells} cells" if n_cells > 1 else "its one cell"
    return f"{row.label}: {of_all} failed{where}; {error.type}: {message}{gone}"


def _counts(rows: Iterable[Row]) -> set[int]:
    return {value.n for row in rows for value in row.values if value.n}


def _of_counts(counts: set[int]) -> str:
    several = f"{min(counts)} to {max(counts)}" if len(counts) > 1 else f"{max(counts)}"
    return f"n = {several} repetitions"


def _repetitions(rows: Sequence[Row]) -> str:
    counts = _counts(rows)
    if max(counts, default=1) == 1:
        return "n = 1: no spread."
    if len(counts) == 1:
        interval = f"95 % interval of the mean: ± {half_width(1.0, max(counts)):.2f} of it"
    else:
        interval = "95 % intervals of the means: in the CSV format"
    return f"Mean ± sample standard deviation of {_of_counts(counts)} ({interval})."


def _sources(records: Sequence[Record]) -> set[str]:
    """The digests of the method's code under which the records of a row were obtained."""
    return {record.digests.method_source for record in records if record.digests.method_source}


def _letter(index: int) -> str:
    """a, b, ..., z, aa, ab, ..."""
    high, low = divmod(index, 26)
    return (_letter(high - 1) if high else "") + ascii_lowercase[low]
