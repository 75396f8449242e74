"""Deep triplet-supervised hashing (DTSH).

Wang, Shi & Kitani, "Deep supervised hashing with triplet labels", ACCV 2016.

Departures from the paper: the triplets are all those within a batch, with gradients for anchor, positive and
negative; the release draws positives and negatives from stored outputs; only the anchor gets gradients. Both
terms are means. The release weighs the quantisation by 100 against a sum over 22,500 triplets an image. Here
all three images of a triplet get gradients, which doubles the gradient of the triplets; therefore
eta = 2 * 100 / 22,500 has the release's balance. An image without positives or negatives in its batch forms
no triplet. Backbone and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.training import Batch, DeepHashMethod, all_pairs, same_label


@dataclass(eq=False, repr=False, kw_only=True)
class DTSH(DeepHashMethod):
    """DTSH. eta: weight of the quantisation term; the margin is alpha = n_bits / 2, as in the release."""

    eta: float = 2 * 100 / 22_500

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Eq. (7), (8): softplus(-(Theta_qp - Theta_qn - alpha)) with Theta = <., .> / 2; quantisation."""
        likelihood = triplet_nll(z @ z.T / 2, same_label(batch.labels), margin=self.n_bits / 2)
        quantization = (z - z.sign()).square().sum(dim=1).mean()
        return likelihood + self.eta * quantization


def triplet_nll(theta: torch.Tensor, similar: torch.Tensor, margin: float) -> torch.Tensor:
    """Mean of softplus(margin - theta_qp + theta_qn) over all triplets of a batch; 0 where there are none.

    theta, similar: (b, b). O(b^3) memory: a mask over all triplets, as an index would wait for the device.
    """
    positive = similar & all_pairs(len(theta), theta.device)
    triplet = positive[:, :, None] & ~similar[:, None, :]  # anchor, positive, negative
    losses = torch.nn.functional.softplus(margin - theta[:, :, None] + theta[:, None, :])
    return (losses * triplet).sum() / triplet.sum().clamp_min(1)
