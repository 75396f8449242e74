"""Several runs on one folder: a lease for each job, and shards."""

import json
import os
import subprocess
import sys
import time
from collections import Counter

import pytest

from hashbench.errors import InvalidInputError, LeasedError
from hashbench.execution import runner
from hashbench.execution.plan import make_plan
from hashbench.execution.runner import run_plan
from hashbench.execution.shard import Shard
from hashbench.records import read_records
from hashbench.system import lease as leases
from hashbench.system.lease import lease, lease_file


def foreign(path, owner, age=0.0):
    """A lease of another process."""
    file = lease_file(path)
    file.write_text(owner)
    os.utime(file, (time.time() - age,) * 2)
    return file


def ours(pid, start):
    return json.dumps([leases._here(), pid, start])


def test_one_process_holds_a_lease_and_leaves_nothing(tmp_path):
    path = tmp_path / "new" / "cell.json"
    with lease(path):
        (tmp_path / "plain").touch()
        assert lease_file(path).stat().st_mode == (tmp_path / "plain").stat().st_mode
        with pytest.raises(LeasedError), lease(path):
            pass
        assert lease_file(path).exists()
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize(
    ("owner", "age", "stale"),
    [
        (lambda: json.dumps(["elsewhere", os.getpid(), 0.0]), 10, False),
        (lambda: json.dumps(["elsewhere", os.getpid(), 0.0]), 1000, True),
        (lambda: ours(os.getpid(), 12345.0), 0, True),  # another process had this number
        (lambda: "", 0, False),  # it is just being written
        (lambda: "", 1000, True),
    ],
)
def test_a_lease_is_stale_without_a_sign_of_life(tmp_path, owner, age, stale):
    file = foreign(tmp_path / "cell.json", owner(), age)
    if not stale:
        with pytest.raises(LeasedError), lease(tmp_path / "cell.json"):
            pass
        assert file.exists()
        return
    with lease(tmp_path / "cell.json"):
        assert json.loads(file.read_text())[1] == os.getpid()
    assert not list(tmp_path.iterdir())


def test_the_lease_of_a_process_that_has_ended_is_stale(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    foreign(tmp_path / "cell.json", ours(int(ended.stdout), time.time()))
    with lease(tmp_path / "cell.json"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_lease_is_renewed(tmp_path, monkeypatch):
    monkeypatch.setattr(leases, "BEAT", 0.01)
    with lease(tmp_path / "cell.json"):
        file = lease_file(tmp_path / "cell.json")
        os.utime(file, (0, 0))
        deadline = time.monotonic() + 60
        while file.stat().st_mtime < 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert abs(file.stat().st_mtime - time.time()) < 60


def test_where_no_lease_can_be_written_work_goes_on(tmp_path):
    (tmp_path / "file").touch()
    with lease(tmp_path / "file" / "cell.json"):
        pass


def test_a_cell_of_another_run_is_done_last_and_its_record_read(grid, place, monkeypatch):
    monkeypatch.setattr(runner, "PAUSE", 0.01)
    cells = grid("lsh", "pcah", "sh")
    plan = make_plan(cells, place)
    (theirs,) = run_plan(make_plan(cells[:1], place), place)  # another run does it after this one was planned
    file = foreign(place.record(cells[0]), json.dumps(["elsewhere", 1, 0.0]))
    said = []

    def say(text):
        said.append(text)
        file.unlink()

    records = list(run_plan(plan, place, say=say))
    assert [record.cell.method for record in records] == ["pcah", "sh", "lsh"]
    assert len(said) == 1
    assert records[2] == theirs  # its date too
    assert not list(place.out.rglob(".*"))


def test_a_lease_of_a_run_at_work_stays_with_its_files_when_another_ends(grid, place):
    cells = grid("lsh", "pcah")
    list(run_plan(make_plan(cells, place), place))
    path = place.record(cells[1])
    kept = foreign(path, json.dumps(["elsewhere", 1, 0.0])), path.with_name(f".{path.name}.1a2b.tmp")
    kept[1].touch()
    gone = place.record(cells[0]).with_name(f".{place.record(cells[0]).stem}.lease.1a2b.tmp")
    gone.touch()
    list(run_plan(make_plan(cells, place), place))
    assert set(place.out.rglob(".*")) == set(kept)


@pytest.mark.long
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_two_runs_on_one_folder_do_every_cell_once(tmp_path, jobs):
    command = [sys.executable, "-m", "hashbench", "run", "-m", "random", "lsh", "itq", "sh", "dsh", "mu_liu"]
    command += ["-b", "8", "12", "16", "--device", "cpu", "--threads", "1"]
    command += ["--set", "recipe.pretrain_epochs=1", "recipe.epochs=1"]

    def start(name, *more):
        environment = {**os.environ, "HASHBENCH_CACHE": str(tmp_path / f"cache-{name}")}
        return subprocess.Popen(
            [*command, "--out", str(tmp_path / name), *more],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    alone = start("alone")
    assert alone.communicate()[0].count("Traceback") == 0
    both = [start("shared", "--jobs", jobs) for _ in range(2)]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    one, shared = read_records(tmp_path / "alone"), read_records(tmp_path / "shared")
    assert [(record.cell, record.metrics) for record in shared] == [(r.cell, r.metrics) for r in one]
    lines = Counter(line.split("] ")[1] for text in said for line in text.splitlines() if " map 0." in line)
    assert set(lines.values()) == {2}  # each was told twice with the same seconds: of one record
    assert len(lines) == len(one)
    assert not list((tmp_path / "shared").rglob(".*"))


# -- shards ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 40, 500])
def test_shards_are_disjoint_complete_and_balanced(grid, count):
    works = grid("lsh", "itq", "dsh", "random", features=["pixels", "cnn"], bits=[8, 12, 16], repetitions=2)
    parts = [Shard.of(f"{i + 1}/{count}").of_grid(works)[0] for i in range(count)]
    assert sorted(work.stem for part in parts for work in part) == sorted(work.stem for work in works)
    assert max(map(len, parts)) <= -(-len(works) // count)
    assert all(part == [work for work in works if work in part] for part in parts)


def test_cells_of_one_backbone_stay_together_where_they_fit(grid):
    works = grid("lsh", "dsh", "random", features=["pixels", "cnn"], bits=[8, 12], repetitions=2)
    for index in (1, 2):
        mine, shared = Shard(index, 2).of_grid(works)
        assert len({work.setting.repetition for work in mine if work.artefacts}) == 1
        assert shared == 0
    assert sum(Shard(i, 8).of_grid(works)[1] > 0 for i in range(1, 9)) > 1


@pytest.mark.parametrize(
    "text", ["", "1", "0/4", "5/4", "1/0", "-1/4", "1/4/2", "a/b", "1.0/4", "1/10000000", " 1/4"]
)
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(InvalidInputError, match="write I/N"):
        Shard.of(text)
