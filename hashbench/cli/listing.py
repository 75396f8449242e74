"""``hashbench list`` and ``hashbench info``: what there is."""

from __future__ import annotations

import inspect
import json
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, fields
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, get_type_hints

if TYPE_CHECKING:
    from hashbench.execution.suite import Suite
    from hashbench.plugins.registry import Kind

Row = dict[str, Any]


def list_(*, what: str, as_json: bool, plugins: Sequence[Path]) -> int:
    """List what is available; a broken plugin is listed with its fault."""
    import hashbench.contracts.method  # noqa: F401  first: scientific libraries ask a loaded torch for its types
    from hashbench.plugins.registry import register_file

    with deferred("torch"):
        for file in plugins:
            register_file(file)
        rows = {
            "methods": _methods,
            "datasets": _datasets,
            "protocols": _protocols,
            "metrics": _metrics,
            "suites": _suites,
            "backbones": _backbones,
        }[what]()
    if as_json:
        print(json.dumps(rows, indent=1))
    else:
        _print_rows(rows)
    return 0


def info(*, name: str, plugins: Sequence[Path]) -> int:
    """Show a method's or data set's source, parameters and, for a method, published numbers."""
    from hashbench.plugins.registry import find_any, register_file

    for file in plugins:
        register_file(file)
    kind, cls = find_any(name)
    print(f"{name} ({kind})\n")
    print((sys.modules[cls.__module__].__doc__ or "").strip())
    print(f"\nparameters of {cls.__name__}:")
    hints = get_type_hints(cls)
    for field in fields(cls):
        default = field.default if field.default_factory is MISSING else field.default_factory()
        hint = hints[field.name]
        shown = hint.__name__ if isinstance(hint, type) else inspect.formatannotation(hint)
        print(f"  {field.name}: {shown} = {default!r}")
    for owner in cls.__mro__:
        if "__dataclass_fields__" in vars(owner):
            print("\n" + textwrap.indent(inspect.getdoc(owner) or "", "  "))
    if kind == "method":
        _print_published(name)
    else:
        print(f"\nlicence: {cls.licence}")
    return 0


@contextmanager
def deferred(name: str) -> Iterator[None]:
    """Within the block, importing the module ``name`` costs nothing until one of its attributes is read.

    Method files import torch; to read what they declare, the two seconds of loading it are not needed.
    """
    if name in sys.modules:
        yield
        return

    class Deferred(ModuleType):
        def __getattr__(self, attribute: str) -> Any:
            if sys.modules.get(name) is self:
                del sys.modules[name]
            return getattr(import_module(name), attribute)

    stand_in = Deferred(name)
    sys.modules[name] = stand_in
    try:
        yield
    finally:
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]


def _plugin_rows(kind: Kind, describe: Any) -> list[Row]:
    from hashbench.errors import BrokenPluginError
    from hashbench.plugins.registry import plugins

    rows = []
    for name, plugin in plugins(kind).items():
        try:
            rows.append({"name": name, **describe(plugin.load())})
        except BrokenPluginError as error:
            rows.append({"name": name, "title": f"BROKEN: {error}"})
    return rows


def _methods() -> list[Row]:
    from hashbench.plugins.registry import title_of

    return _plugin_rows(
        "method",
        lambda cls: {
            "family": cls.family(),
            "supervision": cls.supervision,
            "inputs": cls.inputs,
            "title": title_of(cls),
        },
    )


def _datasets() -> list[Row]:
    from hashbench.plugins.registry import title_of

    return _plugin_rows("dataset", lambda cls: {"title": title_of(cls), "licence": cls.licence})


def _protocols() -> list[Row]:
    from hashbench.images.protocol import PROTOCOLS

    return [
        {
            "name": protocol.name,
            "digest": protocol.digest[:8],
            "description": protocol.description,
            "epochs": f"{protocol.recipe.pretrain_epochs} + {protocol.recipe.epochs}",
        }
        for protocol in PROTOCOLS.values()
    ]


def _metrics() -> list[Row]:
    from hashbench.evaluation.metric_table import table

    kinds = {"units": "ranking", "codes": "code health"}
    return [
        {"name": name, "of": kinds[info.of], "description": info.definition} for name, info in table().items()
    ]


def _suites() -> list[Row]:
    from hashbench.execution.suite import make_suite, read_suite, suite_names

    suites = {name: make_suite(read_suite(name), f"suite '{name}'") for name in suite_names()}
    return [
        {
            "name": name,
            "description": suite.description,
            "runs": _what_runs(suite),
            "data sets": ", ".join(suite.datasets),
        }
        for name, suite in suites.items()
    ]


def _what_runs(suite: Suite) -> str:
    methods = ", ".join(dict.fromkeys(variant.method for variant in suite.variants))
    variants = [f"{len(suite.variants)} variants of {methods}"] if methods else []
    return ", ".join([*suite.methods, *variants])


def _backbones() -> list[Row]:
    from hashbench.training.network import backbone_names

    modules = {name: import_module(f"hashbench.training.backbones.{name}") for name in backbone_names()}
    return [
        {"name": name, "title": (module.__doc__ or "").strip().partition("\n")[0]}
        for name, module in modules.items()
    ]


def _print_rows(rows: list[Row]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from hashbench.cli.console import make_console

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column == "name")
    for row in rows:
        broken = str(row.get("title", "")).startswith("BROKEN")
        table.add_row(*(str(row.get(column, "")) for column in columns), style="red" if broken else None)
    make_console().print(table, markup=False)


def _print_published(name: str) -> None:
    from hashbench.reporting.published import published_numbers

    numbers = [number for number in published_numbers() if number.method == name]
    if numbers:
        print("\npublished, as printed by their sources (other protocols and backbones than ours may apply):")
    for number in numbers:
        print(
            f"  {number.value:.3f}  {number.dataset}, {number.bits or '?'} bits, {number.metric}; "
            f"{number.protocol}; {number.features}; {number.source}"
        )
