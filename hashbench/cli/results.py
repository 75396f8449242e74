"""``hashbench table`` and ``hashbench eval``: numbers from records, and from anybody's codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hashbench.errors import InvalidInputError

if TYPE_CHECKING:
    from hashbench.records import Record


def table(
    *,
    results: Path,
    metric: Sequence[str],
    format: str,
    published: bool,
    digest: str | None,
    suite: str | None,
) -> int:
    """Print tables by bit length from records: one per data set, protocol and metric."""
    from hashbench.records import read_record_files
    from hashbench.reporting import QueryValues, build_tables, render

    files, labels = read_record_files(results), dict[str, str]()
    records = list(files.values())
    if suite is not None:
        records, labels = _of_suite(records, suite)
    tables = build_tables(records, metric, published, digest, labels, QueryValues(files))
    if format == "rich":
        from hashbench.cli.console import make_console

        make_console().print(render(tables))
    else:
        sys.stdout.write(render(tables, format))
    return 0


def _of_suite(records: Sequence[Record], name: str) -> tuple[list[Record], dict[str, str]]:
    """The records of any data set and protocol that stand in a suite's rows, and the labels of these."""
    from hashbench.execution.grid import expand, labels_of
    from hashbench.execution.suite import make_suite, read_suite

    works = expand(make_suite(read_suite(name), f"suite '{name}'"))
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
    """Evaluate codes from anywhere, exactly; tell their health too, unless metrics are named."""
    from hashbench.evaluation import DEFAULT_METRICS, code_health, evaluate, load_codes, save_per_query

    (query_codes, query_labels), (database_codes, database_labels) = load_codes(query), load_codes(database)
    parts = query_codes, database_codes, query_labels, database_labels
    result = evaluate(*parts, metric or DEFAULT_METRICS, device)
    if per_query is not None:
        save_per_query(per_query, result)
    if as_json:
        print(json.dumps(result.values))
        return 0
    print(f"{len(query_codes):,} queries, {len(database_codes):,} items, {query_codes.n_bits} bits")
    _print_values(result.values)
    if metric is None:
        print("\nhealth of the database's codes")
        _print_values(code_health(database_codes).values)
    return 0


def _print_values(values: dict[str, float]) -> None:
    width = max(map(len, values))
    for name, value in values.items():
        print(f"{name:{width}}  {value:,}" if isinstance(value, int) else f"{name:{width}}  {value:.4f}")
