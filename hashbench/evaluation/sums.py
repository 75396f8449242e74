"""Sums over groups of tied items, compiled to ufuncs: the arithmetic of ``metrics.py``, with its notation.

Only the logarithm is left to numpy, which has it in AVX-512. All release the GIL.
"""

from __future__ import annotations

import numpy as np
from numba import guvectorize, njit, vectorize

from hashbench.evaluation.arrays import Counts, Values
from hashbench.evaluation.compiling import alone, one_compiles


@alone(guvectorize(["(i8[:], i8[:])"], "(g)->(g)", cache=True))  # pragma: no cover (compiled)
def before(counts, result):  # type: ignore[no-untyped-def]
    """The sum of all counts before each."""
    total = 0
    for i in range(len(counts)):
        result[i] = total
        total += counts[i]


@alone(  # pragma: no cover (compiled)
    guvectorize(["(i8[:], i8[:], i8[:], f8[:])"], "(g),(g),(k)->(k)", cache=True)
)
def hits_within(items, relevant, ranks, result):  # type: ignore[no-untyped-def]
    """Expected number of relevant items among the first k for each k of ``ranks``: P + (k - N) r/n."""
    g = N = P = 0
    for i in range(len(ranks)):
        k = ranks[i]
        if k <= N:
            g = N = P = 0
        while g < len(items) - 1 and N + items[g] < k:
            N, P, g = N + items[g], P + relevant[g], g + 1
        result[i] = P + float(k - N) * relevant[g] / max(items[g], 1)


def harmonic_between(a: Counts, b: Counts) -> Values:
    """sum_{t=a+1..b} 1/t = H_b - H_a for 0 <= a <= b, without cancellation.

    H_n = gamma + ln(n + 1/2) + e(n), where e is so small that its rounding does not matter.
    """
    growth = _growth(a, b)
    return _add_remainders(np.log1p(growth, out=growth), a, b)


def precision_sum(n: Counts, r: Counts, m: Counts, N: Counts, P: Counts) -> Values:
    """(r/n) sum_{j=1..m} [P + 1 + (j - 1)(r - 1)/(n - 1)] / (N + j), elementwise."""
    return _precision_sum(n, r, m, N, P, harmonic_between(N, N + m))


@alone(vectorize(["f8(i8, i8)"], cache=True))  # pragma: no cover (compiled)
def _growth(a, b):  # type: ignore[no-untyped-def]
    """(b + 1/2) / (a + 1/2) - 1."""
    return (b - a) / (a + 0.5)


@njit(cache=True)  # pragma: no cover (compiled)
def _series(n):  # type: ignore[no-untyped-def]
    """e(n) = 1/24 x^-2 - 7/960 x^-4 + 31/8064 x^-6 ..., x = n + 1/2; to the last digit of H_n if n >= 64."""
    u = 1 / ((n + 0.5) * (n + 0.5))
    return u * (1 / 24 - u * (7 / 960 - u * (31 / 8064)))


def _first_remainders() -> Values:
    """e(0), ..., e(63), by e(n - 1) = e(n) + ln((n + 1/2) / (n - 1/2)) - 1/n."""
    n = np.arange(64, 0, -1)
    return np.flip(_series(64) + np.cumsum(np.log1p(1 / (n - 0.5)) - 1 / n)).copy()


with one_compiles():
    _FIRST = _first_remainders()


@njit(cache=True)  # pragma: no cover (compiled)
def _remainder(n):  # type: ignore[no-untyped-def]
    """e(n)."""
    return _FIRST[n] if n < 64 else _series(n)


@alone(vectorize(["f8(f8, i8, i8)"], cache=True))  # pragma: no cover (compiled)
def _add_remainders(logarithm, a, b):  # type: ignore[no-untyped-def]
    return logarithm + (_remainder(b) - _remainder(a))


@alone(vectorize(["f8(i8, i8, i8, i8, i8, f8)"], cache=True))  # pragma: no cover (compiled)
def _precision_sum(n, r, m, N, P, gap):  # type: ignore[no-untyped-def]
    later = m - (N + 1) * gap  # sum_{j=1..m} (j - 1) / (N + j)
    return r / max(n, 1) * ((P + 1) * gap + (r - 1) / max(n - 1, 1) * later)
