"""What work in progress tells whoever watches it; where nobody does, nothing is done with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """Where a job is.

    phase: what it does: "starting", "features", "fit", "train", "encode", "evaluate".
    Of a training: epoch, how many of its ``epochs`` have ended; loss, the mean of the last one's batches;
    images, how many an epoch shows; rate, the images per second so far, those of an earlier process not
    counted.
    """

    phase: str
    epoch: int = 0
    epochs: int = 0
    loss: float = 0.0
    images: int = 0
    rate: float = 0.0


Watcher = Callable[[Step], None]
_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watched(watcher: Watcher | None) -> Iterator[None]:
    """Call ``watcher`` with each step that the block tells, in this thread; None: with none."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def tell(step: Step) -> None:
    """Tell the step to whoever watches."""
    watcher = _watcher.get()
    if watcher is not None:
        watcher(step)
