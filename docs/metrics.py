"""Write the page of the metrics: definitions, formulas and values on one ranking, from the package itself.

    python docs/metrics.py > docs/metrics.md

Every value is what ``evaluate`` gives. The arithmetic beside it is worked out by hand; a page on which the
two differ is not written.
"""

from __future__ import annotations

import inspect

from sections.mistakes import mistakes_section
from sections.ranking import (
    DATABASE,
    QUERY,
    WORKED,
    bits_of,
    check_by_hand,
    distance,
    evaluate_ranking,
    gain,
    markdown_table,
)

from hashbench.evaluation import CodeHealth, Evaluation, code_health, metrics
from hashbench.evaluation.metric_table import HEALTH, METRICS, describe, read_name

REMARKS = {
    "map@5[hits]": "e is the fifth item in one order of two: three hits, or two.",
    "map@5[total]": "Here R = 4 is below k = 5, so `[min]` and `[total]` agree; they differ where R > k.",
    "ndcg@5": "The gains are 1 for a and e, 2 for b and h; the best order is b h a e, then the rest.",
}


def main() -> None:
    """Print the page."""
    print(page(), end="")


def page() -> str:
    """The page, in Markdown."""
    found = evaluate_ranking([*WORKED])
    sections = [
        INTRODUCTION,
        ranking_table(),
        groups_table(),
        METRICS_HEAD,
        f"```text\n{body(metrics).rstrip()}\n```",
        *(section(name, found[name]) for name in WORKED),
        curves(found),
        health_section(),
        mistakes_section(found),
    ]
    return "\n\n".join(text.strip() for text in sections) + "\n"


INTRODUCTION = """
# Metrics

Written by `docs/metrics.py` from the package's own functions; do not edit.

Published numbers disagree by several points because their metrics differ under one name: in how ties of the
Hamming distance are broken, in what AP@k is divided by, in what happens to a query that finds nothing. Here
each metric has a definition that its name tells in full, and its value on one ranking that can be checked by
hand. `hashbench list metrics` prints the definitions, `hashbench eval` computes the metrics for anybody's
codes, `hashbench.evaluate` does so in Python.

Rules for all of them:

- An item is relevant if it shares at least one label with the query; its gain is how many labels it shares.
- Items at one distance are tied. A metric is the exact expectation over all orders of tied items, each as
  likely as the others: no sort decides, so neither the order of a file nor a library's version does.
- A query without a relevant item scores 0, and so does one whose Hamming ball is empty. None is left out.
- A bit is 1 where the encoder's output is above 0, so that codes have two values, never three.
- A metric of a set of queries is the mean over all queries.

## The ranking

One query with the labels sea and boat and the code 0000; eight items. The encoder's third output for b is
exactly 0, which makes bit 0.
"""

METRICS_HEAD = """
## Metrics of the ranking

The formulas are the docstrings of the functions in `hashbench/evaluation/metrics.py`, as they stand. Each
value is the package's, and the arithmetic before it gives the same.
"""


def ranking_table() -> str:
    """The items in the order of their distance."""
    rows: list[list[object]] = [
        [
            name,
            ", ".join(labels),
            bits_of(values),
            distance(values),
            "+" if gain(labels) else "-",
            gain(labels),
        ]
        for name, labels, values in DATABASE
    ]
    return markdown_table(["item", "labels", "code", "distance", "relevant", "gain"], rows)


def groups_table() -> str:
    """The counts that all metrics are functions of."""
    rows: list[list[object]] = []
    N = P = 0
    for d in range(len(QUERY) + 1):
        gains = [gain(labels) for _, labels, values in DATABASE if distance(values) == d]
        n, r = len(gains), sum(g > 0 for g in gains)
        ranks = f"{N + 1}" if n == 1 else f"{N + 1} to {N + n}"
        rows.append([d, ranks, n, r, sum(gains), N, P])
        N, P = N + n, P + r
    text = (
        f"All that a metric sees of it, with R = {P} relevant items of {N}: n items, r of them relevant, g\n"
        "the sum of their gains; N items and P relevant ones before."
    )
    return text + "\n\n" + markdown_table(["distance", "ranks", "n", "r", "g", "N", "P"], rows)


def body(documented: object) -> str:
    """A docstring after its first line."""
    return (inspect.getdoc(documented) or "").partition("\n")[2].strip("\n")


def section(name: str, value: float) -> str:
    """A metric: definition, formula, value."""
    check_by_hand(name, value, WORKED[name])
    pattern, _ = read_name(name)
    function = METRICS[pattern].function
    formula = body(function)
    first = (inspect.getdoc(function) or "").partition("\n")[0]
    text = "\n".join(filter(None, [first, formula]))
    lines = [
        f"### `{pattern}`",
        f"`{name}`: {describe(name).definition}.",
        f"```text\n{text}\n```",
        f"On the ranking: `{WORKED[name]}` = **{value:.4f}**. {REMARKS.get(name, '')}".strip(),
    ]
    return "\n\n".join(lines)


def curves(found: Evaluation) -> str:
    """Precision and recall along the ranking."""
    assert found.pr_curve is not None
    by_radius, by_rank = found.pr_curve, found.rank_curve
    head = """
## Precision-recall curves

By radius: precision and recall within each Hamming radius. By rank: of the first items, in expectation over
ties, at ten ranks a decade and at the end. Both are in `Evaluation.pr_curve` and `Evaluation.rank_curve`, and
in a record's `curves`.
"""
    radius_rows: list[list[object]] = [
        [radius, f"{p:.4f}", f"{r:.4f}"]
        for radius, p, r in zip(by_radius.radius, by_radius.precision, by_radius.recall, strict=True)
    ]
    rank_rows: list[list[object]] = [
        [rank, f"{p:.4f}", f"{r:.4f}"]
        for rank, p, r in zip(by_rank.rank, by_rank.precision, by_rank.recall, strict=True)
    ]
    return "\n\n".join(
        [
            head.strip(),
            markdown_table(["radius", "precision", "recall"], radius_rows),
            markdown_table(["rank", "precision", "recall"], rank_rows),
        ]
    )


HEALTH_WORKED = {
    "bit_balance": "1 - (6/8 + 0 + 2/8 + 0) / 4",
    "bit_correlation": "(1/sqrt(7) + 3/sqrt(105) + 1/sqrt(7) + 1/sqrt(15) + 0 + 1/sqrt(15)) / 6",
    "distinct_codes": "8",
    "code_entropy": "-8 * (1/8) * log2(1/8)",
}


def health_section() -> str:
    """The health of the eight codes."""
    values = [values for _, _, values in DATABASE]
    health = code_health(values, values)
    for name, expression in HEALTH_WORKED.items():
        check_by_hand(name, health.values[name], expression)
    head = """
## Code health

Properties of the database's codes, whatever the queries: `hashbench.code_health`, `Record.health`, and the
last lines of `hashbench eval`.
"""
    means = ", ".join(f"{mean:g}" for mean in health.bit_means)
    rows: list[list[object]] = [
        [
            f"`{name}`",
            METRICS[name].info.definition,
            f"`{HEALTH_WORKED[name]}`" if name in HEALTH_WORKED else "",
            f"{value}" if isinstance(value, int) else f"{value:.4f}",
        ]
        for name, value in zip(HEALTH, health.values.values(), strict=True)
    ]
    return "\n\n".join(
        [
            head.strip(),
            f"```text\n{inspect.getdoc(CodeHealth)}\n```",
            f"Of the eight codes above, whose bits have the means {means}:",
            markdown_table(["name", "definition", "by hand", "value"], rows),
        ]
    )


if __name__ == "__main__":
    main()
