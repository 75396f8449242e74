"""Codes with the names of what they are of, as files; and the nearest of them to a code."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hashbench.contracts.codes import Codes
from hashbench.errors import InvalidInputError, MissingDataError
from hashbench.system.archives import DAMAGED, check_archive
from hashbench.system.atomic import atomic_file

MOST_BITS = 1 << 20


@dataclass(frozen=True)
class NamedCodes:
    """Codes with names. encoder: the ``sha256`` of the encoder that made them, or ""."""

    codes: Codes
    names: tuple[str, ...]
    encoder: str = ""


def save_named(path: Path, named: NamedCodes) -> None:
    """Write ``codes`` (packed, with ``n_bits``) and ``names`` to an ``.npz`` file, whole or not at all."""
    with atomic_file(path) as file:
        np.savez(
            file,
            codes=named.codes.packed,
            n_bits=named.codes.n_bits,
            names=np.array(named.names, str),
            encoder=np.array(named.encoder),
        )


def load_named(path: Path) -> NamedCodes:
    """The codes and names in a file; codes that a run stored are named by their numbers, from 0 on.

    Raises MissingDataError where there is no file, InvalidInputError where it holds something else.
    """
    if not path.is_file():
        raise MissingDataError(
            f"there is no folder '{path}', nor a file of codes; 'hashbench encode' makes one"
        )
    try:
        check_archive(path)
        with np.load(path, allow_pickle=False) as archive:
            packed, n_bits = archive["codes"], archive["n_bits"]
            names = archive["names"] if "names" in archive.files else np.arange(len(packed)).astype(str)
            encoder = str(archive["encoder"]) if "encoder" in archive.files else ""
    except KeyError as error:
        raise InvalidInputError(
            f"codes file '{path}' lacks {error}; write it with 'hashbench encode'"
        ) from error
    except DAMAGED as error:
        raise InvalidInputError(f"codes file '{path}' cannot be read ({error}); write it again") from error
    if n_bits.shape != () or n_bits.dtype.kind not in "iu" or not 0 < int(n_bits) <= MOST_BITS:
        raise InvalidInputError(f"codes file '{path}': n_bits is no code length")
    if names.shape != (len(packed),) or names.dtype.kind != "U" or packed.ndim != 2 or not len(packed):
        raise InvalidInputError(
            f"codes file '{path}' must hold packed codes (n, bytes) and n names, not {packed.shape} and "
            f"{names.shape} {names.dtype}"
        )
    return NamedCodes(Codes(packed, int(n_bits)), tuple(names.tolist()), encoder)


def nearest(
    query: Codes, named: NamedCodes, top: int, *, use_faiss: bool | None = None
) -> list[tuple[int, str]]:
    """The ``top`` nearest items to one code: (Hamming distance, name), nearest first, then by name.

    use_faiss: None where it is installed; the answer is the same. Raises InvalidInputError for codes of
    another length.
    """
    codes = named.codes
    if query.n_bits != codes.n_bits:
        raise InvalidInputError(
            f"the query has {query.n_bits} bits, the codes have {codes.n_bits}; encode both with one encoder"
        )
    if use_faiss is None:
        use_faiss = importlib.util.find_spec("faiss") is not None
    find = _by_faiss if use_faiss else _by_count
    distances, items = find(query, codes, min(top, len(codes)))
    found = sorted((int(d), named.names[i]) for d, i in zip(distances, items, strict=True))
    return found[:top]


def _by_count(query: Codes, codes: Codes, top: int) -> tuple[NDArray, NDArray]:
    """Distances and numbers of all items that are no farther than the ``top``-th."""
    distances = np.bitwise_count(codes.words() ^ query.words()).sum(1, dtype=np.int64)
    items = np.flatnonzero(distances <= np.partition(distances, top - 1)[top - 1])
    return distances[items], items


def _by_faiss(query: Codes, codes: Codes, top: int) -> tuple[NDArray, NDArray]:
    index = faiss_index(codes)
    farthest = int(index.search(query.packed, top)[0][0, -1])
    _, distances, items = index.range_search(query.packed, farthest + 1)  # items at less than that
    return distances, items


def faiss_index(codes: Codes):  # type: ignore[no-untyped-def]  # faiss has no types
    """faiss's exact binary index of codes, in their order; padding bits are 0 in all. InvalidInputError."""
    try:
        import faiss
    except ImportError as error:
        raise InvalidInputError("faiss is not installed; pip install 'hashbench[faiss]'") from error
    index = faiss.IndexBinaryFlat(8 * codes.packed.shape[1])
    index.add(np.ascontiguousarray(codes.packed))
    return index
