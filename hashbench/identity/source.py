"""The digest of a method's file: what was computed with another method is computed again."""

from __future__ import annotations

import ast
import hashlib
import inspect
from functools import cache
from pathlib import Path

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def method_digest(cls: type) -> str:
    """The digest of the file that defines a method; the shared rooms it stands on have numbers instead."""
    return code_digest(Path(inspect.getfile(cls)))


def imports_room(cls: type, room: str) -> bool:
    """Whether the file that defines a class imports from a room of the package, such as "numerics"."""
    tree = _parsed(Path(inspect.getfile(cls)))
    modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return any(f"{module}.".startswith(f"hashbench.{room}.") for module in modules)


@cache
def code_digest(path: Path) -> str:
    """SHA-256 of a Python file without what changes no number: comments, docstrings, layout, errors."""
    tree = _parsed(path)
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        elif isinstance(node, ast.Raise):
            node.exc = node.cause = None
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))
