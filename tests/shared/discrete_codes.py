"""A few images with labels, and a method before its first epoch: for methods that learn codes or centres."""

import numpy as np
import pytest
import torch

from hashbench.training import Batch, Epoch, TrainingData

N, K, C = 20, 5, 3
SINGLE = torch.arange(N) % C
MULTI = torch.nn.functional.one_hot(SINGLE).float()
MULTI[::4, 1] = 1
MULTI[3] = 0  # an image without a class
both_labels = pytest.mark.parametrize("labels", [SINGLE, MULTI], ids=["classes", "multi-hot"])
BATCH = torch.tensor([4, 0, 7, 3, 12, 19])


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def bits(*shape, seed=0):
    return draw(*shape, seed=seed).sign()


def shares(labels, i, j):
    return bool(labels[i] == labels[j] if labels.ndim == 1 else (labels[i] * labels[j]).any())


def similarity(labels):
    """S (n, n) as in ADSH: 1 and -r."""
    similar = np.array([[shares(labels, i, j) for j in range(len(labels))] for i in range(len(labels))])
    return np.where(similar, 1.0, -similar.sum() / (~similar).sum())


def prepared(method, labels):
    torch.manual_seed(0)
    method.state_ = method.make_state(TrainingData(labels, C))
    return method


def epoch(labels, U, progress=0.0, seed=0):
    return Epoch(labels, progress, torch.Generator().manual_seed(seed), lambda: U, lambda: U)


def batch(labels):
    return Batch(labels[BATCH], BATCH, 0.0)
