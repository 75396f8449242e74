"""How fast evaluation is, beside what others do with the same codes and beside the bare physical work.

    pytest benchmarks/test_evaluation_speed.py --benchmark-json=speed.json && python docs/speed.py speed.json

Set apart from the tests: a shared machine moves times by half. 10,000 queries against 50,000 items of 10
classes, unless said otherwise. Where only some of the queries are timed, ``extra_info`` says what to multiply
by; ``docs/speed.py`` does. faiss is in ``pip install hashbench[bench]``.
"""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numba import config, njit
from pytest_benchmark.fixture import BenchmarkFixture
from sklearn.metrics import average_precision_score

from hashbench.contracts.codes import Codes
from hashbench.evaluation import evaluate, evaluate_vectors
from hashbench.evaluation.kernel import CHUNK, _popcount

N_QUERIES, N_DATABASE, N_CLASSES = 10_000, 50_000, 10
BOUNDS = ["map", "map_optimistic", "map_pessimistic"]
Problem = tuple[Codes, Codes, np.ndarray, np.ndarray]


def uniform(n_bits: int, n_queries: int = N_QUERIES, n_database: int = N_DATABASE) -> Problem:
    """Random codes: from 24 bits on, no two are equal."""
    rng = np.random.default_rng(0)

    def draw(n: int) -> Codes:
        packed = rng.integers(0, 256, (n, -(-n_bits // 8)), np.uint8)
        packed[:, -1] &= 0xFF << (-n_bits % 8) & 0xFF
        return Codes(packed, n_bits)

    labels = [rng.integers(0, N_CLASSES, n) for n in (n_queries, n_database)]
    return draw(n_queries), draw(n_database), *labels


def clustered(n_bits: int) -> Problem:
    """Random hyperplanes through a Gaussian cluster for each class, as unsupervised methods give."""
    rng = np.random.default_rng(0)
    centres, planes = rng.normal(size=(N_CLASSES, 32)), rng.normal(size=(32, n_bits))
    labels = [rng.integers(0, N_CLASSES, n) for n in (N_QUERIES, N_DATABASE)]
    codes = [Codes.from_real((centres[y] + 0.5 * rng.normal(size=(len(y), 32))) @ planes) for y in labels]
    return *codes, *labels


def collapsed(n_bits: int) -> Problem:
    """A codeword for each class with a bit flipped here and there, as supervised methods give."""
    rng = np.random.default_rng(0)
    codewords = rng.integers(0, 2, (N_CLASSES, n_bits))
    labels = [rng.integers(0, N_CLASSES, n) for n in (N_QUERIES, N_DATABASE)]
    codes = [Codes.from_real(codewords[y] ^ (rng.random((len(y), n_bits)) < 0.5 / n_bits)) for y in labels]
    return *codes, *labels


KINDS = {"uniform": uniform, "clustered": clustered, "collapsed": collapsed}
CASES = [f"{kind} {n_bits}" for kind in KINDS for n_bits in (12, 48, 64)]


@cache
def make(codes: str) -> Problem:
    """The problem of a case, "uniform 48"."""
    kind, n_bits = codes.split()
    return KINDS[kind](int(n_bits))


def describe(
    benchmark: BenchmarkFixture, what: str, codes: str, problem: Problem, *, part: int = 1, **more: object
) -> None:
    """Say in the JSON what is timed; part: one query in so many is."""
    size = f"{len(problem[0]):,} x {len(problem[1]):,}"
    benchmark.extra_info.update(what=what, codes=codes, size=size, part=part, **more)


@pytest.mark.parametrize("codes", CASES)
def test_ours(benchmark: BenchmarkFixture, codes: str) -> None:
    """mAP with both bounds."""
    describe(benchmark, "ours: mAP and both bounds", codes, make(codes))
    benchmark.pedantic(evaluate, (*make(codes), BOUNDS), rounds=10, warmup_rounds=1)


@pytest.mark.parametrize("codes", CASES)
def test_ours_all_metrics(benchmark: BenchmarkFixture, codes: str) -> None:
    """All default metrics with the curves."""
    describe(benchmark, "ours: all default metrics, curves", codes, make(codes))
    benchmark.pedantic(evaluate, make(codes), rounds=5, warmup_rounds=1)


@pytest.mark.gpu
@pytest.mark.parametrize("codes", CASES)
def test_ours_on_a_gpu(benchmark: BenchmarkFixture, codes: str) -> None:
    """The same, counted by torch; codes and histograms travel."""
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("torch.cuda.is_available() is false")
    gpu = torch.cuda.get_device_name()
    describe(benchmark, "ours on a GPU: mAP and both bounds", codes, make(codes), gpu=gpu)
    benchmark.pedantic(evaluate, (*make(codes), BOUNDS, "cuda"), rounds=10, warmup_rounds=2)


@njit(nogil=True)  # type: ignore[untyped-decorator]
def xor_and_popcount(queries, words, distances):  # type: ignore[no-untyped-def]
    """All distances, a chunk at a time into the same small buffer, as bytes; nothing is counted."""
    for word in queries:
        for first in range(0, len(words), CHUNK):
            row = words[first : first + CHUNK]
            for i in range(len(row)):
                distances[i] = _popcount(row[i] ^ word)


def bare_work(problem: Problem) -> Callable[[], None]:
    """XOR and popcount of all pairs, by as many threads as ours."""
    queries, words = problem[0].words()[:, 0], problem[1].words()[:, 0]
    threads = config.NUMBA_NUM_THREADS

    def distances() -> None:
        with ThreadPoolExecutor(threads) as pool:
            blocks = np.array_split(queries, 8 * threads)
            list(pool.map(lambda block: xor_and_popcount(block, words, np.empty(CHUNK, np.uint8)), blocks))

    return distances


@pytest.mark.parametrize("codes", CASES)
def test_bare_work(benchmark: BenchmarkFixture, codes: str) -> None:
    """What no comparison of all pairs can do without."""
    describe(benchmark, "bare: XOR and popcount", codes, make(codes))
    benchmark.pedantic(bare_work(make(codes)), rounds=10, warmup_rounds=1)


def argsort_map(problem: Problem, n_queries: int, label_type: type = np.int8) -> Callable[[], float]:
    """The usual mean_average_precision: for each query two matrix products, a sort and a mean.

    Codes are float32. Labels are one-hot, as int8 in DeepHash-pytorch (and the many that took its loader of
    CIFAR-10 over), whose product no BLAS speeds up; as float32 in others.
    """
    query, database, query_labels, database_labels = problem
    n_bits = query.n_bits
    signs, items = (2 * codes.unpack().astype(np.float32) - 1 for codes in (query[:n_queries], database))
    one_hot = np.eye(N_CLASSES, dtype=label_type)
    labels, item_labels = one_hot[query_labels[:n_queries]], one_hot[database_labels]

    def mean_average_precision() -> float:
        total = 0.0
        for code, label in zip(signs, labels, strict=True):
            relevant = (label @ item_labels.T > 0).astype(np.float32)
            distance = 0.5 * (n_bits - code @ items.T)
            hits = np.flatnonzero(relevant[np.argsort(distance)]) + 1.0
            total += np.mean(np.arange(1, len(hits) + 1) / hits)
        return total / n_queries

    return mean_average_precision


@pytest.mark.parametrize("label_type", [np.int8, np.float32])
@pytest.mark.parametrize("codes", CASES)
def test_argsort(benchmark: BenchmarkFixture, codes: str, label_type: type) -> None:
    """What public hashing code does: a sort for each query, ties as they fall. 200 of the queries."""
    what = f"numpy argsort for each query, {label_type.__name__} labels"
    describe(benchmark, what, codes, make(codes), part=N_QUERIES // 200)
    value = benchmark.pedantic(argsort_map(make(codes), 200, label_type), rounds=3, warmup_rounds=0)
    ours = evaluate(*make(codes), BOUNDS).per_query
    low, high = (ours[name][:200].mean() for name in ("map_pessimistic", "map_optimistic"))
    assert low - 1e-9 <= value <= high + 1e-9  # it is the same quantity, in one of the orders of the ties


def test_argsort_of_all_queries(benchmark: BenchmarkFixture) -> None:
    """Without extrapolation, on the codes that cost us most."""
    describe(benchmark, "numpy argsort, int8 labels, all queries", "uniform 64", make("uniform 64"))
    benchmark.pedantic(argsort_map(make("uniform 64"), N_QUERIES), rounds=1)


@pytest.mark.parametrize("codes", CASES)
def test_scikit_learn(benchmark: BenchmarkFixture, codes: str) -> None:
    """average_precision_score for each query: tied items share a place. 100 of the queries."""
    query, database, query_labels, database_labels = make(codes)
    describe(benchmark, "scikit-learn average_precision_score", codes, make(codes), part=N_QUERIES // 100)
    words, items = query.words()[:100, 0], database.words()[:, 0]

    def mean_average_precision() -> float:
        scores = (-np.bitwise_count(items ^ word).astype(np.int16) for word in words)
        pairs = zip(query_labels, scores, strict=False)
        return float(np.mean([average_precision_score(database_labels == y, score) for y, score in pairs]))

    benchmark.pedantic(mean_average_precision, rounds=2, warmup_rounds=0)


FAISS = """
import sys, faiss, numpy as np
codes = np.load(sys.argv[1])
index = faiss.IndexBinaryFlat(8 * codes["database"].shape[1])
index.add(codes["database"])
print("ready", flush=True)
for line in sys.stdin:
    index.search(codes["query"], 1000)
    print("found", flush=True)
"""


@pytest.mark.skipif(find_spec("faiss") is None, reason="faiss is missing: pip install hashbench[bench]")
@pytest.mark.parametrize("codes", CASES)
def test_faiss(benchmark: BenchmarkFixture, codes: str, tmp_path: Path) -> None:
    """Exhaustive search of 1,000 neighbours, no metric; 1,000 of the queries.

    In a process of its own, since faiss and torch clash over OpenMP.
    """
    query, database, _, _ = make(codes)
    describe(benchmark, "faiss IndexBinaryFlat, k = 1,000", codes, make(codes), part=N_QUERIES // 1000)
    np.savez(tmp_path / "codes.npz", query=query.packed[:1000], database=database.packed)
    command = [sys.executable, "-c", FAISS, str(tmp_path / "codes.npz")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        answers, questions = process.stdout, process.stdin
        assert answers.readline() == "ready\n"

        def search() -> None:
            questions.write("search\n")
            assert answers.readline() == "found\n"

        benchmark.pedantic(search, rounds=2, warmup_rounds=0)
        questions.close()


def test_copy_bandwidth(benchmark: BenchmarkFixture) -> None:
    """Bytes read and written by a copy of 256 MiB, by as many threads as ours."""
    threads = config.NUMBA_NUM_THREADS
    source = np.ones((threads, (1 << 25) // threads), np.int64)
    target = np.ones_like(source)

    def copy() -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(np.copyto, target, source))

    benchmark.extra_info.update(what="copy", bytes=2 * source.nbytes)
    benchmark.pedantic(copy, rounds=10, warmup_rounds=1)


def test_a_million_items(benchmark: BenchmarkFixture) -> None:
    """1,000 queries, 64 bits."""
    problem = uniform(64, 1_000, 1_000_000)
    describe(benchmark, "ours: mAP and both bounds", "uniform 64", problem)
    benchmark.pedantic(evaluate, (*problem, BOUNDS), rounds=5, warmup_rounds=1)


def test_bare_work_of_a_million_items(benchmark: BenchmarkFixture) -> None:
    """Its XOR and popcount."""
    problem = uniform(64, 1_000, 1_000_000)
    describe(benchmark, "bare: XOR and popcount", "uniform 64", problem)
    benchmark.pedantic(bare_work(problem), rounds=5, warmup_rounds=1)


def test_ten_million_items(benchmark: BenchmarkFixture) -> None:
    """Ten times the seconds, if the cost is linear."""
    problem = uniform(64, 1_000, 10_000_000)
    describe(benchmark, "ours: mAP and both bounds", "uniform 64", problem)
    benchmark.pedantic(evaluate, (*problem, BOUNDS), rounds=3)


def test_multi_label(benchmark: BenchmarkFixture) -> None:
    """21 labels, two an item on average, 48 bits; all default metrics."""
    query, database, _, _ = make("uniform 48")
    rng = np.random.default_rng(1)
    problem = query, database, *(rng.random((n, 21)) < 0.1 for n in (N_QUERIES, N_DATABASE))
    describe(benchmark, "ours: all default metrics, curves", "uniform 48, 21 labels", problem)
    benchmark.pedantic(evaluate, problem, rounds=3, warmup_rounds=1)


def test_vectors(benchmark: BenchmarkFixture) -> None:
    """Real vectors by cosine: 500 queries, 3,072 dimensions, all metrics."""
    rng = np.random.default_rng(0)
    vectors = [rng.standard_normal((n, 3072), dtype=np.float32) for n in (500, N_DATABASE)]
    problem = (*vectors, *(rng.integers(0, N_CLASSES, n) for n in (500, N_DATABASE)))
    describe(benchmark, "ours: real vectors, all metrics", "3,072 dimensions", problem)
    benchmark.pedantic(evaluate_vectors, problem, rounds=1)


MEMORY = """
import sys
from pathlib import Path
sys.path.insert(0, {folder!r})
from test_evaluation_speed import evaluate, uniform
evaluate(*uniform({n_bits}, 50, 5000))
problem = uniform({n_bits}, {n_queries}, {n_database})
def memory(line):
    return int(Path("/proc/self/status").read_text().split(line)[1].split()[0])
Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
before = memory("VmRSS:")
evaluate(*problem)
print((memory("VmHWM:") - before) / 1024)
"""


@pytest.mark.parametrize(("n_bits", "n_queries", "n_database"), [(48, 10_000, 50_000), (64, 100, 10_000_000)])
def test_peak_memory(benchmark: BenchmarkFixture, n_bits: int, n_queries: int, n_database: int) -> None:
    """MiB above the inputs and the loaded libraries, all default metrics, in a process of its own."""
    folder = str(Path(__file__).parent)
    script = MEMORY.format(folder=folder, n_bits=n_bits, n_queries=n_queries, n_database=n_database)
    run = {"capture_output": True, "text": True, "check": True}
    result = benchmark.pedantic(subprocess.run, ([sys.executable, "-c", script],), run, rounds=1)
    size = f"{n_queries:,} x {n_database:,}"
    benchmark.extra_info.update(what="peak memory", size=size, mib=float(result.stdout))
    assert float(result.stdout) < 512
