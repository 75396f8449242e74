"""Two-step hashing (TSH).

Lin, Shen, Suter, van den Hengel, "A general two-step approach to learning-based hashing", ICCV 2013. Step 1
finds the bits of the training items one after the other, without a hash function: any loss of Hamming
distances is a quadratic function of the next bit, min sum a_ij z_i z_j with a_ij the loss if the bits are
equal less the loss if they differ. Step 2 learns each bit by a classifier.
Formula: read in the authors' code (fasthash_*.m of FastHash, in a public copy); what is TSH's own from
memory.
Departures from the paper: items of one class have the same a_ij to all others, so that step 1 gives one bit
a class: it is solved over classes (sets of labels), weighted by their sizes, by coordinate descent from a
spectral and from random starts; the paper solves it over items, by a spectral start and L-BFGS. The
classifier is ridge regression on RBF features or on the features, in place of an SVM. n_bits in the hinge
loss counts the bits so far, as in FastHash. Sets of labels are similar where they share one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.numerics import (
    KernelMap,
    binary_quadratic,
    cholesky,
    gram,
    label_sets,
    pair_weights,
    sample_rows,
    sign,
    squared_distances,
    top_eigenvectors,
    wide,
)


@dataclass(eq=False, repr=False, kw_only=True)
class TSH(HashMethod):
    """Codewords of classes that minimise a loss of Hamming distances, then regressed.

    loss: "hinge" or "ksh" (``numerics.pair_weights``; the loss of BRE is a quarter of the latter).
    classifier: on "rbf" features or "linear".
    n_anchors: number of RBF features.
    n_neighbours: sigma^2 is half of the mean squared distance of the anchors to that many nearest items.
    ridge: of the regression, in units of the mean diagonal.
    n_starts: random starts of step 1.
    """

    supervision: ClassVar = "supervised"
    loss: Literal["hinge", "ksh"] = "hinge"
    classifier: Literal["rbf", "linear"] = "rbf"
    n_anchors: int = 500
    n_neighbours: int = 50
    ridge: float = 1e-4
    n_starts: int = 10

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        assert y is not None
        if self.loss not in ("hinge", "ksh") or self.classifier not in ("rbf", "linear"):
            raise InvalidInputError(
                f"{self.name()}: loss={self.loss!r} must be 'hinge' or 'ksh', classifier={self.classifier!r} "
                "'rbf' or 'linear'"
            )
        member, similarity = label_sets(y)
        words = self._words(similarity > 0, member.bincount().to(X), generator)
        self.mean_ = X.mean(0)
        self.kernel_ = self._kernel_map(X, generator) if self.classifier == "rbf" else None
        phi = self._features(X)
        root = cholesky(gram(phi, phi), self.ridge, relative=True)
        self.projection_ = torch.cholesky_solve(gram(phi, words[member]), root).to(X)

    def _words(self, similar: torch.Tensor, sizes: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Codewords (s, n_bits) of sets of sizes (s,), similar (s, s) bool: step 1."""
        words = torch.empty(len(sizes), 0).to(sizes)
        for k in range(self.n_bits):
            differ = (k - words @ words.T) / 2
            A = torch.outer(sizes, sizes) * pair_weights(differ, similar, k + 1, self.loss)
            spectral = sign(top_eigenvectors(-wide(A), 1)[1].T).to(A)
            starts = sign(torch.randn(self.n_starts, len(sizes), generator=generator)).to(A)
            z = binary_quadratic(A, torch.zeros_like(sizes), torch.cat([spectral, starts]))
            words = torch.cat([words, z[:, None]], 1)
        return words

    def _kernel_map(self, X: torch.Tensor, generator: torch.Generator) -> KernelMap:
        anchors = sample_rows(X, self.n_anchors, generator)
        near = squared_distances(anchors, X).topk(min(self.n_neighbours, len(X)), largest=False).values
        width = float(near.mean()) / 2
        return KernelMap(anchors, width if width > 0 else 1.0, normalize=False, constant=True)

    def _features(self, X: torch.Tensor) -> torch.Tensor:
        if self.kernel_ is not None:
            return self.kernel_(X)
        return torch.nn.functional.pad(X - self.mean_, (0, 1), value=1.0)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return self._features(X) @ self.projection_
