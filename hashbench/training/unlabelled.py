"""Stage 1 without labels: the backbone learns that two views of an image are alike (VICReg).

Bardes, Ponce & LeCun, "VICReg: variance-invariance-covariance regularization for self-supervised learning",
ICLR 2022, eq. (1) to (6). Weights 25, 25 and 1 and the views are those of solo-learn's release for CIFAR-10:
a crop of at least a fifth of the area, jitter 0.4, hue 0.1, grey 0.2, solarised 0.1, no blur.

Departures from the paper: backbone, optimiser and batch size are the suite's; the projector has two hidden
layers of 512 units (release: 2,048), the jitter is always on (release: in 0.8 of the views). Where an image
with a hidden part can be of another class, as with digits, views are warped and shifted, not cropped.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from hashbench.contracts.recipe import UNMIRRORED, Invariances, Recipe
from hashbench.system.device import fork_rng
from hashbench.training.augmentation import Views
from hashbench.training.batches import Batches
from hashbench.training.images import DeviceImages
from hashbench.training.loop import train
from hashbench.training.network import Network
from hashbench.training.pretrain import untrained_network

WIDTH = 512  # of the projector's layers
INVARIANCE, VARIANCE, COVARIANCE = 25.0, 25.0, 1.0
COLOURS = Views(hue=0.1, grey=0.2, solarise=0.1)
ZOOM, WARP, JITTER = 0.2, 0.25, 0.4


def train_unlabelled(
    pixels: torch.Tensor,
    recipe: Recipe,
    seed: int,
    *,
    times: float = 1.0,
    invariances: Invariances = UNMIRRORED,
    checkpoint: Path | None = None,
) -> Network:
    """A network trained without labels, in eval mode.

    pixels: (n, c, h, w) uint8. It sees as many images as stage 1 with labels does, where both views of an
    image count, or that many ``times``. Without pre-training epochs it is as initialised. No label reaches
    this function: images come in plain random order, not by class.
    """
    network = untrained_network(pixels, recipe, WIDTH, seed, invariances=invariances)
    with fork_rng(pixels.device):
        torch.manual_seed(seed)
        projector = nn.Sequential(
            *(nn.BatchNorm1d(WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH)),
            *(nn.BatchNorm1d(WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH)),
        ).to(pixels.device)
    losses = train(
        network,
        Batches(view_images(pixels, recipe, invariances), pixels.new_zeros(len(pixels), 0).float(), views=2),
        lambda z, batch: vicreg(*projector(z).chunk(2)),
        groups=[(network, recipe.lr), (projector, recipe.lr)],
        epochs=round(times * recipe.pretrain_epochs),
        seed=seed,
        checkpoint=checkpoint,
    )
    network.pretrain_losses = tuple(losses)
    return network


def view_images(pixels: torch.Tensor, recipe: Recipe, invariances: Invariances = UNMIRRORED) -> DeviceImages:
    """Images (n, c, h, w) uint8 whose views are changed as methods without labels need it.

    Such a method learns what its views leave alone: they are changed more than a classifier's.
    """
    if invariances.occlude:
        recipe = replace(recipe, crop=0.0, warp=0.0, jitter=JITTER, erase=0.0)
        return DeviceImages(pixels, recipe, invariances, replace(COLOURS, zoom=ZOOM))
    return DeviceImages(pixels, replace(recipe, warp=WARP, jitter=JITTER, erase=0.0), invariances, COLOURS)


def vicreg(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """The loss of two views' embeddings (b, d): 25 distance + 25 lack of variance + 1 covariance.

    Eq. (6). Distance: mean square of the differences. Lack of variance: mean of [1 - deviation]_+, eq. (1),
    (2). Covariance: squares of all but the diagonal, over d, eq. (3), (4). Both of the latter are summed over
    the views.
    """
    distance = (left - right).square().mean()
    lack = lack_of_variance(left) + lack_of_variance(right)
    return INVARIANCE * distance + VARIANCE * lack + COVARIANCE * (covariance(left) + covariance(right))


def lack_of_variance(z: torch.Tensor) -> torch.Tensor:
    """Mean of [1 - sqrt(var + 1e-4)]_+ over the columns of z (b, d); near 1 where embeddings collapse."""
    return (1 - (z.var(dim=0) + 1e-4).sqrt()).clamp_min(0).mean()


def covariance(z: torch.Tensor) -> torch.Tensor:
    """The squared covariances of different columns of z (b, d), their sum over d."""
    centred = z - z.mean(dim=0)
    matrix = centred.T @ centred / max(1, len(z) - 1)
    return (matrix.square().sum() - matrix.diagonal().square().sum()) / z.shape[1]
