"""A hook of MkDocs: adds the pages that are made when the site is built, and mends links between all pages.

    pip install -e '.[site]'
    mkdocs build --strict

Nothing is written into ``docs/``. Pages of the repository (README, results, ...) are taken in; a page for
each method, an index of them and the reference are made (``website_pages.py``), and the report of all records
of ``results/``. Links between pages are as the repository has them, so that they work there too; here they
are turned to where the page or file is on the site.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from website_pages import method_pages, reference_pages

from hashbench.records import Record, read_record_files
from hashbench.reporting.report import make_report

ROOT = Path(__file__).resolve().parents[1]
# Pages of the repository outside docs/, and where they are on the site.
TAKEN = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    **{f"results/{path.name}": f"results/{path.name}" for path in (ROOT / "results").glob("*.md")},
    "results/README.md": "results/index.md",
}
# Sources that the tutorials link to: the site has pages of what is in them.
EXPLAINED = {
    "hashbench/contracts/dataset.py": "reference/plugins.md",
    "hashbench/contracts/feature.py": "reference/plugins.md",
    "hashbench/training/contract.py": "reference/training.md",
}
# A Markdown link or picture: its text, its target without a fragment, and the fragment.
_LINK = re.compile(r"(!?\[[^\]]*\]\()([^)\s#:]+)(#[^)\s]*)?(?=\))")
_FENCE = re.compile(r"^(```+).*?^\1$", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: Any) -> Files:
    """Add the made pages and the files that pages link to."""
    texts, homes = pages(files)
    made, linked = mended(texts, homes)
    for uri, text in made.items():
        if (there := files.get_file_from_path(uri)) is not None:
            files.remove(there)
        files.append(File.generated(config, uri, content=text))
    for uri, path in linked.items():
        files.append(File.generated(config, uri, abs_src_path=str(path)))
    report = make_report(_records(), title="hashbench: reference results")
    files.append(File.generated(config, "results/report.html", content=report))
    text = (
        f"# The report of all records\n\n[Open the report](report.html): all {len(_records()):,} records of "
        "the reference results in one page, with tables to sort and filter, curves, times, ranks and a page "
        f"for each method. It is one file of {len(report.encode()) / 1e6:.0f} MB; saved, it works offline. "
        "`hashbench report results` makes it.\n"
    )
    files.append(File.generated(config, "results/all.md", content=text))
    return files


@cache
def _records() -> dict[Path, Record]:
    return read_record_files(ROOT / "results")


def pages(files: Files) -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """All pages by their place on the site, (place in the repository, text); and places on the site by those.

    ``files`` are those that MkDocs found in ``docs/``.
    """
    texts = {
        file.src_uri: (f"docs/{file.src_uri}", file.content_string)
        for file in files
        if file.is_documentation_page() and not file.inclusion.is_excluded()
    }
    texts |= {uri: (path, (ROOT / path).read_text(encoding="utf-8")) for path, uri in TAKEN.items()}
    texts |= method_pages(_records().values(), ROOT)
    homes = {place: uri for uri, (place, _) in texts.items()}
    homes |= {f"docs/{file.src_uri}": file.src_uri for file in files if not file.inclusion.is_excluded()}
    homes |= {"results": "results/index.md", "methods": "methods/index.md", **EXPLAINED}
    return texts | reference_pages(), homes


def mended(
    texts: Mapping[str, tuple[str, str]], homes: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, Path]]:
    """Texts whose links lead to pages and files of the site, and the files of the repository among these."""
    linked: dict[str, Path] = {}

    def mend(text: str, uri: str, place: str) -> str:
        def target(match: re.Match[str]) -> str:
            path = posixpath.normpath(posixpath.join(posixpath.dirname(place), match[2]))
            home = homes.get(path)
            if home is None and (ROOT / path).is_file():
                home = f"files/{path}.txt"  # a browser shows it, whatever its kind
                linked[home] = ROOT / path
            there = match[2] if home is None else posixpath.relpath(home, posixpath.dirname(uri) or ".")
            return f"{match[1]}{there}{match[3] or ''}"

        parts, last = [], 0
        for fence in _FENCE.finditer(text):
            parts += [_LINK.sub(target, text[last : fence.start()]), fence[0]]
            last = fence.end()
        return "".join([*parts, _LINK.sub(target, text[last:])])

    return {uri: mend(text, uri, place) for uri, (place, text) in texts.items()}, linked
