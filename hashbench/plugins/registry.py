"""Finds plugins: in the package's folders, in installed packages, in single files.

Only file names are read for this; a plugin is imported when its name is requested.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, get_args

from hashbench.errors import BrokenPluginError, InvalidInputError, UnknownNameError, nearest
from hashbench.plugins.declared import check_declarations
from hashbench.plugins.files import is_outdated, module_name
from hashbench.plugins.guard import named
from hashbench.system.paths import absolute

if TYPE_CHECKING:
    from hashbench.contracts.protocol import Protocol

Kind = Literal["method", "dataset", "feature", "task"]
KINDS: tuple[Kind, ...] = get_args(Kind)
GROUPS = ("all", "control", "shallow", "deep")  # of methods
RESERVED = (*GROUPS, "recipe")  # have another meaning wherever names are given
_BASES: dict[Kind, tuple[str, str]] = {  # imported as needed: the base of methods loads scikit-learn
    "method": ("hashbench.contracts.method", "HashMethod"),
    "dataset": ("hashbench.contracts.dataset", "Dataset"),
    "feature": ("hashbench.contracts.feature", "Feature"),
    "task": ("hashbench.contracts.task", "Task"),
}
_FILES: dict[Path, ModuleType | BaseException] = {}  # registered by register_file


@dataclass(frozen=True)
class Plugin:
    """A name and where it comes from; ``load`` imports it.

    fault: why the name cannot be used, independent of the file's content; None where it can.
    """

    kind: Kind
    name: str
    origin: str
    module: Callable[[], ModuleType]
    fault: str | None = None

    def load(self) -> type:
        """The plugin's class. Raises BrokenPluginError, with the cause chained."""
        if self.fault:
            raise BrokenPluginError(self.fault)
        with named(f"{self.kind} '{self.name}' from {self.origin}", ours_pass=False):
            cls = _only_class(self.kind, self.module())
            if cls.name() != self.name:  # of an entry point
                raise InvalidInputError(f"it must be called like its file, '{cls.name()}'")
            if self.kind == "task":
                _protocols_of(cls)
            else:
                check_declarations(self.kind, cls)
            return cls


def title_of(plugin: type) -> str:
    """The first line of the docstring of a plugin's file."""
    title = (sys.modules[plugin.__module__].__doc__ or "").strip().partition("\n")[0]
    return title.rstrip(".").replace("``", "")


def plugins(kind: Kind) -> dict[str, Plugin]:
    """All plugins of a kind by name, sorted. A name used twice appears once, as broken."""
    found: dict[str, Plugin] = {}
    for plugin in _candidates(kind):
        first = found.setdefault(plugin.name, plugin)
        if first is not plugin:
            origin = f"{first.origin} and {plugin.origin}"
            fault = (
                f"{kind} '{plugin.name}' is defined more than once, in {origin}; rename all but one of them"
            )
            found[plugin.name] = replace(first, origin=origin, fault=fault)
    return dict(sorted(found.items()))


def find(kind: Kind, name: str) -> Any:
    """The class of the plugin called ``name``; imports that plugin and no other."""
    available = plugins(kind)
    if name not in available:
        raise UnknownNameError(kind, name, available)
    return available[name].load()


def find_any(name: str) -> tuple[Kind, Any]:
    """What kind of plugin has a name, and its class. Raises InvalidInputError where two kinds have one."""
    known = [plugin for kind in KINDS for plugin in plugins(kind).values()]
    found = [plugin for plugin in known if plugin.name == name]
    if not found:
        names = {plugin.name for plugin in known}
        near = nearest(name, names)
        kinds = {plugin.kind: None for plugin in known if not near or plugin.name in near}
        raise UnknownNameError("plugin", name, names, lists=[f"{kind}s" for kind in kinds])
    if len(found) > 1:
        owners = " and ".join(f"a {plugin.kind} in {plugin.origin}" for plugin in found)
        raise InvalidInputError(f"'{name}' is the name of {owners}; rename one of them")
    return found[0].kind, found[0].load()


def protocols() -> dict[str, Protocol]:
    """The protocols of all tasks by name: task by task, each in the order of its file.

    Left out are the protocols of a broken task, and a name that is defined twice.
    """
    return {name: defined[0][1] for name, defined in _all_protocols().items() if len(defined) == 1}


def protocol_names() -> list[str]:
    """The names of ``protocols``, and those that are defined twice."""
    return list(_all_protocols())


def find_protocol(name: str) -> Protocol:
    """The protocol called ``name``. Raises UnknownNameError; BrokenPluginError where two have the name."""
    available = _all_protocols()
    if name not in available:
        raise UnknownNameError("protocol", name, available)
    if len(available[name]) > 1:
        origins = " and ".join(origin for origin, _ in available[name])
        raise BrokenPluginError(
            f"protocol '{name}' is defined more than once, in {origins}; rename all but one of them"
        )
    return available[name][0][1]


def register_file(path: str | Path) -> Kind:
    """Make the plugin in one file available under the file's stem; returns what kind it is.

    A file that has changed since is imported again. A file in a folder of the package is available already;
    nothing changes. Raises InvalidInputError if it is
    not a Python file, or has a name that no plugin can have.
    """
    path = absolute(path, "plugin")
    if not path.exists():
        raise InvalidInputError(f"plugin '{path}' does not exist; give the path of a Python file")
    if path.suffix != ".py" or not path.is_file():
        raise InvalidInputError(f"plugin '{path}' is not a Python file; give the path of one")
    for kind in KINDS:
        if path.parent in [Path(folder).resolve() for folder in _package(kind).__path__]:
            return kind
    if not path.stem.isidentifier():
        raise InvalidInputError(
            f"plugin '{path}' cannot be imported by its name; rename it to letters, digits and underscores"
        )
    if path.stem in RESERVED:
        raise InvalidInputError(_reserved("plugin", path.stem, str(path)))
    _FILES[path] = _imported(module_name(path))
    return _kind_of(_FILES[path])


def registered_files() -> tuple[Path, ...]:
    """The files that this process has registered, if they are still there: no other process knows them."""
    return tuple(path for path in _FILES if path.is_file())


def _candidates(kind: Kind) -> Iterable[Plugin]:
    package = _package(kind)
    for info in pkgutil.iter_modules(package.__path__):
        if not info.name.startswith("_"):
            module = f"{package.__name__}.{info.name}"
            folder = getattr(info.module_finder, "path", package.__name__)
            yield _plugin(kind, info.name, f"{folder}/{info.name}.py", module)
    for point in _installed(f"hashbench.{kind}s", tuple(sys.path)):
        origin = f"package {point.dist.name if point.dist else point.value}"
        yield _plugin(kind, point.name, origin, point.module)
    for path, content in _FILES.items():
        if _kind_of(content) == kind:
            yield Plugin(kind, path.stem, str(path), partial(_raise_or_return, content))


@cache
def _installed(group: str, places: tuple[str, ...]) -> EntryPoints:
    """The entry points of the packages in ``sys.path``; to read them all takes as long as to run a cell."""
    return entry_points(group=group)


def _plugin(kind: Kind, name: str, origin: str, module: str) -> Plugin:
    fault = _reserved(kind, name, origin) if name in RESERVED else None
    return Plugin(kind, name, origin, partial(importlib.import_module, module), fault)


def _reserved(kind: str, name: str, origin: str) -> str:
    return f"{kind} '{name}' from {origin} cannot be called so: {', '.join(RESERVED)} mean others; rename it"


def _package(kind: Kind) -> ModuleType:
    return importlib.import_module(f"hashbench.{kind}s")


def _imported(name: str) -> ModuleType | BaseException:
    """The module of a file as it is now; what a broken one raises, for when its name is requested."""
    if name in sys.modules and is_outdated(sys.modules[name]):
        del sys.modules[name]
    try:
        with redirect_stdout(sys.stderr):  # what a file prints when it is imported is no result
            return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too
        return error


def _raise_or_return(content: ModuleType | BaseException) -> ModuleType:
    if isinstance(content, BaseException):
        raise content
    return content


def _kind_of(content: ModuleType | BaseException) -> Kind:
    """What a registered file holds; a file that cannot be imported counts as a method, the usual case."""
    if isinstance(content, ModuleType):
        for kind in KINDS:
            if kind != "method" and _classes(kind, content):
                return kind
    return "method"


def _only_class(kind: Kind, module: ModuleType) -> Any:
    classes = _classes(kind, module)
    if len(classes) != 1:
        names = ", ".join(cls.__name__ for cls in classes) or "none"
        raise InvalidInputError(
            f"a {kind} file defines exactly one subclass of {_BASES[kind][1]}, this one: {names}"
        )
    missing = sorted(getattr(classes[0], "__abstractmethods__", ()))
    if missing:
        raise InvalidInputError(f"{classes[0].__name__} does not define {', '.join(missing)}")
    return classes[0]


def _classes(kind: Kind, module: ModuleType) -> list[type]:
    """The subclasses of a kind's base that the file itself defines; those that it imports do not count."""
    base_module, base_name = _BASES[kind]
    base = getattr(importlib.import_module(base_module), base_name)
    return [
        cls
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, base) and cls.__module__ == module.__name__
    ]


def _protocols_of(task: type) -> tuple[Protocol, ...]:
    """PROTOCOLS of a task's file."""
    from hashbench.contracts.protocol import Protocol

    found = getattr(sys.modules[task.__module__], "PROTOCOLS", None)
    if not isinstance(found, tuple) or not all(isinstance(item, Protocol) for item in found):
        raise InvalidInputError("a task file defines PROTOCOLS, a tuple of Protocol")
    strange = [protocol.name for protocol in found if not isinstance(protocol.task, task)]
    if strange:
        raise InvalidInputError(f"the task of protocol {', '.join(strange)} must be a {task.__name__}")
    return found


def _all_protocols() -> dict[str, list[tuple[str, Protocol]]]:
    """Every protocol of a task that is not broken: by name, where it is defined and what it is."""
    defined: dict[str, list[tuple[str, Protocol]]] = {}
    for plugin in plugins("task").values():
        try:
            cls = plugin.load()
        except BrokenPluginError:
            continue
        for protocol in _protocols_of(cls):
            defined.setdefault(protocol.name, []).append((plugin.origin, protocol))
    return defined
