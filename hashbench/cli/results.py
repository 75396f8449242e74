"""``hashbench table``, ``report`` and ``eval``: numbers from records, and from any codes."""

from __future__ import annotations

import json
import os
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hashbench.errors import InvalidInputError

if TYPE_CHECKING:
    from hashbench.records import Record


def table(
    *,
    results: Path,
    metric: Sequence[str],
    format: str,
    published: bool,
    suite: str | None,
    plugins: Sequence[Path],
    **selected: Any,
) -> int:
    """Print tables by bit length from records: one per data set, protocol, recipe and metric.

    selected: the names that ``reporting.only`` keeps.
    """
    from hashbench.cli.reading import read_results
    from hashbench.plugins.registry import register_file
    from hashbench.reporting import UnitValues, build_tables, only, render

    for path in plugins:
        register_file(path)
    found, code = read_results(results)
    files, labels = only(found, **selected), dict[str, str]()
    records = list(files.values())
    if suite is not None:
        records, labels = _of_suite(records, suite)
    tables = build_tables(records, metric, published, labels, UnitValues(files))
    if format == "rich":
        from hashbench.cli.console import make_console

        make_console().print(render(tables))
    else:
        sys.stdout.write(render(tables, format))
    return code


def report(
    *,
    results: Path,
    output: Path,
    metric: Sequence[str],
    published: bool,
    pictures: Path | None,
    plugins: Sequence[Path],
    show: bool,
    **selected: Any,
) -> int:
    """Write a report on records: one HTML file that needs no network.

    show: whether to open it. selected: the names that ``reporting.only`` keeps.
    """
    from hashbench.cli.reading import read_results
    from hashbench.plugins.registry import register_file
    from hashbench.reporting import only
    from hashbench.reporting.report import write_report

    for path in plugins:
        register_file(path)
    found, code = read_results(results)
    size = write_report(
        only(found, **selected), output, metrics=metric, published=published, pictures=pictures
    )
    opened = show and webbrowser.open(output.resolve().as_uri())
    print(f"{output}: {size / 1e6:.1f} MB; {'opened' if opened else 'open it'} in a browser")
    return code


def _of_suite(records: Sequence[Record], name: str) -> tuple[list[Record], dict[str, str]]:
    """The records of a suite's rows, on any data set and protocol, and the labels of the rows."""
    from hashbench.execution.grid import expand, labels_of
    from hashbench.execution.suite import make_suite, read_suite

    works = expand(make_suite(read_suite(name), f"suite '{name}'")).works
    rows = {work.cell.row for work in works}
    kept = [record for record in records if record.cell.row in rows]
    if not kept:
        raise InvalidInputError(
            f"none of {len(records)} records is of suite '{name}'; run it first: hashbench run --suite {name}"
        )
    return kept, labels_of(works)


def eval_(
    *,
    query: Path,
    database: Path,
    metric: Sequence[str] | None,
    device: str,
    per_query: Path | None,
    as_json: bool,
) -> int:
    """Evaluate codes from any source, exactly; without named metrics, also print code health."""
    from hashbench.evaluation import DEFAULT_METRICS, code_health, evaluate, save_per_query
    from hashbench.evaluation.files import read_codes
    from hashbench.evaluation.metric_table import HEALTH

    ranking = DEFAULT_METRICS if metric is None else [name for name in metric if name not in HEALTH]
    if per_query is not None:
        _check_per_query(per_query, (query, database), ranking)
    queries, items = read_codes(query), read_codes(database)
    if metric is not None and "quantization_error" in metric and items.real_values is None:
        raise InvalidInputError(
            f"quantization_error needs real values, but codes file '{database}' holds bits; leave it out"
        )
    values: dict[str, float] = {}
    if ranking:
        result = evaluate(queries.codes, items.codes, queries.labels, items.labels, ranking, device)
        values |= result.values
        if per_query is not None:
            save_per_query(per_query, result)
    health: dict[str, float] = {}
    if metric is None or len(ranking) < len(metric):
        health = code_health(items.codes, items.real_values).values
    if metric is not None:
        values, health = {name: (values | health)[name] for name in metric}, {}
    if as_json:
        print(json.dumps(values | health))
        return 0
    print(f"{len(queries.codes):,} queries, {len(items.codes):,} items, {items.codes.n_bits} bits")
    _print_values(values)
    if health:
        print("\nhealth of the database's codes")
        _print_values(health)
    return 0


def _check_per_query(out: Path, files: Sequence[Path], ranking: Sequence[str]) -> None:
    from hashbench.evaluation.files import check_replaceable

    for file in files:
        if os.path.realpath(out) == os.path.realpath(file):  # Path.resolve() raises for a link to itself
            raise InvalidInputError(f"--per-query '{out}' would overwrite the codes in it; give another file")
    if not ranking:
        raise InvalidInputError("--per-query has nothing to write: code health has no values of queries")
    check_replaceable(out)


def _print_values(values: dict[str, float]) -> None:
    width = max(map(len, values))
    for name, value in values.items():
        print(f"{name:{width}}  {value:,}" if isinstance(value, int) else f"{name:{width}}  {value:.4f}")
