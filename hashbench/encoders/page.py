"""The result of a search as one HTML file with its pictures inside, which works offline."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

SIDE = 160  # the longer side of a picture, in pixels
STYLE = """
:root { color-scheme: light dark; font-family: system-ui, sans-serif; }
body { margin: 1.5rem; max-width: 75rem; }
ol { display: grid; grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr)); gap: 1rem; padding: 0;
     list-style: none; }
figure { margin: 0; } img { max-width: 100%; height: auto; }
figcaption { overflow-wrap: anywhere; font-size: 0.9rem; }
"""


def page_of(
    title: str, query: Path, found: Sequence[tuple[int, str]], n_bits: int, pictures: Path | None
) -> str:
    """The page. pictures: the folder that the names are relative to; without it, names stand alone."""
    items = "\n".join(
        f"<li>{_figure(None if pictures is None else pictures / name, f'{i}. {name}', distance, n_bits)}</li>"
        for i, (distance, name) in enumerate(found, start=1)
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(title)}</title><style>{STYLE}</style></head>
<body><h1>{escape(title)}</h1>
{_figure(query, query.name)}
<h2>The nearest {len(found)}</h2>
<ol>
{items}
</ol></body></html>
"""


def _figure(path: Path | None, name: str, distance: int | None = None, n_bits: int = 0) -> str:
    caption = escape(name) + ("" if distance is None else f"<br>{distance} of {n_bits} bits differ")
    source = "" if path is None else _thumbnail(path)
    picture = f'<img src="{source}" alt="{escape(name, quote=True)}">' if source else ""
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"


def _thumbnail(path: Path) -> str:
    """The picture as a data address; "" where it cannot be read."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            small = ImageOps.exif_transpose(image).convert("RGB")
            small.thumbnail((SIDE, SIDE))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return ""
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()
