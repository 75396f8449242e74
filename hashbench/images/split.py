"""From images and a protocol to queries, training images and database: index arrays, the same everywhere."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hashbench.contracts.dataset import Images
from hashbench.errors import InvalidInputError
from hashbench.identity.digest import seed_of
from hashbench.images.protocol import Protocol

LEAST_QUERIES, LEAST_TRAIN = 1, 2  # per class


@dataclass(frozen=True, eq=False)
class Split:
    """Indices into one ``Images``, int64, each sorted (the metrics do not depend on the order of ties).

    train: the images that are learned on. query: those that ask. database: those that are searched.
    No query is trained on or searched. The training images are all in the database, or none is.
    """

    train: NDArray[np.int64]
    query: NDArray[np.int64]
    database: NDArray[np.int64]

    def __post_init__(self) -> None:
        for name, other in (("database", self.database), ("train", self.train)):
            shared = np.intersect1d(self.query, other)
            if len(shared):
                raise InvalidInputError(
                    f"{len(shared)} queries are also in {name}, the first is image {shared[0]}; a query must "
                    "be unknown to the method and to the database"
                )
        searched = len(np.intersect1d(self.train, self.database))
        if searched not in {0, len(self.train)}:
            raise InvalidInputError(
                f"{searched} of {len(self.train)} training images are in the database; it must be all or none"
            )

    @property
    def train_in_database(self) -> bool:
        """Whether the training images are searched too."""
        return bool(np.isin(self.train[:1], self.database).any())

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the three arrays."""
        hasher = hashlib.sha256()
        for part in fields(self):
            indices = np.ascontiguousarray(getattr(self, part.name), "<i8")
            hasher.update(f"{part.name}:{len(indices)};".encode() + indices.tobytes())
        return hasher.hexdigest()

    def describe(self) -> str:
        """The counts, in one line."""
        counts = f"{len(self.query):,} queries, {len(self.train):,} labelled training images"
        if not self.train_in_database:
            return f"{counts}, a database of {len(self.database):,} others"
        if len(self.train) == len(self.database):
            return f"{counts} that are the database"
        return f"{counts} inside the database of {len(self.database):,}"


def make_split(images: Images, protocol: Protocol, dataset_name: str) -> Split:
    """The split of a data set under a protocol: a pure function of the name, the labels and the protocol.

    Counts are spread evenly over the classes, rounded down. If the smallest class could not give its share
    and keep half of its images, all counts shrink by one factor (digits under ``5k``: 14 queries and 72
    training images of each class). Multi-label images are drawn without regard to class.
    Two protocols that draw the same counts draw the same images. Raises InvalidInputError where a class
    would have less than one query or two training images.
    """
    draw = _Draw(images, dataset_name)
    everything = np.ones(len(images), bool)
    learned = searched = everything
    if protocol.seen_classes is not None:
        learned, searched = draw.seen_and_unseen(protocol)

    n_query = draw.share(protocol, "queries", protocol.queries, searched, LEAST_QUERIES)
    n_train = draw.share(protocol, "training images", protocol.train, learned, LEAST_TRAIN)
    if protocol.queries is None:
        test = draw.test_part(protocol.test_fraction) if images.test is None else np.asarray(images.test)
        query, rest = test & searched, ~test
        (n_train,) = draw.scaled(rest, n_train)
    else:
        n_query, n_train = draw.scaled(everything, n_query, n_train)
        query = draw.first(n_query, searched)
        rest = ~query
    train = rest & learned if protocol.train is None else draw.first(n_train, rest & learned)
    database = rest & searched if protocol.train_in_database else rest & searched & ~train

    for part, where, of, least in (
        ("queries", query, searched, LEAST_QUERIES),
        ("training images", train, learned, LEAST_TRAIN),
        ("database images", database, searched, 1),
    ):
        draw.check(protocol, part, where, of, least)
    return Split(*(np.flatnonzero(where) for where in (train, query, database)))


class _Draw:
    """Images of each class in one fixed random order, from which every part takes the first that are free."""

    def __init__(self, images: Images, dataset_name: str) -> None:
        self.dataset_name = dataset_name
        self.multi_label = images.multi_label
        if images.multi_label:  # one group
            self.groups: tuple[str, ...] = ("all images",)
            self.group = np.zeros(len(images), np.int64)
        else:
            self.groups = images.class_names
            self.group = np.asarray(images.labels, np.int64)
            if len(images) and not 0 <= self.group.min() <= self.group.max() < len(self.groups):
                raise InvalidInputError(
                    f"labels of '{dataset_name}' run from {self.group.min()} to {self.group.max()}, must be "
                    f"0 to {len(self.groups) - 1} for its {len(self.groups)} class names"
                )
        self.order = _permutation(len(images), seed_of("split", dataset_name))

    def seen_and_unseen(self, protocol: Protocol) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Two masks: images of the classes to learn on, and of the others; at least two classes each."""
        assert protocol.seen_classes is not None
        if self.multi_label or len(self.groups) < 4:
            fault = "has multi-label images" if self.multi_label else f"has {len(self.groups)} classes"
            raise InvalidInputError(
                f"protocol '{protocol.name}' parts the classes in two groups of at least 2, but "
                f"'{self.dataset_name}' {fault}; choose another protocol"
            )
        n_seen = round(protocol.seen_classes * len(self.groups))
        class_order = _permutation(len(self.groups), seed_of("classes", self.dataset_name))
        seen = np.isin(self.group, class_order[: min(max(n_seen, 2), len(self.groups) - 2)])
        return seen, ~seen

    def test_part(self, fraction: float) -> NDArray[np.bool_]:
        """A mask of this fraction of each group, rounded, at least one image; the same in every protocol."""
        sizes = np.bincount(self.group, minlength=len(self.groups))
        order = _permutation(len(self.group), seed_of("test part", self.dataset_name))
        return self.first(np.maximum(np.rint(sizes * fraction), 1), np.ones(len(self.group), bool), order)

    def share(
        self, protocol: Protocol, part: str, total: int | None, where: NDArray[np.bool_], least: int
    ) -> int:
        """The count of each group out of a total over the marked groups; 0 where there is no total."""
        if total is None:
            return 0
        n_groups = max(1, len(np.unique(self.group[where])))
        if total // n_groups < least:
            raise InvalidInputError(
                f"'{self.dataset_name}' has {n_groups:,} classes, too many for the {total:,} {part} of "
                f"protocol '{protocol.name}' (at least {least} a class); choose another protocol"
            )
        return total // n_groups

    def scaled(self, where: NDArray[np.bool_], *shares: int) -> tuple[int, ...]:
        """The shares, made smaller by one factor if they would take more than half of the smallest group."""
        wanted = sum(shares)
        smallest = int(np.unique(self.group[where], return_counts=True)[1].min(initial=len(where)))
        if 2 * wanted <= smallest:
            return shares
        return tuple(share * smallest // (2 * wanted) for share in shares)

    def first(
        self, wanted: ArrayLike, where: NDArray[np.bool_], order: NDArray[np.int64] | None = None
    ) -> NDArray[np.bool_]:
        """A mask of the first ``wanted`` (per group) of the marked images, in the fixed random order."""
        order = self.order if order is None else order
        order = order[where[order]]
        by_group = order[np.argsort(self.group[order], kind="stable")]
        group = self.group[by_group]
        rank = np.arange(len(group)) - np.searchsorted(group, group)
        taken = np.zeros(len(self.group), bool)
        taken[by_group[rank < np.broadcast_to(wanted, len(self.groups))[group]]] = True
        return taken

    def check(
        self, protocol: Protocol, part: str, where: NDArray[np.bool_], of: NDArray[np.bool_], least: int
    ) -> None:
        """Raise InvalidInputError where a group of ``of`` has fewer marked images than it needs."""
        sizes = np.bincount(self.group, minlength=len(self.groups))
        counts = np.bincount(self.group[where], minlength=len(self.groups))
        groups = np.unique(self.group[of])
        poor = groups[counts[groups] < least]
        if len(poor):
            group = poor[np.argmin(sizes[poor])]  # the one on whose account all counts are so small
            raise InvalidInputError(
                f"'{self.dataset_name}' is too small for protocol '{protocol.name}': class "
                f"'{self.groups[group]}' has {sizes[group]} images, which gives {counts[group]} {part} "
                f"(at least {least}); add images or choose another protocol"
            )


def _permutation(n: int, seed: int) -> NDArray[np.int64]:
    # NumPy promises the same raw bits in every version, but not the same permutation() from them.
    return np.argsort(np.random.PCG64(seed).random_raw(n), kind="stable")
