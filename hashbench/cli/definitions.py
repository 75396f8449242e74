"""What ``hashbench info`` says of the names that are no plugins: protocols, metrics, suites, backbones.

Each function returns the text for a name, and nothing where its kind has no such name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib import import_module
from inspect import cleandoc
from textwrap import fill
from typing import TYPE_CHECKING, Any

from hashbench.errors import BrokenPluginError, HashbenchError, UnknownNameError

if TYPE_CHECKING:
    from hashbench.contracts.task import MetricInfo, Task

WIDTH = 100


def protocol_text(name: str) -> str:
    """The task of a protocol with its numbers, and the recipe by which networks are trained under it."""
    from hashbench.plugins.registry import find_protocol, protocol_names

    if name not in protocol_names():
        return ""
    protocol = find_protocol(name)
    task = protocol.task
    return _paragraphs(
        f"{name} (protocol)",
        protocol.description,
        f"task (see 'hashbench info {task.name()}'): {task.name()}, digest {protocol.task_digest[:8]}, with",
        _fields(asdict(task)),
        f"recipe of networks, digest {protocol.recipe_digest[:8]}; '--set recipe.FIELD=VALUE' changes it:",
        _fields(asdict(protocol.recipe)),
        f"run it: hashbench run --protocols {name}; how many images: hashbench data info DATASET",
    )


def metric_text(name: str) -> str:
    """What a metric or a pattern of metrics means under each task that has it.

    Raises the error of a task that reads the name and finds fault with it, where no other task has it.
    """
    from hashbench.plugins.registry import find, plugins

    said, faults = [], []
    for plugin in plugins("task"):
        try:
            task = find("task", plugin)
            info = task.metrics().get(name) or task.describe(name)
        except (UnknownNameError, BrokenPluginError):
            continue
        except HashbenchError as fault:
            faults.append(fault)
        else:
            said.append(_metric(task, name, info))
    if faults and not said:
        raise faults[0]
    return _paragraphs(f"{name} (metric)", *said) if said else ""


def metric_names() -> list[str]:
    """The metrics of all tasks that are not broken."""
    from hashbench.plugins.registry import find, plugins

    names: dict[str, None] = {}
    for plugin in plugins("task"):
        try:
            names |= dict.fromkeys(find("task", plugin).metrics())
        except BrokenPluginError:
            continue
    return list(names)


def suite_text(name: str) -> str:
    """The grid that a suite runs: every key of it that is set."""
    from hashbench.execution.suite import make_suite, read_suite, suite_names

    if name not in suite_names() and not name.endswith(".toml"):
        return ""
    suite = make_suite(read_suite(name), f"suite '{name}'")
    variants = [
        f"  {variant.label}: {variant.method} {_params(variant.params)}" for variant in suite.variants
    ]
    keys = {
        "methods": suite.methods,
        "pretraining": suite.pretraining,
        "datasets": suite.datasets,
        "protocols": suite.protocols or ("the usual one of each task",),
        "features": suite.features,
        "bits": suite.bits or ("those of each task",),
        "repetitions": (suite.repetitions,),
        "set": [f"{key}={json.dumps(value)}" for key, value in suite.set.items()],
    }
    return _paragraphs(
        f"{name} (suite)",
        suite.description,
        "\n".join(f"{key}: {', '.join(map(str, values))}" for key, values in keys.items() if values),
        "\n".join(["variants, each a row with its own label:", *variants] if variants else []),
        f"run it: hashbench run --suite {name}",
    )


def backbone_text(name: str) -> str:
    """What the docstring of a network says."""
    from hashbench.training.network import backbone_names

    if name not in backbone_names():
        return ""
    module = import_module(f"hashbench.training.backbones.{name}")
    use = f"use it: hashbench run --set recipe.backbone={name}"
    return "\n\n".join([f"{name} (backbone)", cleandoc(module.__doc__ or ""), use])


def _metric(task: type[Task], name: str, info: MetricInfo) -> str:
    one, many = task.unit
    of = {
        "units": f"each {one} has a value, and the metric is their mean",
        "set": f"of all {many} together",
        "codes": "of the codes alone",
    }[info.of]
    better = f"{info.better} is better" if info.better else "neither direction is better"
    recorded = (
        "runs record it"
        if name in task.default_metrics or info.of == "codes"
        else "hashbench rescore adds it"
    )
    return f"under {task.name()}: {info.definition}\n  {of}; {better}; {recorded}"


def _fields(values: Mapping[str, Any]) -> str:
    return "\n".join(f"  {name} = {value!r}" for name, value in values.items())


def _params(params: Mapping[str, Any]) -> str:
    return f"with {', '.join(f'{key}={value!r}' for key, value in params.items())}" if params else "as it is"


def _paragraphs(*parts: str) -> str:
    """The parts with an empty line between them. A part of one line is prose, of several lines a list."""
    return "\n\n".join("\n".join(_folded(part.splitlines())) for part in parts if part)


def _folded(lines: Sequence[str]) -> Iterable[str]:
    indent = "  " if len(lines) > 1 else ""
    return (fill(line, WIDTH, subsequent_indent=indent, break_on_hyphens=False) for line in lines)
