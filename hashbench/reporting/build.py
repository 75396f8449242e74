"""Records to tables.

One table per data set, protocol, recipe and metric; records of other images or another task never share one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean, stdev
from typing import Any

from hashbench.contracts.task import MetricInfo
from hashbench.errors import InvalidInputError
from hashbench.records import Record
from hashbench.reporting import notes
from hashbench.reporting.citations import Citations
from hashbench.reporting.published import TASK
from hashbench.reporting.selection import Compatible, compatible, grouped, latest, shared_digests
from hashbench.reporting.series import repeated
from hashbench.reporting.shown import shown
from hashbench.reporting.significance import half_width
from hashbench.reporting.table import GROUP_ORDER, Group, Row, Table, Value
from hashbench.reporting.tasks import check_metrics, knows
from hashbench.reporting.units import UnitValues, mark_inseparable

_GROUP_OF: dict[str, Group] = {"control": "controls", "shallow": "shallow", "deep": "deep"}
_SUPERVISION = ("unsupervised", "semi-supervised", "supervised", "")  # "": it could not be imported


def build_tables(
    records: Iterable[Record],
    metrics: Sequence[str] | None = None,
    published: bool = True,
    labels: Mapping[str, str] | None = None,
    values: UnitValues | None = None,
) -> list[Table]:
    """One table per data set, protocol, recipe and metric or code health, in this order.

    metrics: None is the headline of each task. ``published`` adds the published numbers. ``labels``,
    {Cell.row: label}, are put before the names of these rows, which come last and in this order. ``values``:
    marks the values that are not separable from the best.
    Rows that train no network stand in the table of each recipe. Raises MixedProtocolsError where a data set
    and protocol of one name have several digests, UnknownNameError for a metric that no task knows,
    InvalidInputError for one that no record has.
    """
    kept = list(records)
    if not kept:
        raise InvalidInputError("there is nothing to tabulate: no records; run first")
    settings = compatible(kept)
    check_metrics(metrics or (), kept)
    tables = []
    for setting in settings:
        records = latest(setting.records)
        groups = grouped(records, lambda record: record.cell.row)
        tables += [
            _table(setting, records, groups, metric, published, labels or {}, values)
            for metric in metrics or (setting.task.headline(),)
            if knows(setting.task, metric)
        ]
    return tables


def _table(
    setting: Compatible,
    records: list[Record],
    groups: Mapping[str, list[Record]],
    metric: str,
    published: bool,
    labels: Mapping[str, str],
    values: UnitValues | None,
) -> Table:
    """records: the newest of each cell. groups: they by Cell.row."""
    task = setting.task
    info = task.describe(metric)
    bits: tuple[int | None, ...] = tuple(sorted({r.cell.bits for r in records if r.cell.bits})) or (None,)
    named = [_row(metric, bits, groups[row], labels[row]) for row in labels if row in groups]
    others = [_row(metric, bits, groups[row]) for row in groups if row not in labels]
    rows, tests = [*sorted(others, key=_order), *named], ""
    if info.better is not None:
        rows = _with_best(rows, len(bits), info)
        if values is not None and info.of == "units":
            rows, tests = mark_inseparable(rows, groups, bits, values, metric, info, task.unit[1])
    rows, below = notes.mark_failures(rows, records)
    rows, foreign = notes.mark_foreign(rows, records, task.name())
    below += foreign + notes.ceiling(task.ceiling(metric), records, info.decimals)
    citations = Citations(setting.dataset, setting.protocol, metric, bits, info.decimals)
    if published and task.name() == TASK:
        rows = citations.beside(rows)
        below += citations.notes(sorted({row.method for row in rows}))
    of_recipe = [setting.recipe] if setting.recipe else []
    table = Table(
        title=" · ".join([setting.dataset, setting.protocol, *of_recipe, metric]),
        dataset=setting.dataset,
        protocol=setting.protocol,
        recipe=setting.recipe,
        metric=metric,
        info=info,
        digests=shared_digests(records),
        bits=bits,
        rows=tuple(rows),
        summary=notes.summary(setting, metric, rows),
        caption=notes.caption(setting, metric, info, records, rows, tests),
        notes=tuple(below),
        sources=citations.sources,
    )
    return shown(table)


def _row(metric: str, bits: tuple[int | None, ...], records: list[Record], name: str = "") -> Row:
    """The row of records that differ in bits and repetition only."""
    cell = records[0].cell
    card = next((record.card for record in records if record.card), None)
    values = []
    for column in bits:
        # A method without codes has one value, whatever the code length of the others.
        there = [record for record in records if record.cell.bits in (None, column)]
        numbers = repeated(there, metric)
        sd = stdev(numbers) if len(numbers) > 1 else None
        values.append(
            Value(
                mean=fmean(numbers) if numbers else None,
                sd=sd,
                half_width=None if sd is None else half_width(sd, len(numbers)),
                n=len(numbers),
                failed=sum(record.status == "failed" for record in there),
            )
        )
    return Row(
        group=_GROUP_OF[card.family] if card else "not loaded",
        key=cell.row,
        method=cell.method,
        params=cell.params,
        label=f"{name}: {cell.label}" if name else cell.label,
        title=card.title if card else "",
        supervision=card.supervision if card else "",
        n_labelled=card.n_labelled if card else None,
        n_pool=card.n_pool if card else 0,
        n_texts=card.n_texts if card else 0,
        features=cell.features,
        learned_from=card.learned_from if card else None,
        backbone=cell.backbone,
        values=tuple(values),
    )


def _order(row: Row) -> tuple[Any, ...]:
    """Controls, shallow, deep; fewer labels first; pixels before other features."""
    return (
        GROUP_ORDER.index(row.group),
        _SUPERVISION.index(row.supervision),
        row.method,
        row.features not in (None, "pixels"),
        row.features or "",
        row.backbone or "",
        bool(row.params),
        json.dumps(row.params, sort_keys=True),
    )


def _with_best(rows: list[Row], n_columns: int, info: MetricInfo) -> list[Row]:
    """Mark the best value of each column as printed, except for controls, which are only a reference."""

    def printed(row: Row, column: int) -> float | None:
        mean = row.values[column].mean
        return None if mean is None else round(mean, info.decimals)

    competing = [row for row in rows if row.group != "controls"]
    columns = [[printed(row, column) for row in competing] for column in range(n_columns)]
    best = [info.best([value for value in column if value is not None]) for column in columns]
    return [
        row
        if row.group == "controls"
        else replace(
            row,
            values=tuple(
                replace(value, best=value.mean is not None and printed(row, column) == best[column])
                for column, value in enumerate(row.values)
            ),
        )
        for row in rows
    ]
