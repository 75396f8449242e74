"""Mean ranks of methods over blocks, and how far apart two must be (Friedman and Nemenyi).

Source: Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006, section 3.2.2.
A block is a data set, protocol, code length and kind of features, where each method has one value: its mean
over repetitions. Where a network is trained or read, a block is also of one recipe, backbone and kind of
device (CPU or GPU), as each trains another network. Methods that read features and methods that read images
share no block.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from hashbench.contracts.task import MetricInfo
from hashbench.records import Record
from hashbench.reporting.selection import grouped, rivals
from hashbench.reporting.series import repeated
from hashbench.reporting.significance import ALPHA
from hashbench.reporting.tasks import common_task

MIN_METHODS, MIN_BLOCKS = 3, 5


@dataclass(frozen=True)
class Ranks:
    """Methods by their mean rank over blocks, the best (lowest) first.

    p: of Friedman's test that all are alike; None where all values are equal or there is one block.
    distance: the critical difference of mean ranks at 5 %. methods is empty where too few share too few
    blocks. left_out: methods, with the number of blocks that each has. n_unused: blocks that not all methods
    have.
    """

    task: str
    metric: str
    reads: str
    methods: tuple[str, ...]
    means: tuple[float, ...]
    blocks: tuple[str, ...]
    p: float | None
    distance: float
    left_out: Mapping[str, int]
    n_unused: int


def mean_ranks(records: Iterable[Record], min_blocks: int = MIN_BLOCKS) -> list[Ranks]:
    """One for each task, for features and for images: by its headline, of all that compete.

    min_blocks: methods are left out until the others share so many.
    """
    groups = grouped(rivals(records), lambda record: (record.task, record.card.inputs if record.card else ""))
    return [_of_group(task, reads, members, min_blocks) for (task, reads), members in sorted(groups.items())]


def _of_group(name: str, reads: str, records: list[Record], min_blocks: int) -> Ranks:
    task = common_task(records)
    metric = task.headline()
    values: dict[str, dict[str, float]] = {}
    for (method, block), members in grouped(records, lambda r: (r.cell.method, block_of(r))).items():
        known = repeated(members, metric)
        if known:
            values.setdefault(method, {})[block] = fmean(known)
    methods, blocks = chosen(values, min_blocks)
    every = {block for of_method in values.values() for block in of_method}
    ranked, means, p = _ranked(values, methods, blocks, task.describe(metric))
    return Ranks(
        task=name,
        metric=metric,
        reads=reads,
        methods=ranked,
        means=means,
        blocks=tuple(blocks),
        p=p,
        distance=critical_difference(len(ranked), len(blocks)) if ranked else 0.0,
        left_out={method: len(values[method]) for method in values if method not in methods},
        n_unused=len(every) - len(blocks),
    )


def block_of(record: Record) -> str:
    """The block that a record belongs to, in words."""
    cell = record.cell
    parts = [cell.dataset, cell.protocol, cell.reads, f"{cell.bits} bits"]
    if record.digests.recipe:
        device = "CPU" if record.environment.device == "cpu" else "GPU"
        parts += [str(cell.backbone), device, f"recipe {record.digests.recipe[:8]}"]
    return " · ".join(parts)


def chosen(
    values: Mapping[str, Mapping[str, float]], min_blocks: int = MIN_BLOCKS
) -> tuple[list[str], list[str]]:
    """As many methods as share at least ``min_blocks``, and these blocks; both empty below three methods.

    Methods with the fewest blocks go first.
    """
    methods = sorted(values, key=lambda method: (-len(values[method]), method))
    while len(methods) >= MIN_METHODS:
        shared = set.intersection(*(set(values[method]) for method in methods))
        if len(shared) >= min_blocks:
            return methods, sorted(shared)
        methods.pop()
    return [], []


def _ranked(
    values: Mapping[str, Mapping[str, float]], methods: list[str], blocks: list[str], info: MetricInfo
) -> tuple[tuple[str, ...], tuple[float, ...], float | None]:
    from scipy.stats import friedmanchisquare, rankdata

    if not methods:
        return (), (), None
    table = np.array([[values[method][block] for method in methods] for block in blocks])
    lower_is_better = table if info.better == "lower" else -table
    means = rankdata(lower_is_better, axis=1).mean(axis=0)
    alike = bool((table == table[:, :1]).all())
    p = None if alike or len(blocks) < 2 else float(friedmanchisquare(*table.T).pvalue)
    order = np.argsort(means, kind="stable")
    return tuple(methods[i] for i in order), tuple(means[order].tolist()), p


def critical_difference(n_methods: int, n_blocks: int) -> float:
    """Nemenyi's: the quantile of the studentized range over sqrt(2), times sqrt(k (k + 1) / (6 n))."""
    from scipy.stats import studentized_range

    quantile = float(studentized_range.ppf(1 - ALPHA, n_methods, math.inf)) / math.sqrt(2)
    return quantile * math.sqrt(n_methods * (n_methods + 1) / (6 * n_blocks))
