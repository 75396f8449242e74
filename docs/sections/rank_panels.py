"""Records to panels of rankings: precision by rank, and against recall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hashbench.records import Record
from hashbench.reporting.figures import Line, LineStyle, Panel
from hashbench.reporting.panels import Rows, mean_curve


def has_rank_curves(records: Sequence[Record]) -> bool:
    """Whether there are records and all have precision and recall by rank, which older ones lack."""
    return bool(records) and all("precision_at_rank" in record.curves for record in records)


def precision_by_rank(title: str, rows: Rows, styles: Mapping[str, LineStyle]) -> Panel:
    """Precision of the first N items, N on a logarithmic axis. Rows of one code length."""
    lines = [
        Line(name, styles[name], rows[name][0].curves["rank"], mean_curve(rows[name], "precision_at_rank"))
        for name in styles
        if has_rank_curves(rows.get(name, ()))
    ]
    label = "number N of first items"
    return Panel(title, label, "precision@N", lines, y_range=(0, 1.02), log_x=True, markers=False)


def precision_by_recall(title: str, rows: Rows, styles: Mapping[str, LineStyle]) -> Panel:
    """Precision against recall: by rank, or where codes were not scored so, within each Hamming radius."""
    of_codes = [record for records in rows.values() for record in records if "radius" in record.curves]
    end = "_at_rank" if has_rank_curves(of_codes) else ""
    lines = [
        Line(
            name,
            styles[name],
            mean_curve(rows[name], f"recall{end}"),
            mean_curve(rows[name], f"precision{end}"),
        )
        for name in styles
        if rows.get(name) and all(f"precision{end}" in record.curves for record in rows[name])
    ]
    return Panel(title, "recall", "precision", lines, y_range=(0, 1.02), markers=False)
