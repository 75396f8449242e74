"""Texts of images: the same on every machine, and what their documentation says of them."""

import hashlib
import math
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from hashbench.captions import (
    Attribute,
    Words,
    digit_words,
    make_texts,
    photo_statistics,
    stroke_statistics,
)
from hashbench.contracts.dataset import Images
from hashbench.datasets import cifar10, digits, mnist
from hashbench.errors import InvalidInputError
from hashbench.images.store import dataset_from

MODULES = {"cifar10": cifar10, "digits": digits, "mnist": mnist}
STATISTICS = {"cifar10": photo_statistics, "digits": stroke_statistics, "mnist": stroke_statistics}
DIGESTS = {
    ("digits", "v1"): ("6c53c36e83f1deda", "528662f943b5bef1"),
    ("digits", "v2"): ("b851cb266d0ca987", "cedaf501521afa34"),
    ("mnist", "v1"): ("8cae71e937c4334d", "7bbe5e764b7a35b4"),
    ("mnist", "v2"): ("5893ea70d0955085", "ba3350a302d7cf45"),
    ("cifar10", "v1"): ("3807ada6cd3a55a7", "19ec76f19d81023e"),
    ("cifar10", "v2"): ("d152766db82033fe", "42d6c3e751e378bd"),
}
VOCABULARY = {
    "v1": {"cifar10": 60, "mnist": 51, "digits": 51},
    "v2": {"cifar10": 65, "mnist": 56, "digits": 56},
}


@pytest.mark.parametrize(("name", "view"), DIGESTS)
def test_every_text_is_the_one_of_its_digest(real, name, view):
    images, _ = real(name)
    texts = dataset_from(name).texts(images, view)
    found = tuple(hashlib.sha256(array.tobytes()).hexdigest()[:16] for array in (texts.rows, texts.meaning))
    assert found == DIGESTS[name, view]
    assert texts.rows.shape == (len(images), VOCABULARY[view][name])


@pytest.mark.parametrize("name", MODULES)
def test_terciles_are_those_of_the_training_part(real, name):
    images, _ = real(name)
    train = np.ones(len(images), bool) if images.test is None else ~np.asarray(images.test)
    n = int(train.sum())
    statistics = STATISTICS[name](images.pixels)
    for attribute, found in statistics.items():
        ordered = np.sort(found[train])
        assert MODULES[name].WORDS.attributes[attribute].terciles == (ordered[n // 3], ordered[2 * n // 3])


def texts_of_digits(view):
    return dataset_from("digits").texts(dataset_from("digits").load(None), view)


def test_what_v1_says_of_the_class():
    texts, labels = texts_of_digits("v1"), dataset_from("digits").load(None).labels
    said = texts.rows[:, texts.class_words]
    assert (said.sum(1) == 1).all()
    assert (texts.meaning[np.arange(len(labels)), labels] == 1).all()
    counts = np.bincount(texts.meaning.sum(1), minlength=6) / len(labels)
    assert counts[[1, 5]].sum() == 1
    assert counts[5] == pytest.approx(52 / 256, abs=3 * math.sqrt(0.2 * 0.8 / len(labels)))
    for synonym in range(4):
        assert said[:, synonym:40:4].sum() == pytest.approx(0.2 * len(labels), rel=0.2)


def test_what_v2_says_of_the_class():
    texts, labels = texts_of_digits("v2"), dataset_from("digits").load(None).labels
    n, size = len(labels), texts.meaning.sum(1)
    right = texts.meaning[np.arange(n), labels] == 1
    shares = {
        "class": ((size == 1) & right, 128),
        "pair": ((size == 2) & right, 64),
        "group": ((size == 5) & right, 38),
        "wrong": ((size == 1) & ~right, 26),
    }
    assert sum(where.sum() for where, _ in shares.values()) == n
    for where, of_256 in shares.values():
        p = of_256 / 256
        assert where.mean() == pytest.approx(p, abs=3.5 * math.sqrt(p * (1 - p) / n))
    wrong = texts.meaning[shares["wrong"][0]].argmax(1) - labels[shares["wrong"][0]]
    assert set(wrong % 10) == set(range(1, 10)), "any other class"


def test_an_attribute_is_named_in_three_texts_of_four():
    texts = texts_of_digits("v1")
    attributes = texts.attributes
    assert not attributes[:, texts.class_words].any()
    assert (attributes[:, ~texts.class_words] == texts.rows[:, ~texts.class_words]).all()
    for start in (42, 45, 48):
        named = texts.rows[:, start : start + 3].sum(1)
        assert named.max() == 1
        assert named.mean() == pytest.approx(0.75, abs=0.04)


def collection(n, test=None, seed=0):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (n, 1, 8, 8)).astype(np.uint8)
    return Images(pixels, np.arange(n) % 10, tuple("0123456789"), test)


def made(images, view="v1", dataset="digits"):
    return make_texts(images, dataset, view, digits.WORDS, stroke_statistics(images.pixels)).rows


def test_a_text_depends_on_the_official_part_and_place_and_on_no_other_image():
    images = collection(60)
    test = np.arange(60) >= 40
    whole = made(replace(images, test=test))
    first = Images(images.pixels[:40], images.labels[:40], images.class_names, test[:40])
    np.testing.assert_array_equal(made(first), whole[:40])
    last = Images(images.pixels[40:], images.labels[40:], images.class_names, test[40:])
    np.testing.assert_array_equal(made(last), whole[40:])
    order = np.concatenate([np.arange(40, 60), np.arange(40)])
    swapped = Images(images.pixels[order], images.labels[order], images.class_names, test[order])
    np.testing.assert_array_equal(made(swapped), whole[order])


def test_views_data_sets_and_parts_choose_apart():
    images = collection(100)
    base = made(images)
    assert (made(images, dataset="mnist") != base).any(1).mean() > 0.5
    assert (made(replace(images, test=np.zeros(100, bool))) != base).any(1).mean() > 0.5
    assert (made(images, "v2")[:, :40] != base[:, :40]).any(1).mean() > 0.5


def test_words_with_two_meanings_and_classes_without_a_group_are_refused():
    words = digits.WORDS
    twice = (("zero", "nought", "nil", "one"), *words.classes[1:])
    with pytest.raises(InvalidInputError, match="one"):
        replace(words, classes=twice)
    with pytest.raises(InvalidInputError, match="even"):
        replace(words, groups={"even": (0, 2, 4, 6), "odd": (1, 3, 5, 7, 9)})
    with pytest.raises(InvalidInputError, match="nought"):
        replace(words, classes=(("zero", "nought"), *words.classes[1:]))


@pytest.mark.parametrize("name", ["digits", "cifar10", "mnist"])
def test_an_unknown_view_is_refused_by_name(name):
    with pytest.raises(InvalidInputError, match=rf"{name}.*v3"):
        dataset_from(name).texts(collection(10), "v3")


def test_a_folder_has_no_texts(tmp_path):
    with pytest.raises(InvalidInputError, match=r"folder.*v1"):
        dataset_from(f"folder:{tmp_path}").texts(collection(10), "v1")


# -- statistics against loops ------------------------------------------------------------------------


def test_statistics_of_photographs_are_those_of_the_definition():
    pixels = np.random.default_rng(1).integers(0, 256, (3, 3, 6, 5)).astype(np.uint8)
    pixels[1, :, :3] = 0  # black: no saturation, no division by zero
    found = photo_statistics(pixels)
    for i, image in enumerate(pixels.astype(int)):
        luma = [
            [(299 * r + 587 * g + 114 * b) // 1000 for r, g, b in zip(*rows, strict=True)]
            for rows in image.transpose(1, 0, 2)
        ]
        flat = [value for row in luma for value in row]
        mean = Fraction(sum(flat), 30)
        assert found["light"][i] == math.floor(1000 * mean)
        assert found["contrast"][i] == math.floor(1000 * (Fraction(sum(v * v for v in flat), 30) - mean**2))
        edges = 0
        for y, x in product(range(1, 5), range(1, 4)):
            ring = [row[x - 1 : x + 2] for row in luma[y - 1 : y + 2]]
            gx = sum(w * (row[2] - row[0]) for w, row in zip((1, 2, 1), ring, strict=True))
            gy = sum(w * (low - high) for w, low, high in zip((1, 2, 1), ring[2], ring[0], strict=True))
            edges += math.hypot(gx, gy) > 150
        assert found["edges"][i] == 1_000_000 * edges // 12
        triples = image.reshape(3, -1).T.tolist()
        saturation = sum(1_000_000 * (max(t) - min(t)) // max(t) if max(t) else 0 for t in triples)
        assert found["saturation"][i] == saturation // 30
        assert found["warmth"][i] == math.floor(Fraction(1000 * sum(r - b for r, _, b in triples), 30))
        top = Fraction(sum(flat[:15]), 15) - Fraction(sum(flat[15:]), 15)
        assert found["top"][i] == math.floor(1000 * top)


def test_statistics_of_strokes_are_those_of_the_definition():
    pixels = np.random.default_rng(2).integers(0, 256, (4, 1, 6, 5)).astype(np.uint8)
    pixels[3] = 0
    found = stroke_statistics(pixels)
    for i, image in enumerate(pixels[:3, 0].astype(int).tolist()):
        points = [(x, y, v) for y, row in enumerate(image) for x, v in enumerate(row)]
        ink = {(x, y) for x, y, v in points if v >= 128}
        sides = sum(
            (x + dx, y + dy) not in ink for x, y in ink for dx, dy in ((0, 1), (1, 0), (0, -1), (-1, 0))
        )
        assert found["stroke"][i] == 2000 * len(ink) // sides
        mass = sum(v for *_, v in points)
        mx, my = (Fraction(sum(p[k] * p[2] for p in points), mass) for k in (0, 1))
        mu11 = sum((x - mx) * (y - my) * v for x, y, v in points)
        mu20, mu02 = (sum((p[k] - m) ** 2 * p[2] for p in points) for k, m in ((0, mx), (1, my)))
        assert found["slant"][i] == math.floor(-1000 * mu11 / mu02)
        assert found["spread"][i] == math.floor(1000 * mu20 / mu02)
    assert [found[name][3] for name in ("stroke", "slant", "spread")] == [0, 0, 0]


def test_a_stroke_that_leans_to_the_right_says_right():
    leaning = np.zeros((1, 1, 8, 8), np.uint8)
    for y in range(8):
        leaning[0, 0, y, 7 - y] = 255
    assert stroke_statistics(leaning)["slant"] > 0
    words = digit_words(stroke=(0, 1), slant=(-100, 100), spread=(0, 1))
    images = Images(np.repeat(leaning, 40, 0), np.zeros(40, np.int64), tuple("0123456789"))
    texts = make_texts(images, "digits", "v1", words, stroke_statistics(images.pixels))
    named = {word for i in range(40) for word in texts.words(i).split()}
    assert named & {"left", "upright", "right"} == {"right"}


def test_a_value_at_a_tercile_has_the_upper_word():
    words = replace(
        digits.WORDS, attributes={"a": Attribute(words=("low", "middle", "high"), terciles=(10, 20))}
    )
    assert isinstance(words, Words)
    images = collection(200)
    values = {"a": np.tile([9, 10, 19, 20], 50)}
    rows = make_texts(images, "digits", "v1", words, values).rows[:, -3:]
    for start, level in enumerate((0, 1, 1, 2)):
        named = rows[start::4]
        assert named[:, level].sum() == named.sum() > 0
