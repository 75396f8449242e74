"""Counting by torch: the edge of half precision, memory, and the device of the whole call.

That the counts are numpy's is tested beside the CPU kernel's, in ``test_histogram.py``.
"""

import numpy as np
import pytest
import torch

from hashbench.contracts.codes import Codes
from hashbench.errors import InvalidInputError
from hashbench.evaluation import evaluate
from hashbench.evaluation.torch_kernel import count_distances

CUDA = pytest.param(
    "cuda",
    marks=[
        pytest.mark.gpu,
        pytest.mark.skipif(not torch.cuda.is_available(), reason="torch.cuda.is_available() is false"),
    ],
)


@pytest.mark.parametrize("device", ["cpu", CUDA])
@pytest.mark.parametrize("n_bits", [1, 64, 2047, 2048, 2049, 4096])
def test_every_distance_is_exact(n_bits: int, device: str) -> None:
    """From equal to complement, each once: half precision must hold them all."""
    query = Codes.from_real(np.zeros((1, n_bits))).words()
    words = Codes.from_real(np.arange(n_bits)[None, :] < np.arange(n_bits + 1)[:, None]).words()
    classes, weights = np.arange(n_bits + 1) % 2, np.arange(n_bits + 1) + 2**40
    arrays = query, np.ascontiguousarray(words.T), np.array([1]), classes, n_bits
    items, relevant = count_distances(*arrays, None, torch.device(device))
    assert items.tolist() == [[1] * (n_bits + 1)]
    assert relevant.tolist() == [classes.tolist()]
    items, relevant = count_distances(*arrays, weights, torch.device(device))
    assert items.tolist() == [weights.tolist()]
    assert relevant.tolist() == [(weights * classes).tolist()]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch.cuda.is_available() is false")
def test_memory_on_the_device_does_not_grow_with_the_database() -> None:
    rng = np.random.default_rng(0)
    queries = rng.integers(0, 2**63, (2000, 1), np.uint64)
    peaks = []
    for n_items in (100_000, 1_000_000):
        words = rng.integers(0, 2**63, (1, n_items), np.uint64)
        torch.cuda.reset_peak_memory_stats()
        labels = rng.integers(0, 10, 2000), rng.integers(0, 10, n_items)
        count_distances(queries, words, *labels, 64, None, torch.device("cuda"))
        peaks.append(torch.cuda.max_memory_allocated())
    assert peaks[1] < 1.1 * peaks[0] < 2**30


@pytest.mark.parametrize("device", ["auto", CUDA])
@pytest.mark.parametrize("labels", ["single", "multi"])
def test_values_do_not_depend_on_the_device(labels: str, device: str) -> None:
    rng = np.random.default_rng(0)
    query, database = rng.normal(size=(300, 48)), rng.normal(size=(5000, 48))
    if labels == "single":
        ql, dl = rng.integers(0, 10, 300), rng.integers(0, 10, 5000)
    else:
        ql, dl = rng.random((300, 70)) < 0.05, rng.random((5000, 70)) < 0.05
    ours = evaluate(query, database, ql, dl)
    other = evaluate(query, database, ql, dl, device=device)
    assert ours.values == other.values
    assert ours.pr_curve == other.pr_curve
    for name, values in ours.per_query.items():
        assert np.array_equal(values, other.per_query[name])


def test_a_device_that_is_not_there_is_refused() -> None:
    arrays = np.ones((2, 8)), np.ones((2, 8)), [0, 1], [0, 1]
    with pytest.raises(InvalidInputError, match="device 'gpu' cannot be used"):
        evaluate(*arrays, device="gpu")
