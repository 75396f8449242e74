"""A page and the records that it may show; what a directive selects of them, and what is not there yet."""

import json
import re
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from hashbench.errors import HashbenchError, InvalidInputError
from hashbench.execution.grid import expand, labels_of
from hashbench.execution.suite import make_suite, read_suite
from hashbench.plugins.registry import find, plugins
from hashbench.records import Cell, Record
from hashbench.reporting.comparison import row_name
from hashbench.reporting.figures import COLORS, LineStyle, Panel, styles
from hashbench.reporting.selection import grouped, latest

Files = dict[Path, Record]
Setting = tuple[str, str]  # data set, protocol
SEVERAL: dict[str, Any] = {"nargs": "+", "default": ()}  # an option with one value or more
# What a directive selects records by; a filter that is left out is no restriction. rows: by name, as tables
# and `hashbench compare` have it (itq, itq:cnn), in the order of figures; methods: all rows of these.
# features: by name, or "images" for methods that read these; devices: "cpu", or "gpu" of any kind.
_NAMES = ("dataset", "protocol", "method", "row", "metric", "device")
FILTERS: dict[tuple[str, ...], dict[str, Any]] = {
    **{(f"--{name}s", f"--{name}"): SEVERAL for name in _NAMES},
    ("--features",): SEVERAL,
    ("--supervision",): SEVERAL,
    ("--bits",): {**SEVERAL, "type": int},
    ("--suite",): {},
}


@dataclass(frozen=True)
class Page:
    """What directives write from: the records of one digest a setting. ``name``: of the method it is about.

    shown: the records that the page's directives select. left_out: how many have other digests. figures: rows
    of panels by file name, filled by the directives. way: from the page to docs/, for links.
    """

    name: str
    folder: Path  # docs/
    files: Files
    left_out: int
    shown: Files = field(default_factory=dict)
    figures: dict[str, Sequence[Sequence[Panel]]] = field(default_factory=dict)
    way: str = ".."

    def figure(self, caption: str, panels: Sequence[Sequence[Panel]], *parts: str) -> str:
        """The Markdown of a figure, which is drawn when the page is written; ``parts`` make its name."""
        name = re.sub(r"[^A-Za-z0-9_.]+", "-", "-".join(parts)).strip("-")
        if name in self.figures:
            raise InvalidInputError(f"two figures of this page are called '{name}'; show different settings")
        self.figures[name] = panels
        return f"![{caption}]({self.way}/figures/{self.name}/{name}.svg)"


def read_page(name: str, folder: Path, files: Files) -> Page:
    """A page that shows nothing yet: of a setting's digests, those of the newest record of its method."""
    kept: Files = {}
    for members in _by_setting(files).values():
        newest = max(members.values(), key=lambda r: (r.status == "done", r.cell.method == name, r.created))
        kept |= {path: record for path, record in members.items() if _go_together(record, newest)}
    return Page(name, folder, kept, len(files) - len(kept))


def _go_together(a: Record, b: Record) -> bool:
    """Whether two records are of the same images, split, task and recipe, as far as both have them."""
    pairs = [(getattr(a.digests, n), getattr(b.digests, n)) for n in ("task", "dataset", "split", "recipe")]
    return all(None in pair or pair[0] == pair[1] for pair in pairs)


def _by_setting(files: Mapping[Path, Record]) -> dict[Setting, Files]:
    groups = grouped(files, lambda path: (files[path].cell.dataset, files[path].cell.protocol))
    return {setting: {path: files[path] for path in paths} for setting, paths in groups.items()}


def names_of(record: Record) -> tuple[str, str]:
    """What a row may be called: with its features, and without."""
    return row_name(record), record.cell.label


# What the filters of a directive look at, by option; None fits all.
_OF_RECORD: Mapping[str, Callable[[Record], Any]] = {
    "datasets": lambda record: record.cell.dataset,
    "protocols": lambda record: record.cell.protocol,
    "bits": lambda record: record.cell.bits,
    "features": lambda record: record.cell.reads,
    "devices": lambda record: "cpu" if record.environment.device == "cpu" else "gpu",
    "supervision": lambda record: record.card and record.card.supervision,
}


def select(files: Mapping[Path, Record], options: Namespace) -> Files:
    """The records that the filters ask for; those without codes match any code length."""
    suite = suite_labels(options.suite) if options.suite else None
    wanted = {name: {*getattr(options, name), None} for name in _OF_RECORD if getattr(options, name)}

    def fits(record: Record) -> bool:
        return (
            all(_OF_RECORD[name](record) in values for name, values in wanted.items())
            and (suite is None or record.cell.row in suite)
            and (
                not (options.rows or options.methods)
                or record.cell.method in options.methods
                or not {*names_of(record)}.isdisjoint(options.rows)
            )
        )

    return {path: record for path, record in files.items() if fits(record)}


@cache
def suite_labels(name: str) -> dict[str, str]:
    """The rows of a suite, {Cell.row: label or ""}; empty where the suite or its methods are not here."""
    try:
        works = expand(make_suite(read_suite(name), name)).works
    except HashbenchError:
        return {}
    return {work.cell.row: "" for work in works} | labels_of(works)


def settings(files: Mapping[Path, Record], options: Namespace) -> dict[Setting, Files]:
    """The records by setting, in the order of the filters."""
    groups = _by_setting(files)
    datasets, protocols = (sorted(set(names)) for names in zip(*groups, strict=True))
    order = product(options.protocols or protocols, options.datasets or datasets)
    return {(d, p): groups[d, p] for p, d in order if (d, p) in groups}


def title(setting: Setting) -> str:
    """A setting in Markdown."""
    return f"{setting[0]} `{setting[1]}`"


def rows_of(files: Files, options: Namespace, bits: int | None = None) -> dict[str, list[Record]]:
    """The finished records by row, in the order of ``rows``; of one code length and without codes, or all."""
    done = [r for r in latest(files.values()) if r.status == "done" and bits in (None, r.cell.bits or bits)]
    place = {name: i for i, name in enumerate(options.rows)}
    return grouped(sorted(done, key=lambda r: min(place.get(n, len(place)) for n in names_of(r))), row_name)


def lengths(files: Mapping[Path, Record]) -> list[int]:
    """The code lengths."""
    return sorted({record.cell.bits for record in files.values() if record.cell.bits})


def looks(rows: Mapping[str, Sequence[Record]]) -> dict[str, LineStyle]:
    """A style for each row. Solid: reads images; dashed: reads learned features; dotted: other features."""
    if len(rows) > len(COLORS):
        raise InvalidInputError(f"{len(rows)} rows in a figure; name at most {len(COLORS)} with --rows")
    read = {name: records[0].card and records[0].card.learned_from for name, records in rows.items()}
    return styles({name: {None: "-", "nothing": ":"}.get(source, "--") for name, source in read.items()})


def missing(files: Files, options: Namespace, page: Page) -> str:
    """Which rows have no records where they are asked for, and what makes them; empty if all are there."""
    wanted = [*options.rows, *options.methods]
    labels = suite_labels(options.suite) if options.suite and not wanted else {}
    asked = {label or _plain(row): row for row, label in labels.items()} or {name: name for name in wanted}
    lacking: dict[str, list[str]] = {}
    places = list(product(options.datasets or [None], options.protocols or [None]))
    for (dataset, protocol), (name, row) in product(places, asked.items()):
        at = Namespace(
            **{**vars(options), "datasets": dataset and [dataset], "protocols": protocol and [protocol]}
        )
        there = [
            r.cell for r in select(files, at).values() if row in (*names_of(r), r.cell.method, r.cell.row)
        ]
        if not there or not all(
            {bits, None} & {cell.bits for cell in there} for bits in _made(there, options)
        ):
            lacking.setdefault(name, []).append(" ".join(filter(None, (dataset, protocol))))
    if files and not lacking:
        return ""
    rows = [n if len(at) == len(places) else f"{n} ({', '.join(at)})" for n, at in lacking.items()]
    what = f"Not there yet: {'; '.join(rows)}." if files else "No records yet."
    return f"{what} `{_command(options, page)}` makes them."


def _plain(row: str) -> str:
    """The method of a Cell.row, with its features: ``itq:cnn``."""
    method, features, _ = json.loads(row)
    return f"{method}:{features}" if features else str(method)


def _made(cells: Sequence[Cell], options: Namespace) -> list[int]:
    """The code lengths asked for that the method of the cells can make."""
    method = find("method", cells[0].method)
    return [bits for bits in options.bits if method.accepts_bits(bits) is None]


def _command(options: Namespace, page: Page) -> str:
    """What makes the records that the filters ask for; what is there already is not run again."""
    rows = [row.partition(":") for row in options.rows]
    if options.suite is None and any("(" in row for row, *_ in rows):
        raise InvalidInputError("rows with parameters need --suite, the name of a suite that makes them")
    default = page.name if page.name in plugins("method") else "all"
    methods = dict.fromkeys([*(row for row, *_ in rows), *options.methods]) or [default]
    named = [*(features for *_, features in rows if features), *options.features]
    words = {"methods": methods, "features": dict.fromkeys(name for name in named if name != "images")}
    words = {"suite": [options.suite]} if options.suite else words
    words |= {name: getattr(options, name) for name in ("datasets", "protocols", "bits")}
    given = [f"--{name} {' '.join(map(str, values))}" for name, values in words.items() if values]
    return " ".join(["hashbench run", *given, "--out results"])
