"""Retrieval: rank a database of images for each query image by the Hamming distance of their codes.

An item is relevant if it shares a class with the query. Metrics are exact: ties count in expectation over
their orders (McSherry & Najork, ECIR 2008).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from hashbench.contracts.codes import Codes
from hashbench.contracts.dataset import Images
from hashbench.contracts.protocol import Protocol
from hashbench.contracts.recipe import OF_FEW_LABELS, Recipe, short_recipe
from hashbench.contracts.task import Encoder, MetricInfo, Outcome, Split, Stored, Task
from hashbench.evaluation import DEFAULT_METRICS, code_health, evaluate, evaluate_vectors
from hashbench.evaluation.evaluate import Evaluation
from hashbench.evaluation.metric_names import choose_metrics
from hashbench.evaluation.metric_table import describe, metric_infos
from hashbench.images.split import draw_split


@dataclass(frozen=True, kw_only=True)
class Retrieval(Task):
    """Single-view retrieval.

    queries: how many, over all classes; None: the whole test part, and the rest is the training part.
    train: how many labelled images are learned on, over all classes; None: all that may be learned on.
    train_in_database: whether those images are also searched, or are taken out of the database; "alone": they
    are the whole database.
    seen_classes: the share of classes learned on; the others are searched. None: all classes are both.
    test_fraction: what becomes the test part where the data set has no official one.
    inductive: whether a semi-supervised method sees, without labels, only images that are not searched: half
    of those that would be in the database and are not learned on with labels, taken out of it.
    """

    queries: int | None = None
    train: int | None = None
    train_in_database: bool | Literal["alone"] = True
    seen_classes: float | None = None
    test_fraction: float = 1 / 6
    inductive: bool = False

    unit: ClassVar = ("query", "queries")
    default_metrics: ClassVar = DEFAULT_METRICS
    usual_protocol: ClassVar = "5k"

    def split(self, images: Images, dataset: str) -> Split:
        """Queries, training images and database: a pure function of the name, the labels and the fields.

        Counts are spread evenly over the classes, rounded down. If the smallest class could not give its
        share and keep half of its images, all counts shrink by one factor (digits under ``5k``: 14 queries
        and 72 training images of each class). Multi-label images are drawn without regard to class.
        The pool of a semi-supervised method is the database without the training images; where the task is
        ``inductive``, half of these images of each class (rounded down), which then are not searched.
        Raises InvalidInputError where a class would have less than one query or two training images.
        """
        return draw_split(
            images,
            dataset,
            queries=self.queries,
            train=self.train,
            train_in_database=self.train_in_database,
            seen_classes=self.seen_classes,
            test_fraction=self.test_fraction,
            inductive=self.inductive,
        )

    def evaluate(self, encode: Encoder, images: Images, split: Split, device: str) -> Outcome:
        """Encode queries and database, and score the rankings; real vectors are ranked by cosine."""
        parts = split.parts
        values = {name: encode.at(index) for name, index in parts.items()}
        labels = {name: images.labels[index] for name, index in parts.items()}
        if encode.output == "vectors":
            result = evaluate_vectors(
                values["query"], values["database"], labels["query"], labels["database"]
            )
            return _outcome(result)
        stored = {name: Stored(Codes.from_real(values[name]), labels[name]) for name in parts}
        health = code_health(stored["database"].codes, values["database"]).values
        return _score(stored, DEFAULT_METRICS, device, health)

    def rescore(self, stored: Mapping[str, Stored], metrics: Sequence[str], device: str) -> Outcome:
        """Score stored codes of queries and database anew."""
        n_items = len(stored["database"].codes)
        names = [metric.name for metric in choose_metrics(DEFAULT_METRICS, n_items)]
        names = list(dict.fromkeys([*names, *metrics]))
        return _score(stored, names, device, code_health(stored["database"].codes).values)

    @classmethod
    def describe(cls, metric: str) -> MetricInfo:
        """What a metric's name stands for. Raises UnknownNameError."""
        return describe(metric)

    @classmethod
    def metrics(cls) -> Mapping[str, MetricInfo]:
        """Every metric by its name or pattern."""
        return metric_infos()


def _score(
    stored: Mapping[str, Stored], metrics: Sequence[str], device: str, health: Mapping[str, float]
) -> Outcome:
    query, database = stored["query"], stored["database"]
    result = evaluate(query.codes, database.codes, query.labels, database.labels, metrics, device)
    return _outcome(result, health, stored)


def _outcome(
    result: Evaluation, health: Mapping[str, float] | None = None, stored: Mapping[str, Stored] | None = None
) -> Outcome:
    return Outcome(result.values, result.per_query, result.curves, health or {}, stored or {})


OF_MANY_LABELS = Recipe(  # tens of thousands: few epochs
    pretrain_epochs=16, epochs=6, backbone_lr=1e-3, warp=0.0, jitter=0.0
)


def of_labels(n_labels: int, inductive: bool) -> Protocol:
    """The split of ``5k`` with the first ``n_labels`` of its labels, for semi-supervised methods.

    The more labels, the fewer epochs: every network sees equally many images.
    """
    others = (
        "half of the other images may be seen without labels, and are not searched; the other half is"
        if inductive
        else "the other images may be seen without labels, and are searched"
    )
    return Protocol(
        name=f"labels-{n_labels}{'-inductive' if inductive else ''}",
        description=f"queries of 5k; the first {n_labels:,} of its training images are labelled; {others}",
        task=Retrieval(queries=1000, train=n_labels, inductive=inductive),
        recipe=short_recipe(n_labels),
    )


PROTOCOLS = (
    Protocol(
        name="full",
        description="queries: the test part; labelled training images = database: the training part",
        task=Retrieval(),
        recipe=OF_MANY_LABELS,
    ),
    Protocol(  # Xia et al. 2014 (CNNH), Lai et al. 2015 (DNNH), Li et al. 2016 (DPSH)
        name="5k",
        description="1,000 queries; database: all others; 5,000 of them are labelled and learned on "
        "(both counts shrink alike where the smallest class is too small)",
        task=Retrieval(queries=1000, train=5000),
        recipe=OF_FEW_LABELS,
    ),
    Protocol(
        name="5k-disjoint",
        description="queries and training images of 5k; database: all others, training images removed",
        task=Retrieval(queries=1000, train=5000, train_in_database=False),
        recipe=OF_FEW_LABELS,
    ),
    Protocol(  # the GIST rows of re-implementations like TreezzZ/SDH_PyTorch, by their code
        name="5k-train",
        description="queries and training images of 5k; database: those training images alone, as some "
        "re-implementations score; numbers are higher than under 5k",
        task=Retrieval(queries=1000, train=5000, train_in_database="alone"),
        recipe=OF_FEW_LABELS,
    ),
    Protocol(  # Sablayrolles et al. 2017
        name="unseen",
        description="learned on seven classes of ten (training part); queries (test part) and database "
        "(training part) are of the other three",
        task=Retrieval(train_in_database=False, seen_classes=0.7),
        recipe=OF_MANY_LABELS,
    ),
    *(of_labels(n_labels, inductive) for n_labels in (100, 500, 1000, 5000) for inductive in (False, True)),
)
