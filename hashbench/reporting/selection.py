"""Which records belong together, and which must not share a table."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

from hashbench.contracts.task import Task
from hashbench.errors import LISTED, InvalidInputError, MixedProtocolsError, UnknownNameError
from hashbench.records import Record
from hashbench.reporting.tasks import common_task

T = TypeVar("T")
# The names that a record answers to, by what they name; None answers to all.
_ANSWERS: Mapping[str, Callable[[Record], set[Any]]] = {
    "method": lambda record: {record.cell.method, "all", *([record.card.family] if record.card else [])},
    "dataset": lambda record: {record.cell.dataset},
    "protocol": lambda record: {record.cell.protocol},
    "features": lambda record: {record.cell.reads},
    "bits": lambda record: {record.cell.bits},
}


@dataclass(frozen=True)
class Compatible:
    """The records that can share a table: of one data set, protocol and recipe.

    recipe: the settings that tell its recipe from the others of this data set and protocol, as text; empty
    where there are no others.
    """

    dataset: str
    protocol: str
    recipe: str
    task: type[Task]
    records: list[Record]


def grouped(items: Iterable[T], key: Callable[[T], Hashable]) -> dict[Any, list[T]]:
    """The items by key, in the order in which the keys first come."""
    groups: dict[Any, list[T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return dict(groups)


def only(
    files: Mapping[Path, Record],
    *,
    methods: Iterable[str] = (),
    datasets: Iterable[str] = (),
    protocols: Iterable[str] = (),
    features: Iterable[str] = (),
    bits: Iterable[int] = (),
    digest: str | None = None,
) -> dict[Path, Record]:
    """The records that match the given names; all where none is given.

    methods: also "shallow", "deep", "control". features: "images" for methods that read these. digest: the
    start of one of a record's digests. Methods without codes match any bits. Raises UnknownNameError for what
    no record has, InvalidInputError where nothing is left.
    """
    kept = dict(files)
    wanted: dict[str, set[Any]] = {
        "method": set(methods),
        "dataset": set(datasets),
        "protocol": set(protocols),
        "features": set(features),
        "bits": set(bits),
    }
    for what, names in wanted.items():
        answers = _ANSWERS[what]
        known = set().union(*map(answers, files.values())) - {None}
        for name in names - known:
            listed = f"{what.removesuffix('s')}s"
            raise UnknownNameError(
                f"{what} of these records", str(name), map(str, known), lists=[listed] * (listed in LISTED)
            )
        if names:
            kept = {path: record for path, record in kept.items() if answers(record) & {*names, None}}
    if digest is not None:
        kept = _of_digest(kept, digest)
    if files and not kept:
        of = f" has a digest that starts with '{digest}' and" if digest else ""
        raise InvalidInputError(f"none of {len(files)} records{of} is of all that is asked for; ask for less")
    return kept


def compatible(records: Iterable[Record]) -> list[Compatible]:
    """The records by data set, protocol and recipe, sorted; those without a network belong to each recipe.

    Raises MixedProtocolsError where the task's numbers, the images or the split are not the same.
    """
    settings = []
    groups = grouped(records, lambda record: (record.cell.dataset, record.cell.protocol))
    for (dataset, protocol), members in sorted(groups.items()):
        _refuse_mixture(dataset, protocol, members)
        task = common_task(members)
        for digest, text in recipe_texts(members).items():
            of_recipe = [record for record in members if record.digests.recipe in (None, digest)]
            settings.append(Compatible(dataset, protocol, text, task, of_recipe))
    return settings


def latest(records: Iterable[Record]) -> list[Record]:
    """One record per cell and recipe: finished ones before failed ones, then the newest."""
    cells = grouped(records, lambda record: (record.cell.model_dump_json(), record.digests.recipe))
    return [
        max(group, key=lambda record: (record.status == "done", record.created)) for group in cells.values()
    ]


def rivals(records: Iterable[Record]) -> list[Record]:
    """What competes: the newest of each cell and recipe, if done, of methods that make codes.

    Left out are controls, rows with overridden parameters, and methods that are made for other tasks.
    """
    return [
        record
        for record in latest(records)
        if record.status == "done"
        and record.card
        and record.card.family != "control"
        and (not record.card.made_for or record.task in record.card.made_for)
        and record.cell.bits
        and not record.cell.params
    ]


def _of_digest(files: Mapping[Path, Record], start: str) -> dict[Path, Record]:
    """The records with a digest that starts so; for a recipe's digest, also those that train no network."""
    is_recipe = any((record.digests.recipe or "").startswith(start) for record in files.values())
    return {
        path: record
        for path, record in files.items()
        if any(digest.startswith(start) for digest in _digests(record).values())
        or (is_recipe and record.digests.recipe is None)
    }


def _digests(record: Record) -> dict[str, str]:
    digests = record.digests
    named = {
        "dataset": digests.dataset,
        "task": digests.task,
        "recipe": digests.recipe,
        "split": digests.split,
    }
    return {name: digest for name, digest in named.items() if digest}


def shared_digests(records: Iterable[Record]) -> dict[str, str]:
    """The digests of records that can share a table, by what they identify."""
    shared: dict[str, str] = {}
    for record in sorted(records, key=lambda record: record.status):  # finished records come first
        shared = {**_digests(record), **shared}
    return {name: shared[name] for name in ("dataset", "task", "recipe", "split") if name in shared}


def recipe_texts(records: Iterable[Record]) -> dict[str | None, str]:
    """The digests of the recipes, oldest first, and what tells each from the others."""
    groups = grouped(sorted(records, key=attrgetter("created")), attrgetter("digests.recipe"))
    groups.pop(None, None)
    if len(groups) < 2:
        return dict.fromkeys(groups or [None], "")
    recipes = {digest: members[0].recipe or {} for digest, members in groups.items()}
    names = _differing(recipes.values())
    texts = {
        digest: ", ".join(f"{name}={recipe[name]}" for name in names if name in recipe)
        for digest, recipe in recipes.items()
    }
    return {digest: text or f"recipe {digest[:8]}" for digest, text in texts.items()}


def _refuse_mixture(dataset: str, protocol: str, records: list[Record]) -> None:
    for what in ("task", "dataset", "split"):
        groups = grouped(records, attrgetter(f"digests.{what}"))
        groups.pop(None, None)  # failed before it was known
        if len(groups) > 1:
            counts = ", ".join(f"{digest[:8]} ({len(groups[digest])} records)" for digest in sorted(groups))
            newest = max(groups, key=lambda digest: max(record.created for record in groups[digest]))
            names = ", ".join(_differing(record.protocol.get("task", {}) for record in records))
            raise MixedProtocolsError(
                f"{dataset} under '{protocol}': {len(groups)} {what} digests cannot share a table: {counts}"
                f"{f'; they differ in {names}' if names else ''}; keep the newest records with "
                f"--digest {newest[:8]}, or run the others again"
            )


def _differing(facts: Iterable[Mapping[str, Any]]) -> list[str]:
    """The names whose values are not all the same."""
    every = list(facts)
    names = sorted({name for one in every for name in one})
    return [name for name in names if len({json.dumps(one.get(name), sort_keys=True) for one in every}) > 1]
