"""Runs the cells of a grid, in this process or in several, and remembers what is done."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import asdict, dataclass, replace
from tempfile import TemporaryFile

from hashbench.errors import BrokenPluginError, InvalidInputError
from hashbench.execution.cell import Place, run_cell
from hashbench.execution.context import Context, open_context
from hashbench.execution.grid import Work
from hashbench.execution.workers import each
from hashbench.plugins.registry import register_file
from hashbench.records import Failure, Record
from hashbench.system.device import resolve_device


@dataclass(frozen=True)
class Plan:
    """What a run will do. ``done``: cells whose records exist, of the same data, protocol and code.

    reasons: why each of the ``pending`` is: "new", "that failed before", "whose training code changed"...
    """

    pending: list[Work]
    done: list[Work]
    reasons: list[str]

    @property
    def trunks(self) -> list[Work]:
        """One cell for each backbone that pending cells need; if any reads its features, such a one."""
        needed: dict[tuple[str, str, int], Work] = {}
        for work in sorted(self.pending, key=lambda work: work.cell.features == "cnn"):
            if work.needs_trunk:
                needed[work.trunk_key] = work
        return list(needed.values())


def make_plan(cells: Iterable[Work], place: Place) -> Plan:
    """Sort cells into done and pending. Raises MissingDataError before anything runs."""
    plan = Plan([], [], [])
    for work in cells:
        context = open_context(work.cell.dataset, work.protocol, place.data)
        reason = _why_to_run(work, place, context)
        if reason is None:
            plan.done.append(work)
        else:
            plan.pending.append(work)
            plan.reasons.append(reason)
    return plan


def _why_to_run(work: Work, place: Place, context: Context) -> str | None:
    """None if the cell's record is there, made of the same images and split with the same code."""
    path = place.record(work)
    if not path.exists():
        return "new"
    record = Record.load(path)
    if record.status == "failed":
        return "that failed before"
    for what, now in {
        "dataset": context.images.digest,
        "split": context.split.digest,
        "method_source": work.method_source,
        "training_source": work.training_source,
    }.items():
        if getattr(record.digests, what) != now:
            return _CHANGED[what]
    if work.cell.backbone is not None and record.protocol["recipe"] != asdict(work.protocol.recipe):
        return "whose data set is augmented otherwise now"
    return None


_CHANGED = {
    "dataset": "whose images changed",
    "split": "whose split changed",
    "method_source": "whose method's code changed",
    "training_source": "whose training code changed",
}


def run(plan: Plan, place: Place, jobs: int = 1) -> Generator[Trained | Record]:
    """Run what is pending: yields a note when a backbone is trained, and each record as it comes.

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
        untrained = {}
        for trained in each(_train_trunk, plan.trunks, place, jobs):
            if trained.failure is not None:
                untrained[trained.work.trunk_key] = trained.failure
            yield trained
        yield from each(run_cell, plan.pending, replace(place, untrained=untrained), jobs)
    finally:
        _remove_leftovers(plan.pending, place)


def _forget_broken(works: Iterable[Work], place: Place) -> None:
    """Remove the failures of methods that could not be loaded once and now can.

    A broken method does not say what it reads, so that its records are of cells it has not got, which no run
    would compute again.
    """
    loaded = {(place.record(work).parent, work.cell.method) for work in works if work.method_source}
    for folder, method in loaded:
        for path in folder.glob(f"{method}-*.json"):
            error = Record.load(path).error
            if error is not None and error.type == BrokenPluginError.__name__:
                path.unlink()


def _remove_leftovers(works: Iterable[Work], place: Place) -> None:
    """Remove the temporary files of these cells, which a process that is killed, now or before, leaves."""
    paths = [place.record(work) for work in works]
    stems = {path.stem for path in paths}
    for folder in {path.parent for path in paths if path.parent.is_dir()}:
        for file in folder.iterdir():
            temporary = file.name.startswith(".") or file.suffix == ".tmp"
            if temporary and file.name.lstrip(".").partition(".")[0] in stems:
                file.unlink(missing_ok=True)


@dataclass(frozen=True)
class Trained:
    """A backbone is ready for the cells that need it, unless its training failed."""

    work: Work
    failure: Failure | None = None


def _train_trunk(work: Work, place: Place) -> Trained:
    for path in place.plugins:
        register_file(path)
    context = open_context(work.cell.dataset, work.protocol, place.data)
    try:
        device = resolve_device(place.device)
        trunk = context.trunk(work.cell.repetition, device)
        if work.cell.features == "cnn":
            context.cnn_features(trunk, device)
    except Exception as error:
        return Trained(work, Failure.of(error))
    return Trained(work)
