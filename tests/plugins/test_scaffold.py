import subprocess
import sys

import pytest

from hashbench.errors import InvalidInputError
from hashbench.plugins import registry
from hashbench.plugins.scaffold import create

KINDS = [("method", None), ("method", "deep"), ("method", "semi"), ("dataset", None), ("feature", None)]


@pytest.mark.parametrize(("kind", "style"), KINDS)
def test_a_new_file_and_its_test_pass(kind, style, tmp_path):
    path, test = create(kind, "my_hash2", tmp_path, style=style)
    assert [path.name, test.name] == ["my_hash2.py", "test_my_hash2.py"]
    assert registry.register_file(path) == kind
    cls = registry.find(kind, "my_hash2")
    assert cls.__name__ == "MyHash2"
    assert getattr(cls, "deep", False) == (style is not None)
    assert getattr(cls, "supervision", None) == {
        ("method", None): "unsupervised",
        ("method", "deep"): "supervised",
        ("method", "semi"): "semi-supervised",
    }.get((kind, style))
    done = run_pytest(test)
    assert done.returncode == 0, done.stdout.decode()


def test_the_written_test_can_fail(tmp_path):
    path, test = create("dataset", "fresh", tmp_path)
    path.write_text(path.read_text().replace("== 0 else", "== 1 else"))
    assert run_pytest(test).returncode == 1


def run_pytest(test):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)]
    return subprocess.run(command, cwd=test.parent, capture_output=True, check=False)


@pytest.mark.parametrize(
    ("kind", "home"), [("method", "methods"), ("dataset", "datasets"), ("feature", "hashbench/features")]
)
def test_in_a_checkout_the_files_go_to_their_rooms(kind, home, tmp_path, monkeypatch):
    (tmp_path / "methods").mkdir()
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "hashbench"\n')
    monkeypatch.chdir(tmp_path)
    path, test = create(kind, "fresh")
    assert path == tmp_path / home / "fresh.py"
    assert test == tmp_path / "tests" / f"{kind}s" / "test_fresh.py"
    compile(test.read_text(), str(test), "exec")
    assert "register_file" not in test.read_text()


def test_another_project_is_no_checkout(tmp_path):
    (tmp_path / "methods").mkdir()
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "other"\n')
    assert create("method", "fresh", tmp_path)[0] == tmp_path / "fresh.py"


@pytest.mark.parametrize("name", ["My", "2b", "a-b", "a b", "", "class", "../up", "é"])
def test_names_that_cannot_be_imported(name, tmp_path):
    with pytest.raises(InvalidInputError, match="must be lower-case letters"):
        create("method", name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", registry.RESERVED)
def test_a_name_that_means_something_else(name, tmp_path):
    with pytest.raises(InvalidInputError, match=f"'{name}'"):
        create("method", name, tmp_path)


def test_a_name_that_is_taken(tmp_path):
    with pytest.raises(InvalidInputError, match=r"there is a method 'itq' already, in .*itq.py"):
        create("method", "itq", tmp_path)


@pytest.mark.parametrize("existing", ["fresh.py", "test_fresh.py"])
def test_nothing_is_overwritten_and_nothing_half_written(existing, tmp_path):
    (tmp_path / existing).write_text("mine")
    with pytest.raises(InvalidInputError, match=rf"{existing} is there already"):
        create("method", "fresh", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [existing]
    assert (tmp_path / existing).read_text() == "mine"
