"""How fast evaluation is: 10,000 queries against 50,000 items of 10 classes, unless said otherwise.

    pytest benchmarks/test_evaluation_speed.py --benchmark-sort=name

Set apart from the tests: a shared machine moves times by half. ``extra_info`` in ``--benchmark-json``
holds mAP and peak memory. ``argsort`` is what public hashing code does, on 100 queries: times 100.
"""

import subprocess
import sys

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from hashbench.codes import Codes
from hashbench.evaluation import DEFAULT_METRICS, evaluate, evaluate_vectors

N_QUERIES, N_DATABASE, N_CLASSES = 10_000, 50_000, 10
BOUNDS = ["map", "map_optimistic", "map_pessimistic"]
Problem = tuple[Codes, Codes, np.ndarray, np.ndarray]


def uniform(n_bits: int, n_queries: int = N_QUERIES, n_database: int = N_DATABASE) -> Problem:
    """Random codes: from 24 bits on, no two are equal."""
    rng = np.random.default_rng(0)
    sizes = (n_queries, n_database)
    query, database = (Codes.from_real(rng.integers(0, 2, (n, n_bits))) for n in sizes)
    return query, database, *(rng.integers(0, N_CLASSES, n) for n in sizes)


def collapsed(n_bits: int) -> Problem:
    """A codeword for each class with a bit flipped here and there, as supervised methods give."""
    rng = np.random.default_rng(0)
    codewords = rng.integers(0, 2, (N_CLASSES, n_bits))
    labels = [rng.integers(0, N_CLASSES, n) for n in (N_QUERIES, N_DATABASE)]
    codes = [codewords[y] ^ (rng.random((len(y), n_bits)) < 0.5 / n_bits) for y in labels]
    return Codes.from_real(codes[0]), Codes.from_real(codes[1]), *labels


KINDS = {"uniform": uniform, "collapsed": collapsed}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_bits", [12, 32, 48, 64])
@pytest.mark.parametrize("metrics", ["map_and_bounds", "defaults"])
def test_evaluate(benchmark: BenchmarkFixture, metrics: str, n_bits: int, kind: str) -> None:
    """mAP with both bounds, and all default metrics with the curve."""
    names = BOUNDS if metrics == "map_and_bounds" else DEFAULT_METRICS
    problem = KINDS[kind](n_bits)
    benchmark.extra_info["map"] = benchmark.pedantic(evaluate, (*problem, names), rounds=5, warmup_rounds=1)[
        "map"
    ]


def test_evaluate_multi_label(benchmark: BenchmarkFixture) -> None:
    """21 labels, two an item on average, 48 bits; all default metrics."""
    query, database, _, _ = uniform(48)
    rng = np.random.default_rng(1)
    labels = [rng.random((n, 21)) < 0.1 for n in (N_QUERIES, N_DATABASE)]
    benchmark.pedantic(evaluate, (query, database, *labels), rounds=3, warmup_rounds=1)


def test_evaluate_a_million_items(benchmark: BenchmarkFixture) -> None:
    """1,000 queries, 64 bits."""
    benchmark.pedantic(evaluate, (*uniform(64, 1_000, 1_000_000), BOUNDS), rounds=3, warmup_rounds=1)


def test_argsort_of_100_queries(benchmark: BenchmarkFixture) -> None:
    """The usual mean_average_precision: +-1 codes, a matrix product and a sort for each query."""
    query, database, query_labels, database_labels = uniform(48)
    signs = 2.0 * query.unpack()[:100] - 1, 2.0 * database.unpack() - 1

    def argsort_map() -> float:
        total = 0.0
        for code, label in zip(signs[0], query_labels[:100], strict=True):
            distance = 0.5 * (48 - code @ signs[1].T)
            hits = np.flatnonzero(database_labels[np.argsort(distance)] == label) + 1.0
            total += np.mean(np.arange(1, len(hits) + 1) / hits)
        return total / 100

    benchmark.extra_info["map"] = benchmark.pedantic(argsort_map, rounds=3, warmup_rounds=1)


def test_xor_and_popcount_only(benchmark: BenchmarkFixture) -> None:
    """The bare physical work on the same pairs at 48 bits, in numpy, 100 queries: times 100."""
    query, database, _, _ = uniform(48)
    words = query.words()[:100, 0], database.words()[:, 0]
    xor, count = np.empty_like(words[1]), np.empty(N_DATABASE, np.uint8)

    def distances() -> None:
        for word in words[0]:
            np.bitwise_count(np.bitwise_xor(words[1], word, out=xor), out=count)

    benchmark.pedantic(distances, rounds=5, warmup_rounds=1)


def test_evaluate_vectors(benchmark: BenchmarkFixture) -> None:
    """1,000 queries against 59,000 vectors of 3,072 dimensions, all metrics."""
    rng = np.random.default_rng(0)
    vectors = [rng.standard_normal((n, 3072), dtype=np.float32) for n in (1_000, 59_000)]
    labels = [rng.integers(0, N_CLASSES, n) for n in (1_000, 59_000)]
    benchmark.pedantic(evaluate_vectors, (*vectors, *labels), rounds=1)


MEMORY = """
import sys
from pathlib import Path
sys.path.insert(0, {folder!r})
from test_evaluation_speed import BOUNDS, evaluate, uniform
evaluate(*uniform(48, 50, 50), ["map"])
problem = uniform(48)
def memory(line):
    return int(Path("/proc/self/status").read_text().split(line)[1].split()[0])
Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
before = memory("VmRSS:")
evaluate(*problem)
print((memory("VmHWM:") - before) / 1024)
"""


def test_peak_memory(benchmark: BenchmarkFixture) -> None:
    """MiB above the inputs and the loaded libraries, all default metrics, in a process of its own."""
    script = MEMORY.format(folder=__file__.rpartition("/")[0])
    command = [sys.executable, "-c", script]
    result = benchmark.pedantic(
        subprocess.run, (command,), {"capture_output": True, "text": True, "check": True}, rounds=1
    )
    benchmark.extra_info["peak MiB over the inputs"] = float(result.stdout)
    assert float(result.stdout) < 512
