"""A metric against code length."""

from argparse import Namespace

from directives.page import SEVERAL, Files, Page, lengths, looks, rows_of, settings, title
from hashbench.reporting import UnitValues
from hashbench.reporting.panels import by_bits, intervals
from hashbench.reporting.tasks import common_task

FIGURE = {
    ("--levels",): {**SEVERAL, "type": float},  # labelled horizontal lines
    ("--range",): {"nargs": 2, "type": float},  # of the y axis
    ("--enlarged",): SEVERAL,  # rows that get a second panel of their own
}
_BARS = (
    "Bars: 95 % intervals (Student's t over the repetitions; where there is one, a bootstrap over its {}, if "
    "their values are there). Solid: reads images; dashed: reads learned features; dotted: reads pixels or "
    "other features that were not learned."
)


def curve(page: Page, files: Files, options: Namespace) -> str:
    """A figure a setting: a panel a metric, a line a row."""
    task, parts = common_task(files.values()), []
    metrics, levels = options.metrics or (task.headline(),), {f"{level:g}": level for level in options.levels}
    for setting, members in settings(files, options).items():
        if len(lengths(members)) < 2:
            parts.append(f"{title(setting)} has fewer than two code lengths: no curve.")
            continue
        name, rows, panels = ", ".join(setting), rows_of(members, options), []
        for metric in metrics:
            found = intervals(rows, UnitValues(files), metric)
            panels.append(by_bits(name, metric, found, looks(rows), levels, options.range))
            near = {key: interval for key, interval in found.items() if key[0] in options.enlarged}
            low = min((interval.low for interval in near.values()), default=0)
            inside = {label: level for label, level in levels.items() if level >= low}
            panels += [by_bits("enlarged", metric, near, looks(rows), inside)] if near else []
        caption = f"{', '.join(metrics)} by code length on {name}"
        parts += [page.figure(caption, [panels], *metrics, *setting), _BARS.format(task.unit[1])]
    return "\n\n".join(parts)
