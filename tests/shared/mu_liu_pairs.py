"""Batches, pairs and outputs for the tests of Mu & Liu's loss."""

import torch

from hashbench.methods.mu_liu import MuLiu, kind_weights, pair_losses
from hashbench.training import Batch

SIZES = [(3, 1.0), (12, 1.0), (12, 5.0), (48, 1.0), (48, 5.0)]


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def bits(n, n_bits, seed=0):
    return random(n, n_bits, seed=seed).sign()


def similar_of(n, n_classes=3):
    y = torch.arange(n) % n_classes
    return y[:, None] == y


def batch(labels):
    return Batch(labels, torch.arange(len(labels)), 0.0)


def pair_weights(n, n_classes=3):
    """Half for similar pairs, half for dissimilar ones, sum 1."""
    pairs = ~torch.eye(n, dtype=torch.bool)
    similar = similar_of(n, n_classes)
    n_similar, n_pairs = (similar & pairs).sum().double(), n * (n - 1)
    return pairs * kind_weights(similar, n_similar / n_pairs, 0.5) / n_pairs


def plain(**given):
    """Outputs as they come, so that the loss is a function of a batch alone."""
    method = MuLiu(deviation=None, **given)
    method.state_ = None
    return method


def bilinear_loss(h, similar, scale):
    return pair_losses(h, similar, (scale, scale))


MULTI_HOT = (random(9, 4, seed=3) > 0.3).float()
