"""The cells of a suite, every name and parameter checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import product
from typing import Any, Literal, get_type_hints

from pydantic import TypeAdapter, ValidationError

from hashbench.contracts.method import HashMethod
from hashbench.contracts.recipe import Recipe
from hashbench.errors import BrokenPluginError, InvalidInputError, UnknownNameError
from hashbench.execution.suite import GROUPS, Suite
from hashbench.identity.source import method_digest, training_digest
from hashbench.images.protocol import Protocol, find_protocol
from hashbench.images.store import dataset_from
from hashbench.plugins.registry import find, plugins
from hashbench.records import Cell

OWN_PARAMS = ("n_bits", "random_state", "device", "recipe")  # the runner's to set


@dataclass(frozen=True)
class Work:
    """A cell with the protocol in force: that of its name, with the grid's recipe and the data set's part.

    protocol_digest: of the protocol without the data set's part, so that it is one for all data sets.
    needs_trunk: whether the cell starts from the pre-trained backbone, or reads its features.
    label: what the suite calls the cell's row; "" where it does not.
    method_source: the digest of the method's code; None for a broken one.
    training_source: the digest of the training's code; None where no backbone is needed.
    """

    cell: Cell
    protocol: Protocol
    protocol_digest: str
    label: str
    needs_trunk: bool
    method_source: str | None
    training_source: str | None

    @property
    def title(self) -> str:
        """The row's label, the method, and what was overridden: ``R0 random init: mu_liu (...)``."""
        return f"{self.label}: {self.cell.label}" if self.label else self.cell.label

    @cached_property
    def stem(self) -> str:
        """Where the cell's files stand below the output folder."""
        return self.cell.stem(self.protocol_digest)

    @property
    def trunk_key(self) -> tuple[str, str, int]:
        """Cells of one key share a backbone."""
        return self.cell.dataset, self.protocol_digest, self.cell.repetition


def expand(suite: Suite) -> list[Work]:
    """All cells of a suite, data set by data set. Every name is checked before anything runs.

    A broken method is among them under its name: running it gives a failed record with the reason.
    """
    rows, recipe_fields = _rows(suite)
    work = []
    datasets = dict.fromkeys(dataset_from(spec) for spec in suite.datasets)
    for dataset, protocol_name in product(datasets, dict.fromkeys(suite.protocols)):
        named = find_protocol(protocol_name)
        named = replace(named, recipe=replace(named.recipe, **recipe_fields))
        if recipe_fields.get("erase") and not dataset.occlude:
            raise InvalidInputError(
                f"recipe.erase: an image of '{dataset.spec}' of which a part is hidden can be another; leave "
                "the setting or the data set out"
            )
        recipe = replace(named.recipe, flip=dataset.mirror, erase=named.recipe.erase * dataset.occlude)
        protocol = replace(named, recipe=recipe)
        for repetition, row in product(range(suite.repetitions), rows):
            for features, bits in _axes(row.cls, suite):
                deep = row.cls is not None and row.cls.deep
                trained = deep or features == "cnn"
                cell = Cell(
                    method=row.method,
                    dataset=dataset.spec,
                    protocol=protocol_name,
                    features=features,
                    backbone=recipe.backbone if trained else None,
                    bits=bits,
                    repetition=repetition,
                    params=row.params,
                )
                work.append(
                    Work(
                        cell,
                        protocol,
                        named.digest,
                        label=row.label,
                        needs_trunk=features == "cnn" or row.starts_from_trunk,
                        method_source=method_digest(row.cls) if row.cls else None,
                        training_source=training_digest(recipe.backbone, deep) if trained else None,
                    )
                )
    return work


def labels_of(works: Iterable[Work]) -> dict[str, str]:
    """The labels of the rows that have one, in the suite's order: {Cell.row: label}."""
    return {work.cell.row: work.label for work in works if work.label}


@dataclass(frozen=True)
class _Row:
    """A method with its overridden parameters; ``cls`` is None for a broken one."""

    method: str
    cls: type[HashMethod] | None
    params: dict[str, Any]
    label: str = ""

    @property
    def starts_from_trunk(self) -> bool:
        """Whether it is a deep method that starts from the pre-trained backbone."""
        if self.cls is None or not self.cls.deep:
            return False
        default = getattr(self.cls, "pretraining", "softmax")
        return self.params.get("pretraining", default) in ("softmax", "frozen")


def _rows(suite: Suite) -> tuple[list[_Row], dict[str, Any]]:
    """The rows of the suite's tables, those of variants last, and the recipe's fields that it sets."""
    classes = _chosen_methods(suite)
    labels = [variant.label for variant in suite.variants]
    for variant in suite.variants:
        if labels.count(variant.label) > 1:
            raise InvalidInputError(f"variants: two are labelled '{variant.label}'; a label names one row")
    variants = [(variant, _method_class(variant.method)) for variant in suite.variants]
    known = {**classes, **{variant.method: cls for variant, cls in variants}}
    overrides = _overrides(suite, known)
    recipe_fields = overrides.pop("recipe", {})

    rows: dict[str, _Row] = {}
    for name, cls in classes.items():
        own = overrides.get(name, {})
        axis = suite.pretraining if cls is not None and cls.deep and "pretraining" not in own else ()
        for given in [{"pretraining": value} for value in dict.fromkeys(axis)] or [{}]:
            row = _Row(name, cls, _changed(cls, {**own, **given}))
            rows[_key(row)] = row
    for variant, cls in variants:
        checked = {
            parameter: _checked(cls, variant.method, parameter, value, f"variant '{variant.label}': ")
            for parameter, value in variant.params.items()
        }
        params = _changed(cls, {**overrides.get(variant.method, {}), **checked})
        row = _Row(variant.method, cls, params, variant.label)
        same = rows.pop(_key(row), None)  # of a method that is run besides: the variant names it
        if same is not None and same.label:
            raise InvalidInputError(
                f"variants '{same.label}' and '{row.label}' are the same: {row.method} with the same "
                "parameters, defaults counted"
            )
        rows[_key(row)] = row
    return list(rows.values()), recipe_fields


def _key(row: _Row) -> str:
    return Cell(method=row.method, dataset="", protocol="", params=row.params).row


def _changed(cls: type[HashMethod] | None, params: dict[str, Any]) -> dict[str, Any]:
    """The parameters that are not as by default: one training has one file, however it is asked for."""
    defaults = {} if cls is None else {field.name: field.default for field in fields(cls)}
    return {name: value for name, value in params.items() if name not in defaults or value != defaults[name]}


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
        cls = _method_class(name)
        if cls is None or name in suite.methods or "all" in groups or cls.family() in groups:
            chosen[name] = cls
    order = {"control": 0, "shallow": 1, "deep": 2}
    return dict(sorted(chosen.items(), key=lambda item: order[item[1].family()] if item[1] else 3))


def _method_class(name: str) -> type[HashMethod] | None:
    try:
        return find("method", name)
    except BrokenPluginError:
        return None


def applicable(settings: Mapping[str, Any], suite: Suite) -> dict[str, Any]:
    """The settings without those of methods that the suite does not run."""
    run = {*_chosen_methods(suite), *(variant.method for variant in suite.variants)}
    idle = set(plugins("method")) - run  # a misspelt owner is not among them, and is refused
    return {key: value for key, value in settings.items() if key.partition(".")[0] not in idle}


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
        checked.setdefault(owner, {})[parameter] = _checked(cls, owner, parameter, value, "--set ")
    return checked


def _checked(
    cls: type[HashMethod] | type[Recipe] | None, owner: str, parameter: str, value: Any, where: str
) -> Any:
    """The value of a parameter as its type has it."""
    if cls is None:
        return value  # a broken method fails whatever its parameters
    kept = ("flip",) if cls is Recipe else OWN_PARAMS
    settable = [field.name for field in fields(cls) if field.name not in kept]
    if parameter not in settable:
        raise UnknownNameError(f"parameter of {owner}", parameter, settable)
    try:
        value = TypeAdapter(get_type_hints(cls)[parameter]).validate_python(value)
    except ValidationError as error:
        raise InvalidInputError(
            f"{where}{owner}.{parameter}={value!r}: {error.errors()[0]['msg']}"
        ) from error
    if (owner, parameter) == ("recipe", "backbone"):
        _require_backbone(value)
    return value


def _require_backbone(name: str) -> None:
    from hashbench.training.network import backbone_names  # loads torch, which `hashbench list` does without

    if name not in backbone_names():
        raise UnknownNameError("backbone", name, backbone_names())
