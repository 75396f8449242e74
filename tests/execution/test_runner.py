"""A run computes what is not done, writes each cell as it ends, and a failure or a stop costs one cell."""

import json
import os
import shutil
from dataclasses import replace

import pytest

from hashbench.errors import InvalidInputError
from hashbench.execution.jobs import Made
from hashbench.execution.plan import make_plan
from hashbench.execution.runner import run_plan
from hashbench.features.cnn import CNN
from hashbench.records import Record, read_records, write_record

FAILS = "def _fit(self, X, y, generator):\n    raise ValueError('no rotation found')"
PASSES = "def _fit(self, X, y, generator):\n    pass"


def names(works):
    return [work.cell.method for work in works]


def run_all(cells, place):
    return list(run_plan(make_plan(cells, place), place))


def metrics(records):
    return {(record.cell.method, record.cell.bits): record.metrics for record in records}


def test_backbones_first_then_cells_in_the_order_of_the_plan(grid, place):
    events = run_all(grid("lsh", "dsh", "random", features=["pixels", "cnn"]), place)
    assert isinstance(events[0], Made)
    cells = [record.cell for record in events[1:]]
    assert [(cell.method, cell.features) for cell in cells] == [
        ("random", None),
        ("lsh", "pixels"),
        ("lsh", "cnn"),
        ("dsh", None),
    ]


def test_one_backbone_for_each_data_set_protocol_and_repetition(grid, place):
    cells = grid("all", features=["pixels", "cnn"], bits=[8, 12], protocols=["5k", "full"], repetitions=2)
    artefacts = make_plan(cells, place).artefacts
    made = [(at.feature.name(), at.setting.protocol.name, at.setting.repetition) for at in artefacts]
    assert sorted(made) == [
        (feature, protocol, r) for feature in ("cnn", "ssl") for protocol in ("5k", "full") for r in (0, 1)
    ]
    assert all(at.rows == (at.feature.name() == "cnn") for at in artefacts)
    networks = make_plan(grid("deep", bits=[8], protocols=["5k"]), place).artefacts
    assert sorted((at.feature.name(), at.rows) for at in networks) == [("cnn", False), ("ssl", False)]
    assert make_plan(grid("shallow", protocols=["5k"]), place).artefacts == []


def test_what_is_done_is_not_done_again(grid, place):
    first = run_all(grid("lsh", "sh"), place)
    plan = make_plan(grid("lsh", "sh", "pcah"), place)
    assert (names(plan.done), names(plan.pending)) == (["lsh", "sh"], ["pcah"])
    run_all(grid("lsh", "sh", "pcah"), place)
    assert [Record.load(place.record(work)) for work in grid("lsh", "sh")] == first  # timings and dates too


def test_what_failed_is_tried_again_and_the_others_go_on(grid, place, plugin, forget_plugins):
    plugin("failing", FAILS)
    cells = grid("failing", "lsh", "sh")
    assert [(record.cell.method, record.status) for record in run_all(cells, place)] == [
        ("failing", "failed"),
        ("lsh", "done"),
        ("sh", "done"),
    ]
    assert names(make_plan(cells, place).pending) == ["failing"]

    forget_plugins()  # mended, and called by another process
    plugin("failing", PASSES)
    assert [record.status for record in run_all(grid("failing", "lsh", "sh"), place)] == ["done"]


@pytest.mark.parametrize("body", [PASSES, "output = 'vectors'\n" + PASSES])
def test_a_method_that_was_broken_leaves_nothing_once_it_loads(grid, place, plugin, forget_plugins, body):
    def records(*methods, text, imports=""):
        forget_plugins()
        plugin("own", text, imports=imports)
        run_all(grid(*methods), place)
        return [(record.cell.method, record.status) for record in read_records(place.out)]

    broken = {"text": "", "imports": "import no_such_package"}
    assert records("own", text=body) == [("own", "done")]
    assert records("own", "lsh", **broken) == [("lsh", "done"), ("own", "failed"), ("own", "done")]
    assert records("lsh", **broken) == [("lsh", "done"), ("own", "failed"), ("own", "done")]
    assert records("lsh", text=body) == [("lsh", "done"), ("own", "done")]


def test_a_damaged_record_is_named_and_its_cell_runs_anew(grid, place):
    works = grid("lsh", "itq")
    run_all(works, place)
    path = place.record(works[0])
    before = path.read_text()
    path.write_text(before[:100])
    plan = make_plan(works, place)
    assert (plan.pending, plan.done) == ([works[0]], [works[1]])
    assert path.name in plan.reasons[0]
    run_all(works, place)
    assert Record.load(path).metrics == json.loads(before)["metrics"]


@pytest.mark.parametrize("kind", ["pipe", "folder", "round", "dangling"])
def test_what_stands_where_a_record_belongs_is_set_aside(grid, place, kind):
    (work,) = grid("lsh")
    path = place.record(work)
    path.parent.mkdir(parents=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        (path / "mine").mkdir(parents=True)
    else:
        path.symlink_to(path if kind == "round" else "absent")
    run_all([work], place)
    assert Record.load(path).status == "done"
    if kind == "folder":
        assert [folder.is_dir() for folder in path.parent.glob("*.aside/mine")] == [True]


def test_a_record_of_another_version_is_not_replaced(grid, place):
    (work,) = grid("lsh")
    path = place.record(work)
    path.parent.mkdir(parents=True)
    path.write_text('{"schema_version": 3}')
    with pytest.raises(InvalidInputError, match="schema version 3"):
        make_plan([work], place)


def test_a_backbone_that_cannot_be_trained_fails_its_cells_only(own_cache, grid, place, monkeypatch):
    calls = []

    def fails(*arguments, **options):
        calls.append(arguments)
        raise FloatingPointError("the loss is nan")

    monkeypatch.setattr(CNN, "train", fails)
    for n_runs in (1, 2):
        events = run_all(grid("pcah", "dpsh", "dsh", bits=[8 + n_runs]), place)
        assert len(calls) == n_runs, "once a run, and not for each cell"
        assert events[0].failure.message == "the loss is nan"
        assert [(event.cell.method, event.status) for event in events[1:]] == [
            ("pcah", "done"),
            ("dpsh", "failed"),
            ("dsh", "failed"),
        ]
        for record in events[2:]:
            assert (record.error.type, record.error.message) == ("FloatingPointError", "the loss is nan")
            assert "in fails" in record.error.traceback
            assert record.card.family == "deep"


@pytest.mark.parametrize("stop", [GeneratorExit, KeyboardInterrupt])
def test_a_stop_leaves_records_and_no_temporary_files(grid, place, stop):
    cells = grid("lsh", "pcah", "sh")
    events = run_plan(make_plan(cells, place), place)
    next(events)
    folder = place.record(cells[0]).parent
    unfinished, checkpoint, foreign = (
        folder / name
        for name in (
            f".{place.record(cells[1]).stem}.query.npz.1a2b3c",
            f"{place.record(cells[1]).stem}.0a1b2c3d.checkpoint",
            ".of-another-run-0a1b2c3d.json.1a2b3c.tmp",
        )
    )
    for path in (unfinished, checkpoint, foreign, folder / f"{checkpoint.name}.99.tmp"):
        path.touch()
    if stop is GeneratorExit:
        events.close()
    else:
        with pytest.raises(KeyboardInterrupt):
            events.throw(KeyboardInterrupt)
    left = {path.name for path in folder.iterdir() if not path.name.startswith(place.record(cells[0]).stem)}
    assert left == {checkpoint.name, foreign.name}
    run_all(cells, place)
    assert not checkpoint.exists()


def test_a_folder_that_cannot_be_written_is_refused(grid, place, tmp_path):
    (tmp_path / "file").touch()
    wrong = replace(place, out=tmp_path / "file" / "runs")
    with pytest.raises(InvalidInputError, match=r"cannot write to '.*runs'"):
        run_all(grid("lsh"), wrong)
    place.out.mkdir()
    (place.out / "digits").touch()
    with pytest.raises(InvalidInputError, match=r"cannot write to '.*digits.5k' \(.*\); choose another"):
        run_all(grid("lsh"), place)


def test_a_record_that_cannot_be_written_is_a_failure_that_says_so(grid, place, monkeypatch):
    def full(path, record):
        if "pcah" in path.name:
            raise InvalidInputError(f"cannot write '{path}' (No space left on device)")
        write_record(path, record)

    monkeypatch.setattr("hashbench.execution.cell.write_record", full)
    events = run_all(grid("lsh", "pcah", "sh"), place)
    assert [(record.cell.method, record.status) for record in events] == [
        ("lsh", "done"),
        ("pcah", "failed"),
        ("sh", "done"),
    ]
    assert "No space left" in events[1].error.message
    assert {record.cell.method for record in read_records(place.out)} == {"lsh", "sh"}


def test_a_folder_that_vanishes_costs_what_was_in_it(grid, place):
    cells = grid("lsh", "pcah", "sh")
    events = run_plan(make_plan(cells, place), place)
    next(events)
    shutil.rmtree(place.out)
    place.out.touch()  # nothing can be made there
    rest = list(events)
    assert [record.status for record in rest] == ["failed", "failed"]
    assert all("cannot write" in record.error.message for record in rest)
