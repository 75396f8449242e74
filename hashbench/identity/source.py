"""Digests of code: what was computed with other code is computed again."""

from __future__ import annotations

import ast
import hashlib
import inspect
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def method_digest(cls: type) -> str:
    """The digest of the file that defines a method, and of the shared code that it stands on."""
    own = Path(inspect.getfile(cls))
    shared = ["contracts/method", "contracts/codes"]
    if "hashbench.numerics" in own.read_text(encoding="utf-8"):
        shared.append("numerics")
    return code_digest((own, *(PACKAGE / f"{name}.py" for name in shared)))


def training_digest(backbone: str, deep: bool) -> str:
    """The digest of the training code: of one backbone's, and with the hash stage's for ``deep`` cells."""
    folder = PACKAGE / "training"
    others = {"__init__"} if deep else {"__init__", "deep"}
    files = sorted(path for path in folder.glob("*.py") if path.stem not in others)
    return code_digest((*files, folder / "backbones" / f"{backbone}.py"))


def evaluation_digest() -> str:
    """The digest of the evaluation's code."""
    return code_digest(tuple(sorted((PACKAGE / "evaluation").glob("*.py"))))


@cache
def code_digest(paths: tuple[Path, ...]) -> str:
    """SHA-256 of Python files without what changes no number: comments, docstrings, layout, errors raised."""
    hasher = hashlib.sha256()
    for path in paths:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:] or [ast.Pass()]
            elif isinstance(node, ast.Raise):
                node.exc = node.cause = None
        hasher.update(ast.unparse(tree).encode() + b"\0")
    return hasher.hexdigest()
