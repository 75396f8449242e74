"""A deep method with a state, and what its training leaves."""

import dataclasses

import torch

from hashbench.testing.toy import N_BITS
from hashbench.training import DeepHashMethod


class Centres(torch.nn.Module):
    """A parameter for each class, and a buffer for each training image."""

    def __init__(self, n_train, n_classes):
        super().__init__()
        self.centre = torch.nn.Parameter(torch.randn(n_classes, N_BITS))
        self.register_buffer("seen", torch.zeros(n_train, dtype=torch.int64))


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class WithState(DeepHashMethod):
    """Distance to the centre of the class; ``fail_at`` interrupts the training."""

    fail_at: float = 2.0

    def make_state(self, data):
        return Centres(data.n, data.n_classes)

    def loss(self, z, batch):
        if batch.progress >= self.fail_at:
            raise KeyboardInterrupt
        self.state_.seen[batch.index] += 1
        return (z - self.state_.centre[batch.labels]).square().mean()


def state_of(method):
    modules = torch.nn.ModuleList([method.network_, *([method.state_] if method.state_ else [])])
    return {name: value.clone() for name, value in modules.state_dict().items()}


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)
