"""Photographs in a folder as images that an encoder reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hashbench.contracts.codes import Codes
from hashbench.contracts.dataset import Dataset
from hashbench.encoders.encoder import Encoder
from hashbench.errors import InvalidInputError, MissingDataError
from hashbench.plugins.registry import find
from hashbench.system.paths import is_regular
from hashbench.system.text import text_of

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
AT_A_TIME = 256  # photographs that are in memory at once


def photographs_in(folder: Path) -> list[str]:
    """The names of all photographs below a folder, relative to it, sorted; hidden ones are left out.

    Raises MissingDataError where there is no folder, InvalidInputError where it holds none.
    """
    if not folder.is_dir():
        raise MissingDataError(f"there is no folder '{folder}'; give one with photographs")
    paths = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    names = (path.relative_to(folder) for path in paths)
    found = sorted(name.as_posix() for name in names if not any(part[0] == "." for part in name.parts))
    if not found:
        raise InvalidInputError(
            f"'{folder}' holds no photographs; their names end in {', '.join(sorted(SUFFIXES))}"
        )
    return found


def read_photograph(encoder: Encoder, path: Path) -> NDArray[np.uint8]:
    """The photograph (c, h, w) as the images that were learned on: upright, cropped, resized, grey or RGB.

    Raises InvalidInputError that names the file where it cannot be read.
    """
    from PIL import Image, UnidentifiedImageError

    if encoder.shape is None:
        raise InvalidInputError(f"{encoder!r} does not say which images it reads; encode arrays in Python")
    dataset: type[Dataset] = find("dataset", encoder.photographs) if encoder.photographs else Dataset
    try:
        if not is_regular(path):
            raise InvalidInputError(
                f"photograph '{path}' is no regular file, or not there; give another path"
            )
        with Image.open(path) as image:
            return dataset.photograph(image, encoder.shape)
    except InvalidInputError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = "it is no image" if isinstance(error, UnidentifiedImageError) else text_of(error)
        raise InvalidInputError(f"cannot read photograph '{path}' ({reason})") from error


def encode_photographs(
    encoder: Encoder,
    folder: Path,
    names: list[str],
    on_fault: Callable[[InvalidInputError], None],
    on_done: Callable[[int], None] = lambda n: None,
) -> tuple[Codes, list[str]]:
    """The codes of photographs, and their names: of all that can be read.

    on_fault: called for each that cannot. on_done: called with numbers of photographs that are done. Raises
    InvalidInputError where none can be read, or where the encoder reads no photographs.
    """
    codes, kept = list[NDArray[np.uint8]](), list[str]()
    for start in range(0, len(names), AT_A_TIME):
        part = names[start : start + AT_A_TIME]
        read = list(_readable(encoder, folder, part, on_fault))
        if read:
            codes.append(encoder.encode(np.stack([pixels for _, pixels in read])).packed)
            kept += [name for name, _ in read]
        on_done(len(part))
    if not kept:
        raise InvalidInputError(f"none of the {len(names)} photographs in '{folder}' can be read")
    return Codes(np.concatenate(codes), encoder.n_bits), kept


def _readable(
    encoder: Encoder, folder: Path, names: list[str], on_fault: Callable[[InvalidInputError], None]
) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    for name in names:
        try:
            yield name, read_photograph(encoder, folder / name)
        except InvalidInputError as fault:
            on_fault(fault)
