"""Texts for images that have none: a word for the class, and words for what the pixels look like.

A text is a pure function of the data set, the image's official part and place in it, its label and pixels.
SHA-256 of ``hashbench-text-VIEW|DATASET|PART|INDEX`` makes all choices, so that a text is the same under
every protocol and on every machine. Byte 0 chooses among the class's synonyms. Byte 1 chooses what the text
says of the class. View ``v1``: the synonym; in 52 of 256 cases (20.3 %) only the word of its group (an
animal). View ``v2``: the synonym (128 of 256), the word of its pair of similar classes (64), the group's word
(38), a synonym of a wrong class (26; bytes 30 and 31 choose it). Each attribute's word is kept where its
byte, from byte 2 on, is at least 64: three times in four.

Attributes cut a statistic of the pixels in three at its terciles. All are integers: no rounding of a
floating-point number can change a word. The terciles stand in the data sets' files as constants. Each pair is
the values at places n // 3 and 2 n // 3 of the sorted n values of the official training part (of all images
where there is none); ``tests/datasets/test_texts.py`` derives them again. They know nothing of the labels.

The texts are synthetic, and most of them name the class: a method that learns from them learns from labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from hashbench.contracts.dataset import Images, Texts
from hashbench.errors import InvalidInputError

VIEWS = ("v1", "v2")
KEEP = 64  # an attribute is kept where its byte is at least this
# Of 256 values of byte 1 in v2: class, pair, group; the others name a wrong class.
CLASS, PAIR, GROUP = 128, 64, 38
SYNONYMS = 4  # of each class: a byte chooses one of four with equal chances
IMAGES = 500  # handled at a time: their intermediate arrays stay in the processor's cache
EDGE = 150  # length of Sobel's gradient of the luma that makes a pixel an edge
INK = 128

Values = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Attribute:
    """Three words for small, middle and large values of a statistic, and the two values between them.

    A value below ``terciles[0]`` has the first word, one from ``terciles[1]`` on the last.
    """

    words: tuple[str, str, str]
    terciles: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Words:
    """What a data set's texts are made of.

    classes: four synonyms of each class. pairs, groups: a word for each set of classes; every class is in one
    pair and in one group. attributes: by the name of the statistic. No word has two meanings.
    """

    classes: tuple[tuple[str, ...], ...]
    pairs: Mapping[str, tuple[int, ...]]
    groups: Mapping[str, tuple[int, ...]]
    attributes: Mapping[str, Attribute]

    def __post_init__(self) -> None:
        if {len(synonyms) for synonyms in self.classes} != {SYNONYMS}:
            raise InvalidInputError(f"every class has {SYNONYMS} synonyms; not so in {self.classes}")
        words = self.vocabulary("v2")
        twice = sorted({word for word in words if words.count(word) > 1})
        if twice:
            raise InvalidInputError(f"a word of texts has one meaning; '{twice[0]}' is there twice")
        for sets in (self.pairs, self.groups):
            if sorted(chain.from_iterable(sets.values())) != list(range(len(self.classes))):
                raise InvalidInputError(f"every class is in one set; not so in {dict(sets)}")

    def class_words(self, view: str) -> tuple[str, ...]:
        """The words that tell something of the class, the synonyms class by class first."""
        return (*chain.from_iterable(self.classes), *(self.pairs if view == "v2" else ()), *self.groups)

    def vocabulary(self, view: str) -> tuple[str, ...]:
        """All words of a view, in the order of the columns."""
        return (*self.class_words(view), *chain.from_iterable(a.words for a in self.attributes.values()))


def digit_words(*, stroke: tuple[int, int], slant: tuple[int, int], spread: tuple[int, int]) -> Words:
    """What texts of handwritten digits are made of, with the terciles of a data set's statistics."""
    return Words(
        classes=(
            ("zero", "nought", "nil", "0"),
            ("one", "single", "unit", "1"),
            ("two", "pair", "double", "2"),
            ("three", "triple", "trio", "3"),
            ("four", "quad", "quartet", "4"),
            ("five", "quint", "quintet", "5"),
            ("six", "sextet", "sixfold", "6"),
            ("seven", "septet", "sevenfold", "7"),
            ("eight", "octet", "eightfold", "8"),
            ("nine", "nonet", "ninefold", "9"),
        ),
        pairs={"rounded": (0, 6), "straight": (1, 7), "curly": (2, 3), "forked": (4, 9), "bent": (5, 8)},
        groups={"even": (0, 2, 4, 6, 8), "odd": (1, 3, 5, 7, 9)},
        attributes={
            "stroke": Attribute(words=("thin", "regular", "bold"), terciles=stroke),
            "slant": Attribute(words=("left", "upright", "right"), terciles=slant),
            "spread": Attribute(words=("narrow", "normal", "wide"), terciles=spread),
        },
    )


def make_texts(
    images: Images, dataset: str, view: str, words: Words, statistics: Mapping[str, Values]
) -> Texts:
    """The texts of single-label images in a view, ``v1`` or ``v2``. statistics: (n,) by attribute."""
    n, n_classes, vocabulary = len(images), len(words.classes), words.vocabulary(view)
    column = {word: i for i, word in enumerate(vocabulary)}
    choices = _choices(images, dataset, view)
    kind, labels = choices[:, 1], np.asarray(images.labels, np.int64)
    named, pair, group = labels, np.zeros(n, bool), kind % 5 == 0
    if view == "v2":
        pair = (kind >= CLASS) & (kind < CLASS + PAIR)
        group = (kind >= CLASS + PAIR) & (kind < CLASS + PAIR + GROUP)
        step = 1 + (choices[:, 30] * 256 + choices[:, 31]) % (n_classes - 1)
        named = np.where(kind < CLASS + PAIR + GROUP, labels, (labels + step) % n_classes)

    chosen = SYNONYMS * named + choices[:, 0] % SYNONYMS
    meaning = np.eye(n_classes, dtype=np.uint8)[named]
    for members, sets in ((pair, words.pairs), (group, words.groups)):
        if members.any():
            for word, classes in sets.items():
                where = members & np.isin(labels, classes)
                chosen[where] = column[word]
                meaning[where] = np.isin(np.arange(n_classes), classes)
    rows = np.zeros((n, len(vocabulary)), np.uint8)
    rows[np.arange(n), chosen] = 1
    for i, (name, attribute) in enumerate(words.attributes.items()):
        kept = np.flatnonzero(choices[:, 2 + i] >= KEEP)
        level = np.searchsorted(attribute.terciles, statistics[name][kept], side="right")
        rows[kept, column[attribute.words[0]] + level] = 1
    return Texts(rows, vocabulary, meaning, np.arange(len(vocabulary)) < len(words.class_words(view)))


def _choices(images: Images, dataset: str, view: str) -> Values:
    """(n, 32): the bytes of each image's digest. Its key holds no protocol: a text has one form in all."""
    parts = np.zeros(len(images), np.int64) if images.test is None else np.asarray(images.test, np.int64)
    names = ("all",) if images.test is None else ("train", "test")
    places = np.empty(len(images), np.int64)
    for part in range(len(names)):
        places[parts == part] = np.arange((parts == part).sum())
    keys = (
        f"hashbench-text-{view}|{dataset}|{names[part]}|{place}"
        for part, place in zip(parts.tolist(), places.tolist(), strict=True)
    )
    digests = b"".join(sha256(key.encode()).digest() for key in keys)
    return np.frombuffer(digests, np.uint8).reshape(len(images), 32).astype(np.int64)


def photo_statistics(pixels: NDArray[np.uint8]) -> dict[str, Values]:
    """Six statistics of RGB images (n, 3, h, w), (n,) integers each. Luma is (299 R + 587 G + 114 B) / 1000.

    light: mean luma, 1/1000 of a level. contrast: variance of the luma, 1/1000 of a squared level. edges:
    pixels per million, without the border, where Sobel's gradient is longer than 150. saturation: mean of
    (max - min) / max over the channels, in millionths. warmth: mean of R - B, 1/1000 of a level. top: mean
    luma of the upper half minus that of the lower one, 1/1000 of a level. All are rounded down.
    """
    return _in_parts(_photo_statistics, pixels)


def stroke_statistics(pixels: NDArray[np.uint8]) -> dict[str, Values]:
    """Three statistics of bright strokes on black images (n, 1, h, w), (n,) integers each, in thousandths.

    Ink is a pixel of 128 or more. stroke: twice the ink's area over its perimeter (sides of ink pixels that
    face no ink), in pixels. slant: -mu11 / mu02, spread: mu20 / mu02, of the central moments of the grey
    values, x to the right and y down: a positive slant leans to the right. All are rounded down; an image
    without ink, or without height, has 0.
    """
    return _in_parts(_stroke_statistics, pixels)


def _in_parts(
    function: Callable[[NDArray[np.int32]], dict[str, Values]], pixels: NDArray[np.uint8]
) -> dict[str, Values]:
    parts = [
        function(pixels[start : start + IMAGES].astype(np.int32)) for start in range(0, len(pixels), IMAGES)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _photo_statistics(pixels: NDArray[np.int32]) -> dict[str, Values]:
    red, green, blue = pixels[:, 0], pixels[:, 1], pixels[:, 2]
    luma = (299 * red + 587 * green + 114 * blue) // 1000
    n, half = luma[0].size, luma.shape[1] // 2
    n_top = half * luma.shape[2]
    total, squares = _sum(luma), _sum(luma * luma)
    rows = luma[:, :-2] + 2 * luma[:, 1:-1] + luma[:, 2:]
    across = rows[:, :, 2:] - rows[:, :, :-2]
    columns = luma[:, :, :-2] + 2 * luma[:, :, 1:-1] + luma[:, :, 2:]
    down = columns[:, 2:] - columns[:, :-2]
    edges = np.count_nonzero(across * across + down * down > EDGE * EDGE, axis=(1, 2))
    high = np.maximum(np.maximum(red, green), blue)
    low = np.minimum(np.minimum(red, green), blue)
    saturation = 1_000_000 * (high - low) // np.maximum(high, 1)
    top, bottom = _sum(luma[:, :half]), _sum(luma[:, half:])
    return {
        "light": 1000 * total // n,
        "contrast": 1000 * (n * squares - total * total) // (n * n),
        "edges": 1_000_000 * edges // across[0].size,
        "saturation": _sum(saturation) // n,
        "warmth": 1000 * _sum(red - blue) // n,
        "top": 1000 * (top * (n - n_top) - bottom * n_top) // (n_top * (n - n_top)),
    }


def _stroke_statistics(pixels: NDArray[np.int32]) -> dict[str, Values]:
    grey = pixels[:, 0]
    ink = np.pad(grey >= INK, ((0, 0), (1, 1), (1, 1)))
    area = np.count_nonzero(ink, axis=(1, 2))
    perimeter = sum(np.count_nonzero(np.diff(ink, axis=axis), axis=(1, 2)) for axis in (1, 2))
    y, x = (np.arange(size) for size in grey.shape[1:])
    by_row, by_column = grey.sum(2, dtype=np.int64), grey.sum(1, dtype=np.int64)
    mass, my, mx = by_row.sum(1), by_row @ y, by_column @ x
    # mass squared times the central moments, so that there is no fraction
    mu02 = mass * (by_row @ (y * y)) - my * my
    mu20 = mass * (by_column @ (x * x)) - mx * mx
    mu11 = mass * ((grey @ x) @ y) - mx * my
    return {
        "stroke": _ratio(2 * area, perimeter),
        "slant": _ratio(-mu11, mu02),
        "spread": _ratio(mu20, mu02),
    }


def _sum(values: NDArray[np.int32]) -> Values:
    return values.sum(axis=(1, 2), dtype=np.int64)


def _ratio(numerator: Values, denominator: Values) -> Values:
    """Thousandths, rounded down; 0 where there is nothing to divide by."""
    return np.where(denominator > 0, 1000 * numerator // np.maximum(denominator, 1), 0)
