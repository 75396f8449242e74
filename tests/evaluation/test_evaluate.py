"""The whole call: what goes in, what comes out, what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashbench.contracts.codes import Codes
from hashbench.errors import InvalidInputError, UnknownNameError
from hashbench.evaluation import DEFAULT_METRICS, evaluate, evaluate_vectors
from hashbench.evaluation.evaluate import curve_ranks
from hashbench.evaluation.metric_table import RANKING

RNG = np.random.default_rng(0)


REAL_QUERY, REAL_DATABASE = RNG.normal(size=(20, 9)), RNG.normal(size=(150, 9))


QUERY_LABELS, DATABASE_LABELS = RNG.integers(0, 3, 20), RNG.integers(0, 3, 150)


def assert_same(ours, theirs) -> None:  # type: ignore[no-untyped-def]
    assert ours.values == theirs.values
    for name, values in ours.per_query.items():
        assert np.array_equal(values, theirs.per_query[name])


def test_values_of_a_ranking_worked_by_hand() -> None:
    """Distances 0 1 1 2 3, relevant + - + - +; the tie at 1 has two orders."""
    query = np.zeros((1, 4))
    database = np.array([[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]])
    names = ["map", "map_optimistic", "map_pessimistic", "map@3[hits]", "map@3[min]", "map@2[hits]"]
    names += ["precision@2", "recall@2", "precision@r1", "recall@r1", "f1@r1", "map@r1"]
    result = evaluate(query, database, [7], [7, 8, 7, 8, 7], names)
    first, second = (1 + 1 + 3 / 5) / 3, (1 + 2 / 3 + 3 / 5) / 3
    expected = {
        "map": (first + second) / 2,
        "map_optimistic": first,
        "map_pessimistic": second,
        "map@3[hits]": (1 + (1 + 2 / 3) / 2) / 2,
        "map@3[min]": (2 + (1 + 2 / 3)) / 2 / 3,
        "map@2[hits]": 1,
        "precision@2": 3 / 4,
        "recall@2": 1 / 2,
        "precision@r1": 2 / 3,
        "recall@r1": 2 / 3,
        "f1@r1": 2 / 3,
        "map@r1": (1 + (1 + 2 / 3) / 2) / 2,
    }
    assert result.values == pytest.approx(expected, abs=1e-12)
    assert list(result) == names
    assert result.pr_curve is not None
    assert result.pr_curve.radius == [0, 1, 2, 3, 4]
    assert result.pr_curve.precision == pytest.approx([1, 2 / 3, 1 / 2, 3 / 5, 3 / 5])
    assert result.pr_curve.recall == pytest.approx([1 / 3, 2 / 3, 2 / 3, 1, 1])
    assert (result.n_queries, result.n_database) == (1, 5)


def test_values_are_means_over_queries_and_none_is_skipped() -> None:
    labels = QUERY_LABELS.copy()
    labels[:5] = 99  # no relevant item
    result = evaluate(REAL_QUERY, REAL_DATABASE, labels, DATABASE_LABELS)
    for name, values in result.per_query.items():
        assert values.shape == (20,)
        assert (values[:5] == 0).all()
        assert result[name] == pytest.approx(values.mean(), abs=1e-15)
    kept = evaluate(REAL_QUERY[5:], REAL_DATABASE, labels[5:], DATABASE_LABELS)
    assert result["map"] == pytest.approx(kept["map"] * 15 / 20, abs=1e-15)
    assert result.pr_curve is not None
    assert kept.pr_curve is not None
    assert result.pr_curve.recall == pytest.approx([r * 15 / 20 for r in kept.pr_curve.recall])


def test_all_forms_of_codes_score_alike() -> None:
    codes = Codes.from_real(REAL_DATABASE)
    bits = codes.unpack()
    result = evaluate(REAL_QUERY, codes, QUERY_LABELS, DATABASE_LABELS)
    signs = 2 * bits.astype(int) - 1
    for form in (REAL_DATABASE, bits, bits.astype(bool), bits.astype(float), signs, signs.astype(np.float16)):
        assert_same(evaluate(REAL_QUERY, form, QUERY_LABELS, DATABASE_LABELS), result)


def test_zero_is_a_bit_and_not_a_third_value() -> None:
    """sign(0) = 0 would put 0 halfway between the codes; bit = value > 0 makes it equal to -1."""
    real = np.array([[0.0, 2.5], [-0.5, 2.5], [0.5, 2.5]])
    result = evaluate(np.array([[-3.0, 1.5]]), real, [1], [1, 1, 0], ["map_pessimistic", "precision@r0"])
    assert result.values == {"map_pessimistic": 1.0, "precision@r0": 1.0}


def test_all_forms_of_labels_score_alike() -> None:
    result = evaluate(REAL_QUERY, REAL_DATABASE, QUERY_LABELS, DATABASE_LABELS)
    names = np.array(["cat", "dog", "emu"])
    assert_same(evaluate(REAL_QUERY, REAL_DATABASE, names[QUERY_LABELS], names[DATABASE_LABELS]), result)
    one_hot = np.eye(3)
    hot = evaluate(REAL_QUERY, REAL_DATABASE, one_hot[QUERY_LABELS], one_hot[DATABASE_LABELS])
    assert_same(hot, result)
    spread = np.array([5, 2**40, 17])
    assert_same(evaluate(REAL_QUERY, REAL_DATABASE, spread[QUERY_LABELS], spread[DATABASE_LABELS]), result)
    small = QUERY_LABELS.astype(np.uint8)
    assert_same(evaluate(REAL_QUERY, REAL_DATABASE, small, DATABASE_LABELS), result)


def test_multi_label_relevance_is_a_shared_label() -> None:
    """70 columns need two words; an item can have several labels, or none."""
    for n_classes in (3, 70):
        query_hot, database_hot = RNG.random((20, n_classes)) < 0.1, RNG.random((150, n_classes)) < 0.1
        result = evaluate(REAL_QUERY, REAL_DATABASE, query_hot, database_hot, ["map", "recall@r3"])
        for i in range(20):
            shares = (query_hot[i] & database_hot).any(1).astype(int)
            alone = evaluate(REAL_QUERY[i : i + 1], REAL_DATABASE, [1], shares, ["map", "recall@r3"])
            assert alone["map"] == result.per_query["map"][i]
            assert alone["recall@r3"] == result.per_query["recall@r3"][i]


def test_constant_codes_score_a_random_order() -> None:
    result = evaluate(np.ones((20, 9)), np.ones((150, 9)), QUERY_LABELS, DATABASE_LABELS)
    H = sum(1 / t for t in range(1, 151))
    for label in range(3):
        r = (label == DATABASE_LABELS).sum()
        expected = ((r - 1) / 149 * (150 - H) + H) / 150
        assert result.per_query["map"][label == QUERY_LABELS] == pytest.approx(expected, abs=1e-12)
        assert result.per_query["precision@100"][label == QUERY_LABELS] == pytest.approx(r / 150)
        discounts = 1 / np.log2(np.arange(2, 102))
        random = r / 150 * discounts.sum() / discounts[:r].sum()
        assert result.per_query["ndcg@100"][label == QUERY_LABELS] == pytest.approx(random)


def test_order_of_queries_and_database_does_not_matter() -> None:
    result = evaluate(REAL_QUERY, REAL_DATABASE, QUERY_LABELS, DATABASE_LABELS)
    by_class, back = np.argsort(DATABASE_LABELS), np.arange(20)[::-1]
    moved = evaluate(REAL_QUERY[back], REAL_DATABASE[by_class], QUERY_LABELS[back], DATABASE_LABELS[by_class])
    for name, values in result.per_query.items():
        assert np.array_equal(values[back], moved.per_query[name])


small_problems = st.tuples(
    st.integers(1, 5), st.integers(1, 6), st.integers(1, 12), st.sampled_from([0, 3]), st.integers(0, 2**32)
)


@settings(max_examples=100, deadline=None)
@given(small_problems)
def test_what_changes_no_metric(problem: tuple[int, int, int, int, int]) -> None:
    """Another order of the database; a bit complemented, or moved, in all codes; renamed labels."""
    n_bits, n_queries, n_items, n_labels, seed = problem
    rng = np.random.default_rng(seed)
    query, database = rng.integers(0, 2, (n_queries, n_bits)), rng.integers(0, 2, (n_items, n_bits))
    shapes = [(n, n_labels) if n_labels else n for n in (n_queries, n_items)]
    ql, dl = (rng.integers(0, 2 if n_labels else 3, shape) for shape in shapes)
    k = rng.integers(1, n_items + 1)
    names = [name.replace("@K", f"@{k}").replace("@rR", "@r1") for name in RANKING]
    result = evaluate(query, database, ql, dl, names)
    order, bits, flip = rng.permutation(n_items), rng.permutation(n_bits), rng.integers(0, 2, n_bits)
    renamed = [labels[:, ::-1] if n_labels else 7 - 2 * labels for labels in (ql, dl)]
    moved = evaluate(
        (query ^ flip)[:, bits], (database[order] ^ flip)[:, bits], renamed[0], renamed[1][order], names
    )
    assert_same(moved, result)
    for name, values in result.curves.items():
        assert moved.curves[name] == pytest.approx(values, abs=1e-14)  # summed in another order


def test_a_database_twice_over_has_the_same_balls() -> None:
    names = [f"{name}@r{radius}" for radius in range(10) for name in ("precision", "recall", "f1")]
    result = evaluate(REAL_QUERY, REAL_DATABASE, QUERY_LABELS, DATABASE_LABELS, names)
    twice = (np.tile(REAL_DATABASE, (2, 1)), QUERY_LABELS, np.tile(DATABASE_LABELS, 2))
    assert_same(evaluate(REAL_QUERY, *twice, names), result)


def test_curve_by_rank_is_the_metrics_at_its_ranks() -> None:
    curve = evaluate(REAL_QUERY, REAL_DATABASE, QUERY_LABELS, DATABASE_LABELS).rank_curve
    assert curve.rank[:12] == [1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25]
    assert curve.rank[-3:] == [100, 126, 150]
    names = [f"{name}@{rank}" for name in ("precision", "recall") for rank in curve.rank]
    result = evaluate(REAL_QUERY, REAL_DATABASE, QUERY_LABELS, DATABASE_LABELS, names)
    assert [*curve.precision, *curve.recall] == pytest.approx([*result.values.values()], abs=1e-14)
    assert curve.recall[-1] == 1
    assert [curve_ranks(n) for n in (1, 2, 10)] == [[1], [1, 2], [1, 2, 3, 4, 5, 6, 8, 10]]


def test_curve_counts_repeated_queries_each_time() -> None:
    repeats = np.repeat(np.arange(20), np.arange(1, 21))
    names = [f"{name}@r{radius}" for radius in range(10) for name in ("precision", "recall")]
    result = evaluate(REAL_QUERY[repeats], REAL_DATABASE, QUERY_LABELS[repeats], DATABASE_LABELS, names)
    assert result.pr_curve is not None
    assert result.pr_curve.precision == pytest.approx([result[name] for name in names[::2]], abs=1e-14)
    assert result.pr_curve.recall == pytest.approx([result[name] for name in names[1::2]], abs=1e-14)


def test_inputs_are_not_changed() -> None:
    arrays = [REAL_QUERY.copy(), REAL_DATABASE.copy(), QUERY_LABELS.copy(), DATABASE_LABELS.copy()]
    for array in arrays:
        array.setflags(write=False)
    evaluate(*arrays)
    evaluate_vectors(*arrays)


def test_defaults_leave_out_ranks_beyond_the_database_only() -> None:
    result = evaluate(REAL_QUERY, REAL_DATABASE, QUERY_LABELS, DATABASE_LABELS)
    assert set(DEFAULT_METRICS) - set(result) == {
        name for name in DEFAULT_METRICS if "@1000" in name or "@500" in name
    }
    with pytest.raises(InvalidInputError, match="'precision@500' asks for rank 500, but the database"):
        evaluate(REAL_QUERY, REAL_DATABASE, QUERY_LABELS, DATABASE_LABELS, ["map", "precision@500"])


def test_radius_beyond_the_code_length_takes_everything() -> None:
    result = evaluate(
        REAL_QUERY, REAL_DATABASE, QUERY_LABELS, DATABASE_LABELS, ["recall@r50", "map@r50", "map"]
    )
    assert result["recall@r50"] == 1
    assert result["map@r50"] == pytest.approx(result["map"])


def test_asking_for_a_metric_that_was_not_computed() -> None:
    result = evaluate(REAL_QUERY, REAL_DATABASE, QUERY_LABELS, DATABASE_LABELS, ["map"])
    assert "map" in result
    assert "map_optimistic" not in result
    with pytest.raises(UnknownNameError, match="unknown metric of this evaluation 'mpa'; did you mean 'map'"):
        _ = result["mpa"]
