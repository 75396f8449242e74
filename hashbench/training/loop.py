"""The only training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from time import monotonic

import torch

from hashbench.identity.digest import seed_of
from hashbench.system.device import fork_rng
from hashbench.system.watching import Step, tell
from hashbench.training.batches import Batches, Loss
from hashbench.training.checkpoints import load_checkpoint, save_atomically
from hashbench.training.contract import Epoch
from hashbench.training.encoding import network_features
from hashbench.training.network import Network
from hashbench.training.optimisation import Optimisation

CHECKPOINT_SECONDS = 30.0
Refresh = Callable[[Epoch], None]


def train(
    network: Network,
    batches: Batches,
    loss: Loss,
    *,
    groups: Sequence[tuple[torch.nn.Module, float]],
    epochs: int,
    seed: int,
    refresh: Refresh | None = None,
    checkpoint: Path | None = None,
) -> list[float]:
    """Train ``network`` in place for some epochs, as the batches' recipe says; the mean loss of each epoch.

    groups: modules with the peak learning rate of each (0: not trained). Together they must hold everything
    that is trained or written to. Their parameters end as moving averages where the recipe says so, their
    buffers as the last step left them; all end in evaluation mode.
    refresh: called before each epoch, and once after the last.
    checkpoint: a file to resume from and to write at most every 30 seconds at the end of an epoch. Every
    epoch's randomness is a function of (seed, epoch), so that a resumed training equals an uninterrupted one.
    """
    steps = max(1, epochs * batches.n_steps)
    optimisation = Optimisation(groups, batches.recipe, steps)
    modules = torch.nn.ModuleList(module for module, _ in groups)

    start, losses, began = 0, list[float](), monotonic()
    state = load_checkpoint(checkpoint, batches.labels.device)
    if state is not None:
        modules.load_state_dict(state["modules"])
        optimisation.load_state_dict(state["optimisation"])
        start, losses, began = state["epoch"], state["losses"], began - state["seconds"]
    shown, entered = batches.order.n_images * batches.views, monotonic()
    last_save = entered

    cudnn = torch.backends.cudnn.flags(enabled=True, deterministic=True, benchmark=False)  # default: off
    with fork_rng(batches.labels.device), cudnn:
        for epoch in range(start, epochs):
            torch.manual_seed(seed_of(seed, epoch))  # dropout draws from the global generator
            if refresh is not None:
                refresh_at_rest(
                    refresh, [network, modules], between_epochs(network, batches, epoch, epochs, seed)
                )
            modules.train()
            network.train()  # a frozen backbone stays in evaluation mode
            total = train_epoch(network, batches, loss, optimisation, epoch, epochs, seed)
            losses.append(total.item() / batches.n_steps)  # the only time that an epoch waits for the device
            if not math.isfinite(losses[-1]):
                raise FloatingPointError(f"the loss is {losses[-1]} in epoch {epoch + 1} of {epochs}")
            done, rate = epoch + 1, (epoch + 1 - start) * shown / max(monotonic() - entered, 1e-9)
            tell(Step("train", done, epochs, losses[-1], shown, rate))
            if checkpoint is not None and monotonic() - last_save > CHECKPOINT_SECONDS:
                state = {
                    "modules": modules.state_dict(),
                    "optimisation": optimisation.state_dict(),
                    "epoch": done,
                    "losses": losses,
                    "seconds": monotonic() - began,
                }
                save_atomically(state, checkpoint)
                last_save = monotonic()
        optimisation.finish()
        if refresh is not None:
            torch.manual_seed(seed_of(seed, epochs))
            refresh_at_rest(
                refresh, [network, modules], between_epochs(network, batches, epochs, epochs, seed)
            )
    modules.eval()
    network.eval()
    return losses


def train_epoch(
    network: Network,
    batches: Batches,
    loss: Loss,
    optimisation: Optimisation,
    epoch: int,
    epochs: int,
    seed: int,
) -> torch.Tensor:
    """Train for one epoch; the sum of its batches' losses. Nothing in here waits for the device."""
    generator = torch.Generator().manual_seed(seed_of(seed, epoch, "batches"))
    total = torch.zeros((), device=batches.labels.device)
    for i, step in enumerate(batches.epoch(generator)):
        progress = (epoch * batches.n_steps + i) / (epochs * batches.n_steps)
        value = batches.loss(network, loss, step, progress)
        optimisation.step(value)
        total += value.detach()
    return total


@torch.no_grad()
def refresh_at_rest(refresh: Refresh, modules: Sequence[torch.nn.Module], epoch: Epoch) -> None:
    """Call ``refresh`` with all modules in evaluation mode, without gradients; they stay in that mode."""
    for module in modules:
        module.eval()
    refresh(epoch)


def between_epochs(network: Network, batches: Batches, epoch: int, epochs: int, seed: int) -> Epoch:
    """What a method may know before an epoch, or after the last, where ``epoch`` equals ``epochs``."""
    features = cache(lambda: network_features(network, batches.images.pixels))

    @torch.no_grad()
    def outputs() -> torch.Tensor:
        return network.head(features())

    return Epoch(
        batches.labels,
        epoch / epochs if epoch < epochs else 1.0,
        torch.Generator().manual_seed(seed_of(seed, epoch, "refresh")),
        features,
        cache(outputs),
    )
