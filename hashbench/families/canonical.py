"""Canonical correlations of images and texts, which several cross-view methods turn into bits."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.contracts.cross_view import CrossViewMethod
from hashbench.numerics import canonical_pairs, cholesky, gram


@dataclass(eq=False, repr=False, kw_only=True)
class CanonicalViews(CrossViewMethod):
    """Both views centred by their training means and projected. A method's ``_fit`` calls ``_correlate`` and
    sets ``directions_`` (d, n_bits) and ``text_directions_`` (V, n_bits).

    ridge, text_ridge: added to the diagonals of the covariances of images and texts, in units of their mean
        diagonals.
    """

    ridge: float = 1.0
    text_ridge: float = 1e-4

    def _correlate(
        self, X: torch.Tensor, texts: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """X and texts, centred, and their ``canonical_pairs``: float64 pairs and correlations."""
        self.mean_, self.text_mean_ = X.mean(0), texts.mean(0)
        centred, words = X - self.mean_, texts - self.text_mean_
        left = cholesky(gram(centred, centred) / len(X), self.ridge, relative=True)
        right = cholesky(gram(words, words) / len(X), self.text_ridge, relative=True)
        A, B, correlations = canonical_pairs(left, right, gram(centred, words) / len(X), self.n_bits)
        return centred, words, A, B, correlations

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return (X - self.mean_) @ self.directions_

    def _project_text(self, T: torch.Tensor) -> torch.Tensor:
        return (T - self.text_mean_) @ self.text_directions_
