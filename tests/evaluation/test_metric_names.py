"""Names of metrics: all parse, wrong ones say what is right."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

from hashbench.errors import InvalidInputError, UnknownNameError
from hashbench.evaluation import DEFAULT_METRICS, parse_metric
from hashbench.evaluation.metric_names import choose_metrics
from hashbench.evaluation.metric_table import HEALTH, METRICS, RANKING, describe, metric_infos

ITEMS, RELEVANT = np.array([[3, 5, 5]]), np.array([[2, 1, 4]])


def test_every_name_is_explained_and_computes() -> None:
    lines = metric_infos()
    assert list(lines) == [*RANKING, *HEALTH] == list(METRICS)
    for info in lines.values():
        assert 20 < len(info.definition) < 140
        assert "\n" not in info.definition
    for pattern in RANKING:
        metric = parse_metric(pattern.replace("K", "5").replace("rR", "r1"))
        assert 0 < metric(ITEMS, RELEVANT)[0] <= 1


def test_a_metric_says_what_it_is_which_way_is_better_and_how_it_is_printed() -> None:
    assert describe("precision@100").definition.startswith("part of the first 100 that is relevant")
    assert describe("map@50[min]").definition.startswith("mAP of the first 50, divided by 50 or by all")
    assert "within Hamming radius 2" in describe("precision@r2").definition
    assert "a query without a relevant item scores 0" in describe("map").definition
    assert (describe("map").better, describe("map").of, describe("map").decimals) == ("higher", "units", 3)
    codes = describe("distinct_codes")
    assert (codes.better, codes.of, codes.decimals) == (None, "codes", 0)
    assert "relevant" not in codes.definition
    with pytest.raises(UnknownNameError, match="did you mean 'map'"):
        describe("mapp")
    with pytest.raises(InvalidInputError, match="does not name its denominator"):
        describe("map@50")


def test_reading_the_table_loads_neither_numba_nor_torch() -> None:
    code = (
        "import sys; from hashbench.evaluation.metric_table import metric_infos; metric_infos(); "
        "print([name for name in ('numba', 'torch') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"


def test_each_name_reaches_its_own_function_and_argument() -> None:
    names = [pattern.replace("K", "5").replace("rR", "r1") for pattern in RANKING]
    values = {name: round(float(parse_metric(name)(ITEMS, RELEVANT)[0]), 9) for name in names}
    assert len(set(values.values())) == len(values)  # all differ on this ranking
    assert parse_metric("precision@3")(ITEMS, RELEVANT) == pytest.approx([2 / 3])
    assert parse_metric("precision@r2")(ITEMS, RELEVANT) == pytest.approx([7 / 13])


def test_defaults_are_valid_names() -> None:
    assert [metric.name for metric in choose_metrics(DEFAULT_METRICS, 10_000)] == list(DEFAULT_METRICS)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("map@1000", r"does not name its denominator; write map@1000\[hits\].*\[min\].*\[total\]"),
        ("map@1000[foo]", r"has no denominator \[foo\]; write map@1000\[hits\]"),
        ("precision@0", "ranks start at 1"),
        ("map@0[hits]", "ranks start at 1"),
        ("precision@K", "K stands for a rank; write precision@100$"),
        ("precision@", "K stands for a rank; write precision@100$"),
        ("precision@rR", "R stands for a Hamming radius; write precision@r2$"),
        ("map@K[hits]", r"K stands for a rank; write map@100\[hits\]$"),
        ("map@1e3[hits]", r"'1e3' is not a rank; write map@100\[hits\]$"),
        ("precision@007", "'007' is not a rank; write precision@100$"),
        ("precision@\u0661\u0660", "is not a rank; write precision@100$"),
        ("precision@5\n", r"'5\\n' is not a rank; write precision@100$"),
        ("recall@r02", "'02' is not a Hamming radius; write recall@r2$"),
        ("map@rx", "'x' is not a Hamming radius; write map@r2$"),
        (5, "the name of a metric is text, not 5; available: map,"),
        ("code_entropy", r"is of a set of codes, not of rankings: hashbench.code_health\(codes\)"),
    ],
)
def test_incomplete_names(name: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        parse_metric(name)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("precison@50", "precision@50"),
        ("map_optimstic", "map_optimistic"),
        ("MAP", "map"),
        ("mAP", "map"),
        ("NDCG@10", "ndcg@10"),
        ("bit_balence", "bit_balance"),
        ("map@", "map"),
        ("map@-5", None),
        ("precision", "precision@r2"),
        ("precision@10[hits]", "precision@10"),
        ("map@r2[hits]", None),
        ("", None),
    ],
)
def test_unknown_names_say_what_is_near_and_where_all_are(name: str, near: str | None) -> None:
    with pytest.raises(UnknownNameError, match="see 'hashbench list metrics'") as caught:
        parse_metric(name)
    assert {"bit_balance", "f1@rR", "map"} < set(caught.value.available)
    if near is not None:
        assert f"did you mean '{near}'" in str(caught.value)
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_lists_of_names() -> None:
    assert [m.name for m in choose_metrics(["map", "map@3[hits]", "map"], 5)] == ["map", "map@3[hits]"]
    with pytest.raises(InvalidInputError, match="must be a list of names, not the text 'map'"):
        choose_metrics("map", 5)
    with pytest.raises(InvalidInputError, match="no metric is asked for"):
        choose_metrics([], 5)
    with pytest.raises(InvalidInputError, match="'precision@r2' needs codes"):
        choose_metrics(["precision@r2"], 5, radii=False)
