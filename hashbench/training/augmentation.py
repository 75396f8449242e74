"""Random changes of the values of a batch of images that leave their classes as they are.

Images are (b, c, h, w) with values in [0, 255], uint8 or float32; results are float32. Every image gets a
change of its own. ``generator`` is on the CPU, so that every device trains on the same images.
"""

from __future__ import annotations

import torch


def warped(images: torch.Tensor, amount: float, generator: torch.Generator) -> torch.Tensor:
    """Rotated, sheared and stretched about their centres, with reflected borders.

    The matrix from output to input positions is the identity plus uniform draws within ``amount``.
    """
    b = len(images)
    noise = amount * _symmetric((b, 2, 2), generator)
    maps = torch.cat([torch.eye(2) + noise, torch.zeros(b, 2, 1)], dim=2).to(images.device)
    grid = torch.nn.functional.affine_grid(maps, list(images.shape), align_corners=False)
    return torch.nn.functional.grid_sample(
        images.float().contiguous(), grid, padding_mode="reflection", align_corners=False
    )


def jittered(images: torch.Tensor, amount: float, generator: torch.Generator) -> torch.Tensor:
    """Saturation, brightness and contrast each multiplied by a uniform draw from 1 -+ ``amount``."""
    factors = (1 + amount * _symmetric((3, len(images), 1, 1, 1), generator)).to(images.device)
    saturation, brightness, contrast = factors
    images = images.float()
    grey = images.mean(dim=1, keepdim=True)
    images = torch.lerp(grey, images, saturation)
    mean = grey.mean(dim=(2, 3), keepdim=True)
    return (mean * brightness + (images - mean) * contrast).clamp_(0, 255)


def erased(
    images: torch.Tensor, amount: float, fill: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """A square of ``amount`` times the shorter side set to ``fill`` (1, c, 1, 1), its centre anywhere.

    DeVries & Taylor, "Improved regularization of convolutional neural networks with cutout", 2017: where the
    square reaches over the border, less of the image is lost.
    """
    height, width = images.shape[2:]
    half = amount * min(height, width) / 2
    centre = torch.rand(2, len(images), 1, generator=generator).to(images.device)
    pixel = torch.arange(max(height, width), device=images.device) + 0.5
    rows = (pixel[:height] - centre[0] * height).abs() < half
    columns = (pixel[:width] - centre[1] * width).abs() < half
    return torch.where((rows[:, :, None] & columns[:, None, :])[:, None], fill, images.float())


def _symmetric(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """Uniform draws from [-1, 1), on the CPU."""
    return torch.rand(shape, generator=generator) * 2 - 1
