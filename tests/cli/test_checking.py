"""``hashbench new`` and ``hashbench check``: a plugin from nothing to a row of the table."""

import numpy as np
import pytest
from PIL import Image

from hashbench.plugins import registry


@pytest.mark.parametrize(("kind", "passed"), [("method", 13), ("dataset", 6)])
def test_a_new_plugin_passes_its_checks_and_runs(call, small, tmp_path, kind, passed):
    written = call("new", kind, "own_one")
    assert written.code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"own_one.py", "test_own_one.py"}
    assert f"wrote {tmp_path / 'own_one.py'}\n" in written.out

    checked = call("check", "own_one")
    assert checked.code == 0, checked.out
    lines = checked.out.splitlines()
    assert len(lines) == passed + 1
    assert all(line.startswith("ok    ") for line in lines[:-1])
    assert lines[-1] == "own_one: all checks passed"

    option = ["--plugin", "own_one.py"]
    called = (
        small("own_one", more=option) if kind == "method" else small("lsh", more=[*option, "-d", "own_one"])
    )
    assert called.code == 0
    assert "own_one" in called.out
    assert "already" in call("new", kind, "own_one").err


def test_a_plugin_that_breaks_its_contract(call, tmp_path):
    (tmp_path / "bad.py").write_text(
        "from hashbench.contracts.method import HashMethod\nclass Bad(HashMethod):\n"
        "    def _fit(self, X, y, generator):\n        pass\n"
        "    def _project(self, X):\n        return X[:, :3]\n"
    )
    called = call("check", "bad.py")
    assert called.code == 1
    assert "FAIL  documents its source: " in called.out
    assert "FAIL  gives values and codes of the right shape: " in called.out
    assert called.out.splitlines()[-1].endswith(" checks failed")


@pytest.mark.parametrize("name", ["random", "random.py", "{}/random.py"])
def test_a_method_of_the_package_by_name_or_by_file(call, monkeypatch, name):
    folder = registry.plugins("method")["random"].origin.removesuffix("/random.py")
    monkeypatch.chdir(folder)
    called = call("check", name.format(folder))
    assert (called.code, called.err) == (0, "")
    assert called.out.splitlines()[-1] == "random: all checks passed"


def test_a_data_set_with_an_argument(call, tmp_path):
    assert "folder:PATH" in call("check", "folder").refused(2)
    for i in range(8):
        path = tmp_path / "photos" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), 20 * i, np.uint8)).save(path)
    called = call("check", "folder:photos")
    assert (called.code, called.err) == (0, "")
    assert called.out.splitlines()[-1] == "folder:photos: all checks passed"
    assert call("data", "get", "folder:photos").out == "folder:photos: is there already\n"


def test_a_data_set_of_ones_own_for_the_data_commands(call, tmp_path):
    call("new", "dataset", "own_one")
    for command in ("info", "verify", "get"):
        called = call("data", command, "own_one", "--plugin", "own_one.py")
        assert (called.code, called.err) == (0, "")
        assert called.out.startswith("own_one: ")
