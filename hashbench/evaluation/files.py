"""``.npz`` files: codes and labels, as ``hashbench eval`` reads and runs store them; values of each query."""

from __future__ import annotations

import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hashbench.contracts.codes import Codes
from hashbench.errors import InvalidInputError, MissingDataError
from hashbench.evaluation.evaluate import Evaluation
from hashbench.evaluation.inputs import as_codes, find_real
from hashbench.evaluation.relevance import check_labels
from hashbench.system.archives import DAMAGED, check_archive
from hashbench.system.atomic import atomic_file

OURS = b"hashbench per-query values"  # the comment of the archives that save_per_query may replace


class CodesFile(NamedTuple):
    """What a codes file holds. real_values: (n, n_bits), the codes where they are real values, not bits."""

    codes: Codes
    labels: NDArray
    real_values: NDArray | None


def load_codes(path: str | Path) -> tuple[Codes, NDArray]:
    """Codes and labels of an ``.npz`` file with the arrays ``codes`` and ``labels``.

    codes: (n, n_bits) bool, 0/1, -1/+1 or real values (bit = value > 0); or packed as by ``numpy.packbits``,
    (n, ceil(n_bits / 8)) uint8, with the number ``n_bits`` beside them.
    labels: (n,) classes or (n, C) multi-hot.
    Other arrays are left unread.
    Raises MissingDataError where there is no file, InvalidInputError where it does not hold these arrays.
    """
    return read_codes(path)[:2]


def read_codes(path: str | Path) -> CodesFile:
    """As ``load_codes``, with the real values that the codes were made from, where the file holds them."""
    path = Path(path)
    arrays = _read(
        path, "codes file", "save codes and labels with numpy.savez", ("codes", "labels"), ("n_bits",)
    )
    try:
        stored = _unpacked(arrays)
        codes = as_codes(stored, "its")
        return CodesFile(codes, check_labels(arrays["labels"], len(codes), "its"), find_real(stored))
    except InvalidInputError as error:
        raise InvalidInputError(f"codes file '{path}': {error}") from error


def save_codes(path: str | Path, codes: Codes, labels: ArrayLike) -> None:
    """Write packed codes and labels to ``path``; a reader sees the whole file or none."""
    checked = check_labels(labels, len(codes), "the")
    with atomic_file(Path(path)) as file:
        np.savez(file, codes=codes.packed, n_bits=codes.n_bits, labels=checked)


def load_per_query(path: str | Path) -> dict[str, NDArray[np.float64]]:
    """Values of each query by metric name, (n_queries,) each, as ``save_per_query`` wrote them.

    Raises MissingDataError where there is no file, InvalidInputError where it holds something else.
    """
    path = Path(path)
    values = _read(path, "per-query file", "write it with hashbench.evaluation.save_per_query")
    shapes = {array.shape for array in values.values()}
    if len(shapes) != 1 or len(*shapes) != 1 or any(array.dtype != np.float64 for array in values.values()):
        held = ", ".join(f"{name} {array.shape} {array.dtype}" for name, array in values.items())
        raise InvalidInputError(
            f"per-query file '{path}' must hold float64 arrays (n_queries,), one a metric, not: "
            f"{held or 'nothing'}"
        )
    return values


def save_per_query(path: str | Path, evaluation: Evaluation) -> None:
    """Write the values of each query, compressed, so that paired tests need no second evaluation.

    A reader sees the whole file or none. Raises InvalidInputError where the path is that of anything but a
    regular file that this function wrote: it is left as it is.
    """
    path = Path(path)
    check_replaceable(path)
    with atomic_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = OURS
        for name, values in evaluation.per_query.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(values), allow_pickle=False)


def check_replaceable(path: Path) -> None:
    """Raise InvalidInputError where ``save_per_query`` would replace what it has not written."""
    if not path.is_symlink() and not path.exists():
        return
    if path.is_symlink() or not path.is_file():
        raise InvalidInputError(
            f"per-query file '{path}' is a link, a folder or a device, which is not replaced; give a new path"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            is_ours = archive.comment == OURS
    except DAMAGED:
        is_ours = False
    if not is_ours:
        raise InvalidInputError(
            f"per-query file '{path}' is there already, but was not written as one; remove it, or give "
            "another"
        )


def _read(
    path: Path, what: str, cure: str, needed: Collection[str] = (), optional: Collection[str] = ()
) -> dict[str, NDArray]:
    """The needed and optional arrays of an archive, each by its name; all where no names are given."""
    if path.is_dir():
        raise InvalidInputError(f"{what} '{path}' is a folder; give the path of an .npz file")
    if not path.is_file():
        raise MissingDataError(f"{what} '{path}' does not exist; give the path of an .npz file")
    if not zipfile.is_zipfile(path):
        raise InvalidInputError(f"{what} '{path}' is not an intact .npz file; {cure}")
    try:
        check_archive(path, (*needed, *optional) if needed else ())
        with np.load(path, allow_pickle=False) as archive:
            held = archive.files
            names = [name for name in held if name in (*needed, *optional)] if needed else held
            arrays = {name: archive[name] for name in names}
    except ValueError as error:
        if "pickle" not in str(error):
            raise InvalidInputError(f"{what} '{path}' is damaged ({error}); write it again") from error
        raise InvalidInputError(
            f"{what} '{path}' cannot be read without pickle, which is refused because it can run code; "
            "save plain arrays with numpy.savez"
        ) from error
    except DAMAGED as error:
        raise InvalidInputError(f"{what} '{path}' is damaged ({error}); write it again") from error
    missing = [name for name in needed if name not in arrays]
    if missing:
        raise InvalidInputError(
            f"{what} '{path}' lacks the array '{missing[0]}'; it holds: {', '.join(sorted(held)) or 'none'}"
        )
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):  # numpy returns other members as bytes
            raise InvalidInputError(f"{what} '{path}': its member '{name}' is not an array; {cure}")
    return arrays


def _unpacked(arrays: dict[str, NDArray]) -> Codes | NDArray:
    """The codes as stored; packed ones as Codes."""
    codes = arrays["codes"]
    if "n_bits" not in arrays:
        if codes.dtype == np.uint8 and codes.max(initial=0) > 1:
            raise InvalidInputError(
                f"its codes are uint8 with values up to {codes.max()}, so they look packed; put their length "
                "beside them, as the array n_bits"
            )
        return codes
    stored = arrays["n_bits"]
    if stored.size != 1 or stored.dtype.kind not in "iu":
        raise InvalidInputError(f"n_bits must be one integer, not {stored.shape} {stored.dtype}")
    n_bits = int(stored.ravel()[0])
    if n_bits < 1:
        raise InvalidInputError(f"n_bits must be at least 1, not {n_bits}; give the length of the codes")
    if codes.dtype == np.uint8 and codes.ndim == 2 and codes.shape[1] == -(-n_bits // 8):
        return Codes(codes, n_bits)
    if codes.ndim != 2 or codes.shape[1] != n_bits:
        raise InvalidInputError(
            f"n_bits is {n_bits}, but codes are {codes.shape} {codes.dtype}: neither packed nor one bit a "
            "column"
        )
    return codes
