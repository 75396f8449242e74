"""One cell, from images to a record: its data, its fitted method, its scores."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from hashbench.contracts.codes import Codes
from hashbench.contracts.task import Outcome
from hashbench.errors import InvalidInputError, LeasedError
from hashbench.evaluation import evaluate, save_codes
from hashbench.execution.environment import describe_environment
from hashbench.execution.fitting import CellEncoder, Ground
from hashbench.execution.keeping import forget_model, keep_model
from hashbench.execution.place import Place
from hashbench.execution.timer import Timer
from hashbench.execution.undisturbed import undisturbed
from hashbench.execution.work import Work
from hashbench.records import Digests, Failure, Record, save_values, write_record


class UnmadeError(Exception):
    """The run could not make what the cell needs, or has lost the workers that tried to run it."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def run_cell(work: Work, place: Place, unmade: Failure | None = None) -> Record:
    """Run a cell and write its record; beside it the task's codes and the values of each unit.

    A failure is a record too, with the traceback and all that is known so far. unmade: a failure that is
    known before, with which it is not run. A record that cannot be written is returned as failed.
    Raises LeasedError where another process makes what the cell needs.
    """
    device = place.enter(work.setting)
    if unmade is None:
        _warm_up(str(device))
    path, timer = place.record(work), Timer(device)
    protocol = work.setting.protocol
    network = work.cell.backbone is not None
    facts: dict[str, Any] = {
        "cell": work.cell,
        "protocol": protocol.facts(),
        "recipe": asdict(protocol.recipe) if network else None,
        "invariances": asdict(work.setting.invariances) if network else None,
        "digests": Digests(task=protocol.task_digest, recipe=work.recipe_digest),
        "rooms": dict(work.rooms),
        "environment": describe_environment(device),
        "command": place.command,
        "timings": timer.seconds,
    }
    known = dict(facts)
    try:
        with undisturbed():
            ground = Ground.open(work, place, device)
            facts |= ground.facts()
            if unmade is not None:
                raise UnmadeError(unmade)
            ground = ground.supplied()
            facts |= ground.facts()
            encoder = CellEncoder.build(ground, place, timer)
            facts |= encoder.facts()
            encoder.fit(place)
            with timer("evaluate"):
                outcome = protocol.task.evaluate(
                    encoder, ground.context.images, ground.context.split, str(device)
                )
            # encoding happens inside evaluation
            timer.seconds["evaluate"] -= timer.seconds.get("encode", 0.0)
            facts_done = facts | _scores(outcome, encoder)
        record = Record(status="done", created=datetime.now(UTC), **facts_done)
        _forget(path)
        _keep(path, outcome, protocol.task.headline())
        if place.save_models:
            keep_model(path, encoder, record)
    except (KeyboardInterrupt, LeasedError):
        raise
    except BaseException as error:  # SystemExit too: no method ends the run
        record = _failed(error.failure if isinstance(error, UnmadeError) else Failure.of(error), facts, known)
        for file in path.parent.glob(f"{path.stem}.*.npz"):  # of an earlier success, not of this record
            file.unlink(missing_ok=True)
        forget_model(path)
    try:
        write_record(path, record)
    except InvalidInputError as error:  # the disk is full, the folder gone
        return record if record.status == "failed" else _failed(Failure.of(error), facts, known)
    for checkpoint in path.parent.glob(f"{path.stem}.*.checkpoint"):
        checkpoint.unlink(missing_ok=True)
    return record


def _failed(failure: Failure, facts: dict[str, Any], known: dict[str, Any]) -> Record:
    """The record of a failure with all facts; with the ``known`` alone where a record cannot hold all."""
    try:
        return Record(status="failed", error=failure, created=datetime.now(UTC), **facts)
    except ValueError:
        return Record(status="failed", error=failure, created=datetime.now(UTC), **known)


def _scores(outcome: Outcome, encoder: CellEncoder) -> dict[str, Any]:
    return {
        "metrics": outcome.values,
        "health": outcome.health,
        "stored": {part: len(stored.codes) for part, stored in outcome.stored.items()},
        "curves": {**encoder.history, **outcome.curves},
    }


def _forget(path: Path) -> None:
    """Remove a stale record and its model, so that no kill leaves them beside codes that are not theirs."""
    if path.is_file():
        path.unlink()
    forget_model(path)


def _keep(path: Path, outcome: Outcome, headline: str) -> None:
    """Write the codes to score again, and the values of each unit; those of the headline separately."""
    for part, stored in outcome.stored.items():
        save_codes(path.with_suffix(f".{part}.npz"), stored.codes, stored.labels)
    save_values(path, outcome.per_unit, headline)


@cache
def _warm_up(device: str) -> None:
    """Compile the evaluation kernels and load what the device needs, so that no cell's time includes it."""
    items = np.arange(2048)
    for distinct in (items, items % 2):  # codes that differ and codes that repeat have their own kernels
        codes = Codes.from_real(distinct[:, None] >> np.arange(12) & 1)
        evaluate(codes[:8], codes, items[:8] % 2, items % 2, device=device)
