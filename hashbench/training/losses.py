"""What the losses of several methods are made of. All take float32 and return float32."""

from __future__ import annotations

import torch

from hashbench.training.loop import Batch


def same_label(labels: torch.Tensor) -> torch.Tensor:
    """(b, b) bool: whether two images share a class. labels: (b,) int64 or (b, C) multi-hot."""
    if labels.ndim == 1:
        return labels[:, None] == labels[None, :]
    return labels @ labels.T > 0


def all_pairs(b: int, device: torch.device) -> torch.Tensor:
    """(b, b) bool: the pairs of two different images."""
    return ~torch.eye(b, dtype=torch.bool, device=device)


def mean_of_pairs(values: torch.Tensor) -> torch.Tensor:
    """The mean of values (b, b) over the pairs of two different images; 0 where there is one image.

    A mask, not an index: that would wait for the device.
    """
    b = len(values)
    return (values * all_pairs(b, values.device)).sum() / max(1, b * (b - 1))


def pair_nll(theta: torch.Tensor, similar: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood of pairs, -log p(similar | theta) with p = sigmoid(theta); same shape as theta.

    Li, Wang & Kang, IJCAI 2016, eq. (1); softplus keeps it finite for any theta.
    """
    return torch.nn.functional.softplus(theta) - similar * theta


def classification_loss(z: torch.Tensor, batch: Batch, label_smoothing: float = 0.0) -> torch.Tensor:
    """Softmax cross-entropy of logits z (b, C); for multi-hot labels the mean binary cross-entropy."""
    if batch.labels.ndim == 2:
        return torch.nn.functional.binary_cross_entropy_with_logits(z, batch.labels)
    return torch.nn.functional.cross_entropy(z, batch.labels, label_smoothing=label_smoothing)
