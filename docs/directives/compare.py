"""One row against others, unit by unit."""

from argparse import Namespace
from itertools import chain

from directives.page import Files, Page, Setting, names_of, settings, title
from hashbench.contracts.task import MetricInfo
from hashbench.errors import HashbenchError, InvalidInputError
from hashbench.reporting import Comparison, compare_rows
from hashbench.reporting.significance import ALPHA
from hashbench.reporting.tasks import common_task

CLAIM = {("--claim",): {}}
_TESTED = (
    "Difference in {}, `{}` minus the other, with its 95 % interval. Bold: separable (paired bootstrap over "
    "{units}, repetitions averaged; p Holm-corrected over a column, at most {alpha:.2f}). The test covers "
    "the choice of {units}, not the chance in training."
)


def compare(page: Page, files: Files, options: Namespace) -> str:
    """The first of ``--rows`` minus each other one; ``--claim``: words for its being better than all."""
    first, *others = options.rows or [""]
    if not others:
        raise InvalidInputError("--rows must name a row and those that it is compared with")
    task = common_task(files.values())
    metric = options.metrics[0] if options.metrics else task.headline()
    info, there = task.describe(metric), set(chain(*map(names_of, files.values())))
    found: dict[str, list[Comparison]] = {}
    parts, faults = [], []
    for other in [other for other in others if {first, other} <= there]:
        try:
            found[other] = compare_rows(files, first, other, [metric])
        except HashbenchError as error:
            faults.append(f"- `{other}`: {error}")
    if found:
        order, every = list(settings(files, options)), list(chain(*found.values()))
        parts = [_TESTED.format(metric, first, units=task.unit[1], alpha=ALPHA)]
        parts += [_differences(found, info, order), _tally(first, every, info, options.claim)]
    elif options.claim:
        parts = [f"Claim: {options.claim}. Not tested."]
    return "\n\n".join([*parts, *(["\n".join(["Not compared:", "", *faults])] if faults else [])])


def _differences(found: dict[str, list[Comparison]], info: MetricInfo, order: list[Setting]) -> str:
    """Differences by setting, code length and recipe, a column a row."""
    cells: dict[tuple[int, int, str], dict[str, str]] = {}
    for other, c in ((other, c) for other, comparisons in found.items() for c in comparisons):
        shown, low, high = (f"{value:+.{info.decimals}f}" for value in (c.difference, c.low, c.high))
        bold = "**" if c.p_holm <= ALPHA else ""
        place = order.index((c.dataset, c.protocol)), c.bits or 0, c.recipe
        if other in cells.setdefault(place, {}):
            raise InvalidInputError(f"'{other}' is compared on several features; choose with --features")
        cells[place][other] = f"{bold}{shown} [{low}, {high}]{bold}"
    head = f"| data, protocol | bits | {' | '.join(f'minus {other}' for other in found)} |"
    lines = [head, f"|---|---:|{'---|' * len(found)}"]
    for (place, bits, recipe), texts in sorted(cells.items()):
        where = ", ".join(filter(None, (title(order[place]), recipe)))
        lines.append(f"| {where} | {bits or ''} | {' | '.join(texts.get(other, '') for other in found)} |")
    return "\n".join(lines)


def separable(comparisons: list[Comparison], info: MetricInfo) -> tuple[int, int]:
    """In how many comparisons the first is separably better, and in how many separably worse."""
    sign = -1 if info.better == "lower" else 1
    found = [c.difference * sign for c in comparisons if c.p_holm <= ALPHA]
    return sum(gain > 0 for gain in found), sum(gain < 0 for gain in found)


def _tally(first: str, comparisons: list[Comparison], info: MetricInfo, claim: str | None) -> str:
    """In how many comparisons the row is separably better and worse, and the verdict on the claim."""
    n, (better, worse) = len(comparisons), separable(comparisons, info)
    said = (
        f"`{first}` is separably better in {better} of {n} comparisons, separably worse in {worse}, "
        f"not separable in {n - better - worse}."
    )
    reached = "Reached" if better == n else "**Not reached**"
    return said if claim is None else f"Claim: {claim}. {reached}: {said}"
