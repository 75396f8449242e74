"""What the whole call refuses, in one clear line, and what it takes as it is."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest
import torch

from hashbench.contracts.codes import Codes
from hashbench.errors import InvalidInputError
from hashbench.evaluation import evaluate, evaluate_vectors

RNG = np.random.default_rng(0)
REAL_QUERY, REAL_DATABASE = RNG.normal(size=(20, 9)), RNG.normal(size=(150, 9))
QUERY_LABELS, DATABASE_LABELS = RNG.integers(0, 3, 20), RNG.integers(0, 3, 150)


def with_nan() -> np.ndarray:
    array = REAL_QUERY.copy()
    array[3, 2] = np.nan
    return array


GOOD = [REAL_QUERY, REAL_DATABASE, QUERY_LABELS, DATABASE_LABELS]


WRONG = {
    "ternary": (0, np.sign(np.round(REAL_QUERY)), "query codes are ternary: [0-9]+ values are 0 beside"),
    "ternary without +1": (1, -np.eye(150, 9), "database codes are ternary"),
    "nan": (0, with_nan(), "query codes contain NaN"),
    "packed": (0, np.full((20, 9), 200, np.uint8), "look packed; give Codes"),
    "packed, signed": (
        1,
        np.packbits(REAL_DATABASE > 0, axis=1).astype(int),
        r"from 0 to [0-9]+; bits must be 0/1 or -1/\+1",
    ),
    "signed beyond -1": (0, np.full((20, 9), -3), "int64 with values from -3 to -3; bits must be"),
    "sigmoid": (
        1,
        1 / (1 + np.exp(-REAL_DATABASE)),
        "database codes are real .* every bit would be 1 .* subtract",
    ),
    "ragged": (0, [[1, 0], [1]], "query codes cannot be read as an array .*; give rows of one length"),
    "ragged labels": (3, [[1, 0], [1]], "database labels cannot be read as an array"),
    "with gradients": (0, torch.zeros((20, 9), requires_grad=True), r"codes cannot .* tensor.detach\(\)"),
    "one axis": (0, REAL_QUERY[0], r"query codes must be \(n, n_bits\).*not \(9,\) float64"),
    "no bits": (0, np.zeros((20, 0)), r"query codes must be"),
    "objects": (0, REAL_QUERY.astype(object), "query codes must be .* object"),
    "complex": (0, REAL_QUERY.astype(complex), "query codes must be .* complex"),
    "no queries": (0, np.zeros((0, 9)), "query codes are empty"),
    "no database": (1, Codes.from_real(np.zeros((0, 9))), "database codes are empty"),
    "bits differ": (1, REAL_DATABASE[:, :8], "query codes have 9 bits, database codes 8"),
    "too few labels": (2, QUERY_LABELS[:-1], r"query labels must be \(20,\) classes .* not \(19,\)"),
    "labels of rank 3": (3, np.zeros((150, 2, 2)), "database labels must be"),
    "real labels": (2, QUERY_LABELS + 0.5, "query labels must be classes .* not float64"),
    "unlabelled queries": (
        2,
        np.where(QUERY_LABELS == 1, -1, QUERY_LABELS),
        "query labels .* -1 .* unlabelled",
    ),
    "unlabelled items": (3, DATABASE_LABELS - 2, "database labels hold -2"),
    "huge labels": (2, np.full(20, 2**64 - 1, np.uint64), "exceed 64-bit"),
    "a label column": (2, QUERY_LABELS[:, None], r"give classes as \(20,\)"),
    "not multi-hot": (2, np.full((20, 3), 2), "query labels of shape .* must be multi-hot"),
    "kinds differ": (
        2,
        np.eye(3)[QUERY_LABELS],
        "query labels are multi-hot but database labels are classes",
    ),
    "text and numbers": (2, QUERY_LABELS.astype(str), "text never equals a number"),
}


@pytest.mark.parametrize(("position", "value", "message"), WRONG.values(), ids=WRONG.keys())
def test_wrong_input_gets_one_clear_line(position: int, value: np.ndarray, message: str) -> None:
    arguments = list(GOOD)
    arguments[position] = value
    with pytest.raises(InvalidInputError, match=message) as caught:
        evaluate(*arguments)
    assert "\n" not in str(caught.value)


def test_one_query_can_have_all_its_bits_set() -> None:
    """Unlike a whole set without a value at most 0; bits that are all 1 are no outputs of a sigmoid."""
    database, labels = REAL_DATABASE, DATABASE_LABELS
    one = evaluate([[0.5] * 9], database, [1], labels, ["map"])
    ones = evaluate(np.ones((2, 9)), database, [1, 1], labels, ["map"])
    assert ones["map"] == one["map"]


def test_metrics_are_names() -> None:
    assert list(evaluate(*GOOD, None)) == list(evaluate(*GOOD))
    for wrong, message in (
        (5, "must be a list of names, not 5"),
        (["map", 5], "is text, not 5"),
        ([[]], r"not \[\]"),
    ):
        for function in (evaluate, evaluate_vectors):
            with pytest.raises(InvalidInputError, match=message):
                function(*GOOD, wrong)  # type: ignore[arg-type]


def test_no_more_threads_score_than_count(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def pool(*sizes: int) -> ThreadPoolExecutor:
        asked.append(sizes)
        return ThreadPoolExecutor(*sizes)

    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 1)
    monkeypatch.setitem(evaluate.__globals__, "ThreadPoolExecutor", pool)
    evaluate(*GOOD)
    assert asked == [(1,)]


def test_multi_hot_of_different_width() -> None:
    with pytest.raises(InvalidInputError, match="query labels have 3 classes, database labels 4"):
        evaluate(REAL_QUERY, REAL_DATABASE, np.eye(3)[QUERY_LABELS], np.eye(4)[DATABASE_LABELS])


def test_very_long_codes_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="codes of 5000 bits are too long"):
        evaluate(np.ones((2, 5000)), np.ones((2, 5000)), [0, 1], [0, 1])


def test_import_is_light() -> None:
    code = "import sys, hashbench.evaluation; print({'numba', 'torch', 'scipy'} & set(sys.modules))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "set()"
