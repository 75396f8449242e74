"""The values of a fitted method, for checks that compare them: finite ones, the same the second time."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
from numpy.typing import NDArray

from hashbench.contracts.cross_view import CrossViewMethod
from hashbench.contracts.method import HashMethod
from hashbench.testing.toy import require


def values_of(method: HashMethod, X: NDArray) -> NDArray[np.float32]:
    """What ``project`` gives. Raises AssertionError where it is not finite: it equals nothing then."""
    return _finite(method, "project()", method.project(X))


def values_of_texts(method: HashMethod, texts: NDArray) -> NDArray[np.float32]:
    """What ``project_text`` gives, likewise."""
    return _finite(method, "project_text()", cast(CrossViewMethod, method).project_text(texts))


def require_steady(method: HashMethod, X: NDArray) -> None:
    """Raise AssertionError where a second ``project`` gives the same items other values."""
    _steady(method, "project()", values_of, X)


def require_steady_texts(method: HashMethod, texts: NDArray) -> None:
    """Raise AssertionError where a second ``project_text`` gives the same texts other values."""
    _steady(method, "project_text()", values_of_texts, texts)


def _finite(method: HashMethod, call: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
    wrong = ~np.isfinite(values)
    what = "NaN" if np.isnan(values).any() else "infinity"
    require(
        not wrong.any(),
        f"{call} of {method.name()} gives {what}: {wrong.sum()} of {values.size} values are not finite",
    )
    return values


def _steady(
    method: HashMethod, call: str, give: Callable[[HashMethod, NDArray], NDArray], items: NDArray
) -> None:
    require(
        np.array_equal(give(method, items), give(method, items)),
        f"{call} of {method.name()} gives the same items other values the second time; it must draw no "
        "random numbers (is a network left in training mode?)",
    )
