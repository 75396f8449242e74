"""What a plugin says of itself in its class, checked when it is loaded, before anything relies on it."""

from __future__ import annotations

from typing import Any

from hashbench.errors import InvalidInputError
from hashbench.system.text import repr_of

_CHOICES: dict[str, dict[str, tuple[str, ...]]] = {
    "method": {
        "supervision": ("unsupervised", "semi-supervised", "supervised"),
        "inputs": ("features", "images"),
        "output": ("codes", "vectors"),
    },
    "feature": {"learned_from": ("nothing", "images", "labels", "not stated")},
}
_FAMILIES = ("control", "shallow", "deep")


def check_declarations(kind: str, cls: Any) -> None:
    """Raise InvalidInputError where a class declares a value that its kind does not have."""
    said = {name: getattr(cls, name) for name in _CHOICES.get(kind, {})}
    allowed = dict(_CHOICES.get(kind, {}))
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
