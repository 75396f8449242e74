"""What users hand over as codes, turned into Codes or refused with one clear line."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hashbench.codes import Codes
from hashbench.errors import InvalidInputError


def as_codes(values: Codes | ArrayLike, of: str) -> Codes:
    """Codes of (n, n_bits) bool, 0/1, -1/+1 or real values (bit = value > 0); Codes pass through.

    of: whose codes, for the message. Ternary codes, NaN, packed bytes and empty sets raise InvalidInputError.
    """
    codes = values if isinstance(values, Codes) else Codes.from_real(_checked(np.asarray(values), of))
    if not len(codes):
        raise InvalidInputError(f"{of} codes are empty; at least one is needed")
    return codes


def _checked(array: NDArray, of: str) -> NDArray:
    if array.ndim != 2 or array.shape[1] == 0 or array.dtype.kind not in "biuf":
        raise InvalidInputError(
            f"{of} codes must be (n, n_bits) bool, 0/1, -1/+1 or real values, not {array.shape} {array.dtype}"
        )
    if array.dtype.kind == "b" or not len(array):
        return array
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise InvalidInputError(f"{of} codes contain NaN; the encoder diverged or its input did")
    if array.dtype.kind == "u":
        if array.max() > 1:
            raise InvalidInputError(
                f"{of} codes are {array.dtype} with values above 1, so they look packed; give Codes(packed, "
                "n_bits), or n_bits beside them in the file"
            )
    elif (array == 0).any() and (array == -1).any() and np.isin(array, (-1, 0, 1)).all():
        raise InvalidInputError(
            f"{of} codes are ternary: {int((array == 0).sum())} values are 0 beside -1 and 1 (sign(0) = 0?); "
            "give real values or bits, where bit = value > 0"
        )
    return array
