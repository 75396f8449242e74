"""VGG-like: seven 3x3 convolutions in three stages of 64, 128 and 256 channels; the default.

Each stage halves the side once and holds two convolutions with batch normalisation and GELU, after a stem of
32 channels; global average pooling gives 256 features. 1.2 million parameters, for images of 8 to 64 pixels.
The plan follows the small networks of K. Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024.
"""

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


def _conv(before: int, after: int, pool: bool = False) -> list[nn.Module]:
    shrink = [nn.MaxPool2d(2)] if pool else []
    return [nn.Conv2d(before, after, 3, padding=1, bias=False), *shrink, nn.BatchNorm2d(after), nn.GELU()]
