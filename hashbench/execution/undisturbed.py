"""What a plugin's code changes for everybody, put back: random generators, threads, number type, output."""

from __future__ import annotations

import io
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

import numpy as np
import torch

from hashbench.system.text import visible


class _ToStandardError(io.TextIOBase):
    """What a plugin prints, written where it is not mistaken for a result; closing it closes nothing."""

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, text: str) -> int:
        """Write to standard error, where there is one; escape sequences do not reach the terminal."""
        if sys.stderr is not None:
            sys.stderr.write(visible(text, keep="\n\t"))
        return len(text)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Run a plugin's code in the block; what comes after draws, computes and prints as if it had not run.

    The global random generators of Python, numpy and torch and torch's threads are afterwards what they were
    before. Torch's default number type is float32, in the block and afterwards, whatever a plugin's file sets
    when it is imported. What the block prints goes to standard error.
    """
    drawn, numpy_drawn = random.getstate(), np.random.get_state()  # noqa: NPY002  others may use it
    cuda = torch.cuda.is_available() and torch.cuda.is_initialized()
    devices = list(range(torch.cuda.device_count())) if cuda else []
    threads = torch.get_num_threads()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.random.fork_rng(devices), redirect_stdout(_ToStandardError()):
            yield
    finally:
        random.setstate(drawn)
        np.random.set_state(numpy_drawn)  # noqa: NPY002
        torch.set_num_threads(threads)
        torch.set_default_dtype(torch.float32)
