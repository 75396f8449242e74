"""FixMatch's classifier with a hash layer beside it (control).

Sohn et al., "FixMatch: Simplifying Semi-Supervised Learning with Consistency and Confidence", NeurIPS 2020,
eq. (3), (4): cross-entropy on weakly changed labelled images, and on strongly changed images the class that
the network gives their weak version with a probability of at least ``threshold``. It asks what of
semi-supervised hashing is hashing: the classes that it guesses go to the pairwise likelihood of Li, Wang &
Kang, IJCAI 2016 (DPSH), which knows nothing of images without labels.

Formula: from memory (the constants from a public README); the hash layer is ours.
Departures from the paper: the hash layer, its loss and its weight are ours; the paper classifies. Weak views
are cropped and, where allowed, mirrored; strong ones get the recipe's augmentation, not RandAugment. A
quarter of a batch's images is labelled, not an eighth. The consistency term is a mean over all images of the
batch, also over labelled ones, without their labels: they have strong views, too. On multi-label images each
class is a yes or no, and an image counts where all its classes are sure. The threshold and the weight of the
consistency are the paper's; backbone, budget and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from hashbench.training import Batch, DeepHashMethod, classification_loss, pair_nll, same_label
from hashbench.training.contract import is_labelled


@dataclass(eq=False, repr=False, kw_only=True)
class FixMatch(DeepHashMethod):
    """FixMatch on the class head; the pairs of images whose classes are known or guessed train the code.

    threshold: the least probability of a guess that is used; above 1, none is. consistency: lambda_u, the
    weight of the guesses on the class head. hash_on: the hash layer learns from "pseudo", guesses
    included, or from "labelled" images alone. eta: weight of the quantisation, as in DPSH.
    """

    threshold: float = 0.95
    consistency: float = 1.0
    hash_on: Literal["pseudo", "labelled"] = "pseudo"
    eta: float = 0.01

    supervision: ClassVar = "semi-supervised"
    control: ClassVar = True
    views: ClassVar[int] = 2
    weak_views: ClassVar[int] = 1
    labelled_share: ClassVar[float | None] = 0.25

    def n_outputs(self, n_classes: int) -> int:
        """The code's outputs, then one logit a class."""
        return self.n_bits + n_classes

    def readout(self, z: torch.Tensor) -> torch.Tensor:
        """The code's outputs (b, n_bits)."""
        return z[:, : self.n_bits]

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Eq. (3) + consistency * eq. (4) of the logits, and DPSH's loss of the codes of both views."""
        weak, strong = z[:, self.n_bits :].chunk(2)
        labels = batch.labels.chunk(2)[0]
        of_weak = Batch(labels, batch.index.chunk(2)[0], batch.progress)
        guesses, sure = guessed(weak.detach(), labels, self.threshold)
        disagreement = (guess_losses(strong, guesses) * sure).mean()
        if self.hash_on == "pseudo":
            labels = filled_in(labels, guesses, sure)
        hashing = hash_loss(self.readout(z), torch.cat([labels, labels]), self.eta)
        return classification_loss(weak, of_weak) + self.consistency * disagreement + hashing


def guessed(
    logits: torch.Tensor, labels: torch.Tensor, threshold: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the logits (b, C) say, in the form of the labels (b,) or (b, C), and if it is sure (b,) bool."""
    if labels.ndim == 1:
        probability, guesses = logits.softmax(dim=1).max(dim=1)
        return guesses, probability >= threshold
    probability = logits.abs().sigmoid()  # of the likelier answer
    return (logits > 0).to(logits.dtype), (probability >= threshold).all(dim=1)


def guess_losses(logits: torch.Tensor, guesses: torch.Tensor) -> torch.Tensor:
    """(b,): cross-entropy of logits (b, C) with guesses; for multi-hot ones, the mean of the classes'."""
    if guesses.ndim == 1:
        return cross_entropy(logits, guesses, reduction="none")
    return binary_cross_entropy_with_logits(logits, guesses, reduction="none").mean(dim=1)


def filled_in(labels: torch.Tensor, guesses: torch.Tensor, sure: torch.Tensor) -> torch.Tensor:
    """The labels, and where there are none the guesses that are sure; -1 elsewhere."""
    use = sure & ~is_labelled(labels)
    return torch.where(use if labels.ndim == 1 else use[:, None], guesses.to(labels.dtype), labels)


def hash_loss(z: torch.Tensor, labels: torch.Tensor, eta: float) -> torch.Tensor:
    """DPSH's loss of the codes z (b, K) over the images that have labels, 0 where there are none."""
    known = is_labelled(labels)
    pairs = known[:, None] & known & ~torch.eye(len(z), dtype=torch.bool, device=z.device)
    likelihood = (pair_nll(z @ z.T / 2, same_label(labels)) * pairs).sum() / pairs.sum().clamp_min(1)
    quantization = ((z - z.sign()).square().sum(dim=1) * known).sum() / known.sum().clamp_min(1)
    return likelihood + eta * quantization
