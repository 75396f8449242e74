"""Runs on the bundled digits, with a budget of one epoch, in folders of the test's own."""

import sys

import pytest

from hashbench.execution.context import _backbone, open_context
from hashbench.execution.grid import expand
from hashbench.execution.place import Place
from hashbench.execution.suite import make_suite
from hashbench.plugins import registry

PLUGIN_MODULES = "hashbench.plugins.files."
SHORT = {"recipe.pretrain_epochs": 1, "recipe.epochs": 1, "recipe.batch_size": 360}


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cache(shared_cache, monkeypatch):
    """One cache for all tests, so that one backbone does for most; nothing else is shared."""
    monkeypatch.setenv("HASHBENCH_CACHE", str(shared_cache))
    monkeypatch.delenv("HASHBENCH_DATA", raising=False)
    monkeypatch.setattr(registry, "_FILES", {})
    return shared_cache


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """An empty cache for this test alone."""
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))
    forget()
    yield tmp_path / "cache"
    forget()


def forget():
    """What a new process would not know."""
    open_context.cache_clear()
    _backbone.cache_clear()


@pytest.fixture
def new_process():
    return forget


@pytest.fixture
def forget_plugins(monkeypatch):
    """What a new process would not know of plugin files."""

    def forgotten():
        monkeypatch.setattr(registry, "_FILES", {})
        for name in [name for name in sys.modules if name.startswith(PLUGIN_MODULES)]:
            del sys.modules[name]

    return forgotten


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "runs", tmp_path / "data", "cpu", threads=1, command="test")


@pytest.fixture
def grid():
    """The cells of a suite with the short budget; one data set, one code length, raw pixels."""

    def cells(*methods, **given):
        content = {"methods": methods, "bits": [8], "features": ["pixels"], **given}
        content["set"] = {**SHORT, **given.get("set", {})}
        return expand(make_suite(content, "test")).works

    return cells


@pytest.fixture
def plugin(tmp_path):
    """Write a method file and register it; returns its path."""

    def write(name, body, imports="", register=True):
        path = tmp_path / f"{name}.py"
        path.write_text(
            f'"""A method (test)."""\nimport torch\n{imports}\n'
            "from hashbench.contracts.method import HashMethod\n"
            f"class Own(HashMethod):\n"
            + "".join(f"    {line}\n" for line in body.splitlines())
            + "    def _project(self, X):\n        return X[:, : self.n_bits] - 0.5\n"
        )
        if register:
            registry.register_file(path)
        return path

    return write
