"""Curves that records hold, one against another: precision by rank and against recall, or a ROC."""

from argparse import Namespace
from collections.abc import Mapping, Sequence

from directives.page import SEVERAL, Files, Page, lengths, looks, rows_of, settings
from hashbench.errors import InvalidInputError
from hashbench.records import Record
from hashbench.reporting.figures import Line, LineStyle, Panel
from hashbench.reporting.series import mean_curves

_PAIRS = ("rank:precision_at_rank", "recall_at_rank:precision_at_rank")
CURVES = {("--curves",): {**SEVERAL, "default": _PAIRS}, ("--log",): {"nargs": "*", "default": ("rank",)}}
_LABELS = {
    "rank": "number N of first items",
    "precision_at_rank": "precision@N",
    "recall_at_rank": "recall@N",
}


def ranking(page: Page, files: Files, options: Namespace) -> str:
    """A figure a setting, at the shortest and the longest codes. ``--curves X:Y``: a panel each."""
    pairs = [text.partition(":")[::2] for text in options.curves]
    if not all(map(all, pairs)):
        raise InvalidInputError("--curves takes X:Y, such as rank:precision_at_rank")
    caption, parts = " and ".join(f"{_LABELS.get(y, y)} by {_LABELS.get(x, x)}" for x, y in pairs), []
    for setting, members in settings(files, options).items():
        look, grid, lacking = looks(rows_of(members, options)), [], set[str]()
        for bits in sorted({*lengths(members)[:1], *lengths(members)[-1:]}) or [None]:
            rows = rows_of(members, options, bits)
            name = ", ".join([*setting, *([f"{bits} bits"] if bits else [])])
            grid.append([_panel(name, x, y, rows, look, x in options.log) for x, y in pairs])
            lacking |= {row for row in rows for p in grid[-1] if row not in {line.name for line in p.lines}}
        if any(panel.lines for panels in grid for panel in panels):
            names = [*dict.fromkeys(y for _, y in pairs), *setting]
            parts.append(page.figure(f"{caption} on {', '.join(setting)}", grid, *names))
        if lacking:
            cure = "`hashbench rescore` adds what a task makes of stored codes."
            parts.append(
                f"On {', '.join(setting)} without these curves: {', '.join(sorted(lacking))}. {cure}"
            )
    return "\n\n".join(parts)


def _panel(
    title: str, x: str, y: str, rows: Mapping[str, Sequence[Record]], look: Mapping[str, LineStyle], log: bool
) -> Panel:
    """Means over repetitions; a row whose records do not all have both curves has no line."""
    whole = {n: records for n, records in rows.items() if all({x, y} <= r.curves.keys() for r in records)}
    means = {name: mean_curves(records, [x, y]) for name, records in whole.items()}
    lines = [Line(name, look[name], of_row[x], of_row[y]) for name, of_row in means.items() if of_row]
    shares = all(0 <= value <= 1 for line in lines for value in line.y)
    labels = (_LABELS.get(name, name) for name in (x, y))
    return Panel(title, *labels, lines, y_range=(0, 1.02) if shares else None, log_x=log, markers=False)
