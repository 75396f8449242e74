"""Tables of records, as ``hashbench table`` prints them."""

from argparse import Namespace

from directives.page import Files, Page, suite_labels
from hashbench.reporting import UnitValues, build_tables, render

TABLE = {(name,): {"action": "store_true"} for name in ("--published", "--bare")}


def table(page: Page, files: Files, options: Namespace) -> str:
    """One a data set, protocol, recipe and metric; of a suite with its labels, or ``--published`` numbers.

    ``--bare``: without headings, captions and notes, where the page itself says what the table shows.
    """
    labels = suite_labels(options.suite) if options.suite else {}
    labels = {row: label for row, label in labels.items() if label}
    values, metrics = UnitValues(files), options.metrics or None
    text = str(render(build_tables(files.values(), metrics, options.published, labels, values), "md"))
    return "\n".join(line for line in text.splitlines() if line.startswith("|")) if options.bare else text
