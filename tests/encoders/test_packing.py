"""Values as JSON and tensors: what comes back is what went in, and nothing else goes in or comes out."""

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from hashbench.contracts.recipe import Invariances, Recipe
from hashbench.encoders.packing import Packer, Unpacker
from hashbench.errors import InvalidInputError
from hashbench.training.network import Network, build_network

CPU = torch.device("cpu")


def there_and_back(value, plan=None, homes=()):
    packer = Packer(plan)
    text = json.dumps(packer.pack(value, "it"), allow_nan=False)
    return Unpacker(packer.tensors, homes, CPU).unpack(json.loads(text))


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 3, -0.1, math.inf, "é\x00", b"\xff\x00", (), [], {}),
        (1, (2.0, "a"), [None]),
        {"a": 1, 2: (3,), "tensor": {"tensor": "a"}},
        np.float32(0.1),
        np.int64(7),
        Recipe(epochs=3, backbone="nin"),
        Invariances(mirror=True),
    ],
    ids=repr,
)
def test_plain_values_come_back(value):
    back = there_and_back(value)
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.bfloat16, torch.int64, torch.uint8, torch.bool]
)
def test_tensors_come_back_as_they_lie_in_memory(dtype):
    for tensor in (
        torch.arange(24).reshape(2, 3, 4).to(dtype),
        torch.arange(24).reshape(4, 6).to(dtype).T,
        torch.arange(48).reshape(2, 2, 3, 4).to(dtype).contiguous(memory_format=torch.channels_last),
        torch.tensor(1).to(dtype),
        torch.zeros(0, 3, dtype=dtype),
    ):
        back = there_and_back((tensor,))[0]
        assert back.dtype == dtype
        assert torch.equal(back, tensor)
        assert back.stride() == tensor.stride() or tensor.numel() < 2


def test_arrays_come_back():
    for array in (np.arange(6.0).reshape(2, 3), np.array(["a", "bc"]), np.array([True])):
        back = there_and_back(array)
        assert np.array_equal(back, array)
        assert back.dtype == array.dtype


def test_modules_come_back_and_are_one_where_they_were_one():
    shared = nn.Linear(3, 4)
    module = nn.ModuleDict({"a": shared, "b": nn.Sequential(shared, nn.BatchNorm1d(4)), "c": nn.GRU(3, 4)})
    module["b"][1].running_mean += 1
    back = there_and_back(module.eval())
    assert back["a"] is back["b"][0]
    x = torch.randn(5, 3)
    assert torch.equal(back["b"](x), module["b"](x))
    assert torch.equal(back["c"](x)[0], module["c"](x)[0])


def test_a_network_is_built_anew():
    images = torch.randint(0, 256, (20, 3, 8, 8), dtype=torch.uint8)
    network = build_network(images, Recipe(), 5, Invariances(mirror=True)).eval()
    before = torch.get_rng_state()
    back = there_and_back(network, ("vgg7", 8))
    assert torch.equal(before, torch.get_rng_state())
    assert type(back) is Network
    assert back.mirrored
    assert torch.equal(back(images), network(images))


def test_dataclasses_of_numerics_come_back_and_no_others():
    from hashbench.numerics.features import KernelMap

    back = there_and_back(KernelMap(torch.ones(2, 3), 0.5, True, False))
    assert type(back) is KernelMap
    assert (back.sigma_squared, back.normalize, back.anchors.tolist()) == (0.5, True, [[1.0] * 3] * 2)
    for name in ("hashbench.records.schema:Record", "hashbench.numerics.features:torch", "os:system"):
        with pytest.raises(ValueError, match="no dataclass"):
            Unpacker({}, (), CPU).unpack({"dataclass": [name, {"dict": []}]})


class Own(nn.Module):
    """Of this file, which is not a method's."""


@pytest.mark.parametrize(
    "value",
    [lambda x: x, object(), {1, 2}, torch.zeros(2, dtype=torch.complex64), np.array([None]), Own, print, 1j],
    ids=lambda value: type(value).__name__,
)
def test_what_no_file_can_hold_is_named(value):
    with pytest.raises(InvalidInputError, match=r"it\.trees_\.1 is"):
        Packer().pack({"trees_": [0, value]}, "it")


def test_endless_nesting_is_refused():
    value = []
    value.append(value)
    with pytest.raises(InvalidInputError, match="nested"):
        Packer().pack(value, "it")


def test_only_modules_of_the_methods_file_are_built():
    packed = Packer().pack(Own(), "it")
    with pytest.raises(ValueError, match="neither of torch"):
        Unpacker({}, (), CPU).unpack(packed)
    assert type(Unpacker({}, (__name__,), CPU).unpack(packed)).__name__ == "Own"


@pytest.mark.parametrize(
    "name", ["os:system", "torch.nn.modules.module:_global_forward_hooks", "builtins:eval"]
)
def test_nothing_but_modules_is_built(name):
    part = {"dict": []}
    content = {"class": name, "attributes": part, "modules": part, "parameters": part, "buffers": part}
    with pytest.raises(ValueError, match=name.split(":")[1]):
        Unpacker({}, (), CPU).unpack({"module": content})


def test_an_attribute_cannot_hide_a_modules_own():
    packed = Packer().pack(nn.ReLU(), "it")
    packed["module"]["attributes"]["dict"].append(["forward", 1])
    with pytest.raises(ValueError, match="forward"):
        Unpacker({}, (), CPU).unpack(packed)
