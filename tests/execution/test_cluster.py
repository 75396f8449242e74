"""Local clusters of processes: the same numbers, one GPU each, and what happens when a worker dies."""

import logging
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections import defaultdict
from contextlib import nullcontext
from dataclasses import replace
from urllib.parse import urlsplit

import psutil
import pytest
from distributed import Client, LocalCluster, Security

from hashbench.errors import ClusterError
from hashbench.execution import cluster
from hashbench.execution.cluster import Workers, open_pool
from hashbench.execution.jobs import Job, Made
from hashbench.execution.plan import make_plan
from hashbench.execution.runner import run_plan
from hashbench.records import Record

FAILS = "def _fit(self, X, y, generator):\n    raise ValueError('no rotation found')"
PASSES = "def _fit(self, X, y, generator):\n    pass"


def run_all(cells, place, workers=None, say=None, watcher=None):
    return list(run_plan(make_plan(cells, place), place, workers, say, watcher))


class Heard:
    """Notes what it is told of each job."""

    def __init__(self):
        self.told = defaultdict(list)

    def started(self, number):
        self.told[number].append("started")

    def step(self, number, step):
        self.told[number].append(step.phase)

    def stopped(self, number, outcome):
        self.told[number].append("stopped")


def metrics(records):
    return {(record.cell.method, record.cell.features): (record.status, record.metrics) for record in records}


def test_workers_give_the_same_numbers(grid, place, plugin, tmp_path):
    place = replace(place, plugins=(plugin("failing", FAILS), plugin("passing", PASSES)))
    cells = grid("random", "lsh", "failing", "passing", "mu_liu", features=["pixels", "cnn"])
    said, here, there = [], Heard(), Heard()
    alone = run_all(cells, place, watcher=here)
    elsewhere = replace(place, out=tmp_path / "shared")
    shared = run_all(cells, elsewhere, Workers(jobs=2), said.append, there)
    for events in (alone, shared):
        (made,) = [event for event in events if isinstance(event, Made)]
        assert made.failure is None
        events.remove(made)
    assert metrics(shared) == metrics(alone)
    assert {status for status, _ in metrics(alone).values()} == {"done", "failed"}
    assert not list((tmp_path / "shared").rglob(".*"))
    assert all("dashboard: http" in text for text in said)
    for heard in (here, there):
        assert all(told[0] == "started" and "stopped" in told for told in heard.told.values())
        assert sum("evaluate" in told for told in heard.told.values()) == len(cells) - 2  # two fail before
        assert any("train" in told for told in heard.told.values())


SLOW = """def _fit(self, X, y, generator):
    log = Path(__file__).with_suffix('.log')
    with log.open('a') as file:
        file.write('begins ')
    time.sleep(0.3)
    with log.open('a') as file:
        file.write('ends ')"""


def test_a_worker_with_threads_runs_one_cell_at_a_time(grid, place, plugin):
    path = plugin("slow", SLOW, imports="import time\nfrom pathlib import Path")
    cells, place = grid("slow", repetitions=3), replace(place, plugins=(path,))
    options = {"processes": False, "dashboard_address": "127.0.0.1:0"}
    with (
        LocalCluster(n_workers=1, threads_per_worker=4, **options) as local,
        open_pool(Workers(scheduler=local.scheduler_address), len(cells), "cpu", [].append) as pool,
    ):
        assert pool.slots() == 1
        for number, work in enumerate(cells):  # more than it has slots for, as two runs would
            pool.start(number, Job(work, place))
        ended = dict(pool.ended(60) for _ in cells)
    assert {record.status for record in ended.values()} == {"done"}
    assert path.with_suffix(".log").read_text().split() == ["begins", "ends"] * len(cells)


def test_a_cluster_that_ctrl_c_meets_half_made_is_closed(monkeypatch, ctrl_c):
    class Half:
        def __init__(self, **options):
            self.workers, self.closed = {}, False
            signal.raise_signal(signal.SIGINT)
            made.append(self)

        def sync(self, call, *arguments):
            assert not self.closed

        def close(self):
            self.closed = True

    made = []
    monkeypatch.setattr("distributed.SpecCluster", Half)
    with pytest.raises(KeyboardInterrupt), open_pool(Workers(jobs=2), 2, "cpu", print):
        pass
    assert [half.closed for half in made] == [True]


@pytest.mark.long  # three workers start one after the other
@pytest.mark.parametrize("body", ["os._exit(0)", "os.kill(os.getpid(), signal.SIGSEGV)"])
def test_a_cell_that_takes_its_workers_with_it_is_a_failed_record(grid, place, plugin, body):
    path = plugin("dying", f"def _fit(self, X, y, generator):\n    {body}", imports="import os, signal")
    records = run_all(grid("random", "dying", "lsh", "sh"), replace(place, plugins=(path,)), Workers(jobs=2))
    found = {record.cell.method: record for record in records}
    assert {name: record.status for name, record in found.items()} == {
        "random": "done",
        "dying": "failed",
        "lsh": "done",
        "sh": "done",
    }
    assert found["dying"].error.type == "KilledWorker"
    assert Record.load(place.record(grid("dying")[0])) == found["dying"]
    assert not list(place.out.rglob(".*"))


SCRIPT = """
import os, signal, time
from hashbench.execution import cluster

print(__name__, flush=True)
with cluster._local(1, "cpu") as local:
    (nanny,) = local.workers.values()
    first = nanny.pid
    os.kill(first, signal.SIGKILL)
    while nanny.pid in (None, first) or not local.scheduler_info["workers"]:
        time.sleep(0.1)
"""


@pytest.mark.long  # two workers start one after the other
def test_no_worker_imports_the_script_not_even_one_that_takes_the_place_of_a_lost_one(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, tmp_path / "script.py"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert (ran.returncode, ran.stdout) == (0, "__main__\n"), ran.stderr


def test_only_this_process_can_use_its_local_cluster():
    with cluster._local(0, "cpu") as local:
        address, mine = local.scheduler_address, local.security
        opened = [
            each.laddr.ip for each in psutil.Process().net_connections("tcp") if each.status == "LISTEN"
        ]
        assert set(opened) == {"127.0.0.1"}
        stranger = Security.temporary().get_connection_args("client")["ssl_context"]
        stranger.verify_mode = ssl.CERT_NONE  # it does not ask who the scheduler is
        place = urlsplit(address)
        with (
            socket.create_connection((place.hostname, place.port), timeout=10) as line,
            stranger.wrap_socket(line) as connection,
            pytest.raises(ssl.SSLError),
        ):
            connection.recv(1)
        with pytest.raises(OSError, match="closed"):
            Client(address.replace("tls:", "tcp:"), timeout=10, set_as_default=False)
        with Client(address, security=mine, timeout=10, set_as_default=False) as client:
            assert client.scheduler_info()["workers"] == {}


class Connected(nullcontext):
    """A client of a scheduler that has no workers."""

    def __init__(self, address, set_as_default):
        super().__init__(self)
        self.dashboard_link = address

    def run(self, function):
        return {}


def test_dask_prints_nothing_while_its_cluster_is_used(monkeypatch):
    import distributed

    monkeypatch.setattr(distributed, "Client", Connected)
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "distributed"]
    before = {name: logging.getLogger(name).level for name in names}
    with cluster.open_pool(Workers(scheduler="tcp://127.0.0.1:1"), 1, "cpu", [].append):
        assert [name for name in names if logging.getLogger(name).isEnabledFor(logging.ERROR)] == []
    assert {name: logging.getLogger(name).level for name in names} == before


def test_an_address_without_a_port_is_told_its_form():
    with pytest.raises(ClusterError, match=r"foo cannot be used .*; an address is of the form tcp:"):
        cluster.open_pool(Workers(scheduler="foo"), 1, "cpu", [].append).__enter__()


def test_a_local_cluster_that_fails_is_not_told_of_addresses(monkeypatch):
    def broken(*_):
        raise ValueError("no port is free")

    monkeypatch.setattr(cluster, "_local", broken)
    with pytest.raises(ClusterError, match=r"a cluster cannot be used \(no port is free\)$"):
        cluster.open_pool(Workers(jobs=2), 2, "cpu", [].append).__enter__()


def test_no_more_workers_than_cells(grid, place, monkeypatch):
    monkeypatch.setattr(cluster, "_local", None)  # a cluster would be an error
    assert len(run_all(grid("lsh"), place, Workers(jobs=9))) == 1


@pytest.mark.parametrize(
    ("named", "n", "devices"),
    [(None, 2, ["0", "1"]), ("3,GPU-5", 3, ["3", "GPU-5", "3"]), ("", 2, ["0", "1"])],
)
def test_each_worker_sees_one_gpu_of_those_that_the_run_may_use(monkeypatch, named, n, devices):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if named is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    seen = [cluster._environment(i, n, cluster._gpus()) for i in range(n)]
    assert [names["CUDA_VISIBLE_DEVICES"] for names in seen] == devices
    assert all(("PYTORCH_CUDA_ALLOC_CONF" in names) == (n > 2) for names in seen)
    assert cluster._environment(0, n, []) == {}
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == named
