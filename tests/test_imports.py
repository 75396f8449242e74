"""The rooms of the architecture and who may import whom, held to the code.

Counted are all imports of all files of a room, those inside functions and under TYPE_CHECKING too.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("hashbench", "methods", "datasets")
MAX_LINES = 300


@dataclass(frozen=True)
class Room:
    """What files of a room may import besides the standard library and each other.

    rooms: of hashbench. packages: of others. late: of others, inside functions or for the type checker only.
    """

    rooms: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    late: tuple[str, ...] = ()


# Below all others: errors; what the machine gives; digests, seeds and the numbers of rooms.
GROUND = ("errors", "system", "identity")
ROOMS = {
    "errors": Room(),
    "system": Room(("errors",), late=("dask", "numpy", "psutil", "scipy", "threadpoolctl", "torch")),
    "identity": Room(("errors",)),
    "contracts": Room(GROUND, ("numpy", "sklearn.base"), late=("PIL", "torch")),
    "plugins": Room((*GROUND, "contracts")),
    "records": Room(GROUND, ("numpy", "pydantic"), late=("pandas",)),
    "numerics": Room(GROUND, ("scipy", "torch")),
    "images": Room((*GROUND, "contracts", "plugins"), ("numpy", "platformdirs")),
    "evaluation": Room((*GROUND, "contracts"), ("filelock", "numba", "numpy", "scipy", "torch")),
    "training": Room((*GROUND, "contracts"), ("numpy", "torch")),
    "captions": Room((*GROUND, "contracts"), ("numpy",)),
    "families": Room((*GROUND, "contracts", "numerics"), ("numpy", "torch"), late=("PIL", "faiss")),
    # Plugins: each a file, none knows another.
    "methods": Room(
        (*GROUND, "contracts", "numerics", "training", "families"),
        ("numpy", "torch"),
        late=("PIL", "faiss", "imagehash", "pdqhash", "sklearn"),
    ),
    "datasets": Room((*GROUND, "contracts", "captions"), ("numpy",), late=("PIL", "sklearn", "torchvision")),
    "features": Room((*GROUND, "contracts", "training"), ("numpy",), late=("torch",)),
    "authentication": Room((*GROUND, "contracts"), ("numpy",), late=("PIL", "scipy", "torch", "torchvision")),
    "tasks": Room((*GROUND, "contracts", "evaluation", "images", "authentication"), ("numpy",)),
    "suites": Room(),
    "encoders": Room(
        (*GROUND, "contracts", "plugins", "images", "training", "evaluation"),
        ("numpy", "pydantic", "safetensors", "torch"),
        late=("PIL", "faiss", "onnx", "onnxruntime", "onnxscript"),
    ),
    # What runs them and shows what came of it.
    "execution": Room(
        (*GROUND, "contracts", "plugins", "records", "images", "training", "evaluation", "encoders"),
        ("numpy", "pydantic", "torch"),
        late=("PIL", "dask", "dask_jobqueue", "distributed", "tornado"),
    ),
    "reporting": Room(
        (*GROUND, "contracts", "plugins", "records"),
        ("numpy", "rich"),
        late=("PIL", "jinja2", "markupsafe", "matplotlib", "pandas", "plotly", "scipy"),
    ),
    "live": Room(
        (*GROUND, "contracts", "plugins", "records", "images", "execution"), ("rich",), late=("IPython",)
    ),
    "testing": Room(
        (*GROUND, "contracts", "plugins", "images", "training", "evaluation", "encoders"),
        ("numpy", "sklearn", "torch"),
    ),
    "api": Room(
        (*GROUND, "contracts", "plugins", "records", "images", "execution", "encoders", "reporting", "live"),
        late=("pandas",),
    ),
    # What `import hashbench` gives; by name, when a name is first used.
    "hashbench": Room(("contracts", "plugins", "records", "training", "evaluation", "encoders", "api")),
    "cli": Room(
        (
            *(*GROUND, "contracts", "plugins", "records", "images", "training", "evaluation", "execution"),
            *("encoders", "reporting", "live", "testing", "api", "hashbench"),
        ),
        ("argcomplete", "rich"),
    ),
    "__main__": Room(("cli",)),
}
PLUGIN_ROOMS = {"methods", "datasets", "features", "tasks"}
AT_ONCE = ("hashbench/__init__.py", "hashbench/cli/__init__.py", "hashbench/cli/parser.py")  # `--help` waits


@dataclass(frozen=True)
class Import:
    module: str
    late: bool  # inside a function, or for the type checker only
    line: int


class Collector(ast.NodeVisitor):
    def __init__(self) -> None:
        self.late = 0
        self.found: list[Import] = []

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.add(alias.name, node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self.add(f"{'.' * node.level}{node.module or ''}.{alias.name}", node)

    def visit_Call(self, node: ast.Call) -> None:
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        first = node.args[0] if node.args else None
        if name in {"import_module", "__import__"} and isinstance(first, ast.Constant):
            self.add(str(first.value), node)
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        self.inside(node, late=isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING")

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.inside(node, late=True)

    def inside(self, node: ast.AST, late: bool) -> None:
        self.late += late
        self.generic_visit(node)
        self.late -= late

    def add(self, module: str, node: ast.AST) -> None:
        if module.split(".")[0] not in sys.stdlib_module_names:
            self.found.append(Import(module, self.late > 0, getattr(node, "lineno", 0)))


def room_of(file: str) -> str:
    """The room of a file, such as "hashbench/data/split.py"."""
    parts = Path(file).with_suffix("").parts
    if parts[0] in {"methods", "datasets"}:
        return parts[0]
    return "hashbench" if parts[1] == "__init__" else parts[1]


def faults(file: str, source: str) -> Iterator[str]:
    """What a file imports that its room may not."""
    room, collector = ROOMS[room_of(file)], Collector()
    collector.visit(ast.parse(source))
    for found in collector.found:
        where = f"{file}:{found.line}: imports {found.module}"
        top, _, rest = found.module.partition(".")
        if top == "":
            yield f"{where}: write the absolute name"
        elif top == "hashbench":
            name = rest.split(".")[0]
            target = name if name in ROOMS else "hashbench"
            own_room = target == room_of(file) and target not in PLUGIN_ROOMS
            if target not in room.rooms and not own_room:
                yield f"{where}: {room_of(file)} may not import {target}"
            elif (
                file in AT_ONCE and not found.late and target not in {"errors", "system", "cli", "hashbench"}
            ):
                yield f"{where}: this file is loaded by every command"
        elif not _within(found.module, room.packages + (room.late if found.late else ())):
            late = ", at module level at least" if _within(found.module, room.late) else ""
            yield f"{where}: {room_of(file)} may not import {top}{late}"


def _within(module: str, packages: tuple[str, ...]) -> bool:
    return any(f"{module}.".startswith(f"{package}.") for package in packages)


def files() -> list[str]:
    return [
        str(path.relative_to(ROOT)) for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))
    ]


@pytest.mark.parametrize("file", files())
def test_a_file_imports_only_what_its_room_may(file):
    assert not list(faults(file, (ROOT / file).read_text(encoding="utf-8")))


def test_no_file_is_two_rooms_or_named_after_nothing():
    tests = [str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("*.py")]
    lines = {file: len((ROOT / file).read_text("utf-8").splitlines()) for file in [*files(), *tests]}
    assert not {file: n for file, n in lines.items() if n > MAX_LINES}
    vague = {"utils", "util", "helpers", "common", "misc"}
    assert not [file for file in files() if vague & set(Path(file).with_suffix("").parts)]


def test_every_room_is_there_and_none_imports_itself_through_another():
    assert {room_of(file) for file in files()} == set(ROOMS)
    graph = {name: set(room.rooms) for name, room in ROOMS.items()}
    list(TopologicalSorter(graph).static_order())  # raises CycleError


@pytest.mark.parametrize(
    ("file", "source", "fault"),
    [
        ("methods/a.py", "from hashbench.methods.itq import ITQ", "methods may not import methods"),
        ("methods/a.py", "from hashbench.methods import itq", "methods may not import methods"),
        (
            "methods/a.py",
            "def f():\n  from hashbench.images import split",
            "a.py:2: imports hashbench.images.split",
        ),
        ("methods/a.py", "import hashbench.evaluation as e", "methods may not import evaluation"),
        ("methods/a.py", "from hashbench import evaluate", "methods may not import hashbench"),
        ("methods/a.py", "from . import itq", "write the absolute name"),
        ("methods/a.py", "import numba", "methods may not import numba"),
        ("hashbench/system/a.py", "import torch", "at module level at least"),
        ("hashbench/contracts/a.py", "import sklearn.cluster", "contracts may not import sklearn"),
        (
            "hashbench/contracts/a.py",
            "from hashbench.records import Record",
            "contracts may not import records",
        ),
        ("hashbench/reporting/a.py", "def f():\n  import torch", "reporting may not import torch"),
        ("hashbench/reporting/a.py", "import hashbench.execution.cell", "may not import execution"),
        ("hashbench/reporting/a.py", "importlib.import_module('hashbench.execution')", "import execution"),
        (
            "hashbench/evaluation/a.py",
            "from hashbench.plugins.registry import find",
            "may not import plugins",
        ),
        ("hashbench/training/a.py", "class A:\n  import hashbench.execution", "may not import execution"),
        ("datasets/a.py", "import torchvision", "at module level at least"),
        ("hashbench/cli/parser.py", "import hashbench.records", "loaded by every command"),
    ],
)
def test_a_planted_import_is_caught(file, source, fault):
    found = list(faults(file, source))
    assert len(found) == 1
    assert fault in found[0]


def test_what_is_allowed_is_not_called_a_fault():
    source = """
import json
import numpy as np
from sklearn.base import BaseEstimator
from hashbench.errors import HashbenchError
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import torch
def f():
    import torch.nn
"""
    assert not list(faults("hashbench/contracts/a.py", source))
