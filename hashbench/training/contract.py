"""What a deep method gets: before the training, between its epochs, and in each step.

Labels are (n,) int64 class indices, -1 where an image has none, or (n, C) float32 multi-hot, a row of -1
where an image has none. Unsupervised methods get multi-hot labels with C = 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch


def is_labelled(labels: torch.Tensor) -> torch.Tensor:
    """(n,) bool: which images have labels. A row of zeros counts as labelled: the image has no class."""
    return labels >= 0 if labels.ndim == 1 else (labels >= 0).any(dim=1)


def _absent() -> torch.Tensor:
    return torch.empty(0)


@dataclass(frozen=True)
class TrainingData:
    """What a method may know before the first step.

    labels: of all n training images.
    n_features: how many activations of the backbone the head reads.
    features: a call gives the activations of the start network, (n, n_features) float32, in evaluation mode
    and without augmentation; computed at the first call.
    """

    labels: torch.Tensor
    n_classes: int
    n_features: int = 0
    features: Callable[[], torch.Tensor] = _absent

    @property
    def n(self) -> int:
        """The number of training images."""
        return len(self.labels)


@dataclass(frozen=True)
class Epoch:
    """What a method may know between epochs.

    labels: of all n training images.
    progress: the share of the training that is done; 1 after the last step, on the averaged weights.
    generator: on the CPU, a function of the seed and the epoch.
    features, outputs: a call gives those of the current network, (n, d) and (n, n_outputs) float32, in
    evaluation mode and without augmentation; computed at the first call.
    """

    labels: torch.Tensor
    progress: float
    generator: torch.Generator
    features: Callable[[], torch.Tensor]
    outputs: Callable[[], torch.Tensor]


@dataclass(frozen=True)
class Batch:
    """What a loss may know of a batch besides the network's outputs.

    Where the method asks for v ``views``, a batch of b images has v * b rows, view by view: rows i and i + b
    are two views of one image.

    labels: (v * b,) int64 or (v * b, C) float32.
    index: (v * b,) int64, the images' positions in the training set. A position can occur more than once:
    once per view, and again where classes are balanced and the image's class is rare.
    progress: the share of the training that is done, in [0, 1).
    features: (v * b, d) float32 with gradient, the input of the head.
    images: (v * b, c, h, w) float32 in [0, 255], as the network saw them.
    """

    labels: torch.Tensor
    index: torch.Tensor
    progress: float
    features: torch.Tensor = field(default_factory=_absent)
    images: torch.Tensor = field(default_factory=_absent)

    @property
    def labelled(self) -> torch.Tensor:
        """(v * b,) bool: which images have labels."""
        return is_labelled(self.labels)
