"""Seconds by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

import torch

from hashbench.system.watching import Step, tell


class Timer:
    """Adds up the seconds of blocks, which may be nested; waits for the device before each reading."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds: dict[str, float] = {}
        self._within = ""

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Add the time of the block to ``name``, and tell that this is what is done."""
        outer, self._within = self._within, name
        tell(Step(name))
        self._synchronize()
        start = perf_counter()
        yield
        self._synchronize()
        self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - start
        self._within = outer
        if outer:
            tell(Step(outer))

    def _synchronize(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()
