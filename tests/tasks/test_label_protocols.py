"""Protocols of few labels: the split of 5k with fewer labelled images, and images seen without labels."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from hashbench.contracts.dataset import Images
from hashbench.errors import InvalidInputError
from hashbench.images.split import retrieval_split
from hashbench.plugins.registry import find_protocol
from hashbench.tasks.retrieval import Retrieval
from hashbench.training.order import Order

LABELS = (100, 500, 1000, 5000)


def collection(sizes, multi_label=False):
    """Images without content of classes of these sizes, in a random order."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))
    if multi_label:
        labels = np.eye(len(sizes), dtype=np.uint8)[labels]
    names = tuple(f"class {i}" for i in range(len(sizes)))
    return Images(np.zeros((len(labels), 1, 1, 1), np.uint8), labels, names)


def split_of(images, name):
    return find_protocol(name).task.split(images, "any")


@pytest.fixture(scope="module")
def large():
    """As many images as CIFAR-10."""
    return collection([6000] * 10)


@pytest.mark.parametrize("n_labels", LABELS)
def test_queries_and_database_are_those_of_5k_and_labels_the_first(large, n_labels):
    whole, split = split_of(large, "5k"), split_of(large, f"labels-{n_labels}")
    for part, index in whole.parts.items():
        np.testing.assert_array_equal(split.parts[part], index)
    assert np.isin(split.train, whole.train).all()
    assert np.bincount(large.labels[split.train]).tolist() == [n_labels // 10] * 10
    np.testing.assert_array_equal(split.pool, np.setdiff1d(whole.parts["database"], split.train))


def test_fewer_labels_are_among_more(large):
    trains = [split_of(large, f"labels-{n}").train for n in LABELS]
    assert all(np.isin(less, more).all() for less, more in pairwise(trains))
    np.testing.assert_array_equal(trains[-1], split_of(large, "5k").train)


@pytest.mark.parametrize("n_labels", LABELS)
def test_inductive_searches_nothing_that_was_seen_without_labels(large, n_labels):
    split, other = split_of(large, f"labels-{n_labels}-inductive"), split_of(large, f"labels-{n_labels}")
    np.testing.assert_array_equal(split.train, other.train)
    np.testing.assert_array_equal(split.parts["query"], other.parts["query"])
    database = split.parts["database"]
    assert not np.isin(split.pool, database).any()
    assert np.isin(split.train, database).all()
    np.testing.assert_array_equal(np.union1d(split.pool, database), other.parts["database"])
    half = (6000 - 100 - n_labels // 10) // 2
    assert np.bincount(large.labels[split.pool]).tolist() == [half] * 10
    assert f"{10 * half:,}" in split.description
    assert f"{10 * half:,}" not in other.description


def test_the_pool_is_not_the_first_half_of_the_file(large):
    pool = split_of(large, "labels-100-inductive").pool
    assert 0.45 < (pool < len(large) / 2).mean() < 0.55


@pytest.mark.parametrize("n_labels", LABELS)
def test_the_number_of_images_shown_does_not_depend_on_the_labels(n_labels):
    for suffix in ("", "-inductive"):
        recipe = find_protocol(f"labels-{n_labels}{suffix}").recipe
        assert recipe.batch_size == 125
        assert n_labels * recipe.pretrain_epochs == 150_000
        assert n_labels * recipe.epochs == 100_000
        assert replace(recipe, pretrain_epochs=120, epochs=10) == find_protocol("5k").recipe
        labels = torch.arange(n_labels) % 10
        steps = recipe.epochs * Order(labels, recipe.batch_size).n_steps
        assert steps == (1000 if n_labels == 100 else 800)  # of 100 images: there are no more


def test_their_digests_differ_except_where_the_question_is_that_of_5k():
    digests = [find_protocol(f"labels-{n}{s}").task_digest for n in LABELS for s in ("", "-inductive")]
    assert len(set(digests)) == len(digests)
    assert find_protocol("labels-5000").task_digest == find_protocol("5k").task_digest
    assert find_protocol("labels-5000").recipe_digest != find_protocol("5k").recipe_digest


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("n_labels", LABELS)
def test_counts_shrink_on_small_data(n_labels, multi_label):
    images = collection([178, 182, 177, 183, 181, 182, 181, 179, 174, 180], multi_label)
    for suffix in ("", "-inductive"):
        split = split_of(images, f"labels-{n_labels}{suffix}")
        assert len(split.parts["query"]) + len(split.train) <= len(images) / 2
        # The ratio of queries to labels stays, up to rounding within each class.
        ratio = len(split.train) / len(split.parts["query"])
        assert ratio == pytest.approx(n_labels / 1000, rel=0.13)
        seen = np.concatenate([split.train, split.pool, split.parts["query"]])
        assert len(np.unique(seen)) == len(seen)


def test_inductive_refuses_where_nothing_is_left_to_see(large):
    with pytest.raises(InvalidInputError, match="too small"):
        Retrieval(inductive=True).split(large, "any")


def test_inductive_takes_the_pool_out_of_a_database_without_training_images(large):
    task = Retrieval(queries=1000, train=100, train_in_database=False, inductive=True)
    split = task.split(large, "any")
    sizes = [len(split.pool), len(split.parts["database"])]
    assert sizes == [29_450, 29_450]
    assert not np.isin(split.train, split.parts["database"]).any()


def test_a_query_in_the_pool_is_refused():
    parts = (np.array(part, np.int64) for part in ([1], [0], [1, 3], [0, 4]))
    with pytest.raises(InvalidInputError, match="pool"):
        retrieval_split(*parts)
