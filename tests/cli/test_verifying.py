"""``hashbench verify``: records that are what their cells give, and those that are not."""

import json

import pytest

import hashbench
from hashbench.execution.verify import sample
from hashbench.records import read_record_files


@pytest.fixture
def runs(small, tmp_path):
    assert small("lsh", "itq", more=["-t", 1]).code == 0
    return {path.name.partition("-")[0]: path for path in sorted(tmp_path.glob("runs/digits/5k/*.json"))}


def change(path, edit):
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def test_sound_records_are_the_same_bit_for_bit_and_stay(call, runs):
    before = {path: path.read_bytes() for path in runs.values()}
    called = call("verify", "runs")
    assert (called.code, called.err) == (0, "")
    assert called.out.count("same: digits 5k ") == 2
    assert called.out.count("2 parts of codes bit for bit") == 2
    assert {path: path.read_bytes() for path in runs.values()} == before


def test_a_changed_number_and_a_changed_code_differ(call, runs):
    change(runs["lsh"], lambda content: content["metrics"].update(map=content["metrics"]["map"] + 1e-12))
    itq = runs["itq"].with_suffix(".query.npz")
    itq.write_bytes(runs["lsh"].with_suffix(".query.npz").read_bytes())
    called = call("verify", "runs")
    assert called.code == 1
    lsh_line, itq_line = (
        next(line for line in called.out.splitlines() if name in line) for name in ("lsh", "itq")
    )
    assert lsh_line.startswith("differs: ")
    assert "map 0." in lsh_line
    assert itq_line.startswith("differs: ")
    assert "codes of query" in itq_line


@pytest.mark.parametrize("off", [0.0, 0.01, 0.5])
def test_on_another_machine_values_are_compared_within_the_tolerance(call, runs, off):
    def elsewhere(content):
        content["environment"]["cpu"] = "Another"
        content["metrics"]["map"] += off

    change(runs["lsh"], elsewhere)
    called = call("verify", "runs", "-m", "lsh")
    assert called.code == (1 if off == 0.5 else 0)
    assert "tolerance 0.02" in called.out
    assert "recorded Another" in called.out
    assert call("verify", "runs", "-m", "lsh", "--tolerance", 0.001).code == (0 if off == 0 else 1)


STALE = {
    "split": lambda content: content["digests"].update(split="0"),
    "method": lambda content: content["digests"].update(method_source="0"),
    "evaluation": lambda content: content["rooms"].update(evaluation=0),
    "task": lambda content: content["digests"].update(task="0"),
}


@pytest.mark.parametrize("what", STALE)
def test_what_changed_since_is_stale_and_not_wrong(call, runs, what):
    change(runs["lsh"], STALE[what])
    called = call("verify", "runs")
    assert called.code == 0
    assert "stale: digits 5k lsh" in called.out
    assert "same: digits 5k itq" in called.out
    alone = call("verify", "runs", "-m", "lsh")
    assert alone.code == 1
    assert "no cell could be compared" in alone.out


def test_what_is_not_here_cannot_be_computed(call, runs):
    change(runs["lsh"], lambda content: content["cell"].update(dataset="folder:photos"))
    change(runs["itq"], lambda content: content["environment"].update(device="NVIDIA H200"))
    called = call("verify", "runs")
    assert called.code == 1
    assert called.out.count("cannot be computed: ") == 2
    assert "photos" in called.out


def test_the_sample_follows_the_seed_and_the_frame_has_a_row_a_cell(runs):
    frame = hashbench.verify("runs", sample=1, seed=3)
    assert len(frame) == 1
    row = frame.iloc[0]
    assert (row["outcome"], row["exact"]) == ("same", True)
    files = read_record_files("runs")
    assert [str(path) for path in sample(files, 1, 3)] == [row["path"]]
    assert len({tuple(sample(files, 1, seed)) for seed in range(20)}) == 2
