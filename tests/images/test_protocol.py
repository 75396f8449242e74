from dataclasses import FrozenInstanceError, replace

import pytest

from hashbench.contracts.recipe import Recipe
from hashbench.errors import UnknownNameError
from hashbench.images.protocol import PROTOCOLS, find_protocol


def test_names_and_lookup():
    assert list(PROTOCOLS) == ["full", "5k", "5k-disjoint", "unseen"]
    assert all(find_protocol(name).name == name for name in PROTOCOLS)
    with pytest.raises(UnknownNameError, match="unknown protocol '5kk'; did you mean '5k'"):
        find_protocol("5kk")


def test_digest_tells_every_protocol_and_every_change_apart():
    protocol = find_protocol("5k")
    changed = [
        replace(protocol, queries=999),
        replace(protocol, train=None),
        replace(protocol, train_in_database=False),
        replace(protocol, seen_classes=0.5),
        replace(protocol, test_fraction=0.2),
        replace(protocol, recipe=Recipe(epochs=16)),
        replace(protocol, name="mine"),
    ]
    digests = {p.digest for p in [*PROTOCOLS.values(), *changed]}
    assert len(digests) == len(PROTOCOLS) + len(changed)
    assert replace(protocol, description="other words").digest == protocol.digest
    assert replace(protocol).digest == protocol.digest


def test_frozen():
    with pytest.raises(FrozenInstanceError):
        find_protocol("5k").queries = 10  # type: ignore[misc]
