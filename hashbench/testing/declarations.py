"""Checks of what a method's class declares: attributes, docstring, parameters."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

from sklearn.base import clone

from hashbench.contracts.method import HashMethod
from hashbench.plugins.declared import untyped
from hashbench.testing.toy import Method, new, require


def declares_what_it_is(cls: Method) -> None:
    """Class attributes have valid values; the class is a dataclass; its name can be a file's."""
    allowed = {
        "supervision": ("unsupervised", "semi-supervised", "supervised"),
        "inputs": ("features", "images"),
        "output": ("codes", "vectors"),
        "control": (True, False),
        "deep": (True, False),
    }
    for attribute, values in allowed.items():
        value = getattr(cls, attribute)
        require(value in values, f"{cls.__name__}.{attribute} is {value!r}; it must be one of {values}")
    require(
        "__dataclass_fields__" in vars(cls),
        f"{cls.__name__} is no dataclass; write @dataclass(eq=False, repr=False, kw_only=True) above it",
    )
    require(
        cls.__hash__ is not None and cls.__repr__ is HashMethod.__repr__,
        f"{cls.__name__} replaces __eq__ or __repr__; write @dataclass(eq=False, repr=False, kw_only=True)",
    )
    if cls.deep:
        _declares_its_batches(cls)
    name = cls.name()
    require(
        name.isidentifier() and name == name.lower(),
        f"the file '{name}.py' names the method; rename it to lower-case letters, digits and underscores",
    )


def _declares_its_batches(cls: Any) -> None:
    """There are views, weak ones among them; only a semi-supervised method states the labelled share."""
    views, weak, share = cls.views, cls.weak_views, cls.labelled_share
    require(
        isinstance(views, int) and views >= 1, f"{cls.__name__}.views is {views!r}; it must be 1, 2, 3, ..."
    )
    require(
        isinstance(weak, int) and 0 <= weak <= views,
        f"{cls.__name__}.weak_views is {weak!r}; it must be how many of its {views} views are weak",
    )
    semi = cls.supervision == "semi-supervised"
    require(
        share is not None and 0 < share < 1 if semi else share is None,
        f"{cls.__name__}.labelled_share is {share!r}; it must lie between 0 and 1 in a semi-supervised "
        "method, and be None in any other",
    )


def documents_its_source(cls: Method) -> None:
    """The file's docstring has a title line and says how the method departs from its paper."""
    module = inspect.getmodule(cls)
    text = (module.__doc__ if module else None) or ""
    require(
        text.partition("\n")[0].strip().endswith("."),
        f"the docstring of {cls.name()}.py must begin with one line, 'Name of the method (ACRONYM).'",
    )
    require(
        "Departures from the paper:" in text,
        f"the docstring of {cls.name()}.py must say 'Departures from the paper: ...', even if 'none'",
    )


def keeps_its_parameters(cls: Method) -> None:
    """Parameters are dataclass fields with a type, come back from get_params and survive clone."""
    faults = untyped(cls)
    require(not faults, f"{cls.name()}: {'; '.join(faults.values())}")
    method = new(cls)
    names = {field.name for field in dataclasses.fields(cls) if field.init}
    parameters = method.get_params(deep=False)
    require(
        set(parameters) == names,
        f"get_params() of {cls.name()} gives {sorted(parameters)}, its fields are {sorted(names)}; "
        "leave __init__ to the dataclass",
    )
    copy = clone(method)
    require(
        type(copy) is cls and copy.get_params(deep=False) == parameters,
        f"clone() of {cls.name()} changes its parameters; store them as they are, and learn in fit()",
    )
    learned = {name for name in vars(method) if name not in names}
    require(not learned, f"{cls.name()} has {sorted(learned)} before fit(); set them in _fit()")


def refuses_a_misspelt_parameter(cls: Method) -> None:
    """An unknown parameter is an error at construction."""
    try:
        cls(n_bitz=8)
    except TypeError:
        return
    raise AssertionError(f"{cls.name()}(n_bitz=8) is accepted; leave __init__ to the dataclass")
