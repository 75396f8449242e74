"""Scoring stored codes anew: the same numbers from the same codes, and nothing of the training lost."""

import json
from unittest.mock import Mock

import pytest

from hashbench.errors import InvalidInputError, LeasedError, MissingDataError
from hashbench.evaluation import load_per_query
from hashbench.execution import cell as cells
from hashbench.execution import rescore as rescoring
from hashbench.execution.cell import run_cell
from hashbench.execution.rescore import has_codes, rescore
from hashbench.records import Record, write_record
from hashbench.system.lease import lease, lease_file


@pytest.fixture
def cell(grid, place):
    """Run a method's cell; its record and path."""

    def run(method, **given):
        (work,) = grid(method, **given)
        return run_cell(work, place), place.record(work)

    return run


def test_a_record_scored_anew_is_the_record(cell):
    record, path = cell("itq")
    before = load_per_query(path.with_suffix(".per_unit.npz"))
    path.with_suffix(".per_unit.npz").unlink()
    anew = rescore(path, command="hashbench rescore runs")
    assert anew == Record.load(path)
    assert anew.rescored is not None
    assert anew.rescored.environment == record.environment
    assert anew.rescored.created > record.created
    assert anew.rescored.command == "hashbench rescore runs"
    assert anew.model_copy(update={"rescored": None}) == record
    after = load_per_query(path.with_suffix(".per_unit.npz"))
    assert {name: values.tolist() for name, values in after.items()} == {
        name: values.tolist() for name, values in before.items()
    }


def test_metrics_are_added_and_none_is_lost(cell):
    record, path = cell("lsh")
    old = record.model_copy(
        update={
            "metrics": {"map": 0.0, "precision@7": 0.0},
            "health": {"quantization_error": 0.25},
            "curves": {"loss": [2.0, 1.0]},
            "rooms": record.rooms | {"evaluation": 0},
        }
    )
    write_record(path, old)
    anew = rescore(path, ["recall@30"])
    assert {"precision@7", "recall@30", *record.metrics} == set(anew.metrics)
    assert anew.metrics["map"] == record.metrics["map"]
    assert anew.metrics["precision@7"] > 0
    assert anew.health == record.health | {"quantization_error": 0.25}
    assert anew.curves == record.curves | {"loss": [2.0, 1.0]}
    assert (anew.digests, anew.rooms) == (record.digests, record.rooms)
    assert (anew.created, anew.timings, anew.environment) == (old.created, old.timings, old.environment)


def test_other_codes_give_other_numbers(cell):
    record, path = cell("lsh")
    other, other_path = cell("random")
    for part in ("query", "database"):
        path.with_suffix(f".{part}.npz").write_bytes(other_path.with_suffix(f".{part}.npz").read_bytes())
    assert rescore(path).metrics == other.metrics != record.metrics


def test_what_cannot_be_scored_says_why_and_stays(cell):
    record, path = cell("lsh")
    assert has_codes(record)
    content, query = path.read_bytes(), path.with_suffix(".query.npz")
    codes = query.read_bytes()
    query.write_bytes(path.with_suffix(".database.npz").read_bytes())
    with pytest.raises(InvalidInputError, match=r"query\.npz. has 1,657 codes"):
        rescore(path)
    query.write_bytes(codes[:100])
    with pytest.raises(InvalidInputError, match="not an intact"):
        rescore(path)
    query.unlink()
    with pytest.raises(MissingDataError, match=r"lsh-pixels-8b.*query\.npz is not beside"):
        rescore(path)
    assert path.read_bytes() == content
    assert not has_codes(cell("real_valued")[0])


def test_a_record_that_a_run_is_at_work_on_is_left_to_it(cell):
    _, path = cell("lsh")
    content = path.read_bytes()
    lease_file(path).write_text(json.dumps(["elsewhere", 1, 0.0]))
    with pytest.raises(LeasedError):
        rescore(path)
    assert path.read_bytes() == content


def test_no_run_comes_to_a_record_while_it_is_scored(cell, monkeypatch):
    record, path = cell("lsh")

    def score(record):
        with pytest.raises(LeasedError), lease(path):
            pass
        return task_of(record)

    task_of = rescoring.task_of
    monkeypatch.setattr(rescoring, "task_of", score)
    assert rescore(path).metrics == record.metrics
    assert not list(path.parent.glob(".*"))


@pytest.mark.parametrize("stopped_at", ["save_values", "write_record"])
def test_new_codes_are_never_beside_an_old_record(cell, monkeypatch, stopped_at):
    old, path = cell("lsh")
    before = path.with_suffix(".query.npz").stat().st_mtime_ns
    with monkeypatch.context() as patch:
        patch.setattr(cells, stopped_at, Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            cell("lsh")
    assert path.with_suffix(".query.npz").stat().st_mtime_ns > before
    assert not path.exists()
    assert cell("lsh")[0].metrics == old.metrics
