"""The numbers that figures draw.

Those of pages (``panels``, drawn by matplotlib) and those of the report (drawn by plotly) come from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from hashbench.records import Record

# x and y of curves that belong together, as records call them.
PAIRS = (
    ("recall", "precision"),
    ("rank", "precision_at_rank"),
    ("fpr", "tpr"),
)


def repeated(records: Iterable[Record], metric: str) -> list[float]:
    """The values of a metric or of a code's health, one of each record that has it."""
    measured = [record.metrics | record.health for record in records]
    return [values[metric] for values in measured if metric in values]


def mean_curves(records: Iterable[Record], names: Sequence[str]) -> dict[str, list[float]]:
    """The means over repetitions of curves that belong together, by name, of the records that have them all.

    Where lengths differ between repetitions, the curves of the first one; empty where no record has them all.
    """
    whole = [record for record in records if all(record.curves.get(name) for name in names)]
    alike = len({tuple(len(record.curves[name]) for name in names) for record in whole}) == 1
    kept = whole if alike else whole[:1]
    return {name: np.mean([r.curves[name] for r in kept], axis=0).tolist() for name in names if kept}


def loss_by_epoch(records: Iterable[Record], name: str, relative: bool) -> list[float]:
    """The mean of a loss after each epoch; ``relative``: as a share of the first, as units differ.

    Empty where there is none, and where a first epoch that is not positive has no shares.
    """
    values = mean_curves(records, [name]).get(name, [])
    if not relative or not values:
        return values
    return [value / values[0] for value in values] if values[0] > 0 else []
