"""Line figures in the style of a paper, the same bytes each time. Needs matplotlib: the extra ``docs``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito, "Color universal design", 2008, without yellow, which is too light for lines, and two more.
COLORS = ("#D55E00", "#0072B2", "#009E73", "#E69F00", "#CC79A7", "#000000", "#777777", "#56B4E9", "#6B4C9A")
MARKERS = ("o", "s", "^", "D", "v", "P", "", "X", "<")
RIGHT, WRONG = COLORS[1], COLORS[0]

_PANEL = (4.2, 3.0)  # inches
_STYLE: dict[Any, Any] = {
    "axes.grid": True,
    "axes.labelsize": 9,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "figure.dpi": 144,
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that figures are the same everywhere
    "font.size": 9,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "svg.hashsalt": "hashbench",
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
}


@dataclass(frozen=True)
class LineStyle:
    """How one name looks in every figure of a page."""

    color: str
    marker: str
    dashes: str


def styles(names: Mapping[str, str]) -> dict[str, LineStyle]:
    """A style of its own for each name, in their order; ``names`` gives the dashes: "-", "--" or ":"."""
    if len(names) > len(COLORS):
        raise ValueError(f"{len(names)} names, but only {len(COLORS)} styles can be told apart")
    return {
        name: LineStyle(color, marker, dashes)
        for (name, dashes), color, marker in zip(names.items(), COLORS, MARKERS, strict=False)
    }


@dataclass(frozen=True)
class Line:
    """Points of one name, joined. low, high: ends of error bars, where there are any."""

    name: str
    style: LineStyle
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@dataclass(frozen=True)
class Panel:
    """One pair of axes. ticks, y_ticks: places on the axes and their labels.

    levels: labelled horizontal lines. height: in inches; a row of panels is as high as the highest.
    """

    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    ticks: Mapping[float, str] = field(default_factory=dict)
    levels: Mapping[str, float] = field(default_factory=dict)
    y_range: tuple[float, float] | None = None
    log_x: bool = False
    markers: bool = True
    y_ticks: Mapping[float, str] = field(default_factory=dict)
    height: float = _PANEL[1]


def draw(rows: Sequence[Sequence[Panel]]) -> Figure:
    """A figure of rows of panels, with one legend below for all names."""
    import matplotlib
    from matplotlib.figure import Figure

    heights = [max(panel.height for panel in panels) for panels in rows]
    with matplotlib.rc_context(_STYLE):
        n_columns = max(map(len, rows))
        figure = Figure((_PANEL[0] * n_columns, sum(heights) + 0.5), layout="constrained")
        grid = figure.subplots(len(rows), n_columns, squeeze=False, height_ratios=heights)
        handles: dict[str, Any] = {}
        for axes, panels in zip(grid, rows, strict=True):
            for ax, panel in zip(axes, panels, strict=False):
                handles |= _fill(ax, panel) | handles
            for ax in axes[len(panels) :]:
                ax.set_axis_off()
        order = dict.fromkeys(line.name for panel in chain(*rows) for line in panel.lines)
        figure.legend(
            [handles[name] for name in order],
            list(order),
            loc="outside lower center",
            ncols=min(6, len(order)),
        )
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write an SVG or PNG file without a date or a version, so that the same figure is the same file."""
    import matplotlib

    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"Creator": None, "Date": None} if path.suffix == ".svg" else {"Software": None}
    with matplotlib.rc_context(_STYLE):
        figure.savefig(path, metadata=metadata)


def _fill(ax: Axes, panel: Panel) -> dict[str, Any]:
    """Draw a panel; returns the legend's handle for each name."""
    handles = {}
    for depth, line in enumerate(panel.lines):
        errors = None
        if line.low:
            below = [y - low for y, low in zip(line.y, line.low, strict=True)]
            errors = [below, [high - y for y, high in zip(line.y, line.high, strict=True)]]
        handles[line.name] = ax.errorbar(
            line.x,
            line.y,
            yerr=errors,
            color=line.style.color,
            linestyle=line.style.dashes,
            marker=line.style.marker if panel.markers else "",
            markeredgecolor="white",
            markeredgewidth=0.4,
            elinewidth=0.9,
            capsize=2,
            zorder=3 + len(panel.lines) - depth,  # the first name lies above the others
        )
    for label, level in panel.levels.items():
        ax.axhline(level, color="#555555", linewidth=0.8, linestyle=(0, (1, 2)), zorder=2)
        ax.annotate(
            label,
            (1, level),  # outside, where no line can cross it
            xycoords=("axes fraction", "data"),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
            color="#333333",
        )
    if panel.log_x:
        ax.set_xscale("log")
    if panel.ticks:
        ax.set_xticks(list(panel.ticks), list(panel.ticks.values()))
    if panel.y_ticks:
        ax.set_yticks(list(panel.y_ticks), list(panel.y_ticks.values()))
    if panel.y_range:
        ax.set_ylim(*panel.y_range)
    ax.set(title=panel.title, xlabel=panel.x_label, ylabel=panel.y_label)
    return handles
