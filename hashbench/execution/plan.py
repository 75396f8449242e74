"""What a run has to do: the cells of a grid whose records are not there or are stale."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from multiprocessing import current_process
from pathlib import Path
from typing import Any

from hashbench.errors import BrokenPluginError, InvalidInputError, UnknownNameError
from hashbench.execution.context import context_of
from hashbench.execution.place import Place
from hashbench.execution.work import Artefact, Work
from hashbench.identity.rooms import ROOMS
from hashbench.plugins.registry import find
from hashbench.records import Record, look_up
from hashbench.system.device import resolve_device
from hashbench.system.paths import is_regular
from hashbench.system.threads import cores

CELLS_A_JOB = 12  # at least: to start a process takes as long as some cells of a small data set
MOST_JOBS = 8  # each takes up to a gigabyte of memory


@dataclass(frozen=True)
class Plan:
    """What a run will do. ``done``: cells whose records exist and are still valid.

    reasons: why each of the ``pending`` is: "new", "that failed before", "whose split changed", ...
    before: when the record of each of the ``pending`` was written; None: there is none.
    images: how many training images each of the ``pending`` has.
    threads: (their threads, this run's) where these differ: how many cells in ``done``.
    older: cells in ``done`` that were scored by another version of the evaluation.
    """

    pending: list[Work]
    done: list[Work]
    reasons: list[str]
    before: list[datetime | None]
    images: list[int]
    threads: Counter[tuple[int, int]] = field(default_factory=Counter)
    older: list[Work] = field(default_factory=list)

    @property
    def artefacts(self) -> list[Artefact]:
        """What pending cells share, each once; with its rows if any cell reads them."""
        needed: dict[object, Artefact] = {}
        for artefact in (artefact for work in self.pending for artefact in work.artefacts):
            if artefact.rows or artefact.key not in needed:
                needed[artefact.key] = artefact
        return list(needed.values())

    @property
    def tasks(self) -> list[Artefact | Work]:
        """All that is done, each under its place in this list: artefacts, then cells."""
        return [*self.artefacts, *self.pending]


def make_plan(works: Iterable[Work], place: Place) -> Plan:
    """Sort cells into done and pending. Raises MissingDataError before anything runs."""
    plan = Plan([], [], [], [], [])
    for work in works:
        path = place.record(work)
        record, why_none = look_up(path)
        reason = why_none if record is None else why_stale(record, work, place)
        if reason is not None:
            context = context_of(work.setting, place.data)
            if work.feature is not None:
                work.feature.check(context.images)
            plan.pending.append(work)
            plan.reasons.append(reason)
            plan.before.append(None if record is None else record.created)
            plan.images.append(len(context.split.train))
            continue
        plan.done.append(work)
        assert record is not None
        before, now = record.environment.threads, place.threads_of(work.setting)
        if record.environment.device == "cpu" and before != now:
            plan.threads[before, now] += 1
        if record.rooms.get("evaluation") != ROOMS["evaluation"]:
            plan.older.append(work)
    return plan


def jobs_for(plan: Plan, place: Place) -> int:
    """How many jobs run a plan side by side on this machine where nobody has said it.

    One, unless all that is pending computes on the CPU, is of small data sets and is worth the start of more
    processes: then as many as there are cores for, at most ``MOST_JOBS``. One too in a process that may start
    no others, such as a worker of ``multiprocessing.Pool``.
    """
    if current_process().daemon:
        return 1
    if not all(work.setting.small for work in plan.pending) or resolve_device(place.device).type != "cpu":
        return 1
    threads = max((place.threads_of(work.setting) for work in plan.pending), default=1)
    return max(1, min(cores() // threads, len(plan.pending) // CELLS_A_JOB, MOST_JOBS))


def why_stale(record: Record, work: Work, place: Place) -> str | None:
    """Why a cell's record is stale; None if images, split, settings and code are the same."""
    if record.status == "failed":
        return "that failed before"
    context = context_of(work.setting, place.data)
    for what, before, now in (
        ("images", record.digests.dataset, context.images.digest),
        ("split", record.digests.split, context.split.digest),
        ("features", record.digests.features, work.feature_digest),
        ("task's code", record.digests.task_source, work.task_source),
        ("method's code", record.digests.method_source, work.method_source),
    ):
        if before != now:
            return f"whose {what} changed"
    for room, number in work.rooms:
        if room == "evaluation" and record.stored:  # its codes can be scored again without a new run
            continue
        if record.rooms.get(room) != number:
            return f"whose {room} changed"
    if record.recipe is not None:
        setting = work.setting
        if _changed(record.recipe, asdict(setting.protocol.recipe)):
            return "whose recipe changed"
        if _changed(record.invariances or {}, asdict(setting.invariances)):
            return "whose data set is augmented otherwise now"
    return None


def _changed(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether a recorded field has another value now; a new field is no change."""
    return any(name in now and now[name] != value for name, value in before.items())


def forget_gone(folders: Iterable[Path]) -> None:
    """Remove the records of broken methods that are gone or mended.

    A broken method does not say what it reads, so its records belong to cells that do not exist once it
    loads: no run would replace them, and its row would stay in every table. Records of a method that is still
    broken stay.
    """
    kept = set[str]()
    for path in sorted({path for folder in folders for path in folder.glob("*.json")}):
        record = _broken(path)
        if record is None or record.cell.method in kept:
            continue
        try:
            find("method", record.cell.method)
        except BrokenPluginError:
            kept.add(record.cell.method)
            continue
        except UnknownNameError:
            pass
        path.unlink(missing_ok=True)


def _broken(path: Path) -> Record | None:
    """The record in a file, where it is of a method that could not be loaded."""
    name = BrokenPluginError.__name__
    try:
        if not is_regular(path) or name.encode() not in path.read_bytes():  # cheaper than to load them all
            return None
        record = Record.load(path)
    except (InvalidInputError, OSError):  # not of this run: its plan has read those
        return None
    is_broken = record.error is not None and record.error.type == name
    return record if is_broken and record.card is None else None
