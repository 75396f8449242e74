"""What losses share that compress the fixed activations of a start network, without labels."""

from __future__ import annotations

import torch
from torch import nn

from hashbench.training.contract import TrainingData
from hashbench.training.losses import cosines, mean_of_pairs


class FixedFeatures(nn.Module):
    """The start network's activations of all training images, as the loss's state.

    They are those of the images as they are, whatever the network in training makes of their changed copies.
    """

    rows: torch.Tensor

    def __init__(self, data: TrainingData, *, centred: bool = False, scaled: bool = False) -> None:
        """centred: minus their mean over the training images. scaled: each of deviation 1."""
        super().__init__()
        rows = data.features().detach()
        if centred:
            rows = rows - rows.mean(dim=0)
        if scaled:
            rows = rows / rows.std(dim=0, correction=0).clamp_min(1e-6)
        self.register_buffer("rows", rows)

    def forward(self, index: torch.Tensor) -> torch.Tensor:
        """Activations (b, d) of the images at ``index`` (b,)."""
        return self.rows[index]


@torch.no_grad()
def scaled_layer(inputs: torch.Tensor, n_outputs: int) -> nn.Linear:
    """A fresh linear layer whose outputs of ``inputs`` (n, d) have mean 0 and deviation 1.

    For bits above a hidden layer, as ``Network.with_new_head`` scales those above the backbone.
    """
    layer = nn.Linear(inputs.shape[1], n_outputs).to(inputs)
    deviation, mean = torch.std_mean(layer(inputs), dim=0)
    layer.weight /= deviation.clamp_min(1e-6)[:, None]
    layer.bias.copy_((layer.bias - mean) / deviation.clamp_min(1e-6))
    return layer


def hard_bits(logits: torch.Tensor) -> torch.Tensor:
    """Bits in {0, 1}, 1 where a logit is above 0; backward the gradient of sigmoid(logits), p (1 - p)."""
    p = logits.sigmoid()
    return p + ((logits > 0).to(p.dtype) - p).detach()


def cosine_gap(codes: torch.Tensor, features: torch.Tensor, *, halves: bool = False) -> torch.Tensor:
    """The mean squared difference between the cosines of codes (b, k) and those of features (b, d).

    Su et al., NeurIPS 2018, section 3.3. Over all pairs of two images; with ``halves``, over the pairs of an
    image of the first half with its counterpart in the second, as the release has it: the same expectation.
    """
    if not halves:
        return mean_of_pairs((cosines(codes, codes) - cosines(features, features)).square())
    half = max(1, len(codes) // 2)
    first, second = slice(half), slice(len(codes) - half, None)
    gap = [cosines(rows[first], rows[second]).diagonal() for rows in (codes, features)]
    return (gap[0] - gap[1]).square().mean()
