"""``hashbench run``: the plan, the progress in a pipe, the table, the exit code."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hashbench.records import Record, read_records

SHORT = ("--set", "recipe.pretrain_epochs=1", "recipe.epochs=1", "recipe.batch_size=360")


def files(folder):
    return sorted(path.name for path in folder.rglob("*"))


def test_a_run_ends_with_its_table(small, tmp_path):
    called = small("lsh", "random", "real_valued")
    assert (called.code, called.err) == (0, "")
    lines = called.out.splitlines()
    assert lines[0].endswith(": 3 cells, 0 of them done in runs")
    assert lines[1].startswith(
        "  digits, protocol 5k: 140 queries, 720 labelled training images inside the database"
    )
    assert [line.split(" in ")[0][:-5] for line in lines[2:5]] == [
        "[1/3] digits 5k random 8 bits r0 map ",
        "[2/3] digits 5k real_valued pixels r0 map ",
        "[3/3] digits 5k lsh pixels 8 bits r0 map ",
    ]
    assert lines[5] == "digits · 5k · map"
    for record in read_records(tmp_path / "runs"):
        (row,) = [line.split() for line in lines[6:] if line.strip().startswith(record.cell.method)]
        assert row[-1] == f"{record.metrics['map']:.3f}"
    assert lines[-1] == "next: hashbench table runs --metric precision@100 --format md"
    assert "\x1b" not in called.out


def test_the_same_command_computes_nothing_again(small, tmp_path):
    first = small("lsh", "random")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    again = small("lsh", "random")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")} == before
    assert again.code == 0
    assert "2 cells, 2 of them done in runs" in again.out
    assert re.search(r"\n0 cells in \d+ s, 2 done before, 0 failed;", again.out)
    table = first.out[first.out.index("digits · 5k") : first.out.index(" cells in ") - 1]
    assert table in again.out


def test_the_record_says_what_was_called_also_from_python(small, call, tmp_path):
    small("lsh")
    (file,) = (tmp_path / "runs").rglob("*lsh*.json")
    ran = "hashbench run -m lsh --features pixels -b 8 --device cpu"
    assert Record.load(file).command == ran
    call("rescore", "runs", "--device", "cpu")
    assert Record.load(file).command == ran
    assert Record.load(file).rescored.command == "hashbench rescore runs --device cpu"


def test_a_dry_run_writes_nothing(call, small, tmp_path):
    small("lsh")
    before = files(tmp_path)
    called = call(
        "run", "-m", "lsh", "dsh", "-b", 8, "--features", "pixels", "cnn", "--dry-run", "--device", "cpu"
    )
    assert called.code == 0
    assert called.out.splitlines()[2] == "  5k: 3 cells (2 shallow, 1 deep)"
    plan = [line.split() for line in called.out.splitlines()[3:]]
    assert plan[0][:1] == ["done"]
    assert plan[0][1].startswith("digits/5k/lsh-pixels-8b-r0-")
    assert [line[:2] for line in plan[1:3]] == [["to", "run"]] * 2
    assert [line[2].rpartition("-")[0] for line in plan[1:3]] == [
        "digits/5k/lsh-cnn-vgg7-8b-r0",
        "digits/5k/dsh-vgg7-8b-r0",
    ]
    assert called.out.splitlines()[-1] == "to run: 2 cells; made first, networks or sets of features: 1"
    assert files(tmp_path) == before
    assert call("run", "--dry-run", "--out", "elsewhere").code == 0
    assert files(tmp_path) == before


def test_the_lengths_that_a_method_cannot_make_are_one_line(call):
    grid = ("run", "-p", "authentication", "-b", 12, 24, 48, 64, "--device", "cpu", "--dry-run")
    said = [line.split() for line in call(*grid, "-m", "all").out.splitlines() if " left out of " in line]
    of_lengths = {
        line[0]: " ".join(line).rpartition(", not ")[2] for line in said if ", not " in " ".join(line)
    }
    assert len(of_lengths) == sum(", not " in " ".join(line) for line in said), "one line a method"
    assert of_lengths["ahash"] == "12, 24 or 48"
    assert of_lengths["cs_lbp"] == "12 or 24"


def test_a_dry_run_says_why_cells_are_run_again(small, tmp_path, monkeypatch):
    small("lsh", "random", "pcah")
    monkeypatch.setattr("hashbench.execution.grid.method_digest", lambda cls: "0" * 64)
    next((tmp_path / "runs").rglob("pcah-*.json")).unlink()
    called = small("lsh", "random", "pcah", more=["--dry-run"])
    assert called.out.splitlines()[0].endswith(": 3 cells, 0 of them done in runs")
    assert called.out.splitlines()[1] == "  to run: 2 whose method's code changed, 1 new"


def test_deep_methods_share_a_backbone_that_is_announced(small):
    called = small("dsh", "dpsh", more=SHORT)
    assert called.code == 0
    lines = called.out.splitlines()[2:5]
    assert lines[0] == "[1/3] digits 5k cnn r0 ready"
    assert lines[1].startswith("[2/3] digits 5k dpsh 8 bits r0 map ")
    assert lines[2].startswith("[3/3] digits 5k dsh 8 bits r0 map ")


FAILING = '''"""Fails (test)."""
from hashbench.contracts.method import HashMethod
class Failing(HashMethod):
    def _fit(self, X, y, generator):
        raise ValueError("no rotation\\n\\nwas found")
'''


def test_a_failure_is_exit_code_1_and_the_others_stand(small, tmp_path):
    (tmp_path / "a_failing.py").write_text(FAILING)
    plugin = ("--plugin", "a_failing.py")
    called = small("lsh", "a_failing", more=plugin)
    assert (called.code, called.err) == (1, "")
    reason = "ValueError: no rotation was found (a_failing.py, line 5)"
    said = f"failed: digits 5k a_failing pixels 8 bits r0: {reason}"
    assert called.out.splitlines()[2] == said
    assert called.out.splitlines()[-1] == said
    (failed,) = Path("runs").rglob("a_failing*.json")
    assert called.out.splitlines()[-2].endswith(f" {failed}")
    assert re.search(r"\n2 cells in \d+ s, 0 done before, 1 failed;", called.out)
    assert {record.cell.method: record.status for record in read_records("runs")} == {
        "a_failing": "failed",
        "lsh": "done",
    }
    again = small("lsh", "a_failing", more=plugin)
    assert again.code == 1
    assert re.search(r"\n1 cell in \d+ s, 1 done before, 1 failed;", again.out)
    assert small("lsh").code == 0


def test_a_run_of_failures_only_has_a_table_too(small, tmp_path):
    (tmp_path / "a_failing.py").write_text(FAILING)
    called = small("a_failing", more=["--plugin", "a_failing.py"])
    assert called.code == 1
    assert "digits · 5k · map" in called.out


def test_options_come_before_the_suite(call, tmp_path):
    (tmp_path / "mine.toml").write_text(
        'methods = ["ksh", "lsh"]\nbits = [8, 16]\nfeatures = ["pixels"]\n[set]\nksh.n_anchors = 50\n'
    )
    options = ["--device", "cpu", "-m", "ksh", "--set", "ksh.n_iter=2", "recipe.schedule=cosine"]
    assert call("run", "--suite", "mine.toml", *options).code == 0
    records = read_records("runs")
    assert sorted(record.cell.bits for record in records) == [8, 16]
    assert all(record.cell.params == {"n_anchors": 50, "n_iter": 2} for record in records)
    assert all(record.recipe is None for record in records), "nothing here has a network"
    assert call("run", "--suite", "mine.toml", *options[:4], "--set", "ksh.n_anchors=60").code == 0
    assert sorted(record.params["n_anchors"] for record in read_records("runs")) == [50, 50, 60, 60]


def test_a_suites_settings_of_methods_that_are_left_out_are_left_out(call, tmp_path):
    (tmp_path / "mine.toml").write_text('features = ["pixels"]\nbits = [8]\n[set]\nksh.n_anchors = 50\n')
    options = ["--device", "cpu", "--suite", "mine.toml", "-m", "lsh"]
    assert call("run", *options).code == 0
    refused = call("run", *options, "--set", "ksh.n_iter=2").refused(2)
    assert "--set ksh.n_iter: this run has no ksh; add it to --methods" in refused
    (tmp_path / "mine.toml").write_text("[set]\nkssh.n_anchors = 50\n")
    assert "unknown method of this run 'kssh'" in call("run", *options).refused(2)


def test_another_recipe_in_the_same_folder(call, small):
    small("lsh", more=SHORT)
    called = small("lsh", more=["--set", "recipe.epochs=2"])
    assert called.code == 0
    assert called.out.count("digits · 5k · map") == 1
    assert call("table").out.count("digits · 5k") == 1, "lsh on pixels has no recipe"
    small("dsh", more=SHORT)
    small("dsh", more=["--set", "recipe.epochs=1", "recipe.pretrain_epochs=1"])
    titles = [line for line in call("table").out.splitlines() if line.startswith("digits · 5k")]
    assert len(titles) == 2, "a table for each recipe"
    assert all("batch_size" in title for title in titles)


def test_the_next_command_that_is_named_works(call, tmp_path):
    rng = np.random.default_rng(0)
    for i in range(48):
        path = tmp_path / "photos" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).save(path)
    options = ["-m", "lsh", "--features", "pixels", "-b", 8, "--device", "cpu"]
    called = call("run", *options, "-d", "folder:photos")
    hint = next(line for line in called.out.splitlines() if line.startswith("next: hashbench "))
    assert call(*hint.split()[2:]).code == 0


@pytest.mark.parametrize("out", ["runs[red]", "runs[/x]", "a b"])
def test_any_folder_name_is_printed_as_it_is(small, out):
    called = small("random", more=["--out", out])
    assert called.code == 0
    assert f"1 cell, 0 of them done in {out}\n" in called.out
    assert f"records in {out}\n" in called.out


def test_deep_methods_are_run_from_each_start(call, tmp_path):
    grid = ("run", "-m", "mu_liu", "-b", 8, "--device", "cpu", *SHORT)
    called = call(*grid, "--pretraining", "none", "softmax", "frozen")
    assert (called.code, called.err) == (0, "")
    assert "] digits 5k mu_liu (pretraining=none) 8 bits r0 map " in called.out
    rows = [line.split("  ")[1] for line in called.out.splitlines() if line.startswith("  mu_liu")]
    assert rows == ["mu_liu", "mu_liu (pretraining=frozen)", "mu_liu (pretraining=none)"]
    trunks = {r.cell.label: r.digests.backbone for r in read_records(tmp_path / "runs")}
    assert trunks["mu_liu"] == trunks["mu_liu (pretraining=frozen)"] is not None
    assert trunks["mu_liu (pretraining=none)"] is None
    assert "1 cell, 1 of them done" in call(*grid, "--dry-run").out, "softmax is the default's cell"
    assert "did you mean" not in call(*grid, "--pretraining", "imagenet").refused(2)


def test_more_threads_than_cores_are_told_with_a_better_number(call):
    many = 4 * (os.cpu_count() or 1)
    options = ["run", "-m", "lsh", "--features", "pixels", "-b", 8, "--device", "cpu", "--dry-run"]
    two_jobs = [*options, "--jobs", many, "--threads", 2]
    assert "--threads 1 is faster" in call(*two_jobs, "--repetitions", many).out
    assert "is faster" not in call(*two_jobs).out, "one cell is one job"
    assert "is faster" not in call(*options, "--threads", many).out, "one job waits for no other"


def test_a_resume_with_other_threads_is_told(call):
    options = ["run", "-m", "lsh", "--features", "pixels", "-b", 8, "--device", "cpu"]
    assert call(*options, "--threads", 1).code == 0
    assert "--threads 1 goes on as they began" in call(*options, "--threads", 2).out
    assert "as they began" not in call(*options, "--threads", 1).out
