"""Discrete steps over all training images that deep methods share: similarities by label, bits in turn."""

from __future__ import annotations

from typing import NamedTuple

import torch

from hashbench.numerics.words import sign


class LabelSets(NamedTuple):
    """Images grouped by their set of labels, so that a matrix of n x n similarities needs m x m numbers.

    of: (n,) int64, the set of each image. similar: (m, m) bool, whether two sets share a label.
    """

    of: torch.Tensor
    similar: torch.Tensor


def similar_sets(labels: torch.Tensor) -> LabelSets:
    """The sets of labels (n,) int64 or (n, C) multi-hot. An image without labels is similar to none."""
    if labels.ndim == 1:
        named, of = labels.unique(return_inverse=True)
        return LabelSets(of, torch.eye(len(named), dtype=torch.bool, device=labels.device))
    rows, of = labels.clamp_min(0).unique(dim=0, return_inverse=True)
    return LabelSets(of, rows @ rows.T > 0)


def sums_by_set(values: torch.Tensor, sets: LabelSets) -> torch.Tensor:
    """(m, k): the sum of the rows of values (n, k) over the images of each set. O(n m) memory."""
    members = torch.nn.functional.one_hot(sets.of, len(sets.similar))
    return members.to(values.dtype).T @ values


def asymmetric_similarity(sets: LabelSets) -> torch.Tensor:
    """(m, m): 1 for similar sets, -r for others, r = similar pairs / dissimilar pairs of images; ADSH, DDSH.

    The sum over all pairs of images is 0. Without dissimilar pairs, r is 0.
    """
    counts = torch.nn.functional.one_hot(sets.of, len(sets.similar)).sum(dim=0)
    pairs = counts[:, None] * counts
    n_similar, n_all = (pairs * sets.similar).sum(), pairs.sum()
    ratio = n_similar / (n_all - n_similar).clamp_min(1)
    return torch.where(sets.similar, 1.0, -ratio).float()


def bits_in_turn(B: torch.Tensor, inner: torch.Tensor, Q: torch.Tensor, n_cycles: int) -> torch.Tensor:
    """Codes (n, K) after coordinate descent from B on tr(B inner B') - 2 tr(B'Q), until no bit changes.

    inner: (K, K), symmetric. One column of B after the other is set to its minimiser,
    sgn(Q_k - sum_{l != k} inner_kl B_l) (Shen, Shen, Liu & Shen, "Supervised discrete hashing", CVPR 2015);
    where that is sgn(0) the old bit stays, so that no step raises the objective.
    """
    B = B.clone()
    for _ in range(n_cycles):
        before = B.clone()
        for bit in range(B.shape[1]):
            pull = Q[:, bit] - (B @ inner[bit] - B[:, bit] * inner[bit, bit])
            B[:, bit] = torch.where(pull == 0, B[:, bit], sign(pull))
        if torch.equal(B, before):
            break
    return B
