"""Which methods run under which task, and at which code lengths."""

import pytest

from hashbench.errors import InvalidInputError
from hashbench.execution.grid import expand
from hashbench.execution.suite import make_suite
from hashbench.plugins import registry

OF_ANOTHER_TASK = """
from typing import ClassVar
import torch
from hashbench.contracts.method import HashMethod
class Foreign(HashMethod):
    made_for: ClassVar = ("juggling",)
    def _fit(self, X, y, generator): pass
    def _project(self, X): return X[:, : self.n_bits]
"""


@pytest.fixture
def foreign(tmp_path):
    path = tmp_path / "foreign.py"
    path.write_text(OF_ANOTHER_TASK)
    registry.register_file(path)


@pytest.mark.parametrize("protocols", [None, ["5k"]])
def test_a_group_leaves_out_the_methods_of_other_tasks_and_says_why(foreign, protocols):
    content = {"methods": ["shallow"], "bits": [8]} | ({"protocols": protocols} if protocols else {})
    grid = expand(make_suite(content, "test"))
    assert "foreign" not in {work.cell.method for work in grid.works}
    reason = dict(grid.left_out)["foreign"]
    assert ("retrieval" if protocols else "juggling") in reason


def test_a_named_method_runs_under_a_named_protocol_of_another_task(foreign):
    grid = expand(make_suite({"methods": ["foreign"], "protocols": ["5k"]}, "test"))
    assert {work.cell.method for work in grid.works} == {"foreign"}
    assert not grid.left_out
    with pytest.raises(InvalidInputError, match="juggling"):
        expand(make_suite({"methods": ["foreign"]}, "test"))


def test_a_method_that_its_own_task_refuses_is_refused_with_the_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "_FILES", {})
    text = OF_ANOTHER_TASK.replace('("juggling",)', '("authentication",)\n    output: ClassVar = "vectors"')
    (tmp_path / "refused.py").write_text(text)
    registry.register_file(tmp_path / "refused.py")
    method, task = registry.find("method", "refused"), registry.find_protocol("authentication").task
    reason = task.accepts(method)
    assert reason is not None
    with pytest.raises(InvalidInputError, match=f"'refused' is left out of authentication: {reason};"):
        expand(make_suite({"methods": ["refused"]}, "test"))
    grid = expand(make_suite({"methods": ["refused", "lsh"], "features": ["pixels"], "bits": [8]}, "test"))
    assert {work.cell.method for work in grid.works} == {"lsh"}
    assert grid.left_out == [("refused", f"authentication: {reason}")]


def test_a_code_length_that_a_method_cannot_make_is_left_out_and_said(monkeypatch):
    lsh = registry.find("method", "lsh")
    monkeypatch.setattr(lsh, "accepts_bits", lambda n_bits: "multiples of 4 only" if n_bits % 4 else None)
    grid = expand(make_suite({"methods": ["lsh"], "features": ["pixels"], "bits": [6, 8]}, "test"))
    assert [work.cell.bits for work in grid.works] == [8]
    assert grid.left_out == [("lsh", "5k: multiples of 4 only")]


def test_a_method_that_lacks_a_package_is_left_out_and_said_or_refused_by_name(monkeypatch):
    monkeypatch.setattr(registry.find("method", "lsh"), "needs", ("faiss", "no_such_package"))
    grid = expand(make_suite({"methods": ["shallow"], "protocols": ["5k"], "bits": [8]}, "test"))
    methods = {work.cell.method for work in grid.works}
    assert "itq" in methods
    assert "lsh" not in methods
    assert "package no_such_package, which" in dict(grid.left_out)["lsh"]
    with pytest.raises(InvalidInputError, match=r"lsh needs .* 'hashbench\[faiss\]'"):
        expand(make_suite({"methods": ["lsh", "itq"]}, "test"))


def test_a_data_set_without_texts_is_left_out_of_cross_view_or_refused_by_name(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    folder = f"folder:{tmp_path}"
    content = {
        "methods": ["lsh", "cmfh"],
        "features": ["pixels"],
        "bits": [8],
        "datasets": ["digits", folder],
    }
    grid = expand(make_suite(content, "test"))
    assert [(work.cell.method, work.cell.dataset.partition(":")[0]) for work in grid.works] == [
        ("lsh", "digits"),
        ("cmfh", "digits"),
        ("lsh", "folder"),
    ]
    ((method, reason),) = grid.left_out
    assert method == "cmfh"
    assert "folder:" in reason
    assert "'v1'" in reason
    with pytest.raises(InvalidInputError, match=r"cross-view-hard.*'v2'.*folder:"):
        expand(make_suite({**content, "methods": ["cmfh"], "protocols": ["cross-view-hard"]}, "test"))


def test_a_control_for_several_tasks_brings_in_none_of_them():
    def protocols(*methods):
        works = expand(make_suite({"methods": methods, "features": ["pixels"], "bits": [64]}, "test")).works
        return sorted((work.cell.method, work.cell.protocol) for work in works)

    assert protocols("random") == protocols("random", "lsh")[1:] == [("random", "5k")]
    both = [("random", "5k"), ("random", "authentication")]
    assert protocols("random", "sha256") == [both[1], ("sha256", "authentication")]
    assert protocols("random", "lsh", "ahash") == [("ahash", "authentication"), ("lsh", "5k"), *both]
