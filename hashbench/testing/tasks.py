"""The checks that a task must pass; ``hashbench.testing`` runs them.

Each takes the class. A toy data set is split and scored under each of the task's protocols, except
those for which it has too few images. Codes are signs of fixed random projections of the pixels.
"""

from __future__ import annotations

import inspect
import math
import sys
from dataclasses import replace
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hashbench.contracts.dataset import Images, Texts
from hashbench.contracts.protocol import Protocol
from hashbench.contracts.task import Index, MetricInfo, Outcome, Split, Task
from hashbench.errors import InvalidInputError, UnknownNameError
from hashbench.testing.toy import require

N_IMAGES, N_CLASSES, SIDE, N_BITS = 480, 8, 16, 16


@cache
def toy_images(seed: int = 0) -> Images:
    """480 images (1, 16, 16) of eight classes, a bright band whose place is the class; no official split.

    seed: of the pixels; the labels are always the same.
    """
    labels = np.random.default_rng(99).permutation(np.arange(N_IMAGES) % N_CLASSES)
    pixels = np.random.default_rng(seed).integers(0, 60, (N_IMAGES, 1, SIDE, SIDE))
    pixels[np.arange(N_IMAGES)[:, None], 0, 2 * labels[:, None] + [0, 1]] += 150
    return Images(pixels.astype(np.uint8), labels, tuple("abcdefgh"))


def _images_for(task: Task, seed: int = 0) -> Images:
    """The toy images, with texts where the task asks for them.

    A text has one word of the class, or none in every fifth text, and one of four other words.
    """
    images = toy_images(seed)
    if task.text_view is None:
        return images
    rng = np.random.default_rng(seed + 1000)
    meaning = np.eye(N_CLASSES, dtype=np.uint8)[images.labels]
    meaning[::5] = 0
    others = np.eye(4, dtype=np.uint8)[rng.integers(0, 4, N_IMAGES)]
    words = (*images.class_names, "dark", "bright", "flat", "busy")
    is_class = np.arange(len(words)) < N_CLASSES
    return replace(images, texts=Texts(np.hstack([meaning, others]), words, meaning, is_class))


class ToyEncoder:
    """A fitted method as a task sees it."""

    output: Literal["codes", "vectors"] = "codes"

    def at(self, index: Index) -> NDArray[np.float32]:
        """Values of the toy images at ``index``."""
        return self.of(toy_images().pixels[index])

    def of_texts(self, rows: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Values of any texts."""
        return _projected(rows.astype(np.float64))

    def of(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Values of any images."""
        rows = pixels.reshape(len(pixels), -1) / 255 - toy_images().pixels.mean() / 255
        return _projected(rows)


def _projected(rows: NDArray) -> NDArray[np.float32]:
    directions = np.random.default_rng(7).normal(size=(rows.shape[1], N_BITS))
    return (rows @ directions).astype(np.float32)


def _protocols(task: type[Task]) -> tuple[Protocol, ...]:
    return getattr(sys.modules[task.__module__], "PROTOCOLS", ())


def _splits(task: type[Task], seed: int = 0) -> dict[str, Split]:
    """The toy data set's split under each protocol that takes it. Raises AssertionError if none does."""
    splits, refusals = {}, []
    for protocol in _protocols(task):
        try:
            splits[protocol.name] = protocol.task.split(_images_for(protocol.task, seed), "toy")
        except InvalidInputError as error:
            refusals.append(f"{protocol.name}: {error}")
    require(
        bool(splits),
        f"no protocol of {task.name()} splits {N_IMAGES} images of {N_CLASSES} classes: "
        f"{'; '.join(refusals)}",
    )
    return splits


@cache
def _outcomes(task: type[Task]) -> dict[str, Outcome]:
    tasks = {protocol.name: protocol.task for protocol in _protocols(task)}
    return {
        name: tasks[name].evaluate(ToyEncoder(), _images_for(tasks[name]), split, "cpu")
        for name, split in _splits(task).items()
    }


def declares_what_it_is(task: type[Task]) -> None:
    """The unit has a singular and a plural; there is a headline metric; the class is a frozen dataclass."""
    unit, metrics = getattr(task, "unit", None), getattr(task, "default_metrics", None)
    require(
        isinstance(unit, tuple) and len(unit) == 2 and all(isinstance(word, str) for word in unit),
        f"{task.__name__}.unit is {unit!r}; it must be what a value belongs to, as ('query', 'queries')",
    )
    require(
        isinstance(metrics, tuple) and bool(metrics) and all(isinstance(name, str) for name in metrics),
        f"{task.__name__}.default_metrics is {metrics!r}; it must be a tuple of names, the headline first",
    )
    require(
        "__dataclass_fields__" in vars(task) and task.__hash__ is not None,
        f"{task.__name__} is no frozen dataclass; write @dataclass(frozen=True) above it",
    )


def documents_its_source(task: type[Task]) -> None:
    """The file's docstring has a title line."""
    module = inspect.getmodule(task)
    text = (module.__doc__ if module else None) or ""
    require(
        text.partition("\n")[0].strip().endswith("."),
        f"the docstring of {task.name()}.py must begin with one line that says what is asked",
    )


def has_protocols(task: type[Task]) -> None:
    """The file defines PROTOCOLS, each with a name of its own and a description."""
    found = _protocols(task)
    names = [protocol.name for protocol in found]
    require(bool(names), f"{task.name()}.py must define PROTOCOLS, a tuple with at least one Protocol")
    require(len(set(names)) == len(names), f"two protocols of {task.name()}.py have one name: {names}")
    bare = [protocol.name for protocol in found if not protocol.description.strip()]
    require(not bare, f"protocol {', '.join(bare)} of {task.name()}.py has no description; write one line")


def splits_by_name_and_labels_alone(task: type[Task]) -> None:
    """A second split, on other pixels and after other random draws, is the same."""
    first = _splits(task)
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(1234)  # noqa: NPY002
    second = _splits(task, seed=1)
    np.random.set_state(state)  # noqa: NPY002
    for name, split in first.items():
        require(
            split.digest == second[name].digest and np.array_equal(split.pool, second[name].pool),
            f"protocol {name} of {task.name()} splits the same labels in two ways; draw from a generator "
            "whose seed follows from the data set's name and the task's fields",
        )


def keeps_its_parts_apart(task: type[Task]) -> None:
    """Indices are int64, sorted and in range; no unlabelled images in training; one part is unseen.

    At least one of the scored parts must share no image with the training images.
    """
    for name, split in _splits(task).items():
        for part, index in {"train": split.train, "pool": split.pool, **split.parts}.items():
            require(
                index.dtype == np.int64 and index.ndim == 1 and bool((np.diff(index) > 0).all()),
                f"part '{part}' of protocol {name} must be int64 indices, sorted, each once",
            )
            require(
                not len(index) or (index[0] >= 0 and index[-1] < N_IMAGES),
                f"part '{part}' of protocol {name} has indices beyond the {N_IMAGES} images",
            )
        require(len(split.train) > 0, f"protocol {name} leaves no image to learn on")
        seen = np.union1d(split.train, split.pool)
        require(
            not np.intersect1d(split.train, split.pool).size,
            f"protocol {name} has images in 'train' and in 'pool'; the pool is what is seen without labels",
        )
        new = [part for part, index in split.parts.items() if len(index) and not np.isin(index, seen).any()]
        require(bool(new), f"every part of protocol {name} has images that were learned on: no fair question")


def scores_every_default_metric(task: type[Task]) -> None:
    """``evaluate`` gives finite default metrics; those of units are means of the units' values.

    Default metrics may be absent, except the headline, such as those over more images than there are.
    """
    for name, outcome in _outcomes(task).items():
        for metric in (task.headline(), *sorted(set(task.default_metrics) & outcome.values.keys())):
            value = outcome.values.get(metric)
            require(
                value is not None and math.isfinite(value),
                f"evaluate() of {task.name()} gives {metric} = {value} under protocol {name}",
            )
        of_units = {metric for metric in outcome.values if task.describe(metric).of == "units"}
        require(
            of_units == set(outcome.per_unit),
            f"{task.name()} gives values per unit of {sorted(outcome.per_unit)}; its metrics of units are "
            f"{sorted(of_units)}",
        )
        lengths = {len(values) for values in outcome.per_unit.values()}
        require(len(lengths) < 2, f"{task.name()} gives values of {sorted(lengths)} units; all have the same")
        for metric, values in outcome.per_unit.items():
            require(
                math.isclose(float(np.mean(values)), outcome.values[metric], rel_tol=1e-9, abs_tol=1e-12),
                f"{metric} of {task.name()} is {outcome.values[metric]}, but the mean of its units is "
                f"{np.mean(values)}",
            )


def scores_stored_codes_alike(task: type[Task]) -> None:
    """``rescore`` of what ``evaluate`` stores gives the same values, bit for bit."""
    tasks = {protocol.name: protocol.task for protocol in _protocols(task)}
    for name, outcome in _outcomes(task).items():
        require(bool(outcome.stored), f"evaluate() of {task.name()} stores no codes to be scored again")
        again = tasks[name].rescore(outcome.stored, (), "cpu")
        for metric in task.default_metrics:
            first, second = outcome.values.get(metric), again.values.get(metric)
            require(
                first == second
                and np.array_equal(outcome.per_unit.get(metric, ()), again.per_unit.get(metric, ())),
                f"{metric} of {task.name()} is {first}, and {second} when the stored codes are scored again",
            )


def explains_its_metrics(task: type[Task]) -> None:
    """``describe`` knows each reported metric, and refuses unknown names."""
    given = {name for outcome in _outcomes(task).values() for name in (*outcome.values, *outcome.health)}
    for metric in sorted(given | set(task.default_metrics)):
        text = task.describe(metric)
        require(
            isinstance(text, MetricInfo) and bool(text.definition.strip()),
            f"describe('{metric}') of {task.name()} has no definition",
        )
    require(bool(task.metrics()), f"metrics() of {task.name()} is empty")
    try:
        task.describe("no_such_metric")
    except UnknownNameError:
        return
    raise AssertionError(f"describe('no_such_metric') of {task.name()} must raise UnknownNameError")
