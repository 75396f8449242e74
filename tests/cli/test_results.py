"""``hashbench table`` and ``hashbench eval``: the numbers are those of the records and of ``evaluate``."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

import hashbench
from hashbench.evaluation import load_per_query
from hashbench.records import read_records


@pytest.fixture
def records(small):
    assert small("lsh", "random", "real_valued").code == 0
    return {record.cell.method: record for record in read_records("runs")}


def test_csv_holds_the_numbers_in_full(call, records):
    called = call("table", "--format", "csv", "--metric", "map", "recall@r2", "--no-published")
    assert (called.code, called.err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(called.out)))
    # real_valued ranks by cosine, which has no radius
    found = {(row["metric"], row["method"]): row["mean"] for row in rows if row["mean"]}
    expected = {
        (metric, method): repr(record.metrics[metric])
        for method, record in records.items()
        for metric in ("map", "recall@r2")
        if metric in record.metrics
    }
    assert found == expected
    assert ("map", "real_valued") in found


@pytest.mark.parametrize(
    ("format", "parts"),
    [
        ("md", ["### digits · 5k · map", "| lsh |", "| ---: |"]),
        ("latex", [r"\begin{table}", r"\toprule", "lsh &"]),
        ("rich", ["digits · 5k · map", "method", "lsh"]),
    ],
)
def test_formats(call, records, format, parts):
    called = call("table", "runs", "-f", format)
    assert called.code == 0
    assert "\x1b" not in called.out
    for part in (*parts, f"{records['random'].metrics['map']:.3f}"):
        assert part in called.out


SUITE = """
features = ["pixels"]
bits = [8]
[[variants]]
label = "second first"
method = "random"
[[variants]]
label = "tuned"
method = "lsh"
"""


def test_a_suites_rows_stand_in_its_order_and_under_its_labels(call, records, tmp_path):
    (tmp_path / "mine.toml").write_text(SUITE)
    said = call("table", "--suite", "mine.toml", "-f", "md", "--no-published").out
    rows = [line.split(" | ")[0] for line in said.splitlines() if line.startswith("| ") and " | " in line]
    assert rows[2:] == ["| *controls*", "| second first: random", "| *shallow*", "| tuned: lsh"]
    again = call("run", "--suite", "mine.toml", "--device", "cpu").out
    assert "2 cells, 2 of them done" in again
    assert "second first: random" in again
    plan = call("run", "--suite", "mine.toml", "--dry-run", "--device", "cpu").out
    assert "  tuned: lsh\n" in plan
    wrong = call("table", "--suite", "mu-liu-ablation").refused(2)
    assert wrong.startswith("none of 3 records is of suite 'mu-liu-ablation'; run it first: hashbench run")


def test_records_of_one_digest_can_be_chosen(call, records):
    path = next(Path("runs").rglob("lsh-*.json"))
    other = path.with_name("other.json")
    text = path.read_text()
    digest = records["lsh"].digests.task
    other.write_text(text.replace(digest, "f" * 64))
    said = call("table").refused(2)
    assert "2 task digests cannot share a table" in said
    assert f"{digest[:8]} (3 records)" in said
    assert call("table", "--digest", digest[:8]).code == 0
    assert "2 task digests" in call("compare", "lsh", "random").refused(2)


def test_table_of_some_records(call, records):
    said = call("table", "-m", "lsh", "random", "-f", "csv", "-b", 8, "--features", "pixels", "images").out
    assert [row["method"] for row in csv.DictReader(io.StringIO(said))] == ["random", "lsh"]
    assert "did you mean 'lsh'" in call("table", "--method", "lhs").refused(2)


def test_a_metric_that_is_not_recorded_names_rescore_and_one_that_is_unknown_the_nearest(call, records):
    assert "not recorded; hashbench rescore" in call("table", "--metric", "precision@7").refused(2)
    assert "did you mean 'map'" in call("table", "--metric", "mapp").refused(2)
    assert call("rescore", "runs", "--metric", "precision@7").code == 0
    assert call("table", "--metric", "precision@7").code == 0


@pytest.mark.parametrize("packed", [False, True])
def test_eval_is_evaluate(call, tmp_path, packed):
    rng = np.random.default_rng(0)
    parts = {}
    for name, n in (("query", 30), ("database", 200)):
        bits, labels = rng.integers(0, 2, (n, 20), np.uint8), rng.integers(0, 4, n)
        parts[name] = bits, labels
        stored = {"codes": np.packbits(bits, axis=1), "n_bits": 20} if packed else {"codes": bits}
        np.savez(tmp_path / f"{name}.npz", labels=labels, **stored)
    (query, query_labels), (database, database_labels) = parts.values()
    metrics = ["map", "precision@10", "recall@r2"]
    expected = hashbench.evaluate(query, database, query_labels, database_labels, metrics).values
    arguments = ["eval", "--query", "query.npz", "--database", "database.npz", "--metric", *metrics]
    assert json.loads(call(*arguments, "--json", "--per-query", "values.npz").out) == expected
    assert {name: v.mean() for name, v in load_per_query(tmp_path / "values.npz").items()} == expected
    lines = call(*arguments).out.splitlines()
    assert lines[0] == "30 queries, 200 items, 20 bits"
    assert [line.split() for line in lines[1:]] == [[name, f"{expected[name]:.4f}"] for name in metrics]
    assert list(expected) == metrics
    assert json.loads(call(*arguments, "--device", "auto", "--json").out) == expected
    assert "device 'gpu' cannot be used" in call(*arguments, "--device", "gpu").refused(2)


def test_eval_reads_the_codes_of_a_run(call, records, tmp_path):
    query = next(tmp_path.rglob("lsh-*.query.npz"))
    database = query.with_name(query.name.replace("query", "database"))
    called = call("eval", "--query", query, "--database", database, "--json")
    values = json.loads(called.out)
    known = records["lsh"].metrics | records["lsh"].health
    assert values == {name: known[name] for name in values}
    assert {"map", "bit_balance", "code_entropy"} < set(values)
    ranking, health = call("eval", "--query", query, "--database", database).out.split("\n\n")
    assert len(ranking.splitlines() + health.splitlines()) == 2 + len(values)
    shown = dict(line.split() for line in health.splitlines()[1:])
    assert shown["distinct_codes"] == f"{records['lsh'].health['distinct_codes']:,.0f}"
    assert shown["code_entropy"] == f"{records['lsh'].health['code_entropy']:.4f}"
    assert "quantization_error" not in shown  # codes tell nothing of the values they came from
    named = ["eval", "--query", query, "--database", database, "--metric"]
    mixed = ["bit_balance", "map", "distinct_codes"]
    called = call(*named, *mixed, "--json")
    assert [*json.loads(called.out).items()] == [(name, values[name]) for name in mixed]
    assert [line.split()[0] for line in call(*named, *mixed).out.splitlines()[1:]] == mixed
    assert json.loads(call(*named, "bit_balance", "--json").out) == {"bit_balance": values["bit_balance"]}
    assert "holds bits; leave it out" in call(*named, "map", "quantization_error").refused(2)
    assert "has nothing to write" in call(*named, "bit_balance", "--per-query", "out.npz").refused(2)


def test_eval_tells_the_quantization_error_of_real_values(call, tmp_path):
    values, labels = np.random.default_rng(0).normal(size=(50, 8)), np.arange(50) % 3
    np.savez(tmp_path / "real.npz", codes=values, labels=labels)
    expected = hashbench.code_health(values).values
    arguments = "eval", "--query", "real.npz", "--database", "real.npz"
    said = json.loads(call(*arguments, "--json").out)
    assert expected == {name: said[name] for name in expected}
    assert f"quantization_error  {expected['quantization_error']:.4f}" in call(*arguments).out
    assert json.loads(call(*arguments, "--metric", "quantization_error", "--json").out) == {
        "quantization_error": expected["quantization_error"]
    }


@pytest.mark.parametrize("out", ["query.npz", "../{folder}/database.npz", "link.npz"])
def test_eval_does_not_write_over_the_codes(call, tmp_path, out):
    for name in ("query", "database"):
        np.savez(tmp_path / f"{name}.npz", codes=np.eye(5), labels=np.arange(5))
    (tmp_path / "link.npz").symlink_to("query.npz")
    before = [path.read_bytes() for path in sorted(tmp_path.glob("*.npz"))]
    out = out.format(folder=tmp_path.name)
    called = call("eval", "--query", "query.npz", "--database", "database.npz", "--per-query", out)
    assert f"--per-query '{out}' would overwrite the codes" in called.refused(2)
    assert [path.read_bytes() for path in sorted(tmp_path.glob("*.npz"))] == before
