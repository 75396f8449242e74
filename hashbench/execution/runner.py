"""Runs the graph of a plan's jobs: artefacts, and cells, each as soon as its own artefacts are there."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import replace
from heapq import heappop, heappush
from pathlib import Path
from tempfile import TemporaryFile
from time import monotonic, sleep

from hashbench.errors import InvalidInputError, LeasedError
from hashbench.execution.cluster import Pool, Workers, open_pool
from hashbench.execution.jobs import Job, Made
from hashbench.execution.place import Place
from hashbench.execution.plan import Plan, forget_gone
from hashbench.execution.watcher import RunWatcher
from hashbench.execution.work import Work
from hashbench.records import Failure, Record
from hashbench.system.lease import lease, lease_file

PAUSE = 1.0  # seconds between two looks at what another run is working on


def run_plan(
    plan: Plan,
    place: Place,
    workers: Workers | None = None,
    say: Callable[[str], None] | None = None,
    watcher: RunWatcher | None = None,
) -> Generator[Made | Record]:
    """Run what is pending: yields a note when an artefact is made, and each record as it comes.

    What another run that shares the folder is working on comes last, as that run leaves it. say: gets what
    there is to tell, such as the address of the cluster's dashboard. watcher: is told where the jobs are.
    Closing the iterator stops all work; what was finished is on disk.
    """
    works = [*plan.pending, *plan.done]
    folders = {place.out, *(place.record(work).parent for work in plan.pending)} if plan.pending else set()
    for folder in sorted(folders):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            TemporaryFile(dir=folder).close()
        except OSError as error:
            raise InvalidInputError(
                f"cannot write to '{folder}' ({error.strerror}); choose another --out"
            ) from error
    forget_gone({place.record(work).parent for work in works})
    try:
        if plan.pending:
            say = say or _silent
            with open_pool(workers or Workers(), len(plan.pending), place.device, say, watcher) as pool:
                yield from _run(plan, place, pool, say, watcher)
    finally:
        _remove_leftovers(works, place)


def _run(
    plan: Plan, place: Place, pool: Pool, say: Callable[[str], None], watcher: RunWatcher | None
) -> Generator[Made | Record]:
    """Keep the pool's slots filled: artefacts first, cells in the order of the plan, what is leased last."""
    jobs = [Job(artefact, place) for artefact in plan.artefacts]
    jobs += [Job(work, place, before) for work, before in zip(plan.pending, plan.before, strict=True)]
    needed = [{artefact.key for artefact in job.needs} for job in jobs]  # what each waits for
    cells: dict[object, list[int]] = {artefact.key: [] for artefact in plan.artefacts}
    for number, keys in enumerate(needed):
        for key in keys:
            cells[key].append(number)
    ready = [number for number, keys in enumerate(needed) if not keys]  # sorted, and so a heap
    leased: list[int] = []
    running, looked, told = 0, monotonic(), False
    while ready or leased or running:
        if leased and not ready and monotonic() - looked > PAUSE:
            ready, leased, looked = leased, [], monotonic()
        for _ in range(min(len(ready), pool.slots() - running)):
            number = heappop(ready)
            if watcher is not None:
                watcher.started(number)
            pool.start(number, jobs[number])
            running += 1
        ended = pool.ended(PAUSE) if running else None
        if ended is None:
            if not running:
                if not told:
                    say(f"{len(leased)} jobs are left to another run that works on them; waiting")
                told = True
                sleep(PAUSE)
            continue
        number, outcome = ended
        running -= 1
        if isinstance(outcome, Failure):  # of the workers, not of the job's own code
            jobs[number] = replace(jobs[number], unmade=outcome)
            outcome = jobs[number].do()
        if watcher is not None:
            watcher.stopped(number, outcome)
        if outcome is None:
            heappush(leased, number)
            continue
        if isinstance(outcome, Made):
            for cell in cells[outcome.artefact.key]:
                needed[cell].remove(outcome.artefact.key)
                if outcome.failure is not None:
                    jobs[cell] = replace(jobs[cell], unmade=outcome.failure)
                if not needed[cell]:
                    heappush(ready, cell)
        yield outcome


def _silent(text: str) -> None:
    """Who has nobody to tell."""


def _remove_leftovers(works: Iterable[Work], place: Place) -> None:
    """Remove the temporary files and leases of these cells that killed processes have left."""
    paths = {path.parent / path.stem: path for path in map(place.record, works)}
    for folder in {path.parent for path in paths.values()}:
        with suppress(OSError):
            left: dict[Path, list[Path]] = {}
            for file in folder.iterdir():
                if file.name.startswith(".") or file.suffix == ".tmp":
                    stem = folder / file.name.lstrip(".")
                    while stem not in paths and stem.suffix:
                        stem = stem.with_suffix("")
                    left.setdefault(stem, []).append(file)
            for stem in left.keys() & paths.keys():
                with suppress(LeasedError), lease(paths[stem]):  # what is of a run at work stays
                    for file in left[stem]:
                        if file != lease_file(paths[stem]):
                            file.unlink(missing_ok=True)
