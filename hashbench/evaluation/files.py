"""Codes and labels in ``.npz`` files: the format of ``hashbench eval`` and of stored codes."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hashbench.atomic import atomic_file
from hashbench.codes import Codes
from hashbench.errors import InvalidInputError, MissingDataError
from hashbench.evaluation.inputs import as_codes
from hashbench.evaluation.relevance import check_labels


def load_codes(path: str | Path) -> tuple[Codes, NDArray]:
    """Codes and labels of an ``.npz`` file with the arrays ``codes`` and ``labels``.

    codes: (n, n_bits) bool, 0/1, -1/+1 or real values (bit = value > 0); or packed as by ``numpy.packbits``,
    (n, ceil(n_bits / 8)) uint8, with the number ``n_bits`` beside them.
    labels: (n,) classes or (n, C) multi-hot.
    Raises MissingDataError where there is no file, InvalidInputError where it does not hold these arrays.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingDataError(f"codes file '{path}' does not exist; give the path of an .npz file")
    arrays = _read(path)
    missing = [name for name in ("codes", "labels") if name not in arrays]
    if missing:
        raise InvalidInputError(
            f"codes file '{path}' lacks the array '{missing[0]}'; it holds: "
            f"{', '.join(sorted(arrays)) or 'none'}"
        )
    try:
        codes = as_codes(_unpacked(arrays), "its")
        return codes, check_labels(arrays["labels"], len(codes), "its")
    except InvalidInputError as error:
        raise InvalidInputError(f"codes file '{path}': {error}") from error


def save_codes(path: str | Path, codes: Codes, labels: ArrayLike) -> None:
    """Write packed codes and labels to ``path``; a reader sees the whole file or none."""
    checked = check_labels(labels, len(codes), "the")
    with atomic_file(Path(path)) as file:
        np.savez(file, codes=codes.packed, n_bits=codes.n_bits, labels=checked)


def _read(path: Path) -> dict[str, NDArray]:
    if not zipfile.is_zipfile(path):
        raise InvalidInputError(
            f"codes file '{path}' is not an intact .npz file; save codes and labels with numpy.savez"
        )
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except ValueError as error:
        raise InvalidInputError(
            f"codes file '{path}' cannot be read without pickle, which is refused because it can run code; "
            "save plain arrays with numpy.savez"
        ) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise InvalidInputError(f"codes file '{path}' is damaged ({error}); write it again") from error


def _unpacked(arrays: dict[str, NDArray]) -> Codes | NDArray:
    """The codes as stored; packed ones as Codes."""
    codes = arrays["codes"]
    if "n_bits" not in arrays:
        return codes
    stored = arrays["n_bits"]
    if stored.size != 1 or stored.dtype.kind not in "iu":
        raise InvalidInputError(f"n_bits must be one integer, not {stored.shape} {stored.dtype}")
    n_bits = int(stored.ravel()[0])
    if codes.dtype == np.uint8 and codes.ndim == 2 and codes.shape[1] == -(-n_bits // 8):
        return Codes(codes, n_bits)
    if codes.ndim != 2 or codes.shape[1] != n_bits:
        raise InvalidInputError(
            f"n_bits is {n_bits}, but codes are {codes.shape} {codes.dtype}: neither packed nor one bit a "
            "column"
        )
    return codes
