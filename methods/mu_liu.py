"""Deep hashing with an exponentiated loss (Mu & Liu).

Mu & Liu, "Deep Hashing: A Joint Approach for Image Signature Learning", AAAI 2017.

Only the abstract is at hand. It fixes: an exponentiated loss on pairs, a bilinear smooth approximation of it,
back-propagation, and a network pre-trained for classification. Derived here: the loss of a pair on bits,
exp(-(a s / K) <b_i, b_j>) with s = +-1 for (dis)similar pairs, equals
prod_k (cosh(a/K) - s sinh(a/K) b_ik b_jk), and no other bilinear form does. Put the expected bits
h = tanh(z / 2) for b: the value is the exact expected loss of independent stochastic bits. It is affine in
each h_ik, so its minimum over the cube is attained at binary codes; no quantisation penalty is needed.

Departures from the paper: unknown beyond the abstract; scale, pair weights and network are ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from hashbench.training import Batch, DeepHashMethod, all_pairs, same_label


@dataclass(eq=False, repr=False, kw_only=True)
class MuLiu(DeepHashMethod):
    """Mu & Liu's joint deep hashing.

    scale: a, the exponent of a pair whose codes agree (or differ) in every bit.
    similar_weight: the share of the loss that falls to similar pairs, whatever their number in the batch.
    """

    scale: float = 1.0
    similar_weight: float = 0.5

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Weighted mean over ordered pairs of two images; in [exp(-a), exp(a)]."""
        similar = same_label(batch.labels)
        pairs = all_pairs(len(z), z.device)
        values = bilinear_loss(torch.tanh(z / 2), similar, self.scale)
        weights = balanced_weights(similar & pairs, ~similar & pairs, self.similar_weight)
        return (weights * values).sum()


def bilinear_loss(h: torch.Tensor, similar: torch.Tensor, scale: float) -> torch.Tensor:
    """(b, b): prod_k (cosh(a/K) - s_ij sinh(a/K) h_ik h_jk) of expected bits h (b, K) in [-1, 1].

    In the log domain: log P_ij lies in [-a, a], so nothing can overflow.
    """
    x = scale / h.shape[1]
    sign = similar.to(h.dtype) * 2 - 1
    terms = torch.log1p(-math.tanh(x) * sign[:, :, None] * h[:, None, :] * h[None, :, :])
    log_cosh = x + math.log1p(math.exp(-2 * x)) - math.log(2)
    return (h.shape[1] * log_cosh + terms.sum(dim=2)).exp()


def balanced_weights(similar: torch.Tensor, dissimilar: torch.Tensor, share: float) -> torch.Tensor:
    """(b, b) weights of sum 1: ``share`` spread over the similar pairs, the rest over the dissimilar ones.

    Where a batch lacks one kind, the other gets all the weight.
    """
    n_similar, n_dissimilar = similar.sum(), dissimilar.sum()
    share_similar = torch.where(n_dissimilar == 0, 1.0, torch.where(n_similar == 0, 0.0, share))
    return similar * (share_similar / n_similar.clamp_min(1)) + dissimilar * (
        (1 - share_similar) / n_dissimilar.clamp_min(1)
    )
