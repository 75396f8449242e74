"""Settings hold finite numbers only: what NaN or infinity would train is known before anything runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from hashbench.errors import InvalidInputError
from hashbench.system.text import repr_of

LARGEST = 10**15  # of integers: a larger one is a slip of the pen, and some libraries cannot hold it


def require_finite(value: Any, what: str) -> None:
    """Raise InvalidInputError that names ``what`` where a value is or holds NaN, infinity, a huge integer."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            require_finite(inner, f"{what}.{name}")
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            require_finite(inner, what)
    elif isinstance(value, float) and not math.isfinite(value):
        raise InvalidInputError(f"{what} = {value}: must be a finite number")
    elif isinstance(value, int) and abs(value) > LARGEST:
        raise InvalidInputError(f"{what} = {repr_of(value)[:40]}: must not be beyond {LARGEST:,}")
