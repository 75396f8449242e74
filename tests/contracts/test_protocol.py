"""A protocol has two digests: what every cell depends on, and what only cells with a network do."""

from dataclasses import FrozenInstanceError, dataclass, replace

import pytest

from hashbench.contracts.protocol import Protocol
from hashbench.contracts.recipe import Recipe
from hashbench.errors import UnknownNameError
from hashbench.plugins.registry import find_protocol, protocols
from hashbench.tasks.retrieval import Retrieval


def test_names_and_lookup():
    few_labels = [f"labels-{n}{s}" for n in (100, 500, 1000, 5000) for s in ("", "-inductive")]
    of_retrieval = [name for name, protocol in protocols().items() if isinstance(protocol.task, Retrieval)]
    assert of_retrieval == ["full", "5k", "5k-disjoint", "5k-train", "unseen", *few_labels]
    assert all(find_protocol(name).name == name for name in protocols())
    with pytest.raises(UnknownNameError, match="unknown protocol '5kk'; did you mean '5k'"):
        find_protocol("5kk")


def test_every_number_of_the_task_is_in_its_digest_and_no_other():
    protocol = find_protocol("5k")
    changed = [
        replace(protocol, task=replace(protocol.task, **{name: value}))
        for name, value in {
            "queries": 999,
            "train": None,
            "train_in_database": False,
            "seen_classes": 0.5,
            "test_fraction": 0.2,
            "inductive": True,
        }.items()
    ]
    assert len({p.task_digest for p in [protocol, *changed]}) == 1 + len(changed)
    assert {p.recipe_digest for p in changed} == {protocol.recipe_digest}


def test_every_change_of_the_recipe_is_in_its_digest_and_no_other():
    protocol = find_protocol("5k")
    changed = [
        replace(protocol, recipe=replace(protocol.recipe, **{name: value}))
        for name, value in {
            "epochs": 16,
            "lr": 0.1,
            "clip": 1.0,
            "backbone": "nin",
            "flip_at_test": False,
        }.items()
    ]
    assert len({p.recipe_digest for p in [protocol, *changed]}) == 1 + len(changed)
    assert {p.task_digest for p in changed} == {protocol.task_digest}


def test_words_are_in_neither():
    protocol = find_protocol("5k")
    other = replace(protocol, name="mine", description="other words")
    assert (other.task_digest, other.recipe_digest) == (protocol.task_digest, protocol.recipe_digest)


def test_a_new_field_with_a_default_moves_no_digest():
    @dataclass(frozen=True, kw_only=True)
    class Wider(Recipe):
        mixup: float = 0.0

    @dataclass(frozen=True, kw_only=True)
    class Asked(Retrieval):
        rounds: int = 1

        @classmethod
        def name(cls):
            return "retrieval"

    before = Protocol(name="p", description="", task=Retrieval(queries=5), recipe=Recipe(epochs=3))
    after = Protocol(name="p", description="", task=Asked(queries=5), recipe=Wider(epochs=3))
    assert (after.task_digest, after.recipe_digest) == (before.task_digest, before.recipe_digest)
    used = replace(after, task=Asked(queries=5, rounds=2), recipe=Wider(epochs=3, mixup=0.2))
    assert used.task_digest != before.task_digest
    assert used.recipe_digest != before.recipe_digest


def test_frozen():
    with pytest.raises(FrozenInstanceError):
        find_protocol("5k").task.queries = 10  # type: ignore[misc]
