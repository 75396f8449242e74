"""A damaged checkpoint is named and removed, and the training begins anew; one that cannot be read stays."""

import warnings

import pytest
import torch

from hashbench.training import checkpoints
from hashbench.training.checkpoints import load_checkpoint, save_atomically, seconds_before

STATE = {
    "modules": {"weight": torch.arange(64.0)},
    "optimisation": {},
    "epoch": 3,
    "losses": [2.0],
    "seconds": 7.5,
}


@pytest.fixture
def path(tmp_path):
    save_atomically(STATE, tmp_path / "a.checkpoint")
    return tmp_path / "a.checkpoint"


def test_a_sound_one_is_read(path):
    state = load_checkpoint(path, "cpu")
    assert state["modules"]["weight"].tolist() == STATE["modules"]["weight"].tolist()
    assert (state["epoch"], seconds_before(path)) == (3, 7.5)
    assert load_checkpoint(path.with_name("absent"), "cpu") is None
    assert load_checkpoint(None, "cpu") is None


def flipped(content):
    at = content.index(torch.arange(64.0).numpy().tobytes())
    return content[: at + 100] + bytes([content[at + 100] ^ 1]) + content[at + 101 :]


HARM = {
    "flipped": flipped,
    "cut": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "text": lambda content: b"no checkpoint",
}


@pytest.mark.parametrize("harm", HARM)
def test_a_damaged_one_is_named_and_removed(path, harm):
    path.write_bytes(HARM[harm](path.read_bytes()))
    with pytest.warns(UserWarning, match=r"a\.checkpoint' is damaged"):
        assert seconds_before(path) == 0.0
    assert not path.exists()


def test_a_file_that_holds_something_else_is_removed(path):
    for state in ({"epoch": 3}, [1, 2]):
        save_atomically(state, path)
        with pytest.warns(UserWarning, match="something else"):
            assert load_checkpoint(path, "cpu") is None
        assert not path.exists()


@pytest.mark.parametrize(
    "error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory"), PermissionError(13, "denied")]
)
def test_one_that_cannot_be_read_now_stays(path, monkeypatch, error):
    def fails(*arguments, **options):
        raise error

    monkeypatch.setattr(checkpoints.torch, "load", fails)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(type(error)):
            load_checkpoint(path, "cpu")
    assert path.exists()
