"""Runs the cells of a grid, in this process or in several, and skips cells that are done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable
from dataclasses import asdict, dataclass, field, replace
from tempfile import TemporaryFile
from typing import Any

from hashbench.errors import BrokenPluginError, InvalidInputError
from hashbench.execution.cell import run_cell
from hashbench.execution.context import context_of, make_artefact
from hashbench.execution.place import Place
from hashbench.execution.work import Artefact, Work
from hashbench.execution.workers import each
from hashbench.identity.rooms import ROOMS
from hashbench.records import Failure, Record, look_up


@dataclass(frozen=True)
class Plan:
    """What a run will do. ``done``: cells whose records exist and are still valid.

    reasons: why each of the ``pending`` is: "new", "that failed before", "whose split changed", ...
    threads: for each other number of threads than this run's, how many cells in ``done`` used it.
    older: cells in ``done`` that were scored by another version of the evaluation.
    """

    pending: list[Work]
    done: list[Work]
    reasons: list[str]
    threads: Counter[int] = field(default_factory=Counter)
    older: list[Work] = field(default_factory=list)

    @property
    def artefacts(self) -> list[Artefact]:
        """What pending cells share, each once; with its rows if any cell reads them."""
        needed: dict[object, Artefact] = {}
        for artefact in (artefact for work in self.pending for artefact in work.artefacts):
            if artefact.rows or artefact.key not in needed:
                needed[artefact.key] = artefact
        return list(needed.values())


def make_plan(works: Iterable[Work], place: Place) -> Plan:
    """Sort cells into done and pending. Raises MissingDataError before anything runs."""
    plan = Plan([], [], [])
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
            continue
        plan.done.append(work)
        assert record is not None
        environment = record.environment
        if environment.device == "cpu" and environment.threads != place.threads:
            plan.threads[environment.threads] += 1
        if record.rooms.get("evaluation") != ROOMS["evaluation"]:
            plan.older.append(work)
    return plan


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


@dataclass(frozen=True)
class Made:
    """An artefact is ready for the cells that need it, unless making it failed."""

    artefact: Artefact
    failure: Failure | None = None


def run_plan(plan: Plan, place: Place, jobs: int = 1) -> Generator[Made | Record]:
    """Run what is pending: yields a note when an artefact is made, and each record as it comes.

    Closing the iterator stops all work; what was finished is on disk.
    """
    if jobs < 1:
        raise InvalidInputError(f"--jobs {jobs}: at least one job is needed")
    for folder in sorted({place.out, *(place.record(work).parent for work in plan.pending)}):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            TemporaryFile(dir=folder).close()
        except OSError as error:
            raise InvalidInputError(
                f"cannot write to '{folder}' ({error.strerror}); choose another --out"
            ) from error
    _forget_broken([*plan.pending, *plan.done], place)
    try:
        unmade: dict[object, Failure] = {}
        for made in each(_make, plan.artefacts, place, jobs):
            if made.failure is not None:
                unmade[made.artefact.key] = made.failure
            yield made
        yield from each(run_cell, plan.pending, replace(place, unmade=unmade), jobs)
    finally:
        _remove_leftovers(plan.pending, place)


def _make(artefact: Artefact, place: Place) -> Made:
    try:
        make_artefact(artefact, place.data, place.enter())
    except Exception as error:
        return Made(artefact, Failure.of(error))
    return Made(artefact)


def _forget_broken(works: Iterable[Work], place: Place) -> None:
    """Remove the failures of methods that could not be loaded once and now can.

    A broken method does not say what it reads. Its records then belong to cells that do not exist once it
    loads, and no run would replace them.
    """
    loaded = {(place.record(work).parent, work.cell.method) for work in works if work.method_source}
    for folder, method in loaded:
        for path in folder.glob(f"{method}-*.json"):
            try:
                error = Record.load(path).error
            except InvalidInputError:  # of no cell of this run: the plan has read those
                continue
            if error is not None and error.type == BrokenPluginError.__name__:
                path.unlink()


def _remove_leftovers(works: Iterable[Work], place: Place) -> None:
    """Remove the temporary files of these cells that killed processes have left."""
    paths = [place.record(work) for work in works]
    stems = {path.stem for path in paths}
    for folder in {path.parent for path in paths if path.parent.is_dir()}:
        for file in folder.iterdir():
            temporary = file.name.startswith(".") or file.suffix == ".tmp"
            if temporary and file.name.lstrip(".").partition(".")[0] in stems:
                file.unlink(missing_ok=True)
