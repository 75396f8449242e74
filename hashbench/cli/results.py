"""``hashbench table`` and ``hashbench eval``: numbers from records, and from anybody's codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path


def table(*, results: Path, metric: Sequence[str], format: str, published: bool, digest: str | None) -> int:
    """Print tables by bit length from records: one per data set, protocol and metric."""
    from hashbench.records import read_records
    from hashbench.reporting import build_tables, render

    tables = build_tables(read_records(results), metric, published, digest)
    if format == "rich":
        from hashbench.cli.console import make_console

        make_console().print(render(tables))
    else:
        sys.stdout.write(render(tables, format))
    return 0


def eval_(*, query: Path, database: Path, metric: Sequence[str] | None, as_json: bool) -> int:
    """Evaluate codes from anywhere, exactly: packed (with n_bits), 0/1, -1/+1, bool or real (sign)."""
    from hashbench.evaluation import DEFAULT_METRICS, evaluate, load_codes

    (query_codes, query_labels), (database_codes, database_labels) = load_codes(query), load_codes(database)
    result = evaluate(query_codes, database_codes, query_labels, database_labels, metric or DEFAULT_METRICS)
    if as_json:
        print(json.dumps(result.values))
        return 0
    print(f"{len(query_codes):,} queries, {len(database_codes):,} items, {query_codes.n_bits} bits")
    width = max(map(len, result.values))
    for name, value in result.values.items():
        print(f"{name:{width}}  {value:.4f}")
    return 0
