"""``table``, ``compare`` and ``rescore`` on hand-made records: recipes, tasks of one's own."""

import csv
import io

import numpy as np
import pytest

from hashbench.cli import main
from hashbench.plugins import registry
from hashbench.records import write_record

VALUES = {"itq": np.linspace(0.1, 0.3, 50), "lsh": np.linspace(0.2, 0.4, 50)}


@pytest.fixture
def call(capsys, monkeypatch):
    """Call ``hashbench`` as a new process does, knowing no plugin file; its exit code and what it printed."""

    def called(*arguments):
        monkeypatch.setattr(registry, "_FILES", {})
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return ended.value.code, printed.out + printed.err

    return called


@pytest.fixture
def runs(make, tmp_path):
    """Records of the task ``copies``, with the values of its units beside them."""
    folder = tmp_path / "runs"
    for method, values in VALUES.items():
        metrics = {"eer": float(values.mean()), "threshold": 3.0}
        record = make(method, task="copies", metrics=metrics, split={"originals": 50})
        write_record(folder / f"{method}.json", record)
        np.savez(folder / f"{method}.per_unit.npz", eer=values)
    return folder


def test_the_task_of_the_records_is_given_with_plugin(call, runs, copies):
    code, said = call("table", runs, "-f", "csv")
    assert code == 2
    assert "--plugin" in said
    code, said = call("table", runs, "-f", "csv", "--plugin", copies)
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(said)))
    assert [(row["method"], row["metric"], row["best"]) for row in rows] == [
        ("itq", "eer", "True"),
        ("lsh", "eer", "False"),
    ]
    code, said = call("compare", "itq", "lsh", runs, "--plugin", copies)
    assert code == 0
    assert "50 originals" in said
    assert "bootstrap over the originals" in said
    assert "50/0/0" in said
    assert "0.20" in said
    code, said = call("rescore", runs, "--metric", "map", "--plugin", copies)
    assert code == 2
    assert "metric 'map' is of the task retrieval" in said


def test_two_recipes_give_two_tables(call, make, tmp_path):
    for digest, epochs in (("aa", 10), ("bb", 2)):
        record = make("dsh", digests={"recipe": digest}, recipe={"epochs": epochs}, value=epochs / 20)
        write_record(tmp_path / f"{digest}.json", record)
    write_record(tmp_path / "lsh.json", make("lsh", value=0.1))
    code, said = call("table", tmp_path, "-f", "md")
    assert code == 0
    assert said.count("### cifar10 · 5k · epochs=") == 2
    assert said.count("| lsh |") == 2
    code, said = call("table", tmp_path, "-f", "md", "--methods", "lsh")
    assert said.count("### cifar10 · 5k · map") == 1
