"""Retrieval gives the numbers that it gave before there were tasks."""

import json
from pathlib import Path

import numpy as np
import pytest

from hashbench.contracts.codes import Codes
from hashbench.contracts.dataset import Images
from hashbench.contracts.task import Stored
from hashbench.errors import InvalidInputError, UnknownNameError
from hashbench.images.split import retrieval_split
from hashbench.tasks.retrieval import Retrieval

N_QUERIES, N_ITEMS, N_CLASSES = 60, 1500, 6
PINNED = json.loads(Path(__file__).with_name("before.json").read_text())


def hashed(*shape, salt):
    """Integers in [0, 2**16) that look random, from integer arithmetic: the same on every machine."""
    index = np.arange(np.prod(shape), dtype=np.uint64) + np.uint64(salt) * np.uint64(1_000_003)
    for factor in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F):
        index = (index ^ (index >> np.uint64(29))) * np.uint64(factor)
    return (index >> np.uint64(48)).astype(np.int64).reshape(shape)


def values_and_labels(n_bits, multi_hot):
    """{"query": (values, labels), "database": (values, labels)} of six classes, with many ties."""
    words = np.where(hashed(N_CLASSES, n_bits, salt=n_bits) % 2, 1.0, -1.0)
    parts = {}
    for part, n, salt in (("query", N_QUERIES, 1), ("database", N_ITEMS, 2)):
        labels = hashed(n, salt=10 * salt) % N_CLASSES
        flips = np.where(hashed(n, n_bits, salt=100 * salt + n_bits) % 10 < 3, -1.0, 1.0)
        values = words[labels] * flips
        if multi_hot:
            others = hashed(n, N_CLASSES, salt=salt) % 7 == 0
            labels = (np.eye(N_CLASSES, dtype=bool)[labels] | others).astype(np.uint8)
        parts[part] = values, labels
    return parts


class Known:
    """An encoder whose values are given; query images come first."""

    def __init__(self, values, output="codes"):
        self.values, self.output = values.astype(np.float32), output

    def at(self, index):
        return self.values[index]


def evaluated(n_bits, multi_hot, output="codes"):
    parts = values_and_labels(n_bits, multi_hot)
    values, labels = (np.concatenate([parts[part][i] for part in parts]) for i in (0, 1))
    n = len(values)
    images = Images(np.zeros((n, 1, 1, 1), np.uint8), labels, tuple("abcdef"))
    split = retrieval_split(np.arange(N_QUERIES, n), np.arange(N_QUERIES), np.arange(N_QUERIES, n))
    return Retrieval().evaluate(Known(values, output), images, split, "cpu")


@pytest.mark.parametrize("name", PINNED)
def test_the_numbers_are_those_of_before(name):
    """Pinned from commit 05bce7e, the last without tasks; curves and values per query too."""
    n_bits, kind = name.split("-")
    outcome = evaluated(int(n_bits), kind == "multi")
    pinned = PINNED[name]
    again = Retrieval().rescore(outcome.stored, list(pinned["values"]), "cpu")
    for found in (outcome, again):
        assert found.values == pytest.approx({k: pinned["values"][k] for k in found.values}, rel=1e-14)
        for metric, values in found.per_unit.items():
            assert values.mean() == found.values[metric]
            assert values[:5] == pytest.approx(pinned["per_query"][metric], rel=1e-14)
    assert set(again.values) == set(pinned["values"])
    for curve, points in pinned["curves"].items():
        assert outcome.curves[curve] == pytest.approx(points, rel=1e-13)


def test_vectors_are_ranked_by_cosine_and_leave_nothing_to_score_again():
    outcome = evaluated(12, False, "vectors")
    assert outcome.stored == {}
    assert outcome.health == {}
    assert 0.2 < outcome.values["map"] < 0.4
    assert "precision@r2" not in outcome.values


def test_scoring_again_adds_metrics_and_refuses_others_by_name():
    stored = evaluated(12, False).stored
    assert isinstance(stored["query"].codes, Codes)
    task = Retrieval()
    assert task.rescore(stored, ["recall@7"], "cpu").values.keys() >= {"recall@7", *task.default_metrics}
    with pytest.raises(UnknownNameError, match="recal@7"):
        task.rescore(stored, ["recal@7"], "cpu")
    with pytest.raises(InvalidInputError, match="rank 1501"):
        task.rescore(stored, ["recall@1501"], "cpu")
    few = {part: Stored(codes[:9], labels[:9]) for part, (codes, labels) in stored.items()}
    assert "precision@100" not in task.rescore(few, [], "cpu").values


def test_every_metric_says_what_it_is_and_which_way_is_better():
    assert Retrieval.headline() == "map"
    for name in Retrieval.default_metrics:
        assert Retrieval.describe(name).better == "higher"
        assert Retrieval.describe(name).definition
    health = evaluated(12, False).health
    assert {Retrieval.describe(name).of for name in health} == {"codes"}
    assert Retrieval.describe("distinct_codes").decimals == 0
