"""``hashbench new`` and ``hashbench check``: a plugin from nothing to a row of the table."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hashbench.plugins import registry
from hashbench.testing import DATASET_CHECKS, FEATURE_CHECKS, METHOD_CHECKS, TASK_CHECKS, TEXT_CHECKS

TASK = Path(__file__).parents[1] / "testing" / "nearest_class.py"
CHECKS = {"method": METHOD_CHECKS[: -len(TEXT_CHECKS)], "dataset": DATASET_CHECKS, "feature": FEATURE_CHECKS}


@pytest.mark.parametrize("kind", CHECKS)
def test_a_new_plugin_passes_its_checks(call, tmp_path, kind):
    written = call("new", kind, "own_one")
    assert written.code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"own_one.py", "test_own_one.py"}
    assert f"wrote {tmp_path / 'own_one.py'}\n" in written.out
    assert f"hashbench run --{kind}s own_one" in written.out
    assert "--plugin own_one.py" in written.out

    checked = call("check", "own_one")
    assert checked.code == 0, checked.out
    lines = checked.out.splitlines()
    assert len(lines) == len(CHECKS[kind]) + 1
    assert {line.split("  ")[0] for line in lines[:-1]} <= {"ok", "not applicable"}
    assert re.fullmatch(r"own_one: \d+ passed(, \d+ not applicable)?", lines[-1])
    assert "already" in call("new", kind, "own_one").err


@pytest.mark.parametrize("kind", ["method", "dataset"])
def test_a_new_plugin_runs(call, small, kind):
    call("new", kind, "own_one")
    option = ["--plugin", "own_one.py"]
    called = (
        small("own_one", more=option) if kind == "method" else small("lsh", more=[*option, "-d", "own_one"])
    )
    assert called.code == 0
    assert "own_one" in called.out


def test_a_new_method_of_a_style(call, tmp_path):
    assert call("new", "method", "own_deep", "--deep").code == 0
    assert call("new", "method", "own_semi", "--semi").code == 0
    assert "DeepHashMethod" in (tmp_path / "own_deep.py").read_text()
    assert '"semi-supervised"' in (tmp_path / "own_semi.py").read_text()
    assert "not allowed with" in call("new", "method", "own", "--deep", "--semi").refused(2)


def test_a_task_by_its_file_and_by_its_name(call, tmp_path):
    for arguments in ((str(TASK),), ("nearest_class", "--plugin", str(TASK))):
        called = call("check", *arguments)
        assert (called.code, called.err) == (0, "")
        lines = called.out.splitlines()
        assert len(lines) == len(TASK_CHECKS) + 1
        assert lines[-1] == f"nearest_class: {len(TASK_CHECKS)} passed"


def test_a_feature_with_an_argument(call, tmp_path):
    call("new", "feature", "cells")
    assert "takes no argument" in call("check", "cells=3", "--plugin", "cells.py").refused(2)


def test_a_plugin_that_breaks_its_contract(call, tmp_path):
    (tmp_path / "bad.py").write_text(
        "from hashbench.contracts.method import HashMethod\nclass Bad(HashMethod):\n"
        "    def _fit(self, X, y, generator):\n        pass\n"
        "    def _project(self, X):\n        return X[:, :3]\n"
    )
    called = call("check", "bad.py")
    assert called.code == 1
    assert re.search("^FAIL +documents its source: ", called.out, re.MULTILINE)
    assert re.search("^FAIL +gives values and codes of the right shape: ", called.out, re.MULTILINE)
    assert re.match(r"bad: \d+ failed, ", called.out.splitlines()[-1])


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("lsh", {"knows a copy": "authentication", "trains every parameter": "no network"}),
        ("random", {"beats chance": "control", "knows a copy": "control", "trains every parameter": ""}),
        (
            "fasthash",
            {"is kept in a file": "trees", "knows a copy": "not made", "trains every parameter": ""},
        ),
        ("digits", {"says what to do without its files": "no files", "has a sound official split": "no "}),
        ("gist", {}),
    ],
)
def test_what_does_not_apply_is_not_called_passed(call, name, reasons):
    called = call("check", name)
    assert called.code == 0
    lines = called.out.splitlines()
    found = dict(line.removeprefix("not applicable  ").split(": ", 1) for line in lines if line[:3] == "not")
    assert found.keys() == reasons.keys()
    assert all(text in found[check] for check, text in reasons.items())
    passed = sum(line.startswith("ok ") for line in lines)
    assert lines[-1].startswith(f"{name}: {passed} passed")
    assert not reasons or lines[-1].endswith(f", {len(reasons)} not applicable")


@pytest.mark.parametrize("name", ["random", "random.py", "{}/random.py"])
def test_a_method_of_the_package_by_name_or_by_file(call, monkeypatch, name):
    folder = registry.plugins("method")["random"].origin.removesuffix("/random.py")
    monkeypatch.chdir(folder)
    called = call("check", name.format(folder))
    assert (called.code, called.err) == (0, "")
    assert re.match(r"random: \d+ passed", called.out.splitlines()[-1])


def test_a_data_set_with_an_argument(call, tmp_path):
    assert "folder:PATH" in call("check", "folder").refused(2)
    for i in range(8):
        path = tmp_path / "photos" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), 20 * i, np.uint8)).save(path)
    for name in ("folder:photos", "folder:photos,size=16"):
        called = call("check", name)
        assert (called.code, called.err) == (0, "")
        assert called.out.splitlines()[-1].startswith(f"{name}: ")
    assert call("data", "get", "folder:photos").out == "folder:photos: is there already\n"


def test_a_data_set_of_ones_own_for_the_data_commands(call, tmp_path):
    call("new", "dataset", "own_one")
    for command in ("info", "verify", "get"):
        called = call("data", command, "own_one", "--plugin", "own_one.py")
        assert (called.code, called.err) == (0, "")
        assert called.out.startswith("own_one: ")
