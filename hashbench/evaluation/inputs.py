"""Codes as users give them: converted to Codes, or refused with a one-line message."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hashbench.contracts.codes import Codes
from hashbench.errors import InvalidInputError


def as_array(values: ArrayLike, what: str) -> NDArray:
    """An array, a list or a tensor as an array. what: its name in the message of InvalidInputError."""
    try:
        return np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:  # ragged lists; tensors with gradients, on a GPU
        cause = str(error).partition("\n")[0].rstrip(".")
        raise InvalidInputError(
            f"{what} cannot be read as an array ({cause}); give rows of one length, a tensor as "
            "tensor.detach().cpu()"
        ) from error


def as_codes(values: Codes | ArrayLike, of: str) -> Codes:
    """Codes of (n, n_bits) bool, 0/1, -1/+1 or real values (bit = value > 0); Codes pass through.

    of: whose codes, for the message. Ternary codes, NaN, packed bytes, outputs all above 0 and empty sets
    raise InvalidInputError.
    """
    codes = (
        values
        if isinstance(values, Codes)
        else Codes.from_real(_checked(as_array(values, f"{of} codes"), of))
    )
    if not len(codes):
        raise InvalidInputError(f"{of} codes are empty; at least one is needed")
    return codes


def find_real(codes: Codes | ArrayLike) -> NDArray | None:
    """Codes that were given as real values, (n, n_bits); None for bits in any form, -1/+1 among them."""
    if isinstance(codes, Codes):
        return None
    array = np.asarray(codes)
    return array if array.dtype.kind == "f" and not np.isin(array, (-1, 0, 1)).all() else None


def _checked(array: NDArray, of: str) -> NDArray:
    if array.ndim != 2 or array.shape[1] == 0 or array.dtype.kind not in "biuf":
        raise InvalidInputError(
            f"{of} codes must be (n, n_bits) bool, 0/1, -1/+1 or real values, not {array.shape} {array.dtype}"
        )
    if array.dtype.kind == "b" or not len(array):
        return array
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise InvalidInputError(f"{of} codes contain NaN; the encoder diverged or its input did")
    low, high = array.min(), array.max()
    if array.dtype.kind in "iu" and (low < -1 or high > 1):
        fault = f"{of} codes are {array.dtype} with values from {low} to {high}"
        if array.dtype != np.uint8:
            raise InvalidInputError(f"{fault}; bits must be 0/1 or -1/+1")
        raise InvalidInputError(f"{fault}, so they look packed; give Codes(packed, n_bits)")
    if low == -1 and (array == 0).any() and np.isin(array, (-1, 0, 1)).all():
        raise InvalidInputError(
            f"{of} codes are ternary: {int((array == 0).sum())} values are 0 beside -1 and 1 (sign(0) = 0?); "
            "give real values or bits, where bit = value > 0"
        )
    # For a single query, all bits can well be 1.
    if low > 0 and len(array) > 1 and not (low == high == 1):
        raise InvalidInputError(
            f"{of} codes are real values from {low:.3g} to {high:.3g}, so every bit would be 1 (bit = "
            "value > 0); subtract the threshold first, 0.5 from outputs of a sigmoid"
        )
    return array
