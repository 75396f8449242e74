"""The checks of a task find the faults that they are there for."""

from pathlib import Path

import pytest

from hashbench.plugins import registry
from hashbench.plugins.registry import find, plugins, register_file
from hashbench.testing import TASK_CHECKS, iter_checks

SOUND = (Path(__file__).parent / "nearest_class.py").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch):
    monkeypatch.setattr(registry, "_FILES", {})


@pytest.mark.parametrize("check", TASK_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", plugins("task"))
def test_task(name, check):
    check(find("task", name))


def faults(folder, *changes):
    """The checks that the sound task fails after some changes of its text, with what they say."""
    text = SOUND
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "changed.py"
    path.write_text(text, encoding="utf-8")
    register_file(path)
    return {name: str(error) for name, error in iter_checks("task", find("task", "changed")) if error}


def test_a_sound_task_passes(tmp_path):
    assert faults(tmp_path) == {}


@pytest.mark.parametrize(
    ("change", "check", "culprit"),
    [
        (('("query", "queries")', '("query",)'), "declares what it is", "unit"),
        (('= ("hits", "distance")', "= ()"), "declares what it is", "default_metrics"),
        (("tests.", "tests"), "documents its source", "changed.py"),
        (('"nearest-many"', '"nearest"'), "has protocols", "nearest"),
        (("as nearest, 10,000 queries", ""), "has protocols", "nearest-many"),
        (('seed_of(dataset, "queries")', "None"), "splits by name and labels alone", "nearest"),
        (
            ('seed_of(dataset, "queries")', "int(images.pixels.sum())"),
            "splits by name and labels alone",
            "nearest",
        ),
        (("queries: int = 60", "queries: int = 300"), "splits by name and labels alone", "600"),
        (("train = database[::2]", "train = np.sort(order[::2])"), "keeps its parts apart", "nearest"),
        (("np.setdiff1d(database, train)", "database"), "keeps its parts apart", "pool"),
        (("np.sort(order[: self.queries])", "order[: self.queries]"), "keeps its parts apart", "query"),
        (("float(values.mean())", "float('nan')"), "scores every default metric", "hits = nan"),
        (("float(values.mean())", "float(values.max())"), "scores every default metric", "hits"),
        (('= ("hits", "distance")', '= ("other", "hits")'), "scores every default metric", "other = None"),
        (("per_unit=per_unit", "per_unit={}"), "scores every default metric", "per unit"),
        (
            ("stored=stored", 'stored={**stored, "query": Stored(query.codes, query.labels[::-1])}'),
            "scores stored codes alike",
            "hits",
        ),
        (("stored=stored", "stored={}"), "scores stored codes alike", "stores no codes"),
        (('"distinct_codes": MetricInfo', '"codes": MetricInfo'), "explains its metrics", "distinct_codes"),
        (
            ('raise UnknownNameError("metric", metric, METRICS)', 'return METRICS["hits"]'),
            "explains its metrics",
            "no_such_metric",
        ),
        (("number of different codes", ""), "explains its metrics", "distinct_codes"),
    ],
)
def test_each_fault_is_found(tmp_path, change, check, culprit):
    found = faults(tmp_path, change)
    assert check in found
    assert culprit in found[check]


def test_a_metric_of_more_images_than_there_are_may_be_absent(tmp_path):
    change = (
        '"distinct_codes": MetricInfo',
        '"hits@10000": MetricInfo("of 10,000"),\n    "distinct_codes": MetricInfo',
    )
    assert faults(tmp_path, change, ('= ("hits", "distance")', '= ("hits", "distance", "hits@10000")')) == {}


def test_a_class_without_the_decorator_is_found(tmp_path):
    found = faults(tmp_path, ("@dataclass(frozen=True)\n", ""), ("(queries=10_000)", "()"))
    assert "frozen" in found["declares what it is"]
