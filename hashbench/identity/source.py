"""Digests of plugin files: results of other code are computed again.

Classes of the package's shared rooms are not digested; rooms have numbers (``hashbench.identity.rooms``). The
base classes of families are: they belong to few methods.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from functools import cache
from types import ModuleType
from typing import Any

# Where classes are digested; those of the other rooms have a number.
_DIGESTED = ("hashbench.methods.", "hashbench.families.", "hashbench.plugins.files.")
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def method_digest(cls: type) -> str:
    """The digest of a method's file, and of the files of the methods and families it inherits from."""
    digests = [code_digest(_text(module)) for module in own_modules(cls)]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def plugin_digest(cls: type) -> str | None:
    """The digest of the file of a feature or task from outside the package; None for the package's own.

    The package's own have a version, which a golden test pins; no test pins a file under development.
    """
    package = cls.__module__.split(".")
    is_own = package[0] == "hashbench" and package[1] != "plugins"
    return None if is_own else code_digest(source_of(cls))


def imports_room(cls: type, room: str) -> bool:
    """Whether one of a method's files imports from a room of the package, such as "numerics"."""
    names = {name for module in own_modules(cls) for name in _imported(_text(module))}
    return any(f"{name}.".startswith(f"hashbench.{room}.") for name in names)


def source_of(cls: type) -> bytes:
    """The text of a class's file, as this process has imported it."""
    return _text(sys.modules[cls.__module__])


def own_modules(cls: type) -> list[ModuleType]:
    """The files of a class and its base classes, except shared rooms and libraries."""
    own = [base for base in cls.__mro__ if base is cls or base.__module__.startswith(_DIGESTED)]
    return list(dict.fromkeys(sys.modules[base.__module__] for base in own))


@cache
def _text(module: ModuleType) -> bytes:
    """What was imported: the loader of plugin files keeps it; other files are read at the first call."""
    loader: Any = module.__loader__
    return loader.get_data(module.__file__)


@cache
def _imported(source: bytes) -> frozenset[str]:
    """All that a file imports, by full name. A grid asks for each of its cells."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return frozenset(names)


@cache
def code_digest(source: bytes) -> str:
    """SHA-256 of a Python file without what does not affect numbers: comments, docstrings, layout, errors."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        elif isinstance(node, ast.Raise):
            node.exc = node.cause = None
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()
