"""Steps over variables that are -1 or +1: coordinate descent, which never raises its objective."""

from __future__ import annotations

from typing import Literal

import torch

from hashbench.numerics.words import sign


def coordinate_descent(B: torch.Tensor, inner: torch.Tensor, Q: torch.Tensor, n_cycles: int) -> torch.Tensor:
    """Codes (n, r) of -1 and +1 from B that lower tr(B inner B') - 2 tr(B'Q), column by column.

    inner: (r, r), symmetric. Q: (n, r). At most n_cycles cycles over the columns; it ends where none changes.
    This is the discrete cyclic coordinate descent of Shen et al., "Supervised discrete hashing", CVPR 2015.
    """
    B = B.clone()
    for _ in range(n_cycles):
        before = B.clone()
        for bit in range(B.shape[1]):
            others = B @ inner[bit] - B[:, bit] * inner[bit, bit]
            B[:, bit] = sign(Q[:, bit] - others)
        if torch.equal(B, before):
            break
    return B


def binary_quadratic(
    A: torch.Tensor, p: torch.Tensor, starts: torch.Tensor, n_cycles: int = 100
) -> torch.Tensor:
    """The best x (n,) of -1 and +1 found for min x'A x + p'x by coordinate descent from several starts.

    A: (n, n), symmetric; its diagonal adds the same for all x. p: (n,). starts: (k, n) of -1 and +1. A
    coordinate on which the objective does not depend stays as it is. The result is no worse than any start,
    and no single change makes it better, if n_cycles suffice.
    """
    A = A - torch.diag(A.diagonal())
    x = starts.clone()
    up, down = x.new_ones(()), -x.new_ones(())
    coordinates = list(zip(x.unbind(1), (2 * A).unbind(), p.unbind(), strict=True))  # views of x
    for _ in range(n_cycles):
        before = x.clone()
        for own, row, linear in coordinates:
            slope = x @ row + linear
            own.copy_(torch.where(slope == 0, own, torch.where(slope > 0, down, up)))
        if torch.equal(x, before):
            break
    return x[((x @ A) * x).sum(1).add(x @ p).argmin()]


def block_descent(
    z: torch.Tensor, block: torch.Tensor, weights: torch.Tensor, linear: torch.Tensor
) -> torch.Tensor:
    """Bits of a block of items that lower z'weights z + 2 linear'z over the block.

    z: (b,) of -1 and +1, the bits now. block: (k, b) of -1 and +1, where to start besides. weights: (b, b),
    symmetric. linear: (b,), what the items outside of the block add. From each start all bits that would gain
    flip at once, until none would, ten times at most. The best of all is returned, z among them: the
    objective does not rise. Where no weight is positive, flips from a start of equal bits cannot
    harm each other (the objective is submodular).
    """
    best = torch.cat([z[None], block])
    for _ in range(10):
        slope = best @ weights - best * weights.diagonal() + linear
        turned = torch.where(slope == 0, best, -sign(slope))
        turned[0] = z
        if torch.equal(turned, best):
            break
        best = turned
    return best[((best @ weights) * best).sum(1).add(2 * best @ linear).argmin()]


def pair_weights(
    differ: torch.Tensor, similar: torch.Tensor, n_bits: int, loss: Literal["hinge", "ksh"]
) -> torch.Tensor:
    """a_ij = loss with an equal next bit less loss with a different one: min sum a_ij z_i z_j sets that bit.

    differ: how many of the earlier bits of the pairs differ. similar: bool, of the same shape. n_bits: bits
    with the next one. loss, with m differing bits: "hinge": m^2 of similar pairs, max(n_bits / 2 - m, 0)^2 of
    others; "ksh": (n_bits s - inner product of the codes)^2, s = 1 of similar pairs, -1 of others.
    Source: Lin et al., "A general two-step approach to learning-based hashing", ICCV 2013; Hinge: CVPR 2014.
    """
    if loss == "ksh":
        return 4 * torch.where(similar, -2 * differ - 1, 2 * (n_bits - differ) - 1)
    short = n_bits / 2 - differ
    return torch.where(similar, -2 * differ - 1, short.clamp(min=0) ** 2 - (short - 1).clamp(min=0) ** 2)
