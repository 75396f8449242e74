"""Scores stored codes again, without training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from hashbench.contracts.task import Stored, Task
from hashbench.errors import InvalidInputError, MissingDataError
from hashbench.evaluation import load_codes
from hashbench.execution.environment import describe_environment
from hashbench.identity.rooms import ROOMS
from hashbench.plugins.registry import find
from hashbench.records import Record, Rescoring, save_values, write_record
from hashbench.system.device import resolve_device
from hashbench.system.lease import lease

CURE = "copy the codes there, or delete the record and run its command again"


def rescore(path: Path, metrics: Sequence[str] = (), device: str = "cpu", command: str = "") -> Record:
    """Score the codes beside a record again; rewrite its metrics, curves, health and values per unit.

    metrics: in addition to the record's and the default ones. Results of training and encoding stay.
    Raises MissingDataError where there are no codes; InvalidInputError where they are not the record's, or a
    metric cannot be computed from them; LeasedError where a run is at work on the cell; UnknownNameError.
    """
    with lease(path):
        return _rescored(path, metrics, device, command)


def _rescored(path: Path, metrics: Sequence[str], device: str, command: str) -> Record:
    record = Record.load(path)
    task = task_of(record)
    stored = _stored(path, record)
    outcome = task.rescore(stored, [*record.metrics, *metrics], device)
    changed = {
        "metrics": dict(outcome.values),
        "health": record.health | dict(outcome.health),  # health of the real values stays
        "curves": record.curves | dict(outcome.curves),
        "rooms": record.rooms | {"evaluation": ROOMS["evaluation"]},
        "rescored": Rescoring(
            created=datetime.now(UTC),
            environment=describe_environment(resolve_device(device)),
            command=command,
        ),
    }
    anew = Record.model_validate({**dict(record), **changed})
    save_values(path, outcome.per_unit, task.headline())
    write_record(path, anew)
    return anew


def task_of(record: Record) -> Task:
    """The task of a record, with its numbers. Raises UnknownNameError where its plugin is missing."""
    numbers = dict(record.protocol["task"])
    cls: type[Task] = find("task", numbers.pop("name"))
    try:
        return cls(**numbers)
    except TypeError as error:
        raise InvalidInputError(
            f"task '{cls.name()}' has other numbers now than the record's ({error}); run its cells again"
        ) from error


def has_codes(record: Record) -> bool:
    """Whether the run that wrote a record wrote codes beside it."""
    return record.status == "done" and bool(record.stored)


def _stored(path: Path, record: Record) -> Mapping[str, Stored]:
    """The codes beside a record by their part: ``RECORD.PART.npz``."""
    stored = {}
    for part, count in record.stored.items():
        file = path.with_suffix(f".{part}.npz")
        if not file.is_file():
            raise MissingDataError(f"{file.name} is not beside '{path}'; {CURE}")
        codes, labels = load_codes(file)
        if (len(codes), codes.n_bits) != (count, record.cell.bits):
            raise InvalidInputError(
                f"'{file.name}' has {len(codes):,} codes of {codes.n_bits} bits, its record says {count:,} "
                f"of {record.cell.bits}; run the cell again"
            )
        stored[part] = Stored(codes, labels)
    return stored
