"""Digests of plugin files: results of other code are computed again.

Classes of the package's shared rooms are not digested; rooms have numbers (``hashbench.identity.rooms``). The
base classes of families are: they belong to few methods.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
from functools import cache
from pathlib import Path

# Where classes are digested; those of the other rooms have a number.
_DIGESTED = ("hashbench.methods.", "hashbench.families.", "hashbench.plugins.files.")
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def method_digest(cls: type) -> str:
    """The digest of a method's file, and of the files of the methods and families it inherits from."""
    digests = [code_digest(file) for file in own_files(cls)]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def plugin_digest(cls: type) -> str | None:
    """The digest of the file of a feature or task from outside the package; None for the package's own.

    The package's own have a version, which a golden test pins; no test pins a file under development.
    """
    package = cls.__module__.split(".")
    is_own = package[0] == "hashbench" and package[1] != "plugins"
    return None if is_own else code_digest(Path(inspect.getfile(cls)))


def imports_room(cls: type, room: str) -> bool:
    """Whether one of a method's files imports from a room of the package, such as "numerics"."""
    names = {name for file in own_files(cls) for name in _imported(file, file.stat().st_mtime_ns)}
    return any(f"{name}.".startswith(f"hashbench.{room}.") for name in names)


@cache
def _imported(path: Path, changed: int) -> frozenset[str]:
    """All that a file imports, by full name. A grid asks for each of its cells."""
    names: set[str] = set()
    for node in ast.walk(_parsed(path)):
        if isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return frozenset(names)


def own_files(cls: type) -> list[Path]:
    """The files of a class and its base classes, except shared rooms and libraries."""
    own = [base for base in cls.__mro__ if base is cls or base.__module__.startswith(_DIGESTED)]
    return list(dict.fromkeys(Path(inspect.getfile(base)) for base in own))


@cache
def code_digest(path: Path) -> str:
    """SHA-256 of a Python file without what does not affect numbers: comments, docstrings, layout, errors."""
    tree = _parsed(path)
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        elif isinstance(node, ast.Raise):
            node.exc = node.cause = None
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))
