"""The task as a whole: its split, and what it says of encoders whose codes are known."""

from dataclasses import replace

import numpy as np
import pytest

from hashbench.authentication.manipulations import MANIPULATIONS
from hashbench.authentication.tampering import COLUMNS
from hashbench.contracts.dataset import Images
from hashbench.errors import InvalidInputError, UnknownNameError
from hashbench.methods.real_valued import RealValued
from hashbench.plugins.registry import find, find_protocol

TASK = find_protocol("authentication").task


def collection(sizes, test=None, side=8, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    official = None
    if test is not None:
        official = np.zeros(len(labels), bool)
        for label in range(len(sizes)):
            official[np.flatnonzero(labels == label)[:test]] = True
    # values that no change of brightness clips, so that every copy differs from its image
    pixels = rng.integers(60, 190, (len(labels), 3, side, side), np.uint8)
    return Images(pixels, labels, tuple(map(str, range(len(sizes)))), official)


class Encoder:
    """An encoder as a task sees it, of a method that is fitted on the images."""

    output = "codes"

    def __init__(self, name, images, n_bits=64):
        self.method = find("method", name)(n_bits=n_bits, device="cpu").fit(images.pixels)
        self.batches = []

    def of(self, pixels):
        self.batches.append(len(pixels))
        return self.method.project(pixels)


@pytest.fixture(scope="module")
def images():
    return collection([60] * 4, side=16)


@pytest.fixture(scope="module")
def split(images):
    return TASK.split(images, "any")


def outcome(name, images, split, n_bits=64):
    return TASK.evaluate(Encoder(name, images, n_bits), images, split, "cpu")


def test_parts_keep_to_the_official_ones():
    images = collection([6000] * 10, test=1000)
    split = TASK.split(images, "any")
    sizes = {name: len(index) for name, index in split.parts.items()}
    assert sizes == {"evaluation": 1000, "calibration": 1000}
    assert len(split.train) == 5000
    assert images.test[split.parts["evaluation"]].all()
    learned = np.concatenate([split.parts["calibration"], split.train, split.pool])
    assert not images.test[learned].any()
    assert len(np.unique(learned)) == len(learned) == 50000
    for index in (*split.parts.values(), split.train):
        assert (np.bincount(images.labels[index]) == len(index) / 10).all()


def test_small_data_are_halved():
    images = collection([178, 182, 177, 183, 174])
    split = TASK.split(images, "any")
    sizes = {name: np.bincount(images.labels[index]).tolist() for name, index in split.parts.items()}
    assert sizes == {"evaluation": [43] * 5, "calibration": [43] * 5}  # of 87 of the smallest class
    assert np.bincount(images.labels[split.train]).tolist() == [46, 48, 46, 48, 44]
    assert not len(split.pool)
    with pytest.raises(InvalidInputError, match="class '1' has 3 images"):
        TASK.split(collection([100, 3]), "any")


def test_random_codes_are_at_chance(images, split):
    found = outcome("random", images, split, 256).values
    assert found["auc"] == pytest.approx(0.5, abs=0.03)
    assert found["eer"] == pytest.approx(0.5, abs=0.03)
    assert found["nhd"] == pytest.approx(0.5, abs=0.01)
    assert found["tpr@fpr0.01"] < 0.05


def test_a_cryptographic_hash_accepts_nothing_but_the_image_itself(images, split):
    found = TASK.rescore(
        outcome("sha256", images, split, 256).stored, ["accepted@r0", "accepted@r0[pairs]"], "cpu"
    ).values
    assert found["accepted@r0[pairs]"] == 0
    assert found["accepted@r0"] == 0
    assert found["accepted@r31"] == 0


def test_a_perceptual_hash_tells_copies_from_others(images, split):
    found = outcome("block_mean", images, split)
    chance = outcome("random", images, split).values
    assert found.values["auc"] > 0.95
    assert found.values["nhd"] < found.values["nhd[tampered]"] < found.values["nhd[pairs]"]
    assert found.values["accepted"] > 0.8
    assert found.values["eer"] < chance["eer"] - 0.3
    assert found.health["near_constant_bits"] == 0
    assert 10 < found.health["effective_bits"] < 64


def test_what_is_stored_is_scored_alike_and_more_on_request(images, split):
    found = outcome("ahash", images, split)
    n, m = len(split.parts["evaluation"]), len(MANIPULATIONS)
    assert {name: len(part.codes) for name, part in found.stored.items()} == {
        "evaluation": n,
        "calibration": n,
        "copies": n * m,
        "calibration_copies": n * m,
        "tampered": n * len(COLUMNS),
    }
    again = TASK.rescore(found.stored, ["auc[jpeg 10]", "effective_bits"], "cpu")
    assert again.values["auc[jpeg 10]"] > again.values["auc"] - 0.5
    assert {name: again.values[name] for name in found.values} == found.values
    for name, values in found.per_unit.items():
        assert np.array_equal(values, again.per_unit[name])
        assert values.shape == (n,)
    assert again.curves == {k: v for k, v in found.curves.items() if not k.startswith("touched")}
    assert again.health == found.health
    with pytest.raises(UnknownNameError, match="auk"):
        TASK.rescore(found.stored, ["auk"], "cpu")


def test_codes_stand_in_the_order_of_the_lists(images, split):
    encoder = Encoder("ahash", images)
    found = TASK.evaluate(encoder, images, split, "cpu")
    index = split.parts["evaluation"]
    for place in (0, 17, 39):
        copies = MANIPULATIONS[place].copies(images.pixels[index], index)
        codes = found.stored["copies"].codes[place :: len(MANIPULATIONS)]
        assert np.array_equal(codes.packed, encoder.method.encode(copies).packed)
    assert np.array_equal(found.stored["copies"].labels, np.repeat(images.labels[index], 40))
    assert min(encoder.batches) >= len(index)  # never image by image


def test_codes_of_another_list_are_not_scored(images, split):
    found = outcome("ahash", images, split)
    with pytest.raises(InvalidInputError, match="v0-other"):
        replace(TASK, changes="v0-other").rescore(found.stored, (), "cpu")


def test_the_threshold_of_pdq_is_for_its_length_alone(images, split):
    assert "accepted@r31" not in outcome("random", images, split).values
    assert "accepted@r31" in outcome("random", images, split, 256).values


def test_multi_label_images(images):
    labels = (np.random.default_rng(0).random((len(images), 5)) < 0.4).astype(np.uint8)
    many = replace(images, labels=labels, class_names=tuple("abcde"))
    split = TASK.split(many, "any")
    found = outcome("ahash", many, split).values
    assert 0 < found["auc[class]"] < 1


def test_what_it_refuses():
    assert "vectors" in TASK.accepts(RealValued)
    ahash = find("method", "ahash")
    assert TASK.accepts(ahash, collection([4, 4])) is None
    assert "8 x 8" in TASK.accepts(ahash, collection([4, 4], side=7))
