"""The split that retrieval and cross-view retrieval share: queries, training images and database."""

from __future__ import annotations

from itertools import count
from typing import Literal

import numpy as np

from hashbench.contracts.dataset import Images
from hashbench.contracts.task import Index, Split
from hashbench.errors import InvalidInputError
from hashbench.images.draw import Draw

LEAST_QUERIES, LEAST_TRAIN = 1, 2  # per class


def draw_split(
    images: Images,
    dataset: str,
    *,
    queries: int | None,
    train: int | None,
    train_in_database: bool | Literal["alone"] = True,
    seen_classes: float | None = None,
    test_fraction: float = 1 / 6,
    inductive: bool = False,
) -> Split:
    """The split of these counts: a pure function of the data set's name, the labels and the arguments.

    The arguments are the fields of ``hashbench.tasks.retrieval.Retrieval``, whose ``split`` says how the
    counts are spread over the classes. Raises InvalidInputError where a class is too small.
    """
    draw = Draw(images, dataset)
    everything = np.ones(len(images), bool)
    learned = searched = everything
    if seen_classes is not None:
        learned, searched = draw.seen_and_unseen(seen_classes)

    n_query = draw.share("queries", queries, searched, LEAST_QUERIES)
    n_train = draw.share("training images", train, learned, LEAST_TRAIN)
    drawn = queries is not None or images.test is None
    size = _size_of_a_class(n_query, n_train, test_fraction) if drawn else None
    if queries is None:
        test = draw.test_part(test_fraction) if images.test is None else np.asarray(images.test)
        asked, rest = test & searched, ~test
        (n_train,) = draw.scaled(rest, n_train)
    else:
        n_query, n_train = draw.scaled(everything, n_query, n_train)
        asked = draw.first(n_query, searched)
        rest = ~asked
    taught = rest & learned if train is None else draw.first(n_train, rest & learned)
    others = rest & searched & ~taught & (train_in_database != "alone")
    pool = draw.first(draw.sizes(others) // 2, others) if inductive else others
    database = others | (taught & searched) if train_in_database else others
    if inductive:
        draw.check("images without labels", pool, searched, 1, size)
        database = database & ~pool

    for part, where, of, least in (
        ("queries", asked, searched, LEAST_QUERIES),
        ("training images", taught, learned, LEAST_TRAIN),
        ("database images", database, searched, 1),
    ):
        draw.check(part, where, of, least, size)
    return retrieval_split(*(np.flatnonzero(where) for where in (taught, asked, database, pool)))


def _size_of_a_class(n_query: int, n_train: int, test_fraction: float) -> int:
    """How many images the smallest class needs for the least of each part, where all shrink by one factor.

    n_query, n_train: images of each class before that; 0: the test part, and all that is left.
    """
    if not n_query:
        least = 2 * LEAST_TRAIN if n_train else LEAST_TRAIN
        return next(n for n in count(1) if n - max(round(n * test_fraction), 1) >= least)
    shares = [(n_query, LEAST_QUERIES), *([(n_train, LEAST_TRAIN)] if n_train else [])]
    total = n_query + n_train
    return max(LEAST_QUERIES + LEAST_TRAIN, *(-(-2 * total * least // share) for share, least in shares))


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
