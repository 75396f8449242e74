"""Plugins are found by name, imported one at a time, and what is wrong with one is said, not hidden."""

import json
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from importlib import metadata
from multiprocessing import get_context
from pathlib import Path

import pytest
from sklearn.base import clone

import hashbench.datasets
import hashbench.features
import hashbench.methods
import hashbench.tasks
from hashbench.errors import BrokenPluginError, InvalidInputError, UnknownNameError
from hashbench.plugins.registry import (
    RESERVED,
    find,
    find_any,
    plugins,
    register_file,
)

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
FEATURE = '''"""A feature (test)."""
from hashbench.contracts.feature import Feature, TrainedFeature
class Own(Feature):
    def rows(self, images, index, device):
        return images.pixels[index].reshape(len(index), -1) / 255
'''
BROKEN = {
    "syntax": ("class Own(:\n", SyntaxError, "invalid syntax"),
    "import": ("import no_such_package\n", ModuleNotFoundError, "no_such_package"),
    "fault": ("ratio = 1 / 0\n", ZeroDivisionError, "division by zero"),
    "exit": ("import sys\nsys.exit('done')\n", SystemExit, "done"),
    "none": ("from hashbench.contracts.method import HashMethod\n", InvalidInputError, "this one: none"),
    "two": (METHOD + "class Other(HashMethod):\n    pass\n", InvalidInputError, "this one: Other, Own"),
}


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
    packages = {
        "method": hashbench.methods,
        "dataset": hashbench.datasets,
        "feature": hashbench.features,
        "task": hashbench.tasks,
    }
    for kind, package in packages.items():
        stems = {path.stem for path in Path(package.__path__[0]).glob("*.py")}
        assert list(plugins(kind)) == sorted(stem for stem in stems if not stem.startswith("_"))


def test_a_file_dropped_into_the_folder_is_there(folder):
    assert "own" not in plugins("method")
    path = write(folder, "own", METHOD)
    assert plugins("method")["own"].origin == str(path)
    assert find("method", "own").name() == "own"
    assert find_any("own") == ("method", find("method", "own"))


def test_a_file_that_begins_with_an_underscore_is_no_plugin(folder):
    write(folder, "_shared", METHOD)
    assert "_shared" not in plugins("method")


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
    with pytest.raises(
        UnknownNameError, match=r"method 'dpshh'; did you mean 'dpsh'.* see 'hashbench list methods'"
    ):
        find("method", "dpshh")
    with pytest.raises(UnknownNameError, match="unknown dataset 'minst'; did you mean 'mnist'"):
        find("dataset", "minst")
    with pytest.raises(UnknownNameError, match="'digit'; did you mean 'digits'"):
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
    with pytest.raises(BrokenPluginError, match=r"'itq' .* in .*itq\.py and package their-package"):
        find("method", "itq")
    assert find("method", "lsh").name() == "lsh"


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


def test_a_name_that_two_files_claim_is_broken_and_no_other(tmp_path):
    path = write(tmp_path, "itq", METHOD)
    register_file(path)
    with pytest.raises(BrokenPluginError, match="method 'itq'") as caught:
        find("method", "itq")
    assert str(path) in str(caught.value)
    assert str(Path(hashbench.methods.__path__[0]) / "itq.py") in str(caught.value)
    assert find("method", "lsh").name() == "lsh"
    assert list(plugins("method")).count("itq") == 1


def test_two_files_of_one_stem_are_two_modules(tmp_path):
    (tmp_path / "other").mkdir()
    register_file(write(tmp_path, "own", METHOD))
    register_file(write(tmp_path / "other", "own", DATASET))
    assert find("method", "own") is not find("dataset", "own")
    with pytest.raises(InvalidInputError, match=r"'own' is the name of a method in .* and a dataset in"):
        find_any("own")


@pytest.mark.parametrize("name", RESERVED)
def test_a_name_that_means_something_else_is_refused(folder, name):
    path = write(folder, name, METHOD)
    with pytest.raises(BrokenPluginError, match=f"method '{name}' from {path}"):
        find("method", name)
    (folder / "elsewhere").mkdir()
    with pytest.raises(InvalidInputError, match=f"plugin '{name}' from .*elsewhere"):
        register_file(write(folder / "elsewhere", name, METHOD))


def test_features_are_files_too(tmp_path):
    assert register_file(write(tmp_path, "own", FEATURE)) == "feature"
    assert find("feature", "own").name() == "own"  # TrainedFeature, which it imports, is no second one
    assert find_any("own") == ("feature", find("feature", "own"))


def test_a_class_that_lacks_a_method_is_broken(tmp_path):
    register_file(write(tmp_path, "own", FEATURE.replace("def rows(", "def row(")))
    with pytest.raises(BrokenPluginError, match="Own does not define rows"):
        find("feature", "own")


def test_an_object_of_a_file_is_loaded_by_a_process_that_has_not_heard_of_it(tmp_path):
    folder = tmp_path / "my plug.ins"
    folder.mkdir()
    register_file(write(folder, "own", METHOD))
    (tmp_path / "object.pickle").write_bytes(pickle.dumps(find("method", "own")(n_bits=9)))
    script = """
import pickle, sys
method = pickle.load(open(sys.argv[1], "rb"))
from hashbench.plugins.registry import find, register_file
register_file(sys.argv[2])
print(method.n_bits, method.name(), type(method) is find("method", "own"))
"""
    command = [sys.executable, "-c", script, str(tmp_path / "object.pickle"), str(folder / "own.py")]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False)
    assert done.stdout.split() == ["9", "own", "True"], done.stderr


def test_another_process_gives_an_object_of_a_file_back(tmp_path):
    register_file(write(tmp_path, "own", METHOD))
    own = find("method", "own")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        made = pool.submit(clone, own(n_bits=9)).result()
    assert type(made) is own
    assert made.n_bits == 9


@pytest.mark.parametrize("stem", ["my-hash", "my.hash", "2nd"])
def test_a_file_that_cannot_be_imported_by_its_name_is_refused(tmp_path, stem):
    with pytest.raises(InvalidInputError, match=f"{stem}.py"):
        register_file(write(tmp_path, stem, METHOD))


@pytest.mark.parametrize("path", ["no_such_file.py", "README.md", "."])
def test_what_is_no_python_file_is_refused(path):
    fault = "does not exist" if path == "no_such_file.py" else "is not a Python file"
    with pytest.raises(InvalidInputError, match=f"plugin '.*{path.strip('.')}' {fault}"):
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
