"""The gradient of a fitted method's loss, parameter by parameter."""

from __future__ import annotations

import copy

import torch
from numpy.typing import ArrayLike
from torch import nn

from hashbench.identity.digest import seed_of
from hashbench.system.device import fork_rng
from hashbench.training.deep import DeepHashMethod
from hashbench.training.loop import between_epochs, refresh_at_rest


def gradient_norms(method: DeepHashMethod, X: ArrayLike, y: ArrayLike | None) -> dict[str, float]:
    """The norm of the gradient for every parameter of a fitted method, in the first step of an epoch.

    X, y: the training data of its ``fit``; the method is unchanged. The step is one of the training loop,
    after ``refresh``. A parameter without a gradient has norm 0; one that is frozen is left out.
    """
    method = copy.copy(method)
    method.network_, method.state_ = copy.deepcopy((method.network_, method.state_))
    batches = method._batches(*method._tensors(X, y))
    modules = nn.ModuleDict({"network": method.network_})
    if method.state_ is not None:
        modules["state"] = method.state_
    modules.zero_grad(set_to_none=True)
    seed = method.random_state
    with fork_rng(batches.labels.device):
        torch.manual_seed(seed_of(seed, 0))
        refresh_at_rest(method.refresh, [modules], between_epochs(method.network_, batches, 0, 1, seed))
        modules.train()
        step = next(batches.epoch(torch.Generator().manual_seed(seed_of(seed, 0, "batches"))))
        batches.loss(method.network_, method.loss, step, 0.0).backward()
    return {
        name: 0.0 if p.grad is None else p.grad.norm().item()
        for name, p in modules.named_parameters()
        if p.requires_grad
    }
