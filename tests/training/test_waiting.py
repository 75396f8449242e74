"""On a GPU, a step must not wait for the device; what would make it wait can be seen on the CPU, too."""

import dataclasses

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from hashbench.contracts.recipe import Invariances, Recipe
from hashbench.plugins.registry import find, plugins
from hashbench.testing.toy import new, options, toy
from hashbench.training import DeepHashMethod, loop
from hashbench.training.pretrain import train_backbone

X, y = toy("images")
DEEP = [name for name in plugins("method") if find("method", name).deep]


class NoWaiting(TorchDispatchMode):
    """An error for each operation whose result, or its shape, the host would have to read from the device."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        masks = name in {"index", "index_put", "index_put_"} and any(
            index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1]
        )
        reads = {"_local_scalar_dense", "nonzero", "masked_select", "unique", "_unique2", "bincount", "equal"}
        assert not masks, f"{name} with a mask as index"
        assert name not in reads, name
        return function(*args, **(kwargs or {}))


@pytest.fixture(scope="module")
def start():
    recipe = Recipe(pretrain_epochs=0)
    return train_backbone(torch.tensor(X), torch.tensor(y), recipe, seed=0)


@pytest.fixture
def no_waiting(monkeypatch):
    """Guard each step's loss, gradient and update; an epoch's order is drawn on the CPU."""
    steps = []

    def guarded(batches, network, loss, step, progress):
        with NoWaiting():
            steps.append(progress)
            return of_step(batches, network, loss, step, progress)

    def updated(optimisation, value):
        with NoWaiting():
            update(optimisation, value)

    of_step, update = loop.Batches.loss, loop.Optimisation.step
    monkeypatch.setattr(loop.Batches, "loss", guarded)
    monkeypatch.setattr(loop.Optimisation, "step", updated)
    return steps


@pytest.mark.parametrize("name", DEEP)
def test_no_step_of_a_method_waits_for_the_device(name, start, no_waiting):
    recipe = Recipe(batch_size=32, epochs=1, erase=0.3, clip=1.0)
    cls = find("method", name)
    method = new(cls, recipe=recipe, invariances=Invariances(mirror=True))
    method.fit(X, y, start=start, **options(cls))
    assert len(no_waiting) == 3


@pytest.mark.parametrize(
    "wait",
    [
        lambda z, batch: z[batch.labels == 0].square().mean(),
        lambda z, batch: z.square().mean() / z.max().item(),
        lambda z, batch: z[(batch.labels == 0).nonzero()[:, 0]].square().mean(),
    ],
)
def test_a_loss_that_waits_is_found(wait, start, no_waiting):
    @dataclasses.dataclass(eq=False, repr=False, kw_only=True)
    class Waits(DeepHashMethod):
        def loss(self, z, batch):
            return wait(z, batch)

    with pytest.raises(AssertionError, match=r"index|_local_scalar_dense|nonzero"):
        new(Waits).fit(X, y, start=start)
