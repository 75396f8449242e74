"""Checks of what a method computes."""

from __future__ import annotations

import numpy as np

from hashbench.contracts.codes import Codes
from hashbench.testing.toy import Method, fitted, lengths, new, options, require, toy, training_set
from hashbench.testing.values import require_steady, values_of


def gives_values_and_codes_of_the_right_shape(cls: Method) -> None:
    """project() is (n, n_bits) float32 and finite and encode() gives Codes, for odd lengths too."""
    X, y = training_set(cls)
    first, *others = lengths(cls)
    for n_bits in (first, *others):
        method = fitted(cls) if n_bits == first else new(cls, n_bits=n_bits)
        if n_bits != first:
            require(method.fit(X, y, **options(cls)) is method, f"fit() of {cls.name()} must return self")
        values = values_of(method, X[:7])
        width = n_bits if cls.output == "codes" else values.shape[-1]
        require(
            values.shape == (7, width) and values.dtype == np.float32,
            f"project() of {cls.name()} gives {values.shape} {values.dtype} for 7 items at n_bits={n_bits}; "
            f"(7, {width}) float32 is needed",
        )
        if cls.output == "codes":
            codes = method.encode(X[:7])
            require(
                isinstance(codes, Codes) and (len(codes), codes.n_bits) == (7, n_bits),
                f"encode() of {cls.name()} gives {codes!r} for 7 items at n_bits={n_bits}",
            )


def encodes_each_item_by_itself(cls: Method) -> None:
    """An item's values do not depend on what is encoded with it."""
    X, _ = toy(cls.inputs)
    method = fitted(cls)
    together = values_of(method, X)[:3]
    alone = np.concatenate([method.project(X[i : i + 1]) for i in range(3)])
    alike = np.allclose(alone, together, rtol=1e-3, atol=1e-3)
    if not alike:
        require_steady(method, X)
    require(
        alike,
        f"{cls.name()} gives an item other values alone than among others; _project() must use only what "
        "fit() learned (is a network left in training mode?)",
    )


def is_deterministic(cls: Method) -> None:
    """Equal parameters, data and random_state give equal values; the global generators do not change."""
    import torch

    X, y = training_set(cls)
    method = new(cls).fit(X, y, **options(cls))
    first = values_of(method, X)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1234)
        before = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]  # noqa: NPY002
        again = values_of(new(cls).fit(X, y, **options(cls)), X)
        after = torch.get_rng_state(), np.random.get_state()[1]  # type: ignore[index]  # noqa: NPY002
    alike = np.array_equal(first, again)
    if not alike:
        require_steady(method, X)
    require(
        alike,
        f"{cls.name()} gives other values on the same data with the same random_state; draw from the "
        "generator that _fit() is given, and from nothing else",
    )
    require(
        torch.equal(before[0], after[0]) and np.array_equal(before[1], after[1]),
        f"{cls.name()} draws from a global generator; draw from the generator that _fit() is given",
    )


def leaves_its_input_alone(cls: Method) -> None:
    """Neither fit() nor project() writes to its input."""
    given = training_set(cls)
    X, y = (array.copy() for array in given)  # writeable, so that torch shares their memory
    new(cls).fit(X, y, **options(cls)).project(X)
    require(
        np.array_equal(X, given[0]) and np.array_equal(y, given[1]),
        f"{cls.name()} changes the arrays it is given; avoid in-place operations on X and y",
    )


def makes_codes_that_differ(cls: Method) -> None:
    """Not all items get the same code."""
    X, _ = toy(cls.inputs)
    values = values_of(fitted(cls), X)
    bits = values > 0 if cls.output == "codes" else values
    require(
        len(np.unique(bits, axis=0)) > 1,
        f"{cls.name()} gives all items one code; are the values centred, so that their signs differ?",
    )


def beats_chance(cls: Method) -> str | None:
    """Retrieval of unseen items is better than chance.

    Controls without labels need not pass, nor methods for authentication alone, which look for copies.
    """
    if cls.control and cls.supervision == "unsupervised":
        return "a control without labels need not be better than chance"
    if cls.made_for == ("authentication",):
        return "it is made for authentication alone, which looks for copies"
    from hashbench.evaluation import evaluate, evaluate_vectors

    method = fitted(cls)
    (database, labels), (query, query_labels) = toy(cls.inputs, 1), toy(cls.inputs, 2)
    vectors = values_of(method, query), values_of(method, database)
    score = (
        evaluate(method.encode(query), method.encode(database), query_labels, labels, ["map"])
        if cls.output == "codes"
        else evaluate_vectors(*vectors, query_labels, labels, ["map"])
    )["map"]
    chance = float(np.mean(query_labels[:, None] == labels))
    require(
        score > chance + 0.1,
        f"{cls.name()} has mAP {score:.3f} on a toy set where chance is {chance:.3f}; it does not learn",
    )
    return None


def knows_a_copy(cls: Method) -> str | None:
    """Methods for authentication: a slightly changed copy is nearer than other images; not for controls."""
    if "authentication" not in cls.made_for:
        return "it is not made for authentication"
    if cls.control:
        return "a control need not know a copy"
    X, _ = toy(cls.inputs)
    noise = np.random.default_rng(5).integers(-2, 3, X.shape)
    copies = np.clip(X.astype(np.int64) + noise, 0, 255).astype(X.dtype)
    method = fitted(cls)
    for images in (X, copies):
        values_of(method, images)
    originals, copied = (method.encode(images).unpack() for images in (X, copies))
    distance = (originals[:, None] != copied).mean(2)
    own = float(distance.diagonal().mean())
    others = float(distance[~np.eye(len(X), dtype=bool)].mean())
    require(
        own < others / 2,
        f"{cls.name()} gives a copy with two grey levels of noise another code in {own:.3f} of its bits, "
        f"other images in {others:.3f}; a copy must be at less than half of their distance",
    )
    return None


def trains_every_parameter(cls: Method) -> str | None:
    """Deep methods: in a step of the loop, every parameter of the network and of the state has a gradient."""
    if not cls.deep:
        return "it trains no network"
    from hashbench.training import gradient_norms

    norms = gradient_norms(fitted(cls), *training_set(cls))
    idle = [name for name, norm in norms.items() if not norm > 0 or not np.isfinite(norm)]
    require(bool(norms), f"{cls.name()} trains no parameters")
    require(not idle, f"the loss of {cls.name()} has no finite gradient for {', '.join(idle)}")
    return None
