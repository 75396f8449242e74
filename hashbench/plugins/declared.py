"""What a plugin says of itself in its class, checked when it is loaded, before anything relies on it."""

from __future__ import annotations

from typing import Any

from hashbench.errors import InvalidInputError
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
