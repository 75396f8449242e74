"""Modules of torch as plain JSON and tensors, and back.

A ``Network`` is written as its backbone's name and sizes, and built anew. Any other module is written as
its class, its plain attributes, its tensors and its modules; only classes of torch, of the suite's training
and of the method's own file are built again, and no code of the file's choice runs.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from hashbench.errors import InvalidInputError
from hashbench.training.network import Network, build_backbone

OURS = "hashbench.training."
TORCHS = "torch.nn.modules."
COMMON = frozenset(vars(nn.Module())) - {"training"}  # what every module has: hooks, parts
# Recurrent layers keep their weights in a second list, which they make again.
REPEATED = frozenset({"_flat_weights", "_flat_weight_refs"})
MOST_CHANNELS, MOST_OUTPUTS = 1 << 10, 1 << 20
HOOKS = ("_forward_hooks", "_forward_pre_hooks")


def pack_module(
    module: nn.Module, plan: tuple[str, int] | None, where: str, inside: Callable[[Any, object], Any]
) -> dict[str, Any]:
    """The JSON of a module. plan: a network's backbone and side. inside: packs what the module holds."""
    if type(module) is Network:
        if plan is None:
            raise InvalidInputError(f"{where} is a network, but there is no name of its backbone")
        return {
            "class": "Network",
            "backbone": plan[0],
            "side": plan[1],
            "channels": module.mean.numel(),
            "outputs": module.head.out_features,
            "mirrored": module.mirrored,
            "frozen": module.frozen,
            "state": inside(dict(module.state_dict()), "state"),
        }
    if any(getattr(module, hooks) for hooks in HOOKS):
        raise InvalidInputError(f"{where} has hooks, which no file can hold")
    attributes = {name: value for name, value in vars(module).items() if name not in COMMON | REPEATED}
    return {
        "class": f"{type(module).__module__}:{type(module).__qualname__}",
        "attributes": inside(attributes, "attributes"),
        "modules": inside(dict(module._modules), "modules"),
        "parameters": inside(dict(module._parameters), "parameters"),
        "buffers": inside(dict(module._buffers), "buffers"),
    }


def unpack_module(
    content: dict[str, Any], homes: tuple[str, ...], device: torch.device, inside: Callable[[Any], Any]
) -> nn.Module:
    """The module in evaluation mode. homes: the files, as modules, whose classes it may be of.

    Raises ValueError, KeyError, TypeError, AttributeError, RuntimeError where the JSON is of no such module.
    """
    if content["class"] == "Network":
        return _network(content, device, inside)
    home, _, name = content["class"].partition(":")
    if not (home in homes or home.startswith((OURS, TORCHS))):
        raise ValueError(f"its module '{content['class']}' is neither of torch, nor of the method's file")
    cls = getattr(importlib.import_module(home), name)
    if not (isinstance(cls, type) and issubclass(cls, nn.Module)) or cls is Network:
        raise ValueError(f"'{content['class']}' is no module")
    module = cls.__new__(cls)
    nn.Module.__init__(module)
    for name, value in inside(content["attributes"]).items():
        if name in COMMON or hasattr(nn.Module, name):
            raise ValueError(f"a module's attribute is called '{name}'")
        vars(module)[name] = value
    for name, part in inside(content["modules"]).items():
        module.add_module(name, part)
    for name, tensor in inside(content["parameters"]).items():
        own = None if tensor is None else nn.Parameter(tensor, requires_grad=False)
        module.register_parameter(name, own)
    for name, tensor in inside(content["buffers"]).items():
        module.register_buffer(name, tensor)
    if isinstance(module, nn.RNNBase):
        module._init_flat_weights()
    return module.eval()


def _network(content: dict[str, Any], device: torch.device, inside: Callable[[Any], Any]) -> Network:
    state = inside(content["state"])
    channels, outputs = content["channels"], content["outputs"]
    if not (0 < channels <= MOST_CHANNELS and 0 < outputs <= MOST_OUTPUTS):
        raise ValueError(f"a network has {channels} channels and {outputs} outputs")
    with torch.random.fork_rng(devices=[]):  # its first weights are drawn, and replaced
        backbone, n_features = build_backbone(content["backbone"], channels, content["side"])
        head = nn.Linear(n_features, outputs)
    network = Network(backbone, head, torch.zeros(channels), torch.ones(channels))
    network = network.to(device).to(memory_format=torch.channels_last)
    network.load_state_dict(state)
    network.mirrored, network.frozen = bool(content["mirrored"]), bool(content["frozen"])
    return network.requires_grad_(False).eval()
