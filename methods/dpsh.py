"""Deep pairwise-supervised hashing (DPSH).

Li, Wang & Kang, "Feature learning based deep supervised hashing with pairwise labels", IJCAI 2016.

Formula: read in the authors' code (jiangqy/DPSH-pytorch).
Departures from the paper: pairs are those within a batch, not the batch against the stored outputs of the
whole training set; both terms are means, over pairs and over images; backbone and recipe are the suite's.
The quantisation weight is 50 / n_train at the authors' 5,000 training images. That is their eta = 50 in the
normalisation of the MatConvNet release, where both images of a pair get gradients; the demo of the PyTorch
release corresponds to 0.004.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.training import Batch, DeepHashMethod, mean_of_pairs, pair_nll, same_label


@dataclass(eq=False, repr=False, kw_only=True)
class DPSH(DeepHashMethod):
    """DPSH. eta: weight of the quantisation term, eq. (4)."""

    eta: float = 0.01

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Eq. (4): -log p(s_ij | Theta_ij = <z_i, z_j> / 2), plus eta ||z_i - sign(z_i)||^2."""
        likelihood = mean_of_pairs(pair_nll(z @ z.T / 2, same_label(batch.labels)))
        quantization = (z - z.sign()).square().sum(dim=1).mean()
        return likelihood + self.eta * quantization
