"""Retrieval: rank a database of images for each query image by the Hamming distance of their codes.

An item is relevant if it shares a class with the query. Metrics are exact: ties count in expectation over
their orders (McSherry & Najork, ECIR 2008).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from hashbench.contracts.codes import Codes
from hashbench.contracts.dataset import Images
from hashbench.contracts.protocol import Protocol
from hashbench.contracts.recipe import Recipe
from hashbench.contracts.task import Encoder, Index, MetricInfo, Outcome, Split, Stored, Task
from hashbench.errors import InvalidInputError
from hashbench.evaluation import DEFAULT_METRICS, code_health, evaluate, evaluate_vectors
from hashbench.evaluation.evaluate import Evaluation
from hashbench.evaluation.metric_names import choose_metrics
from hashbench.evaluation.metric_table import describe, metric_infos
from hashbench.images.draw import Draw

LEAST_QUERIES, LEAST_TRAIN = 1, 2  # per class


@dataclass(frozen=True, kw_only=True)
class Retrieval(Task):
    """Single-view retrieval.

    queries: how many, over all classes; None: the whole test part, and the rest is the training part.
    train: how many labelled images are learned on, over all classes; None: all that may be learned on.
    train_in_database: whether those images are also searched, or are taken out of the database.
    seen_classes: the share of classes learned on; the others are searched. None: all classes are both.
    test_fraction: what becomes the test part where the data set has no official one.
    inductive: whether a semi-supervised method sees, without labels, only images that are not searched: half
    of those that would be in the database and are not learned on with labels, taken out of it.
    """

    queries: int | None = None
    train: int | None = None
    train_in_database: bool = True
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
        draw = Draw(images, dataset)
        everything = np.ones(len(images), bool)
        learned = searched = everything
        if self.seen_classes is not None:
            learned, searched = draw.seen_and_unseen(self.seen_classes)

        n_query = draw.share("queries", self.queries, searched, LEAST_QUERIES)
        n_train = draw.share("training images", self.train, learned, LEAST_TRAIN)
        if self.queries is None:
            test = draw.test_part(self.test_fraction) if images.test is None else np.asarray(images.test)
            query, rest = test & searched, ~test
            (n_train,) = draw.scaled(rest, n_train)
        else:
            n_query, n_train = draw.scaled(everything, n_query, n_train)
            query = draw.first(n_query, searched)
            rest = ~query
        train = rest & learned if self.train is None else draw.first(n_train, rest & learned)
        others = rest & searched & ~train
        pool = draw.first(draw.sizes(others) // 2, others) if self.inductive else others
        database = rest & searched if self.train_in_database else others
        if self.inductive:
            draw.check("images without labels", pool, searched, 1)
            database = database & ~pool

        for part, where, of, least in (
            ("queries", query, searched, LEAST_QUERIES),
            ("training images", train, learned, LEAST_TRAIN),
            ("database images", database, searched, 1),
        ):
            draw.check(part, where, of, least)
        return retrieval_split(*(np.flatnonzero(where) for where in (train, query, database, pool)))

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


def retrieval_split(train: Index, query: Index, database: Index, pool: Index | None = None) -> Split:
    """The split of sorted index arrays. pool: by default, the database without the training images.

    Raises InvalidInputError where a query is trained on, searched or in the pool, or where some training
    images are searched and others are not.
    """
    pool = np.setdiff1d(database, train) if pool is None else pool
    for name, other in (("database", database), ("train", train), ("pool", pool)):
        shared = np.intersect1d(query, other)
        if len(shared):
            raise InvalidInputError(
                f"{len(shared)} queries are also in {name}, the first is image {shared[0]}; a query must "
                "be unknown to the method and to the database"
            )
    searched = len(np.intersect1d(train, database))
    if searched not in {0, len(train)}:
        raise InvalidInputError(
            f"{searched} of {len(train)} training images are in the database; it must be all or none"
        )
    text = f"{len(query):,} queries, {len(train):,} labelled training images"
    if not searched:
        text += f", a database of {len(database):,} others"
    elif searched == len(database):
        text += " that are the database"
    else:
        text += f" inside the database of {len(database):,}"
    if not np.isin(pool, database).all():
        text += f"; {len(pool):,} images seen without labels are not searched"
    return Split(
        train=train,
        parts={"query": query, "database": database},
        pool=pool,
        counts={
            "queries": len(query),
            "train": len(train),
            "database": len(database),
            "train_in_database": searched,
        },
        description=text,
    )


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
OF_FEW_LABELS = Recipe(erase=0.3)

STAGE_1_IMAGES, STAGE_2_IMAGES = 150_000, 100_000  # shown in all, however many labels there are


def of_labels(n_labels: int, inductive: bool) -> Protocol:
    """The split of ``5k`` with the first ``n_labels`` of its labels, for semi-supervised methods.

    The more labels, the fewer epochs: every network sees equally many images.
    """
    others = (
        "half of the others are seen without labels, not searched; database: the other half and the labelled"
        if inductive
        else "database: all others, labelled ones included; those without labels may be seen, too"
    )
    return Protocol(
        name=f"labels-{n_labels}{'-inductive' if inductive else ''}",
        description=f"queries of 5k; the first {n_labels:,} of its training images are labelled; {others} "
        "(counts shrink alike where the smallest class is too small)",
        task=Retrieval(queries=1000, train=n_labels, inductive=inductive),
        recipe=replace(
            OF_FEW_LABELS,
            batch_size=125,
            pretrain_epochs=STAGE_1_IMAGES // n_labels,
            epochs=STAGE_2_IMAGES // n_labels,
        ),
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
    Protocol(  # Sablayrolles et al. 2017
        name="unseen",
        description="learned on seven classes of ten (training part); queries (test part) and database "
        "(training part) are of the other three",
        task=Retrieval(train_in_database=False, seen_classes=0.7),
        recipe=OF_MANY_LABELS,
    ),
    *(of_labels(n_labels, inductive) for n_labels in (100, 500, 1000, 5000) for inductive in (False, True)),
)
