"""A backbone with one linear layer on top, from images to real outputs."""

from __future__ import annotations

import copy
import importlib
import pkgutil

import torch
from torch import nn

from hashbench.contracts.recipe import UNMIRRORED, Invariances, Recipe
from hashbench.errors import UnknownNameError
from hashbench.training import backbones
from hashbench.training.images import spread


def backbone_names() -> list[str]:
    """The backbones there are: the file stems of ``hashbench/training/backbones``."""
    return sorted(info.name for info in pkgutil.iter_modules(backbones.__path__))


def build_backbone(name: str, channels: int, side: int) -> tuple[nn.Module, int]:
    """The backbone of a name, from images (b, channels, side, side) to features (b, n), and its n."""
    if name not in backbone_names():
        raise UnknownNameError("backbone", name, backbone_names())
    return importlib.import_module(f"{backbones.__name__}.{name}").build(channels, side)


class Network(nn.Module):
    """Standardises pixels, runs the backbone and the linear head. Outputs float32 (b, n_outputs).

    pretrain_losses: the mean loss of each epoch of the backbone's pre-training.
    mirrored: whether features, in evaluation mode, are the mean over each image and its mirror image. The
    head is linear, so the outputs are such means too.
    exact: whether it always computes in float32, also where bfloat16 is faster.
    """

    mean: torch.Tensor
    std: torch.Tensor
    pretrain_losses: tuple[float, ...] = ()
    frozen = False
    mirrored = False
    exact = False

    def __init__(self, backbone: nn.Module, head: nn.Linear, mean: torch.Tensor, std: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean.view(1, -1, 1, 1))
        self.register_buffer("std", std.view(1, -1, 1, 1))
        self.backbone = backbone
        self.head = head

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Backbone activations (b, n_features) float32 of images (b, c, h, w) with values in [0, 255]."""
        x = images.to(memory_format=torch.channels_last).float()
        x = (x - self.mean) / self.std
        faster = not self.exact and gains_from_bf16(x.device)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=faster):
            features = self.backbone(x).float()
            if self.mirrored and not self.training:
                features = (features + self.backbone(x.flip(3)).float()) / 2
        return features

    def forward(self, images: torch.Tensor) -> torch.Tensor:  # noqa: D102
        return self.head(self.features(images))

    def with_new_head(self, n_outputs: int, images: torch.Tensor) -> Network:
        """A copy of this network whose fresh head gives outputs of mean 0 and deviation 1 on ``images``.

        At the usual small initialisation many hashing losses start near a stationary point at zero.
        """
        network = copy.deepcopy(self)
        network.head = nn.Linear(self.head.in_features, n_outputs).to(images.device)
        network.eval()
        with torch.no_grad():
            z = network(images)
            deviation, mean = torch.std_mean(z, dim=0)
            scale = 1 / deviation.clamp_min(1e-6)
            network.head.weight *= scale[:, None]
            network.head.bias.copy_((network.head.bias - mean) * scale)
        return network

    def freeze_backbone(self) -> None:
        """Stop training the backbone: its weights and its normalisation statistics stay fixed."""
        self.frozen = True
        self.backbone.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Network:  # noqa: D102
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self


def build_network(
    pixels: torch.Tensor, recipe: Recipe, n_outputs: int, invariances: Invariances = UNMIRRORED
) -> Network:
    """A randomly initialised network for images like ``pixels`` (n, c, h, w) uint8, on their device."""
    channels, side = pixels.shape[1], min(pixels.shape[2:])
    std, mean = torch.std_mean(spread(pixels, 10_000).float(), dim=(0, 2, 3))
    layers, n_features = build_backbone(recipe.backbone, channels, side)
    network = Network(layers, nn.Linear(n_features, n_outputs), mean, std.clamp_min(1.0))
    network.mirrored = invariances.mirror and recipe.flip_at_test
    return network.to(pixels.device).to(memory_format=torch.channels_last)


def gains_from_bf16(device: torch.device) -> bool:
    """Whether convolutions run faster in bfloat16 here: CUDA from Ampere on, CPUs with AVX-512 BF16."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        return torch.cpu._is_avx512_bf16_supported()  # there is no public function for it (torch 2.11)
    return False
