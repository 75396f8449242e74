"""A run as it goes: a live bar on a terminal, a line a cell elsewhere."""

from __future__ import annotations

from contextlib import closing

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

from hashbench.execution.cell import Place
from hashbench.execution.runner import Plan, Trained, run
from hashbench.records import Cell, Failure, Record


def follow(console: Console, plan: Plan, place: Place, jobs: int) -> list[Record]:
    """Run the plan, show how it goes, and return the failed records."""
    failed: list[Record] = []
    total = len(plan.trunks) + len(plan.pending)
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("elapsed"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with bar, closing(run(plan, place, jobs)) as events:
        first = "pre-training" if plan.trunks else "cells"
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
    return f"failed: {_name(record.cell)}: {_reason(record.error)}"


def _reason(failure: Failure) -> str:
    return " ".join(failure.message.split()) or failure.type


def _name(cell: Cell) -> str:
    parts = [cell.dataset, cell.protocol, cell.label, cell.features, cell.bits and f"{cell.bits} bits"]
    return " ".join(str(part) for part in parts if part) + f" r{cell.repetition}"


def _line(event: Trained | Record) -> str:
    if isinstance(event, Trained):
        cell = event.work.cell
        name = f"{cell.dataset} {cell.protocol} backbone {cell.backbone} r{cell.repetition}"
        return f"{name} ready" if event.failure is None else f"failed: {name}: {_reason(event.failure)}"
    if event.error is not None:
        return failure(event)
    seconds = sum(event.timings.get(stage, 0.0) for stage in ("fit", "encode", "evaluate"))
    return f"{_name(event.cell)} map {event.metrics['map']:.3f} in {seconds:.1f} s"
