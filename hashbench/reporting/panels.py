"""Records to panels of figures: values by code length, curves of trainings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Literal

import numpy as np

from hashbench.records import Record
from hashbench.reporting.figures import Line, LineStyle, Panel
from hashbench.reporting.selection import grouped
from hashbench.reporting.series import loss_by_epoch, repeated
from hashbench.reporting.significance import half_width, paired_bootstrap
from hashbench.reporting.units import UnitValues

Rows = Mapping[str, Sequence[Record]]  # the records of one setting that are done, by the row's name
_DODGE = 0.045  # of the distance between two code lengths: error bars of rows do not overlap


@dataclass(frozen=True)
class Interval:
    """A mean over repetitions and its 95 % interval; what was drawn, and how often. None: no interval."""

    mean: float
    low: float
    high: float
    over: Literal["repetitions", "units"] | None
    n: int


def intervals(rows: Rows, values: UnitValues, metric: str) -> dict[tuple[str, int | None], Interval]:
    """By row and code length: Student's t over repetitions; of a single one, a bootstrap over its units."""
    found: dict[tuple[str, int | None], Interval] = {}
    single: dict[tuple[str, int | None], np.ndarray] = {}
    for name, records in rows.items():
        for bits, repetitions in grouped(records, lambda record: record.cell.bits).items():
            means = repeated(repetitions, metric)
            if not means:
                continue
            mean, n = fmean(means), len(means)
            if n > 1:
                half = half_width(stdev(means), n)
                found[name, bits] = Interval(mean, mean - half, mean + half, "repetitions", n)
                continue
            found[name, bits] = Interval(mean, mean, mean, None, n)
            of_units = values.mean(repetitions, metric)
            if of_units is not None:
                single[name, bits] = of_units
    for places in _equally_long(single):
        tested = paired_bootstrap(np.stack([single[place] for place in places]))
        for place, drawn in zip(places, tested, strict=True):
            found[place] = Interval(found[place].mean, drawn.low, drawn.high, "units", len(single[place]))
    return found


def _equally_long(values: Mapping[tuple[str, int | None], np.ndarray]) -> list[list[tuple[str, int | None]]]:
    """The keys grouped by the length of their arrays: equal lengths use the same draws."""
    lengths = sorted({len(array) for array in values.values()})
    return [[key for key, array in values.items() if len(array) == length] for length in lengths]


def by_bits(
    title: str,
    label: str,
    found: Mapping[tuple[str, int | None], Interval],
    styles: Mapping[str, LineStyle],
    levels: Mapping[str, float],
    y_range: tuple[float, float] | None = None,
) -> Panel:
    """A metric by code length, with its intervals. A method without codes is a level line."""
    lengths = sorted({bits for _, bits in found if bits})
    names = [name for name in styles if any(name == other for other, _ in found)]
    lines = []
    for i, name in enumerate(names):
        shift = _DODGE * (i - (len(names) - 1) / 2)
        at = {place + shift: found[name, bits] for place, bits in enumerate(lengths) if (name, bits) in found}
        if (name, None) in found:
            at = {-0.3: found[name, None], len(lengths) - 0.7: found[name, None]}
        points = list(at.values())
        bars = any(point.over for point in points) and (name, None) not in found
        lines.append(
            Line(
                name,
                styles[name],
                list(at),
                [point.mean for point in points],
                [point.low for point in points] if bars else (),
                [point.high for point in points] if bars else (),
            )
        )
    ticks = {float(place): str(bits) for place, bits in enumerate(lengths)}
    return Panel(title, "code length (bits)", label, lines, ticks, levels, y_range)


def training_losses(
    title: str, rows: Rows, styles: Mapping[str, LineStyle], curve: str, label: str, relative: bool
) -> Panel:
    """A loss by epoch, the mean over repetitions; ``relative``: divided by the first, as units differ."""
    lines = []
    for name, style in styles.items():
        values = loss_by_epoch(rows.get(name, ()), curve, relative)
        if values:
            lines.append(Line(name, style, range(1, len(values) + 1), values))
    return Panel(title, "epoch", label, lines, markers=False)
