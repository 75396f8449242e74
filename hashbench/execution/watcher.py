"""Who watches the jobs of a run, and how workers on other machines reach it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from time import monotonic
from typing import Any, Protocol

from hashbench.execution.jobs import Made
from hashbench.records import Record
from hashbench.system.watching import Step, watched

PAUSE = 1.0  # seconds between two epochs that a worker tells


class RunWatcher(Protocol):
    """Is told what the jobs of a run do; a job's number is its place in ``Plan.tasks``.

    ``step`` can be called by another thread than the others, and late: after ``stopped``.
    """

    def started(self, number: int) -> None:
        """A job has been handed to a worker."""

    def step(self, number: int, step: Step) -> None:
        """Where a job is."""

    def stopped(self, number: int, outcome: Made | Record | None) -> None:
        """What came of a job; None: another run is at it, and it comes later."""


@contextmanager
def telling(topic: str | None, number: int) -> Iterator[None]:
    """Tell the steps of the block, by a dask worker, to who reads the topic; None: to nobody.

    A new phase is told at once, epochs at most every second.
    """
    if topic is None:
        yield
        return
    from distributed import get_worker

    worker, told, phase = get_worker(), -PAUSE, ""

    def pass_on(step: Step) -> None:
        nonlocal told, phase
        if step.phase == phase and monotonic() - told < PAUSE:
            return
        told, phase = monotonic(), step.phase
        worker.log_event(topic, {"number": number, "step": asdict(step)})

    with watched(pass_on):
        yield


def hear(watcher: RunWatcher, event: tuple[float, dict[str, Any]]) -> None:
    """Tell the watcher what ``telling`` has sent."""
    _, message = event
    watcher.step(message["number"], Step(**message["step"]))
