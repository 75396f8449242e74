"""Write what the directives on the pages of docs/pages and in the README ask for, in place, from records.

    pip install -e '.[docs]'
    python docs/build.py results              # every page; or: results PAGE..., such as mu_liu README
    python docs/build.py --check results      # exit code 1 where a page is not up to date

A page is Markdown, with the name of the method that it is about. Between two marks stands what this program
writes; all else is written by hand. ``directives/__init__.py`` has the directives:

    <!-- hashbench table --protocol 5k --dataset cifar10 --metric map --rows mu_liu itq:cnn -->

    <!-- end -->
"""

import argparse
import os
import re
import shlex
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from directives import DIRECTIVES, Directive
from directives.page import Files, Page, read_page, select

from hashbench.errors import HashbenchError, InvalidInputError, UnknownNameError
from hashbench.records import read_record_files
from hashbench.reporting.figures import draw, save

DOCS = Path(__file__).parent
_MARK = re.compile(r"^<!--\s*(?:hashbench\b(?P<call>.*?)|end\s*)-->", re.DOTALL | re.MULTILINE)


@contextmanager
def _at(path: Path, text: str, place: int) -> Iterator[None]:
    """Errors inside have page and line."""
    try:
        yield
    except HashbenchError as error:
        raise InvalidInputError(f"{path}:{text.count(chr(10), 0, place) + 1}: {error}") from error


def blocks(path: Path, text: str) -> Iterator[tuple[Directive, Namespace, int, slice]]:
    """The directives of a page, with their options, their place and that of their body."""
    marks = list(_MARK.finditer(text))
    for i, mark in enumerate(marks):
        closed = i + 1 < len(marks) and marks[i + 1]["call"] is None
        with _at(path, text, mark.start()):
            if mark["call"] is not None and closed:
                yield *_parsed(mark["call"]), mark.start(), slice(mark.end(), marks[i + 1].start())
            elif mark["call"] is not None or i == 0 or marks[i - 1]["call"] is None:
                raise InvalidInputError("a directive without its <!-- end -->, or an end without a directive")


def _parsed(call: str) -> tuple[Directive, Namespace]:
    try:
        name, *words = shlex.split(call) or [""]
    except ValueError as error:
        raise InvalidInputError(f"'{call.strip()}' is no directive ({error})") from error
    if name not in DIRECTIVES:
        raise UnknownNameError("directive", name, DIRECTIVES)
    return DIRECTIVES[name], DIRECTIVES[name].parse(words)


def written(path: Path, files: Files, folder: Path) -> tuple[str, Page]:
    """A page's text as it should be, and the page with its figures."""
    text = path.read_text(encoding="utf-8")
    found = list(blocks(path, text))
    page = read_page(path.stem, folder, files)
    page = replace(page, way=os.path.relpath(folder, path.parent))
    chosen = [select(page.files, options) for directive, options, *_ in found if directive.filters]
    page = replace(page, shown={p: record for some in chosen for p, record in some.items()})
    parts, last = [], 0
    for directive, options, place, body in found:
        with _at(path, text, place):
            parts += [text[last : body.start], f"\n\n{directive.body(page, options)}\n\n"]
        last = body.stop
    return "".join([*parts, text[last:]]), page


def build(results: Path, names: Sequence[str] = (), check: bool = False, folder: Path = DOCS) -> list[Path]:
    """Write the pages (all where none is named) and their figures; returns those that were not up to date.

    check: write nothing. Figures count as up to date where they are there.
    """
    known = {path.stem: path for path in sorted((folder / "pages").glob("*.md"))}
    if (readme := folder.parent / "README.md").exists():
        known["README"] = readme
    files, stale = read_record_files(results), []
    for name in names or known:
        if name not in known:
            raise UnknownNameError("page", name, known)
        text, page = written(known[name], files, folder)
        figures = {folder / "figures" / name / f"{stem}.svg": rows for stem, rows in page.figures.items()}
        if text != known[name].read_text(encoding="utf-8") or not all(path.exists() for path in figures):
            stale.append(known[name])
        for path, rows in {} if check else figures.items():
            save(draw(rows), path)
        if not check:
            known[name].write_text(text, encoding="utf-8")
    return stale


def main(words: Sequence[str] | None = None, folder: Path = DOCS) -> int:
    """Write or check the pages."""
    parser = argparse.ArgumentParser(description="Write the pages of docs/pages and the README from records.")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit code 1 where not up to date"
    )
    parser.add_argument("results", type=Path, help="a folder with records")
    parser.add_argument("pages", nargs="*", metavar="PAGE", help="names without .md; all by default")
    asked = parser.parse_args(words)
    try:
        stale = build(asked.results, asked.pages, asked.check, folder)
    except HashbenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    for path in stale:
        print(f"{path}: {'not up to date' if asked.check else 'written'}")
    return int(asked.check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
