"""The progress of a run: a live bar on a terminal, elsewhere one line per cell."""

from __future__ import annotations

from contextlib import closing

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hashbench.api import Run
from hashbench.execution.jobs import Made
from hashbench.images.store import dataset_from
from hashbench.plugins.registry import find
from hashbench.records import Cell, Failure, Record
from hashbench.system.text import visible


def follow(console: Console, prepared: Run) -> list[Record]:
    """Run the pending cells, show the progress, and return the failed records."""
    failed: list[Record] = []
    plan = prepared.plan
    total = len(plan.artefacts) + len(plan.pending)
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("elapsed"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )

    def say(text: str) -> None:
        bar.console.print(f"  {text}", markup=False, soft_wrap=True)

    with bar, closing(prepared.events(say)) as events:
        first = "features and backbones" if plan.artefacts else "cells"
        task = bar.add_task(first, total=total)
        for done, event in enumerate(events, start=1):
            line = _line(event)
            if isinstance(event, Record) and event.error is not None:
                failed.append(event)
                bar.console.print(line, style="red", markup=False, soft_wrap=True)
            elif not console.is_terminal:
                console.print(f"[{done:>{len(str(total))}}/{total}] {line}", markup=False, soft_wrap=True)
            bar.update(task, advance=1, description=line)
    return failed


def failure(record: Record) -> str:
    """The cell and why it failed, in one line; the record holds the traceback."""
    assert record.error is not None
    return visible(f"failed: {name_of(record.cell)}: {_reason(record.error)}")


def _reason(failure: Failure) -> str:
    return " ".join(failure.message.split()) or failure.type


def name_of(cell: Cell) -> str:
    """The cell in words: data set, protocol, method, features, bits, repetition."""
    parts = [cell.dataset, cell.protocol, cell.label, cell.features, cell.bits and f"{cell.bits} bits"]
    return " ".join(str(part) for part in parts if part) + f" r{cell.repetition}"


def _line(event: Made | Record) -> str:
    return visible(_said(event))


def _said(event: Made | Record) -> str:
    if isinstance(event, Made):
        setting, feature = event.artefact.setting, event.artefact.feature
        dataset = dataset_from(setting.spec).label
        what = f"{dataset} {setting.protocol.name} {feature.name()} r{setting.repetition}"
        return f"{what} ready" if event.failure is None else f"failed: {what}: {_reason(event.failure)}"
    if event.error is not None:
        return failure(event)
    task = find("task", event.task)
    metric = task.headline()
    seconds = sum(event.timings.get(stage, 0.0) for stage in ("fit", "encode", "evaluate"))
    value = f"{event.metrics[metric]:.{task.describe(metric).decimals}f}"
    return f"{name_of(event.cell)} {metric} {value} in {seconds:.1f} s"
