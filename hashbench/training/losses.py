"""Functions that the losses of several methods share. All take float32 and return float32."""

from __future__ import annotations

from math import log

import torch

from hashbench.training.contract import Batch, is_labelled


def same_label(labels: torch.Tensor) -> torch.Tensor:
    """(b, b) bool: whether two images share a class; one without labels shares none, not even with itself.

    labels: (b,) int64 or (b, C) multi-hot, -1 where an image has none.
    """
    if labels.ndim == 1:
        return (labels[:, None] == labels[None, :]) & is_labelled(labels)
    classes = labels.clamp_min(0)
    return classes @ classes.T > 0


def all_pairs(b: int, device: torch.device) -> torch.Tensor:
    """(b, b) bool: the pairs of two different images."""
    return ~torch.eye(b, dtype=torch.bool, device=device)


def mean_of_pairs(values: torch.Tensor) -> torch.Tensor:
    """The mean of values (b, b) over the pairs of two different images; 0 where there is one image.

    It uses a mask: an index would wait for the device.
    """
    b = len(values)
    return (values * all_pairs(b, values.device)).sum() / max(1, b * (b - 1))


def pair_nll(theta: torch.Tensor, similar: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood of pairs, -log p(similar | theta) with p = sigmoid(theta); same shape as theta.

    Li, Wang & Kang, IJCAI 2016, eq. (1); softplus keeps it finite for any theta.
    """
    return torch.nn.functional.softplus(theta) - similar * theta


def balanced_mean(values: torch.Tensor, similar: torch.Tensor) -> torch.Tensor:
    """The mean of values (b, b) over similar pairs plus that over the others, pairs of one image left out.

    A kind that is missing adds 0. It uses a mask: an index would wait for the device.
    """
    pairs = all_pairs(len(values), values.device)
    kinds = (pairs & similar, pairs & ~similar)
    return torch.stack([(values * kind).sum() / kind.sum().clamp_min(1) for kind in kinds]).sum()


def cosines(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Cosines (n, m) between rows left (n, k) and right (m, k); 0 with a row of zeros."""
    normalize = torch.nn.functional.normalize
    return normalize(left, eps=1e-6) @ normalize(right, eps=1e-6).T


def log_cosh(x: torch.Tensor) -> torch.Tensor:
    """log cosh x, finite for any x; same shape."""
    return x.abs() + torch.nn.functional.softplus(-2 * x.abs()) - log(2)


def straight_through(z: torch.Tensor) -> torch.Tensor:
    """Forward the signs of z as bits have them, -1 for 0; backward the gradient as if it were z itself."""
    return z + ((z > 0).to(z.dtype) * 2 - 1 - z).detach()


def classification_loss(z: torch.Tensor, batch: Batch, label_smoothing: float = 0.0) -> torch.Tensor:
    """Softmax cross-entropy of logits z (b, C), the mean over the images that have labels.

    For multi-hot labels it is the mean of a binary cross-entropy for each class instead.
    """
    labels = batch.labels
    if labels.ndim == 1:
        return torch.nn.functional.cross_entropy(z, labels, ignore_index=-1, label_smoothing=label_smoothing)
    known = batch.labelled[:, None].to(z.dtype)
    values = torch.nn.functional.binary_cross_entropy_with_logits(z, labels.clamp_min(0), reduction="none")
    return (known * values).sum() / (known.sum() * z.shape[1])


def memberships(labels: torch.Tensor, n_classes: int) -> torch.Tensor:
    """(b, n_classes) bool: which classes an image has; none where it is unlabelled.

    labels: (b,) int64 or (b, n_classes) multi-hot, -1 where an image has none.
    """
    if labels.ndim == 2:
        return labels > 0
    return labels[:, None] == torch.arange(n_classes, device=labels.device)


def multi_hot(labels: torch.Tensor, n_classes: int) -> torch.Tensor:
    """``memberships`` as (b, n_classes) float32."""
    return memberships(labels, n_classes).float()


def shared_cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Softmax cross-entropy of logits (b, C) with each image's classes in equal shares.

    The mean over the images that have a class; 0 where none has. For class indices it is the usual one.
    """
    classes = multi_hot(labels, logits.shape[1]).to(logits.dtype)
    counts = classes.sum(dim=1)
    values = -(classes * logits.log_softmax(dim=1)).sum(dim=1) / counts.clamp_min(1)
    return values.sum() / (counts > 0).sum().clamp_min(1)
