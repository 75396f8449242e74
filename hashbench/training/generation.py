"""Text-conditional generation of images: text embedding, generator, discriminator and their losses.

Layers are scaled at run time: weights start at N(0, 1) and act gain / sqrt(fan-in) times their values
(Karras, Aila, Laine & Lehtinen, "Progressive growing of GANs for improved quality, stability, and variation",
ICLR 2018, section 4.1). Adam moves a weight by about its rate, whatever the gradient's scale; so one rate
suits every layer. ``speed`` r makes all of a module's layers learn faster than the rate that they are given
(theirs is the special case of r = 1, see ``Scaled``).
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import nn
from torch.nn.functional import softplus

# Channels of the generator at 1/8, 1/4 and 1/2 of the side; the discriminator's mirror.
WIDTHS = (256, 128, 64)
DOUBLINGS = 3
SLOPE = 0.2  # of leaky rectified units
WHITE = 255.0


class Scaled(nn.Module):
    """A linear or convolutional layer whose outputs start at ``gain`` times the scale of its inputs.

    It computes r (w c x + b), c = gain / sqrt(fan_in), r = ``speed``, with w ~ N(0, 1/r^2) and b = 0 at the
    start: the same function for every r. W = r w and B = r b act as a plain layer's weights. As
    dL/dw = r dL/dW, and a step of w is r times as long for W, gradient descent moves W by r^2 times what it
    moves at r = 1. Adam's step of w has the length of its rate whatever the scale of the gradient, so that W
    moves by r times: as at r = 1 with r times the rate. Weight decay, a share of w, does not change with r.
    """

    def __init__(
        self, layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d, fan_in: int, gain: float, speed: float
    ) -> None:
        super().__init__()
        self.layer = layer
        self.factor = gain / math.sqrt(fan_in)
        self.speed = speed
        nn.init.normal_(layer.weight, std=1 / speed)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # noqa: D102
        return self.speed * self.layer(self.factor * x)


def linear(before: int, after: int, gain: float = math.sqrt(2), speed: float = 1.0) -> Scaled:
    """A scaled linear layer."""
    return Scaled(nn.Linear(before, after), before, gain, speed)


def text_embedding(n_words: int, hidden: int, n_features: int, speed: float = 1.0) -> nn.Sequential:
    """From texts (n, n_words) to embeddings (n, n_features), each feature of mean 0 and deviation 1.

    Normalised over the batch, by moving averages at test: what all texts share would outweigh what they say.
    """
    layers = [
        linear(n_words, hidden, speed=speed),
        nn.LeakyReLU(SLOPE),
        linear(hidden, n_features, 1.0, speed),
    ]
    return nn.Sequential(*layers, nn.BatchNorm1d(n_features, affine=False))


class Generator(nn.Module):
    """Images (n, c, h, w) with values in (-1, 1) of noise (n, n_noise) and embedded texts (n, n_text)."""

    def __init__(self, n_noise: int, n_text: int, shape: tuple[int, int, int], speed: float = 1.0) -> None:
        super().__init__()
        channels, *self.size = shape
        self.base = [-(-side // 2**DOUBLINGS) for side in self.size]
        first, *_ = WIDTHS
        self.start = linear(n_noise + n_text, first * math.prod(self.base), speed=speed)
        layers: list[nn.Module] = [nn.BatchNorm2d(first), nn.ReLU()]
        for before, after in pairwise(WIDTHS):
            layers += [_double(before, after, math.sqrt(2), speed), nn.BatchNorm2d(after), nn.ReLU()]
        self.layers = nn.Sequential(*layers, _double(WIDTHS[-1], channels, 1.0, speed), nn.Tanh())

    def forward(self, noise: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:  # noqa: D102
        x = self.start(torch.cat([noise, texts], dim=1)).unflatten(1, (WIDTHS[0], *self.base))
        x = self.layers(x)
        top, left = ((have - side) // 2 for have, side in zip(x.shape[2:], self.size, strict=True))
        return x[:, :, top : top + self.size[0], left : left + self.size[1]]


class Discriminator(nn.Module):
    """Logits (m, n): does an image (n, c, h, w), values in [-1, 1], go with each of m texts (m, n, n_text)?

    It has no batch normalisation: real and generated images would be told apart by the statistics of their
    batches.
    """

    def __init__(self, n_text: int, shape: tuple[int, int, int], speed: float = 1.0) -> None:
        super().__init__()
        channels, *sides = shape
        layers: list[nn.Module] = []
        before = channels
        for width in reversed(WIDTHS):
            layers += [_convolution(before, width, 4, speed, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
            before, sides = width, [side // 2 for side in sides]
        self.images = nn.Sequential(*layers)
        self.both = nn.Sequential(_convolution(before + n_text, before, 1, speed), nn.LeakyReLU(SLOPE))
        self.logit = linear(before * math.prod(sides), 1, 1.0, speed)

    def forward(self, images: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:  # noqa: D102
        seen, (m, n) = self.images(images), texts.shape[:2]
        tiled = texts.flatten(0, 1)[:, :, None, None].expand(-1, -1, *seen.shape[2:])
        both = self.both(torch.cat([seen.repeat(m, 1, 1, 1), tiled], dim=1))
        return self.logit(both.flatten(1)).view(m, n)


def discriminator_loss(
    matching: torch.Tensor, mismatching: torch.Tensor, fake: torch.Tensor, counts: torch.Tensor
) -> torch.Tensor:
    """The matching-aware loss of logits (n,): real image with its text, with a wrong text, generated image.

    BCE(matching, 1) + (BCE(mismatching, 0) + BCE(fake, 0)) / 2: Reed, Akata, Yan, Logeswaran, Schiele & Lee,
    "Generative adversarial text to image synthesis", ICML 2016, algorithm 1. counts: (n,), 1 where there is a
    wrong text, else 0. It is 2 log 2 at zero logits.
    """
    wrong = (counts * softplus(mismatching)).sum() / counts.sum().clamp_min(1)
    return softplus(-matching).mean() + (wrong + softplus(fake).mean()) / 2


def generator_loss(fake: torch.Tensor) -> torch.Tensor:
    """BCE(fake, 1) of logits (n,), the non-saturating loss (Goodfellow et al., NIPS 2014, section 3)."""
    return softplus(-fake).mean()


def frozen(module: nn.Module, *inputs: torch.Tensor) -> torch.Tensor:
    """The module's output with a gradient for its inputs, and none for its parameters."""
    values = {name: parameter.detach() for name, parameter in module.named_parameters()}
    return torch.func.functional_call(module, values, inputs)


def to_unit(images: torch.Tensor) -> torch.Tensor:
    """Images with values in [0, 255], in [-1, 1] instead."""
    return images / (WHITE / 2) - 1


def to_pixels(images: torch.Tensor) -> torch.Tensor:
    """Images with values in [-1, 1], in [0, 255] instead."""
    return (images + 1) * (WHITE / 2)


def _double(before: int, after: int, gain: float, speed: float) -> Scaled:
    """A transposed convolution that doubles the side; each of its outputs reads 2 x 2 positions."""
    return Scaled(nn.ConvTranspose2d(before, after, 4, stride=2, padding=1), 4 * before, gain, speed)


def _convolution(
    before: int, after: int, kernel: int, speed: float, stride: int = 1, padding: int = 0
) -> Scaled:
    layer = nn.Conv2d(before, after, kernel, stride=stride, padding=padding)
    return Scaled(layer, before * kernel**2, math.sqrt(2), speed)
