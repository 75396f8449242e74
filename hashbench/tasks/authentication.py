"""Authentication: tell copies of an image, changed without harm, from other images and from forgeries.

An image is accepted as a copy where the Hamming distance of its code, over the number of bits (NHD), is at
most a threshold. The lists of copies and of forgeries stand in ``hashbench.authentication``; "usual" copies
are all but shifted, cropped and padded ones, which tables show apart. Different images are all pairs, pairs
of one class, or each image's nearest other one. Thresholds come from calibration images, which are no
evaluation images. Intervals draw images, not pairs: an image stands in all its pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hashbench.authentication.distances import (
    Distances,
    between,
    facts_of_codes,
    from_own,
    same_class,
)
from hashbench.authentication.manipulations import MANIPULATIONS, version_of
from hashbench.authentication.metric_table import HEALTH, STATISTICS, describe
from hashbench.authentication.scores import Scores
from hashbench.authentication.tampering import COLUMNS
from hashbench.authentication.versions import versions_of
from hashbench.contracts.codes import Codes
from hashbench.contracts.dataset import Images
from hashbench.contracts.method import HashMethod
from hashbench.contracts.protocol import Protocol
from hashbench.contracts.recipe import short_recipe
from hashbench.contracts.task import Encoder, MetricInfo, Outcome, Split, Stored, Task
from hashbench.errors import InvalidInputError
from hashbench.images.draw import Draw

LEAST_SIDE = 8  # pixels
PDQ_BITS, PDQ_RADIUS = 256, 31  # the threshold that PDQ's authors publish
LIST = version_of((*(one.name for one in MANIPULATIONS), *COLUMNS))
PARTS = ("evaluation", "calibration")


@dataclass(frozen=True, kw_only=True)
class Authentication(Task):
    """Authentication of images.

    changes: the version of the lists of copies and forgeries; codes of another list are not scored.
    evaluation, calibration: how many images, over all classes. train: how many others may be learned on, with
    their labels.
    """

    changes: str
    evaluation: int = 1000
    calibration: int = 1000
    train: int = 5000

    unit: ClassVar = ("image", "images")
    default_metrics: ClassVar = (
        "auc",
        "eer",
        "tpr@fpr0.01",
        "tpr@fpr0.001",
        "auc[class]",
        "auc[nearest]",
        "auc[moved]",
        "auc[combined]",
        "auc[tampered]",
        "auc[tampered+jpeg]",
        "eer[class]",
        "eer[moved]",
        "eer[tampered]",
        "d_prime",
        "accepted",
        "accepted[left-out]",
        "accepted[moved]",
        "accepted[pairs]",
        "accepted[class]",
        "accepted[tampered]",
        "accepted@fpr0.001",
        "accepted@fpr0.001[pairs]",
        "accepted@fpr0.001[tampered]",
        f"accepted@r{PDQ_RADIUS}",
        f"accepted@r{PDQ_RADIUS}[pairs]",
        "nhd",
        "nhd[pairs]",
        "nhd[tampered]",
        "threshold",
        "threshold@fpr0.001",
    )
    default_bits: ClassVar = (64, 256)
    usual_protocol: ClassVar = "authentication"

    def accepts(self, method: type[HashMethod], images: Images | None = None) -> str | None:
        """Why a method cannot do this task (on these images, where given); None where it can."""
        reason = super().accepts(method, images)
        if reason is None and method.output == "vectors":
            reason = f"{method.name()} gives vectors; {self.name()} compares codes"
        if reason is None and images is not None:
            channels, *sides = images.pixels.shape[1:]
            if channels not in (1, 3) or min(sides) < LEAST_SIDE:
                reason = (
                    f"{self.name()} needs images of 1 or 3 channels and at least {LEAST_SIDE} x {LEAST_SIDE} "
                    f"pixels, not {images.pixels.shape[1:]}"
                )
        return reason

    def split(self, images: Images, dataset: str) -> Split:
        """Evaluation images from the test part, calibration and training images from the training part.

        A half of each class is the test part where the data set has no official one. Counts are spread evenly
        over the classes, rounded down; where they are more than half of the smallest class of their part,
        they shrink (digits: 44 images of each class evaluate, 43 calibrate). What is left of the
        training part is learned on, up to ``train``; the pool is the rest of it.
        Raises InvalidInputError where a class has too few images.
        """
        draw = Draw(images, dataset)
        everything = np.ones(len(images), bool)
        test = draw.test_part(1 / 2) if images.test is None else np.asarray(images.test)
        n_evaluation = draw.share("evaluation images", self.evaluation, everything, 1)
        n_calibration = draw.share("calibration images", self.calibration, everything, 1)
        n_train = draw.share("training images", self.train, everything, 2)
        evaluation = draw.first(draw.scaled(test, n_evaluation)[0], test)
        calibration = draw.first(draw.scaled(~test, n_calibration)[0], ~test)
        rest = ~test & ~calibration
        train = draw.first(n_train, rest)
        for part, where, least in (
            ("evaluation images", evaluation, 1),
            ("calibration images", calibration, 1),
            ("training images", train, 2),
        ):
            draw.check(part, where, everything, least)
        parts = {"evaluation": np.flatnonzero(evaluation), "calibration": np.flatnonzero(calibration)}
        learned = np.flatnonzero(train)
        return Split(
            train=learned,
            parts=parts,
            pool=np.flatnonzero(rest & ~train),
            counts={
                **{name: len(index) for name, index in parts.items()},
                "train": len(learned),
                "copies": len(MANIPULATIONS),
                "tampered": len(COLUMNS),
            },
            description=(
                f"{len(parts['evaluation']):,} images of {' x '.join(map(str, images.pixels.shape[2:]))} "
                f"pixels, {len(MANIPULATIONS)} copies and {len(COLUMNS)} forgeries of each, thresholds from "
                f"{len(parts['calibration']):,} others, {len(learned):,} labelled training images"
            ),
        )

    def evaluate(self, encode: Encoder, images: Images, split: Split, device: str) -> Outcome:
        """Encode originals, copies and forgeries, and score their distances."""
        self._check_list()
        index = np.concatenate([split.parts[name] for name in PARTS])
        pixels, n = images.pixels[index], len(split.parts["evaluation"])
        versions = versions_of(pixels, index, n)
        originals = Codes.from_real(encode.of(pixels))
        copies = _encoded(encode, versions.copies)
        touched: dict[str, list[float]] = {}
        forgeries = _encoded(encode, _measured(pixels[:n], versions.forgeries, touched))
        labels = images.labels[index]
        stored = {
            "evaluation": Stored(originals[:n], labels[:n]),
            "calibration": Stored(originals[n:], labels[n:]),
            "copies": _flat(copies[:n], originals.n_bits, labels[:n]),
            "calibration_copies": _flat(copies[n:], originals.n_bits, labels[n:]),
            "tampered": _flat(forgeries, originals.n_bits, labels[:n]),
        }
        outcome = self._scored(stored, ())
        return replace(outcome, curves={**outcome.curves, **touched})

    def rescore(self, stored: Mapping[str, Stored], metrics: Sequence[str], device: str) -> Outcome:
        """Score stored codes of originals, copies and forgeries anew."""
        self._check_list()
        return self._scored(stored, metrics)

    def _check_list(self) -> None:
        if self.changes != LIST:
            raise InvalidInputError(
                f"{self.name()}: the list of copies and forgeries is {LIST} here, the record has "
                f"{self.changes}; run its cells again"
            )

    def _scored(self, stored: Mapping[str, Stored], metrics: Sequence[str]) -> Outcome:
        evaluation = _distances(stored, "evaluation", "copies")
        scores = Scores(evaluation, _distances(stored, "calibration", "calibration_copies"))
        values: dict[str, float] = {}
        per_unit: dict[str, NDArray[np.float64]] = {}
        for metric in dict.fromkeys((*self.default_metrics, *metrics)):
            if metric in HEALTH:
                continue
            asked = metric in metrics
            if "@r31" in metric and not asked and scores.n_bits != PDQ_BITS:
                continue
            if "[class]" in metric and not asked and not scores.sample("class").counts.any():
                continue
            by_image = scores.by_image(metric)
            if by_image is not None:
                per_unit[metric] = by_image
                values[metric] = float(by_image.mean())
            else:
                values[metric] = scores.of_set(metric)
        health = facts_of_codes(stored["evaluation"].codes, evaluation.moments)
        return Outcome(values, per_unit, dict(scores.curves), health, stored)

    @classmethod
    def describe(cls, metric: str) -> MetricInfo:
        """What a metric's name stands for. Raises UnknownNameError."""
        return describe(metric)

    @classmethod
    def metrics(cls) -> Mapping[str, MetricInfo]:
        """Every metric by its name or pattern."""
        return {**STATISTICS, **HEALTH}


def _encoded(encode: Encoder, versions: Iterable[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Packed codes (n, M, bytes) of M versions of n images."""
    return np.stack([Codes.from_real(encode.of(version)).packed for version in versions], axis=1)


def _flat(packed: NDArray[np.uint8], n_bits: int, labels: NDArray) -> Stored:
    """Codes (n, M, bytes), image by image, each with its image's label."""
    codes = Codes(np.ascontiguousarray(packed).reshape(-1, packed.shape[2]), n_bits)
    return Stored(codes, np.repeat(labels, packed.shape[1], axis=0))


def _measured(
    own: NDArray[np.uint8], forged: Iterable[NDArray[np.uint8]], touched: dict[str, list[float]]
) -> Iterator[NDArray[np.uint8]]:
    """The forgeries; of each kind, ``touched`` gets the mean part of the pixels that differ from the
    original, and the part of the images of which none does."""
    for name, version in zip(COLUMNS, forged, strict=True):
        changed = (version != own).any(1)
        touched[f"touched {name}"] = [float(changed.mean()), float((~changed.any((1, 2))).mean())]
        yield version


def _distances(stored: Mapping[str, Stored], originals: str, copies: str) -> Distances:
    codes, labels = stored[originals]
    own = from_own(codes, stored[copies].codes)
    forgeries = from_own(codes, stored["tampered"].codes) if originals == "evaluation" else own[:, :0]
    return Distances(codes.n_bits, own, between(codes, codes), same_class(labels), forgeries)


PROTOCOLS = (
    Protocol(
        name="authentication",
        description="1,000 images of the test part, their changed copies and forgeries; thresholds from "
        "1,000 images of the training part; 5,000 others may be learned on (counts shrink where the smallest "
        "class is too small)",
        task=Authentication(changes=LIST),
        recipe=short_recipe(5000),
    ),
)
