"""Which device computes."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from hashbench.errors import InvalidInputError

if TYPE_CHECKING:
    import torch


def fork_rng(device: torch.device) -> AbstractContextManager[None]:
    """Restore the random generators of the CPU and the device after the block."""
    import torch

    return torch.random.fork_rng([device.index or 0] if device.type == "cuda" else [])


def resolve_device(name: str) -> torch.device:
    """The torch device of a name; "auto" is CUDA where there is one, else MPS, else the CPU."""
    import torch

    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        if torch.ones(2, device=device).sum().item() != 2:  # meta has no numbers, others have no backend
            raise RuntimeError("it does not compute")
    except (RuntimeError, AssertionError, ValueError, ModuleNotFoundError) as error:
        reason = str(error).partition("\n")[0]
        if reason.startswith("Expected one of"):  # followed by all kinds that torch has a name for
            reason = "torch has none of this name"
        raise InvalidInputError(
            f"device '{name}' cannot be used ({reason}); try auto, cpu, cuda, cuda:1 or mps"
        ) from error
    return device
