"""Semi-supervised deep hashing with a bipartite graph (BGDH), inductive form.

Yan, Zhang & Li, "Semi-Supervised Deep Hashing with a Bipartite Graph", IJCAI 2017.

A bipartite graph joins all images, labelled or not, to a few anchors, so that its cost is linear in the
images. Each image has an embedding e that is trained to predict its context in the graph, with context
vectors w and random images as noise (Yang, Cohen & Salakhutdinov, ICML 2016, "Planetoid"):
L_g = -mean of log sigmoid(w_j . e_i) + sum over noise n of log sigmoid(-w_n . e_i). Its context j is found by
two steps of a random walk, from i to an anchor and back to an image, with the probabilities Z Lambda^-1 Z^T;
in half of the pairs, i and j are labelled images of one class instead. The code is a linear layer on
[f(x); relu(FC e)], f the network's features. It learns from the pairs of labelled images, by the likelihood
of DPSH (Li, Wang & Kang, IJCAI 2016).

Formula: from memory (the abstract was read; no code was found).
Departures from the paper: its abstract is all that is at hand. It fixes the bipartite graph, embeddings that
predict the context, images and embeddings joined before the hash layer, any pairwise loss, and an
inductive form whose embedding is a function of fixed features. Only that form can encode new images; it is
the one here, with the features of the start network. Reconstructed or ours are all numbers: anchors by
k-means, Gaussian affinities to the nearest, the length of the walk, the sizes of e and of a step, weights.
The paper may alternate steps of both losses; here each step descends their sum. Images without labels reach
only L_g, which does not read the batch; nine tenths of a batch are labelled therefore. Backbone and recipe
are the suite's.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import nn
from torch.nn.functional import softplus

from hashbench.numerics import sample_rows, squared_distances
from hashbench.training import Batch, DeepHashMethod, TrainingData, all_pairs, pair_nll, same_label
from hashbench.training.network import Network

SAMPLE, ROUNDS = 10_000, 20  # of k-means: images whose features place the anchors, and rounds
UNIT = 2**20  # weights of the graph are whole numbers of 1 / UNIT: their sums are exact
MANY = 2**62  # whole numbers below it, modulo a far smaller one, are even


@dataclass(eq=False, repr=False, kw_only=True)
class BGDH(DeepHashMethod):
    """BGDH-I. eta: weight of the quantisation, as in DPSH. graph_weight: weight of L_g.

    n_anchors, n_nearest: anchors of the graph, and to how many each image is joined. n_pairs, n_noise: pairs
    of a step, and noise images of each. label_share: pairs that labels give. width: the length of e.
    """

    eta: float = 0.01
    graph_weight: float = 1.0
    n_anchors: int = 300
    n_nearest: int = 3
    n_pairs: int = 200
    n_noise: int = 5
    label_share: float = 0.5
    width: int = 128

    supervision: ClassVar = "semi-supervised"
    labelled_share: ClassVar[float | None] = 0.9

    def make_state(self, data: TrainingData) -> nn.Module:
        """The graph, the embedding and what the hash layer reads of it, and the start network."""
        features = data.features()
        anchors = k_means(features, self.n_anchors, self.random_state)
        graph = Graph(*affinities(features, anchors, self.n_nearest), labelled_images(data))
        return Embedding(self.network_, features, graph, self.width, self.n_bits)

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The hash loss of labelled images + graph_weight * L_g; pairs come from torch's global generator."""
        state = cast(Embedding, self.state_)
        z = z + state.code(state.start_features[batch.index])
        known = batch.labelled
        pairs = known[:, None] & known & all_pairs(len(z), z.device)
        likelihood = (pair_nll(z @ z.T / 2, same_label(batch.labels)) * pairs).sum()
        quantization = ((z - z.sign()).square().sum(dim=1) * known).sum()
        hashing = likelihood / pairs.sum().clamp_min(1) + self.eta * quantization / known.sum().clamp_min(1)
        first, second = state.graph.pairs(self.n_pairs, self.label_share)
        noise = torch.randint(len(state.context), (self.n_pairs, self.n_noise), device=z.device)
        embedded = state.embed(state.start_features[first])
        return hashing + self.graph_weight * context_loss(
            embedded, state.context[second], state.context[noise]
        )

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        state = cast(Embedding, self.state_)
        return self.network_.eval()(X) + state.code(state.start.features(X))


class Embedding(nn.Module):
    """The embedding e of start features, its part of the code, and the context vectors.

    network: its backbone is copied before it is trained, and stays as it is. features: (n, d) float32 of all
    training images.
    """

    start_features: torch.Tensor
    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(
        self, network: Network, features: torch.Tensor, graph: Graph, width: int, n_bits: int
    ) -> None:
        super().__init__()
        n, d = features.shape
        self.start = copy.deepcopy(network)
        self.start.freeze_backbone()
        self.start.head.requires_grad_(False)
        self.graph = graph
        self.register_buffer("start_features", features, persistent=False)  # can be computed again
        self.register_buffer("mean", features.mean(dim=0))
        self.register_buffer("deviation", features.std(dim=0, correction=0).clamp_min(1e-3))
        self.embedding = nn.Sequential(nn.Linear(d, width), nn.ReLU(), nn.Linear(width, width))
        self.joined = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, n_bits, bias=False))
        self.context = nn.Parameter(torch.randn(n, width) / width**0.5)

    def embed(self, features: torch.Tensor) -> torch.Tensor:
        """e (b, width) of start features (b, d)."""
        return self.embedding((features - self.mean) / self.deviation)

    def code(self, features: torch.Tensor) -> torch.Tensor:
        """What the embedding adds to the hash layer's outputs, (b, n_bits)."""
        return self.joined(self.embed(features))


class Graph(nn.Module):
    """Draws pairs of images: ends of walks over anchors, or of one class. Its tables are not saved.

    nearest: (n, s) int64, each image's anchors. weights: (n, s), rows sum to 1. labelled: (2, l) int64, class
    and image of each label, sorted by class.
    """

    nearest: torch.Tensor
    steps: torch.Tensor
    ends: torch.Tensor
    walked: torch.Tensor
    first: torch.Tensor
    total: torch.Tensor
    labelled: torch.Tensor
    first_of_class: torch.Tensor
    n_of_class: torch.Tensor

    def __init__(self, nearest: torch.Tensor, weights: torch.Tensor, labelled: torch.Tensor) -> None:
        super().__init__()
        edges, anchors = nearest.flatten().sort(stable=True).indices, nearest.flatten()
        whole = (weights.flatten()[edges] * UNIT).round().long().clamp_min(1)
        of_anchor = torch.zeros(int(anchors.max()) + 1, dtype=torch.int64, device=nearest.device)
        of_anchor.index_add_(0, anchors[edges], whole)
        counts = labelled[0].bincount()
        tables = {
            "nearest": nearest,
            "steps": weights.cumsum(dim=1)[:, :-1].contiguous(),
            "ends": edges // nearest.shape[1],  # images, anchor by anchor
            "walked": whole.cumsum(0),
            "first": of_anchor.cumsum(0) - of_anchor,
            "total": of_anchor,
            "labelled": labelled,
            "first_of_class": counts.cumsum(0) - counts,
            "n_of_class": counts,
        }
        for name, table in tables.items():
            self.register_buffer(name, table, persistent=False)

    def pairs(self, n: int, label_share: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Images i and j, (n,) int64 each; on average this share of the pairs comes from labels."""
        device = self.nearest.device
        by_label = torch.rand(n, device=device) < label_share
        starts = torch.randint(len(self.nearest), (n,), device=device)
        walked, related = (starts, self.walk(starts)), self.of_one_class(n)
        first, second = (torch.where(by_label, b, a) for a, b in zip(walked, related, strict=True))
        return first, second

    def walk(self, images: torch.Tensor) -> torch.Tensor:
        """From each image (n,) to an anchor and on to an image, with the probabilities Z Lambda^-1 Z^T."""
        drawn = torch.rand(len(images), 1, device=images.device)
        step = (drawn >= self.steps[images]).sum(dim=1, keepdim=True)
        anchor = self.nearest[images].gather(1, step)[:, 0]
        place = (
            self.first[anchor]
            + torch.randint(MANY, (len(images),), device=images.device) % self.total[anchor]
        )
        return self.ends[torch.searchsorted(self.walked, place, right=True)]

    def of_one_class(self, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        """n times a labelled image, and one that shares a class with it (itself, by chance)."""
        classes, images = self.labelled
        label = torch.randint(len(images), (n,), device=images.device)
        named = classes[label]
        other = torch.randint(MANY, (n,), device=images.device) % self.n_of_class[named]
        return images[label], images[self.first_of_class[named] + other]


def context_loss(embedded: torch.Tensor, context: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """L_g of embeddings (p, w), their context vectors (p, w) and those of noise (p, r, w)."""
    of_noise = softplus((noise * embedded[:, None]).sum(dim=2)).sum(dim=1)
    return (softplus(-(context * embedded).sum(dim=1)) + of_noise).mean()


def affinities(
    features: torch.Tensor, anchors: torch.Tensor, n_nearest: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Z: each image's nearest anchors (n, s) int64 and their weights (n, s), whose rows sum to 1.

    A weight is exp(-d^2 / sigma^2) up to the row's factor; sigma^2 is the mean of d^2 to the s-th anchor.
    """
    distances, nearest = squared_distances(features, anchors).topk(
        min(n_nearest, len(anchors)), largest=False
    )
    return nearest, (-distances / distances[:, -1].mean().clamp_min(1e-12)).softmax(dim=1)


def k_means(features: torch.Tensor, k: int, seed: int) -> torch.Tensor:
    """k centres (k, d) of features (n, d) float32, by Lloyd's rounds from random rows of a sample."""
    generator = torch.Generator().manual_seed(seed)
    sample = sample_rows(features, SAMPLE, generator)
    centres = sample_rows(sample, k, generator)
    for _ in range(ROUNDS):
        nearest = squared_distances(sample, centres).argmin(dim=1)
        members = torch.nn.functional.one_hot(nearest, len(centres)).to(sample)
        counts = members.sum(dim=0)[:, None]
        centres = torch.where(counts > 0, members.T @ sample / counts.clamp_min(1), centres)
    return centres


def labelled_images(data: TrainingData) -> torch.Tensor:
    """(2, l) int64: class and image of each label, sorted by class."""
    labels = data.labels
    if labels.ndim == 2:
        return (labels.T > 0).nonzero().T.contiguous()
    classes, images = labels.sort(stable=True)
    return torch.stack([classes, images])[:, classes >= 0]
