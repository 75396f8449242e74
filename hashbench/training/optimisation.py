"""AdamW under the recipe's schedule, and the moving averages of what it trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from hashbench.contracts.recipe import Recipe

FUSED = ("cpu", "cuda")  # devices where one kernel for all parameters is fastest


class Optimisation:
    """Trains the parameters of modules, each at its peak learning rate (0: not at all).

    Where ``recipe.averaging`` asks for it, ``finish`` replaces them by their exponential averages. Early
    averages cover about a tenth of the steps so far, so that the initial weights are forgotten. Buffers are
    not averaged.
    """

    def __init__(self, groups: Sequence[tuple[nn.Module, float]], recipe: Recipe, steps: int) -> None:
        self.recipe = recipe
        self.trained = [p for module, lr in groups if lr for p in module.parameters()]
        self.averages = [p.detach().clone() for p in self.trained] if recipe.averaging else []
        self.optimizer = torch.optim.AdamW(
            [{"params": list(module.parameters()), "lr": lr} for module, lr in groups if lr],
            weight_decay=recipe.weight_decay,
            fused=self.trained[0].device.type in FUSED,
        )
        self.schedule = _schedule(self.optimizer, recipe, steps)

    def step(self, loss: torch.Tensor) -> None:
        """One step down the gradient of the loss."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.recipe.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.trained, self.recipe.clip)
        self.optimizer.step()
        if self.averages:
            done = self.schedule.last_epoch  # torch counts steps here
            keep = min(self.recipe.averaging, (1 + done) / (10 + done))
            torch.optim.swa_utils.get_ema_multi_avg_fn(keep)(self.averages, self.trained, None)
        self.schedule.step()

    @torch.no_grad()
    def finish(self) -> None:
        """Replace the parameters by their averages."""
        if self.averages:
            for parameter, average in zip(self.trained, self.averages, strict=True):
                parameter.copy_(average)

    def state_dict(self) -> dict[str, Any]:
        """What a training needs to go on, besides the modules."""
        return {
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "averages": self.averages,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what ``state_dict`` gave."""
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.averages = state["averages"]


def _schedule(
    optimizer: torch.optim.Optimizer, recipe: Recipe, steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    if recipe.schedule == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=[group["lr"] for group in optimizer.param_groups],
        total_steps=steps + 1 + (steps == 3),  # at 4 the rise ends at step 0, and torch divides by 0
        pct_start=0.25,
        cycle_momentum=False,
    )
