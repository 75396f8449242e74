"""Finds methods and data sets: in the package's folders, in installed packages, in single files.

Finding reads file names only; a plugin is imported when it is asked for by name.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args

from hashbench.errors import BrokenPluginError, DuplicateNameError, InvalidInputError, UnknownNameError

Kind = Literal["method", "dataset"]
_FILES: dict[Path, ModuleType | BaseException] = {}  # registered by register_file, imported once


@dataclass(frozen=True)
class Plugin:
    """A name and where it comes from; ``load`` imports it."""

    kind: Kind
    name: str
    origin: str
    module: Callable[[], ModuleType]

    def load(self) -> type:
        """The plugin's class. Raises BrokenPluginError, with the cause chained."""
        try:
            cls = _only_class(self.kind, self.module())
            if cls.name() != self.name:  # of an entry point
                raise InvalidInputError(f"it must be called like its file, '{cls.name()}'")
            return cls
        except (Exception, SystemExit) as error:  # a script that ends with sys.exit() is no plugin either
            raise BrokenPluginError(
                f"{self.kind} '{self.name}' from {self.origin} is broken: {type(error).__name__}: {error}"
            ) from error


def title_of(plugin: type) -> str:
    """The first line of the docstring of a plugin's file."""
    return (sys.modules[plugin.__module__].__doc__ or "").strip().partition("\n")[0].rstrip(".")


def plugins(kind: Kind) -> dict[str, Plugin]:
    """All plugins of a kind by name, sorted. Raises DuplicateNameError where two claim a name."""
    found: dict[str, Plugin] = {}
    for plugin in _candidates(kind):
        if plugin.name in found:
            raise DuplicateNameError(
                f"{kind} '{plugin.name}' is defined twice: in {found[plugin.name].origin} and in "
                f"{plugin.origin}; rename one of the files"
            )
        found[plugin.name] = plugin
    return dict(sorted(found.items()))


def find(kind: Kind, name: str) -> Any:
    """The class of the plugin called ``name``; imports that plugin and no other."""
    available = plugins(kind)
    if name not in available:
        raise UnknownNameError(kind, name, available)
    return available[name].load()


def find_any(name: str) -> tuple[Kind, Any]:
    """What kind of plugin has a name, and its class."""
    known: dict[str, Plugin] = {**plugins("method"), **plugins("dataset")}
    if name not in known:
        raise UnknownNameError("method or data set", name, known)
    return known[name].kind, known[name].load()


def register_file(path: str | Path) -> Kind:
    """Make the plugin in one file available under the file's stem; returns what kind it is.

    A file that lies in a folder of the package is available already, and stays what it is.
    """
    path = Path(path).resolve()
    if path.suffix != ".py" or not path.is_file():
        raise InvalidInputError(f"plugin '{path}' is not a Python file; give the path of one")
    for kind in get_args(Kind):
        if path.parent in [Path(folder).resolve() for folder in _package(kind).__path__]:
            return kind
    if path not in _FILES:
        name = f"hashbench_plugin_files.{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses and pickle look the module up by name
        try:
            spec.loader.exec_module(module)
            _FILES[path] = module
        except (Exception, SystemExit) as error:  # shown as a broken plugin by whoever asks for the name
            _FILES[path] = error
    return _kind_of(_FILES[path])


def _candidates(kind: Kind) -> Iterable[Plugin]:
    package = _package(kind)
    for info in pkgutil.iter_modules(package.__path__):
        module = f"{package.__name__}.{info.name}"
        folder = getattr(info.module_finder, "path", package.__name__)
        yield Plugin(kind, info.name, f"{folder}/{info.name}.py", partial(importlib.import_module, module))
    for point in entry_points(group=f"hashbench.{kind}s"):
        origin = f"package {point.dist.name if point.dist else point.value}"
        yield Plugin(kind, point.name, origin, partial(importlib.import_module, point.module))
    for path, content in _FILES.items():
        if _kind_of(content) == kind:
            yield Plugin(kind, path.stem, str(path), partial(_raise_or_return, content))


def _package(kind: Kind) -> ModuleType:
    return importlib.import_module(f"hashbench.{kind}s")


def _raise_or_return(content: ModuleType | BaseException) -> ModuleType:
    if isinstance(content, BaseException):
        raise content
    return content


def _kind_of(content: ModuleType | BaseException) -> Kind:
    """What a registered file holds; a file that cannot be imported counts as a method, the usual case."""
    if isinstance(content, ModuleType) and _classes("dataset", content):
        return "dataset"
    return "method"


def _only_class(kind: Kind, module: ModuleType) -> Any:
    classes = _classes(kind, module)
    if len(classes) != 1:
        base = {"method": "HashMethod", "dataset": "Dataset"}[kind]
        names = ", ".join(cls.__name__ for cls in classes) or "none"
        raise InvalidInputError(f"a {kind} file defines exactly one subclass of {base}, this one: {names}")
    return classes[0]


def _classes(kind: Kind, module: ModuleType) -> list[type]:
    module_name, base_name = {
        "method": ("hashbench.contracts.method", "HashMethod"),
        "dataset": ("hashbench.contracts.dataset", "Dataset"),
    }[kind]  # imported as needed: the base of methods loads scikit-learn
    base = getattr(importlib.import_module(module_name), base_name)
    return [
        cls
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, base) and cls.__module__ == module.__name__
    ]
