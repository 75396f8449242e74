"""The ranking that the page of the metrics works out by hand, and what the package says of it."""

from __future__ import annotations

import math

import numpy as np

from hashbench.evaluation import Evaluation, evaluate

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


def work_out(expression: str) -> float:
    """The number that an arithmetic expression stands for."""
    return float(eval(expression, {"__builtins__": {}}, {"log2": math.log2, "min": min, "sqrt": math.sqrt}))


def check_by_hand(what: str, value: float, expression: str) -> None:
    """Raise ValueError where the arithmetic does not give the package's value."""
    if not math.isclose(work_out(expression), value, abs_tol=1e-12):
        raise ValueError(f"{what} is {value}, but worked out by hand {expression} = {work_out(expression)}")
