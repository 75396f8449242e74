"""Stage 1: the backbone learns to classify the labelled training images. Shared by all deep methods."""

from __future__ import annotations

from pathlib import Path

import torch

from hashbench.contracts.recipe import UNMIRRORED, Invariances, Recipe
from hashbench.system.device import fork_rng
from hashbench.training.batches import Batches
from hashbench.training.images import DeviceImages, spread
from hashbench.training.loop import train
from hashbench.training.losses import classification_loss
from hashbench.training.network import Network, build_network

STATISTICS_SAMPLE = 512  # images that give an untrained backbone its batch statistics


def train_backbone(
    pixels: torch.Tensor,
    labels: torch.Tensor,
    recipe: Recipe,
    seed: int,
    *,
    invariances: Invariances = UNMIRRORED,
    checkpoint: Path | None = None,
) -> Network:
    """A network trained for ``recipe.pretrain_epochs`` epochs with softmax cross-entropy, in eval mode.

    pixels: (n, c, h, w) uint8. labels: (n,) int64 class indices, or (n, C) float32 multi-hot, for which each
    class gets a logistic loss of its own. With no pre-training epochs the network is as initialised.
    """
    n_classes = labels.shape[1] if labels.ndim == 2 else int(labels.max()) + 1
    network = untrained_network(pixels, recipe, n_classes, seed, invariances=invariances)
    losses = train(
        network,
        Batches(DeviceImages(pixels, recipe, invariances), labels),
        lambda z, batch: classification_loss(z, batch, recipe.label_smoothing),
        groups=[(network, recipe.lr)],
        epochs=recipe.pretrain_epochs,
        seed=seed,
        checkpoint=checkpoint,
    )
    network.pretrain_losses = tuple(losses)
    return network


def untrained_network(
    pixels: torch.Tensor,
    recipe: Recipe,
    n_outputs: int,
    seed: int,
    *,
    invariances: Invariances = UNMIRRORED,
) -> Network:
    """A randomly initialised network for images like ``pixels``, in eval mode.

    Its batch normalisation has the statistics of some of these images. Without them, evaluation mode and
    training mode would differ, and a fresh hash layer would be scaled for the wrong outputs.
    """
    with fork_rng(pixels.device):
        torch.manual_seed(seed)
        network = build_network(pixels, recipe, n_outputs, invariances)
        torch.optim.swa_utils.update_bn([spread(pixels, STATISTICS_SAMPLE)], network)
    return network.eval()
