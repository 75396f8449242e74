"""Records to tables.

One table per data set, protocol and metric; records of different digests never share one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean, stdev
from typing import Any

from hashbench.errors import InvalidInputError, UnknownNameError
from hashbench.evaluation.definitions import HEALTH_DEFINITIONS
from hashbench.records import Record
from hashbench.reporting import notes
from hashbench.reporting.citations import Citations
from hashbench.reporting.queries import QueryValues, mark_inseparable
from hashbench.reporting.selection import by_setting, grouped, has_digest, latest
from hashbench.reporting.significance import half_width
from hashbench.reporting.table import DECIMALS, GROUPS, Group, Row, Table, Value

_GROUP_OF: dict[str, Group] = {"control": "controls", "shallow": "shallow", "deep": "deep"}


def build_tables(
    records: Iterable[Record],
    metrics: Sequence[str] = ("map",),
    published: bool = True,
    digest: str | None = None,
    labels: Mapping[str, str] | None = None,
    queries: QueryValues | None = None,
) -> list[Table]:
    """One table per data set, protocol and metric or code health, in this order.

    ``published`` adds the published numbers. ``digest`` keeps the records one of whose data set, protocol
    and split digests starts so. ``labels``, {Cell.row: label}, are put before the names of these rows, which
    come last and in this order. ``queries``: values are marked that are not separable from the best.
    Raises MixedProtocolsError where a data set and protocol of one name have several digests,
    UnknownNameError for a metric that no record has.
    """
    records = list(records)
    kept = [record for record in records if digest is None or has_digest(record, digest)]
    if not kept:
        fault = f"none of {len(records)} records has the digest '{digest}'" if records else "no records"
        raise InvalidInputError(f"there is nothing to tabulate: {fault}; run first, or loosen the filter")
    known = {name for record in kept for name in (*record.metrics, *record.health)}
    for metric in metrics:
        if known and metric not in known:
            raise UnknownNameError("metric", metric, known)
    tables = []
    for (dataset, protocol), members in by_setting(kept).items():
        cells = latest(members)
        for metric in metrics:
            superseded = len(members) - len(cells)
            tables.append(
                _table(dataset, protocol, metric, cells, superseded, published, labels or {}, queries)
            )
    return tables


def _table(
    dataset: str,
    protocol: str,
    metric: str,
    records: list[Record],
    superseded: int,
    published: bool,
    labels: Mapping[str, str],
    queries: QueryValues | None,
) -> Table:
    bits: tuple[int | None, ...] = tuple(sorted({r.cell.bits for r in records if r.cell.bits})) or (None,)
    groups = grouped(records, lambda record: record.cell.row)
    named = [_row(metric, bits, groups[row], labels[row]) for row in labels if row in groups]
    others = [_row(metric, bits, groups[row]) for row in groups if row not in labels]
    rows, tests = [*sorted(others, key=_order), *named], ""
    if metric not in HEALTH_DEFINITIONS:  # of which more is not better
        rows = _with_best(rows, len(bits))
        if queries is not None:
            rows, tests = mark_inseparable(rows, groups, bits, queries, metric)
    rows, below = notes.mark_failures(rows, records)
    if published:
        citations = Citations(dataset, protocol, metric, bits)
        rows = citations.beside(rows)
        below += citations.notes(sorted({row.method for row in rows}))
    done = [record for record in records if record.status == "done"]
    return Table(
        title=f"{dataset} · {protocol} · {metric}",
        dataset=dataset,
        protocol=protocol,
        metric=metric,
        digests=_digests(records),
        bits=bits,
        rows=tuple(rows),
        caption=notes.caption(metric, records[0].protocol, done, rows, _digests(records), superseded, tests),
        notes=tuple(below),
    )


def _row(metric: str, bits: tuple[int | None, ...], records: list[Record], name: str = "") -> Row:
    """The row of records that differ in bits and repetition only."""
    cell = records[0].cell
    card = next((record.card for record in records if record.card), None)
    values = []
    for column in bits:
        # A method without codes has one value, whatever the code length of the others.
        there = [record for record in records if record.cell.bits in (None, column)]
        measured = [record.metrics | record.health for record in there]
        numbers = [values_of[metric] for values_of in measured if metric in values_of]
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
        features=cell.features,
        backbone=cell.backbone,
        values=tuple(values),
    )


def _order(row: Row) -> tuple[Any, ...]:
    """Controls, shallow, deep; without labels first; pixels before learned features."""
    return (
        GROUPS.index(row.group),
        row.supervision == "supervised",
        row.method,
        row.features == "cnn",
        row.backbone or "",
        bool(row.params),
        json.dumps(row.params, sort_keys=True),
    )


def _with_best(rows: list[Row], n_columns: int) -> list[Row]:
    """Mark the best value of each column, controls apart: they show what a number is worth."""
    best = [
        max((_printed(row, i) for row in rows if row.group != "controls"), default=-1.0)
        for i in range(n_columns)
    ]
    return [
        row
        if row.group == "controls"
        else replace(
            row,
            values=tuple(
                replace(value, best=value.mean is not None and _printed(row, i) == best[i])
                for i, value in enumerate(row.values)
            ),
        )
        for row in rows
    ]


def _printed(row: Row, column: int) -> float:
    mean = row.values[column].mean
    return -1.0 if mean is None else round(mean, DECIMALS)


def _digests(records: list[Record]) -> dict[str, str]:
    known = next((record for record in records if record.status == "done"), records[0]).digests
    named = {"dataset": known.dataset, "protocol": known.protocol, "split": known.split}
    return {name: digest for name, digest in named.items() if digest}
