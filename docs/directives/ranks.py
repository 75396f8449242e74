"""Mean ranks of methods over blocks, with the critical difference, and a picture of both."""

from argparse import Namespace
from itertools import chain, count

from directives.compare import separable
from directives.page import Files, Page
from hashbench.errors import HashbenchError
from hashbench.reporting import compare_rows
from hashbench.reporting.figures import COLORS, Line, LineStyle, Panel
from hashbench.reporting.provenance import environment, mixtures
from hashbench.reporting.report.ranks import MIN_METHODS, Ranks, block_of, critical_difference, mean_ranks
from hashbench.reporting.selection import grouped, rivals
from hashbench.reporting.significance import ALPHA
from hashbench.reporting.tasks import common_task
from hashbench.reporting.units import UnitValues

RANKS = {("--name",): {"required": True}, ("--min-blocks",): {"type": int, "default": 2}}
_PER_METHOD = 0.17  # inches of the picture
_HEAD = (
    "| method | mean rank | within the critical difference of the first | the first against this one | "
    "this one against the next |\n|---|---:|---|---|---|"
)


def ranks(page: Page, files: Files, options: Namespace) -> str:
    """A table and a picture for methods that read features, and for methods that read images.

    ``--name``: of the group, for the picture. ``--min-blocks``: methods are left out until the others share
    so many.
    """
    parts = []
    for found in mean_ranks(files.values(), options.min_blocks):
        if found.methods:
            parts += _shown(page, files, found, options.name)
        else:
            there = ", ".join(f"`{name}` {n}" for name, n in sorted(found.left_out.items()))
            need = f"{MIN_METHODS} methods and {options.min_blocks} blocks that they share"
            parts.append(f"No ranking of {options.name}: it needs {need}. Blocks of each: {there}.")
    return "\n\n".join(parts) or f"No ranking of {options.name}: nothing that competes has records."


def _shown(page: Page, files: Files, found: Ranks, name: str) -> list[str]:
    done = [
        r for r in rivals(files.values()) if r.cell.method in found.methods and block_of(r) in found.blocks
    ]
    chosen = set(map(id, done))
    own = {path: record for path, record in files.items() if id(record) in chosen}
    left_out = ", ".join(f"`{method}` ({n})" for method, n in sorted(found.left_out.items()))
    words = [
        f"Methods: {len(found.methods)}; blocks: {len(found.blocks)} ({'; '.join(found.blocks)}).",
        f"{found.metric}, mean over repetitions; rank 1 is the best.",
        _tests(found),
        f"Left out, with the number of blocks that each has: {left_out}." if left_out else "",
        f"{found.n_unused} blocks that not all of these methods have are not used." if found.n_unused else "",
        environment(done),
        *chain(*map(mixtures, grouped(done, lambda r: (r.cell.dataset, r.cell.protocol)).values())),
    ]
    parts = [" ".join(dict.fromkeys(filter(None, words))), _table(own, found)]
    if _tells_some_apart(found):
        parts.append(
            page.figure(f"Mean ranks of {name}", [[_panel(found, name)]], "ranks", name, found.reads)
        )
    return parts


def _tells_some_apart(found: Ranks) -> bool:
    """Whether the critical difference is shorter than the scale; else all bars of a picture would meet."""
    return found.distance < len(found.methods) - 1


def _tests(found: Ranks) -> str:
    """Friedman's and Nemenyi's, and what so few blocks can tell."""
    scale = len(found.methods) - 1
    p = "no test with one block or equal values" if found.p is None else f"p = {found.p:.2g}"
    said = (
        f"Friedman, all alike: {p}. Nemenyi, critical difference of two mean ranks at {ALPHA:.0%}: "
        f"{found.distance:.1f}; the first and the last can be {scale} apart."
    )
    if not _tells_some_apart(found):
        n = len(found.methods)
        need = next(blocks for blocks in count(len(found.blocks)) if critical_difference(n, blocks) < scale)
        return (
            f"{said} **So few blocks tell no two of these methods apart by their ranks;** at least {need} "
            "blocks could, and without them there is no picture."
        )
    if found.distance > scale / 2:
        return f"{said} **That is more than half of the scale: only its ends are told apart.**"
    return said


def _table(files: Files, found: Ranks) -> str:
    lines, values = [_HEAD], UnitValues(files)
    following = [*found.methods[1:], None]
    for method, mean, other in zip(found.methods, found.means, following, strict=True):
        near = "yes" if mean - found.means[0] <= found.distance else "**no**"
        behind = "" if method == found.methods[0] else _separable(files, values, found.methods[0], method)
        ahead = _separable(files, values, method, other) if other else ""
        lines.append(f"| {method} | {mean:.1f} | {near} | {behind} | {ahead} |")
    return "\n".join(lines) + (
        "\n\nLast columns: at how many code lengths of a data set and its features the first row is "
        "separably better than this one, and at how many worse; the same for this row and the one below it "
        f"(paired bootstrap over the queries, repetitions averaged, Holm-corrected, {ALPHA:.0%}). This test "
        "does not need many blocks, but covers the choice of queries only, not the chance in training or "
        "another data set."
    )


def _separable(files: Files, values: UnitValues, method: str, other: str) -> str:
    try:
        tests = compare_rows(files, method, other, values=values)
    except HashbenchError:  # values of single queries are missing
        return "not tested"
    better, worse = separable(tests, common_task(files.values()).describe(tests[0].metric))
    return f"better in {better} of {len(tests)}" + (f", worse in {worse}" if worse else "")


def _panel(found: Ranks, name: str) -> Panel:
    """A bar as long as the critical difference around each mean rank: where two do not meet, they differ."""
    n = len(found.methods)
    places = [float(n - i) for i in range(n)]
    half = found.distance / 2
    around = f"± {half:.1f}, half of the critical difference"
    bar, point = LineStyle(COLORS[7], "", "-"), LineStyle(COLORS[1], "o", "")
    bars = [
        Line(around, bar, (mean - half, mean + half), (y, y))
        for mean, y in zip(found.means, places, strict=True)
    ]
    return Panel(
        title=f"{name}; blocks: {len(found.blocks)}",
        x_label="mean rank (1 is the best)",
        y_label="",
        lines=[Line("mean rank", point, found.means, places), *bars],
        y_ticks=dict(zip(places, found.methods, strict=True)),
        height=max(2.0, 0.8 + _PER_METHOD * n),
    )
