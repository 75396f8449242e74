"""Models beside records: there when asked for, of this record, and gone with it."""

from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest

from hashbench import load
from hashbench.evaluation import load_codes
from hashbench.execution import cell
from hashbench.execution.cell import run_cell
from hashbench.execution.context import open_context
from hashbench.execution.plan import make_plan
from hashbench.execution.runner import run_plan
from hashbench.plugins.registry import find_protocol, register_file
from hashbench.records import Record

BROKEN = '''"""Fails where the file beside it says so."""
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from hashbench.contracts.method import HashMethod

@dataclass(eq=False, repr=False, kw_only=True)
class Moody(HashMethod):
    """Moody."""
    inputs: ClassVar = "features"
    not_saved: ClassVar[str] = "{reason}"
    def _state(self):
        {state}
    def _fit(self, X, y, generator):
        if (Path(__file__).parent / "fail").exists():
            raise ValueError("as asked")
    def _project(self, X):
        return X[:, : self.n_bits] - 0.5
'''


@pytest.fixture
def keeping(place):
    return replace(place, save_models=True)


@pytest.mark.parametrize(("method", "features"), [("itq", "pixels"), ("lsh", "cnn"), ("csq", None)])
def test_the_model_gives_the_codes_beside_the_record(keeping, grid, method, features):
    (work,) = grid(method, features=[features] if features else ["pixels"])
    run_cell(work, keeping)
    path = keeping.record(work)
    encoder = load(path, device="cpu")
    context = open_context("digits", find_protocol("5k").task, keeping.data)
    images = context.images.pixels[context.split.parts["query"]]
    codes, _ = load_codes(path.with_suffix(".query.npz"))
    assert np.array_equal(encoder.encode(images).packed, codes.packed)
    assert (encoder.label, encoder.shape, encoder.dataset) == (features, (1, 8, 8), "digits")


def test_a_model_stays_only_with_its_own_record(place, keeping, grid):
    (work,) = grid("itq")
    model = place.record(work).with_suffix(".safetensors")
    run_cell(work, keeping)
    assert model.exists()
    run_cell(work, place)
    assert not model.exists()


def test_a_failed_record_has_no_model(keeping, grid, tmp_path):
    (tmp_path / "moody.py").write_text(BROKEN.format(reason="", state="return super()._state()"))
    register_file(tmp_path / "moody.py")
    (work,) = grid("moody")
    model = keeping.record(work).with_suffix(".safetensors")
    assert run_cell(work, keeping).status == "done"
    assert model.exists()
    (tmp_path / "fail").write_text("")
    assert run_cell(work, keeping).status == "failed"
    assert not model.exists()


def test_a_method_that_cannot_be_saved_is_told_and_its_record_stays(keeping, grid, tmp_path):
    (tmp_path / "moody.py").write_text(
        BROKEN.format(reason="its trees are none of ours", state="return super()._state()")
    )
    register_file(tmp_path / "moody.py")
    (work,) = grid("moody")
    with pytest.warns(UserWarning, match="moody.*its trees are none of ours"):
        record = run_cell(work, keeping)
    assert record.status == "done"
    assert not keeping.record(work).with_suffix(".safetensors").exists()


@pytest.mark.parametrize("error", ["KeyError", "SystemExit"])
def test_a_method_that_fails_while_it_is_saved_does_not_cost_the_record(keeping, grid, tmp_path, error):
    (tmp_path / "moody.py").write_text(BROKEN.format(reason="", state=f"raise {error}('no centres_')"))
    register_file(tmp_path / "moody.py")
    (work,) = grid("moody")
    with pytest.warns(UserWarning, match=f"moody.* is not saved: {error}: .*no centres_"):
        record = run_cell(work, keeping)
    assert record.status == "done"
    assert Record.load(keeping.record(work)) == record
    assert not keeping.record(work).with_suffix(".safetensors").exists()


def test_a_run_that_stops_before_the_record_is_written_makes_the_model_when_resumed(
    keeping, grid, monkeypatch
):
    (work,) = grid("itq")
    with monkeypatch.context() as patch:
        patch.setattr(cell, "write_record", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run_cell(work, keeping)
    plan = make_plan([work], keeping)
    assert plan.pending == [work]
    list(run_plan(plan, keeping))
    assert load(keeping.record(work), device="cpu").n_bits == 8


def test_rows_of_a_users_file_are_encoded_but_its_path_is_not_kept(keeping, grid, tmp_path):
    rows = np.random.default_rng(0).normal(size=(1797, 6)).astype(np.float32)
    np.save(tmp_path / "clip.npy", rows)
    (work,) = grid("itq", features=[f"clip={tmp_path / 'clip.npy'}"], bits=[4])
    run_cell(work, keeping)
    path = keeping.record(work)
    assert str(tmp_path).encode() not in path.with_suffix(".safetensors").read_bytes()
    encoder = load(path, device="cpu")
    assert (encoder.label, encoder.encode(rows).n_bits) == ("clip", 4)
