"""Checkpoints of a training: whole or absent, and never resumed from where their bytes have changed."""

from __future__ import annotations

import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from hashbench.errors import InvalidInputError
from hashbench.system.atomic import atomic_file
from hashbench.system.integrity import check_members, is_of_the_machine
from hashbench.system.paths import is_regular
from hashbench.system.text import text_of

PARTS = {"modules", "optimisation", "epoch", "losses", "seconds"}


def load_checkpoint(path: Path | None, device: torch.device | str) -> dict[str, Any] | None:
    """The state in a checkpoint, its tensors on ``device``; None where there is none.

    A damaged one is named in a warning and removed, so that the training begins anew. One that cannot be read
    now, for want of memory or of rights, stays, and the error is raised.
    """
    if path is None:
        return None
    try:
        if not is_regular(path):
            if path.is_symlink() or path.exists():
                raise InvalidInputError(f"checkpoint '{path}' is no regular file; move it away")
            return None
        check_members(path)
        state = torch.load(path, map_location=device, weights_only=True)
        if not isinstance(state, dict) or not state.keys() >= PARTS:
            raise ValueError("it holds something else")
        return state
    except FileNotFoundError:
        return None
    except InvalidInputError:
        raise
    except Exception as error:
        if is_of_the_machine(error):
            raise
        warnings.warn(
            f"checkpoint '{path}' is damaged ({type(error).__name__}: {text_of(error)}); it is removed, and "
            "the training begins anew",
            stacklevel=2,
        )
        with suppress(FileNotFoundError):
            path.unlink()
        return None


def seconds_before(checkpoint: Path) -> float:
    """The seconds of training that a checkpoint saves; 0 where there is none."""
    state = load_checkpoint(checkpoint, "cpu")
    return 0.0 if state is None else float(state["seconds"])


def save_atomically(state: object, path: Path) -> None:
    """``torch.save`` to a file that is never half-written."""
    with atomic_file(path) as file:
        torch.save(state, file)
