"""The suite of the ablation: its tables, and what pre-training is worth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hashbench.execution.grid import expand, labels_of
from hashbench.execution.suite import make_suite, read_suite
from hashbench.records import Record
from hashbench.reporting import UnitValues, build_tables, render
from sections.comparisons import TESTED, Compared, against, differences_table
from sections.records import METHOD, Results

SUITE = "mu-liu-ablation"
RANDOM_START = f"{METHOD} (pretraining=none)"
EQUAL_COMPUTE = f"{METHOD} (budget=total, pretraining=none)"
_TITLES = {
    RANDOM_START: "R3 minus R0: as many epochs of the hashing loss",
    EQUAL_COMPUTE: "R3 minus R1: as many epochs in all",
}


def kept(results: Results) -> dict[Path, Record]:
    """The records of the suite's rows, in the settings and code lengths in which a variant has any."""
    labels = _labels()
    files = {path: record for path, record in results.files.items() if record.cell.row in labels}
    with_variants = {_place(record) for record in files.values() if record.cell.params}
    return {path: record for path, record in files.items() if _place(record) in with_variants}


def starts(files: Mapping[Path, Record]) -> Compared:
    """The method against its two random starts."""
    return against(files, _TITLES)


def ablation(files: Mapping[Path, Record], compared: Compared) -> str:
    """What pre-training is worth, and the suite's tables."""
    command = f"`hashbench run --suite {SUITE} --out results`"
    parts = ["## The ablation"]
    if not files:
        return f"{parts[0]}\n\nNo records of it yet; it is made by {command}."
    labels = _labels()
    parts.append(f"The rows of {command}, where they have been run.")
    if compared.found:
        parts += [
            "What pre-training is worth in mAP, with its 95 % interval. R0 is the abstract's experiment; R1, "
            f"the control that it needs, trains as long as pre-training and hashing together.\n{TESTED}",
            differences_table(compared, _TITLES),
        ]
    parts.append(compared.not_compared())
    tables = build_tables(files.values(), published=False, labels=labels, values=UnitValues(files))
    parts.append(render(tables, "md").strip())
    there = {record.cell.row for record in files.values() if record.status == "done"}
    missing = [label for row, label in labels.items() if row not in there]
    parts.append(f"Rows not there yet: {'; '.join(missing)}." if missing else "")
    return "\n\n".join(filter(None, parts))


def _labels() -> dict[str, str]:
    return labels_of(expand(make_suite(read_suite(SUITE), SUITE)).works)


def _place(record: Record) -> tuple[str, str, int | None]:
    return record.cell.dataset, record.cell.protocol, record.cell.bits
