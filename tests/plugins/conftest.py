"""No test sees the files that another one has registered."""

import sys

import pytest

from hashbench.plugins import registry


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch):
    monkeypatch.setattr(registry, "_FILES", {})
    yield
    for name in [name for name in sys.modules if name.endswith((".own", ".their_hash", ".their_data"))]:
        del sys.modules[name]
