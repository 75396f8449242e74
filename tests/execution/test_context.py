"""The backbone is trained once, whoever needs it, and an interrupted training goes on where it was."""

import os
import time
import warnings

import numpy as np
import pytest
import torch

import hashbench.execution.context as context_module
import hashbench.training.loop
from hashbench.execution.context import open_context

CPU = torch.device("cpu")


@pytest.fixture
def trainings(monkeypatch):
    """The seeds of all trainings of a backbone during the test."""
    seeds = []
    train = context_module.train_trunk

    def counted(pixels, labels, recipe, seed, checkpoint):
        seeds.append(seed)
        return train(pixels, labels, recipe, seed, checkpoint)

    monkeypatch.setattr(context_module, "train_trunk", counted)
    return seeds


@pytest.fixture
def open_(grid, place):
    def context(**settings):
        work = grid("dsh", set={f"recipe.{name}": value for name, value in settings.items()})[0]
        return open_context("digits", work.protocol, place.data)

    return context


def weights(trunk):
    return {name: value.clone() for name, value in trunk.network.state_dict().items()}


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first | second)


def test_a_backbone_is_trained_once(own_cache, trainings, open_, new_process):
    first = open_().trunk(0, CPU)
    assert open_().trunk(0, CPU) is first
    kept = weights(first)
    new_process()
    again = open_().trunk(0, CPU)
    assert trainings == [open_().trunk_seed(0)]
    assert again is not first
    assert same(weights(again), kept)
    assert again.seconds == first.seconds > 0
    assert not again.network.training


def test_the_hash_stage_shares_it_and_what_shapes_it_does_not(own_cache, trainings, open_):
    plain = open_().trunk(0, CPU)
    assert open_(epochs=4, trunk_lr=0.1).trunk(0, CPU).digest == plain.digest
    other = open_(lr=0.01).trunk(0, CPU)
    assert other.digest != plain.digest
    assert not same(weights(other), weights(plain))
    repeated = open_().trunk(1, CPU)
    assert repeated.digest != plain.digest
    seed = open_().trunk_seed(0)
    assert trainings == [seed, seed, open_().trunk_seed(1)]


def test_its_features_are_computed_once_and_mapped(own_cache, open_, monkeypatch):
    context = open_(batch_size=60)
    trunk = context.trunk(0, CPU)
    rows, seconds = context.cnn_features(trunk, CPU)
    assert seconds > 0
    assert isinstance(rows, np.memmap)
    assert len(rows) == len(context.used) == 1797
    for i in (0, 900, 1796):  # row i is of image used[i] and of no other
        image = torch.from_numpy(context.images.pixels[context.used[[i]]])
        distances = ((rows - trunk.network.features(image).detach().numpy()) ** 2).sum(1)
        assert distances.argmin() == i
    monkeypatch.setattr(trunk.network, "features", None)
    again, same_seconds = context.cnn_features(trunk, CPU)
    np.testing.assert_array_equal(again, rows)
    assert same_seconds == seconds


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half of a file"])
def test_a_damaged_file_is_computed_again_and_told(own_cache, trainings, open_, new_process, content):
    context = open_()
    trunk = context.trunk(0, CPU)
    kept, rows = weights(trunk), np.array(context.cnn_features(trunk, CPU)[0])
    for suffix in (".pt", ".features.npy", ".features.json"):
        (own_cache / "trunks" / f"{trunk.digest[:16]}{suffix}").write_bytes(content)
        new_process()
        with warnings.catch_warnings(record=True) as caught:
            again = open_().trunk(0, CPU)
            again_rows, _ = context.cnn_features(again, CPU)
        (told,) = caught
        assert f"{trunk.digest[:16]}." in str(told.message)
        assert str(told.message).endswith("and is computed again")
        assert same(weights(again), kept)
        np.testing.assert_array_equal(again_rows, rows)
    assert len(trainings) == 2


def test_ctrl_c_in_the_features_leaves_no_file(own_cache, open_, monkeypatch):
    context = open_()
    trunk = context.trunk(0, CPU)

    def interrupt(file, array):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "save", interrupt)
    with pytest.raises(KeyboardInterrupt):
        context.cnn_features(trunk, CPU)
    assert sorted(path.suffix for path in (own_cache / "trunks").iterdir()) == [".json", ".pt"]


def test_ctrl_c_in_the_training_costs_an_epoch_at_most(tmp_path, own_cache, open_, new_process, monkeypatch):
    unbroken = weights(open_(pretrain_epochs=3).trunk(0, CPU))
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "other"))
    new_process()
    save = hashbench.training.loop.save_atomically
    epochs = []

    def save_then_stop(state, path):
        save({**state, "seconds": state["seconds"] + 100} if "epoch" in state else state, path)
        if "epoch" in state:
            epochs.append(state["epoch"])
        if len(epochs) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(hashbench.training.loop, "CHECKPOINT_SECONDS", -1.0)
    monkeypatch.setattr(hashbench.training.loop, "save_atomically", save_then_stop)
    with pytest.raises(KeyboardInterrupt):
        open_(pretrain_epochs=3).trunk(0, CPU)
    folder = tmp_path / "other" / "trunks"
    assert [path.suffix for path in folder.iterdir()] == [".checkpoint"]
    new_process()
    resumed = open_(pretrain_epochs=3).trunk(0, CPU)
    assert epochs == [1, 2, 3]
    assert same(weights(resumed), unbroken)
    assert 100 < resumed.seconds < 200
    assert [path.suffix for path in folder.iterdir()] == [".pt"]


def test_what_a_killed_process_left_is_removed_in_time(own_cache, open_):
    folder = own_cache / "trunks"
    folder.mkdir(parents=True)
    for name, age in (("old.pt.1.tmp", 7200), ("other.pt", 7200), ("new.pt.2.tmp", 60)):
        (folder / name).touch()
        os.utime(folder / name, (time.time() - age,) * 2)
    trunk = open_().trunk(0, CPU)
    assert {path.name for path in folder.iterdir()} == {"other.pt", "new.pt.2.tmp", f"{trunk.digest[:16]}.pt"}
