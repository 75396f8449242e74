"""Worker processes: one function applied to many items, in this process or in several."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from multiprocessing import current_process, resource_tracker
from typing import TypeVar

import joblib
import torch
from joblib.externals.loky.backend import resource_tracker as loky_resource_tracker
from joblib.externals.loky.process_executor import TerminatedWorkerError

from hashbench.errors import WorkerDiedError
from hashbench.execution.place import Place

TRACKER_WARNINGS = "ignore:resource_tracker:UserWarning"
Item = TypeVar("Item")
Out = TypeVar("Out")


def each(
    function: Callable[[Item, Place], Out], items: Sequence[Item], place: Place, jobs: int
) -> Generator[Out]:
    """What ``function`` gives for each item: in order where ``jobs`` is 1, else as it comes.

    Each worker computes with the place's number of threads, however many workers there are, so that results
    do not depend on ``jobs``. Each uses one GPU and its share of that GPU's memory. Closing the iterator, or
    an error in it, stops them. Raises WorkerDiedError where one is killed from outside.
    """
    if jobs == 1 or not items:
        yield from (function(item, place) for item in items)
        return
    gpus = torch.cuda.device_count() if place.device in {"auto", "cuda"} else 0
    tasks = (joblib.delayed(_in_worker)(function, item, place, jobs, gpus, os.getpid()) for item in items)
    with joblib.parallel_config("loky", inner_max_num_threads=place.threads):
        try:
            with _children_deaf_to_ctrl_c():
                results = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")(tasks)
            yield from results
        except TerminatedWorkerError as error:
            raise WorkerDiedError(
                "a worker process was killed, most likely for want of memory; the same command resumes, "
                f"with fewer jobs than {jobs} if it happens again"
            ) from error


def _in_worker(
    function: Callable[[Item, Place], Out], item: Item, place: Place, jobs: int, gpus: int, parent: int
) -> Out:
    _end_with(parent)
    if gpus:
        place = replace(place, device=_own_gpu(jobs, gpus))
    return function(item, place)


@cache
def _own_gpu(jobs: int, gpus: int) -> str:
    """The GPU of this worker for all its items: a second GPU would need a second context."""
    number = int(current_process().name.rpartition("-")[2])  # loky counts the processes that it starts
    if jobs > gpus:
        torch.cuda.set_per_process_memory_fraction(1 / -(-jobs // gpus), number % gpus)
    return f"cuda:{number % gpus}"


@contextmanager
def _children_deaf_to_ctrl_c() -> Iterator[None]:
    """Block SIGINT in the processes started inside: only this process gets it, and stops them.

    Otherwise a worker that is still starting prints its own traceback at Ctrl-C.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    # When a stop ends workers in the middle, a tracker removes what they held, which is its purpose; it must
    # not warn about it after our last line. It takes the warning filters of the process that starts it.
    sys.warnoptions.append(TRACKER_WARNINGS)
    for tracker in (resource_tracker, loky_resource_tracker):
        tracker.ensure_running()  # started by the first worker, it would unblock SIGINT for the next ones
    sys.warnoptions.remove(TRACKER_WARNINGS)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@cache
def _end_with(parent: int) -> None:
    """End this worker when its parent has ended; only a killed parent leaves workers behind."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
