"""Processes that start together, after an installation, do not spoil the compiled kernels of each other."""

import os
import subprocess
import sys
import threading
from functools import partial

import numpy as np
import pytest
from filelock import FileLock, Timeout
from numba import typeof

from hashbench.evaluation import compiling, evaluate, kernel

SUMS = "from hashbench.evaluation.sums import before; assert before([2, 3, 4]).tolist() == [0, 2, 5]"
ALL = """
import numpy as np
from hashbench import evaluate
for codes in np.arange(2048), np.arange(2048) % 2:
    bits = codes[:, None] >> np.arange(12) & 1
    evaluate(bits[:8], bits, codes[:8] % 2, codes % 2)
"""


@pytest.fixture
def start(tmp_path):
    """Starts a process with a cache of numba of its own, empty at first, which tells what it saves there."""
    folders = {"NUMBA_CACHE_DIR": str(tmp_path / "numba"), "NUMBA_DEBUG_CACHE": "1"}

    def start(code):
        command = [sys.executable, "-c", code]
        return subprocess.Popen(command, env={**os.environ, **folders}, stdout=subprocess.PIPE, text=True)

    return start


def saved(processes):
    """The files of compiled code that the processes have written, once for each time."""
    said = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return [line for text in said for line in text.splitlines() if "data saved to" in line]


@pytest.mark.parametrize("code", [SUMS, pytest.param(ALL, marks=pytest.mark.long)])  # half a minute
def test_of_processes_that_start_at_once_one_compiles_each_kernel_and_the_others_load_it(start, code):
    lines = saved([start(code), start(code)])
    assert len(lines) >= 5
    assert len(lines) == len(set(lines))
    assert saved([start(code)]) == []


def test_the_lock_lies_where_numba_keeps_the_compiled_code(start, tmp_path):
    saved([start(SUMS)])
    (lock,) = tmp_path.rglob(compiling.LOCK)
    assert list(lock.parent.glob("guf-sums.before*.nbc"))


def test_who_compiles_waits_for_who_began(tmp_path):
    order = []

    def compile_too():
        with compiling.one_compiles(tmp_path):
            order.append("second")

    with FileLock(tmp_path / compiling.LOCK):
        other = threading.Thread(target=compile_too)
        other.start()
        other.join(0.3)
        order.append("first")
    other.join()
    assert order == ["first", "second"]


def test_the_lock_is_held_to_compile_and_free_again_while_the_kernel_computes(tmp_path, monkeypatch):
    class Kernel:
        signatures = ()

        def compile(self, types):
            assert types == (typeof(3),)
            with pytest.raises(Timeout):
                FileLock(tmp_path / compiling.LOCK).acquire(timeout=0)

        def __call__(self, number):
            with FileLock(tmp_path / compiling.LOCK).acquire(timeout=0):
                return number + 1

    monkeypatch.setattr(compiling, "one_compiles", partial(compiling.one_compiles, tmp_path))
    assert compiling.called(Kernel(), 3) == 4


def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path):
    (tmp_path / "file").touch()
    with compiling.one_compiles(tmp_path / "file" / "numba"):
        pass


@pytest.mark.parametrize("error", [OSError(38, "no locks"), NotImplementedError()])
def test_a_file_system_that_cannot_lock_stops_nobody(tmp_path, monkeypatch, error):
    def fail(lock):
        raise error

    monkeypatch.setattr(FileLock, "acquire", fail)
    with compiling.one_compiles(tmp_path):
        pass


def test_each_kernel_has_one_form_so_that_it_is_compiled_at_its_first_call_only():
    chance = np.random.default_rng(0)
    for n in (100, 2000):
        for bits in (12, 100):
            for labels in (chance.integers(3, size=n), chance.random((n, 3)) > 0.5):
                codes = np.asfortranarray(chance.random((n, bits)) > 0.5)
                codes.flags.writeable = labels.flags.writeable = False
                evaluate(codes[::50], codes, labels[::50], labels, ["map", "ndcg@10"])
    assert len(kernel._count_planes.signatures) == len(kernel._count_each.signatures) == 1
