"""Which process is at work on a file, told by a small file beside it, for processes that share a folder."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event, Thread
from time import time
from uuid import uuid4

from hashbench.errors import LeasedError

BEAT = 10.0  # seconds between two signs of life
STALE = 90.0  # seconds without one, after which the owner is given up
SAME_START = 5.0  # seconds by which the start of a process seems to move when the clock is set


@contextmanager
def lease(path: Path) -> Iterator[None]:
    """Keep ``path`` for this process during the block, by a file ``.STEM.lease`` beside it.

    The file is renewed as long as the process lives. It is stale, and taken over, where its owner has ended
    on this machine, or has not renewed it for 90 seconds by the clock of the file system. When two take over
    a stale one at the same moment it can happen, hardly ever, that both go on: work is then done twice, and
    nothing else is lost. Where no such file can be written, as in a read-only folder, the block runs without.
    Raises LeasedError where another process has it.
    """
    file, mine = lease_file(path), _owner()
    try:
        _take(file, mine)
    except LeasedError:
        raise
    except OSError:
        yield
        return
    ended = Event()
    beat = Thread(target=_renew, args=(file, ended), daemon=True)
    beat.start()
    try:
        yield
    finally:
        ended.set()
        beat.join()
        with suppress(OSError):
            if file.read_text() == mine:  # after a sleep of the whole machine it can be another's
                file.unlink()


def lease_file(path: Path) -> Path:
    """The file that says who is at work on ``path``."""
    return path.with_name(f".{path.stem}.lease")


def _take(file: Path, mine: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(2):
        try:
            number = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        except FileExistsError:
            _remove_stale(file)
            continue
        with os.fdopen(number, "w") as stream, suppress(OSError):  # on a full disk its age alone counts
            stream.write(mine)
        return
    raise LeasedError(f"another process is at work on '{file}'")


def _remove_stale(file: Path) -> None:
    """Remove a lease that is stale. Raises LeasedError where it is not."""
    aside = file.with_name(f"{file.name}.{uuid4().hex[:8]}.tmp")
    try:
        seen = file.read_text()
        if _lives(file, seen):
            raise LeasedError(f"another process is at work on '{file}'")
        file.rename(aside)  # of several that want to take it over, one moves it
        if aside.read_text() != seen:  # that one was first, and this is already its new lease
            aside.rename(file)
            raise LeasedError(f"another process is at work on '{file}'")
        aside.unlink()
    except FileNotFoundError:  # released in the meantime
        pass


def _lives(file: Path, owner: str) -> bool:
    try:
        where, pid, start = json.loads(owner)
    except ValueError:  # it is just being written, or the disk was full
        where, pid, start = None, 0, 0.0
    if where == _here() and not _runs(pid, start):
        return False
    return _clock(file.parent) - file.stat().st_mtime < STALE


def _owner() -> str:
    import psutil

    return json.dumps([_here(), os.getpid(), psutil.Process().create_time()])


def _runs(pid: int, start: float) -> bool:
    import psutil

    try:
        process = psutil.Process(pid)
        alive = process.status() != psutil.STATUS_ZOMBIE
        return alive and abs(process.create_time() - start) < SAME_START
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:  # it is another user's
        return True


@cache
def _here() -> str:
    """This machine and, where containers share it, this container: in it a process id has one meaning."""
    known = [platform.node()]
    with suppress(OSError):
        known.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        known.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(known)


def _clock(folder: Path) -> float:
    """The time by the file system's own clock, which is that of its server."""
    try:
        with TemporaryFile(dir=folder) as file:
            file.write(b".")
            file.flush()
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return time()


def _renew(file: Path, ended: Event) -> None:
    while not ended.wait(BEAT):
        with suppress(OSError):
            os.utime(file)
