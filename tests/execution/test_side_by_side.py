"""How many threads a cell has, and how many cells run at a time, where nobody says it."""

import os
from dataclasses import replace
from threading import Lock
from time import sleep
from unittest.mock import Mock

import pytest
import torch

from hashbench.evaluation import evaluate, histogram, load_codes
from hashbench.execution import plan as plans
from hashbench.execution.cell import run_cell
from hashbench.execution.plan import CELLS_A_JOB, MOST_JOBS, Plan, jobs_for
from hashbench.system.threads import cores, threads_put_back


@pytest.fixture
def machine(monkeypatch):
    def has(n):
        monkeypatch.setattr(plans, "cores", lambda: n)

    return has


@pytest.fixture
def pending(grid):
    def cells(n, dataset="digits"):
        works = grid("random", datasets=[dataset], protocols=["5k"], repetitions=max(n, 1))[:n]
        return Plan(works, [], ["new"] * n, [None] * n, [720] * n)

    return cells


def test_a_cell_of_a_small_data_set_has_one_thread_unless_the_run_says_otherwise(grid, place):
    by_itself = replace(place, threads=None)
    works = {name: grid("random", datasets=[name, "digits", "mnist"])[0] for name in ("digits", "mnist")}
    assert {name: by_itself.threads_of(work.setting) for name, work in works.items()} == {
        "digits": 1,
        "mnist": 2,
    }
    assert {replace(place, threads=3).threads_of(work.setting) for work in works.values()} == {3}


def test_many_cells_of_a_small_data_set_keep_all_cores_busy(machine, pending, place):
    place = replace(place, threads=None)
    for n_cores, n_cells, jobs in (
        (2, 206, 2),
        (4, 206, 4),
        (4, 2 * CELLS_A_JOB, 2),
        (64, 500, MOST_JOBS),
        (1, 206, 1),
        (2, 2 * CELLS_A_JOB - 1, 1),  # not worth the start of processes
        (2, 0, 1),
    ):
        machine(n_cores)
        assert jobs_for(pending(n_cells), place) == jobs, (n_cores, n_cells)
    machine(4)
    assert jobs_for(pending(206), replace(place, threads=2)) == 2
    assert jobs_for(pending(206), replace(place, threads=8)) == 1


def test_one_job_where_a_data_set_is_not_small_or_a_gpu_computes(machine, pending, place, monkeypatch):
    machine(8)
    small, other = pending(100), pending(100, "mnist")
    mixed = Plan([*small.pending, *other.pending], [], [], [], [])
    assert jobs_for(small, place) == MOST_JOBS
    assert jobs_for(other, place) == jobs_for(mixed, place) == 1
    monkeypatch.setattr(plans, "resolve_device", torch.device)
    assert jobs_for(small, replace(place, device="cuda")) == 1


def test_one_job_in_a_process_that_may_start_no_others(machine, pending, place, monkeypatch):
    machine(8)
    monkeypatch.setattr(plans, "current_process", lambda: Mock(daemon=True))
    assert jobs_for(pending(100), place) == 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system knows no affinity")
def test_cores_are_those_that_this_process_may_use():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert cores() == 1
    finally:
        os.sched_setaffinity(0, before)


def test_a_quota_of_a_container_counts_by_dask(monkeypatch):
    monkeypatch.setattr("dask.system.cpu_count", lambda: 3)
    assert cores() == 3


@pytest.fixture
def side_by_side(monkeypatch):
    """The most blocks of queries that were counted at a time, on a machine with four cores."""
    lock, now, most = Lock(), 0, 0
    count = histogram.HammingIndex.count

    def noting(index, block):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        sleep(0.05)
        try:
            return count(index, block)
        finally:
            with lock:
                now -= 1

    def seen():
        nonlocal most
        found, most = most, 0
        return found

    monkeypatch.setattr("numba.config.NUMBA_NUM_THREADS", 4)
    monkeypatch.setattr("hashbench.system.threads._most", None)  # whatever other tests have set
    monkeypatch.setattr(histogram, "PAIRS", 1)  # several blocks, though there are few images
    monkeypatch.setattr(histogram.HammingIndex, "count", noting)
    return seen


def test_a_cell_is_scored_with_its_own_threads_and_a_users_codes_with_all_cores(grid, place, side_by_side):
    (work,) = grid("random")
    with threads_put_back():
        for threads in (1, 2):
            record = run_cell(work, replace(place, threads=threads))
            assert side_by_side() == threads
    parts = [load_codes(place.record(work).with_suffix(f".{part}.npz")) for part in ("query", "database")]
    (query, of_query), (database, of_database) = parts
    assert evaluate(query, database, of_query, of_database).values == record.metrics
    assert side_by_side() == 4
