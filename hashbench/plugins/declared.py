"""What a plugin says of itself in its class, checked when it is loaded, before anything relies on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from hashbench.errors import HashbenchError, InvalidInputError, UnknownNameError
from hashbench.system.text import repr_of

_OF_METHODS = {
    "supervision": ("unsupervised", "semi-supervised", "supervised"),
    "inputs": ("features", "images"),
    "output": ("codes", "vectors"),
}
_FAMILIES = ("control", "shallow", "deep")


def check_declarations(kind: str, cls: Any) -> None:
    """Raise InvalidInputError where a class declares a value that its kind does not have."""
    allowed: dict[str, tuple[str, ...]] = {}
    if kind == "feature":
        from hashbench.contracts.feature import LEARNED_FROM

        allowed = {"learned_from": LEARNED_FROM}
    elif kind == "method":
        allowed = dict(_OF_METHODS)
    said = {name: getattr(cls, name) for name in allowed}
    if kind == "method":
        said["family()"], allowed["family()"] = cls.family(), _FAMILIES
        if not isinstance(cls.made_for, tuple) or not all(isinstance(name, str) for name in cls.made_for):
            raise InvalidInputError(
                f"its made_for is {repr_of(cls.made_for)}; it must be a tuple of names of tasks"
            )
    for name, value in said.items():
        if not isinstance(value, str) or value not in allowed[name]:
            raise InvalidInputError(
                f"its {name} is {repr_of(value)}; it must be one of {', '.join(allowed[name])}"
            )


def untyped(cls: type) -> dict[str, str]:
    """The class attributes that look like parameters and are none, as they have no type: why, by name.

    Left out are what a base class declares to be no parameter, functions and other callables, and names of
    constants (``LIKE_THIS``) and of private things (``_like_this``).
    """
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        fields = vars(base).get("__dataclass_fields__")
        if fields is None:  # without the decorator, no type is read
            continue
        parameters = {field.name: field for field in dataclasses.fields(base)}
        for name, value in vars(base).items():
            if name.startswith("_") or name.isupper() or callable(value) or hasattr(value, "__get__"):
                continue
            if name in fields and (name not in parameters or parameters[name].default is value):
                found.pop(name, None)  # a base class had it without a type
                continue
            kept = "its default stays as it was" if name in fields else "it is not a parameter"
            otherwise = "" if name in fields else f", or {name}: ClassVar = ... where it is none"
            found[name] = (
                f"class attribute '{name}' has no type, so {kept}; write {_typed(name, value)}{otherwise}"
            )
    return found


def _typed(name: str, value: Any) -> str:
    """How a parameter with this default is written."""
    kind = "TYPE | None" if value is None else type(value).__name__
    shown = repr_of(value)
    if type(value).__hash__ is None:  # lists and the like are no defaults of a dataclass
        shown = f"field(default_factory=lambda: {shown})"
    return f"{name}: {kind} = {shown}"


def unknown_parameter(cls: type, name: str, parameter: str, known: Iterable[str]) -> HashbenchError:
    """The error of a parameter that the class does not have; name: whose parameter it would be."""
    why = untyped(cls).get(parameter)
    if why is not None:
        return InvalidInputError(f"'{parameter}' of {name} cannot be set: {why}")
    return UnknownNameError(f"parameter of {name}", parameter, known)
