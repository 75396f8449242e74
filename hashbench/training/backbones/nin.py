"""Network in network, the plan most plausible for a paper of 2016/17 that starts from image classification.

Lin, Chen & Yan, "Network in network", ICLR 2014, with the widths of their CIFAR-10 model, global average
pooling, and batch normalisation after every convolution (not in the paper; it trains in far fewer epochs).
Images below 32 pixels are zero-padded to 32; single-channel images get half the widths.
"""

from torch import nn

SIDE = 32


def build(channels: int, side: int) -> tuple[nn.Module, int]:
    """The backbone for images (b, channels, side, side), three blocks; its feature count."""
    half = 2 if channels == 1 else 1
    wide, middle, narrow = 192 // half, 160 // half, 96 // half
    border = max(0, SIDE - side)
    before, after = border // 2, border - border // 2
    layers = nn.Sequential(
        nn.ZeroPad2d((before, after, before, after)),
        *_conv(channels, wide, 5), *_conv(wide, middle, 1), *_conv(middle, narrow, 1),
        nn.MaxPool2d(3, 2, ceil_mode=True), nn.Dropout(0.5),
        *_conv(narrow, wide, 5), *_conv(wide, wide, 1), *_conv(wide, wide, 1),
        nn.AvgPool2d(3, 2, ceil_mode=True), nn.Dropout(0.5),
        *_conv(wide, wide, 3), *_conv(wide, wide, 1),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )  # fmt: skip
    return layers, wide


def _conv(before: int, after: int, size: int) -> list[nn.Module]:
    return [nn.Conv2d(before, after, size, padding=size // 2, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
