"""Plugins in single files, as modules that every process can import by name.

The module of ``/home/me/own.py`` is called ``hashbench.plugins.files.<folder in hex>.own``. Because the
name tells where the file lies, any process can load a pickled object of its classes.
"""

from __future__ import annotations

import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import Any

__path__: list[str] = []  # makes this module a package; the finder below finds its content


def module_name(path: Path) -> str:
    """The name by which the file at an absolute path is imported."""
    return f"{__name__}.{os.fsencode(path.parent).hex()}.{path.stem}"


class _Finder(MetaPathFinder):
    """Finds the folder and then the file that a name of this package stands for."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        head, _, rest = fullname.partition(f"{__name__}.")
        if head or not rest:
            return None
        folder, _, stem = rest.partition(".")
        if not stem:
            return ModuleSpec(fullname, None, is_package=True)
        return spec_from_file_location(fullname, Path(os.fsdecode(bytes.fromhex(folder))) / f"{stem}.py")


sys.meta_path.append(_Finder())
