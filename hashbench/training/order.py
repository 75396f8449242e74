"""Which images an epoch shows, and in which order. Runs on the CPU: all devices get the same order."""

from __future__ import annotations

import torch

from hashbench.training.contract import is_labelled


class Order:
    """The images of each step of an epoch.

    An epoch of ``n_steps`` steps shows as many images as there are training images, where each view of an
    image counts. With a ``labelled_share``, it shows as many as there are labelled training images; that
    share of each step's images is labelled, and the others are drawn from those without labels.

    labels: (n,) or (n, C); -1 where an image has none. class_balanced: whether labelled images come in
    ``balanced_order``; if not, in ``stratified_order``.
    """

    def __init__(
        self,
        labels: torch.Tensor,
        batch_size: int,
        *,
        views: int = 1,
        labelled_share: float | None = None,
        class_balanced: bool = False,
    ) -> None:
        labels = labels.cpu()  # once: reading them waits for the device
        self.members, self.others = torch.arange(len(labels)), torch.empty(0, dtype=torch.int64)
        if labelled_share is not None:
            known = is_labelled(labels)
            self.members, self.others = self.members[known], self.members[~known]
        self.labels = labels[self.members]
        self.make_order = balanced_order if class_balanced else stratified_order
        n = len(self.members)
        self.n_images = max(1, n // views)
        # No step has a single row: batch normalisation needs two for a deviation.
        self.n_steps = max(1, min(round(n / batch_size), self.n_images * views // 2, self.n_images))
        self.n_members = self.n_images
        if labelled_share is not None and len(self.others):
            self.n_members = max(self.n_steps, round(labelled_share * self.n_images))  # one a step

    def draw(self, generator: torch.Generator) -> list[torch.Tensor]:
        """The places (b,) of the images of each step of a new epoch."""
        order = self.make_order(self.labels, generator)[: self.n_members]
        steps = self.members[order].tensor_split(self.n_steps)
        if self.n_members == self.n_images:
            return list(steps)
        drawn = repeated_shuffles(len(self.others), self.n_images - self.n_members, generator)
        sizes = map(len, torch.arange(self.n_images).tensor_split(self.n_steps))
        rest = self.others[drawn].split([size - len(step) for size, step in zip(sizes, steps, strict=True)])
        return [torch.cat(parts) for parts in zip(steps, rest, strict=True)]


def repeated_shuffles(n: int, n_drawn: int, generator: torch.Generator) -> torch.Tensor:
    """(n_drawn,) places among n: drawn without replacement until all are used, then again."""
    rounds = [torch.randperm(n, generator=generator) for _ in range(-(-n_drawn // n))]
    return torch.cat(rounds)[:n_drawn]


def stratified_order(labels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A random order (n,) of all images in which every stretch has the classes' proportions.

    Each class is spread evenly over the epoch. Multi-label images are just shuffled. labels: on the CPU.
    """
    shuffled = torch.randperm(len(labels), generator=generator)
    return shuffled if labels.ndim == 2 else shuffled[_spread(labels[shuffled], generator)]


def balanced_order(labels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """As ``stratified_order``, but with equally many images of each class, n in all.

    Some images of frequent classes are left out, images of rare classes are repeated. Where classes are
    already balanced, and for multi-label images, it is the same as ``stratified_order``.
    """
    if labels.ndim == 2:
        return stratified_order(labels, generator)
    members = [(labels == label).nonzero()[:, 0] for label in labels.unique()]
    n, n_classes = len(labels), len(members)
    first = int(torch.randint(n_classes, (), generator=generator))
    drawn = []
    for place, images in enumerate(members):
        share = n // n_classes + ((place - first) % n_classes < n % n_classes)
        drawn.append(images[repeated_shuffles(len(images), share, generator)])
    order = torch.cat(drawn)
    return order[_spread(labels[order], generator)]


def _spread(classes: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The order of items of these classes that spreads each class evenly, its items in the order given."""
    by_class = classes.argsort(stable=True)
    counts = classes.bincount()
    first = (counts.cumsum(0) - counts)[classes[by_class]]
    place = torch.arange(len(classes)) - first + torch.rand(len(classes), generator=generator)
    return by_class[(place / counts[classes[by_class]]).argsort()]
