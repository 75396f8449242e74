"""Data sets, methods, encoders by name; grids and how they run."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, fields, replace
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hashbench.errors import InvalidInputError, MissingDataError, UnknownNameError
from hashbench.plugins.declared import unknown_parameter
from hashbench.plugins.registry import find, registered_files
from hashbench.system.paths import absolute
from hashbench.system.threads import threads_put_back

if TYPE_CHECKING:
    import pandas as pd

    from hashbench.contracts.dataset import Images
    from hashbench.contracts.method import HashMethod
    from hashbench.encoders import Encoder
    from hashbench.execution.cluster import Workers
    from hashbench.execution.grid import Grid
    from hashbench.execution.jobs import Made
    from hashbench.execution.place import Place
    from hashbench.execution.plan import Plan
    from hashbench.execution.watcher import RunWatcher
    from hashbench.live import Display
    from hashbench.records import Record

Names = str | Iterable[str]
MOST = 4096  # threads, or jobs, of a run: more are a slip of the pen


def load_dataset(name: str, root: str | os.PathLike[str] | None = None) -> Images:
    """The images of a data set: "digits", "mnist", "cifar10", "folder:PATH" or a plugin's name.

    root: the data folder; None: $HASHBENCH_DATA, else the user's cache. Nothing is downloaded.
    Raises UnknownNameError, and MissingDataError which says how to get the data.
    """
    from hashbench.images.store import data_root, dataset_from, load_images

    return load_images(dataset_from(name), data_root(None if root is None else Path(root)))


def get_method(name: str, **params: Any) -> HashMethod:
    """A method by its registry name, with hyper-parameters: ``get_method("itq", n_bits=32)``.

    Raises UnknownNameError for the method's name or a parameter's, BrokenPluginError, InvalidInputError for a
    parameter that is not finite.
    """
    from hashbench.execution.finite import require_finite

    cls = find("method", name)
    known = [field.name for field in fields(cls)]
    for parameter in params:
        if parameter not in known:
            raise unknown_parameter(cls, name, parameter, known)
        require_finite(params[parameter], f"{name}.{parameter}")
    return cls(**params)


def load(path: str | os.PathLike[str], device: str = "auto") -> Encoder:
    """The fitted encoder of a record, "RECORD.json", or of a file, "FILE.safetensors"; no data are needed.

    ``load(path).encode(images)``: codes of images (n, c, h, w) uint8 or of rows (n, d); ``encode_text`` of
    cross-view methods. device: where it computes. Raises MissingDataError where there is no record, or
    the run kept no model; UnknownNameError, InvalidInputError.
    """
    from hashbench.encoders import SUFFIX, load_encoder

    file = Path(path)
    if file.suffix != ".json":
        return load_encoder(file, device)
    model = file.with_suffix(SUFFIX)
    if not file.exists() and not model.exists():
        raise MissingDataError(f"there is no record '{file}'; give the path of one, below the --out of a run")
    return load_encoder(model, device)


@dataclass(frozen=True)
class Run:
    """A grid that is ready to run: names are checked, the data are there, finished cells are skipped.

    shared: how many networks and sets of features that these cells need are needed by other shards too.
    """

    grid: Grid
    plan: Plan
    place: Place
    workers: Workers
    shared: int = 0
    _seen: dict[Path, Record] = field(default_factory=dict, compare=False)

    def events(
        self, say: Callable[[str], None] | None = None, watcher: RunWatcher | None = None
    ) -> Generator[Made | Record]:
        """Run the pending cells; yields each artefact and each record as soon as it is made.

        say: gets what else there is to tell, such as the address of a dashboard. watcher: is told where the
        jobs are. Closing the generator stops all work; what was finished is on disk.
        """
        from hashbench.execution.runner import run_plan
        from hashbench.records import Record

        events = run_plan(self.plan, self.place, self.workers, say, watcher)
        with threads_put_back(), closing(events):
            for event in events:
                if isinstance(event, Record):
                    stem = event.cell.stem(event.digests.task, event.digests.recipe)
                    self._seen[self.place.out / f"{stem}.json"] = event
                yield event

    def records(self) -> dict[Path, Record]:
        """The records of all cells, by their file, once they have run.

        Of a record that could not be written, or that is gone, what the run knows of it.
        """
        from hashbench.records import Record

        paths = [self.place.record(work) for work in self.grid.works]
        found = {path: Record.load(path) if path.exists() else self._seen.get(path) for path in paths}
        return {path: record for path, record in found.items() if record is not None}


def prepare(
    methods: Names | None = None,
    datasets: Names | None = None,
    protocols: Names | None = None,
    *,
    suite: str = "quick",
    features: Names | None = None,
    pretraining: Names | None = None,
    bits: int | Iterable[int] | None = None,
    repetitions: int | None = None,
    set: Mapping[str, Any] | None = None,
    out: str | os.PathLike[str] = "runs",
    root: str | os.PathLike[str] | None = None,
    device: str = "auto",
    jobs: int | None = None,
    scheduler: str | None = None,
    cluster: str | Path | None = None,
    shard: str | None = None,
    threads: int | None = None,
    plugins: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
    command: str | None = None,
    save_models: bool | None = None,
) -> Run:
    """Prepare a run of a suite, "NAME" or "FILE.toml"; arguments replace the keys of the suite.

    set: {"ksh.n_anchors": 500, "recipe.epochs": 5}. jobs: worker processes on this machine; None: one, or
    more where the data sets are small (``hashbench.execution.plan.jobs_for``). scheduler: the address of a
    dask cluster that runs the cells, or cluster: the file of one that a queueing system runs
    (``hashbench.execution.jobqueue``). shard: "2/4", the second of four parts of the grid. threads: how many
    each cell computes with; None: two, one on small data sets. command: what the user called, if not this
    function. save_models: whether each cell's fitted method is kept beside its record (``load``); None: in a
    run of one cell.
    Raises UnknownNameError and InvalidInputError for a wrong grid, MissingDataError; nothing has run then.
    """
    from hashbench.execution.cluster import Workers
    from hashbench.execution.grid import expand
    from hashbench.execution.jobqueue import read_jobqueue
    from hashbench.execution.place import Place, look_anew
    from hashbench.execution.plan import jobs_for, make_plan
    from hashbench.execution.rows import applicable
    from hashbench.execution.shard import Shard
    from hashbench.execution.suite import COMMAND_LINE, make_suite, read_suite
    from hashbench.images.store import data_root
    from hashbench.system.device import resolve_device

    for name, count in (("jobs", jobs), ("threads", threads)):
        if count is not None and not 1 <= count <= MOST:
            raise InvalidInputError(f"{name} = {str(count)[:40]}: must be from 1 to {MOST:,}")
    if sum((jobs is not None and jobs > 1, scheduler is not None, cluster is not None)) > 1:
        raise InvalidInputError("--jobs, --scheduler and --cluster each say who runs the cells; give one")
    if scheduler is not None and not re.fullmatch(r"(\w+://)?\S+:[0-9]+", scheduler):
        raise InvalidInputError(f"--scheduler {scheduler}: an address is of the form tcp://HOST:PORT")
    queue = None if cluster is None else read_jobqueue(absolute(cluster, "cluster file"))
    part = None if shard is None else Shard.of(shard)
    look_anew(absolute(path, "plugin") for path in as_tuple(plugins))
    resolve_device(device)
    lists = {
        "methods": methods,
        "datasets": datasets,
        "protocols": protocols,
        "features": features,
        "pretraining": pretraining,
        "bits": bits,
    }
    given: dict[str, Any] = {key: as_tuple(value) for key, value in lists.items() if value is not None}
    if repetitions is not None:
        given["repetitions"] = repetitions
    base = make_suite(read_suite(suite), f"suite '{suite}'")
    kept = base.model_dump(exclude={"set"})
    origin = "run()" if command is None else COMMAND_LINE
    given["set"] = applicable(base.set, make_suite(kept | given, origin)) | dict(set or {})
    grid, shared = expand(make_suite(kept | given, origin)), 0
    if part is not None:
        mine, shared = part.of_grid(grid.works)
        grid = replace(grid, works=mine)
    place = Place(
        out=Path(out).absolute(),
        data=data_root(None if root is None else Path(root)),
        device=device,
        threads=threads,
        plugins=registered_files(),  # of earlier calls too: worker processes need them
        command=command or "hashbench.run",
        save_models=len(grid.works) == 1 if save_models is None else save_models,
    )
    plan = make_plan(grid.works, place)
    if jobs is None:
        jobs = 1 if scheduler is not None or queue is not None else jobs_for(plan, place)
    return Run(grid, plan, place, Workers(jobs, scheduler, queue), shared)


def run(
    methods: Names | None = None,
    datasets: Names | None = None,
    protocols: Names | None = None,
    *,
    on_record: Callable[[Record], None] | None = None,
    progress: bool | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Run a grid and return one row per cell: its coordinates, metrics and timings.

    ``run(methods=["lsh", "itq"], datasets="cifar10", bits=[12, 48], set={"recipe.epochs": 5})``: options as
    of ``prepare``. A finished cell, with its record under ``out``, is not run again. A failed cell is a
    row with status "failed". on_record: called as each cell ends. progress: whether to show on standard error
    what runs, how far it is and the time left; None: in a terminal and in a notebook. Where nothing can be
    redrawn, as in a file, it is one line per cell. Raises what ``prepare`` raises.
    """
    from hashbench.records import Record, to_frame

    known = signature(prepare).parameters
    for option in options:
        if option not in known:
            raise UnknownNameError("option of run()", option, known)
    prepared = prepare(methods, datasets, protocols, **options)
    with ExitStack() as stack:
        display = _display(prepared.plan, progress, stack)
        told = (None, None) if display is None else (display.say, display.watcher)
        events = prepared.events(*told)
        for event in stack.enter_context(closing(events)):
            if display is not None:
                display.ended(event)
            if isinstance(event, Record) and on_record is not None:
                on_record(event)
    return to_frame(prepared.records().values())


def _display(plan: Plan, progress: bool | None, stack: ExitStack) -> Display | None:
    """The display of a run, open until the stack ends; None where none is wanted."""
    if progress is False:
        return None
    from hashbench.live import Display, error_console, is_live

    console = error_console()
    if progress is None and not is_live(console):
        return None
    return stack.enter_context(Display(console, plan))


def as_tuple(value: Any) -> tuple[Any, ...]:
    """One value alone in a tuple, several as a tuple."""
    return (value,) if isinstance(value, str | int | os.PathLike) else tuple(value)
