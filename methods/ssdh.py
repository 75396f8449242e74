"""Semi-supervised deep hashing (SSDH).

Zhang & Peng, "SSDH: Semi-Supervised Deep Hashing for Large Scale Image Retrieval", IEEE Transactions on
Circuits and Systems for Video Technology 29(1), 2019 (arXiv 2016). Two other methods have the same acronym.

With hash outputs u in (0, 1)^K, class probabilities p and D_ij = ||u_i - u_j||, the loss of a batch is
J = L1 + lambda (L2 + L3) + L4, each the mean over its own anchors:
- L1, of labelled images: (1/2) max(0, 1 + D_ap^2 - D_an^2) of one random triplet an anchor;
- L2, of all images, the online graph: (1/2) (D_ap^2 + max(0, m - D_an)^2), where p is near a in the batch and
  n is far away, though not among the farthest;
- L3, of images without labels: the same form, where p is of the class that the head finds most probable for
  a, and n of the one that it finds least probable;
- L4, of labelled images: (1/2) sum_c (p_c - y_c)^2.

Formula: read in the authors' code (PKU-ICST-MIPL/SSDH_TCSVT2017).
Departures from the paper: only its abstract is at hand; it names a semi-supervised loss, an online graph, and
one network for both. All else is read in the authors' release (PKU-ICST-MIPL/SSDH_TCSVT2017), weights and
margins included. The loss of the class head is what the release's gradient descends, a squared error; the
paper's may be a cross-entropy: ``class_loss="softmax"``. Anchors may be their own positives, as in the
release. Ranks of near and far images are the release's at its batch of 128, and scale with ours. In the
release a triplet is drawn again, up to ten times, if its positive and negative share a class, which happens
only where images have several; here such a negative is not drawn. An anchor without positive or negative in
its batch is left out. Half of a batch is labelled, as in the release's lists. Backbone and recipe are
the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from hashbench.numerics import squared_distances
from hashbench.training import Batch, DeepHashMethod, all_pairs, classification_loss, same_label
from hashbench.training.contract import is_labelled

SHORT = 16  # bits; the release has other constants for 12 than for 24 and more
# Of the release's batch: how many images are near, how many are farthest and never drawn, and from how many
# before these the negative is drawn, at more than ``SHORT`` bits or not.
RELEASE_BATCH, N_NEAR, N_FARTHEST, N_FAR = 128, 8, 4, {False: 4, True: 10}


@dataclass(eq=False, repr=False, kw_only=True)
class SSDH(DeepHashMethod):
    """SSDH: K sigmoid outputs for the code, bit = output > 0.5, and a class head beside them.

    graph_weight, pseudo_weight: lambda of L2 and of L3. With both 0 only labelled images count.
    margin: m of L2 and L3; None: 2.5 for at most 16 bits, else 3. In bits: 6.25, else 9 that differ.
    class_loss: "brier", as above with sigmoid outputs p, or "softmax", a cross-entropy.
    self_positive: whether an image can be its own positive, which then costs nothing.
    """

    graph_weight: float = 0.1
    pseudo_weight: float = 0.1
    margin: float | None = None
    class_loss: Literal["brier", "softmax"] = "brier"
    self_positive: bool = True

    supervision: ClassVar = "semi-supervised"
    labelled_share: ClassVar[float | None] = 0.5

    def n_outputs(self, n_classes: int) -> int:
        """The code's outputs, then one logit a class."""
        return self.n_bits + n_classes

    def readout(self, z: torch.Tensor) -> torch.Tensor:
        """The code's outputs (b, n_bits) before the sigmoid."""
        return z[:, : self.n_bits]

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """J of the outputs z (b, n_bits + C); random partners come from torch's global generator."""
        u, scores = z[:, : self.n_bits].sigmoid(), z[:, self.n_bits :]
        classes, known = class_masks(batch.labels, scores.shape[1]), batch.labelled
        others = all_pairs(len(z), z.device)
        partners = torch.ones_like(others) if self.self_positive else others

        positive, negative, complete = supervised_partners(batch.labels, partners)
        total = triplet_loss(u, positive, negative, complete)
        if self.class_loss == "brier":
            errors = (scores.sigmoid() - classes.to(scores.dtype)).square().sum(dim=1)
            total = total + mean_where(errors, known) / 2
        else:
            total = total + classification_loss(scores, batch)
        margin = self.margin if self.margin is not None else 2.5 if self.n_bits <= SHORT else 3.0
        if self.graph_weight:
            positive, negative = graph_partners(u, N_FAR[self.n_bits > SHORT], self.self_positive)
            graph = contrastive_loss(u, positive, negative, torch.ones_like(known), margin)
            total = total + self.graph_weight * graph
        if self.pseudo_weight:
            positive, negative, complete = pseudo_partners(scores, classes, known, partners)
            pseudo = contrastive_loss(u, positive, negative, complete, margin)
            total = total + self.pseudo_weight * pseudo
        return total


def triplet_loss(
    u: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor, anchors: torch.Tensor
) -> torch.Tensor:
    """L1: the mean over ``anchors`` (b,) bool; positive, negative: (b,) int64, their partners in u (b, K)."""
    violation = 1 + squared_distance(u, u[positive]) - squared_distance(u, u[negative])
    return mean_where(violation.relu(), anchors) / 2


def contrastive_loss(
    u: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor, anchors: torch.Tensor, margin: float
) -> torch.Tensor:
    """L2 and L3, arguments as of ``triplet_loss``. The near distance is squared, the margin's is not."""
    # Where two images have one code, the root has no gradient, and the negative's is 0.
    apart = squared_distance(u, u[negative]).clamp_min(1e-8).sqrt()
    return mean_where(squared_distance(u, u[positive]) + (margin - apart).relu().square(), anchors) / 2


def supervised_partners(
    labels: torch.Tensor, partners: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """L1: for each image a positive and a negative (b,), and whether it has both (b,) bool.

    labels: (b,) or (b, C), -1 where there are none. partners: (b, b) bool, who may be whose positive. The
    negative has labels, and shares none with the anchor or with the positive.
    """
    known, similar = is_labelled(labels), same_label(labels)
    positives = similar & partners
    positive = pick(positives)
    negatives = known[:, None] & known & ~similar & ~similar[positive]
    return positive, pick(negatives), positives.any(dim=1) & negatives.any(dim=1)


def graph_partners(u: torch.Tensor, n_far: int, self_positive: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """L2: for each image a near and a far one (b,), by the distances of the codes u (b, K).

    n_far: from how many images the negative is drawn in a batch of the release.
    """
    b = len(u)
    with torch.no_grad():  # each image is the nearest to itself, also where others have its code
        order = squared_distances(u, u).masked_fill(~all_pairs(b, u.device), -1).argsort(dim=1)
    first, n_near = (0 if self_positive else 1), max(1, min(N_NEAR, b // 3))
    n_far, n_farthest = max(1, round(n_far * b / RELEASE_BATCH)), round(N_FARTHEST * b / RELEASE_BATCH)
    near = torch.randint(first, first + n_near, (b, 1), device=u.device)
    far = torch.randint(b - n_farthest - n_far, b - n_farthest, (b, 1), device=u.device)
    return order.gather(1, near)[:, 0], order.gather(1, far)[:, 0]


def pseudo_partners(
    scores: torch.Tensor, classes: torch.Tensor, known: torch.Tensor, partners: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """L3: for each image a positive and a negative (b,), and whether it is an anchor with both (b,) bool.

    scores: (b, C) logits. classes: (b, C) bool, the labels. known: (b,) bool, which images have labels.
    partners: as for ``supervised_partners``. An image without labels counts as of its most probable class.
    """
    likely, unlikely = scores.argmax(dim=1), scores.argmin(dim=1)
    assumed = torch.where(known[:, None], classes, class_masks(likely, scores.shape[1]))
    of_likely, of_unlikely = assumed[:, likely].T, assumed[:, unlikely].T  # (b, b): anchor, partner
    positives, negatives = of_likely & ~of_unlikely & partners, of_unlikely & ~of_likely
    complete = ~known & positives.any(dim=1) & negatives.any(dim=1)
    return pick(positives), pick(negatives), complete


def class_masks(labels: torch.Tensor, n_classes: int) -> torch.Tensor:
    """(b, C) bool: the classes of each image, none where it has no labels; labels (b,) or (b, C)."""
    return (
        labels > 0 if labels.ndim == 2 else labels[:, None] == torch.arange(n_classes, device=labels.device)
    )


def pick(mask: torch.Tensor) -> torch.Tensor:
    """(b,) int64: for each row of a mask (b, n), the place of a random True, any place if there is none."""
    return torch.rand(mask.shape, device=mask.device).masked_fill(~mask, -1).argmax(dim=1)


def squared_distance(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """(b,): squared Euclidean distances of rows."""
    return (left - right).square().sum(dim=1)


def mean_where(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The mean of the values (b,) where the mask (b,) is True; 0 where it is nowhere."""
    return (values * mask).sum() / mask.sum().clamp_min(1)
