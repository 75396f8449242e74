"""Labels: which database items are relevant to a query.

Single label: the same class. Multi-label: at least one label shared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hashbench.errors import InvalidInputError
from hashbench.evaluation.inputs import as_array


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels of queries and database in one numbering.

    Single label: ``query`` (Q,) and ``database`` (N,) int64 class indices 0..n_classes - 1.
    Multi-label: (Q, L) and (N, L) uint64, the label set as bits, 64 classes a word.
    """

    query: NDArray
    database: NDArray
    n_classes: int

    @property
    def multi_label(self) -> bool:
        """Whether an item can have more than one label."""
        return self.query.ndim == 2


def check_labels(labels: ArrayLike, n_items: int, of: str) -> NDArray:
    """Labels as (n,) classes, int64 or text, or (n, C) bool multi-hot. Raises InvalidInputError.

    of: whose labels, for the message.
    """
    array = as_array(labels, f"{of} labels")
    if array.ndim not in (1, 2) or len(array) != n_items:
        raise InvalidInputError(
            f"{of} labels must be ({n_items},) classes or ({n_items}, C) multi-hot, one row for each of the "
            f"{n_items} codes, not {array.shape}"
        )
    if array.ndim == 1:
        if array.dtype.kind not in "iubUS":
            raise InvalidInputError(
                f"{of} labels must be classes (integers or text), not {array.dtype}; convert them first"
            )
        if array.dtype.kind == "u" and len(array) and array.max() > np.iinfo(np.int64).max:
            raise InvalidInputError(f"{of} labels exceed 64-bit signed integers; renumber the classes")
        if array.dtype.kind == "i" and len(array) and array.min() < 0:
            raise InvalidInputError(
                f"{of} labels hold {array.min()}: -1 means unlabelled, and what has no class is relevant to "
                "nothing; leave those items out, or number the classes from 0"
            )
        return array if array.dtype.kind in "US" else array.astype(np.int64, copy=False)
    if array.shape[1] < 2:
        raise InvalidInputError(
            f"{of} labels of shape {array.shape} are neither classes nor multi-hot; give classes as "
            f"({n_items},)"
        )
    if array.dtype.kind not in "iubf" or not ((array == 0) | (array == 1)).all():
        raise InvalidInputError(f"{of} labels of shape {array.shape} must be multi-hot: zeros and ones only")
    return array.astype(bool)


def match_labels(query: NDArray, database: NDArray) -> Labels:
    """Number the labels of both sides alike. Takes what ``check_labels`` returns."""
    if query.ndim != database.ndim:
        kinds = {1: "classes", 2: "multi-hot"}
        raise InvalidInputError(
            f"query labels are {kinds[query.ndim]} but database labels are {kinds[database.ndim]}; "
            "give both in the same form"
        )
    if query.ndim == 1:
        return _match_classes(query, database)
    if query.shape[1] != database.shape[1]:
        raise InvalidInputError(
            f"query labels have {query.shape[1]} classes, database labels {database.shape[1]}; "
            "both need the same columns"
        )
    if (query.sum(1) == 1).all() and (database.sum(1) == 1).all():  # one-hot: counting by class is cheaper
        return Labels(query.argmax(1), database.argmax(1), query.shape[1])
    return Labels(_label_bits(query), _label_bits(database), query.shape[1])


def has_label(sets: NDArray[np.uint64], label: int) -> NDArray[np.bool_]:
    """Which of the label sets (n, L), as ``Labels`` holds them, have a label."""
    return (sets.view(np.uint8)[:, label // 8] >> (7 - label % 8) & 1).astype(bool)


def _match_classes(query: NDArray, database: NDArray) -> Labels:
    if (query.dtype.kind in "US") != (database.dtype.kind in "US"):
        raise InvalidInputError(
            f"query labels are {query.dtype} but database labels are {database.dtype}; "
            "text never equals a number, so no item would be relevant"
        )
    if query.dtype.kind == "i":  # integers close together need no sort
        low = min(int(query.min()), int(database.min()))
        high = max(int(query.max()), int(database.max()))
        if high - low < 1 << 16:
            return Labels(query - low, database - low, high - low + 1)
    classes, indices = np.unique(np.concatenate([query, database]), return_inverse=True)
    return Labels(indices[: len(query)], indices[len(query) :], len(classes))


def _label_bits(multi_hot: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """(n, C) bool to (n, ceil(C / 64)) uint64."""
    n, n_classes = multi_hot.shape
    padded = np.zeros((n, -(-n_classes // 64) * 8), np.uint8)
    padded[:, : -(-n_classes // 8)] = np.packbits(multi_hot, axis=1)
    return padded.view(np.uint64)
