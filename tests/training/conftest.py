"""A network to start from."""

import pytest
import torch

from hashbench.testing.toy import SHORT, toy
from hashbench.training.pretrain import train_backbone


@pytest.fixture(scope="module")
def start():
    pixels, labels = (torch.tensor(array) for array in toy("images"))
    return train_backbone(pixels, labels, SHORT, seed=0)
