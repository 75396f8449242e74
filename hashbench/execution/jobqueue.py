"""A cluster of jobs of a queueing system, as a TOML file describes it."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hashbench.errors import InvalidInputError, UnknownNameError
from hashbench.execution.suite import parse_toml
from hashbench.system.paths import is_regular
from hashbench.system.text import text_of

if TYPE_CHECKING:
    from dask_jobqueue import JobQueueCluster

SYSTEMS = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "sge": "SGECluster", "lsf": "LSFCluster"}
# What a run sets itself, or what dask-jobqueue keeps for old scripts.
OWN = ("scheduler", "name", "processes", "nanny", "config_name", "worker_command", "protocol", "security")
OLD = ("extra", "env_extra", "header_skip", "job_extra", "project")
MOST_JOBS = 4096


@dataclass(frozen=True)
class JobQueue:
    """The content of the file.

    system: slurm, pbs, sge or lsf. jobs: how many jobs of the system, each with one worker. options: keyword
    arguments of dask-jobqueue's class for the system.
    """

    system: str
    jobs: int
    options: dict[str, Any]

    @contextmanager
    def cluster(self, n_jobs: int) -> Iterator[JobQueueCluster]:
        """The cluster, with as many jobs as asked for but no more than there is to do.

        A job that ends before the run is replaced by a new one.
        """
        cls, n = _class(self.system), min(self.jobs, n_jobs)
        extra = [*self.options.get("worker_extra_args", ()), "--nthreads", "1", "--memory-limit", "0"]
        cluster = cls(**{**self.options, "processes": 1, "worker_extra_args": extra})
        try:
            for _ in range(n):
                cluster.worker_spec.update(cluster.new_worker_spec())
            cluster.sync(cluster._correct_state)  # as ``scale`` does, but raises what the submission raises
            cluster.adapt(minimum_jobs=n, maximum_jobs=n, interval="5s")
            yield cluster
        finally:
            with suppress(AssertionError):  # dask's, about jobs that could not be submitted
                cluster.close()


def read_jobqueue(path: Path) -> JobQueue:
    """The cluster that a file describes; nothing is started. Raises InvalidInputError, UnknownNameError.

    ::

        system = "slurm"
        jobs = 8
        queue = "gpu"
        cores = 2
        memory = "16GB"
        walltime = "04:00:00"
        job_extra_directives = ["--gres=gpu:1"]
    """
    what = f"cluster file '{path}'"
    if not is_regular(path):
        raise InvalidInputError(f"{what} does not exist; give the path of a TOML file")
    content = parse_toml(path.read_bytes(), what)
    system, jobs = content.pop("system", None), content.pop("jobs", None)
    if str(system) not in SYSTEMS:
        raise UnknownNameError(f"system in {what}:", str(system), SYSTEMS)
    if type(jobs) is not int or not 1 <= jobs <= MOST_JOBS:
        raise InvalidInputError(f"{what}: jobs = {jobs!r}: must be a number from 1 to {MOST_JOBS:,}")
    known = _keywords(system)
    unknown = sorted(set(content) - known)
    if unknown:
        raise UnknownNameError(f"key in {what}:", unknown[0], {"system", "jobs", *known})
    command = _job(system).submit_command
    if shutil.which(command.split()[0]) is None:
        raise InvalidInputError(f"{what}: there is no '{command}' here; run where jobs are submitted")
    try:
        given = {key: value for key, value in content.items() if key != "scheduler_options"}
        _job(system)(scheduler="tcp://0.0.0.0:0", name="try", **given).job_script()
    except (ValueError, TypeError, AttributeError, OSError) as error:
        reason = " ".join(text_of(error).split())
        raise InvalidInputError(f"{what}: {reason}") from error
    return JobQueue(system, jobs, content)


def _class(system: str) -> type[JobQueueCluster]:
    import dask_jobqueue

    cls: type[JobQueueCluster] = getattr(dask_jobqueue, SYSTEMS[system])
    return cls


def _job(system: str) -> Any:
    """The class of one job."""
    return vars(_class(system))["job_cls"]


def _keywords(system: str) -> set[str]:
    """The keyword arguments of a system's jobs, and the options of the scheduler."""
    known = {"scheduler_options"}
    for cls in _job(system).__mro__[:-1]:
        of_class = inspect.signature(cls.__init__).parameters.values()
        known |= {each.name for each in of_class if each.kind is not each.VAR_KEYWORD}
    return known - {"self", "args", "kwargs", *OWN, *OLD}
