"""VGG-like: seven 3x3 convolutions in three stages of 64, 128 and 256 channels; the default.

Each stage halves the side once and holds two convolutions with batch normalisation and GELU, after a stem of
32 channels; global average pooling gives 256 features. 1.2 million parameters, for images of 8 to 64 pixels.
The plan follows the small networks of K. Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024.
"""

import torch
from torch import nn

from hashbench.errors import InvalidInputError

STEM, WIDTHS = 32, (64, 128, 256)


def build(channels: int, side: int) -> tuple[nn.Module, int]:
    """The backbone for images of ``channels`` channels and at least 8 pixels a side; its feature count."""
    if side < 8:
        raise InvalidInputError(
            f"backbone vgg7 needs images of at least 8 pixels a side, these have {side}; choose another: "
            "--set recipe.backbone=nin"
        )
    layers = _conv(channels, STEM)
    for before, width in zip((STEM, *WIDTHS), WIDTHS, strict=False):
        layers += [*_conv(before, width, pool=True), *_conv(width, width)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()), WIDTHS[-1]


class Convolution(nn.Conv2d):
    """A 3x3 convolution that keeps the side, (n, c, h, w) to (n, after, h, w); no bias.

    Tiny maps cost a processor less in another form, with the same outputs and gradients (bit for bit in the
    layout of the loop, channels last; else to rounding). Of a map of one
    pixel, eight places of the kernel see the padding alone: they are left out. Maps of 2 x 2 pixels stand one
    below the other in one image, a row of zeros between two: oneDNN has a high price for each image.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__(before, after, 3, padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # noqa: D102
        if x.device.type == "cpu" and x.shape[2:] == (1, 1):
            return nn.functional.conv2d(x, self.weight[:, :, 1:2, 1:2])
        if x.device.type == "cpu" and x.shape[2:] == (2, 2):
            rows = nn.functional.pad(x.permute(0, 2, 3, 1), (0, 0, 0, 0, 0, 1))  # (n, 3, 2, c)
            stacked = super().forward(rows.flatten(0, 1)[None].permute(0, 3, 1, 2))
            maps = stacked.permute(0, 2, 3, 1).view(*rows.shape[:3], -1)[:, :2]
            return maps.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        return super().forward(x)


def _conv(before: int, after: int, pool: bool = False) -> list[nn.Module]:
    shrink = [nn.MaxPool2d(2)] if pool else []
    return [Convolution(before, after), *shrink, nn.BatchNorm2d(after), nn.GELU()]
