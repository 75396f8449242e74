"""The batches of an epoch, and the loss of one: the same for the training loop and for the checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from hashbench.training.contract import Batch
from hashbench.training.images import DeviceImages
from hashbench.training.network import Network
from hashbench.training.order import Order

Loss = Callable[[torch.Tensor, Batch], torch.Tensor]
Step = tuple[torch.Tensor, torch.Tensor]  # index (v * b,) of the images, random numbers (v * b, n_draws)


class Batches:
    """The training images, cut into the steps of an epoch.

    An epoch's order and random numbers are drawn at once, and copied to the device at once: a step only
    slices them, and nothing waits for the device.

    labels: (n,) or (n, C), on the device of the images. weak_views: how many of the views, the first ones,
    are cropped and mirrored only. ``Order`` explains the other arguments.
    """

    def __init__(
        self,
        images: DeviceImages,
        labels: torch.Tensor,
        *,
        views: int = 1,
        weak_views: int = 0,
        labelled_share: float | None = None,
        class_balanced: bool = False,
    ) -> None:
        self.images = images
        self.labels = labels
        self.recipe = images.recipe
        self.views = views
        self.weak_views = weak_views
        self.order = Order(
            labels,
            self.recipe.batch_size,
            views=views,
            labelled_share=labelled_share,
            class_balanced=class_balanced,
        )

    @property
    def n_steps(self) -> int:
        """The number of steps of an epoch."""
        return self.order.n_steps

    def epoch(self, generator: torch.Generator) -> Iterator[Step]:
        """The steps of a new epoch."""
        steps = [index.repeat(self.views) for index in self.order.draw(generator)]
        sizes = [len(index) for index in steps]
        draws = torch.rand(sum(sizes), self.images.n_draws, generator=generator)
        on_device = (self._copied(values).split(sizes) for values in (torch.cat(steps), draws))
        return zip(*on_device, strict=True)

    def loss(self, network: Network, loss: Loss, step: Step, progress: float) -> torch.Tensor:
        """The loss of a step's images, from one forward pass of the network."""
        index, draws = step
        n_weak = len(index) // self.views * self.weak_views
        images = self.images.augmented(index, draws, n_weak)
        features = network.features(images)
        batch = Batch(self.labels[index], index, progress, features, images)
        return loss(network.head(features), batch)

    def _copied(self, values: torch.Tensor) -> torch.Tensor:
        if self.images.device.type == "cuda":
            values = values.pin_memory()  # from other memory, the copy would wait for the device
        return values.to(self.images.device, non_blocking=True)
