"""Anchors, distances to them, and the kernel features that they give."""

from __future__ import annotations

import torch

from hashbench.errors import InvalidInputError

ROWS = 8192  # rows handled at a time where an intermediate would be as large as the data


def sample_rows(X: torch.Tensor, k: int, generator: torch.Generator) -> torch.Tensor:
    """k rows of X drawn without replacement; all of X, shuffled, where it has no more than k.

    Raises InvalidInputError where k, the number of anchors, is below 1.
    """
    if k < 1:
        raise InvalidInputError(f"n_anchors={k}: at least one anchor is needed")
    return X[torch.randperm(len(X), generator=generator)[:k].to(X.device)]


def squared_distances(X: torch.Tensor, anchors: torch.Tensor) -> torch.Tensor:
    """Squared Euclidean distances (n, m) between rows X (n, d) and anchors (m, d)."""
    # With the anchors' mean as origin, the expansion does not cancel where the data lie far from zero.
    origin = anchors.mean(0)
    left, right = X - origin, anchors - origin
    squares = left.square().sum(1, keepdim=True) + right.square().sum(1)
    return (squares - 2 * left @ right.T).clamp(min=0)


def mean_squared_distance(X: torch.Tensor, anchors: torch.Tensor) -> float:
    """Mean of ``squared_distances``, the bandwidth rule of the KSH authors' release (their sigma**2)."""
    parts = [squared_distances(part, anchors).sum(dtype=torch.float32) for part in X.split(ROWS)]
    mean = float(sum(float(part) for part in parts)) / (len(X) * len(anchors))
    return mean if mean > 0 else 1.0  # all rows equal: any width will do


def rbf(X: torch.Tensor, anchors: torch.Tensor, sigma_squared: float) -> torch.Tensor:
    """Kernel features (n, m): exp(-||x - anchor||^2 / (2 sigma^2))."""
    return torch.cat([(squared_distances(p, anchors) / (-2 * sigma_squared)).exp() for p in X.split(ROWS)])
