"""Tasks bring protocols, and what is wrong with one of them hurts no other."""

from pathlib import Path

import pytest

from hashbench.errors import BrokenPluginError, UnknownNameError
from hashbench.plugins.registry import find, find_protocol, protocol_names, protocols, register_file

TASK = '''"""A task (test)."""
from hashbench.contracts.protocol import Protocol
from hashbench.contracts.task import Task
class Own(Task):
    unit = ("query", "queries")
    default_metrics = ("map",)
    def split(self, images, dataset): ...
    def evaluate(self, encode, images, split, device): ...
    def rescore(self, stored, metrics, device): ...
    @classmethod
    def describe(cls, metric): ...
    @classmethod
    def metrics(cls): ...
PROTOCOLS = tuple(Protocol(name=name, description="A test.", task=Own()) for name in {names})
'''


def task(*names: str) -> str:
    """The text of a task file with protocols of these names."""
    return TASK.replace("{names}", repr(names))


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_tasks_bring_protocols(tmp_path):
    before = list(protocols())
    assert register_file(write(tmp_path, "own", task("own-b", "own-a"))) == "task"
    assert [name for name in protocols() if name not in before] == ["own-b", "own-a"]
    found = find_protocol("own-a")
    assert found is protocols()["own-a"]
    assert found.task.name() == "own"
    with pytest.raises(UnknownNameError, match="protocol 'own-c'; did you mean 'own-"):
        find_protocol("own-c")


def test_a_protocol_that_two_define_is_broken_and_no_other(tmp_path):
    paths = [write(tmp_path, "own", task("mine", "same")), write(tmp_path, "own_too", task("same", "more"))]
    for path in paths:
        register_file(path)
    assert {"mine", "more"} <= protocols().keys()
    assert "same" not in protocols()
    assert "same" in protocol_names()
    with pytest.raises(BrokenPluginError, match="protocol 'same'") as caught:
        find_protocol("same")
    assert all(str(path) in str(caught.value) for path in paths)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (task().replace("PROTOCOLS =", "OTHERS ="), "PROTOCOLS"),
        (task("one").replace("tuple(", "list("), "PROTOCOLS"),
        (task("one").replace("task=Own()", "task=None"), "protocol one"),
        (task("one") + "class Other(Own): pass\n", "Other, Own"),
    ],
)
def test_a_broken_task_breaks_its_own_protocols_only(tmp_path, text, message):
    register_file(write(tmp_path, "own", text))
    register_file(write(tmp_path, "sound", task("two")))
    assert "two" in protocols()
    assert "one" not in protocols()
    with pytest.raises(BrokenPluginError, match=message):
        find("task", "own")
