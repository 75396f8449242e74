"""Random changes of the values of a batch of images that leave their classes as they are.

Images are (b, c, h, w) float32 with values in [0, 255]; so are the results. ``draws`` are uniform in [0, 1)
and lie on the images' device, one row per image, so that each image is changed differently.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi, sqrt

import torch

ASPECT = 4 / 3  # the largest ratio of a zoomed window's sides


@dataclass(frozen=True, kw_only=True)
class Views:
    """Changes that only the views of methods without labels get, each off at its default.

    zoom: the smallest share of the image's area that a view shows. hue: the largest turn of the colours, as a
    share of the circle. grey, solarise: the share of views that lose their colours, or whose bright values
    are inverted. Images of one channel are only zoomed.
    """

    zoom: float = 1.0
    hue: float = 0.0
    grey: float = 0.0
    solarise: float = 0.0


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


def zoomed(images: torch.Tensor, least: float, draws: torch.Tensor) -> torch.Tensor:
    """A window of each image, resized to the image's size: bilinear, its borders within the image.

    Its share of the area is uniform in [least, 1], the ratio of its sides log-uniform between 3/4 and 4/3
    (Szegedy et al., CVPR 2015, section 6), cut off where a side would be longer than the image's.
    draws: (b, 4).
    """
    area = least + (1 - least) * draws[:, :1]
    ratio = (log(ASPECT) * _symmetric(draws[:, 1:2])).exp()
    sides = torch.cat([(area * ratio).sqrt(), (area / ratio).sqrt()], dim=1).clamp_max(1)
    centres = (1 - sides) * _symmetric(draws[:, 2:])
    maps = torch.cat([torch.diag_embed(sides), centres[:, :, None]], dim=2)
    grid = torch.nn.functional.affine_grid(maps, list(images.shape), align_corners=False)
    return torch.nn.functional.grid_sample(
        images.contiguous(), grid, padding_mode="reflection", align_corners=False
    )


def recoloured(images: torch.Tensor, views: Views, draws: torch.Tensor) -> torch.Tensor:
    """Colours (b, 3, h, w) turned about the grey axis, then some images grey, then some solarised.

    draws: (b, 3).
    """
    hue, grey, solarise = draws[:, :, None, None, None].unbind(dim=1)
    mean = images.mean(dim=1, keepdim=True)
    angle = 2 * pi * views.hue * _symmetric(hue)
    across = (images.roll(1, dims=1) - images.roll(-1, dims=1)) / sqrt(3)  # grey axis x colour
    images = (mean + (images - mean) * angle.cos() + across * angle.sin()).clamp(0, 255)
    images = torch.where(grey < views.grey, mean, images)
    inverted = torch.where(images < 128, images, 255 - images)
    return torch.where(solarise < views.solarise, inverted, images)


def _symmetric(draws: torch.Tensor) -> torch.Tensor:
    """Draws from [0, 1), spread over [-1, 1)."""
    return draws * 2 - 1
