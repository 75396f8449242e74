"""Pictures of a folder, inlined: neighbours of queries, generated images, copies."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from hashbench.errors import InvalidInputError

ENDINGS = (".png", ".jpg", ".jpeg")
MOST_PIXELS = 1600  # of the longer side
MOST_BYTES = 3_000_000  # of all pictures together


def inlined(folder: Path) -> list[dict[str, str]]:
    """The PNG and JPEG files of a folder, by name: {"name", "address"}, the address with all the bytes.

    Large ones are made smaller. Raises InvalidInputError where there is none, one cannot be read, or all
    together are too large.
    """
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in ENDINGS)
    if not paths:
        raise InvalidInputError(
            f"'{folder}' holds no PNG or JPEG file; give a folder of pictures, or leave it out"
        )
    found = [{"name": path.stem, "address": _address(path)} for path in paths]
    size = sum(len(picture["address"]) for picture in found)
    if size > MOST_BYTES:
        raise InvalidInputError(
            f"the pictures of '{folder}' take {size / 1e6:.1f} MB, more than {MOST_BYTES / 1e6:.0f}; "
            "take some away, or make them smaller"
        )
    return found


def _address(path: Path) -> str:
    from PIL import Image

    try:
        with Image.open(path) as image:
            kind = "PNG" if image.format == "PNG" else "JPEG"
            image.thumbnail((MOST_PIXELS, MOST_PIXELS))
            written = io.BytesIO()
            fit = image if kind == "PNG" else image.convert("RGB")
            fit.save(written, kind, optimize=True)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise InvalidInputError(
            f"picture '{path}' cannot be read ({error}); take it out of the folder"
        ) from error
    return f"data:image/{kind.lower()};base64,{base64.b64encode(written.getvalue()).decode()}"
