"""One cell, from images to a record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hashbench.contracts.codes import Codes
from hashbench.contracts.method import HashMethod
from hashbench.evaluation import (
    Evaluation,
    code_health,
    evaluate,
    evaluate_vectors,
    save_codes,
    save_per_query,
)
from hashbench.execution.context import Context, open_context
from hashbench.execution.environment import describe_environment
from hashbench.execution.grid import Work
from hashbench.identity.digest import digest_of, seed_of
from hashbench.identity.source import evaluation_digest, method_digest, training_digest
from hashbench.images.features import pixels
from hashbench.images.split import Split
from hashbench.plugins.registry import find, register_file, title_of
from hashbench.records import Card, Failure, Record, write_record
from hashbench.system.device import resolve_device
from hashbench.training.loop import seconds_before

CHUNK = 8192  # images whose inputs are in memory at a time while they are encoded


@dataclass(frozen=True)
class Place:
    """Where a run computes and writes; the same for all its cells. Paths are absolute."""

    out: Path
    data: Path
    device: str = "auto"
    plugins: tuple[Path, ...] = ()
    command: str = ""
    untrained: Mapping[tuple[str, str, int], Failure] = field(default_factory=dict)  # by Work.trunk_key

    def record(self, work: Work) -> Path:
        """The file of a cell's record."""
        return self.out / f"{work.stem}.json"


class Timer:
    """Seconds by name, the device's queue emptied before each reading."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Add the time of the block to ``name``."""
        self._synchronize()
        start = perf_counter()
        yield
        self._synchronize()
        self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - start

    def _synchronize(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()


def run_cell(work: Work, place: Place) -> Record:
    """Run a cell and write its record, beside it its codes and per-query values.

    A failure is a record with the traceback.
    """
    for file in place.plugins:
        register_file(file)
    device = resolve_device(place.device)
    _warm_up(str(device))
    path = place.record(work)
    facts: dict[str, Any] = {
        "status": "done",
        "cell": work.cell,
        "protocol": asdict(work.protocol),
        "digests": {"protocol": work.protocol_digest},
        "environment": describe_environment(device),
        "command": place.command,
    }
    try:
        _measure(work, place, device, facts)
    except _UntrainedError as error:
        facts |= {"status": "failed", "error": error.failure}
    except Exception as error:
        facts |= {"status": "failed", "error": Failure.of(error)}
    record = Record(**facts, created=datetime.now(UTC))
    write_record(path, record)
    for checkpoint in path.parent.glob(f"{path.stem}.*.checkpoint"):
        checkpoint.unlink()
    return record


class _UntrainedError(Exception):
    """The run could not train the cell's backbone, and does not try again for each cell."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure


def _measure(work: Work, place: Place, device: torch.device, facts: dict[str, Any]) -> None:
    """Fill in what is found out, in order: of a cell that fails, all that was known then is recorded."""
    cell, path, timer = work.cell, place.record(work), Timer(device)
    digests: dict[str, str] = facts["digests"]
    cls: type[HashMethod] = find("method", cell.method)
    context = open_context(cell.dataset, work.protocol, place.data)
    split = context.split
    facts["card"] = describe_method(cls, len(split.train), labelled_trunk=work.needs_trunk)
    facts["split"] = _counts(split)
    digests |= {"dataset": context.images.digest, "split": split.digest, "method_source": method_digest(cls)}
    if cell.backbone is not None:
        digests["training_source"] = training_digest(cell.backbone, cls.deep)
    method, seed = build_method(cls, work, place.device)
    facts["params"] = {
        name: value for name, value in method.get_params(deep=False).items() if name != "recipe"
    }
    facts["seeds"] = {"method": seed}
    facts["timings"] = timer.seconds

    trunk = None
    if work.needs_trunk:
        facts["seeds"]["trunk"] = context.trunk_seed(cell.repetition)
        if work.trunk_key in place.untrained:
            raise _UntrainedError(place.untrained[work.trunk_key])
        trunk = context.trunk(cell.repetition, device)
        digests["trunk"] = trunk.digest
        timer.seconds["pretrain"] = trunk.seconds
    features = None
    if cell.features == "cnn":
        assert trunk is not None
        features, timer.seconds["features"] = context.cnn_features(trunk, device)
    inputs = _inputs(context, cell.features, features)
    options: dict[str, Any] = {}
    if cls.deep:
        # Named by what it depends on beyond the cell, so that no training goes on with other code.
        state = digest_of(digests)[:8]
        options = {"trunk": trunk and trunk.network, "checkpoint": path.with_suffix(f".{state}.checkpoint")}
        timer.seconds["fit"] = seconds_before(options["checkpoint"])
    labels = None if cls.supervision == "unsupervised" else context.images.labels[split.train]
    train = inputs(split.train)
    with timer("fit"):
        method.fit(train, labels, **options)
    del train

    digests["evaluation_source"] = evaluation_digest()
    if cls.output == "codes":
        result, facts["health"] = _evaluate_codes(method, context, inputs, timer, path)
    else:
        result = _evaluate_vectors(method, context, inputs, timer)
    save_per_query(path.with_suffix(".per_query.npz"), result)
    facts["metrics"] = result.values
    facts["curves"] = getattr(method, "history_", {}) | result.curves


@cache
def _warm_up(device: str) -> None:
    """Compile the evaluation kernels and load what the device needs, so that no cell's time holds it."""
    codes, labels = Codes.from_real([[1.0, -1.0], [-1.0, 1.0]]), [0, 1]
    evaluate(codes, codes, labels, labels, ["map"], device)


def build_method(cls: type[HashMethod], work: Work, device: str) -> tuple[HashMethod, int]:
    """The method as a cell wants it, and its seed, which depends on the cell's names alone."""
    cell = work.cell
    seed = seed_of(
        cell.dataset.partition(":")[0], cell.protocol, cell.method, cell.bits or 0, cell.repetition
    )
    params: dict[str, Any] = dict(cell.params)
    if cls.deep:
        params["recipe"] = work.protocol.recipe
    if cell.bits is not None:
        params["n_bits"] = cell.bits
    return cls(random_state=seed, device=device, **params), seed


def describe_method(cls: type[HashMethod], n_train: int, labelled_trunk: bool) -> Card:
    """The card of a method; ``n_train`` training images are labelled, for it or for the backbone it has."""
    return Card(
        title=title_of(cls),
        family=cls.family(),
        supervision=cls.supervision,
        inputs=cls.inputs,
        output=cls.output,
        n_labelled=n_train if labelled_trunk or cls.supervision == "supervised" else 0,
    )


Inputs = Callable[[NDArray[np.int64]], NDArray]


def _inputs(context: Context, features: str | None, rows: NDArray[np.float32] | None) -> Inputs:
    """What the method reads of the images at some indices: uint8 images, or float32 feature rows."""
    images = context.images.pixels
    if features is None:
        return lambda index: images[index]
    if features == "pixels":
        return lambda index: pixels(images[index])
    assert rows is not None
    return lambda index: rows[np.searchsorted(context.used, index)]


def _chunks(index: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return np.array_split(index, -(-len(index) // CHUNK))


def _evaluate_codes(
    method: HashMethod, context: Context, inputs: Inputs, timer: Timer, path: Path
) -> tuple[Evaluation, dict[str, float]]:
    """The evaluation, and the health of the database's codes."""
    split, labels = context.split, context.images.labels
    codes, values = {}, {}
    for part, index in (("query", split.query), ("database", split.database)):
        with timer("encode"):
            values[part] = np.concatenate([method.project(inputs(chunk)) for chunk in _chunks(index)])
            codes[part] = Codes.from_real(values[part])
        save_codes(path.with_suffix(f".{part}.npz"), codes[part], labels[index])
    with timer("evaluate"):
        parts = codes["query"], codes["database"], labels[split.query], labels[split.database]
        result = evaluate(*parts, device=str(timer.device))
    return result, code_health(codes["database"], values["database"]).values


def _evaluate_vectors(method: HashMethod, context: Context, inputs: Inputs, timer: Timer) -> Evaluation:
    split, labels = context.split, context.images.labels
    with timer("encode"):
        query, database = (
            np.concatenate([method.project(inputs(chunk)) for chunk in _chunks(index)])
            for index in (split.query, split.database)
        )
    with timer("evaluate"):
        return evaluate_vectors(query, database, labels[split.query], labels[split.database])


def _counts(split: Split) -> dict[str, int]:
    return {
        "queries": len(split.query),
        "train": len(split.train),
        "database": len(split.database),
        "train_in_database": len(split.train) if split.train_in_database else 0,
    }
