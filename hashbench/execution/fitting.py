"""The inputs of a cell, and its method as a task uses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray

from hashbench.contracts.cross_view import CrossViewMethod
from hashbench.contracts.feature import LearnedFrom
from hashbench.contracts.method import HashMethod
from hashbench.contracts.task import Index
from hashbench.errors import InvalidInputError
from hashbench.execution.context import Backbone, Context, checked_rows, context_of
from hashbench.execution.place import Place
from hashbench.execution.timer import Timer
from hashbench.execution.work import Work
from hashbench.identity.digest import digest_of, seed_of
from hashbench.identity.source import method_digest
from hashbench.plugins.registry import find, title_of
from hashbench.records import Card, Digests, recordable
from hashbench.training.checkpoints import seconds_before
from hashbench.training.encoding import network_features
from hashbench.training.network import gains_from_bf16

AT_A_TIME = 8192  # images whose inputs are in memory at once during encoding
UNLABELLED = -1


@dataclass(frozen=True)
class Ground:
    """The inputs of a cell: images and split, the method's class and, once supplied, what cells share.

    rows: of all images of the data set, where the feature is cached. seconds: the time of shared work, by
    name.
    """

    work: Work
    context: Context
    cls: type[HashMethod]
    card: Card
    device: torch.device
    backbone: Backbone | None = None
    rows: NDArray[np.float32] | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def open(cls, work: Work, place: Place, device: torch.device) -> Self:
        """Find the method, load the images and split them."""
        method: type[HashMethod] = find("method", work.cell.method)
        context = context_of(work.setting, place.data)
        reason = work.setting.protocol.task.accepts(method, context.images)
        if reason is not None:
            raise InvalidInputError(reason)
        return cls(work, context, method, describe_method(method, work, context), device)

    def supplied(self) -> Self:
        """The same with the network and rows that it reads."""
        work = self.work
        seconds: dict[str, float] = {}
        backbone, rows = None, None
        if work.trained is not None:
            backbone = self.context.backbone(work.setting, work.trained, self.device)
            seconds["pretrain"] = backbone.seconds
        if work.feature is not None and work.feature.cached:
            rows, seconds["features"] = self.context.rows(work.feature, backbone, self.device)
        return replace(self, backbone=backbone, rows=rows, seconds=seconds)

    def facts(self) -> dict[str, Any]:
        """What a record says of it."""
        work, protocol = self.work, self.work.setting.protocol
        return {
            "card": self.card,
            "protocol": {**protocol.facts(), "split": self.context.split.description},
            "split": dict(self.context.split.counts),
            "digests": Digests(
                task=protocol.task_digest,
                recipe=work.recipe_digest,
                dataset=self.context.images.digest,
                split=self.context.split.digest,
                backbone=None if self.backbone is None else self.backbone.digest,
                features=work.feature_digest,
                method_source=method_digest(self.cls),
                task_source=work.task_source,
            ),
        }

    def inputs(self, index: Index) -> NDArray:
        """The method's inputs for the data set's images at ``index``: uint8 images or float32 rows."""
        if self.work.feature is None:
            return self.context.images.pixels[index]
        if self.rows is not None:
            return self.rows[index]
        rows = self.work.feature.rows(self.context.images, index, self.device)
        return checked_rows(self.work.feature, rows, len(index))

    def inputs_of(self, pixels: NDArray[np.uint8]) -> NDArray:
        """The method's inputs for any images (n, c, h, w) uint8."""
        if self.work.feature is None:
            return pixels
        if self.backbone is not None:
            return network_features(self.backbone.network, pixels).cpu().numpy()
        return self.work.feature.rows_of(pixels, self.device)


@dataclass(frozen=True)
class CellEncoder:
    """The cell's method as a task uses it (``hashbench.contracts.task.Encoder``), once it is fitted."""

    ground: Ground
    method: HashMethod
    seed: int
    timer: Timer

    @classmethod
    def build(cls, ground: Ground, place: Place, timer: Timer) -> Self:
        """The method as the cell wants it, not fitted yet."""
        method, seed = build_method(ground.cls, ground.work, place.device)
        timer.seconds |= ground.seconds
        return cls(ground, method, seed, timer)

    def fit(self, place: Place) -> None:
        """Fit the method on what it may see."""
        ground = self.ground
        options: dict[str, Any] = {}
        if ground.cls.deep:
            checkpoint = _checkpoint(ground, place)
            options = {"start": ground.backbone and ground.backbone.network, "checkpoint": checkpoint}
            self.timer.seconds["fit"] = seconds_before(checkpoint)
        index, labels = training_data(ground)
        if ground.cls.reads_text:
            texts = ground.context.images.texts
            assert texts is not None  # the task accepts the method
            options["texts"] = texts.rows[index]
        inputs = ground.inputs(index)
        with self.timer("fit"):
            self.method.fit(inputs, labels, **options)

    @property
    def output(self) -> Literal["codes", "vectors"]:
        """Whether its values are codes or vectors."""
        return self.method.output

    @property
    def history(self) -> Mapping[str, list[float]]:
        """The curves of its training, and the quality of the label-free network that it stands on."""
        backbone, feature = self.ground.backbone, self.ground.work.trained
        quality = {} if backbone is None else backbone.quality
        curves = {f"{feature and feature.name()}_{name}": [value] for name, value in quality.items()}
        curves |= getattr(self.method, "history_", {})
        for name, values in curves.items():
            if not np.isfinite(np.asarray(values, np.float64)).all():
                raise FloatingPointError(
                    f"the curve '{name}' of {self.method.name()}'s training holds NaN or infinity"
                )
        return curves

    def at(self, index: Index) -> NDArray[np.float32]:
        """The values of the data set's images at ``index``."""
        with self.timer("encode"):
            return np.concatenate(
                [self._project(self.ground.inputs(part)) for part in _parts(len(index), index)]
            )

    def of(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The values of any images (n, c, h, w) uint8."""
        with self.timer("encode"):
            return np.concatenate(
                [self._project(self.ground.inputs_of(part)) for part in _parts(len(pixels), pixels)]
            )

    def of_texts(self, rows: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The values of any texts (n, V) uint8."""
        assert isinstance(self.method, CrossViewMethod)  # the task accepts no others
        with self.timer("encode"):
            return self._checked(self.method.project_text(rows), len(rows))

    def _project(self, inputs: NDArray) -> NDArray[np.float32]:
        return self._checked(self.method.project(inputs), len(inputs))

    def _checked(self, values: NDArray[np.float32], n: int) -> NDArray[np.float32]:
        """Values of n items, as many as asked for and of the length asked for."""
        name, bits = self.method.name(), self.ground.work.cell.bits
        if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiub":
            raise ValueError(f"{name} gives {type(values).__name__}; project() must give an array of numbers")
        if values.ndim != 2 or len(values) != n or (bits is not None and values.shape[1] != bits):
            asked = "" if bits is None else f" and {bits} bits"
            raise ValueError(
                f"{name} gives values {values.shape} where {n} items{asked} were asked for; project() must "
                "give (n, n_bits)"
            )
        return values

    def facts(self) -> dict[str, Any]:
        """What a record says of it."""
        params = self.method.get_params(deep=False)
        seeds = {"method": self.seed}
        if self.ground.backbone is not None:
            seeds["backbone"] = self.ground.backbone.seed
        own = {k: recordable(v) for k, v in params.items() if k not in ("recipe", "invariances")}
        return {"params": own, "seeds": seeds}


def _checkpoint(ground: Ground, place: Place) -> Path:
    """The file of a training that was stopped.

    Its name holds the digests and what else decides the last digits of the weights, so that no training is
    resumed with other code, on another device or by another torch.
    """
    work = ground.work
    state = {
        "digests": ground.facts()["digests"].model_dump(),
        "rooms": work.rooms,
        "invariances": asdict(work.setting.invariances),
        "torch": torch.__version__,
        "device": ground.device.type,
        "threads": place.threads_of(work.setting),
        "bf16": gains_from_bf16(ground.device),
    }
    return place.record(work).with_suffix(f".{digest_of(state)[:8]}.checkpoint")


def training_data(ground: Ground) -> tuple[Index, NDArray | None]:
    """The images that the method may see, and their labels that it may see.

    Unsupervised methods get no labels; semi-supervised ones also get the pool, labelled -1.
    """
    split, images = ground.context.split, ground.context.images
    if ground.cls.supervision == "unsupervised":
        return split.train, None
    labels = images.labels[split.train]
    if ground.cls.supervision == "supervised":
        return split.train, labels
    hidden = np.full((len(split.pool), *labels.shape[1:]), UNLABELLED, np.int64)
    return np.concatenate([split.train, split.pool]), np.concatenate([labels.astype(np.int64), hidden])


def build_method(cls: type[HashMethod], work: Work, device: str) -> tuple[HashMethod, int]:
    """The method as a cell wants it, and its seed, which depends on the cell's names alone."""
    cell = work.cell
    seed = seed_of(
        cell.dataset.partition(":")[0], cell.protocol, cell.method, cell.bits or 0, cell.repetition
    )
    params: dict[str, Any] = dict(cell.params)
    if cls.deep:
        params |= {"recipe": work.setting.protocol.recipe, "invariances": work.setting.invariances}
    if cell.bits is not None:
        params["n_bits"] = cell.bits
    return cls(random_state=seed, device=device, **params), seed


def describe_method(cls: type[HashMethod], work: Work, context: Context) -> Card:
    """The card of a method: what it declares, and which data it and its features see under this split."""
    split = context.split
    semi = cls.supervision == "semi-supervised"
    learned_from: LearnedFrom | None = work.feature.source() if work.feature else None
    # A file or a plugin that learned from labels did not learn from those of this split.
    from_labels = work.trained is not None and work.trained.learned_from == "labels"
    return Card(
        title=title_of(cls),
        family=cls.family(),
        supervision=cls.supervision,
        inputs=cls.inputs,
        output=cls.output,
        n_labelled=len(split.train) if from_labels else _labels_used(cls, work, len(split.train)),
        n_pool=len(split.pool) if semi else 0,
        n_texts=len(split.train) if cls.reads_text else 0,
        made_for=cls.made_for,
        learned_from=learned_from,
    )


def _labels_used(cls: type[HashMethod], work: Work, n_given: int) -> int:
    """How many of the labels that it is given a method uses; a parameter ``n_labelled`` limits them."""
    if cls.supervision == "unsupervised":
        return 0
    return min(n_given, work.cell.params.get("n_labelled") or n_given)


def _parts(n: int, items: NDArray) -> list[NDArray]:
    return np.array_split(items, max(1, -(-n // AT_A_TIME)))
