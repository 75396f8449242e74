"""Canonical correlations of images and texts, rotated by ITQ (CCA-ITQ of two views).

Gong, Lazebnik, Gordo, Perronnin, "Iterative quantization: a Procrustean approach to learning binary codes for
large-scale image retrieval", TPAMI 2013, with the texts in the place of the labels; both views are encoded as
in Gong, Ke, Isard, Lazebnik, "A multi-view embedding space for modeling Internet images, tags, and their
semantics", IJCV 2014. Directions A, B maximise the correlation of X A and T B; each is scaled by its
correlation. ITQ's rotation R is learned on both views, one below the other, and applied to both: codes are
the signs of X A R and T B R.
Where the texts have fewer independent words than the code has bits, the missing directions are zero and the
rotation spreads the others over all bits.

Formula: read in the authors' code (Gong's cca.m, in a copy).
Departures from the paper: TPAMI encodes images only; the stacked fit of R is ours. IJCV raises the
correlations to the power 4, TPAMI to 1; power is a parameter, 1 by default. Both views are centred by their
training means. The ridges are ours, relative to each view's mean variance; chosen among
0.01, 0.1, 1, 10 (images) and 0.0001, 0.01, 1 (texts) by the mAP of texts that ask for images among 1,500 of
the 5,000 training images of MNIST and of CIFAR-10 under protocol cross-view, held out from the fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.families.canonical import CanonicalViews
from hashbench.numerics import procrustes, random_rotation, sign


@dataclass(eq=False, repr=False, kw_only=True)
class CCAITQViews(CanonicalViews):
    """Directions in which images and texts agree, rotated to lie near the corners of the hypercube.

    power: of a direction's correlation, which scales it.
    n_iter: iterations of ITQ's two steps.
    """

    power: float = 1.0
    n_iter: int = 50

    def _fit(
        self,
        X: torch.Tensor,
        y: torch.Tensor | None,
        generator: torch.Generator,
        texts: torch.Tensor | None = None,
    ) -> None:
        assert texts is not None
        centred, words, A, B, correlations = self._correlate(X, texts)
        A, B = (side * correlations**self.power for side in (A, B))
        V = torch.cat([centred @ A.to(X), words @ B.to(X)])
        R = random_rotation(self.n_bits, generator).to(X)
        for _ in range(self.n_iter):
            R = procrustes(V, sign(V @ R))
        self.directions_, self.text_directions_ = A.to(X) @ R, B.to(X) @ R
