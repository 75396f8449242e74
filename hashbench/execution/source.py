"""Digests of code: what was computed with other code is computed again."""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Iterable
from functools import cache
from pathlib import Path

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def method_digest(cls: type) -> str:
    """The digest of the file that defines a method."""
    return code_digest((Path(inspect.getfile(cls)),))


@cache
def code_digest(paths: Iterable[Path]) -> str:
    """SHA-256 of Python files without comments, docstrings and layout, which change no number."""
    hasher = hashlib.sha256()
    for path in paths:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
                node.body[0] = ast.Pass()
        hasher.update(ast.unparse(tree).encode() + b"\0")
    return hasher.hexdigest()
