"""What the training loop costs over the bare forward, backward and optimiser steps.

    pytest benchmarks/test_training_speed.py --benchmark-sort=name

One epoch over 1,000 images of 3 x 32 x 32 in batches of 125: vgg7, ten classes, cross-entropy, AdamW.
``bare`` steps over batches that were augmented beforehand; ``train`` is the product's loop, which also draws
the order, gathers and augments, steps the schedule and moves the averages on. ``test_overhead`` lets the two
take turns and compares the fastest round of each, in processor time on the CPU, which a busy machine moves
less: read ``overhead`` in ``extra_info`` of ``--benchmark-json``, printed under ``-s``; the time in the table
is the epoch of ``train`` by the clock. The parts that are not arithmetic of the network are timed one by one,
and so is encoding.
"""

import copy
from collections.abc import Callable
from time import perf_counter, process_time

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from hashbench.contracts.recipe import Invariances, Recipe
from hashbench.training import Batch, classification_loss
from hashbench.training.batches import Batches
from hashbench.training.encoding import network_features
from hashbench.training.images import DeviceImages
from hashbench.training.loop import train
from hashbench.training.network import Network, build_network
from hashbench.training.optimisation import FUSED
from hashbench.training.order import stratified_order

N, SIDE, N_CLASSES, ROUNDS = 1_000, 32, 10, 6
RECIPE, MIRROR = Recipe(erase=0.3), Invariances(mirror=True)
DEVICES = [
    "cpu",
    pytest.param(
        "cuda",
        marks=[
            pytest.mark.gpu,
            pytest.mark.skipif(not torch.cuda.is_available(), reason="torch.cuda.is_available() is false"),
        ],
    ),
]


class Epoch:
    """The same epoch in two ways, each from the same weights."""

    def __init__(self, device: str) -> None:
        self.device = device
        generator = torch.Generator().manual_seed(0)
        pixels = torch.randint(256, (N, 3, SIDE, SIDE), generator=generator, dtype=torch.uint8).to(device)
        self.labels = (torch.randperm(N, generator=generator) % N_CLASSES).to(device)
        self.pixels = pixels
        self.batches = Batches(DeviceImages(pixels, RECIPE, MIRROR), self.labels)
        self.start = build_network(pixels, RECIPE, N_CLASSES, MIRROR)
        self.steps = list(self.batches.epoch(generator))
        self.augmented = [self.batches.images.augmented(*step) for step in self.steps]

    def train(self, network: Network) -> None:
        """By the product's loop."""
        groups = [(network, RECIPE.lr)]
        train(network, self.batches, classification_loss, groups=groups, epochs=1, seed=0)

    def bare(self, network: Network) -> None:
        """By its arithmetic alone."""
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=1e-3, weight_decay=RECIPE.weight_decay, fused=self.device in FUSED
        )
        network.train()
        for images, (index, _) in zip(self.augmented, self.steps, strict=True):
            loss = classification_loss(network(images), Batch(self.labels[index], index, 0.0))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    def timed(self, run: Callable[[Network], None]) -> float:
        """Seconds of one way: of the processor, or by the clock where the device computes."""
        clock = process_time if self.device == "cpu" else perf_counter
        network = copy.deepcopy(self.start)
        self.wait()
        start = clock()
        run(network)
        self.wait()
        return clock() - start

    def wait(self) -> None:
        """Until the device has done all it was given."""
        if self.device == "cuda":
            torch.cuda.synchronize()


@pytest.fixture(scope="module", params=DEVICES)
def epoch(request: pytest.FixtureRequest) -> Epoch:
    """The problem, with the kernels of its device warm."""
    problem = Epoch(request.param)
    problem.timed(problem.bare)
    return problem


def test_overhead(benchmark: BenchmarkFixture, epoch: Epoch) -> None:
    """The loop's share above the bare steps: below a tenth."""
    seconds: dict[str, list[float]] = {"bare": [], "train": []}

    def bare() -> None:
        seconds["bare"].append(epoch.timed(epoch.bare))

    def loop() -> None:
        seconds["train"].append(epoch.timed(epoch.train))

    benchmark.pedantic(loop, setup=bare, rounds=ROUNDS)
    fastest = {name: min(times) for name, times in seconds.items()}
    overhead = fastest["train"] / fastest["bare"] - 1
    benchmark.extra_info.update(fastest, overhead=overhead)
    print(f"\n{epoch.device}: bare {fastest['bare']:.3f} s, train {fastest['train']:.3f} s, {overhead:+.1%}")
    assert overhead < 0.10


def test_augmentation_of_a_batch(benchmark: BenchmarkFixture, epoch: Epoch) -> None:
    """Gather, crop, mirror, warp, jitter and erase 125 images: eight times in the epoch above."""

    def augment() -> None:
        epoch.batches.images.augmented(*epoch.steps[0])
        epoch.wait()

    benchmark.pedantic(augment, rounds=50, warmup_rounds=3)


def test_random_numbers_of_an_epoch(benchmark: BenchmarkFixture, epoch: Epoch) -> None:
    """The order and all random numbers of 1,000 images, and their copy to the device."""
    generator = torch.Generator().manual_seed(0)

    def draw() -> None:
        epoch.batches.epoch(generator)
        epoch.wait()

    benchmark.pedantic(draw, rounds=50, warmup_rounds=3)


def test_encoding(benchmark: BenchmarkFixture, epoch: Epoch) -> None:
    """Features of 1,000 images, the mean over each and its mirror image."""

    def encode() -> None:
        network_features(epoch.start, epoch.pixels)
        epoch.wait()

    benchmark.pedantic(encode, rounds=5, warmup_rounds=1)


def test_order_of_50_000_images(benchmark: BenchmarkFixture) -> None:
    """The stratified order of a CIFAR-10-sized epoch, once an epoch of 400 steps."""
    labels = torch.arange(50_000) % N_CLASSES
    generator = torch.Generator().manual_seed(0)
    benchmark.pedantic(stratified_order, (labels, generator), rounds=10, warmup_rounds=1)
