"""Records survive the file, and the file survives a crash."""

import json
import math
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from hashbench.errors import InvalidInputError
from hashbench.records import (
    Card,
    Cell,
    Digests,
    Environment,
    Failure,
    Record,
    read_records,
    to_frame,
    write_record,
)

CELL = Cell(method="itq", dataset="cifar10", protocol="5k", features="pixels", bits=48)


def record(**given: object) -> Record:
    fields: dict = {
        "status": "done",
        "cell": CELL,
        "card": Card(
            title="Iterative quantization",
            family="shallow",
            supervision="unsupervised",
            inputs="features",
            output="codes",
            n_labelled=0,
        ),
        "params": {"n_iter": 50},
        "protocol": {"name": "5k", "task": {"name": "retrieval"}},
        "digests": Digests(task="ab12", dataset="cd34", split="ef56"),
        "split": {"queries": 1000, "train": 5000, "database": 59000, "train_in_database": 5000},
        "seeds": {"fit": 7},
        "metrics": {"map": 0.1 + 0.2},
        "curves": {"precision": [1.0, 1 / 3]},
        "timings": {"fit": 1.5},
        "environment": Environment(
            versions={"torch": "2.9"},
            platform="Linux",
            cpu="Xeon",
            cores=2,
            threads=1,
            device="cpu",
            precision="float32",
        ),
        "command": "hashbench run",
        "created": datetime(2025, 11, 21, 3, tzinfo=UTC),
    }
    return Record(**{**fields, **given})


def failure() -> Failure:
    return Failure(type="ValueError", message="no", traceback="Traceback ...")


def test_a_record_equals_itself_after_the_file(tmp_path: Path) -> None:
    original = record(
        params={
            "steps": (1, 2),
            "rate": np.float32(0.5),
            "n": np.int64(3),
            "path": Path("a/b"),
            "none": None,
        },
        metrics={"map": np.float64(1 / 3), "precision@100": np.float32(0.25)},
    )
    write_record(tmp_path / "deep" / "er" / "x.json", original)
    loaded = Record.load(tmp_path / "deep" / "er" / "x.json")
    assert loaded == original
    assert loaded.params == {"steps": [1, 2], "rate": 0.5, "n": 3, "path": "a/b", "none": None}
    assert loaded.metrics["map"] == 1 / 3


def test_equal_records_are_equal_files(tmp_path: Path) -> None:
    write_record(tmp_path / "a.json", record(params={"a": 1, "b": 2}))
    write_record(tmp_path / "b.json", record(params={"b": 2, "a": 1}))
    text = (tmp_path / "a.json").read_bytes()
    assert text == (tmp_path / "b.json").read_bytes()
    assert text.endswith(b"}\n")
    assert list(json.loads(text)) == sorted(json.loads(text))
    assert b'\n "cell": {\n  "backbone": null,' in text


@pytest.mark.parametrize("number", [math.nan, math.inf])
@pytest.mark.parametrize("field", ["metrics", "timings", "params"])
def test_numbers_are_finite(field: str, number: float) -> None:
    with pytest.raises(ValidationError):
        record(**{field: {"x": number}})


def test_what_json_cannot_hold_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="cannot be written as JSON"):
        record(params={"x": object()})


def test_done_and_failed_are_what_they_say() -> None:
    failed = record(status="failed", error=failure(), card=None, metrics={}, split={})
    assert failed.error == failure()
    with pytest.raises(ValidationError, match="error is missing"):
        record(status="failed")
    with pytest.raises(ValidationError, match="cannot be 'done'"):
        record(error=failure())
    with pytest.raises(ValidationError, match=r"must have metrics, digests\.split"):
        record(metrics={}, digests=Digests(task="ab12", dataset="cd34"))


def test_records_are_frozen_and_closed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        record().status = "failed"
    with pytest.raises(ValidationError, match="Extra inputs"):
        record(colour="red")


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_crash_before_the_rename_leaves_the_old_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "x.json"
    write_record(path, record(command="old"))

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, step, crash)
    with pytest.raises(KeyboardInterrupt):
        write_record(path, record(command="new"))
    monkeypatch.undo()
    assert Record.load(path).command == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["x.json"]
    write_record(path, record(command="new"))
    assert Record.load(path).command == "new"


def test_the_rename_follows_the_sync_in_the_same_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[str, ...]] = []
    sync, move = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: (steps.append(("fsync",)), sync(file)))
    monkeypatch.setattr(
        os, "replace", lambda a, b: (steps.append(("replace", str(a.parent), b.name)), move(a, b))
    )
    write_record(tmp_path / "x.json", record())
    assert steps == [("fsync",), ("replace", str(tmp_path), "x.json")]


def test_what_a_killed_process_left_is_not_read(tmp_path: Path) -> None:
    write_record(tmp_path / "x.json", record())
    (tmp_path / ".x.json.1a2b3c4d.tmp").write_text("{")
    (tmp_path / ".y.json").write_text("{")
    assert read_records(tmp_path) == [record()]


def test_records_are_read_below_the_folder_in_the_order_of_their_paths(tmp_path: Path) -> None:
    for name in ("b/2.json", "a/3.json", "b/1.json"):
        write_record(tmp_path / name, record(command=name))
    assert [r.command for r in read_records(tmp_path)] == ["a/3.json", "b/1.json", "b/2.json"]
    assert [r.command for r in read_records(tmp_path / "b" / "2.json")] == ["b/2.json"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ('{"schema_version": 1, "st', "cannot be read"),
        ("", "cannot be read"),
        ("[1, 2]", "not a hashbench record"),
        ('{"schema_version": 1}', "has schema version 1, this hashbench reads 2"),
        ('{"schema_version": 2, "status": "done"}', "is not valid"),
    ],
)
def test_a_file_that_is_no_record_is_named_with_the_cure(tmp_path: Path, content: str, fault: str) -> None:
    write_record(tmp_path / "good.json", record())
    (tmp_path / "odd.json").write_text(content)
    with pytest.raises(InvalidInputError, match=fault) as caught:
        read_records(tmp_path)
    assert str(tmp_path / "odd.json") in str(caught.value)
    assert "run the same command again" in str(caught.value)


def test_no_records_says_to_run_first(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="holds no records; run first"):
        read_records(tmp_path)
    with pytest.raises(InvalidInputError, match="does not exist; run first"):
        read_records(tmp_path / "nowhere")


def test_a_stem_is_readable_and_tells_every_cell_apart() -> None:
    stem = CELL.stem("ab12")
    assert stem.startswith("cifar10/5k/itq-pixels-48b-r0-")
    assert len(stem.rpartition("-")[2]) == 8
    changes: list[dict] = [
        {"method": "lsh"},
        {"dataset": "mnist"},
        {"protocol": "full"},
        {"features": "cnn"},
        {"backbone": "vgg6"},
        {"bits": None},
        {"repetition": 1},
        {"params": {"n_iter": 5}},
    ]
    others = [CELL.model_copy(update=change).stem("ab12") for change in changes]
    assert len({stem, CELL.stem("cd34"), *others}) == 2 + len(changes)


def test_a_stem_is_a_safe_path_whatever_the_dataset() -> None:
    stems = {
        Cell(method="itq", dataset=f"folder:{path}", protocol="5k").stem("ab12")
        for path in ("../../etc", "/a b/ü", "C:\\x", ".", "x" * 500)
    }
    assert len(stems) == 5
    for stem in stems:
        assert all(0 < len(part) < 100 and not part.startswith(".") for part in stem.split("/"))
        assert len(stem.split("/")) == 3
        assert not set(stem) & set(' \\:*?"<>|')


def test_the_frame_has_a_row_per_record() -> None:
    failed = record(status="failed", error=failure(), card=None, metrics={}, timings={})
    vectors = record(cell=CELL.model_copy(update={"bits": None, "params": {"a": 1}}))
    frame = to_frame([record(), vectors, failed])
    assert frame["method"].tolist() == ["itq"] * 3
    assert "map" in frame.columns[:10]  # what pandas shows
    assert frame["bits"].isna().tolist() == [False, True, False]
    assert frame["bits"].dtype == "Int64"
    assert frame["params"].tolist() == ["{}", '{"a": 1}', "{}"]
    assert frame["map"].tolist()[:2] == [0.1 + 0.2] * 2
    assert frame["map"].isna().tolist() == [False, False, True]
    assert frame["seconds_fit"].tolist()[:2] == [1.5, 1.5]
    assert frame["error"].tolist()[2] == "ValueError: no"
    assert frame["supervision"].tolist()[0] == "unsupervised"
