"""The cells of a suite, every name and parameter checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from hashbench.contracts.dataset import Dataset
from hashbench.contracts.feature import Feature, TrainedFeature
from hashbench.contracts.method import HashMethod
from hashbench.contracts.protocol import Protocol
from hashbench.contracts.task import Task
from hashbench.errors import InvalidInputError
from hashbench.execution.rows import MethodRow, rows_of
from hashbench.execution.suite import Suite
from hashbench.execution.work import Setting, Work
from hashbench.identity.rooms import ROOMS
from hashbench.identity.source import imports_room, method_digest
from hashbench.images.store import dataset_from
from hashbench.plugins.registry import find, find_protocol, plugins
from hashbench.records import Cell

MOST_CELLS = 1_000_000


@dataclass(frozen=True)
class Grid:
    """The cells of a suite, and the methods that its tasks leave out: (method, why) in words."""

    works: list[Work]
    left_out: list[tuple[str, str]]


def expand(suite: Suite) -> Grid:
    """All cells of a suite, data set by data set. Every name is checked before anything runs.

    A broken method is included: running it gives a failed record with the reason. ``_why_left_out`` says
    which methods run under which protocol; code lengths that a method cannot make are left out.
    """
    rows, recipe_fields = rows_of(suite)
    features = _features(suite)
    datasets = _datasets(suite)
    works: list[Work] = []
    n_cells = 0
    left_out: dict[tuple[str, str], None] = {}
    for row in list(rows):
        reason = (row.cls and row.cls.lacks()) or _sees_labels(row)
        if reason is not None and _is_named(row, suite):
            raise InvalidInputError(reason)
        if reason is not None:
            rows.remove(row)
            left_out[row.method, f"this run: {reason}"] = None
    for dataset, name in product(datasets, dict.fromkeys(suite.protocols or _usual_protocols(rows))):
        protocol = find_protocol(name)
        protocol = replace(protocol, recipe=replace(protocol.recipe, **recipe_fields))
        if recipe_fields.get("erase") and not dataset.occlude:
            raise InvalidInputError(
                f"recipe.erase: an image of '{dataset.label}' of which a part is hidden can be another; "
                "leave the setting or the data set out"
            )
        lacking = _why_no_texts(dataset, protocol)
        if lacking is not None and suite.protocols:
            raise InvalidInputError(f"{lacking}; leave one of them out")
        accepted = []
        for row in rows:
            reason = _why_left_out(row, protocol.task, suite)
            if reason is None and lacking is not None:
                left_out[row.method, lacking] = None
            elif reason is None:
                accepted.append(row)
            elif suite.protocols or (row.cls is not None and protocol.task.name() in row.cls.made_for):
                left_out[row.method, f"{name}: {reason}"] = None
            elif row.cls is not None and not any(task in plugins("task") for task in row.cls.made_for):
                left_out[row.method, f"this run: it is made for {' and '.join(row.cls.made_for)}"] = None
        lengths = [_axes(row.cls, suite, features, protocol.task) for row in accepted]
        n_cells += suite.repetitions * sum(sum(1 for _ in axes) for axes in lengths)
        if n_cells > MOST_CELLS:
            raise InvalidInputError(
                f"the grid has {n_cells:,} cells or more, at most {MOST_CELLS:,} can be run; ask for "
                "fewer repetitions, or split the run"
            )
        for repetition, row in product(range(suite.repetitions), accepted):
            setting = Setting(dataset.spec, protocol, dataset.invariances, repetition, dataset.small)
            refused = []
            for (label, feature), bits in _axes(row.cls, suite, features, protocol.task):
                fault = row.cls.accepts_bits(bits) if row.cls is not None and bits is not None else None
                if fault is None:
                    works.append(_work(setting, dataset, row, label, feature, bits))
                else:
                    refused.append(fault)
            left_out |= {(row.method, f"{name}: {fault}"): None for fault in refused}
    if not works:
        method, reason = next(iter(left_out))
        others = len({name for name, _ in left_out}) - 1
        raise InvalidInputError(
            f"there is no cell to run: '{method}' is left out of {reason}"
            f"{f' (so are {others} others)' if others else ''}; name other methods, protocols or code lengths"
        )
    return Grid(works, list(left_out))


def _usual_protocols(rows: Sequence[MethodRow]) -> list[str]:
    """The usual protocol of each task that a row is made for, that of retrieval first.

    A control for several tasks brings in none of them: it stands beside the others, or alone in its first.
    """
    wanted: set[str] = set()
    made_for = [(("retrieval",) if row.cls is None else row.cls.made_for) for row in rows]
    for row, names in zip(rows, made_for, strict=True):
        if row.cls is None or not row.cls.control or len(names) == 1:
            wanted |= set(names)
    if not wanted:
        wanted = {names[0] for names in made_for}
    tasks: list[type[Task]] = [find("task", name) for name in plugins("task") if name in wanted]
    usual = [task.usual_protocol for task in tasks if task.usual_protocol is not None]
    if not usual:
        raise InvalidInputError(
            f"no task here has a usual protocol for methods made for {', '.join(sorted(wanted))}; name one "
            "with --protocols"
        )
    return sorted(usual, key=lambda name: find_protocol(name).task.name() != "retrieval")


def _why_left_out(row: MethodRow, task: Task, suite: Suite) -> str | None:
    """Why a row does not run under a task; None where it does. Raises InvalidInputError if both are named.

    A method of a group, and any where no protocol is named, runs under the tasks that it is made for; one
    that is named runs under every named protocol whose task accepts it.
    """
    if row.cls is None:
        return None if task.name() == "retrieval" or suite.protocols else "it cannot be loaded"
    both_named = _is_named(row, suite) and bool(suite.protocols)
    if task.name() not in row.cls.made_for and not both_named:
        return f"not made for {task.name()}"
    reason = task.accepts(row.cls)
    if reason is not None and both_named:
        raise InvalidInputError(f"{reason}; leave one of them out")
    return reason


def _why_no_texts(dataset: Dataset, protocol: Protocol) -> str | None:
    """Why a data set lacks the texts that a protocol needs; None where it needs none or has them."""
    view = protocol.task.text_view
    if view is None or view in dataset.text_views:
        return None
    return f"protocol '{protocol.name}' needs texts '{view}', which data set '{dataset.label}' does not have"


def _is_named(row: MethodRow, suite: Suite) -> bool:
    """Whether a suite names the method itself, not only a group that it is in."""
    return row.method in suite.methods or bool(row.label)


def _sees_labels(row: MethodRow) -> str | None:
    """Why an unsupervised deep method cannot start from its network, which labels have trained."""
    start = row.start
    if row.cls is None or start is None or row.cls.supervision != "unsupervised":
        return None
    if start.learned_from != "labels":
        return None
    return (
        f"{row.method} is unsupervised, but starts from '{start.name()}', which is trained with labels; set "
        f"{row.method}.pretraining=none, or {row.method}.start_from to a feature that learns without labels"
    )


def _work(
    setting: Setting,
    dataset: Dataset,
    row: MethodRow,
    label: str | None,
    feature: Feature | None,
    bits: int | None,
) -> Work:
    """The cell of a row at one feature and code length."""
    deep = row.cls is not None and row.cls.deep
    network = deep or isinstance(feature, TrainedFeature)
    cell = Cell(
        method=row.method,
        dataset=dataset.label,
        protocol=setting.protocol.name,
        features=label,
        backbone=setting.protocol.recipe.backbone if network else None,
        bits=bits,
        repetition=setting.repetition,
        params=row.params,
    )
    return Work(
        cell,
        setting,
        feature,
        start=row.start,
        label=row.label,
        method_source=method_digest(row.cls) if row.cls else None,
        rooms=tuple(sorted(_rooms(row, setting.protocol.task, feature, network).items())) if row.cls else (),
    )


def _rooms(row: MethodRow, task: Task, feature: Feature | None, network: bool) -> dict[str, int]:
    """The numbers of the rooms that a row's results depend on, with evaluation and task."""
    assert row.cls is not None
    names = ["contracts", "images", "evaluation", "execution"]
    names += ["numerics"] * imports_room(row.cls, "numerics") + ["training"] * network
    numbers = {name: ROOMS[name] for name in names}
    for used in (feature, row.start):
        if used is not None:
            numbers[f"feature {used.name()}"] = used.version
    return numbers | {f"task {task.name()}": task.version}


def labels_of(works: Iterable[Work]) -> dict[str, str]:
    """The labels of the rows that have one, in the suite's order: {Cell.row: label}."""
    return {work.cell.row: work.label for work in works if work.label}


def _datasets(suite: Suite) -> list[Dataset]:
    """The data sets that a suite names. Raises InvalidInputError where two have the same label."""
    found: dict[str, Dataset] = {}
    for dataset in dict.fromkeys(dataset_from(spec) for spec in suite.datasets):
        other = found.setdefault(dataset.label, dataset)
        if other != dataset:
            raise InvalidInputError(
                f"'{other.spec}' and '{dataset.spec}' are both shown as '{dataset.label}'; run them into two "
                "folders (--out), or rename one"
            )
    return list(found.values())


def _features(suite: Suite) -> dict[str, Feature]:
    """The features that a suite names, by their labels in tables: ``pixels``, ``ssl=4``; ``clip`` of a file.

    A file's path, as in ``clip=FILE.npy``, is no part of its label.
    """
    found: dict[str, Feature] = {}
    for text in dict.fromkeys(suite.features):
        label, equals, argument = text.partition("=")
        if not re.fullmatch(r"[A-Za-z0-9_.]+", label):
            raise InvalidInputError(f"features: label {label!r} must be letters, digits, '_' and '.'")
        if equals and (label == "file" or label not in plugins("feature")):
            feature = find("feature", "file").from_argument(argument)
        elif not equals and label.endswith((".npy", ".npz")):
            raise InvalidInputError(f"features: a file needs a label of yours: LABEL={label}")
        else:
            feature = find("feature", label).from_argument(argument if equals else None)
            label += "" if feature.argument is None else f"={feature.argument}"
        if label in found:
            raise InvalidInputError(f"features: two are called '{label}'; a label names one")
        found[label] = feature
    return found


def _axes(
    cls: type[HashMethod] | None, suite: Suite, features: Mapping[str, Feature], task: Task
) -> Iterator[tuple[tuple[str | None, Feature | None], int | None]]:
    """The ((label, feature), bits) that a method is run at."""
    read: list[tuple[str | None, Feature | None]] = [(None, None)]
    if cls is not None and cls.inputs == "features":
        read = list(features.items())
    bits: tuple[int | None, ...] = tuple(sorted(set(suite.bits or task.default_bits)))
    if cls is not None and cls.output == "vectors":
        bits = (None,)
    return product(read, bits)
