"""``hashbench run``."""

from __future__ import annotations

import time
import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hashbench.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from hashbench.execution.runner import Plan
    from hashbench.records import Record


def run(
    *,
    suite: str,
    settings: Sequence[str],
    out: Path,
    data_dir: Path | None,
    device: str,
    jobs: int,
    plugins: Sequence[Path],
    dry_run: bool,
    command: str,
    **grid: Any,
) -> int:
    """Train and evaluate a grid of methods; print the table. What is done already is not run again."""
    from hashbench.cli.console import make_console
    from hashbench.cli.progress import failure, follow
    from hashbench.execution.cell import Place
    from hashbench.execution.grid import applicable, expand, labels_of
    from hashbench.execution.runner import make_plan
    from hashbench.execution.suite import make_suite, read_suite
    from hashbench.images.store import data_root
    from hashbench.plugins.registry import register_file
    from hashbench.records import Record
    from hashbench.reporting import QueryValues, build_tables, render
    from hashbench.system.device import resolve_device

    for file in plugins:
        register_file(file)
    resolve_device(device)
    base = make_suite(read_suite(suite), f"suite '{suite}'")
    given = {key: value for key, value in grid.items() if value is not None}
    chosen = make_suite(base.model_dump(exclude={"set"}) | given, "command line")
    given["set"] = applicable(base.set, chosen) | dict(_setting(text) for text in settings)
    cells = expand(make_suite(base.model_dump(exclude={"set"}) | given, "command line"))
    files = tuple(path.resolve() for path in plugins)
    place = Place(out.absolute(), data_root(data_dir), device, files, command)
    plan = make_plan(cells, place)

    console = make_console()
    _announce(console, plan, place.data, out)
    if dry_run:
        _show_plan(console, plan)
        return 0
    started = time.monotonic()
    try:
        failed = follow(console, plan, place, jobs)
    except KeyboardInterrupt:
        saved = sum(_is_saved(place.record(work)) for work in cells)
        console.print(f"stopped, {saved}/{len(cells)} cells saved; the same command resumes")
        return 130
    written = {path: Record.load(path) for path in map(place.record, cells)}
    records = list(written.values())
    console.print(render(build_tables(records, labels=labels_of(cells), queries=QueryValues(written))))
    took = time.monotonic() - started
    console.print(
        f"{len(plan.pending)} cells in {took:.0f} s, {len(plan.done)} done before, {len(failed)} failed; "
        f"records in {out}\nnext: hashbench table {out} --metric {_other_metric(records)} --format md",
        markup=False,
    )
    for record in failed:
        console.print(failure(record), style="red", markup=False, soft_wrap=True)
    return 1 if failed else 0


def _setting(text: str) -> tuple[str, Any]:
    """KEY=VALUE with the value as TOML has it, or else as text."""
    key, equals, value = text.partition("=")
    if not equals:
        raise InvalidInputError(f"--set {text}: write METHOD.PARAMETER=VALUE, such as ksh.n_anchors=500")
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key, value


def _other_metric(records: Iterable[Record]) -> str:
    """One that the records have besides mAP; a database can be too small for the first choice."""
    known = {name for record in records for name in record.metrics}
    return next((name for name in ("precision@100", "precision@r2") if name in known), "map")


def _is_saved(path: Path) -> bool:
    from hashbench.records import Record

    return path.exists() and Record.load(path).status == "done"


def _announce(console: Console, plan: Plan, data: Path, out: Path) -> None:
    from hashbench import __version__
    from hashbench.execution.context import open_context

    works = [*plan.pending, *plan.done]
    text = f"hashbench {__version__}: {len(works)} cells, {len(plan.done)} of them done in {out}"
    console.print(text, markup=False)
    if set(plan.reasons) - {"new"}:
        why = ", ".join(f"{count} {reason}" for reason, count in Counter(plan.reasons).most_common())
        console.print(f"  to run: {why}", markup=False)
    for work in {(work.cell.dataset, work.protocol_digest): work for work in works}.values():
        split = open_context(work.cell.dataset, work.protocol, data).split
        console.print(
            f"  {work.cell.dataset}, protocol {work.protocol.name}: {split.describe()}", markup=False
        )


def _show_plan(console: Console, plan: Plan) -> None:
    for state, works in (("done", plan.done), ("to run", plan.pending)):
        for work in works:
            title = "" if work.title == work.cell.method else f"  {work.title}"
            console.print(f"  {state:8}{work.stem}{title}", markup=False, soft_wrap=True)
    console.print(
        f"to run: {len(plan.pending)} cells and the pre-training of at most {len(plan.trunks)} backbones"
    )
