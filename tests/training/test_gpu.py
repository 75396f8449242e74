"""Training on a CUDA device: the same calls, nothing left on the host, the same numbers twice."""

import dataclasses

import numpy as np
import pytest
import torch

from hashbench.contracts.recipe import Recipe
from hashbench.evaluation import evaluate
from hashbench.plugins.registry import find, plugins
from hashbench.testing.toy import LONGER, SHORT, new, toy
from hashbench.training import Batch
from hashbench.training.images import DeviceImages
from hashbench.training.loop import stratified_order
from hashbench.training.pretrain import train_trunk

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch.cuda.is_available() is false"),
]
X, y = toy("images")
DEEP = [name for name in plugins("method") if find("method", name).deep]


def on_cuda(name, **parameters):
    return new(find("method", name), device="cuda", **parameters)


@pytest.fixture(scope="module")
def trunk():
    return train_trunk(torch.tensor(X).cuda(), torch.tensor(y).cuda(), SHORT, seed=0)


@pytest.mark.parametrize("name", DEEP)
def test_two_trainings_give_the_same_bits_of_every_weight(name, trunk):
    recipe = dataclasses.replace(SHORT, epochs=3)
    first, again = (on_cuda(name, recipe=recipe).fit(X, y, trunk=trunk) for _ in range(2))
    for key, value in first.network_.state_dict().items():
        assert torch.equal(value, again.network_.state_dict()[key]), key


@pytest.mark.parametrize(
    "start", [{"pretraining": "none"}, {"pretraining": "frozen"}, {"pretraining": "joint"}]
)
def test_every_start_gives_the_same_bits_of_every_weight(start, trunk):
    given = {"trunk": trunk} if start["pretraining"] == "frozen" else {}
    first, again = (on_cuda("mu_liu", **start).fit(X, y, **given) for _ in range(2))
    for key, value in first.network_.state_dict().items():
        assert value.is_cuda
        assert torch.equal(value, again.network_.state_dict()[key]), key
    assert first.history_ == again.history_


def test_a_step_waits_for_the_device_nowhere(trunk):
    """But once an epoch, to read the loss; a batch's index goes to the device without waiting."""
    method = on_cuda("mu_liu").fit(X, y, trunk=trunk)
    z = torch.randn(96, method.n_bits, device="cuda", requires_grad=True)
    batch = Batch(torch.tensor(y).cuda(), torch.arange(96, device="cuda"), 0.0)
    torch.cuda.set_sync_debug_mode("error")
    try:
        method.loss(z, batch).backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_stage_1_is_deterministic_and_leaves_the_global_generators_alone():
    pixels, labels = torch.tensor(X).cuda(), torch.tensor(y).cuda()
    first = train_trunk(pixels, labels, SHORT, seed=0).state_dict()
    torch.rand(3, device="cuda")
    before = torch.get_rng_state(), torch.cuda.get_rng_state()
    again = train_trunk(pixels, labels, SHORT, seed=0).state_dict()
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert torch.equal(torch.get_rng_state(), before[0])
    assert torch.equal(torch.cuda.get_rng_state(), before[1])


@pytest.mark.parametrize("name", DEEP)
def test_weights_and_state_live_on_the_device(name, trunk):
    method = on_cuda(name).fit(X, y, trunk=trunk)
    modules = [method.network_, *([method.state_] if method.state_ else [])]
    assert all(value.is_cuda for module in modules for value in module.state_dict().values())


def test_images_stay_on_the_device_and_are_drawn_as_on_the_cpu():
    recipe, index = Recipe(flip=True, crop=0.25), torch.arange(0, 96, 3)
    images = DeviceImages(torch.tensor(X).cuda(), recipe)
    batch = images.augmented(index, torch.Generator().manual_seed(0))
    expected = DeviceImages(torch.tensor(X), recipe).augmented(index, torch.Generator().manual_seed(0))
    assert images.padded.is_cuda
    assert batch.is_cuda
    assert torch.equal(batch.cpu(), expected)
    labels = torch.tensor(y)
    orders = (
        stratified_order(places, torch.Generator().manual_seed(0)) for places in (labels.cuda(), labels)
    )
    assert torch.equal(*orders)


def test_values_are_near_those_of_the_same_network_on_the_cpu(trunk):
    method = on_cuda("mu_liu", recipe=LONGER).fit(X, y)
    values = method.project(X)
    method.network_.cpu()
    method.device = "cpu"
    np.testing.assert_allclose(method.project(X), values, atol=0.1)


def test_evaluation_of_its_codes_is_exact_and_above_chance():
    method = on_cuda("mu_liu", recipe=LONGER).fit(X, y)
    (database, labels), (query, query_labels) = toy("images", 1), toy("images", 2)
    codes = method.encode(query), method.encode(database)
    metrics = ["map", "map_optimistic", "map_pessimistic"]
    first = evaluate(*codes, query_labels, labels, metrics)
    torch.rand(1000, device="cuda")  # whatever the device is doing
    again = evaluate(*codes, query_labels, labels, metrics)
    assert [first[name] for name in metrics] == [again[name] for name in metrics]
    assert first["map"] > 0.5
