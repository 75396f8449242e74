"""What asks a process to end, SIGTERM and SIGHUP, as Ctrl-C does: an exception, so that work is put away."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class Stopped(KeyboardInterrupt):
    """A signal that is not Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def exit_code(stop: KeyboardInterrupt) -> int:
    """What shells expect: 128 and the signal's number."""
    return 128 + (stop.number if isinstance(stop, Stopped) else signal.SIGINT)


@contextmanager
def signals_stop() -> Iterator[None]:
    """Raise ``Stopped`` at SIGTERM and SIGHUP in the block; a signal that is ignored, as by nohup, stays so.

    Only the first one is raised: a second does not disturb how work is put away.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in caught}
    caught = [number for number in caught if before[number] == signal.SIG_DFL]

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        for other in caught:
            signal.signal(other, signal.SIG_IGN)
        raise Stopped(number)

    for number in caught:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in caught:
            signal.signal(number, before[number])


@contextmanager
def signals_wait() -> Iterator[None]:
    """Let Ctrl-C, and what ``signals_stop`` raises, wait for the end of the block; a second does not wait.

    For what cannot be put away while it is half made. Only the main thread is ever stopped.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    found = {
        number: signal.getsignal(number)
        for number in (getattr(signal, n) for n in names if hasattr(signal, n))
    }
    before = {number: handler for number, handler in found.items() if callable(handler)}
    came: list[int] = []

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def keep(number: int, frame: FrameType | None) -> None:
        put_back()
        came.append(number)

    for number in before:
        signal.signal(number, keep)
    try:
        yield
    finally:
        put_back()
        for number in came:
            signal.raise_signal(number)
