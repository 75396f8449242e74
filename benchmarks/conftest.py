"""What a benchmark's JSON says of the machine."""

import os
from importlib.metadata import PackageNotFoundError, version
from typing import Any

LOAD = os.getloadavg()[0]  # before the benchmarks add to it
PACKAGES = ("numpy", "numba", "scikit-learn", "faiss-cpu", "torch")


def pytest_benchmark_update_machine_info(config: Any, machine_info: dict[str, Any]) -> None:
    """Add the cores that may be used, their load before the run and the versions of the packages."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    cores = len(os.sched_getaffinity(0))
    threads = os.environ.get("OMP_NUM_THREADS", cores)
    machine_info |= {"cores": cores, "openmp_threads": threads, "load": LOAD, "versions": versions}
