"""The page as text and as a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

from hashbench.errors import InvalidInputError
from hashbench.records import Record
from hashbench.reporting.report.content import content_of, harmless
from hashbench.reporting.report.pictures import inlined
from hashbench.system.atomic import atomic_file

_CURE = "a report needs jinja2 and plotly: pip install 'hashbench[report]'"


def make_report(
    files: Mapping[Path, Record],
    metrics: Sequence[str] = (),
    published: bool = True,
    pictures: Path | None = None,
    title: str = "hashbench report",
) -> str:
    """The report on records, by their path, as one HTML page that asks no address for anything.

    metrics: none named is all that are recorded. published: with the published numbers. pictures: a folder of
    PNG and JPEG files to show. Raises InvalidInputError where jinja2 or plotly is not installed or a picture
    cannot be used, and what ``build_tables`` raises.
    """
    try:
        from jinja2 import Environment, StrictUndefined
        from markupsafe import Markup
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise InvalidInputError(f"{_CURE} ({error})") from error
    shown = harmless(inlined(pictures)) if pictures is not None else []
    content = content_of(files, metrics, published) | {"pictures": [one["name"] for one in shown]}
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(
        _part("template.html")
    )
    return template.render(
        title=harmless(title),
        content=content,
        pictures=shown,
        data=Markup(as_json(content)),
        style=Markup(_part("style.css")),
        script=Markup("\n".join(_part(name) for name in ("page.js", "table.js", "charts.js", "views.js"))),
        plotly=Markup(get_plotlyjs()),
    )


def write_report(files: Mapping[Path, Record], path: Path, **options: Any) -> int:
    """Write ``make_report(files, **options)`` to a file, which is never seen half; returns its bytes."""
    page = make_report(files, **options).encode()
    with atomic_file(path) as file:
        file.write(page)
    return len(page)


def as_json(content: Any) -> str:
    """The content as JSON that nothing in it can end the script element of, or start a comment in."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _part(name: str) -> str:
    return (package_files("hashbench.reporting.report") / name).read_text(encoding="utf-8")
