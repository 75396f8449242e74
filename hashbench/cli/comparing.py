"""``hashbench compare``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from hashbench.reporting import Comparison


def compare(
    *,
    first: str,
    second: str,
    results: Path,
    metric: Sequence[str],
    as_json: bool,
    plugins: Sequence[Path],
    **selected: Any,
) -> int:
    """Print the difference between two methods on the same units, and whether it is more than chance.

    selected: the names that ``reporting.only`` keeps.
    """
    from hashbench.cli.console import make_console
    from hashbench.cli.reading import read_results
    from hashbench.plugins.registry import register_file
    from hashbench.reporting import compare_rows, only

    for path in plugins:
        register_file(path)
    records, code = read_results(results)
    files = only(records, **selected)
    found = compare_rows(files, first, second, metric)
    if as_json:
        print(json.dumps([asdict(comparison) for comparison in found]))
        return code
    console = make_console()
    for _, members in groupby(found, key=_setting):
        console.print(_table(list(members)))
    units = " and ".join(dict.fromkeys(comparison.unit for comparison in found))
    console.print(
        f"95 % intervals and p of a paired bootstrap over the {units}, the values of repetitions averaged.\n"
        "Holm p is corrected for all comparisons made with one metric. Chance in training is not covered.",
        style="dim",
    )
    return code


def _setting(c: Comparison) -> tuple[str, ...]:
    return c.metric, c.dataset, c.protocol, c.recipe, c.first, c.second


def _table(comparisons: Sequence[Comparison]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from hashbench.plugins.registry import find
    from hashbench.reporting.significance import ALPHA
    from hashbench.reporting.table import MISSING

    of = comparisons[0]
    repetitions = " and ".join(map(str, of.repetitions))
    setting = " · ".join(filter(None, (of.dataset, of.protocol, of.recipe, of.metric)))
    decimals = find("task", of.task).describe(of.metric).decimals
    table = Table(
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        title_justify="left",
        title=Text(
            f"{setting}: A = {of.first}, B = {of.second}\n"
            f"{of.n_units:,} {of.unit}; repetitions: {repetitions}",
            style="bold",
        ),
    )
    for title in ("bits", "A", "B", "A - B", "95 % interval", "p", "Holm p", "win/tie/loss"):
        table.add_column(title, justify="right", no_wrap=True)
    for c in comparisons:
        certain = c.p_holm <= ALPHA
        table.add_row(
            str(c.bits or MISSING),
            f"{c.mean_first:.{decimals}f}",
            f"{c.mean_second:.{decimals}f}",
            Text(f"{c.difference:+.{decimals + 1}f}", style="bold" if certain else "dim"),
            f"{c.low:+.{decimals + 1}f} to {c.high:+.{decimals + 1}f}",
            f"{c.p:.4f}",
            f"{c.p_holm:.4f}",
            f"{c.wins}/{c.ties}/{c.losses}",
        )
    return table
