"""Numbers that a paper claims, beside ours."""

import re
from argparse import Namespace

from directives.page import SEVERAL, Files, Page, rows_of, settings, title
from hashbench.errors import InvalidInputError
from hashbench.reporting import UnitValues
from hashbench.reporting.panels import Interval, intervals
from hashbench.reporting.published import unplaced
from hashbench.reporting.tasks import common_task

CLAIMS = {("--claims", "--claim"): SEVERAL}
_CLAIM = re.compile(r"(?P<label>.+?)\s*=\s*(?P<value>[\d.]+)(?:\s*@\s*(?P<at>\S+ \S+ \d+))?")
_TITLES = "| data, protocol | labels | network | bits | claim | ours ({}) | 95 % interval | n | verdict |"
_NOTE = (
    "The verdict compares the unrounded mean with the claim as printed. Intervals: Student's t over n "
    "repetitions, each with another start; where n is 1, a bootstrap over the {}, which does not cover the "
    "chance in training. {}: {}."
)


def claims(page: Page, files: Files, options: Namespace) -> str:
    """The one row of ``--rows`` beside its published numbers without a protocol, and beside ``--claims``."""
    stated = [match for text in options.claims if (match := _CLAIM.fullmatch(text))]
    if len(options.rows) != 1 or len(stated) < len(options.claims):
        raise InvalidInputError(
            "give --row, one, and --claims 'LABEL = VALUE @ DATASET PROTOCOL BITS' (or no @)"
        )
    task = common_task(files.values())
    metric = options.metrics[0] if options.metrics else task.headline()
    info, lines = task.describe(metric), [_TITLES.format(metric), "|---|---:|---|---:|---|---:|---|---:|---|"]
    over = {"repetitions": "repetitions", "units": task.unit[1]}
    for setting, members in settings(files, options).items():
        published = unplaced([record.cell.method for record in members.values()], setting[0], metric)
        for (name, bits), ours in intervals(rows_of(members, options), UnitValues(files), metric).items():
            records = rows_of(members, options, bits)[name]
            labels = f"{records[0].card.n_labelled:,}" if records[0].card else ""
            left = f"{title(setting)} | {labels} | {records[0].cell.backbone or ''} | {bits or ''}"
            low, mean, high = (f"{value:.{info.decimals}f}" for value in (ours.low, ours.mean, ours.high))
            between = f"{low} to {high} ({over[ours.over]})" if ours.over else "unknown"
            own = f"{mean} | {between} | {len(records)}"
            claimed = [(f"published: {n.value:.2f}", n.value) for n in published if n.bits in (None, bits)]
            here = [match for match in stated if match["at"] in (None, " ".join([*setting, str(bits)]))]
            claimed += [(f"{match['label']}: {match['value']}", float(match["value"])) for match in here]
            for claim, value in claimed:
                found = verdict(ours, value, info.better == "lower", info.decimals)
                lines.append(f"| {left} | {claim} | {own} | {found} |")
                left, own = "| | |", "| |"
    note = _NOTE.format(task.unit[1], metric, info.definition)
    return "\n".join([*lines, "", note]) if len(lines) > 2 else ""


def verdict(ours: Interval, claim: float, lower_is_better: bool, decimals: int) -> str:
    """Reached or not, by how much, and whether the interval leaves it open."""
    gap = ours.mean - claim
    reached = gap <= 0 if lower_is_better else gap >= 0
    by = f"{abs(gap):.{decimals}f} {'above' if gap >= 0 else 'below'}"
    is_open = "; the interval holds the claim" if ours.over and ours.low <= claim <= ours.high else ""
    return f"{'reached' if reached else '**not reached**'}, {by}{is_open}"
