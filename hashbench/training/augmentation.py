"""Random changes of the values of a batch of images that leave their classes as they are.

Images are (b, c, h, w) float32 with values in [0, 255]; so are the results. ``draws`` are uniform in [0, 1)
and lie on the images' device, one row per image, so that each image is changed differently.
"""

from __future__ import annotations

import torch


def warped(images: torch.Tensor, amount: float, draws: torch.Tensor) -> torch.Tensor:
    """Rotated, sheared and stretched about their centres, with reflected borders.

    The matrix from output to input positions is the identity plus uniform values within ``amount``.
    draws: (b, 4).
    """
    b = len(images)
    matrices = torch.eye(2, device=images.device) + amount * _symmetric(draws).view(b, 2, 2)
    maps = torch.cat([matrices, matrices.new_zeros(b, 2, 1)], dim=2)
    grid = torch.nn.functional.affine_grid(maps, list(images.shape), align_corners=False)
    return torch.nn.functional.grid_sample(
        images.contiguous(), grid, padding_mode="reflection", align_corners=False
    )


def jittered(images: torch.Tensor, amount: float, draws: torch.Tensor) -> torch.Tensor:
    """Saturation, brightness and contrast each multiplied by a uniform factor from 1 -+ ``amount``.

    draws: (b, 3).
    """
    factors = (1 + amount * _symmetric(draws))[:, :, None, None, None]
    saturation, brightness, contrast = factors.unbind(dim=1)
    grey = images.mean(dim=1, keepdim=True)
    images = torch.lerp(grey, images, saturation)
    mean = grey.mean(dim=(2, 3), keepdim=True)
    return (mean * brightness + (images - mean) * contrast).clamp_(0, 255)


def erased(images: torch.Tensor, amount: float, fill: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """A square of ``amount`` times the shorter side set to ``fill`` (1, c, 1, 1), its centre anywhere.

    DeVries & Taylor, "Improved regularization of convolutional neural networks with cutout", 2017: where the
    square crosses the border, less of the image is erased. draws: (b, 2).
    """
    height, width = images.shape[2:]
    half = amount * min(height, width) / 2
    pixel = torch.arange(max(height, width), device=images.device) + 0.5
    rows = (pixel[:height] - draws[:, :1] * height).abs() < half
    columns = (pixel[:width] - draws[:, 1:] * width).abs() < half
    return torch.where((rows[:, :, None] & columns[:, None, :])[:, None], fill, images)


def _symmetric(draws: torch.Tensor) -> torch.Tensor:
    """Draws from [0, 1), spread over [-1, 1)."""
    return draws * 2 - 1
