"""The command line's work as functions."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hashbench.errors import InvalidInputError, UnknownNameError
from hashbench.plugins.registry import find, register_file
from hashbench.system.paths import absolute
from hashbench.system.threads import THREADS, threads_put_back

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
    from hashbench.execution.verify import Verdict
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
            raise UnknownNameError(f"parameter of {name}", parameter, known)
        require_finite(params[parameter], f"{name}.{parameter}")
    return cls(**params)


def load(path: str | os.PathLike[str], device: str = "auto") -> Encoder:
    """The fitted encoder of a record, "RECORD.json", or of a file, "FILE.safetensors"; no data are needed.

    ``load(path).encode(images)``: codes of images (n, c, h, w) uint8 or of rows (n, d); ``encode_text`` of
    cross-view methods. device: where it computes. Raises MissingDataError where the run kept no model;
    UnknownNameError, InvalidInputError.
    """
    from hashbench.encoders import SUFFIX, load_encoder

    file = Path(path)
    return load_encoder(file.with_suffix(SUFFIX) if file.suffix == ".json" else file, device)


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

    def events(self, say: Callable[[str], None] | None = None) -> Generator[Made | Record]:
        """Run the pending cells; yields each artefact and each record as soon as it is made.

        say: gets what else there is to tell, such as the address of a dashboard. Closing the generator stops
        all work; what was finished is on disk.
        """
        from hashbench.execution.runner import run_plan
        from hashbench.records import Record

        with threads_put_back(), closing(run_plan(self.plan, self.place, self.workers, say)) as events:
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
    jobs: int = 1,
    scheduler: str | None = None,
    cluster: str | Path | None = None,
    shard: str | None = None,
    threads: int = THREADS,
    plugins: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
    command: str | None = None,
    save_models: bool | None = None,
) -> Run:
    """Prepare a run of a suite, "NAME" or "FILE.toml"; arguments replace the keys of the suite.

    set: {"ksh.n_anchors": 500, "recipe.epochs": 5}. jobs: worker processes on this machine. scheduler: the
    address of a dask cluster that runs the cells, or cluster: the file of one that a queueing system runs
    (``hashbench.execution.jobqueue``). shard: "2/4", the second of four parts of the grid. threads: how many
    threads each cell uses. command: what the user called, if not this function. save_models: whether each
    cell's fitted method is kept beside its record (``load``); None: in a run of one cell.
    Raises UnknownNameError and InvalidInputError for a wrong grid, MissingDataError; nothing has run then.
    """
    from hashbench.execution.cluster import Workers
    from hashbench.execution.grid import expand
    from hashbench.execution.jobqueue import read_jobqueue
    from hashbench.execution.place import Place
    from hashbench.execution.plan import make_plan
    from hashbench.execution.rows import applicable
    from hashbench.execution.shard import Shard
    from hashbench.execution.suite import make_suite, read_suite
    from hashbench.images.store import data_root
    from hashbench.system.device import resolve_device

    for name, count in (("jobs", jobs), ("threads", threads)):
        if not 1 <= count <= MOST:
            raise InvalidInputError(f"{name} = {str(count)[:40]}: must be from 1 to {MOST:,}")
    if sum((jobs > 1, scheduler is not None, cluster is not None)) > 1:
        raise InvalidInputError("--jobs, --scheduler and --cluster each say who runs the cells; give one")
    queue = None if cluster is None else read_jobqueue(absolute(cluster, "cluster file"))
    workers = Workers(jobs, scheduler, queue)
    part = None if shard is None else Shard.of(shard)
    files = tuple(absolute(path, "plugin") for path in _tuple(plugins))
    for file in files:
        register_file(file)
    resolve_device(device)
    lists = {
        "methods": methods,
        "datasets": datasets,
        "protocols": protocols,
        "features": features,
        "pretraining": pretraining,
        "bits": bits,
    }
    given: dict[str, Any] = {key: _tuple(value) for key, value in lists.items() if value is not None}
    if repetitions is not None:
        given["repetitions"] = repetitions
    base = make_suite(read_suite(suite), f"suite '{suite}'")
    kept = base.model_dump(exclude={"set"})
    origin = "run()" if command is None else "command line"
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
        plugins=files,
        command=command or "hashbench.run",
        save_models=len(grid.works) == 1 if save_models is None else save_models,
    )
    return Run(grid, make_plan(grid.works, place), place, workers, shared)


def run(
    methods: Names | None = None,
    datasets: Names | None = None,
    protocols: Names | None = None,
    *,
    on_record: Callable[[Record], None] | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Run a grid and return one row per cell: its coordinates, metrics and timings.

    ``run(methods=["lsh", "itq"], datasets="cifar10", bits=[12, 48], set={"recipe.epochs": 5})``: options as
    of ``prepare``. A finished cell, with its record under ``out``, is not run again. A failed cell is a
    row with status "failed". on_record: called as each cell ends. Raises what ``prepare`` raises.
    """
    from hashbench.records import Record, to_frame

    prepared = prepare(methods, datasets, protocols, **options)
    for event in prepared.events():
        if isinstance(event, Record) and on_record is not None:
            on_record(event)
    return to_frame(prepared.records().values())


def compare(
    first: str,
    second: str,
    results: str | os.PathLike[str] = "runs",
    metrics: str | Iterable[str] | None = None,
) -> pd.DataFrame:
    """Compare two methods, ``compare("itq:cnn", "dpsh")``, by a paired bootstrap over the task's units.

    One row for each data set, protocol, recipe, code length and metric that both have, on the same features:
    means, difference, its 95 % interval ``low`` to ``high``, p, Holm-corrected p, wins, ties, losses over
    units. results: a folder with records. metrics: None is the task's headline. Raises UnknownNameError,
    InvalidInputError, MixedProtocolsError.
    """
    import pandas as pd

    from hashbench.reporting import compare_rows

    chosen = None if metrics is None else _tuple(metrics)
    found = compare_rows(_sound_files(Path(results)), first, second, chosen)
    return pd.DataFrame([asdict(comparison) for comparison in found]).astype({"bits": "Int64"})


def report(
    results: str | os.PathLike[str] = "runs",
    output: str | os.PathLike[str] = "report.html",
    *,
    metrics: Names = (),
    published: bool = True,
    pictures: str | os.PathLike[str] | None = None,
    **selected: Any,
) -> Path:
    """Write a report on a folder of records, one HTML file that needs no network; returns its path.

    Options as of ``reporting.report.make_report``, selected as of ``reporting.only``; raises what they raise.
    """
    from hashbench.reporting import only
    from hashbench.reporting.report import write_report

    names: dict[str, Any] = {k: v if k == "digest" else _tuple(v) for k, v in selected.items()}
    kept, folder = only(_sound_files(Path(results)), **names), None if pictures is None else Path(pictures)
    write_report(kept, Path(output), metrics=_tuple(metrics), published=published, pictures=folder)
    return Path(output)


def verify(
    results: str | os.PathLike[str] = "runs",
    sample: int = 5,
    seed: int = 0,
    *,
    methods: Names = (),
    datasets: Names = (),
    features: Names = (),
    tolerance: float = 0.02,
    root: str | os.PathLike[str] | None = None,
    device: str | None = None,
    cached: bool = False,
    plugins: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
    on_verdict: Callable[[Verdict], None] | None = None,
) -> pd.DataFrame:
    """Compute a random sample of recorded cells anew and compare them with their records, which stay.

    One row a cell: its coordinates; outcome "same", "differs", "stale" (its data or code changed since) or
    "cannot be computed"; exact: True where bits were compared, on the same hardware and versions, False where
    values were, within ``tolerance`` (relative above 1); detail in words. results: a folder with records.
    methods, datasets: only these. features: "LABEL=FILE.npy" of the labels that the records name. device:
    None is each record's own. cached: use networks and features of the cache, do not compute them anew.
    on_verdict: called as each cell ends. Raises InvalidInputError, UnknownNameError.
    """
    import pandas as pd

    from hashbench.execution.finite import require_finite
    from hashbench.execution.verify import sample as drawn
    from hashbench.execution.verify import verify_records
    from hashbench.images.store import data_root
    from hashbench.reporting import only
    from hashbench.system.device import resolve_device

    require_finite(tolerance, "tolerance")
    if sample < 1 or tolerance < 0:
        raise InvalidInputError(f"sample = {sample}, tolerance = {tolerance}: must be from 1 and from 0 on")
    files = tuple(absolute(path, "plugin") for path in _tuple(plugins))
    for file in files:
        register_file(file)
    if device is not None:
        resolve_device(device)
    chosen = only(_sound_files(Path(results)), methods=_tuple(methods), datasets=_tuple(datasets))
    rows = []
    with threads_put_back():
        for verdict in verify_records(
            drawn(chosen, sample, seed),
            data_root(None if root is None else Path(root)),
            tolerance=tolerance,
            device=device,
            features=_tuple(features),
            plugins=files,
            cached=cached,
        ):
            if on_verdict is not None:
                on_verdict(verdict)
            said = {"outcome": verdict.outcome, "exact": verdict.exact, "detail": verdict.detail}
            rows.append({"path": str(verdict.path), **verdict.record.cell.model_dump(), **said})
    return pd.DataFrame(rows).astype({"bits": "Int64"})


def _sound_files(folder: Path) -> dict[Path, Record]:
    """The records below a folder; each file that cannot be used is named in a warning."""
    from hashbench.records import read_sound_files

    found, faults = read_sound_files(folder)
    for fault in faults:
        warnings.warn(f"left out: {fault}", stacklevel=3)
    return found


def _tuple(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, str | int | os.PathLike) else tuple(value)
