"""Which differences between methods are more than chance: over units drawn, over repetitions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVEL = 0.95  # of intervals
ALPHA = 0.05  # a value with a corrected p of at most this is separable
RESAMPLES = 9_999
_BATCH = 2**22  # drawn units in memory at a time
_KEPT = 2**24  # counts that are kept as the floats that the product needs, 128 MB


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
    n = differences.shape[1]
    drawn = np.hstack([differences @ counts.T.astype(float, copy=False) / n for counts in _counts(n)])
    low, high = np.percentile(drawn, [50 * (1 - LEVEL), 50 * (1 + LEVEL)], axis=1)
    observed = differences.mean(axis=1)
    away = np.abs(drawn - observed[:, None]) >= np.abs(observed)[:, None]
    p = (1 + away.sum(axis=1)) / (1 + RESAMPLES)
    return [Difference(*of_row) for of_row in np.stack([observed, low, high, p], axis=1).tolist()]


@lru_cache(maxsize=2)
def _counts(n: int) -> list[NDArray[Any]]:
    """How often each of n units is in each of the 9,999 draws, (b, n) a batch.

    They do not depend on values, so that the many tests of a report share them.
    """
    kind = np.float64 if n * RESAMPLES <= _KEPT else np.uint8
    rng, batch = np.random.default_rng(0), max(1, _BATCH // n)
    counts = []
    for start in range(0, RESAMPLES, batch):
        drawn = rng.integers(n, size=(min(batch, RESAMPLES - start), n))
        cells = (drawn + n * np.arange(len(drawn))[:, None]).ravel()
        counts.append(np.bincount(cells, minlength=drawn.size).reshape(drawn.shape).astype(kind))
    return counts


def holm(p: Sequence[float]) -> list[float]:
    """The p values of several tests, corrected for their number (Holm, Scand. J. Statist. 6, 1979)."""
    values = np.asarray(p, dtype=float)
    order = values.argsort(kind="stable")
    corrected = np.empty_like(values)
    corrected[order] = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    return corrected.clip(max=1).tolist()


def half_width(sd: float, n: int) -> float:
    """Half the 95 % interval (Student's t) of a mean of ``n`` > 1 values with sample deviation ``sd``."""
    return _quantile(n - 1) * sd / math.sqrt(n)


@cache
def _quantile(freedom: int) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + LEVEL) / 2, freedom))
