"""The command line's work as functions: ``hashbench.run`` and its neighbours."""

import io
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import hashbench
from hashbench.api import prepare
from hashbench.errors import InvalidInputError, MissingDataError, UnknownNameError
from hashbench.plugins import registry
from hashbench.records import read_records


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HASHBENCH_DATA", raising=False)
    monkeypatch.setattr(registry, "_FILES", {})
    monkeypatch.chdir(tmp_path)


def test_run_returns_a_row_for_each_cell(tmp_path):
    seen = []
    frame = hashbench.run(
        ["lsh", "real_valued"], features="pixels", bits=[8, 12], device="cpu", on_record=seen.append
    )
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.method) == ["real_valued", "lsh", "lsh"]
    assert frame.bits.tolist() == [pd.NA, 8, 12]
    assert (frame.status == "done").all()
    assert frame["map"].between(0.1, 1).all()
    assert (frame.seconds_fit > 0).all()
    assert [record.metrics["map"] for record in seen] == frame["map"].tolist()
    assert len(read_records(tmp_path / "runs")) == 3

    seen.clear()
    again = hashbench.run(
        ["lsh"], features="pixels", bits=np.array([8, 12]), device="cpu", on_record=seen.append
    )
    assert not seen
    assert again["map"].tolist() == frame["map"].tolist()[1:]


METHOD = '''"""A method (test)."""
from hashbench.methods.lsh import LSH
class Mine(LSH):
    def _project(self, X):
        return super()._project(X).abs() - {threshold}
'''


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.long)])
def test_a_plugin_that_has_changed_is_run_anew_in_the_same_process(tmp_path, jobs):
    def ran(**given):
        seen = []
        given = {"features": "pixels", "bits": [8, 12], "device": "cpu", "jobs": jobs, **given}
        hashbench.run("mine", on_record=seen.append, **given)
        return {(record.cell.bits, record.metrics["map"], record.digests.method_source) for record in seen}

    path = tmp_path / "mine.py"
    path.write_text(METHOD.format(threshold=0.1))
    first = ran(plugins=path)
    assert len(first) == 2
    assert not ran(plugins=path)
    path.write_text(METHOD.format(threshold=0.5))
    second = ran()  # the file of an earlier call
    assert len(second) == 2
    for values in zip(sorted(first), sorted(second), strict=True):
        bits, scores, digests = zip(*values, strict=True)
        assert [len(set(each)) for each in (bits, scores, digests)] == [1, 2, 2]
    assert not ran(plugins=path)


def test_images_that_have_changed_are_run_anew_in_the_same_process(tmp_path):
    def add(first, last):
        for i in range(first, last):
            path = tmp_path / "photos" / f"class{i % 2}" / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((8, 8, 3), 255 * (i % 2), np.uint8) ^ np.uint8(i % 128)).save(path)

    def ran():
        seen = []
        given = {"features": "pixels", "bits": 8, "device": "cpu"}
        hashbench.run("lsh", "folder:photos", on_record=seen.append, **given)
        return {record.digests.dataset for record in seen}

    add(0, 120)
    first = ran()
    assert len(first) == 1
    assert ran() == set()
    add(120, 240)
    assert len(ran() - first) == 1


def test_progress_is_shown_where_it_is_wanted(capsys):
    given = {"features": "pixels", "bits": 8, "device": "cpu"}
    hashbench.run(["lsh"], **given)
    assert capsys.readouterr() == ("", "")
    hashbench.run(["random"], progress=True, **given)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("[1/1] digits 5k random 8 bits r0 map 0.")


def test_a_run_goes_on_where_its_progress_cannot_be_written(monkeypatch):
    class Gone(io.StringIO):
        def isatty(self):
            return True

        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Gone())
    frame = hashbench.run(["random"], bits=8, device="cpu")
    assert list(frame.status) == ["done"]


def test_worker_processes_follow_when_the_folder_changes(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        for i in range(24):
            path = tmp_path / "photos" / name / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).save(path)
    given = {"features": "pixels", "bits": 4, "device": "cpu", "jobs": 2}
    hashbench.run(["lsh", "random"], **given)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    frame = hashbench.run(["lsh", "random"], "folder:../photos/", **given)
    assert list(frame.status) == ["done", "done"]
    assert set(frame.dataset) == {"folder:photos"}
    assert len(read_records("runs")) == 2
    assert len(read_records("../runs")) == 2


def test_worker_processes_know_the_plugins_of_earlier_calls(tmp_path):
    own, gone = tmp_path / "own_random.py", tmp_path / "gone_random.py"
    for path in (own, gone):
        path.write_text('"""Random codes (test)."""\nfrom hashbench.methods.random import Random as Base\n')
    given = {"features": "pixels", "bits": 8, "device": "cpu"}
    prepare(["random"], plugins=[own, gone], **given)
    gone.unlink()
    assert prepare(["random"], **given).place.plugins == (own,)


def test_a_failed_cell_is_a_row(tmp_path):
    (tmp_path / "broken.py").write_text("import no_such_package\n")
    frame = hashbench.run(["broken", "lsh"], features="pixels", bits=8, device="cpu", plugins=["broken.py"])
    assert list(frame.method) == ["lsh", "broken"]
    assert list(frame.status) == ["done", "failed"]
    assert "no_such_package" in frame.error[1]


def test_a_wrong_call_runs_nothing(tmp_path):
    with pytest.raises(UnknownNameError, match="unknown method 'itqq'; did you mean 'itq'"):
        hashbench.run("itqq")
    with pytest.raises(InvalidInputError, match=r"run\(\): bits.0 = 0"):
        hashbench.run("lsh", bits=0)
    with pytest.raises(UnknownNameError, match=r"option of run\(\) 'bitz'; did you mean 'bits'"):
        hashbench.run("lsh", bitz=12)
    with pytest.raises(MissingDataError, match="data set 'mnist'"):
        hashbench.run("lsh", "mnist", root=tmp_path / "nowhere")
    assert not (tmp_path / "runs").exists()


def test_methods_and_data_by_name():
    images = hashbench.load_dataset("digits")
    assert images.pixels.shape == (1797, 1, 8, 8)
    method = hashbench.get_method("ksh", n_bits=8, n_anchors=20)
    assert (method.n_bits, method.n_anchors) == (8, 20)
    with pytest.raises(
        UnknownNameError, match="unknown parameter of ksh 'n_anchor'; did you mean 'n_anchors'"
    ):
        hashbench.get_method("ksh", n_anchor=20)
    with pytest.raises(MissingDataError):
        hashbench.load_dataset("cifar10", root="nowhere")


def test_every_public_name_is_there():
    assert set(hashbench.__all__) <= set(dir(hashbench))
    assert all(getattr(hashbench, name) is not None for name in hashbench.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        hashbench.nothing  # noqa: B018
