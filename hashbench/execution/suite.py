"""Suites: named grids of method x data set x protocol x features x bits x repetition, as TOML files."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from hashbench.contracts.codes import MAX_BITS
from hashbench.contracts.recipe import Pretraining
from hashbench.errors import InvalidInputError, UnknownNameError
from hashbench.execution.finite import require_finite
from hashbench.system.paths import is_regular

COMMAND_LINE = "command line"  # the origin of what options say


def _dotted(value: Any) -> Any:
    """{"ksh": {"n_anchors": 500}}, as TOML reads ``ksh.n_anchors = 500``, as {"ksh.n_anchors": 500}."""
    if not isinstance(value, Mapping):
        return value  # pydantic says what is wrong with it
    flat: dict[str, Any] = {}
    for key, content in value.items():
        inner = content.items() if isinstance(content, Mapping) else None
        flat |= {key: content} if inner is None else {f"{key}.{name}": x for name, x in inner}
    return flat


class Variant(BaseModel):
    """A method with parameters of its own, under a label: one row of a suite's tables."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: Annotated[str, Field(min_length=1)]
    method: str
    params: Mapping[str, Any] = {}


class Suite(BaseModel):
    """A named grid, as a TOML file states it. ``set`` holds "METHOD.PARAMETER" or "recipe.FIELD" = value.

    methods: by default all; none where there are ``variants``, which are run in addition.
    protocols: None: the usual one of each task, for the methods that are made for it.
    bits: None: the usual ones of each task.
    pretraining: how deep methods start; empty: each by its default. A method or variant that sets it in its
    own parameters keeps its value.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str = ""
    methods: tuple[str, ...] = ("all",)
    variants: tuple[Variant, ...] = ()
    pretraining: tuple[Pretraining, ...] = ()
    datasets: Annotated[tuple[str, ...], Field(min_length=1)] = ("digits",)
    protocols: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    features: Annotated[tuple[str, ...], Field(min_length=1)] = ("pixels", "cnn")
    bits: Annotated[tuple[Annotated[int, Field(ge=1, le=MAX_BITS)], ...], Field(min_length=1)] | None = None
    repetitions: Annotated[int, Field(ge=1)] = 1
    set: Annotated[Mapping[str, Any], BeforeValidator(_dotted)] = {}


def make_suite(content: Mapping[str, Any], origin: str) -> Suite:
    """A validated suite. Raises InvalidInputError that names ``origin``, the key and the fault."""
    unknown = sorted(set(content) - set(Suite.model_fields))
    if unknown:
        raise UnknownNameError(f"key in {origin}:", unknown[0], Suite.model_fields)
    if content.get("variants"):
        content = {"methods": (), **content}
    require_finite(content, origin)
    try:
        suite = Suite.model_validate(content)
    except ValidationError as error:
        raise InvalidInputError(_fault(error, origin)) from error
    if not suite.methods and not suite.variants:
        raise InvalidInputError(f"{origin}: methods = []: name at least one, or all, control, shallow, deep")
    return suite


def _fault(error: ValidationError, origin: str) -> str:
    """What is wrong with the first key that is; on the command line, a key is an option."""
    first = error.errors()[0]
    limits = first.get("ctx", {})
    must = {
        "less_than_equal": f"at most {limits.get('le')}",
        "literal_error": f"must be {limits.get('expected')}",
    }.get(first["type"], first["msg"])
    if origin == COMMAND_LINE:
        return f"--{first['loc'][0]} {first['input']}: {must}"
    return f"{origin}: {'.'.join(map(str, first['loc']))} = {first['input']!r}: {must}"


def suite_names() -> list[str]:
    """The suites shipped with the package."""
    folder = resources.files("hashbench.suites")
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def read_suite(name: str) -> dict[str, Any]:
    """The content of a shipped suite, or of the user's own ``FILE.toml``."""
    if name.endswith(".toml"):
        path = Path(name)
        if not is_regular(path):
            raise InvalidInputError(
                f"suite file '{name}' does not exist; give a path, or one of the names "
                f"{', '.join(suite_names())}"
            )
        content = path.read_bytes()
    elif name in suite_names():
        content = (resources.files("hashbench.suites") / f"{name}.toml").read_bytes()
    else:
        raise UnknownNameError("suite", name, suite_names())
    return parse_toml(content, f"suite '{name}'")


def parse_toml(content: bytes, what: str) -> dict[str, Any]:
    """The content of a TOML file. Raises InvalidInputError that names ``what``."""
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # besides wrong TOML: numbers too long, brackets too deep
        raise InvalidInputError(f"{what} is not valid TOML in UTF-8: {error}") from error
