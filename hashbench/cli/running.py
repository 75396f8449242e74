"""``hashbench run``."""

from __future__ import annotations

import time
import tomllib
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hashbench.errors import BrokenPluginError, InvalidInputError, one_of
from hashbench.system.signals import exit_code

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from hashbench.api import Run
    from hashbench.records import Record


def run(*, settings: Sequence[str], data_dir: Path | None, dry_run: bool, **options: Any) -> int:
    """Train and evaluate a grid of methods; print the table. Finished cells are not run again."""
    from hashbench.api import prepare
    from hashbench.cli.console import make_console
    from hashbench.execution.grid import labels_of
    from hashbench.live import failure_line
    from hashbench.reporting import UnitValues, build_tables, render

    out = options["out"]
    prepared = prepare(**options, set=dict(_setting(text) for text in settings), root=data_dir)
    console = make_console()
    _announce(console, prepared, out)
    if dry_run:
        _show_plan(console, prepared)
        return 0
    works, started = prepared.grid.works, time.monotonic()
    if not works:
        return 0
    try:
        failed = _follow(console, prepared)
    except KeyboardInterrupt as stop:
        saved = sum(_is_saved(prepared.place.record(work)) for work in works)
        console.print(f"stopped, {saved}/{len(works)} cells saved; the same command resumes")
        return exit_code(stop)
    written = prepared.records()
    records = list(written.values())
    unsaved = sum(not _is_there(prepared.place.record(work)) for work in works)
    tables = build_tables(records, labels=labels_of(works), values=UnitValues(written))
    console.print(render(tables))
    took = time.monotonic() - started
    console.print(
        f"{_cells(len(prepared.plan.pending))} in {took:.0f} s, {len(prepared.plan.done)} done before, "
        f"{len(failed)} failed; records in {out}\n"
        f"next: hashbench table {out} --metric {_other_metric(prepared, records)} --format md",
        markup=False,
    )
    there = next((path for path, made in written.items() if made.status == "failed" and path.exists()), None)
    if failed and there is not None:
        example = out / there.relative_to(prepared.place.out)
        console.print(
            f'tracebacks: under "error" in the records, such as {example}', markup=False, soft_wrap=True
        )
    for record in failed:
        console.print(failure_line(record), style="red", markup=False, soft_wrap=True)
    if unsaved:
        console.print(
            f"the records of {_cells(unsaved)} are not in {out}: it cannot be written, is full, or was "
            "removed during the run; the same command makes them",
            style="red",
            markup=False,
            soft_wrap=True,
        )
    return 1 if failed or unsaved else 0


def _follow(console: Console, prepared: Run) -> list[Record]:
    """Run the pending cells, show how they go, and return the failed records."""
    from hashbench.live import Display
    from hashbench.records import Record

    failed = []
    with (
        Display(console, prepared.plan) as display,
        closing(prepared.events(display.say, display.watcher)) as events,
    ):
        for event in events:
            display.ended(event)
            if isinstance(event, Record) and event.error is not None:
                failed.append(event)
    return failed


def _setting(text: str) -> tuple[str, Any]:
    """KEY=VALUE, with the value parsed as TOML, or else kept as text."""
    key, equals, value = text.partition("=")
    if not equals:
        raise InvalidInputError(f"--set {text}: write METHOD.PARAMETER=VALUE, such as ksh.n_anchors=500")
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):  # no TOML: a text, whose type the parameter decides about
        return key, value


def _other_metric(prepared: Run, records: Iterable[Record]) -> str:
    """A default metric in the records that is not a variant of the headline; else the headline."""
    task = prepared.grid.works[0].setting.protocol.task
    known = {name for record in records for name in record.metrics}
    shown = [name for name in task.default_metrics if not name.startswith(task.headline())]
    return next((name for name in shown if name in known), task.headline())


def _is_saved(path: Path) -> bool:
    from hashbench.records import look_up

    record, _ = look_up(path) if _is_there(path) else (None, "")
    return record is not None and record.status == "done"


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # the file system has gone
        return False


def _announce(console: Console, prepared: Run, out: Path) -> None:
    from hashbench import __version__
    from hashbench.encoders import SUFFIX
    from hashbench.execution.context import context_of
    from hashbench.system.device import resolve_device
    from hashbench.system.threads import cores

    plan, place = prepared.plan, prepared.place
    works = prepared.grid.works
    text = f"hashbench {__version__}: {_cells(len(works))}, {len(plan.done)} of them done in {out}"
    console.print(text, markup=False)
    if set(plan.reasons) - {"new"}:
        why = ", ".join(f"{count} {reason}" for reason, count in Counter(plan.reasons).most_common())
        console.print(f"  to run: {why}", markup=False)
    if not works:
        console.print("  there is nothing in this shard: the grid has fewer cells than shards", markup=False)
    if prepared.shared:
        console.print(
            f"  {prepared.shared} networks or sets of features are needed by other shards too", markup=False
        )
    n_cores, jobs = cores(), min(prepared.workers.jobs, len(plan.pending))
    most = max((place.threads_of(work.setting) for work in plan.pending), default=1)
    if jobs > 1:
        console.print(f"  {jobs} cells at a time, threads of each: {most}", markup=False)
    if jobs > 1 and jobs * most > n_cores and resolve_device(place.device).type == "cpu":
        console.print(
            f"  {jobs} jobs of {most} threads want {jobs * most} cores, "
            f"there are {n_cores}: threads that wait for each other are slow; --threads "
            f"{max(1, n_cores // jobs)} is faster, with other last digits",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )
    for (threads, now), count in plan.threads.items():
        console.print(
            f"  {count} of the done cells computed with {threads} threads, this run with {now}: "
            f"their last digits can differ; --threads {threads} goes on as they began",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )
    if plan.older:
        console.print(
            f"  {len(plan.older)} of the done cells were scored by another evaluation; hashbench rescore "
            f"{out} scores their codes anew",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )
    bare = sum(not place.record(work).with_suffix(SUFFIX).exists() for work in plan.done)
    if place.save_models and bare:
        console.print(
            f"  {bare} of the done cells have no model beside their record; to get the models, run "
            "again with another --out",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )
    for reason, methods in _left_out(prepared.grid.left_out).items():
        console.print(f"  {', '.join(methods)} left out of {reason}", markup=False, soft_wrap=True)
    for setting in {(work.cell.dataset, work.cell.protocol): work.setting for work in works}.items():
        (dataset, protocol), at = setting
        split = context_of(at, place.data).split
        console.print(f"  {dataset}, protocol {protocol}: {split.description}", markup=False)


def _left_out(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The methods by why they are left out; the code lengths that one method refuses are one reason."""
    lengths: dict[tuple[str, str], list[str]] = {}
    for method, reason in pairs:
        fault, _, length = reason.rpartition(", not ")
        known = lengths.setdefault((method, fault if length.isdecimal() else reason), [])
        known += [length] if length.isdecimal() else []
    methods: dict[str, list[str]] = {}
    for (method, fault), refused in lengths.items():
        reason = f"{fault}, not {one_of(refused)}" if refused else fault
        methods.setdefault(reason, []).append(method)
    return methods


def _show_plan(console: Console, prepared: Run) -> None:
    plan = prepared.plan
    counts: dict[str, Counter[str]] = {}
    for work in prepared.grid.works:
        counts.setdefault(work.cell.protocol, Counter())[_family(work.cell.method)] += 1
    for protocol, families in counts.items():
        shares = ", ".join(f"{count} {family}" for family, count in families.items())
        console.print(f"  {protocol}: {_cells(families.total())} ({shares})", markup=False, soft_wrap=True)
    for state, works in (("done", plan.done), ("to run", plan.pending)):
        for work in works:
            title = "" if work.title == work.cell.method else f"  {work.title}"
            console.print(f"  {state:8}{work.stem}{title}", markup=False, soft_wrap=True)
    first = len(plan.artefacts)
    console.print(f"to run: {_cells(len(plan.pending))}; made first, networks or sets of features: {first}")


def _family(method: str) -> str:
    from hashbench.plugins.registry import find

    try:
        family: str = find("method", method).family()
    except BrokenPluginError:
        return "broken"
    return family


def _cells(n: int) -> str:
    """How many, in words."""
    return "1 cell" if n == 1 else f"{n} cells"
