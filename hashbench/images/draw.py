"""Images of each class in one fixed random order, from which the parts of a split are taken."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hashbench.contracts.dataset import Images
from hashbench.errors import InvalidInputError
from hashbench.identity.digest import seed_of


class Draw:
    """The images of one data set, from which every part takes the first free ones of each class.

    The order is a function of the data set's name and size alone, so that two splits of the same counts take
    the same images. Multi-label images are one group. Raises InvalidInputError for labels out of range.
    """

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

    def seen_and_unseen(self, share: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Two masks: images of this share of the classes, and of the others; at least two classes each."""
        if self.multi_label or len(self.groups) < 4:
            fault = "has multi-label images" if self.multi_label else f"has {len(self.groups)} classes"
            raise InvalidInputError(
                f"classes are parted in two groups of at least 2, but '{self.dataset_name}' {fault}; choose "
                "another protocol"
            )
        n_seen = round(share * len(self.groups))
        class_order = _permutation(len(self.groups), seed_of("classes", self.dataset_name))
        seen = np.isin(self.group, class_order[: min(max(n_seen, 2), len(self.groups) - 2)])
        return seen, ~seen

    def test_part(self, fraction: float) -> NDArray[np.bool_]:
        """A mask of this fraction of each group, rounded, at least one image; the same in every protocol."""
        sizes = np.bincount(self.group, minlength=len(self.groups))
        order = _permutation(len(self.group), seed_of("test part", self.dataset_name))
        return self.first(np.maximum(np.rint(sizes * fraction), 1), np.ones(len(self.group), bool), order)

    def share(self, part: str, total: int | None, where: NDArray[np.bool_], least: int) -> int:
        """The count of each group out of a total over the marked groups; 0 where there is no total."""
        if total is None:
            return 0
        n_groups = max(1, len(np.unique(self.group[where])))
        if total // n_groups < least:
            raise InvalidInputError(
                f"'{self.dataset_name}' has {n_groups:,} classes, too many for {total:,} {part} (at least "
                f"{least} a class); choose another protocol"
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

    def sizes(self, where: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many of the marked images each group has."""
        return np.bincount(self.group[where], minlength=len(self.groups))

    def check(
        self, part: str, where: NDArray[np.bool_], of: NDArray[np.bool_], least: int, size: int | None = None
    ) -> None:
        """Raise InvalidInputError where a group of ``of`` has fewer marked images than it needs.

        size: how many images the smallest group needs for all parts, where that is known.
        """
        sizes, counts = self.sizes(np.ones(len(self.group), bool)), self.sizes(where)
        groups = np.unique(self.group[of])
        poor = groups[counts[groups] < least]
        if len(poor):
            group = poor[np.argmin(sizes[poor])]  # the smallest group, which limits all counts
            images = "1 image" if sizes[group] == 1 else f"{sizes[group]} images"
            needs = f"a class needs {size} images; " if size else ""
            raise InvalidInputError(
                f"'{self.dataset_name}' is too small: class '{self.groups[group]}' has {images}, which gives "
                f"{counts[group]} {part} (at least {least}); {needs}add images or choose another protocol"
            )


def _permutation(n: int, seed: int) -> NDArray[np.int64]:
    # NumPy promises the same raw bits in every version, but not the same permutation() from them.
    return np.argsort(np.random.PCG64(seed).random_raw(n), kind="stable")
