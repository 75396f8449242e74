"""Curves and seconds of a setting's rows, averaged over repetitions and short enough for a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np

from hashbench.records import Record
from hashbench.reporting.selection import grouped
from hashbench.reporting.series import PAIRS, loss_by_epoch, mean_curves

MOST = 40  # points of a curve
_DIGITS = 4  # significant


def curves_of(
    records: Sequence[Record], rows: Mapping[str, int], axes: list[list[float]]
) -> list[dict[str, Any]]:
    """The curves of each row and code length: {"row", "bits", "n", "curves": {name: values or axis number}}.

    rows: the number of each ``Cell.row``. axes: values that many curves share are added to it; their place
    stands for them. Losses are shares of the first epoch's.
    """
    found = []
    done = [record for record in records if record.status == "done" and record.cell.row in rows]
    for (row, bits), members in grouped(done, lambda record: (record.cell.row, record.cell.bits)).items():
        known = {name: mean for pair in PAIRS for name, mean in mean_curves(members, pair).items()}
        losses = {name: loss_by_epoch(members, name, relative=True) for name in _losses(members)}
        known |= {name: values for name, values in losses.items() if values}
        if "fpr" in known and "tpr" in known:
            known |= _thin(known["fpr"], known["tpr"])
        short = {
            name: rounded(_short(values) if name.endswith("loss") else values)
            for name, values in known.items()
        }
        curves: dict[str, Any] = {
            name: _place(values, axes) if name == "rank" else values for name, values in short.items()
        }
        if curves:
            epochs = {name: len(known[name]) for name in curves if name.endswith("loss")}
            found.append(
                {"row": rows[row], "bits": bits, "n": len(members), "epochs": epochs, "curves": curves}
            )
    return found


def seconds_of(records: Sequence[Record], rows: Mapping[str, int]) -> list[dict[str, Any]]:
    """Mean seconds by stage of each row and code length: {"row", "bits", "seconds", "devices"}."""
    found = []
    done = [record for record in records if record.status == "done" and record.cell.row in rows]
    for (row, bits), members in grouped(done, lambda record: (record.cell.row, record.cell.bits)).items():
        stages = dict.fromkeys(stage for record in members for stage in record.timings)
        means = {
            stage: fmean(record.timings[stage] for record in members if stage in record.timings)
            for stage in stages
        }
        devices = sorted(
            {
                f"{r.environment.device}, {r.environment.threads} thread{'s' * (r.environment.threads != 1)}"
                for r in members
            }
        )
        seconds = dict(zip(means, rounded(list(means.values())), strict=True))
        found.append({"row": rows[row], "bits": bits, "seconds": seconds, "devices": "; ".join(devices)})
    return found


def rounded(values: Sequence[float]) -> list[float]:
    """The values with four significant digits: enough for a picture."""
    return [float(f"{value:.{_DIGITS}g}") for value in values]


def _losses(members: Sequence[Record]) -> list[str]:
    return [name for name in dict.fromkeys(n for r in members for n in r.curves) if name.endswith("loss")]


def _short(values: Sequence[float]) -> list[float]:
    """At most ``MOST`` of the values, evenly, the first and the last among them."""
    places = np.unique(np.linspace(0, len(values) - 1, MOST).round().astype(int))
    return [values[place] for place in places]


def _thin(fpr: Sequence[float], tpr: Sequence[float]) -> dict[str, list[float]]:
    """A ROC curve with at most ``MOST`` points, spread evenly over the logarithm of its x axis."""
    x = np.asarray(fpr)
    order = np.argsort(x, kind="stable")
    least = x[x > 0].min(initial=1.0)
    targets = np.concatenate([[0.0], np.geomspace(least, 1.0, MOST - 1)])
    places = np.unique(np.searchsorted(x[order], targets, side="right") - 1).clip(0)
    kept = order[np.unique(places)]
    return {"fpr": x[kept].tolist(), "tpr": np.asarray(tpr)[kept].tolist()}


def _place(values: list[float], axes: list[list[float]]) -> int:
    if values not in axes:
        axes.append(values)
    return axes.index(values)
