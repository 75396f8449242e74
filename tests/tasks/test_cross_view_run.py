"""Runs of cross-view retrieval: what a method learns on, and scoring stored codes again."""

from dataclasses import replace

import numpy as np
import pytest

from hashbench.datasets.digits import Digits
from hashbench.evaluation import load_codes
from hashbench.execution.cell import run_cell
from hashbench.execution.context import open_context
from hashbench.execution.grid import expand
from hashbench.execution.place import Place
from hashbench.execution.rescore import rescore
from hashbench.execution.suite import make_suite
from hashbench.images.store import dataset_from
from hashbench.plugins.registry import find, find_protocol

TASK = find_protocol("cross-view").task


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))
    open_context.cache_clear()
    yield
    open_context.cache_clear()


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "runs", tmp_path / "data", "cpu", threads=1, command="test")


def digits():
    images = dataset_from("digits").load(None)
    return replace(images, texts=dataset_from("digits").texts(images, "v1"))


def run(place, method="class_words"):
    suite = make_suite(
        {"methods": [method], "protocols": ["cross-view"], "features": ["pixels"], "bits": [12]}, "test"
    )
    (work,) = expand(suite).works
    return run_cell(work, place), place.record(work)


@pytest.mark.parametrize("method", ["class_words", "cca_itq_views"])
def test_texts_outside_the_training_part_change_no_fitted_bit(place, tmp_path, monkeypatch, method):
    record, path = run(place, method)
    assert record.status == "done", record.error
    split = TASK.split(dataset_from("digits").load(None), "digits")
    made = Digits.texts

    def others(self, images, view):
        """The same in the training part, the texts of other images elsewhere."""
        texts = made(self, images, view)
        source = np.arange(len(images))
        rest = np.setdiff1d(source, split.train)
        source[rest] = np.roll(rest, 100)
        return replace(texts, rows=texts.rows[source], meaning=texts.meaning[source])

    monkeypatch.setattr(Digits, "texts", others)
    open_context.cache_clear()
    again, path_again = run(replace(place, out=tmp_path / "again"), method)
    assert again.digests.dataset != record.digests.dataset
    for part in ("query", "database"):
        before, after = (load_codes(file.with_suffix(f".{part}.npz"))[0] for file in (path, path_again))
        np.testing.assert_array_equal(before.packed, after.packed)
    assert again.metrics["map[image->image]"] == record.metrics["map[image->image]"]
    assert again.metrics["map[text->image]"] < record.metrics["map[text->image]"] - 0.1


def test_fit_is_given_the_texts_of_the_training_images_in_their_order(place, monkeypatch):
    cls = find("method", "class_words")
    seen, fit = {}, cls._fit

    def spy(self, X, y, generator, texts=None):
        seen.update(X=X.clone(), texts=texts.clone())
        fit(self, X, y, generator, texts)

    monkeypatch.setattr(cls, "_fit", spy)
    record, _ = run(place)
    images = digits()
    train = TASK.split(images, "digits").train
    np.testing.assert_array_equal(seen["texts"], images.texts.rows[train])
    np.testing.assert_allclose(seen["X"], images.pixels[train].reshape(720, -1) / 255, rtol=1e-6)
    assert record.card.n_texts == 720


def test_stored_codes_score_alike_bit_for_bit(place):
    record, path = run(place)
    with np.load(path.with_suffix(".per_unit.npz")) as values:
        before = {name: values[name] for name in values.files}
    again = rescore(path)
    assert again.metrics == record.metrics
    assert again.health == record.health
    with np.load(path.with_suffix(".per_unit.npz")) as values:
        assert set(values.files) == set(before)
        for name in values.files:
            np.testing.assert_array_equal(values[name], before[name])
