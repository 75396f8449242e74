"""Checks of methods that encode texts too; each passes a method that does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
from numpy.typing import NDArray

from hashbench.contracts.cross_view import CrossViewMethod
from hashbench.testing.refusals import refuses
from hashbench.testing.toy import Method, fitted, new, require, toy, toy_texts, training_set
from hashbench.testing.values import require_steady_texts, values_of, values_of_texts


def _fitted(cls: Method) -> CrossViewMethod:
    return cast(CrossViewMethod, fitted(cls))


def encodes_texts_into_the_space_of_images(cls: Method) -> None:
    """project_text() is (n, d) float32 and finite, with the d of project(); not all texts get one code."""
    if not cls.reads_text:
        return
    method = _fitted(cls)
    texts = method.project_text(toy_texts())
    width = method.project(toy(cls.inputs)[0][:1]).shape[1]
    require(
        texts.shape == (len(toy_texts()), width) and texts.dtype == np.float32,
        f"project_text() of {cls.name()} gives {texts.shape} {texts.dtype} for {len(toy_texts())} texts; "
        f"({len(toy_texts())}, {width}) float32 is needed, as project() gives for images",
    )
    values_of_texts(method, toy_texts())
    bits = texts > 0 if cls.output == "codes" else texts
    require(len(np.unique(bits, axis=0)) > 1, f"{cls.name()} gives all texts one code")


def encodes_each_text_by_itself(cls: Method) -> None:
    """A text's values depend neither on other texts nor on the images that are encoded around it."""
    if not cls.reads_text:
        return
    method, texts = _fitted(cls), toy_texts()
    first = values_of_texts(method, texts)
    alone = np.concatenate([method.project_text(texts[i : i + 1]) for i in range(3)])
    alike = np.allclose(alone, first[:3], rtol=1e-3, atol=1e-3)
    if not alike:
        require_steady_texts(method, texts)
    require(
        alike,
        f"{cls.name()} gives a text other values alone than among others; _project_text() must use only what "
        "fit() learned (is a network left in training mode?)",
    )
    images = values_of(method, toy(cls.inputs)[0])
    method.project(toy(cls.inputs, 3)[0])
    require(
        np.array_equal(first, method.project_text(texts)),
        f"{cls.name()} gives texts other values after other images were encoded; the views are encoded apart",
    )
    require(
        np.array_equal(images, method.project(toy(cls.inputs)[0])),
        f"{cls.name()} gives images other values after texts were encoded; the views are encoded apart",
    )


def learns_from_texts_alike(cls: Method) -> None:
    """Equal data and random_state give texts equal values; fit() does not write to its texts."""
    if not cls.reads_text:
        return
    X, y = training_set(cls)
    texts = toy_texts().copy()
    methods = [_fit(cls, X, y, texts) for _ in range(2)]
    first, again = (values_of_texts(method, toy_texts(1)) for method in methods)
    alike = np.array_equal(first, again)
    if not alike:
        require_steady_texts(methods[0], toy_texts(1))
    require(
        alike,
        f"{cls.name()} gives texts other values on the same data with the same random_state; draw from the "
        "generator that _fit() is given, and from nothing else",
    )
    require(np.array_equal(texts, toy_texts()), f"{cls.name()} changes the texts it is given")


def finds_images_by_text(cls: Method) -> None:
    """Retrieval of unseen images by unseen texts, and the reverse, is better than chance.

    Controls without labels need not pass.
    """
    if not cls.reads_text or (cls.control and cls.supervision == "unsupervised"):
        return
    from hashbench.evaluation import evaluate, evaluate_vectors

    method = _fitted(cls)
    (database, labels), (query, query_labels) = toy(cls.inputs, 1), toy(cls.inputs, 2)
    chance = float(np.mean(query_labels[:, None] == labels))
    values = {
        "text->image": (values_of_texts(method, toy_texts(2)), values_of(method, database)),
        "image->text": (values_of(method, query), values_of_texts(method, toy_texts(1))),
    }
    score_of = evaluate if cls.output == "codes" else evaluate_vectors
    for direction, (asked, searched) in values.items():
        score = score_of(asked, searched, query_labels, labels, ["map"])["map"]
        require(
            score > chance + 0.1,
            f"{cls.name()} has mAP {score:.3f} in {direction} on a toy set where chance is {chance:.3f}; the "
            "codes of its two views do not match",
        )


def refuses_wrong_texts(cls: Method) -> None:
    """No texts, another number, other words than in fit(), NaN, no matrix: InvalidInputError."""
    if not cls.reads_text:
        return
    X, y = training_set(cls)
    texts = toy_texts()
    spoilt = texts.astype(np.float32)
    spoilt[3, 2] = np.nan
    wrong: list[tuple[str, Callable[[], object]]] = [
        ("fit() without texts", lambda: new(cls).fit(X, y)),
        ("fewer texts than items", lambda: _fit(cls, X, y, texts[:-1])),
        ("NaN in the texts of fit()", lambda: _fit(cls, X, y, spoilt)),
        ("sentences in place of a matrix", lambda: _fit(cls, X, y, np.full(len(X), "a dog"))),
        ("project_text() before fit()", lambda: cast(CrossViewMethod, new(cls)).project_text(texts)),
        ("texts of fewer words than in fit()", lambda: _fitted(cls).project_text(texts[:, 1:])),
        ("NaN in project_text()", lambda: _fitted(cls).project_text(spoilt)),
    ]
    for what, call in wrong:
        refuses(cls, what, call)


def _fit(cls: Method, X: NDArray, y: NDArray, texts: NDArray) -> CrossViewMethod:
    return cast(CrossViewMethod, new(cls).fit(X, y, texts=texts))
