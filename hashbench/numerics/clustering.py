"""Cluster centres, and the sparse graph between items and anchors that several methods are built on."""

from __future__ import annotations

import torch

from hashbench.errors import InvalidInputError
from hashbench.numerics.kernels import ROWS, sample_rows, squared_distances


def unit_rows(X: torch.Tensor) -> torch.Tensor:
    """Rows (n, d) scaled to Euclidean length 1; a row of zeros stays zero."""
    return torch.nn.functional.normalize(X)


def nearest(X: torch.Tensor, centres: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The squared distance (n,) of each row to its nearest centre, and which centre that is (n,) int64."""
    parts = [squared_distances(part, centres).min(1) for part in X.split(ROWS)]
    return torch.cat([part.values for part in parts]), torch.cat([part.indices for part in parts])


def kmeans(
    X: torch.Tensor, k: int, n_iter: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Centres (k, d) of X (n, d) after n_iter turns of Lloyd's algorithm, and each row's centre (n,) int64.

    The first centres are rows drawn at random; where there are fewer than k rows, there are so many centres.
    A centre without rows moves to the row farthest from its own centre (two such to the two farthest, ...).
    Sums are matrix products: no order of additions is left to chance. Raises InvalidInputError for k < 1.
    """
    centres = sample_rows(X, k, generator)
    distance, member = nearest(X, centres)
    for _ in range(n_iter):
        sums, counts = torch.zeros_like(centres), centres.new_zeros(len(centres))
        for part, own in zip(X.split(ROWS), member.split(ROWS), strict=True):
            belongs = torch.nn.functional.one_hot(own, len(centres)).to(X)
            sums += belongs.T @ part
            counts += belongs.sum(0)
        # The j-th empty centre takes the j-th farthest row; the others' ranks are not used.
        rank = ((counts == 0).cumsum(0) - 1).clamp(min=0)
        far = X[distance.argsort(descending=True, stable=True)[: len(centres)]][rank]
        centres = torch.where((counts == 0)[:, None], far, sums / counts.clamp(min=1)[:, None])
        distance, member = nearest(X, centres)
    return centres, member


def anchor_graph(
    X: torch.Tensor, anchors: torch.Tensor, s: int, sigma_squared: float | None = None
) -> tuple[torch.Tensor, torch.Tensor, float]:
    """Each row's s nearest anchors (n, s) int64, nearest first, their weights (n, s), and sigma^2.

    Weights are exp(-||x - anchor||^2 / sigma^2), scaled to sum 1 in a row. sigma_squared: None takes for
    sigma the mean distance of X to the s-th nearest anchor (Liu, Wang, Kumar, Chang, "Hashing with graphs",
    ICML 2011, and the authors' code); encoding new rows takes that of the training rows.
    Raises InvalidInputError where there are fewer than s anchors, or s < 1.
    """
    if not 1 <= s <= len(anchors):
        raise InvalidInputError(f"n_nearest={s} anchors of an item: there are {len(anchors)} anchors")
    parts = [squared_distances(part, anchors).topk(s, largest=False) for part in X.split(ROWS)]
    distances = torch.cat([part.values for part in parts])
    if sigma_squared is None:
        sigma = float(distances[:, -1].sqrt().mean())
        sigma_squared = sigma**2 or 1.0  # all rows are anchors: any width will do
    # Less the nearest distance, which the scaling of the rows takes out again, no row underflows to zero.
    weights = ((distances[:, :1] - distances) / sigma_squared).exp()
    return torch.cat([part.indices for part in parts]), weights / weights.sum(1, keepdim=True), sigma_squared


def graph_rows(indices: torch.Tensor, weights: torch.Tensor, m: int) -> torch.Tensor:
    """The graph of ``anchor_graph`` as one matrix Z (n, m), zero where an anchor is not among the nearest."""
    return weights.new_zeros(len(weights), m).scatter_(1, indices, weights)


def graph_mean(indices: torch.Tensor, weights: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Z values (n, r): the mean of the values (m, r) of each item's anchors, by its weights."""
    return (weights[:, :, None] * values[indices]).sum(1)
