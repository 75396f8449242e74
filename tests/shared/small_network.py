"""A small network, its loss with a state, and short trainings of both."""

import torch
from torch import nn

from hashbench.contracts.recipe import Invariances, Recipe
from hashbench.training.batches import Batches
from hashbench.training.images import DeviceImages
from hashbench.training.loop import train

N, N_CLASSES = 23, 3


RECIPE = Recipe(batch_size=6, crop=0.25)


MIRROR = Invariances(mirror=True)


pixels = torch.randint(256, (N, 1, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


labels = torch.arange(N) % N_CLASSES


class Small(nn.Module):
    """All that makes resuming hard: dropout, and buffers that are not parameters."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.Dropout(0.3))
        self.head = nn.Linear(8, 3)

    def features(self, images):
        return self.layers(images.float() / 255)


class Running(nn.Module):
    """A loss's state: a parameter and a buffer that the loss writes to."""

    def __init__(self):
        super().__init__()
        self.offset = nn.Parameter(torch.zeros(3))
        self.register_buffer("last_seen", torch.zeros(N))


class Scale(nn.Module):
    """Pixels times a number."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.head = nn.Identity()

    def features(self, images):
        return images.flatten(1) * self.scale


def small(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Small(), Running()


def train_on(network, images, y, loss, recipe, groups=None, epochs=1, seed=0, views=1, **given):
    """``train`` on images that may be mirrored; by default, the network at one rate."""
    batches = Batches(DeviceImages(images, recipe, MIRROR), y, views=views)
    groups = groups or [(network, 0.1)]
    return train(network, batches, loss, groups=groups, epochs=epochs, seed=seed, **given)


def run(modules=None, loss=None, epochs=4, recipe=RECIPE, seed=7, lrs=(1e-2, 1e-3), y=labels, **given):
    """Train; the weights and buffers afterwards."""
    network, state = modules = modules or small()
    groups = list(zip(modules, lrs, strict=True))
    train_on(network, pixels, y, loss or loss_of(state), recipe, groups, epochs, seed, **given)
    return {name: value.clone() for name, value in nn.ModuleList(modules).state_dict().items()}


def loss_of(state, calls=None, fail_at=None):
    def loss(z, batch):
        if fail_at is not None and batch.progress >= fail_at:
            raise KeyboardInterrupt
        if calls is not None:
            calls.append(batch)
        state.last_seen[batch.index] = batch.progress
        return nn.functional.cross_entropy(z + state.offset, batch.labels)

    return loss


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)
