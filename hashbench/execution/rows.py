"""The rows of a suite: methods with their parameters, every name and value checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from hashbench.contracts.feature import TrainedFeature
from hashbench.contracts.method import HashMethod
from hashbench.contracts.recipe import Recipe
from hashbench.errors import BrokenPluginError, InvalidInputError, UnknownNameError
from hashbench.execution.finite import require_finite
from hashbench.execution.suite import Suite
from hashbench.plugins.declared import unknown_parameter
from hashbench.plugins.registry import GROUPS, find, plugins
from hashbench.records import Cell
from hashbench.system.text import text_of

OWN_PARAMS = {  # only the runner sets these: what is said instead
    "n_bits": "use --bits",
    "random_state": "use --repetitions, each has its own",
    "device": "use --device",
    "recipe": "use recipe.FIELD=VALUE",
    "invariances": "the data set states them",
}
STARTED = ("softmax", "frozen")  # values of DeepHashMethod.pretraining with a trained start


@dataclass(frozen=True)
class MethodRow:
    """A method with its overridden parameters; ``cls`` is None for a broken one."""

    method: str
    cls: type[HashMethod] | None
    params: dict[str, Any]
    label: str = ""

    @property
    def start(self) -> TrainedFeature | None:
        """The trained feature whose network a deep method starts from."""
        if self.cls is None or not self.cls.deep or self._parameter("pretraining") not in STARTED:
            return None
        name, _, argument = self._parameter("start_from").partition("=")
        feature = find("feature", name).from_argument(argument or None)
        if not isinstance(feature, TrainedFeature):
            raise InvalidInputError(
                f"{self.method}.start_from: feature '{name}' trains no network; name one that does, such "
                "as cnn"
            )
        return feature

    def _parameter(self, name: str) -> Any:
        return self.params.get(name, getattr(self.cls, name, None))


def rows_of(suite: Suite) -> tuple[list[MethodRow], dict[str, Any]]:
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

    rows: dict[str, MethodRow] = {}
    for name, cls in classes.items():
        own = overrides.get(name, {})
        axis = suite.pretraining if cls is not None and cls.deep and "pretraining" not in own else ()
        for given in [{"pretraining": value} for value in dict.fromkeys(axis)] or [{}]:
            row = MethodRow(name, cls, _changed(cls, {**own, **given}))
            rows[_key(row)] = row
    for variant, cls in variants:
        checked = {
            parameter: _checked(cls, variant.method, parameter, value, f"variant '{variant.label}': ")
            for parameter, value in variant.params.items()
        }
        params = _changed(cls, {**overrides.get(variant.method, {}), **checked})
        row = MethodRow(variant.method, cls, params, variant.label)
        same = rows.pop(_key(row), None)  # the same row without a label: the variant gives it one
        if same is not None and same.label:
            raise InvalidInputError(
                f"variants '{same.label}' and '{row.label}' are the same: {row.method} with the same "
                "parameters, defaults counted"
            )
        rows[_key(row)] = row
    return list(rows.values()), recipe_fields


def _key(row: MethodRow) -> str:
    return Cell(method=row.method, dataset="", protocol="", params=row.params).row


def _changed(cls: type[HashMethod] | None, params: dict[str, Any]) -> dict[str, Any]:
    """The parameters that differ from their defaults, so that the same training always has the same file."""
    defaults = {} if cls is None else {field.name: field.default for field in fields(cls)}
    return {name: value for name, value in params.items() if name not in defaults or value != defaults[name]}


def _chosen_methods(suite: Suite) -> dict[str, type[HashMethod] | None]:
    """The classes of the methods that a suite names, groups expanded; None for a broken one."""
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
    idle = set(plugins("method")) - run  # a misspelt method is not among them, so it is refused
    return {key: value for key, value in settings.items() if key.partition(".")[0] not in idle}


def _overrides(suite: Suite, methods: Mapping[str, type[HashMethod] | None]) -> dict[str, dict[str, Any]]:
    """``suite.set`` as {method or "recipe": {parameter: value}}, names and types checked."""
    checked: dict[str, dict[str, Any]] = {}
    for key, value in suite.set.items():
        owner, dot, parameter = key.partition(".")
        if not dot:
            raise InvalidInputError(f"--set {key}: write METHOD.PARAMETER=VALUE or recipe.FIELD=VALUE")
        if owner != "recipe" and owner not in methods:
            if owner in plugins("method"):
                raise InvalidInputError(f"--set {key}: this run has no {owner}; add it to --methods")
            raise UnknownNameError("method of this run", owner, [*methods, "recipe"], lists=["methods"])
        cls = Recipe if owner == "recipe" else methods[owner]
        checked.setdefault(owner, {})[parameter] = _checked(cls, owner, parameter, value, "--set ")
    return checked


def _checked(
    cls: type[HashMethod] | type[Recipe] | None, owner: str, parameter: str, value: Any, where: str
) -> Any:
    """The value of a parameter, converted to its type."""
    require_finite(value, f"{where}{owner}.{parameter}")
    if cls is None:
        return value  # a broken method fails with any parameters
    kept = {} if cls is Recipe else OWN_PARAMS
    if parameter in kept:
        raise InvalidInputError(f"{where}{owner}.{parameter} is not set so; {kept[parameter]}")
    settable = [field.name for field in fields(cls) if field.name not in kept]
    if parameter not in settable:
        raise unknown_parameter(cls, owner, parameter, settable)
    try:
        value = TypeAdapter(_hint(cls, owner, parameter)).validate_python(value)
    except ValidationError as error:
        raise InvalidInputError(
            f"{where}{owner}.{parameter}={value!r}: {' or '.join(fault['msg'] for fault in error.errors())}"
        ) from error
    require_finite(value, f"{where}{owner}.{parameter}")  # "nan" as text has become a number
    if (owner, parameter) == ("recipe", "backbone"):
        _require_backbone(value)
    return value


def _hint(cls: type, owner: str, parameter: str) -> Any:
    """The type of a parameter. Raises InvalidInputError where the plugin's file does not know its name."""
    try:
        return get_type_hints(cls)[parameter]
    except Exception as error:  # whatever evaluating a plugin's text raises
        raise InvalidInputError(
            f"{owner}.{parameter} cannot be set: its type cannot be resolved ({text_of(error)}); import what "
            f"the type names in the file of {owner}"
        ) from error


def _require_backbone(name: str) -> None:
    from hashbench.training.network import backbone_names  # loads torch, which `hashbench list` does without

    if name not in backbone_names():
        raise UnknownNameError("backbone", name, backbone_names())
