"""What the hooks that a plugin writes must give, said with the plugin's name where they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hashbench.errors import BrokenPluginError

if TYPE_CHECKING:
    import torch


def unwritten(name: str, hook: str) -> BrokenPluginError:
    """The error of a plugin that lacks a hook. hook: with its arguments, as it is to be written."""
    return BrokenPluginError(f"{name} has no {hook}; write it, under this very name")


def require_tensor(name: str, hook: str, value: Any) -> torch.Tensor:
    """The value that a hook gave. Raises BrokenPluginError where it is no tensor."""
    import torch

    if not isinstance(value, torch.Tensor):
        raise BrokenPluginError(f"{hook}() of {name} gives {_type_of(value)}; a torch.Tensor is needed")
    return value


def require_scalar(name: str, hook: str, value: Any) -> torch.Tensor:
    """The value that a hook gave. Raises BrokenPluginError where it is no tensor of shape ().

    It looks at the shape alone, so that it does not wait for the device.
    """
    tensor = require_tensor(name, hook, value)
    if tensor.ndim:
        raise BrokenPluginError(
            f"{hook}() of {name} gives shape {tuple(tensor.shape)}; a scalar is needed, e.g. .mean()"
        )
    return tensor


def _type_of(value: Any) -> str:
    kind = type(value)
    if value is None:
        return "None"
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
