"""Deep triplet-supervised hashing (DTSH).

Wang, Shi & Kitani, "Deep supervised hashing with triplet labels", ACCV 2016.

Formula: read in the authors' code (Minione/DTSH).
Departures from the paper: by default, the triplets are all those within a batch, with gradients for anchor,
positive and negative; the release draws positives and negatives from stored outputs, and only the anchor gets
gradients (``triplets="stored"``). Both terms are means. The release weighs the quantisation by 100 against a
sum over 22,500 triplets an image: eta = 100 / 22,500 between means. Within a batch all three images of a
triplet get gradients, which doubles the gradient of the triplets; there eta = 2 * 100 / 22,500 has the
release's balance. An image without positives or negatives forms no triplet. Backbone and recipe are the
suite's.

The stored form also departs from the release in this: an image's draws have the release's distribution, but
the images of a step read theirs from one shuffle of the training set, each from places of its own, so that
their draws are not independent of each other. Where a class has too few images, some are drawn twice; the
release stops.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import nn

from hashbench.errors import InvalidInputError
from hashbench.training import Batch, DeepHashMethod, TrainingData, all_pairs, same_label


@dataclass(eq=False, repr=False, kw_only=True)
class DTSH(DeepHashMethod):
    """DTSH. The margin is alpha = n_bits / 2, as in the release.

    triplets: "batch", all those within a batch; "stored", the release's form: positives and negatives from
    the latest outputs of the training images outside the batch, which are zero until an image is visited.
    eta: weight of the quantisation term; None: the release's balance, 2 * 100 / 22,500 for "batch" and
    100 / 22,500 for "stored".
    n_pairs: for "stored": how many positives, and how many negatives, an image is compared with for each
    other class; with 50 and 10 classes it has the release's 22,500 triplets. Single-label images only.
    """

    eta: float | None = None
    triplets: Literal["batch", "stored"] = "batch"
    n_pairs: int = 50

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Eq. (7), (8): softplus(-(Theta_qp - Theta_qn - alpha)) with Theta = <., .> / 2; quantisation."""
        if self.triplets == "stored":
            likelihood = stored_nll(z, batch, cast(StoredOutputs, self.state_), self.n_pairs, self.n_bits / 2)
        else:
            likelihood = triplet_nll(z @ z.T / 2, same_label(batch.labels), margin=self.n_bits / 2)
        quantization = (z - z.sign()).square().sum(dim=1).mean()
        return likelihood + self.quantization_weight * quantization

    def make_state(self, data: TrainingData) -> nn.Module | None:
        """The stored outputs. Raises InvalidInputError for multi-label images, or n_pairs below 1."""
        if self.triplets == "batch":
            return None
        if data.labels.ndim == 2:
            raise InvalidInputError(
                f"{self.name()}: triplets='stored' draws from the other classes of an image, which "
                "multi-label images do not have; choose triplets='batch'"
            )
        if self.n_pairs < 1:
            raise InvalidInputError(f"{self.name()}: n_pairs={self.n_pairs} must be at least 1")
        return StoredOutputs(data.labels, data.n_classes, self.n_bits)

    @property
    def quantization_weight(self) -> float:
        """Eta, or the release's balance where it is None."""
        if self.eta is not None:
            return self.eta
        return 100 / 22_500 if self.triplets == "stored" else 2 * 100 / 22_500


class StoredOutputs(nn.Module):
    """The latest outputs of all n training images, and draws from them by class.

    labels: (n,) int64. outputs: (n, n_bits), zeros at the start.
    """

    outputs: torch.Tensor
    members: torch.Tensor  # (C, m) int64, the images of each class, m in the largest; others padded
    exists: torch.Tensor  # (C, m) bool, what is no padding

    def __init__(self, labels: torch.Tensor, n_classes: int, n_bits: int) -> None:
        super().__init__()
        of_class = labels == torch.arange(n_classes, device=labels.device)[:, None]
        counts = of_class.sum(dim=1)
        order = of_class.int().argsort(dim=1, descending=True, stable=True)[:, : int(counts.max())]
        self.register_buffer("outputs", torch.zeros(len(labels), n_bits, device=labels.device))
        self.register_buffer("members", order)
        self.register_buffer("exists", of_class.gather(1, order))

    @torch.no_grad()
    def store(self, z: torch.Tensor, index: torch.Tensor) -> None:
        """Keep outputs z (b, n_bits) of the images at index (b,); of an image that is twice in it, one."""
        first = (index[:, None] == index).int().argmax(dim=1)  # always the same one, on every device
        self.outputs[index] = z[first]

    def draw(self, batch: Batch, n_pairs: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """For each image of a batch and each other class: positives, negatives, and whether there are any.

        The first two are (b, C, n_pairs) int64, positions of images outside the batch, drawn without
        replacement where there are enough; valid (b, C) bool is False for an image's own class.
        """
        device, labels = self.members.device, batch.labels
        inside = torch.zeros(len(self.outputs), dtype=torch.bool, device=device)
        inside[batch.index] = True
        usable = self.exists & ~inside[self.members]
        keys = torch.rand(usable.shape, device=device)
        shuffled = self.members.gather(1, torch.where(usable, keys, 2.0).argsort(dim=1))  # the usable first
        n_usable = usable.sum(dim=1)

        classes = torch.arange(len(n_usable), device=device).expand(len(labels), -1)
        own = labels[:, None].expand_as(classes)
        starts = torch.rand(2, *classes.shape, device=device)

        def stretch(of: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
            """``n_pairs`` neighbours in the shuffles of the classes ``of`` (b, C), as on a ring."""
            n = n_usable[of].clamp_min(1)
            places = ((start * n).long()[..., None] + torch.arange(n_pairs, device=device)) % n[..., None]
            return shuffled[of[..., None], places]

        valid = (classes != own) & (n_usable[classes] > 0) & (n_usable[own] > 0)
        return stretch(own, starts[0]), stretch(classes, starts[1]), valid


def triplet_nll(theta: torch.Tensor, similar: torch.Tensor, margin: float) -> torch.Tensor:
    """Mean of softplus(margin - theta_qp + theta_qn) over all triplets of a batch; 0 where there are none.

    theta, similar: (b, b). O(b^3) memory: a mask over all triplets, as an index would wait for the device.
    """
    positive = similar & all_pairs(len(theta), theta.device)
    triplet = positive[:, :, None] & ~similar[:, None, :]  # anchor, positive, negative
    losses = torch.nn.functional.softplus(margin - theta[:, :, None] + theta[:, None, :])
    return (losses * triplet).sum() / triplet.sum().clamp_min(1)


def stored_nll(
    z: torch.Tensor, batch: Batch, stored: StoredOutputs, n_pairs: int, margin: float
) -> torch.Tensor:
    """Mean of softplus(margin - theta_qp + theta_qn) over triplets of a batch's images with stored outputs.

    It is 0 where there are no triplets. The outputs z (b, n_bits) of the batch are stored first.
    O(b C n_pairs (n_pairs + n_bits)) memory for C classes.
    """
    stored.store(z, batch.index)
    positives, negatives, valid = stored.draw(batch, n_pairs)
    theta_p = (stored.outputs[positives] @ z[:, None, :, None] / 2)[..., 0]  # (b, C, n_pairs)
    theta_n = (stored.outputs[negatives] @ z[:, None, :, None] / 2)[..., 0]
    losses = nn.functional.softplus(margin - theta_p[..., :, None] + theta_n[..., None, :])
    return (losses.mean(dim=(2, 3)) * valid).sum() / valid.sum().clamp_min(1)
