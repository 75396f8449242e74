"""Which differences between methods are more than chance: over units drawn, over repetitions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVEL = 0.95  # of intervals
ALPHA = 0.05  # a value with a corrected p of at most this is separable
RESAMPLES = 9_999
_BATCH = 2**22  # drawn units in memory at a time


@dataclass(frozen=True)
class Difference:
    """A mean difference over units, its 95 % interval, and the two-sided p of no difference."""

    mean: float
    low: float
    high: float
    p: float


def paired_bootstrap(differences: NDArray[np.float64]) -> list[Difference]:
    """Test the mean of each row of ``differences`` (m, n_units), drawing units with replacement.

    All rows use the same 9,999 draws, from a fixed seed. low, high: percentiles of the drawn means (Efron &
    Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3). p: the share of draws whose mean lies
    as far from the observed one as that lies from 0, one added to both counts.
    """
    from scipy.stats import bootstrap

    n = differences.shape[1]

    def means(drawn: NDArray[np.int64], axis: int = -1) -> NDArray[np.float64]:
        """The rows' means over drawn units: (..., n) indices to (m, ...)."""
        rows = drawn.reshape(-1, n)
        offset = n * np.arange(len(rows))[:, None]
        counts = np.bincount((rows + offset).ravel(), minlength=rows.size).reshape(rows.shape)
        return (differences @ counts.T.astype(float) / n).reshape(-1, *drawn.shape[:-1])

    result = bootstrap(
        (np.arange(n),),
        means,
        axis=-1,
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=max(1, _BATCH // n),
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    observed = differences.mean(axis=1)
    away = np.abs(result.bootstrap_distribution - observed[:, None]) >= np.abs(observed)[:, None]
    p = (1 + away.sum(axis=1)) / (1 + RESAMPLES)
    interval = result.confidence_interval
    of_rows = np.stack([observed, interval.low, interval.high, p], axis=1).tolist()
    return [Difference(*of_row) for of_row in of_rows]


def holm(p: Sequence[float]) -> list[float]:
    """The p values of several tests, corrected for their number (Holm, Scand. J. Statist. 6, 1979)."""
    values = np.asarray(p, dtype=float)
    order = values.argsort(kind="stable")
    corrected = np.empty_like(values)
    corrected[order] = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    return corrected.clip(max=1).tolist()


def half_width(sd: float, n: int) -> float:
    """Half the 95 % interval (Student's t) of a mean of ``n`` > 1 values with sample deviation ``sd``."""
    from scipy.stats import t

    return float(t.ppf((1 + LEVEL) / 2, n - 1)) * sd / math.sqrt(n)
