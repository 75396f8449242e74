"""Checks of a fitted method as a file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from hashbench.encoders import SUFFIX, Encoder, load_encoder, save_encoder
from hashbench.errors import InvalidInputError
from hashbench.testing.toy import Method, fitted, require, toy, toy_texts
from hashbench.testing.values import require_steady, require_steady_texts, values_of, values_of_texts


def is_kept_in_a_file(cls: Method) -> str | None:
    """Saved and loaded from the file alone, it gives the same values, of texts too.

    A method that says in ``not_saved`` why it cannot be saved need not pass.
    """
    if cls.not_saved:
        return f"it cannot be saved: {cls.not_saved}"
    method, X = fitted(cls), toy(cls.inputs, 1)[0]
    values = values_of(method, X)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model{SUFFIX}"
        try:
            save_encoder(path, Encoder(method))
        except InvalidInputError as error:
            raise AssertionError(
                f"a fitted {cls.name()} cannot be saved ({error}); keep tensors, arrays and numbers in the "
                "attributes that end in _, or write _state() and _restore(), or say why in not_saved"
            ) from error
        loaded = load_encoder(path, method.device, method=cls)
        alike = np.array_equal(values, loaded.project(X))
        if not alike:
            require_steady(method, X)
        require(
            alike,
            f"{cls.name()} gives other values once it was saved and loaded; what encoding needs must be in "
            "attributes that end in _",
        )
        if cls.reads_text:
            texts = toy_texts(1)
            alike = np.array_equal(values_of_texts(method, texts), loaded.project_text(texts))
            if not alike:
                require_steady_texts(method, texts)
            require(
                alike,
                f"{cls.name()} gives texts other values once it was saved and loaded; what encoding needs "
                "must be in attributes that end in _",
            )
    return None
