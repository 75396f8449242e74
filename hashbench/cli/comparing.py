"""``hashbench compare``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from hashbench.reporting import Comparison


def compare(
    *,
    first: str,
    second: str,
    results: Path,
    metric: Sequence[str],
    datasets: Sequence[str],
    protocols: Sequence[str],
    digest: str | None,
    as_json: bool,
) -> int:
    """Print the difference between two methods on the same queries, and whether it is more than chance."""
    from hashbench.cli.console import make_console
    from hashbench.records import read_record_files
    from hashbench.reporting import compare as compare_rows
    from hashbench.reporting import only

    files = only(read_record_files(results), datasets, protocols, digest)
    found = compare_rows(files, first, second, metric)
    if as_json:
        print(json.dumps([asdict(comparison) for comparison in found]))
        return 0
    console = make_console()
    for _, members in groupby(found, key=_setting):
        console.print(_table(list(members)))
    console.print(
        "95 % intervals and p of a paired bootstrap over the queries, the values of repetitions averaged.\n"
        "Holm p is corrected for all comparisons made with one metric. Chance in training is not covered.",
        style="dim",
    )
    return 0


def _setting(comparison: Comparison) -> tuple[str, ...]:
    return comparison.metric, comparison.dataset, comparison.protocol, comparison.first, comparison.second


def _table(comparisons: Sequence[Comparison]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from hashbench.reporting.significance import ALPHA
    from hashbench.reporting.table import MISSING

    of = comparisons[0]
    repetitions = " and ".join(map(str, of.repetitions))
    table = Table(
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        title_justify="left",
        title=Text(
            f"{of.dataset} · {of.protocol} · {of.metric}: A = {of.first}, B = {of.second}\n"
            f"{of.n_queries:,} queries; repetitions: {repetitions}",
            style="bold",
        ),
    )
    for title in ("bits", "A", "B", "A - B", "95 % interval", "p", "Holm p", "win/tie/loss"):
        table.add_column(title, justify="right", no_wrap=True)
    for c in comparisons:
        certain = c.p_holm <= ALPHA
        table.add_row(
            str(c.bits or MISSING),
            f"{c.mean_first:.3f}",
            f"{c.mean_second:.3f}",
            Text(f"{c.difference:+.4f}", style="bold" if certain else "dim"),
            f"{c.low:+.4f} to {c.high:+.4f}",
            f"{c.p:.4f}",
            f"{c.p_holm:.4f}",
            f"{c.wins}/{c.ties}/{c.losses}",
        )
    return table
