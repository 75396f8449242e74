"""Checks of what a method must not accept, or must not look at."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hashbench.errors import InvalidInputError
from hashbench.testing.toy import N_CLASSES, Method, fitted, new, options, require, toy, training_set
from hashbench.testing.values import values_of


def sees_only_the_labels_it_declares(cls: Method) -> str | None:
    """Labels are used as declared; wrong labels are errors.

    Supervised: y=None and -1 are errors. Semi-supervised: y=None and labels that are all -1 are errors. Both
    take multi-hot labels. Unsupervised: labels change nothing.
    """
    X, y = toy(cls.inputs)
    if cls.supervision == "unsupervised":
        return _labels_change_nothing(cls)
    refuses(cls, "fit() without labels", lambda: new(cls).fit(X, **options(cls)))
    refuses(cls, "labels of another length", lambda: new(cls).fit(X, y[:-1], **options(cls)))
    multi_hot = np.eye(N_CLASSES, dtype=np.int8)[y]
    multi_hot[:10, 0] = 1
    hidden = np.arange(len(y)) % 2 == 1
    if cls.supervision == "supervised":
        refuses(
            cls, "-1 in place of labels", lambda: new(cls).fit(X, np.where(hidden, -1, y), **options(cls))
        )
    else:
        refuses(cls, "no label but -1", lambda: new(cls).fit(X, np.full_like(y, -1), **options(cls)))
        multi_hot[hidden] = -1
    values = new(cls).fit(X, multi_hot, **options(cls)).project(X)
    if not np.isfinite(values).all():
        values_of(fitted(cls), X)  # raises, where labels of one class each give NaN too
        raise AssertionError(f"{cls.name()} gives NaN for multi-hot labels (n, C)")
    return None


def _labels_change_nothing(cls: Method) -> str | None:
    X, y = toy(cls.inputs)
    without, given = (values_of(new(cls).fit(X, labels, **options(cls)), X) for labels in (None, y))
    if np.array_equal(given, without):
        return None
    again = values_of(new(cls).fit(X, y, **options(cls)), X)
    if not np.array_equal(given, again):
        return "each fit() gives other values, so that nobody can see what labels change"
    raise AssertionError(f"{cls.name()} is declared unsupervised, but its values change with y")


def refuses_wrong_input(cls: Method) -> None:
    """Unfitted use, wrong shapes or types, NaN, other sizes than in fit, n_bits=0: InvalidInputError."""
    X, y = training_set(cls)
    flat = X.reshape(len(X), -1)
    wrong: list[tuple[str, Callable[[], object]]] = [
        ("project() before fit()", lambda: new(cls).project(X)),
        ("one item in place of many", lambda: new(cls).fit(X[0], y, **options(cls))),
        ("text in place of numbers", lambda: new(cls).fit(np.full(X.shape, "x"), y, **options(cls))),
        ("no items", lambda: new(cls).fit(X[:0], y[:0])),
        ("n_bits=0", lambda: new(cls, n_bits=0).fit(X, y, **options(cls))),
        ("items smaller than in fit()", lambda: fitted(cls).project(X[..., 1:])),
    ]
    if cls.inputs == "features":
        spoilt = X.copy()
        spoilt[3, 2] = np.nan
        wrong.append(("NaN in fit()", lambda: new(cls).fit(spoilt, y, **options(cls))))
        wrong.append(("NaN in project()", lambda: fitted(cls).project(spoilt)))
    else:
        wrong.append(("float images", lambda: new(cls).fit(X / np.float32(255), y, **options(cls))))
        wrong.append(("flattened images", lambda: new(cls).fit(flat, y, **options(cls))))
    for what, call in wrong:
        refuses(cls, what, call)


def refuses(cls: Method, what: str, call: Callable[[], object]) -> None:
    """Raise AssertionError unless the call raises InvalidInputError that names the method.

    Where the method cannot be fitted on right input either, its own error is raised.
    """
    try:
        call()
    except InvalidInputError as error:
        require(cls.name() in str(error), f"for {what}, {cls.name()} says '{error}' and not who speaks")
    except Exception as error:
        fitted(cls)
        raise AssertionError(
            f"{what}: {cls.name()} raises {type(error).__name__}: {error}; raise InvalidInputError instead"
        ) from error
    else:
        raise AssertionError(f"{what}: {cls.name()} accepts it; raise InvalidInputError")
