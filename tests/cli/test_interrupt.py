"""Ctrl-C or a signal in a run: what is done is saved, nothing else is left, the same command resumes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hashbench.records import read_records

SLOW = '''"""Waits for as long as the environment says (test)."""
import os
import time
from hashbench.contracts.method import HashMethod
class Slow(HashMethod):
    def _fit(self, X, y, generator):
        time.sleep(float(os.environ.get("SLOW", "0")))
    def _project(self, X):
        return X[:, 20 : 20 + self.n_bits] - 0.5
'''
OPTIONS = ["run", "-m", "lsh", "slow", "--features", "pixels", "-b", "8", "12", "--device", "cpu"]


def alive(session: int) -> list[str]:
    """The processes of a session that have not ended."""
    names = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = path.read_text().rpartition(") ")
        except OSError:  # it has ended in the meantime
            continue
        state, _, _, its_session = rest.split()[:4]
        if int(its_session) == session and state != "Z":
            names.append(name)
    return names


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes as Linux shows them")
@pytest.mark.parametrize(
    ("jobs", "number", "code"), [(1, signal.SIGTERM, 143), (1, signal.SIGHUP, 129), (2, signal.SIGINT, 130)]
)
def test_a_stop(small, tmp_path, jobs, number, code):
    (tmp_path / "slow.py").write_text(SLOW)
    command = [sys.executable, "-m", "hashbench", *OPTIONS, "--plugin", "slow.py", "--jobs", str(jobs)]
    process = subprocess.Popen(
        command,
        env={**os.environ, "SLOW": "600"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # as a shell gives it a process group, all of which gets the signal
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # nohup and the background ignore some
    )
    assert process.stdout is not None
    try:
        seen = 0
        while seen < 2:
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            seen += " lsh " in line
        time.sleep(0.2)
        os.killpg(process.pid, number)
        out, err = process.communicate(timeout=300)
        assert process.returncode == code
        assert out == "stopped, 2/4 cells saved; the same command resumes\n"
        assert err == ""
        deadline = time.monotonic() + 60
        while alive(process.pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert alive(process.pid) == []
    finally:
        if alive(process.pid):
            os.killpg(process.pid, signal.SIGKILL)

    assert {record.cell.method for record in read_records("runs")} == {"lsh"}
    kinds = {path.suffix for path in (tmp_path / "runs").rglob("*") if path.is_file()}
    assert kinds == {".json", ".npz"}
    assert not list((tmp_path / "runs").rglob(".*"))

    saved = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*.json")}
    resumed = small("lsh", "slow", more=["-b", 8, 12, "--plugin", "slow.py"])
    assert resumed.code == 0
    assert "4 cells, 2 of them done in runs" in resumed.out
    assert len(read_records("runs")) == 4
    assert all(path.stat().st_mtime_ns == moment for path, moment in saved.items())


def test_ctrl_c_before_the_first_cell(call, tmp_path, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("hashbench.execution.plan.make_plan", interrupt)
    called = call("run", "-m", "lsh", "--device", "cpu")
    assert (called.code, called.out, called.err) == (130, "", "stopped\n")
    assert not list(tmp_path.iterdir())
