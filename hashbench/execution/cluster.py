"""Where jobs run: in this process, on a local cluster of processes, or on a cluster of machines (dask)."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from multiprocessing import resource_tracker
from queue import Empty, SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

import torch

from hashbench.errors import ClusterError
from hashbench.execution.jobqueue import JobQueue
from hashbench.execution.jobs import Job, Made
from hashbench.execution.place import look_anew
from hashbench.execution.watcher import RunWatcher, hear, telling
from hashbench.images.store import cache_root
from hashbench.records import Failure, Record
from hashbench.system.signals import signals_wait
from hashbench.system.text import text_of
from hashbench.system.watching import watched

if TYPE_CHECKING:
    from distributed import Client, Future, Nanny, SpecCluster
    from tornado.ioloop import IOLoop

Outcome = Made | Record | Failure | None  # a Failure is of the workers; None: another run is at the job
DEATHS = 3  # workers that a job may take with it before it is given up
_one_at_a_time = Lock()  # jobs of one process share its random generators, threads and standard output
SETTINGS: dict[str, object] = {
    "distributed.scheduler.allowed-failures": DEATHS - 1,
    "distributed.scheduler.worker-ttl": None,  # a worker that computes without a pause is not dead
    "distributed.worker.profile.enabled": False,
    "distributed.nanny.pre-spawn-environ": {},
    "distributed.comm.retry.count": 3,
}


@dataclass(frozen=True)
class Workers:
    """Who runs the jobs: so many processes here, the cluster at an address, or jobs of a queueing system."""

    jobs: int = 1
    scheduler: str | None = None
    queue: JobQueue | None = None


class Pool(Protocol):
    """Runs jobs."""

    def slots(self) -> int:
        """How many jobs it runs at a time, now."""

    def start(self, number: int, job: Job) -> None:
        """Start a job, under a number."""

    def ended(self, timeout: float) -> tuple[int, Outcome] | None:
        """A job that has ended, its number and what came of it; None where none does in so many seconds."""


class Here:
    """This process."""

    def __init__(self, watcher: RunWatcher | None = None) -> None:
        self._watcher = watcher
        self._ended: list[tuple[int, Outcome]] = []

    def slots(self) -> int:
        """One."""
        return 1

    def start(self, number: int, job: Job) -> None:
        """Do the job."""
        with watched(None if self._watcher is None else partial(self._watcher.step, number)):
            self._ended.append((number, job.do()))

    def ended(self, timeout: float) -> tuple[int, Outcome] | None:
        """What came of it."""
        return self._ended.pop()


class There:
    """The workers of a cluster, each with one job at a time, however many threads dask gives it.

    A job whose worker is lost goes to another one, which is dask's work. No more jobs are handed over than
    run: a job that waits behind one that kills its worker would be blamed for it too.
    """

    def __init__(self, client: Client, watcher: RunWatcher | None = None) -> None:
        self._client = client
        self._topic: str | None = None  # of what workers tell, where anybody listens
        if watcher is not None:
            self._topic = f"hashbench-{uuid4().hex}"
            client.subscribe_topic(self._topic, partial(hear, watcher))
        self._numbers: dict[str, int] = {}
        self._futures: SimpleQueue[Future] = SimpleQueue()
        self._cache = str(cache_root().absolute())

    def slots(self) -> int:
        """The workers; one before the first has come."""
        return max(1, len(self._client.nthreads()))

    def start(self, number: int, job: Job) -> None:
        """Hand the job over."""
        key = f"{job.title}-{uuid4().hex}"
        self._numbers[key] = number
        future = self._client.submit(_do, job, self._cache, number, self._topic, key=key, pure=False)
        future.add_done_callback(self._futures.put)

    def ended(self, timeout: float) -> tuple[int, Outcome] | None:
        """Wait for one. Raises ClusterError where the cluster is gone."""
        from distributed.scheduler import KilledWorker

        try:
            future = self._futures.get(timeout=timeout)
        except Empty:
            return None
        if future.status == "finished":
            return self._numbers.pop(str(future.key)), future.result()
        if future.status != "error":
            raise ClusterError("the cluster is gone; what is done is saved, the same command resumes")
        error = future.exception()
        failure = Failure.of(error)
        if isinstance(error, KilledWorker):
            message = (
                f"{DEATHS} workers died at it, one after the other: its code crashes or ends the process, or "
                "there is not enough memory"
            )
            failure = Failure(type=KilledWorker.__name__, message=message, traceback="")
        return self._numbers.pop(str(future.key)), failure


def _do(job: Job, cache: str, number: int, topic: str | None) -> Made | Record | None:
    os.environ.setdefault("HASHBENCH_CACHE", cache)
    with _one_at_a_time, telling(topic, number):
        return job.do()


@contextmanager
def open_pool(
    workers: Workers,
    n_jobs: int,
    device: str,
    say: Callable[[str], None],
    watcher: RunWatcher | None = None,
) -> Iterator[Pool]:
    """Who runs the jobs, no more workers than jobs; they end with the block. Raises ClusterError.

    say: gets the address of the dashboard, where there is one. watcher: gets the jobs' steps.
    """
    n_local = min(workers.jobs, n_jobs)
    if workers.scheduler is None and workers.queue is None and n_local == 1:
        yield Here(watcher)
        return
    import dask.config
    from distributed import Client

    with ExitStack() as stack:
        for name in ("distributed", "distributed.client", "distributed.gc"):  # each has a level of its own
            logger = logging.getLogger(name)
            stack.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.CRITICAL)  # what matters of a lost worker is told in records
        stack.enter_context(dask.config.set(SETTINGS))
        try:
            at: SpecCluster | str
            if workers.scheduler is not None:
                at = workers.scheduler
            elif workers.queue is not None:
                at = stack.enter_context(workers.queue.cluster(n_jobs))
            else:
                at = stack.enter_context(_local(n_local, device))
            client = stack.enter_context(Client(at, set_as_default=False))
            if workers.scheduler is not None:  # its workers have outlived other runs
                client.run(look_anew)
        except (OSError, ValueError, RuntimeError) as error:
            what = workers.scheduler or "a cluster"
            reason = " ".join(text_of(error).split())
            no_address = workers.scheduler is not None and isinstance(error, ValueError)
            form = "; an address is of the form tcp://HOST:PORT" if no_address else ""
            raise ClusterError(f"{what} cannot be used ({reason}){form}") from error
        if find_spec("bokeh") is not None or workers.scheduler is not None:
            say(f"dashboard: {client.dashboard_link}")
        yield There(client, watcher)


@contextmanager
def _local(n: int, device: str) -> Iterator[SpecCluster]:
    """Worker processes on this machine. Each uses one GPU and its share of that GPU's memory.

    They speak to each other with a key that nobody else has: without one, a scheduler runs the code of every
    user of the machine.
    """
    from distributed import Nanny, Scheduler, Security, SpecCluster

    security = Security.temporary()
    here = {"host": "127.0.0.1", "protocol": "tls://", "security": security}
    options = {"nthreads": 1, "memory_limit": 0, "silence_logs": logging.CRITICAL, **here}
    gpus = _gpus() if device in {"auto", "cuda"} else []
    specs = {i: {"cls": Nanny, "options": options | {"env": _environment(i, n, gpus)}} for i in range(n)}
    scheduler = {"port": 0, "dashboard": True, "dashboard_address": "127.0.0.1:0", **here}
    with _main_stays_out(), _deaf_loop() as loop, ExitStack() as started:
        with signals_wait():  # half a cluster cannot be closed
            cluster = SpecCluster(
                workers=specs,
                scheduler={"cls": Scheduler, "options": scheduler},
                loop=loop,
                security=security,
                name="hashbench",
                silence_logs=logging.CRITICAL,
            )
            started.callback(_close, cluster)
        yield cluster


def _close(cluster: SpecCluster) -> None:
    cluster.sync(_end, list(cluster.workers.values()))
    cluster.close()


async def _end(nannies: Sequence[Nanny]) -> None:
    """End the workers at once: none has work that is to be waited for."""
    for nanny in nannies:
        nanny.close_gracefully()  # starts no other worker
        if nanny.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(nanny.pid, signal.SIGKILL)
    await asyncio.gather(*(nanny.close(timeout=30) for nanny in nannies), return_exceptions=True)


@contextmanager
def _deaf_loop() -> Iterator[IOLoop]:
    """Dask's thread for the cluster, with SIGINT blocked in it, and so in the processes that it starts.

    Only this process gets Ctrl-C, and stops them; else each prints a traceback of its own.
    """
    from distributed.utils import LoopRunner

    runner = LoopRunner()
    if hasattr(signal, "pthread_sigmask"):
        resource_tracker.ensure_running()  # started later, it would unblock the signal
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            runner.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    else:
        runner.start()
    try:
        yield runner.loop
    finally:
        runner.stop()


def _gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    numbers = [str(number) for number in range(torch.cuda.device_count())]
    return named.split(",")[: len(numbers)] if named else numbers


def _environment(i: int, n: int, gpus: list[str]) -> dict[str, str]:
    """Of worker ``i`` of ``n``: read before it loads torch, so that it sees one GPU and no other."""
    if not gpus:
        return {}
    names = {"CUDA_VISIBLE_DEVICES": gpus[i % len(gpus)]}
    if n > len(gpus):
        names["PYTORCH_CUDA_ALLOC_CONF"] = f"per_process_memory_fraction:{1 / -(-n // len(gpus))}"
    return names


@contextmanager
def _main_stays_out() -> Iterator[None]:
    """Keep worker processes from importing the script that calls us, which would call us again.

    Python's ``multiprocessing`` imports the main module in each process that it starts, unless it is a
    package's. It has to stay out as long as the cluster is there: the nannies live in this process, and start
    another worker whenever one is lost, from threads of dask. Processes that the script itself starts by
    "spawn" in the meantime do not import it either.
    """
    main = sys.modules["__main__"]
    before = getattr(main, "__spec__", None)
    main.__spec__ = find_spec("hashbench.__main__")
    try:
        yield
    finally:
        main.__spec__ = before
