"""Signs of canonical correlations of images and texts (CCA; CVH in its smallest form).

Kumar & Udupa, "Learning hash functions for cross-view similarity search", IJCAI 2011 (CVH). Codes of two
views minimise sum_ij W_ij d(y_i, y_j), with d the Hamming distances summed over pairs of views and W the
similarities of items. Where all that is known is that text i belongs to image i, W is the identity, and the
relaxed problem is canonical correlation analysis (Hotelling, "Relations between two sets of variates",
Biometrika 1936): directions w, u that maximise the correlation of X w and T u. A bit is the sign of an
image's or a text's value in one direction.
There are at most as many directions as the texts have independent words; bits beyond these are constant.

Formula: from memory.
Departures from the paper: known to us by other texts, not by its own. W = identity; both views are centred
by their training means. The ridges are ours, relative to each view's mean variance; chosen among
0.01, 0.1, 1, 10 (images) and 0.0001, 0.01, 1 (texts) by the mAP of texts that ask for images among 1,500 of
the 5,000 training images of MNIST and of CIFAR-10 under protocol cross-view, held out from the fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.families.canonical import CanonicalViews


@dataclass(eq=False, repr=False, kw_only=True)
class CCASign(CanonicalViews):
    """Directions in which images and their texts agree."""

    def _fit(
        self,
        X: torch.Tensor,
        y: torch.Tensor | None,
        generator: torch.Generator,
        texts: torch.Tensor | None = None,
    ) -> None:
        assert texts is not None
        _, _, A, B, _ = self._correlate(X, texts)
        self.directions_, self.text_directions_ = A.to(X), B.to(X)
