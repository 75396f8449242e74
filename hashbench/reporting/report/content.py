"""Everything that a report shows, as plain data for its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from hashbench.errors import InvalidInputError
from hashbench.records import Record
from hashbench.reporting.build import build_tables
from hashbench.reporting.figures import COLORS
from hashbench.reporting.report.curves import curves_of, rounded, seconds_of
from hashbench.reporting.report.methods import Pool, Shared, methods_of
from hashbench.reporting.report.ranks import MIN_BLOCKS, MIN_METHODS, mean_ranks
from hashbench.reporting.selection import Compatible, compatible, latest
from hashbench.reporting.shown import inert
from hashbench.reporting.table import Row, Table, Value
from hashbench.reporting.units import UnitValues
from hashbench.system.text import visible

T = TypeVar("T")


def content_of(
    files: Mapping[Path, Record], metrics: Sequence[str] = (), published: bool = True
) -> dict[str, Any]:
    """The page's data, of records by their path. metrics: None named is all that are recorded.

    Raises InvalidInputError without records, and what ``build_tables`` raises.
    """
    records = list(files.values())
    if not records:
        raise InvalidInputError("there is nothing to report: no records; run first")
    settings = compatible(records)
    headlines = build_tables(records, None, published, values=UnitValues(files))
    known = {name for record in records for name in (*record.metrics, *record.health)}
    others = sorted(set(metrics or known) - {table.metric for table in headlines})
    further = build_tables(records, others, published) if others else []
    tables: dict[tuple[str, str, str], list[Table]] = {}
    for table in [*headlines, *further]:
        tables.setdefault((table.dataset, table.protocol, table.recipe), []).append(table)
    shared, axes, captions = Shared(), list[list[float]](), Pool()
    content = {
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "n_records": len(records),
        "n_failed": sum(record.status == "failed" for record in records),
        "n_methods": len({record.cell.method for record in records}),
        "colors": COLORS,
        "best": [line for table in headlines for line in best_of(table)],
        "settings": [
            _setting(setting, of_setting, axes, captions)
            for setting, of_setting in zip(settings, tables.values(), strict=True)
        ],
        "axes": axes,
        "captions": list(captions.values),
        "ranks": [asdict(ranks) for ranks in mean_ranks(records)],
        "ranks_need": {"methods": MIN_METHODS, "blocks": MIN_BLOCKS},
        "methods": methods_of(files, shared),
    }
    return harmless(content | shared.content())


def harmless(value: T) -> T:
    """The value with the control characters of all texts in it as escapes, except for new lines."""
    changed: Any = value
    if isinstance(value, str):
        changed = visible(value, keep="\n")
    elif isinstance(value, Mapping):
        changed = {harmless(key): harmless(part) for key, part in value.items()}
    elif isinstance(value, list | tuple):
        changed = [harmless(part) for part in value]
    result: T = changed
    return result


def best_of(table: Table) -> list[dict[str, Any]]:
    """What is best at each code length of a table of a headline, and what is not separable from it.

    without_labels: the best of the rows that neither labels nor texts have reached, through features neither.
    """
    found = []
    for column, bits in enumerate(table.bits):
        competing = [
            row for row in table.rows if row.group != "controls" and row.values[column].mean is not None
        ]
        first = [row for row in competing if row.values[column].best]
        if not first:
            continue
        unlabelled = [row for row in competing if row.sees == "none"]
        best = table.info.best([_printed(table, row, column) for row in unlabelled])
        found.append(
            {
                "dataset": inert(table.dataset),
                "protocol": inert(table.protocol),
                "recipe": inert(table.recipe),
                "metric": table.metric,
                "bits": bits,
                "decimals": table.info.decimals,
                "best": [_named(row, column) for row in first],
                "alike": [
                    _named(row, column)
                    for row in competing
                    if row.values[column].separable is False and row not in first
                ],
                "tested": sum(row.values[column].separable is not None for row in competing),
                "rivals": len(competing) - 1,
                "without_labels": [
                    _named(row, column) for row in unlabelled if _printed(table, row, column) == best
                ],
            }
        )
    return found


def _printed(table: Table, row: Row, column: int) -> float:
    return round(row.values[column].mean or 0.0, table.info.decimals)


def _named(row: Row, column: int) -> dict[str, Any]:
    value = row.values[column]
    return {"method": row.method, "name": _name(row), "mean": value.mean, "sd": value.sd, "n": value.n}


def _name(row: Row) -> str:
    """As figures name a row: the method, its changed constants, what it reads unless images."""
    return inert(" ".join(filter(None, (row.label, row.features))))


def _setting(
    setting: Compatible, tables: Sequence[Table], axes: list[list[float]], captions: Pool
) -> dict[str, Any]:
    records, first = latest(setting.records), tables[0]
    places = {row.key: place for place, row in enumerate(first.rows)}
    protocol: Mapping[str, Any] = next((record.protocol for record in records if record.protocol), {})
    return {
        "dataset": inert(setting.dataset),
        "protocol": inert(setting.protocol),
        "recipe": inert(setting.recipe),
        "task": setting.task.name(),
        "description": str(protocol.get("description", "")),
        "split": str(protocol.get("split", "")),
        "digests": first.digests,
        "bits": first.bits,
        "rows": [_row(row) for row in first.rows],
        "tables": [_table(table, places, captions) for table in tables if _has_values(table)],
        "curves": curves_of(records, places, axes),
        "seconds": seconds_of(records, places),
    }


def _has_values(table: Table) -> bool:
    return any(value.mean is not None or value.failed for row in table.rows for value in row.values)


def _row(row: Row) -> dict[str, Any]:
    return {
        "method": row.method,
        "label": inert(row.label),
        "name": _name(row),
        "title": row.title,
        "group": row.group,
        "supervision": row.supervision,
        "sees": row.sees,
        "reads": inert(row.reads),
        "backbone": row.backbone or "",
    }


def _table(table: Table, places: Mapping[str, int], captions: Pool) -> dict[str, Any]:
    values: list[Any] = [None] * len(places)
    for row in table.rows:
        values[places[row.key]] = [_value(value) for value in row.values]
    return {
        "metric": table.metric,
        "definition": table.info.definition,
        "better": table.info.better,
        "decimals": table.info.decimals,
        "values": values,
        "caption": [captions.place(line) for line in table.caption],
        "notes": [note.line for note in table.notes],
        "sources": [{"number": s.number, "text": s.text, "url": s.url} for s in table.sources],
    }


def _value(value: Value) -> dict[str, Any]:
    """A table's cell without what is empty, as there are many: six digits are more than any table prints."""
    mean, sd = (None if v is None else float(f"{v:.6g}") for v in (value.mean, value.sd))
    quote = value.quote
    facts = {
        "mean": mean,
        "sd": sd and rounded([sd])[0],
        "n": 0 if value.n == 1 else value.n,  # 1 where it is not said
        "failed": value.failed,
        "mark": value.mark,
        "best": value.best,
        "alike": value.separable is False,
        "published": quote and quote.number.value,
        "published_mark": value.quote_mark,
        "differs": "; ".join(quote.reasons) if quote else "",
        "source": quote.number.source if quote else "",
    }
    return {name: fact for name, fact in facts.items() if fact or (name == "mean" and fact is not None)}
