"""The classic mistakes of evaluating codes: what each would report on the ranking."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain, permutations, product
from statistics import fmean

import numpy as np

from hashbench.evaluation import Evaluation
from sections.ranking import (
    DATABASE,
    QUERY,
    QUERY_LABELS,
    WORKED,
    check_by_hand,
    distance,
    evaluate_ranking,
    gain,
    markdown_table,
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
            max(map(precision_mean, orders)),
            WORKED["map_optimistic"],
        ),
        Mistake(
            "The same, and the file lists it last; an unstable sort or a top-k gives anything in between",
            "`np.argsort`, `torch.topk`",
            "map",
            ap,
            min(map(precision_mean, orders)),
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
            fmean(precision_mean([0, *order[1:]], order) for order in orders),
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


def precision_mean(counted: list[int], relevance: list[int] | None = None) -> float:
    """Mean, over the relevant items, of the precisions at those of them that are counted."""
    relevance = relevance or counted
    precisions = [sum(relevance[:i]) / i for i in range(1, len(counted) + 1) if counted[i - 1]]
    return sum(precisions) / sum(relevance)


def mean_ap(orders: Iterable[list[int]]) -> float:
    """Over the orders of the ties."""
    return fmean(map(precision_mean, orders))


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
        check_by_hand(mistake.what, mistake.wrong, mistake.by_hand)
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
