"""Write the page of the metrics: definitions, formulas and values on one ranking, from the package itself.

    python docs/metrics.py > docs/metrics.md

Every value is what ``evaluate`` gives. The arithmetic beside it is worked out by hand; a page on which the
two differ is not written.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain, permutations, product
from statistics import fmean

import numpy as np

from hashbench.evaluation import CodeHealth, Evaluation, code_health, evaluate, metrics
from hashbench.evaluation.metric_table import HEALTH, METRICS, describe, read_name

QUERY_LABELS = ("sea", "boat")
QUERY = [-0.8, -0.5, -0.9, -0.3]
# Name, labels, outputs of the encoder. The third of b is exactly 0.
DATABASE = [
    ("a", ("sea",), [-0.9, -0.2, -0.7, -0.5]),
    ("b", ("sea", "boat"), [-0.6, -0.8, 0.0, 0.4]),
    ("c", ("city",), [-0.3, -0.7, 0.6, -0.2]),
    ("d", ("city",), [-0.5, 0.9, -0.4, -0.8]),
    ("e", ("boat", "city"), [-0.7, -0.6, 0.5, 0.3]),
    ("f", ("city",), [-0.2, 0.4, 0.8, -0.6]),
    ("g", ("city",), [-0.4, 0.7, 0.3, 0.9]),
    ("h", ("sea", "boat"), [0.5, 0.6, 0.2, 0.8]),
]
CLASSES = ("sea", "boat", "city", "fog")

# The arithmetic by hand. Relevant are a at rank 1, b at one of ranks 2 to 4, e at rank 5 or 6, h at rank 8.
WORKED = {
    "map": "(1/1 + (2/2 + 2/3 + 2/4)/3 + (3/5 + 3/6)/2 + 4/8) / 4",
    "map_optimistic": "(1/1 + 2/2 + 3/5 + 4/8) / 4",
    "map_pessimistic": "(1/1 + 2/4 + 3/6 + 4/8) / 4",
    "map@5[hits]": "((1/1 + (2/2 + 2/3 + 2/4)/3 + 3/5) / 3 + (1/1 + (2/2 + 2/3 + 2/4)/3) / 2) / 2",
    "map@5[min]": "(1/1 + (2/2 + 2/3 + 2/4)/3 + (3/5 + 0)/2) / min(5, 4)",
    "map@5[total]": "(1/1 + (2/2 + 2/3 + 2/4)/3 + (3/5 + 0)/2) / 4",
    "precision@5": "(2 + 1/2) / 5",
    "recall@5": "(2 + 1/2) / 4",
    "ndcg@5": "(1/log2(2) + 2*(1/log2(3) + 1/log2(4) + 1/log2(5))/3 + 1*(1/log2(6) + 0)/2) / "
    "(2/log2(2) + 2/log2(3) + 1/log2(4) + 1/log2(5))",
    "precision@r1": "2/4",
    "recall@r1": "2/4",
    "f1@r1": "2*2 / (4 + 4)",
    "map@r1": "(1/1 + (2/2 + 2/3 + 2/4)/3) / 2",
}
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


def bits_of(values: list[float]) -> str:
    """The code as text."""
    return "".join("1" if value > 0 else "0" for value in values)


def distance(values: list[float]) -> int:
    """From the query's code."""
    return sum(a != b for a, b in zip(bits_of(values), bits_of(QUERY), strict=True))


def gain(labels: tuple[str, ...]) -> int:
    """Labels shared with the query."""
    return len({*labels} & {*QUERY_LABELS})


def multi_hot(*label_sets: tuple[str, ...]) -> np.ndarray:
    """Label sets as rows of zeros and ones."""
    return np.array([[name in labels for name in CLASSES] for labels in label_sets])


def evaluate_ranking(
    names: list[str],
    queries: tuple[list[float], ...] = (QUERY,),
    labels: tuple[tuple[str, ...], ...] = (QUERY_LABELS,),
) -> Evaluation:
    """The package's own values."""
    values = [values for _, _, values in DATABASE]
    return evaluate(queries, values, multi_hot(*labels), multi_hot(*(item[1] for item in DATABASE)), names)


def markdown_table(head: list[str], rows: list[list[object]]) -> str:
    """A Markdown table."""
    lines: list[list[object]] = [[*head], ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


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


def work_out(expression: str) -> float:
    """The number that an arithmetic expression stands for."""
    return float(eval(expression, {"__builtins__": {}}, {"log2": math.log2, "min": min, "sqrt": math.sqrt}))


def check(what: str, value: float, expression: str) -> None:
    """Raise ValueError where the arithmetic does not give the package's value."""
    if not math.isclose(work_out(expression), value, abs_tol=1e-12):
        raise ValueError(f"{what} is {value}, but worked out by hand {expression} = {work_out(expression)}")


def section(name: str, value: float) -> str:
    """A metric: definition, formula, value."""
    check(name, value, WORKED[name])
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
        check(name, health.values[name], expression)
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


@dataclass(frozen=True)
class Mistake:
    """What published code does, and what it would report on the ranking."""

    what: str
    seen: str
    metric: str
    right: float
    wrong: float
    by_hand: str


def mistakes(found: Evaluation) -> list[Mistake]:
    """The classic ones. ``found``: the values of the ranking."""
    orders = tie_orders(distance)
    ap = found["map"]
    lost = [0.8, -0.5, -0.9, -0.3]  # no item has its code or its label
    both = evaluate_ranking(["map", "precision@r0"], (QUERY, lost), (QUERY_LABELS, ("fog",)))
    alone = evaluate_ranking(["precision@r0", "map@2[hits]", "map@2[min]", "map@2[total]"])
    assert found.pr_curve is not None
    recall, precision = found.pr_curve.recall, found.pr_curve.precision
    area = sum(
        (recall[i + 1] - recall[i]) * (precision[i + 1] + precision[i]) / 2 for i in range(len(recall) - 1)
    )
    return [
        Mistake(
            "The last item is dropped: `gnd[0:-1]` where -1 was to mean all",
            "DeepHash-pytorch",
            "map",
            ap,
            mean_ap(order[:-1] for order in orders),
            "(1/1 + (2/2 + 2/3 + 2/4)/3 + (3/5 + 3/6)/2) / 3",
        ),
        Mistake(
            "Ties fall as the file lists them (a stable sort), which lists the query's class first",
            "GreedyHash, DTSH, Bi-half",
            "map",
            ap,
            max(map(average_precision, orders)),
            WORKED["map_optimistic"],
        ),
        Mistake(
            "The same, and the file lists it last; an unstable sort or a top-k gives anything in between",
            "`np.argsort`, `torch.topk`",
            "map",
            ap,
            min(map(average_precision, orders)),
            WORKED["map_pessimistic"],
        ),
        Mistake(
            "sign(0) = 0: a third value, half a bit away from both others, moves b behind c and d",
            "DeepHash-pytorch, FIRe",
            "map",
            ap,
            mean_ap(tie_orders(ternary_distance)),
            "(1/1 + 2/4 + (3/5 + 3/6)/2 + 4/8) / 4",
        ),
        Mistake(
            "A query without a relevant item (a second one, 1000, labelled fog) is left out of the mean",
            "thulab/DeepHash, TBH",
            "map",
            both["map"],
            ap,
            WORKED["map"],
        ),
        Mistake(
            "A query whose ball is empty (the same one) is left out of the mean: 0/0 is not a number",
            "",
            "precision@r0",
            both["precision@r0"],
            alone["precision@r0"],
            "1/1",
        ),
        Mistake(
            "AP@k divided by the relevant items that were found, printed beside numbers divided by min(k, R)",
            "most hashing code",
            "map@2[min]",
            alone["map@2[min]"],
            alone["map@2[hits]"],
            "(1/1 + 1/1 + (1/1 + 2/2)/2) / 3",
        ),
        Mistake(
            "AP@k divided by all relevant items, printed beside the same",
            "FIRe",
            "map@2[min]",
            alone["map@2[min]"],
            alone["map@2[total]"],
            "(1/1 + 1/1 + (1/1 + 2/2)) / 3 / 4",
        ),
        Mistake(
            "The recall step of the first item is lost",
            "TALR, issue 2",
            "map",
            ap,
            fmean(average_precision([0, *order[1:]], order) for order in orders),
            "((2/2 + 2/3 + 2/4)/3 + (3/5 + 3/6)/2 + 4/8) / 4",
        ),
        Mistake(
            "The differentiable stand-in for the expectation over ties, made for training, is reported",
            "He et al., CVPR 2018, appendix",
            "map",
            ap,
            smooth_ap(),
            "((0+1+1)/(0+1+1) + (1+2+1)/(1+4+1) + (2+3+1)/(4+6+1) + (3+4+1)/(7+8+1)) / 4",
        ),
        Mistake(
            "The area under the curve by radius (trapezoids) is called mAP",
            "HABIR",
            "map",
            ap,
            area,
            "1/4 * (1 + 1/2)/2 + 1/4 * (1/2 + 3/6)/2 + 0 + 1/4 * (3/7 + 4/8)/2",
        ),
    ]


def ternary_distance(values: list[float]) -> float:
    """(K - <sign, sign>) / 2 with sign(0) = 0."""
    return float(len(QUERY) - np.sign(values) @ np.sign(QUERY)) / 2


def tie_orders(measure: Callable[[list[float]], float]) -> list[list[int]]:
    """The relevance of the items in every order that the distance allows."""
    groups: dict[float, list[int]] = {}
    for _, labels, values in sorted(DATABASE, key=lambda item: measure(item[2])):
        groups.setdefault(measure(values), []).append(int(gain(labels) > 0))
    return [[*chain(*order)] for order in product(*(permutations(group) for group in groups.values()))]


def average_precision(counted: list[int], relevance: list[int] | None = None) -> float:
    """Mean, over the relevant items, of the precisions at those of them that are counted."""
    relevance = relevance or counted
    precisions = [sum(relevance[:i]) / i for i in range(1, len(counted) + 1) if counted[i - 1]]
    return sum(precisions) / sum(relevance)


def mean_ap(orders: Iterable[list[int]]) -> float:
    """Over the orders of the ties."""
    return fmean(map(average_precision, orders))


def smooth_ap() -> float:
    """(1/R) sum over groups of r (P + P' + 1) / (N + N' + 1), N' and P' with the group, N and P before it."""
    total, N, P = 0.0, 0, 0
    for d in range(len(QUERY) + 1):
        group = [gain(labels) > 0 for _, labels, values in DATABASE if distance(values) == d]
        n, r = len(group), sum(group)
        total += r * (2 * P + r + 1) / (2 * N + n + 1)
        N, P = N + n, P + r
    return total / P


def mistakes_section(found: Evaluation) -> str:
    """The table of mistakes."""
    rows: list[list[object]] = []
    for mistake in mistakes(found):
        check(mistake.what, mistake.wrong, mistake.by_hand)
        numbers = f"`{mistake.metric}`", f"{mistake.right:.4f}", f"**{mistake.wrong:.4f}**"
        rows.append([mistake.what, mistake.seen, *numbers, f"`{mistake.by_hand}`"])
    head = """
## Classic mistakes

What code that papers were computed with does, and what it would report on this ranking (in expectation over
ties where it leaves them to chance). On eight items the errors are large; in published tables they are the
points by which methods are said to differ.
"""
    return (
        head.strip()
        + "\n\n"
        + markdown_table(["mistake", "seen in", "metric", "value", "with the mistake", "by hand"], rows)
    )


if __name__ == "__main__":
    main()
