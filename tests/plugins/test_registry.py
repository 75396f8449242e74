"""Plugins are found by name, imported one at a time, and what is wrong with one is said, not hidden."""

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import hashbench.datasets
import hashbench.methods
from hashbench.errors import BrokenPluginError, DuplicateNameError, InvalidInputError, UnknownNameError
from hashbench.plugins import registry
from hashbench.plugins.registry import find, find_any, plugins, register_file

METHOD = '''"""A method (test)."""
from hashbench.contracts.method import HashMethod
class Own(HashMethod):
    pass
'''
DATASET = '''"""Data (test)."""
from hashbench.contracts.dataset import Dataset
class Own(Dataset):
    pass
'''
BROKEN = {
    "syntax": ("class Own(:\n", SyntaxError, "invalid syntax"),
    "import": ("import no_such_package\n", ModuleNotFoundError, "no_such_package"),
    "fault": ("ratio = 1 / 0\n", ZeroDivisionError, "division by zero"),
    "exit": ("import sys\nsys.exit('done')\n", SystemExit, "done"),
    "none": ("from hashbench.contracts.method import HashMethod\n", InvalidInputError, "this one: none"),
    "two": (METHOD + "class Other(HashMethod):\n    pass\n", InvalidInputError, "this one: Other, Own"),
}


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch):
    monkeypatch.setattr(registry, "_FILES", {})
    yield
    for name in [name for name in sys.modules if name.endswith((".own", ".their_hash", ".their_data"))]:
        del sys.modules[name]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A second folder of methods, found like the package's own."""
    monkeypatch.setattr(hashbench.methods, "__path__", [*hashbench.methods.__path__, str(tmp_path)])
    return tmp_path


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_package_folders_are_read_by_file_name():
    for kind, package in (("method", hashbench.methods), ("dataset", hashbench.datasets)):
        stems = {path.stem for path in Path(package.__path__[0]).glob("*.py")} - {"__init__"}
        assert list(plugins(kind)) == sorted(stems)


def test_a_file_dropped_into_the_folder_is_there(folder):
    assert "own" not in plugins("method")
    path = write(folder, "own", METHOD)
    assert plugins("method")["own"].origin == str(path)
    assert find("method", "own").name() == "own"
    assert find_any("own") == ("method", find("method", "own"))


def test_looking_imports_nothing_and_finding_imports_one_module():
    script = """
import json, sys
from hashbench.plugins.registry import find, plugins
def imported():
    names = ("hashbench.methods.", "hashbench.datasets.", "torch.nn")
    return sorted(name for name in sys.modules if name.startswith(names[:2]) or name == names[2])
plugins("method"), plugins("dataset")
before = imported()
find("dataset", "digits")
data = imported()
find("method", "lsh")
print(json.dumps([before, data, [name for name in imported() if name != "torch.nn"]]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [
        [],
        ["hashbench.datasets.digits"],
        ["hashbench.datasets.digits", "hashbench.methods.lsh"],
    ]


def test_an_unknown_name_is_answered_with_the_nearest_one():
    with pytest.raises(UnknownNameError, match=r"method 'dpshh'; did you mean 'dpsh'\? available: .*lsh"):
        find("method", "dpshh")
    with pytest.raises(UnknownNameError, match="unknown dataset 'minst'; did you mean 'mnist'"):
        find("dataset", "minst")
    with pytest.raises(UnknownNameError, match="method or data set 'digit'; did you mean 'digits'"):
        find_any("digit")


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """An installed package, with what a wheel leaves of its metadata, that brings a method and a data set."""
    root = tmp_path / "site"
    (root / "their_package").mkdir(parents=True)
    (root / "their_package" / "__init__.py").touch()
    write(root / "their_package", "their_hash", METHOD)
    write(root / "their_package", "their_data", DATASET)
    info = root / "their_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n")
    points = "[hashbench.{}s]\n{} = their_package.{}:Own\n"
    text = points.format("method", "their_hash", "their_hash")
    (info / "entry_points.txt").write_text(text + points.format("dataset", "their_data", "their_data"))
    monkeypatch.syspath_prepend(root)
    return info


def test_an_installed_package_brings_plugins(installed):
    assert metadata.version("their-package") == "1.0"
    assert plugins("method")["their_hash"].origin == "package their-package"
    assert "their_package.their_hash" not in sys.modules
    assert find("method", "their_hash").__module__ == "their_package.their_hash"
    assert find_any("their_data")[0] == "dataset"


def test_an_installed_package_may_not_take_our_names(installed):
    (installed / "entry_points.txt").write_text("[hashbench.methods]\nitq = their_package.their_hash\n")
    with pytest.raises(DuplicateNameError, match=r"twice: in .*itq\.py and in package their-package"):
        find("method", "lsh")


def test_an_entry_point_is_called_like_its_file(installed):
    (installed / "entry_points.txt").write_text("[hashbench.methods]\ntheirs = their_package.their_hash\n")
    with pytest.raises(
        BrokenPluginError, match=r"'theirs' .* is broken: .* be called like its file, 'their_hash'"
    ):
        find("method", "theirs")


def test_a_single_file_is_a_plugin(tmp_path):
    path = write(tmp_path, "own", METHOD)
    assert register_file(path) == "method"
    assert register_file(str(path)) == "method"  # once more changes nothing
    assert plugins("method")["own"].origin == str(path)
    assert find("method", "own")(n_bits=7).n_bits == 7
    assert register_file(write(tmp_path, "own_data", DATASET)) == "dataset"
    assert find_any("own_data") == ("dataset", find("dataset", "own_data"))
    assert "own_data" not in plugins("method")


def test_a_file_of_the_package_is_no_second_plugin(folder):
    path = write(folder, "own", METHOD)
    assert register_file(path) == "method"
    assert register_file(Path(hashbench.datasets.__path__[0]) / "digits.py") == "dataset"
    assert plugins("method")["own"].origin == str(path)


def test_duplicate_names_raise_and_name_both_files(tmp_path):
    path = write(tmp_path, "itq", METHOD)
    register_file(path)
    with pytest.raises(DuplicateNameError, match="method 'itq' is defined twice") as caught:
        find("method", "lsh")
    assert str(path) in str(caught.value)
    assert str(Path(hashbench.methods.__path__[0]) / "itq.py") in str(caught.value)


@pytest.mark.parametrize("path", ["no_such_file.py", "README.md", "."])
def test_what_is_no_python_file_is_refused(path):
    with pytest.raises(InvalidInputError, match=f"plugin '.*{path.strip('.')}' is not a Python file"):
        register_file(path)


@pytest.mark.parametrize("way", ["folder", "file"])
@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_there_and_says_what_is_wrong(folder, case, way):
    text, cause, message = BROKEN[case]
    name = f"broken_{case}_{way}"
    if way == "folder":
        path = write(folder, name, text)
    else:
        (folder / "elsewhere").mkdir()
        path = write(folder / "elsewhere", name, text)
        assert register_file(path) == "method"
    assert name in plugins("method")
    with pytest.raises(BrokenPluginError, match=f"method '{name}' from {path} is broken") as caught:
        find("method", name)
    assert isinstance(caught.value.__cause__, cause)
    assert message in str(caught.value)
    assert find("method", "lsh").name() == "lsh"  # the others are not hurt
