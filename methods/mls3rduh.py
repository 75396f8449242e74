"""Manifold-based local semantic similarity structure reconstruction (MLS3RDUH).

Tu, Mao & Wei, "MLS3RDUH: deep unsupervised hashing via manifold based local semantic similarity structure
reconstructing", IJCAI 2020.

Formula: read in the authors' code (rongchengtu1/MLS3RDUH).
Departures from the paper: the start is the suite's label-free network in evaluation mode, not VGG-16 trained
on ImageNet with dropout, so no published number compares. The graph's inverse is dense: beyond
``n_graph`` images an evenly spread part of them makes the graph, and any other image takes the place of the
nearest of these. Negative cosines weigh 0 in the graph. Recipe and optimiser are the suite's (the authors:
SGD without momentum).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from hashbench.contracts.recipe import Pretraining
from hashbench.training import Batch, DeepHashMethod, TrainingData, cosines, log_cosh
from hashbench.training.fixed import FixedFeatures

NEAR, MANIFOLD = 0.06, 0.09  # shares of the images that are neighbours
DIFFUSION = 0.99


class Graph(FixedFeatures):
    """The activations of the images in the graph, the place of each image in it, and the table of S."""

    place: torch.Tensor
    confirmed: torch.Tensor


@dataclass(eq=False, repr=False, kw_only=True)
class MLS3RDUH(DeepHashMethod):
    """Neighbours by cosine count as similar where the manifold of the activations confirms it.

    n_graph: the most images in the graph.
    """

    pretraining: Pretraining = "softmax"
    start_from: str = "ssl"
    n_graph: int = 5000

    supervision: ClassVar = "unsupervised"

    def make_state(self, data: TrainingData) -> Graph:
        """The graph of the start's activations."""
        state = Graph(data)
        everything = state.rows
        state.rows = everything[:: -(-data.n // self.n_graph)]
        places = [cosines(part, state.rows).argmax(dim=1) for part in everything.split(1000)]
        own = torch.arange(data.n, device=everything.device)
        state.register_buffer("place", own if len(state.rows) == data.n else torch.cat(places))
        state.register_buffer("confirmed", confirmed(state.rows))
        return state

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The mean over all pairs of log cosh(h_i . h_j / K - S), h = tanh(z)."""
        state = self.state_
        assert isinstance(state, Graph)
        place = state.place[batch.index]
        similar = similarity(state(place), state.confirmed[place[:, None], place])
        h = z.tanh()
        return log_cosh(h @ h.T / z.shape[1] - similar).mean()


def similarity(features: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """S in [-1, 1] of features (b, d): 2 s - 1, s their cosines, or the 1 or 0 of the table (b, b)."""
    return 2 * torch.where(table < 0, cosines(features, features), table.to(features.dtype)) - 1


def confirmed(features: torch.Tensor) -> torch.Tensor:
    """The table (n, n) int8: 1 for neighbours that the manifold confirms, 0 for others, -1 where not near.

    Symmetric: a confirmation in one direction is enough, and outweighs the lack of one in the other.
    """
    n = len(features)
    s = cosines(features, features)
    near = among_largest(s.masked_fill(torch.eye(n, dtype=torch.bool, device=s.device), -2), NEAR)
    weights = s.clamp_min(0) * (near & near.T)
    joined = weights.sum(dim=1) > 0
    manifold = among_largest(diffused(weights), MANIFOLD) & joined & joined[:, None]
    refuted, agreed = near & ~manifold, near & manifold
    table = torch.full((n, n), -1, dtype=torch.int8, device=s.device)
    table.masked_fill_(refuted | refuted.T, 0)
    return table.masked_fill_(agreed | agreed.T, 1)


def diffused(weights: torch.Tensor) -> torch.Tensor:
    """(1 - a) (I - a D^-1/2 W D^-1/2)^-1 of weights W (n, n), a = 0.99, D the row sums; 0 / 0 = 0."""
    degree = weights.sum(dim=1)
    scale = torch.where(degree > 0, degree, 1).rsqrt()
    identity = torch.eye(len(weights), device=weights.device, dtype=weights.dtype)
    return (1 - DIFFUSION) * torch.linalg.inv(identity - DIFFUSION * scale[:, None] * weights * scale)


def among_largest(values: torch.Tensor, share: float) -> torch.Tensor:
    """(n, n) bool: the places of the ``share`` n largest values of each row, at least one."""
    largest = values.topk(max(1, int(share * len(values))), dim=1).indices
    return torch.zeros_like(values, dtype=torch.bool).scatter_(1, largest, True)
