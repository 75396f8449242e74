"""The cosine loss of deep quantization networks (DQN), as a hash.

Cao, Long, Wang, Zhu & Wen, "Deep quantization network for efficient image retrieval", AAAI 2016. The cosine
of two outputs is regressed on +1 for similar pairs and on -1 for dissimilar ones.

With C > 2 classes -1 is out of reach for all dissimilar pairs: the best mean cosine between C directions is
-1 / (C - 1).

Formula: read in the authors' code (thulab/DeepHash), the pair loss; its quantisation is another one here.

Departures from the paper: it learns a product quantiser, whose error is the second term with weight 1e-4. The
suite ranks by Hamming distance; here the second term draws outputs to +-1, and its weight is ours. The mean
is over pairs of two different images. Backbone and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.numerics import sign
from hashbench.training import Batch, DeepHashMethod, cosines, mean_of_pairs, same_label


@dataclass(eq=False, repr=False, kw_only=True)
class DQNCosine(DeepHashMethod):
    """DQN's pair loss. eta: weight of ||z - sgn z||^2, the mean over images."""

    eta: float = 0.01

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Mean over pairs of (s_ij - cos(z_i, z_j))^2 with s_ij = +-1, plus eta ||z_i - sgn z_i||^2."""
        target = same_label(batch.labels).to(z.dtype) * 2 - 1
        quantization = (z - sign(z)).square().sum(dim=1).mean()
        return mean_of_pairs((target - cosines(z, z)).square()) + self.eta * quantization
