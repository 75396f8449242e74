"""Suites: named grids of method x data set x protocol x features x bits x repetition; and their cells."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from importlib import resources
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from hashbench.data.protocol import Protocol, find_protocol
from hashbench.data.store import dataset_from
from hashbench.errors import BrokenPluginError, InvalidInputError, UnknownNameError
from hashbench.execution.source import method_digest, training_digest
from hashbench.method import HashMethod
from hashbench.recipe import Recipe
from hashbench.records import Cell
from hashbench.registry import find, plugins

GROUPS = ("all", "control", "shallow", "deep")
OWN_PARAMS = ("n_bits", "random_state", "device", "recipe")  # the runner's to set


def _dotted(value: Any) -> Any:
    """{"ksh": {"n_anchors": 500}}, as TOML reads ``ksh.n_anchors = 500``, as {"ksh.n_anchors": 500}."""
    if not isinstance(value, Mapping):
        return value  # pydantic says what is wrong with it
    flat: dict[str, Any] = {}
    for key, content in value.items():
        inner = content.items() if isinstance(content, Mapping) else None
        flat |= {key: content} if inner is None else {f"{key}.{name}": x for name, x in inner}
    return flat


class Suite(BaseModel):
    """A named grid, as a TOML file says it. ``set`` holds "METHOD.PARAMETER" or "recipe.FIELD" = value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str = ""
    methods: Annotated[tuple[str, ...], Field(min_length=1)] = ("all",)
    datasets: Annotated[tuple[str, ...], Field(min_length=1)] = ("digits",)
    protocols: Annotated[tuple[str, ...], Field(min_length=1)] = ("5k",)
    features: Annotated[tuple[Literal["pixels", "cnn"], ...], Field(min_length=1)] = ("pixels", "cnn")
    bits: Annotated[tuple[Annotated[int, Field(ge=1, le=4096)], ...], Field(min_length=1)] = (12, 24, 32, 48)
    repetitions: Annotated[int, Field(ge=1)] = 1
    set: Annotated[Mapping[str, Any], BeforeValidator(_dotted)] = {}


def make_suite(content: Mapping[str, Any], origin: str) -> Suite:
    """A validated suite. Raises InvalidInputError that names ``origin``, the key and the fault."""
    unknown = sorted(set(content) - set(Suite.model_fields))
    if unknown:
        raise UnknownNameError(f"key in {origin}:", unknown[0], Suite.model_fields)
    try:
        return Suite.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise InvalidInputError(f"{origin}: {key} = {first['input']!r}: {first['msg']}") from error


def suite_names() -> list[str]:
    """The suites shipped with the package."""
    folder = resources.files("hashbench.suites")
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def read_suite(name: str) -> dict[str, Any]:
    """The content of a shipped suite, or of the user's own ``FILE.toml``."""
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise InvalidInputError(
                f"suite file '{name}' does not exist; give a path, or one of the names "
                f"{', '.join(suite_names())}"
            )
        text = path.read_text(encoding="utf-8")
    elif name in suite_names():
        text = (resources.files("hashbench.suites") / f"{name}.toml").read_text(encoding="utf-8")
    else:
        raise UnknownNameError("suite", name, suite_names())
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInputError(f"suite '{name}' is not valid TOML: {error}") from error


@dataclass(frozen=True)
class Work:
    """A cell with the protocol in force: that of its name, with the grid's recipe and the data set's flip.

    method_source: the digest of the method's code; None for a broken one.
    training_source: the digest of the training's code; None where no backbone is needed.
    """

    cell: Cell
    protocol: Protocol
    method_source: str | None
    training_source: str | None

    @cached_property
    def stem(self) -> str:
        """Where the cell's files stand below the output folder."""
        return self.cell.stem(self.protocol.digest)

    @property
    def needs_trunk(self) -> bool:
        """Whether the cell starts from the pre-trained backbone."""
        return self.cell.backbone is not None

    @property
    def trunk_key(self) -> tuple[str, str, int]:
        """Cells of one key share a backbone."""
        return self.cell.dataset, self.protocol.digest, self.cell.repetition


def expand(suite: Suite) -> list[Work]:
    """All cells of a suite, data set by data set. Every name is checked before anything runs.

    A broken method is among them under its name: running it gives a failed record with the reason.
    """
    methods = _chosen_methods(suite)
    overrides = _overrides(suite, methods)
    recipe_fields = overrides.pop("recipe", {})
    sources = {name: method_digest(cls) if cls else None for name, cls in methods.items()}
    work = []
    datasets = dict.fromkeys(dataset_from(spec) for spec in suite.datasets)
    for dataset, protocol_name in product(datasets, dict.fromkeys(suite.protocols)):
        protocol = find_protocol(protocol_name)
        recipe = replace(protocol.recipe, **recipe_fields, flip=type(dataset).mirror)
        protocol = replace(protocol, recipe=recipe)
        for repetition, (name, cls) in product(range(suite.repetitions), methods.items()):
            for features, bits in _axes(cls, suite):
                deep = cls is not None and cls.deep
                trained = deep or features == "cnn"
                cell = Cell(
                    method=name,
                    dataset=dataset.spec,
                    protocol=protocol_name,
                    features=features,
                    backbone=recipe.backbone if trained else None,
                    bits=bits,
                    repetition=repetition,
                    params=overrides.get(name, {}),
                )
                training = training_digest(recipe.backbone, deep) if trained else None
                work.append(Work(cell, protocol, sources[name], training))
    return work


def _axes(
    cls: type[HashMethod] | None, suite: Suite
) -> Iterator[tuple[Literal["pixels", "cnn"] | None, int | None]]:
    """The (features, bits) that a method is run at."""
    takes_features = cls is not None and cls.inputs == "features"
    features: tuple[Literal["pixels", "cnn"] | None, ...] = (
        tuple(dict.fromkeys(suite.features)) if takes_features else (None,)
    )
    makes_codes = cls is None or cls.output == "codes"
    bits: tuple[int | None, ...] = tuple(sorted(set(suite.bits))) if makes_codes else (None,)
    return product(features, bits)


def _chosen_methods(suite: Suite) -> dict[str, type[HashMethod] | None]:
    """The classes of the methods a suite names, groups spelt out; None for a broken one."""
    groups = [name for name in suite.methods if name in GROUPS]
    names = set(plugins("method")) if groups else set(suite.methods)
    chosen: dict[str, type[HashMethod] | None] = {}
    for name in sorted(names | (set(suite.methods) - set(GROUPS))):
        try:
            cls = find("method", name)
        except BrokenPluginError:
            chosen[name] = None
            continue
        if name in suite.methods or "all" in groups or cls.family() in groups:
            chosen[name] = cls
    order = {"control": 0, "shallow": 1, "deep": 2}
    return dict(sorted(chosen.items(), key=lambda item: order[item[1].family()] if item[1] else 3))


def _overrides(suite: Suite, methods: Mapping[str, type[HashMethod] | None]) -> dict[str, dict[str, Any]]:
    """``suite.set`` as {method or "recipe": {parameter: value}}, names and types checked."""
    checked: dict[str, dict[str, Any]] = {}
    for key, value in suite.set.items():
        owner, dot, parameter = key.partition(".")
        if not dot:
            raise InvalidInputError(f"--set {key}: write METHOD.PARAMETER=VALUE or recipe.FIELD=VALUE")
        if owner != "recipe" and owner not in methods:
            raise UnknownNameError("method of this run", owner, [*methods, "recipe"])
        cls = Recipe if owner == "recipe" else methods[owner]
        if cls is None:
            continue  # a broken method fails whatever its parameters
        kept = ("flip",) if cls is Recipe else OWN_PARAMS
        settable = [field.name for field in fields(cls) if field.name not in kept]
        if parameter not in settable:
            raise UnknownNameError(f"parameter of {owner}", parameter, settable)
        try:
            value = TypeAdapter(get_type_hints(cls)[parameter]).validate_python(value)
        except ValidationError as error:
            raise InvalidInputError(f"--set {key}={value!r}: {error.errors()[0]['msg']}") from error
        if key == "recipe.backbone":
            _require_backbone(value)
        checked.setdefault(owner, {})[parameter] = value
    return checked


def _require_backbone(name: str) -> None:
    from hashbench.training.network import backbone_names  # loads torch, which `hashbench list` does without

    if name not in backbone_names():
        raise UnknownNameError("backbone", name, backbone_names())
