"""Processes that start together, after an installation, do not spoil the compiled kernels of each other."""

import os
import subprocess
import sys
import threading

import pytest
from filelock import FileLock

from hashbench.execution import cell

WARM_UP = [sys.executable, "-c", "from hashbench.execution.cell import _warm_up; _warm_up('cpu')"]


@pytest.mark.long  # compiles all kernels, half a minute
def test_processes_that_compile_at_once_leave_kernels_that_the_next_one_can_load(tmp_path):
    folders = {"NUMBA_CACHE_DIR": str(tmp_path / "numba"), "HASHBENCH_CACHE": str(tmp_path / "cache")}
    together = [subprocess.Popen(WARM_UP, env={**os.environ, **folders}) for _ in range(3)]
    assert [process.wait() for process in together] == [0, 0, 0]
    assert subprocess.run(WARM_UP, env={**os.environ, **folders}).returncode == 0


def test_who_compiles_waits_for_who_began(tmp_path, monkeypatch):
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    order = []

    def compile_too():
        with cell._one_compiles():
            order.append("second")

    with FileLock(tmp_path / "cache" / "compiling.lock"):
        other = threading.Thread(target=compile_too)
        other.start()
        other.join(0.3)
        order.append("first")
    other.join()
    assert order == ["first", "second"]


def test_a_cache_that_cannot_be_written_stops_nobody(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "file" / "cache"))
    with cell._one_compiles():
        pass
