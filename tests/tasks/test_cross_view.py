"""Cross-view retrieval: directions, ceiling, controls, names of metrics."""

from dataclasses import replace

import numpy as np
import pytest

from hashbench.contracts.codes import Codes
from hashbench.contracts.dataset import Texts
from hashbench.contracts.task import Stored
from hashbench.errors import InvalidInputError, UnknownNameError
from hashbench.evaluation import evaluate
from hashbench.images.store import data_root, dataset_from
from hashbench.plugins.registry import find, find_protocol
from hashbench.tasks.cross_view import CrossView

DATA = data_root()
TASKS = {view: find_protocol(name).task for view, name in (("v1", "cross-view"), ("v2", "cross-view-hard"))}
VIEWS = ("text->image", "image->text", "image->image")


def digits(view="v1"):
    images = dataset_from("digits").load(None)
    return replace(images, texts=dataset_from("digits").texts(images, view))


class Oracle:
    """One-hot codes of the images' classes, and of what the texts name; 0 for a text without class word."""

    output = "codes"

    def __init__(self, images):
        self.labels, self.n = images.labels, len(images.class_names)
        self.known = {
            row.tobytes(): meaning
            for row, meaning in zip(images.texts.rows, images.texts.meaning, strict=True)
        }

    def at(self, index):
        return np.eye(self.n, dtype=np.float32)[self.labels[index]] - 0.5

    def of_texts(self, rows):
        nothing = np.zeros(self.n)
        return np.array([self.known.get(row.tobytes(), nothing) for row in rows], np.float32) - 0.5


def outcome_of(images, encoder, view="v1"):
    task = TASKS[view]
    split = task.split(images, "digits")
    return task.evaluate(encoder, images, split, "cpu"), split


# -- the split and the parts ---------------------------------------------------------------------------


def test_the_split_is_that_of_5k():
    images = digits()
    for task in TASKS.values():
        assert task.split(images, "digits").digest == find_protocol("5k").task.split(images, "digits").digest
    assert [task.text_view for task in TASKS.values()] == ["v1", "v2"]
    assert find_protocol("cross-view").recipe == find_protocol("labels-5000").recipe


def test_queries_and_database_share_no_image():
    images = digits()
    split = TASKS["v1"].split(images, "digits")
    assert not np.intersect1d(split.parts["query"], split.parts["database"]).size
    assert not np.intersect1d(split.parts["query"], split.train).size


def test_each_direction_asks_and_searches_what_it_says():
    images = digits()
    outcome, split = outcome_of(images, encoder := Parted(images))
    labels = {part: images.labels[index] for part, index in split.parts.items()}
    values = {
        "image": {part: encoder.at(index) for part, index in split.parts.items()},
        "text": {part: encoder.of_texts(images.texts.rows[index]) for part, index in split.parts.items()},
    }
    for direction in VIEWS:
        asked, searched = direction.split("->")
        expected = evaluate(
            values[asked]["query"],
            values[searched]["database"],
            labels["query"],
            labels["database"],
            ["map", "map_optimistic", "map_pessimistic", "map@50[hits]", "map@50[min]", "precision@100"],
        )
        for metric, value in expected.values.items():
            assert outcome.values[f"{metric}[{direction}]"] == value
            np.testing.assert_array_equal(
                outcome.per_unit[f"{metric}[{direction}]"], expected.per_query[metric]
            )
    assert outcome.health["distinct_texts"] == len(
        np.unique(images.texts.rows[split.parts["database"]], axis=0)
    )
    text_codes = Codes.from_real(values["text"]["database"]).packed
    assert outcome.health["distinct_codes[text]"] == len(np.unique(text_codes, axis=0))


class Parted:
    """Random projections of the pixels and of the texts."""

    output = "codes"

    def __init__(self, images):
        self.pixels = images.pixels.reshape(len(images), -1) / 255 - 0.3

    def at(self, index):
        return _projected(self.pixels[index])

    def of_texts(self, rows):
        return _projected(rows - 0.1)


def _projected(rows):
    return (rows @ np.random.default_rng(7).normal(size=(rows.shape[1], 12))).astype(np.float32)


def test_attributes_are_the_texts_without_class_words():
    images = digits()
    blind = replace(images, texts=replace(images.texts, rows=images.texts.rows * ~images.texts.class_words))
    encoder = Parted(images)
    whole, _ = outcome_of(images, encoder)
    without, _ = outcome_of(blind, encoder)
    assert whole.values["map[attributes->image]"] == without.values["map[text->image]"]
    assert whole.values["map[text->image]"] != without.values["map[text->image]"]


def test_texts_whose_class_words_are_unknown_have_no_controls_and_the_same_scores():
    images = digits()
    unknown = replace(images, texts=Texts(images.texts.rows, images.texts.vocabulary))
    encoder = Parted(images)
    full, few = (outcome_of(each, encoder)[0] for each in (images, unknown))
    assert set(full.values) - set(few.values) == {"map[attributes->image]", "map[meaning->class]"}
    assert few.values == {name: full.values[name] for name in few.values}
    with pytest.raises(InvalidInputError, match=r"query\.attributes"):
        CrossView().rescore(few.stored, ["map[meaning->class]"], "cpu")


def test_vectors_are_ranked_by_cosine_and_the_ceiling_is_still_there():
    images = digits()
    encoder = Parted(images)
    encoder.output = "vectors"
    outcome, _ = outcome_of(images, encoder)
    assert outcome.stored == {}
    assert set(outcome.values) == set(CrossView.default_metrics)
    assert (
        outcome.values["map[meaning->class]"]
        == outcome_of(images, Parted(images))[0].values["map[meaning->class]"]
    )


# -- the ceiling ---------------------------------------------------------------------------------------


def expected_ap(n_relevant, n_items, n_before=0):
    """AP of a query whose relevant items are spread at random over n_items places after n_before others."""
    places = np.arange(1, n_items + 1)
    found_before = (places - 1) * (n_relevant - 1) / max(n_items - 1, 1)
    return float(((1 + found_before) / (places + n_before)).sum() / n_items)


@pytest.mark.parametrize("view", TASKS)
def test_the_ceiling_is_its_closed_form(view):
    images = digits(view)
    outcome, split = outcome_of(images, Parted(images), view)
    sizes = np.bincount(images.labels[split.parts["database"]], minlength=10)
    values = outcome.per_unit["map[meaning->class]"]
    for value, i in zip(values, split.parts["query"], strict=True):
        label, meaning = images.labels[i], images.texts.meaning[i].astype(bool)
        named = int(sizes[meaning].sum())
        if meaning[label]:
            expected = expected_ap(sizes[label], named)
        else:
            expected = expected_ap(sizes[label], int(sizes.sum()) - named, named)
        assert value == pytest.approx(expected, rel=1e-9)


def test_a_coder_that_knows_the_classes_reaches_the_ceiling_and_no_more():
    images = digits()
    outcome, _ = outcome_of(images, Oracle(images))
    assert outcome.values["map[text->image]"] == outcome.values["map[meaning->class]"]
    assert outcome.values["map[image->image]"] == 1
    assert outcome.values["map[attributes->image]"] < 0.15


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
@pytest.mark.parametrize(("view", "ceiling"), [("v1", 0.838), ("v2", 0.66)])
def test_the_ceiling_of_real_texts_is_the_expected_one(name, view, ceiling):
    dataset = dataset_from(name)
    if not all(path.is_file() for path in dataset.sources(DATA)):
        pytest.skip(f"{name} is not under {DATA}; fetch it with 'hashbench data get {name}'")
    images = dataset.load(DATA)
    images = replace(images, texts=dataset.texts(images, view))
    split = TASKS[view].split(images, name)
    query, database = split.parts["query"], split.parts["database"]
    stored = {
        "query": Stored(Codes.from_real(np.ones((len(query), 1))), images.labels[query]),
        "database": Stored(Codes.from_real(np.ones((len(database), 1))), images.labels[database]),
    }
    stored |= {f"{part}.text": stored[part] for part in ("query", "database")}
    stored["query.attributes"] = stored["query"]._replace(labels=images.texts.meaning[query])
    value = TASKS[view].rescore(stored, [], "cpu").values["map[meaning->class]"]
    assert value == pytest.approx(ceiling, abs=0.025)


# -- names of metrics ----------------------------------------------------------------------------------


def test_metrics_name_a_direction_and_others_are_refused():
    assert CrossView.headline() == "map[text->image]"
    assert CrossView.describe("recall@7[image->text]").better == "higher"
    assert CrossView.describe("distinct_codes[text]").of == "codes"
    for wrong in ("map", "map[text->text]", "distinct_codes[text->image]", "map[text]", "mapp[text->image]"):
        with pytest.raises(UnknownNameError):
            CrossView.describe(wrong)
    images = digits()
    stored = outcome_of(images, Parted(images))[0].stored
    found = CrossView().rescore(stored, ["recall@7[image->text]"], "cpu").values
    assert set(found) == {*CrossView.default_metrics, "recall@7[image->text]"}
    with pytest.raises(InvalidInputError, match="1,657"):
        CrossView().rescore(stored, ["recall@1658[image->text]"], "cpu")
    with pytest.raises(InvalidInputError, match="distinct_codes"):
        CrossView().rescore(stored, ["distinct_codes"], "cpu")


def test_only_methods_that_read_texts_are_accepted():
    assert CrossView().accepts(find("method", "cmfh")) is None
    assert "lsh" in CrossView().accepts(find("method", "lsh"))
