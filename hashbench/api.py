"""The command line's work as functions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hashbench.errors import UnknownNameError
from hashbench.plugins.registry import find, register_file

if TYPE_CHECKING:
    import pandas as pd

    from hashbench.contracts.dataset import Images
    from hashbench.contracts.method import HashMethod
    from hashbench.records import Record


def load_dataset(name: str, root: str | os.PathLike[str] | None = None) -> Images:
    """The images of a data set: "digits", "mnist", "cifar10", "folder:PATH" or a plugin's name.

    root: the data folder; None: $HASHBENCH_DATA, else the user's cache. Nothing is downloaded.
    Raises UnknownNameError, and MissingDataError which says how to get the data.
    """
    from hashbench.images.store import data_root, dataset_from, load_images

    return load_images(dataset_from(name), data_root(None if root is None else Path(root)))


def get_method(name: str, **params: Any) -> HashMethod:
    """A method by its registry name, with hyper-parameters: ``get_method("itq", n_bits=32)``.

    Raises UnknownNameError for the method's name or a parameter's, BrokenPluginError.
    """
    cls = find("method", name)
    known = [field.name for field in fields(cls)]
    for parameter in params:
        if parameter not in known:
            raise UnknownNameError(f"parameter of {name}", parameter, known)
    return cls(**params)


def run(
    methods: str | Iterable[str] = "all",
    datasets: str | Iterable[str] = "digits",
    protocols: str | Iterable[str] = "5k",
    *,
    features: str | Iterable[str] = ("pixels", "cnn"),
    pretraining: str | Iterable[str] = (),
    bits: int | Iterable[int] = (12, 24, 32, 48),
    repetitions: int = 1,
    set: Mapping[str, Any] | None = None,
    out: str | os.PathLike[str] = "runs",
    root: str | os.PathLike[str] | None = None,
    device: str = "auto",
    jobs: int = 1,
    plugins: Iterable[str | os.PathLike[str]] = (),
    on_record: Callable[[Record], None] | None = None,
) -> pd.DataFrame:
    """Run a grid and return one row per cell: its coordinates, metrics and timings.

    What is done already, with its record under ``out``, is not run again. A failed cell is a row with status
    "failed". set: {"ksh.n_anchors": 500, "recipe.epochs": 5}. on_record: called as each cell ends.
    Raises UnknownNameError and InvalidInputError for a wrong grid, MissingDataError; nothing has run then.
    """
    from hashbench.execution.cell import Place
    from hashbench.execution.grid import expand
    from hashbench.execution.runner import make_plan
    from hashbench.execution.runner import run as run_plan
    from hashbench.execution.suite import make_suite
    from hashbench.images.store import data_root
    from hashbench.records import Record, to_frame

    files = tuple(Path(path).resolve() for path in plugins)
    for file in files:
        register_file(file)
    suite = make_suite(
        {
            "methods": _tuple(methods),
            "datasets": _tuple(datasets),
            "protocols": _tuple(protocols),
            "features": _tuple(features),
            "pretraining": _tuple(pretraining),
            "bits": _tuple(bits),
            "repetitions": repetitions,
            "set": dict(set or {}),
        },
        "run()",
    )
    place = Place(
        out=Path(out).absolute(),
        data=data_root(None if root is None else Path(root)),
        device=device,
        plugins=files,
        command="hashbench.run",
    )
    cells = expand(suite)
    for event in run_plan(make_plan(cells, place), place, jobs):
        if isinstance(event, Record) and on_record is not None:
            on_record(event)
    return to_frame(Record.load(place.record(work)) for work in cells)


def compare(
    first: str, second: str, results: str | os.PathLike[str] = "runs", metrics: str | Iterable[str] = ()
) -> pd.DataFrame:
    """Compare two methods, ``compare("itq:cnn", "dpsh")``, by a paired bootstrap over the task's units.

    One row for each data set, protocol, recipe, code length and metric that both have, on the same features:
    means, difference, its 95 % interval ``low`` to ``high``, p, Holm-corrected p, wins, ties, losses over
    units. metrics: by default the headline of each task. results: a folder with records.
    Raises UnknownNameError, InvalidInputError, MixedProtocolsError.
    """
    import pandas as pd

    from hashbench.records import read_record_files
    from hashbench.reporting import compare_rows

    found = compare_rows(read_record_files(Path(results)), first, second, _tuple(metrics))
    return pd.DataFrame([asdict(comparison) for comparison in found]).astype({"bits": "Int64"})


def _tuple(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, str | int) else tuple(value)
