"""kill -9 in the middle of a run, twice: no record is corrupt, and the table is that of an unbroken run."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hashbench.records import read_records

RUN = ["run", "-m", "random", "lsh", "sh", "dsh", "-b", "8", "12", "16", "--device", "cpu"]
RUN += ["--features", "pixels", "cnn", "--set", "recipe.pretrain_epochs=1", "recipe.epochs=1"]
N_CELLS = 3 + 2 * 2 * 3 + 3
KILLS = int(os.environ.get("HASHBENCH_KILLS", "50"))  # of the long test


class Runs:
    """Runs of one folder, with a cache of their own, in process groups that can be killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "hashbench", *arguments],
            cwd=self.folder,
            env={**os.environ, "HASHBENCH_CACHE": str(self.folder / "cache"), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def kill_after(self, text: str) -> None:
        """Start the run and kill all its processes once a line with ``text`` has come."""
        process = self.start(*RUN, "--threads", "1")
        assert process.stdout is not None
        said = ""
        while text not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL

    def kill_within(self, seconds: float, *more: str) -> bool:
        """Kill the run, its workers left alone, some time after its first line; whether it was not done."""
        process = self.start(*RUN, "--threads", "1", *more)
        assert process.stdout is not None
        process.stdout.readline()
        try:
            process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        while alive(process.pid):
            time.sleep(0.05)  # workers that did not end would let the test run into its limit
        return process.returncode != 0

    def finish(self, *more: str) -> str:
        process = self.start(*RUN, "--threads", "1", *more)
        said = process.communicate()[0]
        assert process.returncode == 0, said
        return said

    @property
    def records(self) -> dict[str, str]:
        """The text of each record, by file; every one can be read."""
        paths = sorted((self.folder / "runs").rglob("*.json"))
        assert not paths or all(record.status == "done" for record in read_records(self.folder / "runs"))
        return {str(path.relative_to(self.folder)): path.read_text() for path in paths}

    def files(self) -> set[str]:
        return {path.name.split("-")[0] + path.suffix for path in self.folder.rglob("*") if path.is_file()}


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="this system has no process groups")
def test_a_run_killed_twice_ends_as_one_that_was_not(tmp_path, capsys):
    broken, whole = Runs(tmp_path / "broken"), Runs(tmp_path / "whole")
    broken.kill_after(" lsh cnn 8 bits ")  # amid the shallow cells
    first = broken.records
    assert 0 < len(first) < N_CELLS
    broken.kill_after(" dsh 8 bits ")  # while the network of 12 bits is trained
    second = broken.records
    assert len(first) < len(second) < N_CELLS
    assert f"{N_CELLS} cells, {len(second)} of them done in runs" in broken.finish()
    whole.finish()

    records = broken.records
    assert records.keys() == whole.records.keys()
    assert len(records) == N_CELLS
    assert {**records, **second, **first} == records  # what was done was not done again
    tables = [table(capsys, runs.folder / "runs") for runs in (broken, whole)]
    assert tables[0] == tables[1]
    assert tables[0].count("\n") > N_CELLS
    assert broken.files() == whole.files()  # nothing temporary is left


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes as Linux shows them")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_kills_at_random_moments_lose_nothing(tmp_path, jobs):
    chance = random.Random(12)
    whole = Runs(tmp_path / "whole")
    took = float(re.search(r"cells in (\d+) s", whole.finish("--jobs", jobs))[1])
    n_kills = n_runs = n_amid = 0
    broken = Runs(tmp_path / "run-0")
    while n_kills < KILLS:
        before = broken.records
        if broken.kill_within(chance.uniform(0, took), "--jobs", jobs):
            n_kills += 1
            n_amid += before != broken.records
            assert before.items() <= broken.records.items()
            continue
        assert values(broken) == values(whole)
        assert not list((broken.folder / "runs").rglob(".*"))
        n_runs += 1
        broken = Runs(tmp_path / f"run-{n_runs}")
    broken.finish()
    print(f"{n_kills} kills, {n_amid} of them after new records; {n_runs + 1} grids of {N_CELLS} cells")
    assert values(broken) == values(whole)
    assert broken.files() == whole.files()


def values(runs: Runs) -> list[tuple[object, ...]]:
    """What the records of a folder say but for times and dates."""
    folder = runs.folder / "runs"
    if not folder.exists():
        return []
    return [(record.cell, record.metrics, record.digests) for record in read_records(folder)]


def alive(session: int) -> bool:
    """Whether processes of a session have not ended."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its_session = path.read_text().rpartition(") ")[2].split()[:4]
        except OSError:  # it has ended in the meantime
            continue
        if int(its_session) == session and state != "Z":
            return True
    return False


def table(capsys, folder: Path) -> str:
    from hashbench.cli import main

    metrics = ["map", "map@100", "precision@100", "recall@r2"]
    known = read_records(folder)[0].metrics
    with pytest.raises(SystemExit) as ended:
        main(["table", str(folder), "-f", "csv", "--metric", *(name for name in metrics if name in known)])
    assert ended.value.code == 0
    return capsys.readouterr().out
