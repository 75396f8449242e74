"""A grid on SLURM and on a dask cluster started by hand, with a worker lost in the middle: the same bits."""

import getpass
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from hashbench.records import read_records

PATH = (
    f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"  # where the daemons of SLURM are, for ordinary users too
)
SLURM = [shutil.which(name, path=PATH) for name in ("munged", "slurmctld", "slurmd", "sbatch")]
PAUSE = 10  # seconds that the cell takes amid which its worker is lost
PAUSING = f'''"""A method that takes its time (test)."""
import time
from hashbench.contracts.method import HashMethod
class Pausing(HashMethod):
    def _fit(self, X, y, generator):
        time.sleep({PAUSE})
    def _project(self, X):
        return X[:, : self.n_bits] - 0.5
'''
GRID = ["--methods", "lsh", "itq", "random", "pausing", "--bits", "12", "24", "--features", "pixels"]
N_CELLS = 4 * 2
CONFIG = """ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}
SlurmdSpoolDir={folder}/node
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
KillWait=5
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
CLUSTER = """system = "slurm"
jobs = 2
queue = "main"
cores = 1
memory = "500MB"
walltime = "00:20:00"
python = "{python}"
interface = "lo"
log_directory = "{folder}"
"""

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        not Path("/proc/self/environ").exists(), reason="looks at processes as Linux shows them"
    ),
]


@pytest.fixture
def hashbench(tmp_path):
    """Start ``hashbench`` with arguments, in a folder and with a cache of the test's own."""
    (tmp_path / "pausing.py").write_text(PAUSING)
    environment = {**os.environ, "HASHBENCH_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    with ExitStack() as stack:

        def start(*arguments, **more):
            command = [sys.executable, "-m", "hashbench", *arguments]
            log = stack.enter_context((tmp_path / f"{time.monotonic_ns()}.log").open("w+"))
            options = {"cwd": tmp_path, "text": True, "stdout": log, "stderr": log}
            process = subprocess.Popen(command, env={**environment, **more}, **options)
            stack.callback(process.kill)
            process.said = lambda: Path(log.name).read_text()
            return process

        yield start


def run(start, out, *more, **environment):
    files = ["--plugin", "pausing.py", "--out", out]
    return start("run", *GRID, *files, "--device", "cpu", "--threads", "1", *more, **environment)


def finished(process):
    assert process.wait(timeout=400) == 0, process.said()
    return process.said()


def content(start, folder):
    """What the records of a folder say but for times and dates, and its table."""
    records = read_records(folder)
    assert [record.status for record in records] == ["done"] * N_CELLS
    table = finished(start("table", str(folder), "-f", "csv", "--metric", "map", "precision@100"))
    return [(record.cell, record.metrics, record.digests) for record in records], table


def owner(folder, process, but=None):
    """The process, other than ``but``, that is at work on a pausing cell; waits for one."""
    until = time.monotonic() + 200
    while time.monotonic() < until:
        for file in folder.rglob(".*.lease"):
            try:
                pid = json.loads(file.read_text())[1]
            except (OSError, ValueError):  # released, or just being written
                continue
            if "pausing" in str(file) and pid != (but or {}).get(file):
                return file, pid
        assert process.poll() is None, process.said()
        time.sleep(0.1)
    raise AssertionError(process.said())


def lose(folder, process, end):
    """End the worker of a pausing cell by ``end(pid)``, and see that another one begins the cell anew."""
    file, pid = owner(folder, process)
    end(pid)
    until = time.monotonic() + 200
    while time.monotonic() < until:
        again, other = owner(folder, process, but={file: pid})
        if again == file:
            assert other != pid
            return
        time.sleep(0.1)
    raise AssertionError(process.said())


@contextmanager
def daemon(*command, **environment):
    """A process that is ended with the block."""
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, env={**os.environ, **environment}, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_ports(n):
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(n)]
        return [each.getsockname()[1] for each in sockets]


@pytest.fixture
def slurm():
    """SLURM with its controller and one node here, in a folder of its own; its environment variables."""
    host = socket.gethostname().split(".")[0]
    with TemporaryDirectory(prefix="slurm", dir="/tmp") as name, ExitStack() as stack:  # sockets: short paths
        folder = Path(name)
        (folder / "node").mkdir()
        (folder / "key").write_bytes(secrets.token_bytes(128))
        (folder / "key").chmod(0o600)
        controller_port, node_port = free_ports(2)
        config = folder / "slurm.conf"
        names = {"host": host, "user": getpass.getuser(), "folder": folder}
        config.write_text(CONFIG.format(controller_port=controller_port, node_port=node_port, **names))
        munged, slurmctld, slurmd, _ = SLURM
        files = [f"--{each}-file={folder / each}" for each in ("key", "pid", "log", "seed")]
        stack.enter_context(
            daemon(munged, "--force", "--foreground", f"--socket={folder}/munge.socket", *files)
        )
        stack.enter_context(daemon(slurmctld, "-D", "-f", str(config)))
        stack.enter_context(daemon(slurmd, "-D", "-f", str(config)))
        environment = {"SLURM_CONF": str(config)}
        until = time.monotonic() + 60
        while "idle" not in asked(environment, "sinfo", "-h", "-o", "%t"):
            assert time.monotonic() < until, (folder / "slurmctld.log").read_text()
            time.sleep(0.5)
        yield environment
        asked(environment, "scancel", "--user", names["user"])


def asked(environment, *command):
    options = {"capture_output": True, "text": True, "timeout": 60}
    return subprocess.run(command, env={**os.environ, **environment}, **options).stdout


@pytest.mark.skipif(None in SLURM, reason="no slurmctld here: install slurmctld slurmd slurm-client munge")
def test_slurm_with_a_cancelled_worker_gives_the_same_bits(tmp_path, hashbench, slurm):
    finished(run(hashbench, "local"))
    file = tmp_path / "cluster.toml"
    file.write_text(CLUSTER.format(python=sys.executable, folder=tmp_path))
    process = run(hashbench, "slurm", "--cluster", str(file), **slurm)
    cancelled = []

    def cancel(pid):
        names = Path(f"/proc/{pid}/environ").read_text().split("\0")
        (job,) = [name.removeprefix("SLURM_JOB_ID=") for name in names if name.startswith("SLURM_JOB_ID=")]
        cancelled.append(job)
        asked(slurm, "scancel", job)

    lose(tmp_path / "slurm", process, cancel)
    finished(process)
    assert len(cancelled) == 1
    assert content(hashbench, tmp_path / "slurm") == content(hashbench, tmp_path / "local")
    assert not list((tmp_path / "slurm").rglob(".*"))
    until = time.monotonic() + 60
    while asked(slurm, "squeue", "-h"):  # no job is left in the queue
        assert time.monotonic() < until
        time.sleep(0.5)


def test_a_scheduler_and_a_worker_by_hand_give_the_same_bits(tmp_path, hashbench):
    finished(run(hashbench, "local"))
    (port,) = free_ports(1)
    address = f"tcp://127.0.0.1:{port}"
    dask, cache = [sys.executable, "-m", "dask"], {"HASHBENCH_CACHE": str(tmp_path / "cache")}
    by_hand = ["--host", "127.0.0.1", "--port", str(port), "--dashboard-address", "127.0.0.1:0"]
    with (
        daemon(*dask, "scheduler", *by_hand),
        daemon(*dask, "worker", address, "--nthreads", "1", "--local-directory", str(tmp_path), **cache),
    ):
        until = time.monotonic() + 60
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert time.monotonic() < until
            time.sleep(0.5)
        process = run(hashbench, "shared", "--scheduler", address)
        lose(tmp_path / "shared", process, lambda pid: os.kill(pid, signal.SIGKILL))
        finished(process)
    assert content(hashbench, tmp_path / "shared") == content(hashbench, tmp_path / "local")
    assert not list((tmp_path / "shared").rglob(".*"))
