"""Which records belong together, and which must not share a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

from hashbench.errors import MixedProtocolsError, UnknownNameError
from hashbench.records import Record

Item = TypeVar("Item")


def grouped(items: Iterable[Item], key: Callable[[Item], Hashable]) -> dict[Any, list[Item]]:
    """The items by key, in the order in which the keys first come."""
    groups: dict[Any, list[Item]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return dict(groups)


def only(
    files: Mapping[Path, Record],
    datasets: Iterable[str] = (),
    protocols: Iterable[str] = (),
    digest: str | None = None,
) -> dict[Path, Record]:
    """The files of these data sets and protocols (of all where none is named), and of a digest's start.

    Raises UnknownNameError for what no record is of.
    """
    kept = dict(files)
    for what, names in (("dataset", datasets), ("protocol", protocols)):
        known = {getattr(record.cell, what) for record in files.values()}
        for name in names:
            if name not in known:
                raise UnknownNameError(f"{what} of these records", name, known)
        wanted = set(names) or known
        kept = {path: record for path, record in kept.items() if getattr(record.cell, what) in wanted}
    return {path: record for path, record in kept.items() if digest is None or has_digest(record, digest)}


def by_setting(records: Iterable[Record]) -> dict[tuple[str, str], list[Record]]:
    """The records by data set and protocol, sorted. Raises MixedProtocolsError."""
    settings = grouped(records, lambda record: (record.cell.dataset, record.cell.protocol))
    for (dataset, protocol), members in settings.items():
        _refuse_mixture(dataset, protocol, members)
    return dict(sorted(settings.items()))


def latest(records: Iterable[Record]) -> list[Record]:
    """One record a cell: what is done goes before what failed, then the newest."""
    cells = grouped(records, lambda record: record.cell.model_dump_json())
    return [
        max(group, key=lambda record: (record.status == "done", record.created)) for group in cells.values()
    ]


def has_digest(record: Record, start: str) -> bool:
    """Whether the digest of the record's protocol, data set or split starts so."""
    digests = (record.digests.protocol, record.digests.dataset, record.digests.split)
    return any(digest is not None and digest.startswith(start) for digest in digests)


def _refuse_mixture(dataset: str, protocol: str, records: list[Record]) -> None:
    for what in ("protocol", "dataset", "split"):
        groups = grouped(records, attrgetter(f"digests.{what}"))
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
