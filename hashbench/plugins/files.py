"""Plugins in single files, as modules that every process can import by name.

The module of ``/home/me/own.py`` is called ``hashbench.plugins.files.<folder in hex>.own``. Because the
name tells where the file lies, any process can load a pickled object of its classes.
"""

from __future__ import annotations

import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

__path__: list[str] = []  # makes this module a package; the finder below finds its content


def module_name(path: Path) -> str:
    """The name by which the file at an absolute path is imported."""
    return f"{__name__}.{os.fsencode(path.parent).hex()}.{path.stem}"


def is_outdated(module: ModuleType) -> bool:
    """Whether a plugin's file is no longer the one that was imported."""
    loader = module.__loader__
    return isinstance(loader, _Loader) and loader.stamp != _stamp(loader.path)


def _stamp(path: str) -> tuple[int, int]:
    """What another version of a file differs in: when it was changed, in nanoseconds, and its size."""
    stat = os.stat(path)
    return stat.st_mtime_ns, stat.st_size


class _Loader(SourceFileLoader):
    """Keeps the text that it imports: digests are of the code that runs, also after the file has changed.

    It neither reads nor writes bytecode, which is the same for two versions of one second and size.
    """

    def __init__(self, fullname: str, path: str) -> None:
        super().__init__(fullname, path)
        self.stamp = _stamp(path)
        self._text = super().get_data(path)

    def get_data(self, path: str) -> bytes:
        return self._text if path == self.path else super().get_data(path)

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self._text, self.path)


class _Finder(MetaPathFinder):
    """Finds the folder and then the file that a name of this package stands for."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        head, _, rest = fullname.partition(f"{__name__}.")
        if head or not rest:
            return None
        folder, _, stem = rest.partition(".")
        if not stem:
            return ModuleSpec(fullname, None, is_package=True)
        file = os.path.join(os.fsdecode(bytes.fromhex(folder)), f"{stem}.py")
        return spec_from_file_location(fullname, file, loader=_Loader(fullname, file))


sys.meta_path.append(_Finder())
