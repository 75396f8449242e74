"""Code health against numpy and scipy on small sets, and its values where they are known."""

import numpy as np
import pytest
from scipy.stats import entropy

import hashbench
from hashbench.contracts.codes import Codes
from hashbench.errors import InvalidInputError
from hashbench.evaluation import code_health, health
from hashbench.evaluation.metric_table import HEALTH

RNG = np.random.default_rng(0)
VALUES = RNG.normal(size=(500, 7)) @ RNG.normal(size=(7, 7)) + RNG.normal(size=7) / 2


@pytest.mark.parametrize("rows", [1 << 14, 60])
def test_agrees_with_numpy_and_scipy(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "ROWS", rows)
    bits = (VALUES > 0).astype(int)
    found = code_health(VALUES, VALUES)
    assert found.bit_means == pytest.approx(bits.mean(0))
    assert found.bit_balance == pytest.approx(np.minimum(bits.mean(0), 1 - bits.mean(0)).mean() * 2)
    pairs = np.corrcoef(bits.T)[np.triu_indices(7, 1)]
    assert found.bit_correlation == pytest.approx(np.abs(pairs).mean(), abs=1e-12)
    distinct, counts = np.unique(bits, axis=0, return_counts=True)
    assert found.distinct_codes == len(distinct)
    assert found.code_entropy == pytest.approx(entropy(counts, base=2))
    scaled = VALUES / np.linalg.norm(VALUES, axis=1, keepdims=True) * np.sqrt(7)
    assert found.quantization_error == pytest.approx(((scaled - (2 * bits - 1)) ** 2).mean())
    assert list(found.values) == list(HEALTH)
    assert all(type(value) in (int, float) for value in found.values.values())  # as JSON takes them


def test_real_values_given_as_codes_tell_their_quantization_error() -> None:
    assert code_health(VALUES).values == code_health(VALUES > 0, VALUES).values
    for bits in (VALUES > 0, np.sign(VALUES), (VALUES > 0).astype(float), Codes.from_real(VALUES)):
        assert code_health(bits).quantization_error is None


def test_the_best_that_codes_can_be() -> None:
    """All codes of 10 bits, once each."""
    bits = np.arange(1024)[:, None] >> np.arange(10) & 1
    found = code_health(bits, 3.0 * (2 * bits - 1))
    assert found.values == {
        "bit_balance": 1,
        "bit_correlation": 0,
        "distinct_codes": 1024,
        "code_entropy": 10,
        "quantization_error": pytest.approx(0, abs=1e-15),
    }


def test_constant_codes() -> None:
    found = code_health(np.zeros((50, 8)), np.zeros((50, 8)))
    expected = {"bit_balance": 0, "bit_correlation": 0, "distinct_codes": 1, "code_entropy": 0}
    assert found.values == {**expected, "quantization_error": 1}
    assert (found.bit_means == 0).all()


def test_copies_of_one_bit_are_fully_correlated() -> None:
    bit = np.array([0, 1, 1, 0, 1])
    found = code_health(np.stack([bit, bit, 1 - bit], axis=1))
    assert found.bit_correlation == pytest.approx(1)
    assert found.distinct_codes == 2
    assert found.code_entropy == pytest.approx(entropy([2, 3], base=2))
    assert "quantization_error" not in found.values
    alone = code_health(bit[:, None])
    assert (alone.bit_correlation, alone.bit_balance) == (0, pytest.approx(0.8))


def test_neither_scale_nor_order_nor_a_flipped_bit_matters() -> None:
    found = code_health(VALUES, VALUES).values
    order, flip = RNG.permutation(500), np.array([1, -1, 1, 1, -1, 1, 1])
    moved = VALUES[order] * flip * RNG.uniform(0.1, 9, (500, 1))
    assert code_health(Codes.from_real(moved), moved).values == pytest.approx(found, abs=1e-12)
    assert hashbench.code_health is code_health


def test_codes_of_more_than_a_word() -> None:
    bits = RNG.integers(0, 2, (40, 70))
    bits[20:] = bits[:20]
    bits[5, 69] ^= 1
    assert code_health(bits).distinct_codes == 21


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (VALUES[:, :6], r"must be \(500, 7\) numbers, not \(500, 6\) float64"),
        (VALUES > 0, "numbers, not .* bool"),
        (np.where(VALUES > 2, np.inf, VALUES), "contain NaN or infinity"),
        (-VALUES, "not those of the codes: bit = value > 0"),
    ],
)
def test_values_that_do_not_fit_the_codes(values: np.ndarray, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        code_health(VALUES, values)


def test_codes_that_have_no_health() -> None:
    with pytest.raises(InvalidInputError, match="the codes are empty"):
        code_health(VALUES[:0])
    with pytest.raises(InvalidInputError, match="real values cannot be read as an array"):
        code_health(VALUES, [[1.0], [1.0, 2.0]])
