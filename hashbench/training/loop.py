"""The only training loop."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import torch

from hashbench.contracts.recipe import Recipe
from hashbench.identity.digest import seed_of
from hashbench.system.atomic import atomic_file
from hashbench.system.device import fork_rng
from hashbench.training.images import DeviceImages

CHECKPOINT_SECONDS = 30.0


@dataclass(frozen=True)
class Batch:
    """What a loss may know of a batch besides the network's outputs.

    labels: (b,) int64 class indices, or (b, C) float32 multi-hot; of unsupervised methods, with C = 0.
    index: (b,) int64, the images' places in the training set.
    progress: the share of the training that is done, in [0, 1).
    """

    labels: torch.Tensor
    index: torch.Tensor
    progress: float


def train(
    network: torch.nn.Module,
    images: DeviceImages,
    labels: torch.Tensor,
    loss: Callable[[torch.Tensor, Batch], torch.Tensor],
    *,
    groups: Sequence[tuple[torch.nn.Module, float]],
    epochs: int,
    recipe: Recipe,
    seed: int,
    class_balanced: bool = False,
    checkpoint: Path | None = None,
) -> list[float]:
    """Train ``network`` in place for some epochs; the mean loss of each epoch's batches.

    groups: modules with the peak learning rate of each (0: not trained), which together hold all that is
    trained; they end as the moving average of their weights where ``recipe.averaging`` asks for it, in
    evaluation mode. class_balanced: batches as of ``balanced_order``, else of ``stratified_order``.
    checkpoint: a file to resume from and to write at most every 30 seconds at the end of an epoch. Every
    epoch's randomness is a function of (seed, epoch), so that a resumed training equals an unbroken one.
    """
    n_batches = max(1, round(len(images) / recipe.batch_size))
    steps = max(1, epochs * n_batches)
    optimizer = torch.optim.AdamW(
        [{"params": list(module.parameters()), "lr": lr} for module, lr in groups if lr],
        weight_decay=recipe.weight_decay,
    )
    schedule = _schedule(optimizer, recipe, steps)
    modules = torch.nn.ModuleList(module for module, _ in groups)
    averaged = copy.deepcopy(modules) if recipe.averaging else None
    saved = torch.nn.ModuleList([modules] if averaged is None else [modules, averaged])
    trained = [p for group in optimizer.param_groups for p in group["params"]]

    make_order = balanced_order if class_balanced else stratified_order

    start, losses, began = 0, list[float](), monotonic()
    if checkpoint is not None and checkpoint.exists():
        state = torch.load(checkpoint, map_location=labels.device, weights_only=True)
        saved.load_state_dict(state["modules"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        start, losses, began = state["epoch"], state["losses"], began - state["seconds"]
    last_save = monotonic()

    modules.train()
    network.train()  # which may keep a part of it as it is
    cudnn = torch.backends.cudnn.flags(enabled=True, deterministic=True, benchmark=False)  # default: off
    with fork_rng(labels.device), cudnn:
        for epoch in range(start, epochs):
            torch.manual_seed(seed_of(seed, epoch))  # dropout draws from the global generator
            generator = torch.Generator().manual_seed(seed_of(seed, epoch, "batches"))
            order = make_order(labels, generator)
            total = torch.zeros((), device=labels.device)  # read once an epoch: reading waits for the device
            for i, index in enumerate(order.tensor_split(n_batches)):
                on_device = index.to(labels.device, non_blocking=True)
                batch = Batch(labels[on_device], on_device, (epoch * n_batches + i) / steps)
                value = loss(network(images.augmented(index, generator)), batch)
                optimizer.zero_grad(set_to_none=True)
                value.backward()
                if recipe.clip is not None:
                    torch.nn.utils.clip_grad_norm_(trained, recipe.clip)
                optimizer.step()
                schedule.step()
                if averaged is not None:
                    _approach(averaged, modules, recipe.averaging, epoch * n_batches + i)
                total += value.detach()
            losses.append(total.item() / n_batches)
            if not math.isfinite(losses[-1]):
                raise FloatingPointError(f"the loss is {losses[-1]} in epoch {epoch + 1} of {epochs}")
            if checkpoint is not None and monotonic() - last_save > CHECKPOINT_SECONDS:
                state = {
                    "modules": saved.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "schedule": schedule.state_dict(),
                    "epoch": epoch + 1,
                    "losses": losses,
                    "seconds": monotonic() - began,
                }
                save_atomically(state, checkpoint)
                last_save = monotonic()
    if averaged is not None:
        modules.load_state_dict(averaged.state_dict())
    modules.eval()
    network.eval()
    return losses


def _approach(averaged: torch.nn.Module, modules: torch.nn.Module, decay: float, step: int) -> None:
    """Move an exponential average on by one step of the modules: of their weights and batch statistics.

    Early on it looks back over a tenth of the steps so far, so that it forgets where the training began.
    (``torch.optim.swa_utils`` can do this too, but waits for the device in each step.)
    """
    weight = 1 - min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        for average, value in zip(averaged.state_dict().values(), modules.state_dict().values(), strict=True):
            if average.is_floating_point():
                average.lerp_(value, weight)
            else:
                average.copy_(value)


def stratified_order(labels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A random order (n,) of all images, on the CPU, in which every stretch has the classes' proportions.

    Each class is spread evenly over the epoch. Multi-label images are just shuffled.
    """
    shuffled = torch.randperm(len(labels), generator=generator)
    return shuffled if labels.ndim == 2 else shuffled[_spread(labels.cpu()[shuffled], generator)]


def balanced_order(labels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """As ``stratified_order``, but with equally many images of each class, n in all.

    Of frequent classes some images are left out, those of rare ones come again. Where classes are balanced,
    and on multi-label images, it is an order of all images as there.
    """
    if labels.ndim == 2:
        return stratified_order(labels, generator)
    members = [(labels.cpu() == label).nonzero()[:, 0] for label in labels.cpu().unique()]
    n, n_classes = len(labels), len(members)
    first = int(torch.randint(n_classes, (), generator=generator))
    drawn = []
    for place, images in enumerate(members):
        share = n // n_classes + ((place - first) % n_classes < n % n_classes)
        rounds = [torch.randperm(len(images), generator=generator) for _ in range(-(-share // len(images)))]
        drawn.append(images[torch.cat(rounds)[:share]])
    order = torch.cat(drawn)
    return order[_spread(labels.cpu()[order], generator)]


def _spread(classes: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The order of items of these classes that spreads each class evenly, its items in the order given."""
    by_class = classes.argsort(stable=True)
    counts = classes.bincount()
    first = (counts.cumsum(0) - counts)[classes[by_class]]
    place = torch.arange(len(classes)) - first + torch.rand(len(classes), generator=generator)
    return by_class[(place / counts[classes[by_class]]).argsort()]


def seconds_before(checkpoint: Path) -> float:
    """The seconds of training that a checkpoint saves; 0 where there is none."""
    if not checkpoint.exists():
        return 0.0
    return torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)["seconds"]


def save_atomically(state: object, path: Path) -> None:
    """``torch.save`` to a file that is whole or absent."""
    with atomic_file(path) as file:
        torch.save(state, file)


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
