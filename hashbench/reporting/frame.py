"""Tables as numbers: a data frame, and CSV."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hashbench.reporting.shown import inert
from hashbench.reporting.table import Row, Table, Value

if TYPE_CHECKING:
    import pandas as pd


def tables_to_frame(tables: Iterable[Table]) -> pd.DataFrame:
    """One row per table cell, numbers in full precision."""
    import pandas as pd

    frame = pd.DataFrame(
        [
            _record_of(table, row, bits, value)
            for table in tables
            for row in table.rows
            for bits, value in zip(table.bits, row.values, strict=True)
        ]
    )
    nullable = {
        "recipe": "string",
        "bits": "Int64",
        "n_labelled": "Int64",
        "separable": "boolean",
        "published_comparable": "boolean",
    }
    return frame.astype(nullable) if len(frame) else frame


def to_csv(tables: Sequence[Table]) -> str:
    """``tables_to_frame`` as CSV; a text that a spreadsheet would compute begins with an apostrophe."""
    frame = tables_to_frame(tables)
    safe = frame.map(lambda cell: inert(cell) if isinstance(cell, str) else cell)
    changed = {str(name): safe[name] for name in frame if frame[name].dtype.kind in "OT"}
    return frame.assign(**changed).to_csv(index=False, lineterminator="\n")


def _record_of(table: Table, row: Row, bits: int | None, value: Value) -> dict[str, Any]:
    quote = value.quote
    return {
        "dataset": table.dataset,
        "protocol": table.protocol,
        "recipe": table.recipe or None,
        "metric": table.metric,
        "group": row.group,
        "method": row.method,
        "params": json.dumps(row.params, sort_keys=True),
        "supervision": row.supervision,
        "n_labelled": row.n_labelled,
        "n_pool": row.n_pool,
        "features": row.features,
        "learned_from": row.learned_from,
        "backbone": row.backbone,
        "bits": bits,
        "mean": value.mean,
        "sd": value.sd,
        "ci95_half_width": value.half_width,
        "n": value.n,
        "failed": value.failed,
        "best": value.best,
        "separable": value.separable,
        "published": quote.number.value if quote else None,
        "published_comparable": not quote.reasons if quote else None,
        "published_differs": "; ".join(quote.reasons) if quote else None,
        "published_features": quote.number.features if quote else None,
        "published_source": quote.number.source if quote else None,
        "published_url": quote.number.url if quote else None,
        **{f"{name}_digest": digest for name, digest in table.digests.items()},
    }
