"""Plans of cells on the bundled digits, with a short budget; none of these tests trains a network of note."""

from dataclasses import dataclass

import pytest

from hashbench.execution.cell import _warm_up
from hashbench.execution.grid import expand
from hashbench.execution.place import Place
from hashbench.execution.plan import Plan, make_plan
from hashbench.execution.suite import make_suite
from hashbench.plugins import registry

SHORT = {"recipe.pretrain_epochs": 4, "recipe.epochs": 2, "recipe.batch_size": 360}


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory):
    _warm_up("cpu")  # what is imported at the first cell keeps standard output, which a display replaces
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cache(shared_cache, monkeypatch):
    monkeypatch.setenv("HASHBENCH_CACHE", str(shared_cache))
    for name in ("HASHBENCH_DATA", "COLUMNS", "FORCE_COLOR", "TERM", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(registry, "_FILES", {})


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "runs", tmp_path / "data", "cpu", threads=1, command="test")


@dataclass
class Planned:
    plan: Plan

    def number(self, title, bits=None):
        """The number of the job of a method, or of a feature, at so many bits."""
        for number, task in enumerate(self.plan.tasks):
            cell = getattr(task, "cell", None)
            found = task.feature.name() if cell is None else cell.method
            if found == title and (bits is None or cell.bits == bits):
                return number
        raise AssertionError(title)


@pytest.fixture
def planned(place):
    def of(*methods, **given):
        content = {"methods": methods, "bits": [8], "features": ["pixels"], "set": SHORT, **given}
        return Planned(make_plan(expand(make_suite(content, "test")).works, place))

    return of
