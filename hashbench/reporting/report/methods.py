"""What the page of each method says: its card, its parameters, its records and how to make them again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hashbench.errors import HashbenchError
from hashbench.plugins.registry import find
from hashbench.records import Record
from hashbench.reporting.card import card_of
from hashbench.reporting.report.commands import command_of, usual_recipe
from hashbench.reporting.selection import grouped

Recipes = Mapping[str, Mapping[str, Any]]  # the fields of the usual recipe of each protocol


class Pool:
    """Values that many records share, each kept once; its place stands for it."""

    def __init__(self) -> None:
        self.values: dict[Any, int] = {}

    def place(self, value: Any) -> int:
        """The number of the value, which is added if it is new."""
        return self.values.setdefault(value, len(self.values))


@dataclass(frozen=True)
class Shared:
    """What records of several methods share."""

    commands: Pool = field(default_factory=Pool)
    environments: Pool = field(default_factory=Pool)
    digests: Pool = field(default_factory=Pool)

    def content(self) -> dict[str, list[Any]]:
        """The pools, by name, as the page has them."""
        return {
            "commands": list(self.commands.values),
            "environments": [dict(facts) for facts in self.environments.values],
            "digests": [dict(digests) for digests in self.digests.values],
        }


def methods_of(files: Mapping[Path, Record], shared: Shared) -> dict[str, Any]:
    """By name: the card of its class, where it is here, what its records say, and each record."""
    groups = grouped(files.items(), lambda item: item[1].cell.method)
    protocols = {record.cell.protocol for record in files.values()}
    recipes = {protocol: usual_recipe(protocol) for protocol in protocols}
    return {name: _method(name, groups[name], recipes, shared) for name in sorted(groups)}


def _method(name: str, items: list[tuple[Path, Record]], recipes: Recipes, shared: Shared) -> dict[str, Any]:
    declared = next((record.card for _, record in items if record.card), None)
    sources = sorted({record.digests.method_source for _, record in items if record.digests.method_source})
    return {
        "title": declared.title if declared else "",
        "family": declared.family if declared else "not loaded",
        "supervision": declared.supervision if declared else "",
        "sources": sources,
        "card": _card(name),
        "records": [_record(path, record, recipes, shared) for path, record in items],
    }


def _card(name: str) -> dict[str, Any] | None:
    """The card of a method that is here; None where it is not, or cannot be imported."""
    try:
        cls = find("method", name)
        return asdict(card := card_of(cls)) | {"formula": card.formula, "module": cls.__module__}
    except HashbenchError:
        return None


def environment_of(record: Record) -> tuple[tuple[str, str], ...]:
    """What a record ran on, as pairs of texts."""
    ran = record.environment
    versions = ", ".join(f"{name} {version}" for name, version in sorted(ran.versions.items()))
    facts = {
        "device": ran.device,
        "processor": f"{ran.cpu}, {ran.cores} cores",
        "threads": str(ran.threads),
        "precision": ran.precision,
        "platform": ran.platform,
        "versions": versions,
        "commit": ran.commit or "not known",
    }
    return tuple(facts.items())


def _record(path: Path, record: Record, recipes: Recipes, shared: Shared) -> dict[str, Any]:
    cell = record.cell
    digests = {name: digest[:12] for name, digest in record.digests.model_dump().items() if digest}
    return {
        "file": path.name,
        "dataset": cell.dataset,
        "protocol": cell.protocol,
        "features": cell.reads,
        "label": cell.label,
        "bits": cell.bits,
        "repetition": cell.repetition,
        "status": record.status,
        "created": record.created.date().isoformat(),
        "error": f"{record.error.type}: {record.error.message[:300]}" if record.error else "",
        "digests": shared.digests.place(tuple(digests.items())),
        "ran": shared.commands.place(record.command),
        "again": command_of(record, recipes[cell.protocol]),
        "environment": shared.environments.place(environment_of(record)),
    }
