"""No plugin ends a run, hides its failure, or changes what the others compute and print."""

import random

import numpy as np
import pytest
import torch

from hashbench.errors import BrokenPluginError, InvalidInputError
from hashbench.execution.cell import run_cell
from hashbench.execution.context import make_artefact, open_context
from hashbench.plugins.registry import find_protocol, register_file
from hashbench.records import Record

CPU = torch.device("cpu")
FIT = "def _fit(self, X, y, generator):\n"
FAULTS = {  # of _fit; what the failed record says
    "exits": ("    raise SystemExit(0)", "SystemExit", "0"),
    "leaves": ("    raise GeneratorExit('gone')", "GeneratorExit", "gone"),
    "unsayable": ("    raise Unsayable()", "Unsayable", "cannot be read"),
    "half": ("    raise ValueError('a\\ud800b')", "ValueError", "a\\ud800b"),
    "diverges": ("    self.history_ = {'loss': [1.0, float('nan')]}", "FloatingPointError", "'loss'"),
    "endless": ("    self.history_ = {'loss': [float('inf')]}", "FloatingPointError", "'loss'"),
}
UNSAYABLE = """
class Unsayable(Exception):
    def __str__(self):
        raise SystemExit("no text")
    __repr__ = __str__
"""


@pytest.fixture
def run(grid, place):
    def one(method, **given):
        (work,) = grid(method, **given)
        record = run_cell(work, place)
        assert Record.load(place.record(work)) == record
        return record

    return one


@pytest.mark.parametrize("name", FAULTS)
def test_whatever_a_method_raises_is_its_failed_cell(run, plugin, name):
    body, kind, message = FAULTS[name]
    plugin(name, FIT + body, UNSAYABLE)
    record = run(name)
    assert (record.status, record.error.type) == ("failed", kind)
    assert message in record.error.message
    assert record.card.title == "A method (test)"


VALUES = {
    "shorter": "X[:, :3] - 0.5",
    "longer": "X[:, :12] - 0.5",
    "fewer": "X[:1, :8] - 0.5",
    "flat": "X[:, 0]",
    "nan": "X[:, :8] * float('nan')",
    "infinite": "X[:, :8] / 0 + 1e38",
}


@pytest.mark.parametrize("name", VALUES)
def test_values_that_are_not_the_codes_asked_for_fail_the_cell(run, plugin, name):
    path = plugin(f"values_{name}", FIT + "    pass", register=False)
    text = path.read_text()
    path.write_text(text.replace("X[:, : self.n_bits] - 0.5", VALUES[name]))
    register_file(path)
    record = run(f"values_{name}")
    assert record.status == "failed"
    assert record.metrics == {}


def test_a_projection_that_is_no_array_fails_the_cell(run, plugin):
    plugin("no_array", FIT + "    pass\ndef project(self, X):\n    return [[1.0] * 8] * len(X)")
    record = run("no_array")
    assert record.status == "failed"
    assert "list" in record.error.message


def test_odd_defaults_are_recorded_as_their_text(run, plugin):
    odd = (
        "from dataclasses import dataclass, field\n"
        "class Odd:\n    def __repr__(self):\n        raise SystemExit\n"
        "@dataclass(eq=False, repr=False, kw_only=True)\nclass Base:\n"
        "    odd: object = field(default_factory=Odd)\n    text: str = 'a\\udcffb'\n"
        "    rates: tuple = (1.0, float('nan'))\n    size: float = float('inf')\n    kind: type = int\n"
    )
    path = plugin("odd", FIT + "    pass", odd, register=False)
    path.write_text(
        path.read_text().replace(
            "class Own(HashMethod)",
            "@dataclass(eq=False, repr=False, kw_only=True)\nclass Own(Base, HashMethod)",
        )
    )
    register_file(path)
    record = run("odd")
    assert record.status == "done"
    assert record.params["odd"] == "a Odd that cannot be shown"
    assert record.params["text"] == "a\\udcffb"
    assert (record.params["rates"], record.params["size"]) == ("(1.0, nan)", "inf")
    assert "int" in record.params["kind"]


def test_what_a_method_changes_for_all_is_put_back(run, plugin, capsys):
    body = FIT + (
        "    import random, numpy\n    random.seed(1); numpy.random.seed(1); torch.manual_seed(1)\n"
        "    torch.set_num_threads(3); torch.set_default_dtype(torch.float64)\n"
        "    print('done: \\x1b[2Jmap 1.000')\n    import sys\n    sys.stdout.close()"
    )
    plugin("greedy", body)
    random.seed(5), np.random.seed(5), torch.manual_seed(5)  # noqa: NPY002
    expected = random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002
    random.seed(5), np.random.seed(5), torch.manual_seed(5)  # noqa: NPY002
    assert run("greedy").status == "done"
    assert (random.random(), np.random.rand(), torch.rand(1).item()) == expected  # noqa: NPY002
    assert torch.get_num_threads() == 1
    assert torch.get_default_dtype() == torch.float32
    said = capsys.readouterr()
    assert said.out == ""
    assert "done: \\x1b[2Jmap 1.000" in said.err


FEATURE = """
from hashbench.contracts.feature import Feature
class Own(Feature):
    def rows(self, images, index, device):
        raise SystemExit(0)
"""


def test_a_feature_that_exits_is_named(grid, place, tmp_path):
    (tmp_path / "leaving.py").write_text(FEATURE)
    register_file(tmp_path / "leaving.py")
    (work,) = grid("itq", features=["leaving"])
    with pytest.raises(BrokenPluginError, match=r"feature 'leaving'.*SystemExit"):
        make_artefact(work.artefacts[0], place.data, CPU)


IMAGES = "Images(np.zeros((4, 1, 2, 2), np.uint8), {labels}, ('a', 'b'){more})"
LOADS = {  # what load() returns, and a word of the fault
    "nothing": ("None", "NoneType"),
    "tuple_of_arrays": ("(np.zeros(3), np.zeros(3))", "tuple"),
    "list_labels": (IMAGES.format(labels="[0, 1, 0, 1]", more=""), "list"),
    "tuple_labels": (IMAGES.format(labels="(0, 1, 0, 1)", more=""), "tuple"),
    "list_names": (
        IMAGES.format(labels="np.array([0, 1, 0, 1])", more="").replace("('a', 'b')", "['a', 'b']"),
        "class_names",
    ),
    "float_labels": (IMAGES.format(labels="np.array([0.0, 1, 0, 1])", more=""), "float64"),
    "wrong_class": (IMAGES.format(labels="np.array([0, 1, 0, 2])", more=""), "from 0 to 2"),
    "empty": ("Images(np.zeros((0, 1, 2, 2), np.uint8), np.zeros(0, int), ('a', 'b'))", "no images"),
    "number_test": (IMAGES.format(labels="np.array([0, 1, 0, 1])", more=", np.arange(4)"), "int64"),
    "raising": ("1 / 0", "ZeroDivisionError"),
    "exiting": ("exit(0)", "SystemExit"),
}


@pytest.mark.parametrize("name", LOADS)
def test_a_data_set_that_gives_no_images_is_named(own_cache, tmp_path, name):
    value, fault = LOADS[name]
    path = tmp_path / f"{name}.py"
    path.write_text(
        f'"""Data (test)."""\nimport numpy as np\nfrom hashbench.contracts.dataset import Dataset, Images\n'
        f"class Own(Dataset):\n    def load(self, root):\n        return {value}\n"
    )
    register_file(path)
    with pytest.raises((BrokenPluginError, InvalidInputError), match=f"data set '{name}'.*{fault}"):
        open_context(name, find_protocol("5k").task, tmp_path)
    assert not list(own_cache.rglob("*.npy"))
