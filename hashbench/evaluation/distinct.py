"""Find equal rows, so that each distinct row is processed only once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLE = 4096  # rows looked at before all of them are sorted to find repeats


def find_distinct(
    columns: list[NDArray[np.uint64]], part: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]] | None:
    """Distinct rows: an index of each, the distinct row of each row, and how often each occurs.

    columns: the columns of the rows, each (n,). None where more than ``part`` of the rows is distinct, so
    that merging them would not pay.
    """
    n = len(columns[0])
    sample = slice(None, None, -(-n // SAMPLE))
    few = number_rows([column[sample] for column in columns])
    # A sample of 4,096 rows has hardly any repeats unless a good part of all n rows is repeated.
    if len(few) > 64 and few.max() + 1 > 0.999 * len(few):
        return None
    numbers = number_rows(columns)
    n_distinct = int(numbers.max()) + 1
    if n_distinct > part * n:
        return None
    first = np.empty(n_distinct, np.int64)
    first[numbers] = np.arange(n)
    return first, numbers, np.bincount(numbers, minlength=n_distinct)


def as_columns(*arrays: NDArray) -> list[NDArray[np.uint64]]:
    """The columns of 64-bit arrays (n,) or (n, W), side by side."""
    return [column.view(np.uint64) for array in arrays for column in np.atleast_2d(array.T)]


def number_rows(columns: list[NDArray[np.uint64]]) -> NDArray[np.int64]:
    """Equal rows get equal numbers, 0..distinct - 1; columns: the columns of the rows, each (n,)."""
    numbers = np.unique(columns[0], return_inverse=True)[1]
    for column in columns[1:]:
        values, place = np.unique(column, return_inverse=True)
        numbers = np.unique(numbers * len(values) + place, return_inverse=True)[1]
    return numbers
