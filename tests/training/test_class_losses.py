import math

import numpy as np
import pytest
import torch

from hashbench.training.losses import multi_hot, shared_cross_entropy

MULTI = torch.tensor([[1.0, 0, 1], [0, 1, 0], [0, 0, 0], [-1, -1, -1]])


def test_class_indices_become_rows_of_one():
    assert multi_hot(torch.tensor([1, -1, 0]), 3).tolist() == [[0, 1, 0], [0, 0, 0], [1, 0, 0]]
    assert multi_hot(MULTI, 3).tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("labels", [torch.tensor([2, 0, -1, 1]), MULTI])
def test_classes_of_an_image_share_its_target(labels):
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    values = []
    for row, classes in zip(logits.tolist(), multi_hot(labels, 3).tolist(), strict=True):
        normaliser = math.log(sum(math.exp(v) for v in row))
        own = [v - normaliser for v, c in zip(row, classes, strict=True) if c]
        values += [-np.mean(own)] if own else []
    assert shared_cross_entropy(logits, labels).item() == pytest.approx(np.mean(values), rel=1e-5)
    assert shared_cross_entropy(logits, torch.full((4,), -1)).item() == 0
