"""The health of codes: whether their bits are balanced, independent and used, without any query."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hashbench.contracts.codes import Codes
from hashbench.errors import InvalidInputError
from hashbench.evaluation.distinct import number_rows
from hashbench.evaluation.inputs import as_array, as_codes, find_real
from hashbench.evaluation.metric_table import HEALTH
from hashbench.system.shown import Shown

ROWS = 1 << 14  # codes unpacked at a time; their counts are exact in float32


@dataclass(frozen=True, eq=False, repr=False)
class CodeHealth(Shown):
    """Properties of a set of codes; the single numbers are in ``values`` under the names of records.

    bit_means: (n_bits,), the part of the codes in which each bit is set.
    bit_balance: 1 - mean over bits of |2 p - 1|, p the bit's mean (balance: Weiss et al., "Spectral hashing",
    NIPS 2008). 1: every bit splits the codes in halves; 0: every bit is constant.
    bit_correlation: mean absolute Pearson correlation of two different bits; a constant bit has 0.
    distinct_codes: how many codes differ from each other.
    code_entropy: -sum over distinct codes of p log2 p, p the part of the items with the code; at most n_bits
    and log2 of the number of items.
    quantization_error: mean over items v of ||b - v'||^2 / n_bits, with b = sign(v) in {-1, 1} and
    v' = sqrt(n_bits) v / ||v||, the values at the length of the code: 2 - 2 cos(v, b) (a vector of zeros: 1).
    The objective of ITQ (Gong & Lazebnik, CVPR 2011), made free of scale as in their "Angular
    quantization-based binary codes", NIPS 2012. None where no real values are known.
    """

    bit_means: NDArray[np.float64]
    bit_balance: float
    bit_correlation: float
    distinct_codes: int
    code_entropy: float
    quantization_error: float | None = None

    def _shown(self) -> dict[str, str]:
        bits = {"n_bits": str(len(self.bit_means))}
        return bits | {name: f"{value:.4g}" for name, value in self.values.items()}

    @property
    def values(self) -> dict[str, float]:
        """The numbers that are known, by name."""
        numbers = {name: getattr(self, name) for name in HEALTH}
        return {name: number for name, number in numbers.items() if number is not None}


def code_health(codes: Codes | ArrayLike, real_values: ArrayLike | None = None) -> CodeHealth:
    """The health of ``Codes``, or of (n, n_bits) bool, 0/1, -1/+1 or real values (bit = value > 0).

    real_values: (n, n_bits), whose signs the bits are, for the quantization error; by default the codes
    themselves where they are real values. Raises InvalidInputError.
    """
    binary = as_codes(codes, "the")
    real = find_real(codes) if real_values is None else as_array(real_values, "real values")
    error = None if real is None else _quantization_error(binary, real)
    together = np.zeros((binary.n_bits, binary.n_bits))  # codes in which two bits are set
    for first in range(0, len(binary), ROWS):
        bits = binary[first : first + ROWS].unpack().astype(np.float32)
        together += bits.T @ bits
    means = together.diagonal() / len(binary)
    covariance = together / len(binary) - np.outer(means, means)
    scale = np.sqrt(np.outer(means * (1 - means), means * (1 - means)))
    correlation = covariance / np.where(scale > 0, scale, np.inf)
    pairs = correlation[~np.eye(binary.n_bits, dtype=bool)]
    counts = np.bincount(number_rows([*binary.words().T]))
    parts = counts / len(binary)
    return CodeHealth(
        bit_means=means,
        bit_balance=float(1 - np.abs(2 * means - 1).mean()),
        bit_correlation=float(np.abs(pairs).mean()) if len(pairs) else 0.0,
        distinct_codes=len(counts),
        code_entropy=float(-(parts * np.log2(parts)).sum()) + 0.0,
        quantization_error=error,
    )


def _quantization_error(codes: Codes, values: NDArray) -> float:
    """Mean of 2 - 2 cos(v, sign(v)), for which cos = ||v||_1 / (sqrt(n_bits) ||v||)."""
    if values.shape != (len(codes), codes.n_bits) or values.dtype.kind not in "fiu":
        raise InvalidInputError(
            f"real values of {len(codes)} codes of {codes.n_bits} bits must be ({len(codes)}, "
            f"{codes.n_bits}) numbers, not {values.shape} {values.dtype}"
        )
    total = 0.0
    for first in range(0, len(codes), ROWS):
        part = values[first : first + ROWS].astype(np.float64)
        if not np.isfinite(part).all():
            raise InvalidInputError("real values contain NaN or infinity; the encoder diverged")
        if not np.array_equal(part > 0, codes[first : first + ROWS].unpack()):
            raise InvalidInputError(
                "real values are not those of the codes: bit = value > 0 does not hold throughout"
            )
        lengths = np.linalg.norm(part, axis=1)
        cosines = np.abs(part).sum(1) / np.maximum(lengths, np.finfo(float).tiny) / np.sqrt(codes.n_bits)
        total += np.where(lengths > 0, 2 - 2 * cosines, 1.0).sum()
    return float(total / len(codes))
