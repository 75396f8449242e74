"""Where a run computes and writes; the same for all its cells."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch

from hashbench.execution.context import forget_contexts
from hashbench.execution.work import Setting, Work
from hashbench.plugins.registry import register_file, registered_files
from hashbench.system.device import resolve_device
from hashbench.system.threads import THREADS, THREADS_OF_SMALL, use_threads


def look_anew(plugins: Iterable[Path] = ()) -> None:
    """See plugin files, these and those of earlier calls, and data as they are now: a command begins so."""
    for file in dict.fromkeys((*registered_files(), *plugins)):
        register_file(file)
    forget_contexts()


@dataclass(frozen=True)
class Place:
    """Paths are absolute. threads: how many a cell computes with; None: its data set decides. command: what
    the user called.

    save_models: whether each cell's fitted method is written beside its record.
    """

    out: Path
    data: Path
    device: str = "auto"
    threads: int | None = None
    plugins: tuple[Path, ...] = ()
    command: str = ""
    save_models: bool = False

    def record(self, work: Work) -> Path:
        """The file of a cell's record."""
        return self.out / f"{work.stem}.json"

    def threads_of(self, setting: Setting) -> int:
        """How many threads a cell or a network of this setting computes with, whatever else runs."""
        if self.threads is not None:
            return self.threads
        return THREADS_OF_SMALL if setting.small else THREADS

    def enter(self, setting: Setting) -> torch.device:
        """Make this process compute a setting here: plugins, threads; the device."""
        known = registered_files()
        for file in self.plugins:
            if file not in known:  # a run ends with the code that it has begun with
                register_file(file)
        use_threads(self.threads_of(setting))
        return resolve_device(self.device)
