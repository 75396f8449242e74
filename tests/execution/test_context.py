"""The backbone is trained once, whoever needs it, and an interrupted training goes on where it was."""

import os
import time
import warnings

import numpy as np
import pytest
import torch

from hashbench.contracts.feature import Feature
from hashbench.execution.context import open_context
from hashbench.features.cnn import CNN
from hashbench.plugins.registry import find_protocol
from hashbench.training import loop

CPU = torch.device("cpu")


class Brightness(Feature):
    def rows(self, images, index, device):
        SHAPES.append(len(index))
        return images.pixels[index].mean((1, 2, 3), dtype=np.float32)[:, None]


SHAPES: list[int] = []  # of the calls


def test_texts_do_not_count_for_the_rows_of_images(place, own_cache):
    shown = [open_context("digits", find_protocol(name).task, place.data) for name in ("5k", "cross-view")]
    assert len({context.images.digest for context in shown}) == 2
    first, second = (context.rows(Brightness(), None, CPU)[0] for context in shown)
    assert SHAPES == [1797]
    np.testing.assert_array_equal(first, second)


@pytest.fixture
def trainings(monkeypatch):
    """The seeds of all trainings of a backbone during the test."""
    seeds = []
    train = CNN.train

    def counted(self, pixels, labels, recipe, seed, **options):
        seeds.append(seed)
        return train(self, pixels, labels, recipe, seed, **options)

    monkeypatch.setattr(CNN, "train", counted)
    return seeds


@pytest.fixture
def open_(grid, place):
    """The context of digits, and a way to its backbone with other recipes and repetitions."""

    def opened(repetition=0, **settings):
        recipe = {f"recipe.{name}": value for name, value in settings.items()}
        work = grid("dsh", set=recipe, repetitions=repetition + 1)[-1]
        context = open_context("digits", work.setting.protocol.task, place.data)
        return context, context.backbone(work.setting, work.trained, CPU)

    return opened


def weights(backbone):
    return {name: value.clone() for name, value in backbone.network.state_dict().items()}


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first | second)


def test_a_backbone_is_trained_once(own_cache, trainings, open_, new_process):
    _, first = open_()
    assert open_()[1] is first
    kept = weights(first)
    new_process()
    _, again = open_()
    assert trainings == [first.seed]
    assert again is not first
    assert same(weights(again), kept)
    assert again.seconds == first.seconds > 0
    assert not again.network.training


def test_the_hash_stage_shares_it_and_what_shapes_it_does_not(own_cache, trainings, open_):
    _, plain = open_()
    assert open_(epochs=4, backbone_lr=0.1)[1].digest == plain.digest
    _, other = open_(lr=0.01)
    assert other.digest != plain.digest
    assert not same(weights(other), weights(plain))
    _, repeated = open_(repetition=1)
    assert repeated.digest != plain.digest
    assert trainings == [plain.seed, plain.seed, repeated.seed]


def test_its_rows_are_computed_once_and_mapped(own_cache, open_, monkeypatch):
    context, backbone = open_(batch_size=60)
    rows, seconds = context.rows(CNN(), backbone, CPU)
    assert seconds > 0
    assert isinstance(rows, np.memmap)
    assert len(rows) == len(context.images) == 1797
    for i in (0, 900, 1796):  # row i is of image i and of no other
        image = torch.from_numpy(context.images.pixels[[i]])
        distances = ((rows - backbone.network.features(image).detach().numpy()) ** 2).sum(1)
        assert distances.argmin() == i
    monkeypatch.setattr(backbone.network, "features", None)
    again, same_seconds = context.rows(CNN(), backbone, CPU)
    np.testing.assert_array_equal(again, rows)
    assert same_seconds == seconds


def flipped(content):
    at = len(content) // 2
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize("harm", [lambda _: b"", lambda _: b"PK\x03\x04 half of a file", flipped])
def test_a_damaged_file_is_computed_again_and_told(own_cache, trainings, open_, new_process, harm):
    context, backbone = open_()
    kept, rows = weights(backbone), np.array(context.rows(CNN(), backbone, CPU)[0])
    for suffix in (".pt", ".rows.npy", *((".rows.json",) if harm is not flipped else ())):
        file = own_cache / "backbones" / f"{backbone.digest[:16]}{suffix}"
        file.write_bytes(harm(file.read_bytes()))
        new_process()
        with warnings.catch_warnings(record=True) as caught:
            context, again = open_()
            again_rows, _ = context.rows(CNN(), again, CPU)
        (told,) = caught
        assert f"{backbone.digest[:16]}." in str(told.message)
        assert same(weights(again), kept)
        np.testing.assert_array_equal(again_rows, rows)
    assert len(trainings) == 2


def test_ctrl_c_in_the_rows_leaves_no_file(own_cache, open_, monkeypatch):
    context, backbone = open_()

    def interrupt(file, array):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "save", interrupt)
    with pytest.raises(KeyboardInterrupt):
        context.rows(CNN(), backbone, CPU)
    assert sorted(path.suffix for path in (own_cache / "backbones").iterdir()) == [".json", ".pt"]


def test_ctrl_c_in_the_training_costs_an_epoch_at_most(tmp_path, own_cache, open_, new_process, monkeypatch):
    unbroken = weights(open_(pretrain_epochs=3)[1])
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "other"))
    new_process()
    save = loop.save_atomically
    epochs = []

    def save_then_stop(state, path):
        save({**state, "seconds": state["seconds"] + 100} if "epoch" in state else state, path)
        if "epoch" in state:
            epochs.append(state["epoch"])
        if len(epochs) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    monkeypatch.setattr(loop, "save_atomically", save_then_stop)
    with pytest.raises(KeyboardInterrupt):
        open_(pretrain_epochs=3)
    folder = tmp_path / "other" / "backbones"
    assert [path.suffix for path in folder.iterdir()] == [".checkpoint"]
    new_process()
    _, resumed = open_(pretrain_epochs=3)
    assert epochs == [1, 2, 3]
    assert same(weights(resumed), unbroken)
    assert 100 < resumed.seconds < 200
    assert [path.suffix for path in folder.iterdir()] == [".pt"]


def test_what_a_killed_process_left_is_removed_in_time(own_cache, open_):
    folder = own_cache / "backbones"
    folder.mkdir(parents=True)
    old, new = (f".{16 * '0'}.pt.{n}.tmp" for n in ("0123abcd", "4567cdef"))
    for name, age in ((old, 7200), ("other.pt", 7200), (new, 60)):
        (folder / name).touch()
        os.utime(folder / name, (time.time() - age,) * 2)
    _, backbone = open_()
    left = {path.name for path in folder.iterdir()}
    assert left == {"other.pt", new, f"{backbone.digest[:16]}.pt"}
