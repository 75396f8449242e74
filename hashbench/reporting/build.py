"""Records to tables.

One table per data set, protocol and metric; records of different digests never share one.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from statistics import fmean, stdev
from typing import Any

from hashbench.errors import InvalidInputError, MixedProtocolsError, UnknownNameError
from hashbench.records import Record
from hashbench.reporting import notes
from hashbench.reporting.citations import Citations
from hashbench.reporting.table import DECIMALS, GROUPS, Group, Row, Table, Value

_GROUP_OF: dict[str, Group] = {"control": "controls", "shallow": "shallow", "deep": "deep"}


def build_tables(
    records: Iterable[Record],
    metrics: Sequence[str] = ("map",),
    published: bool = True,
    digest: str | None = None,
    labels: Mapping[str, str] | None = None,
) -> list[Table]:
    """One table per data set, protocol and metric, in this order.

    ``published`` adds the published numbers. ``digest`` keeps the records one of whose data set, protocol
    and split digests starts so. ``labels``, {Cell.row: label}, are put before the names of these rows, which
    come last and in this order. Raises MixedProtocolsError where a data set and protocol of one name have
    several digests, UnknownNameError for a metric that no record has.
    """
    records = list(records)
    kept = [record for record in records if digest is None or _has_digest(record, digest)]
    if not kept:
        fault = f"none of {len(records)} records has the digest '{digest}'" if records else "no records"
        raise InvalidInputError(f"there is nothing to tabulate: {fault}; run first, or loosen the filter")
    known = {name for record in kept for name in record.metrics}
    for metric in metrics:
        if known and metric not in known:
            raise UnknownNameError("metric", metric, known)
    groups = _grouped(kept, lambda record: (record.cell.dataset, record.cell.protocol))
    tables = []
    for (dataset, protocol), members in sorted(groups.items()):
        _refuse_mixture(dataset, protocol, members)
        latest = _latest(members)
        for metric in metrics:
            tables.append(
                _table(dataset, protocol, metric, latest, len(members) - len(latest), published, labels or {})
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
) -> Table:
    bits: tuple[int | None, ...] = tuple(sorted({r.cell.bits for r in records if r.cell.bits})) or (None,)
    groups = _grouped(records, lambda record: record.cell.row)
    named = [_row(metric, bits, groups[row], labels[row]) for row in labels if row in groups]
    others = [_row(metric, bits, groups[row]) for row in groups if row not in labels]
    rows = _with_best([*sorted(others, key=_order), *named], len(bits))
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
        caption=notes.caption(metric, records[0].protocol, done, rows, _digests(records), superseded),
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
        numbers = [record.metrics[metric] for record in there if metric in record.metrics]
        values.append(
            Value(
                mean=fmean(numbers) if numbers else None,
                sd=stdev(numbers) if len(numbers) > 1 else None,
                n=len(numbers),
                failed=sum(record.status == "failed" for record in there),
            )
        )
    return Row(
        group=_GROUP_OF[card.family] if card else "not loaded",
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


def _has_digest(record: Record, start: str) -> bool:
    digests = (record.digests.protocol, record.digests.dataset, record.digests.split)
    return any(digest is not None and digest.startswith(start) for digest in digests)


def _refuse_mixture(dataset: str, protocol: str, records: list[Record]) -> None:
    for what in ("protocol", "dataset", "split"):
        groups = _grouped(records, attrgetter(f"digests.{what}"))
        groups.pop(None, None)  # failed before it was known
        if len(groups) > 1:
            counts = ", ".join(f"{digest[:8]} ({len(groups[digest])} records)" for digest in sorted(groups))
            newest = max(groups, key=lambda digest: max(record.created for record in groups[digest]))
            raise MixedProtocolsError(
                f"{dataset} under '{protocol}': {len(groups)} {what} digests cannot share a table: {counts}"
                f"{_differing(records)}; keep the newest records with --digest {newest[:8]}, or run the "
                "others again"
            )


def _differing(records: list[Record]) -> str:
    """The fields of the protocol and its recipe, if any, in which records differ."""
    protocols = [{**record.protocol, **record.protocol.get("recipe", {})} for record in records]
    names = {name for protocol in protocols for name in protocol if name != "recipe"}
    differing = [
        name for name in sorted(names) if any(p.get(name) != protocols[0].get(name) for p in protocols)
    ]
    return f"; they differ in {', '.join(differing)}" if differing else ""


def _latest(records: list[Record]) -> list[Record]:
    """One record a cell: what is done goes before what failed, then the newest."""
    cells = _grouped(records, lambda record: record.cell.model_dump_json())
    return [
        max(group, key=lambda record: (record.status == "done", record.created)) for group in cells.values()
    ]


def _digests(records: list[Record]) -> dict[str, str]:
    known = next((record for record in records if record.status == "done"), records[0]).digests
    named = {"dataset": known.dataset, "protocol": known.protocol, "split": known.split}
    return {name: digest for name, digest in named.items() if digest}


def _grouped(records: Iterable[Record], key: Callable[[Record], Hashable]) -> dict[Any, list[Record]]:
    groups: dict[Any, list[Record]] = defaultdict(list)
    for record in records:
        groups[key(record)].append(record)
    return dict(groups)
