"""Cells, artefacts and what came of them, each in one line of text."""

from __future__ import annotations

import re

from hashbench import errors
from hashbench.execution.jobs import Made
from hashbench.execution.work import Artefact, Work
from hashbench.images.store import dataset_from
from hashbench.plugins.registry import find
from hashbench.records import Cell, Failure, Record
from hashbench.system.text import visible
from hashbench.system.watching import Step


def failure_line(record: Record) -> str:
    """The cell, why it failed, and at which line of its method; the record holds the traceback."""
    assert record.error is not None
    place = _place(record.error, record.cell.method)
    return visible(f"failed: {name_of(record.cell)}: {_reason(record.error)}{place}")


def name_of(cell: Cell) -> str:
    """The cell in words: data set, protocol, method, features, bits, repetition."""
    parts = [cell.dataset, cell.protocol, cell.label, cell.features, cell.bits and f"{cell.bits} bits"]
    return " ".join(str(part) for part in parts if part) + f" r{cell.repetition}"


def task_line(task: Artefact | Work) -> str:
    """The artefact or the cell in words."""
    if isinstance(task, Work):
        return visible(name_of(task.cell))
    setting = task.setting
    dataset = dataset_from(setting.spec).label
    return visible(f"{dataset} {setting.protocol.name} {task.feature.name()} r{setting.repetition}")


def outcome_line(event: Made | Record) -> str:
    """What came of an artefact or a cell."""
    return visible(_said(event))


def step_parts(step: Step) -> list[str]:
    """Where a job is, in parts, the more important first."""
    if not step.epochs:
        return [step.phase]
    return [f"epoch {step.epoch}/{step.epochs}", f"loss {step.loss:.3g}", f"{step.rate:,.0f} images/s"]


def _said(event: Made | Record) -> str:
    if isinstance(event, Made):
        what = task_line(event.artefact)
        return f"{what} ready" if event.failure is None else f"failed: {what}: {_reason(event.failure)}"
    if event.error is not None:
        return failure_line(event)
    task = find("task", event.task)
    metric = task.headline()
    seconds = sum(event.timings.get(stage, 0.0) for stage in ("fit", "encode", "evaluate"))
    value = f"{event.metrics[metric]:.{task.describe(metric).decimals}f}"
    return f"{name_of(event.cell)} {metric} {value} in {seconds:.1f} s"


def _reason(failure: Failure) -> str:
    message = " ".join(failure.message.split())
    return f"{failure.type}: {message}" if message else failure.type


def _place(failure: Failure, method: str) -> str:
    """The line of the method's file that the error went through last; "" for ours, which say all in words."""
    lines = re.findall(rf'File "(?:[^"]*/)?{re.escape(method)}\.py", line (\d+)', failure.traceback)
    ours = isinstance(getattr(errors, failure.type, None), type)
    return f" ({method}.py, line {lines[-1]})" if lines and not ours else ""
