"""What can be done with records: comparisons, reports, cells computed again."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from hashbench.api.running import Names, as_tuple
from hashbench.errors import InvalidInputError
from hashbench.system.paths import absolute
from hashbench.system.threads import threads_put_back
from hashbench.system.verdicts import SAMPLE, TOLERANCE

if TYPE_CHECKING:
    import pandas as pd

    from hashbench.execution.verify import Verdict
    from hashbench.records import Record


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

    chosen = None if metrics is None else as_tuple(metrics)
    found = compare_rows(_sound_files(Path(results)), first, second, chosen)
    frame = pd.DataFrame([asdict(comparison) for comparison in found]).astype({"bits": "Int64"})
    # pandas shows ten columns from each end: of 21 it had left out the difference, now the task.
    frame.insert(10, "task", frame.pop("task"))
    return frame


def report(
    results: str | os.PathLike[str] = "runs",
    output: str | os.PathLike[str] = "report.html",
    *,
    metrics: Names = (),
    published: bool = True,
    pictures: str | os.PathLike[str] | None = None,
    methods: Names = (),
    datasets: Names = (),
    protocols: Names = (),
    features: Names = (),
    bits: int | Iterable[int] = (),
    digest: str | None = None,
) -> Path:
    """Write a report on a folder of records, one HTML file that needs no network; returns its path.

    metrics: none named is all that are recorded. published: with the published numbers. pictures: a folder of
    PNG and JPEG files to show. methods, datasets, protocols, features, bits: only the records of these;
    digest: only those with a digest that starts so. Raises UnknownNameError, MixedProtocolsError;
    InvalidInputError also where jinja2 or plotly is not installed.
    """
    from hashbench.reporting import only
    from hashbench.reporting.report import write_report

    kept = only(
        _sound_files(Path(results)),
        methods=as_tuple(methods),
        datasets=as_tuple(datasets),
        protocols=as_tuple(protocols),
        features=as_tuple(features),
        bits=as_tuple(bits),
        digest=digest,
    )
    folder = None if pictures is None else Path(pictures)
    write_report(kept, Path(output), metrics=as_tuple(metrics), published=published, pictures=folder)
    return Path(output)


def verify(
    results: str | os.PathLike[str] = "runs",
    sample: int = SAMPLE,
    seed: int = 0,
    *,
    methods: Names = (),
    datasets: Names = (),
    features: Names = (),
    tolerance: float = TOLERANCE,
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

    files = _sound_files(Path(results))
    rows = []
    for verdict in verdicts(
        files,
        sample,
        seed,
        methods=as_tuple(methods),
        datasets=as_tuple(datasets),
        features=as_tuple(features),
        tolerance=tolerance,
        root=None if root is None else Path(root),
        device=device,
        cached=cached,
        plugins=as_tuple(plugins),
    ):
        if on_verdict is not None:
            on_verdict(verdict)
        said = {"outcome": verdict.outcome, "exact": verdict.exact, "detail": verdict.detail}
        rows.append({"path": str(verdict.path), **verdict.record.cell.model_dump(), **said})
    return pd.DataFrame(rows).astype({"bits": "Int64"})


def verdicts(
    files: Mapping[Path, Record],
    sample: int,
    seed: int,
    *,
    methods: Iterable[str],
    datasets: Iterable[str],
    features: Sequence[str],
    tolerance: float,
    root: Path | None,
    device: str | None,
    cached: bool,
    plugins: Iterable[str | Path],
) -> Generator[Verdict]:
    """What ``verify`` finds of these records, as each cell ends. Raises as it does."""
    from hashbench.execution.finite import require_finite
    from hashbench.execution.place import look_anew
    from hashbench.execution.verify import sample as drawn
    from hashbench.execution.verify import verify_records
    from hashbench.images.store import data_root
    from hashbench.reporting import only
    from hashbench.system.device import resolve_device

    require_finite(tolerance, "tolerance")
    if sample < 1 or tolerance < 0:
        raise InvalidInputError(f"sample = {sample}, tolerance = {tolerance}: must be from 1 and from 0 on")
    own = tuple(absolute(path, "plugin") for path in plugins)
    look_anew(own)
    if device is not None:
        resolve_device(device)
    chosen = drawn(only(files, methods=methods, datasets=datasets), sample, seed)
    found = verify_records(
        chosen,
        data_root(root),
        tolerance=tolerance,
        device=device,
        features=features,
        plugins=own,
        cached=cached,
    )
    with threads_put_back(), closing(found):
        yield from found


def _sound_files(folder: Path) -> dict[Path, Record]:
    """The records below a folder; each file that cannot be used is named in a warning."""
    from hashbench.records import read_sound_files

    found, faults = read_sound_files(folder)
    for fault in faults:
        warnings.warn(f"left out: {fault}", stacklevel=3)
    return found
