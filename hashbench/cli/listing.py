"""``hashbench list``: what is available."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from hashbench.contracts.dataset import Dataset
    from hashbench.contracts.method import HashMethod
    from hashbench.contracts.task import Task
    from hashbench.execution.suite import Suite
    from hashbench.plugins.registry import Kind

Entry = dict[str, Any]
TEXTS = ("title", "description", "definition", "runs", "licence")  # may be folded
READABLE = 40  # characters of a text in a line
GAP = 3  # between columns
LEAST_USEFUL = (
    *("inputs", "made for", "family", "supervision"),  # of methods; "family" says less than "supervision"
    *("usual bits", "unit", "usual protocol", "headline"),  # of tasks
    *("epochs", "of", "task", "better"),  # of protocols and metrics
    *("data sets", "runs", "licence"),  # of suites and data sets
)
WHOLE = 100_000  # characters in a line: no row is folded


def list_(*, what: str, as_json: bool, plugins: Sequence[Path]) -> int:
    """List what is available; a broken plugin is listed with its error."""
    from hashbench.plugins.registry import register_file

    for file in plugins:
        register_file(file)
    rows = {
        "methods": _methods,
        "datasets": _datasets,
        "features": _features,
        "tasks": _tasks,
        "protocols": _protocols,
        "metrics": _metrics,
        "suites": _suites,
        "backbones": _backbones,
    }[what]()
    if as_json:
        print(json.dumps(rows, indent=1))
    else:
        _print_rows(_folded(rows) if what == "metrics" else rows)
    return 0


def _plugin_rows(kind: Kind, describe: Callable[[Any], list[Entry]]) -> list[Entry]:
    """The entries of ``describe`` for each plugin of a kind; for a broken plugin, its error."""
    from hashbench.errors import BrokenPluginError
    from hashbench.plugins.guard import named
    from hashbench.plugins.registry import plugins

    rows: list[Entry] = []
    for name, plugin in plugins(kind).items():
        try:
            cls = plugin.load()
            with named(f"{kind} '{name}' from {plugin.origin}", ours_pass=False):  # its own description
                rows += describe(cls)
        except BrokenPluginError as error:
            rows.append({"name": name, "title": f"BROKEN: {error}"})
    return rows


def _methods() -> list[Entry]:
    return _plugin_rows("method", _method)


def _method(cls: type[HashMethod]) -> list[Entry]:
    from hashbench.plugins.registry import title_of

    row = {"family": cls.family(), "supervision": cls.supervision, "inputs": cls.inputs}
    return [{"name": cls.name(), **row, "made for": ", ".join(cls.made_for), "title": title_of(cls)}]


def _datasets() -> list[Entry]:
    return _plugin_rows("dataset", _dataset)


def _dataset(cls: type[Dataset]) -> list[Entry]:
    from hashbench.errors import InvalidInputError
    from hashbench.plugins.registry import title_of

    if not cls.licence:
        raise InvalidInputError("it does not state its licence; set licence to one line of text")
    return [{"name": cls.name(), "licence": cls.licence, "title": title_of(cls)}]


def _features() -> list[Entry]:
    from hashbench.plugins.registry import title_of

    return _plugin_rows(
        "feature",
        lambda cls: [{"name": cls.name(), "learned from": cls.learned_from, "title": title_of(cls)}],
    )


def _tasks() -> list[Entry]:
    return _plugin_rows("task", _task)


def _task(cls: type[Task]) -> list[Entry]:
    from hashbench.plugins.registry import title_of

    return [
        {
            "name": cls.name(),
            "unit": cls.unit[0],
            "headline": cls.headline(),
            "usual protocol": cls.usual_protocol or "none",
            "usual bits": " ".join(map(str, cls.default_bits)),
            "title": title_of(cls),
        }
    ]


def _protocols() -> list[Entry]:
    from hashbench.errors import BrokenPluginError
    from hashbench.plugins.registry import find_protocol, protocol_names

    rows: list[Entry] = []
    for name in protocol_names():
        try:
            protocol = find_protocol(name)
        except BrokenPluginError as error:
            rows.append({"name": name, "description": f"BROKEN: {error}"})
            continue
        rows.append(
            {
                "name": name,
                "task": protocol.task.name(),
                "task_digest": protocol.task_digest[:8],
                "recipe_digest": protocol.recipe_digest[:8],
                "epochs": f"{protocol.recipe.pretrain_epochs} + {protocol.recipe.epochs}",
                "description": protocol.description,
            }
        )
    return rows


def _metrics() -> list[Entry]:
    """Those of retrieval, the main task, first."""
    return sorted(_plugin_rows("task", _metrics_of), key=lambda row: row.get("task") != "retrieval")


def _metrics_of(task: type[Task]) -> list[Entry]:
    return [
        {
            "name": name,
            "task": task.name(),
            "of": metric.of,
            "better": metric.better or "neither",
            "definition": metric.definition,
        }
        for name, metric in task.metrics().items()
    ]


def _folded(metrics: list[Entry]) -> list[Entry]:
    """``map[text->image]``, ``map[image->text]``, ... as one ``map[DIRECTION]``; a row lists them all."""
    rows: dict[tuple[Any, Any], Entry] = {}
    directions: dict[Any, dict[str, None]] = {}
    for metric in metrics:
        name, task = metric["name"], metric.get("task")
        found = re.fullmatch(r"(.+)\[([^\[\]]+->[^\[\]]+)\]", name)
        if found:
            name = f"{found[1]}[DIRECTION]"
            if task not in directions:
                directions[task] = {}
                rows[task, "[DIRECTION]"] = {"name": "[DIRECTION]", "task": task}
            directions[task][found[2]] = None
        rows.setdefault((task, name), {**metric, "name": name})
    for task, known in directions.items():
        rows[task, "[DIRECTION]"]["definition"] = f"one of {', '.join(known)}"
    return list(rows.values())


def _suites() -> list[Entry]:
    from hashbench.execution.suite import make_suite, read_suite, suite_names

    suites = {name: make_suite(read_suite(name), f"suite '{name}'") for name in suite_names()}
    return [
        {
            "name": name,
            "data sets": ", ".join(suite.datasets),
            "runs": _what_runs(suite),
            "description": suite.description,
        }
        for name, suite in suites.items()
    ]


def _what_runs(suite: Suite) -> str:
    methods = ", ".join(dict.fromkeys(variant.method for variant in suite.variants))
    variants = [f"{len(suite.variants)} variants of {methods}"] if methods else []
    return ", ".join([*suite.methods, *variants])


def _backbones() -> list[Entry]:
    from hashbench.training.network import backbone_names

    modules = {name: import_module(f"hashbench.training.backbones.{name}") for name in backbone_names()}
    return [
        {"name": name, "title": (module.__doc__ or "").strip().partition("\n")[0]}
        for name, module in modules.items()
    ]


def _print_rows(rows: list[Entry]) -> None:
    """In a terminal as a table that fits it; in a file or pipe with one line a row, however long."""
    from hashbench.cli.console import make_console

    console = make_console()
    columns = _columns(rows)
    if console.is_terminal or "COLUMNS" in os.environ:
        shown = _fitting(rows, columns, console.width)
        console.print(_table(rows, shown, ruled=True), markup=False)
        left_out = [column for column in columns if column not in shown]
        if left_out:
            text = f"left out, as there is no room: {', '.join(left_out)}; --json has all"
            console.print(text, style="dim", markup=False)
        return
    console.width = WHOLE
    with console.capture() as lines:
        console.print(_table(rows, columns, ruled=False), markup=False)
    for line in lines.get().splitlines():
        print(line.rstrip())


def _table(rows: list[Entry], columns: Sequence[str], ruled: bool) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD if ruled else None, show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column not in TEXTS)
    for row in rows:
        broken = any(str(value).startswith("BROKEN") for value in row.values())
        table.add_row(*(str(row.get(column, "")) for column in columns), style="red" if broken else None)
    return table


def _columns(rows: list[Entry]) -> list[str]:
    """What a table shows: digests are for programs."""
    columns = dict.fromkeys(key for row in rows for key in row)
    return [column for column in columns if not column.endswith("_digest")]


def _fitting(rows: list[Entry], columns: list[str], width: int) -> list[str]:
    """The columns, without the least useful ones where the others would be too narrow to read."""
    from rich.cells import cell_len

    widest = {
        name: max(cell_len(str(row.get(name, ""))) for row in [{name: name}, *rows]) for name in columns
    }
    needs = {name: min(least, READABLE) if name in TEXTS else least for name, least in widest.items()}
    for least_useful in LEAST_USEFUL:
        if sum(needs[name] for name in columns) + GAP * (len(columns) - 1) <= width:
            break
        columns = [name for name in columns if name != least_useful]
    return columns
