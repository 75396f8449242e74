"""A deep method without labels before its first step, and what its loss is given."""

import math
import sys

import torch

from hashbench.plugins.registry import find
from hashbench.training import Batch, TrainingData


def module(name):
    return sys.modules[find("method", name).__module__]


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def data(rows):
    return TrainingData(torch.empty(len(rows), 0), 0, rows.shape[1], lambda: rows)


def made(name, rows, n_bits=6, **parameters):
    torch.manual_seed(0)
    method = find("method", name)(n_bits=n_bits, **parameters)
    method.state_ = method.make_state(data(rows)).double()
    return method


def batch(n):
    return Batch(torch.empty(n, 0), torch.arange(n), 0.0)


def cosine(u, v):
    return float(u @ v) / math.sqrt(float(u @ u) * float(v @ v))
