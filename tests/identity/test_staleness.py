"""What makes a record stale, and what does not."""

import inspect
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from hashbench.execution.grid import expand
from hashbench.execution.place import Place
from hashbench.execution.plan import make_plan
from hashbench.execution.runner import run_plan
from hashbench.execution.suite import make_suite
from hashbench.features.pixels import Pixels
from hashbench.identity.rooms import ROOMS
from hashbench.identity.source import imports_room, own_modules
from hashbench.plugins import registry
from hashbench.records import Cell, Record, write_record

ROOT = Path(__file__).parents[2]
METHODS = ("lsh", "itq", "real_valued", "dsh")
SHORT = {"recipe.pretrain_epochs": 1, "recipe.epochs": 1, "recipe.batch_size": 360}
CELLS = [  # each method on pixels, on the network's activations, or with a network of its own
    "dsh", "itq cnn", "itq pixels", "lsh cnn", "lsh pixels", "real_valued cnn", "real_valued pixels",
]  # fmt: skip
WITH_NETWORK = ["dsh", "itq cnn", "lsh cnn", "real_valued cnn"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with the records of all cells, and its cache."""
    home = tmp_path_factory.mktemp("home")
    before = os.environ.get("HASHBENCH_CACHE")
    os.environ["HASHBENCH_CACHE"] = str(home / "cache")
    yield home
    if before is None:
        del os.environ["HASHBENCH_CACHE"]
    else:
        os.environ["HASHBENCH_CACHE"] = before


@pytest.fixture(scope="module")
def place(home):
    place = Place(home / "runs", home / "data", "cpu", threads=1)
    assert all(getattr(event, "error", None) is None for event in run_plan(make_plan(works(), place), place))
    return place


def works(**settings):
    given = {**SHORT, **{f"recipe.{name}": value for name, value in settings.items()}}
    content = {"methods": METHODS, "features": ["pixels", "cnn"], "bits": [8], "set": given}
    return expand(make_suite(content, "test")).works


def stale(place, cells=None):
    """The cells that a run would compute, and why."""
    plan = make_plan(works() if cells is None else cells, place)
    names = [f"{work.cell.method} {work.cell.features or ''}".strip() for work in plan.pending]
    return sorted(names), set(plan.reasons)


def test_nothing_is_stale_at_first(place):
    assert stale(place) == ([], set())


def test_a_new_field_with_a_default_renames_no_record():
    class Wider(Cell):
        view: str = "image"

    given = {"method": "lsh", "dataset": "digits", "protocol": "5k", "features": "pixels", "bits": 8}
    assert Wider(**given).stem("task", None) == Cell(**given).stem("task", None)
    assert Wider(**given, view="text").stem("task", None) != Cell(**given).stem("task", None)


def test_a_field_of_the_recipe_that_is_new_since_makes_nothing_stale(place):
    path = place.record(next(work for work in works() if work.cell.method == "dsh"))
    record = Record.load(path)
    older = {name: value for name, value in record.recipe.items() if name != "jitter"}
    write_record(path, record.model_copy(update={"recipe": older}))
    try:
        assert stale(place) == ([], set())
    finally:
        write_record(path, record)


def test_another_recipe_concerns_what_has_a_network_and_nothing_else(place):
    names, reasons = stale(place, works(epochs=2))
    assert (names, reasons) == (WITH_NETWORK, {"new"})


def test_a_recipe_whose_default_changed_is_found_out(place):
    changed = []
    for work in works():
        protocol = work.setting.protocol
        recipe = replace(protocol.recipe, lr=0.01)
        # of the same name and digest: as if 0.01 had become the default
        vars(other := replace(protocol, recipe=recipe))["recipe_digest"] = protocol.recipe_digest
        changed.append(replace(work, setting=replace(work.setting, protocol=other)))
    assert stale(place, changed) == (WITH_NETWORK, {"whose recipe changed"})


def test_another_word_of_the_data_set_on_its_images_concerns_what_has_a_network(place):
    mirrored = [
        replace(
            work, setting=replace(work.setting, invariances=replace(work.setting.invariances, mirror=True))
        )
        for work in works()
    ]
    assert stale(place, mirrored) == (WITH_NETWORK, {"whose data set is augmented otherwise now"})


@pytest.mark.parametrize(
    ("room", "concerned"),
    [
        ("numerics", ["itq cnn", "itq pixels"]),
        ("training", WITH_NETWORK),
        ("execution", CELLS),
        ("contracts", CELLS),
        ("images", CELLS),
        ("evaluation", ["real_valued cnn", "real_valued pixels"]),  # the others are scored anew
    ],
)
def test_a_room_of_another_number_concerns_what_stands_on_it(place, monkeypatch, room, concerned):
    monkeypatch.setitem(ROOMS, room, ROOMS[room] + 1)
    assert stale(place) == (concerned, {f"whose {room} changed"})


def test_another_scaling_of_pixels_concerns_what_reads_pixels(place, monkeypatch):
    monkeypatch.setattr(Pixels, "version", Pixels.version + 1)
    expected = ["itq pixels", "lsh pixels", "real_valued pixels"]
    assert stale(place) == (expected, {"whose feature pixels changed"})


def test_another_split_concerns_everything(place):
    changed = []
    for work in works():
        protocol = work.setting.protocol
        vars(other := replace(protocol, task=replace(protocol.task, queries=500)))["task_digest"] = (
            protocol.task_digest
        )
        changed.append(replace(work, setting=replace(work.setting, protocol=other)))
    assert stale(place, changed) == (CELLS, {"whose split changed"})


def test_another_file_of_features_concerns_its_cells(place, tmp_path):
    import numpy as np

    def of(rows):
        np.save(tmp_path / "rows.npy", rows)
        feature = f"own={tmp_path / 'rows.npy'}"
        content = {"methods": ["lsh"], "features": ["pixels", feature], "bits": [8], "set": SHORT}
        return expand(make_suite(content, "test")).works

    rows = np.random.default_rng(0).normal(size=(1797, 5))
    cells = of(rows)
    (record,) = list(run_plan(make_plan(cells, place), place))
    assert (record.status, record.cell.features, record.card.learned_from) == ("done", "own", "not stated")
    assert str(tmp_path) not in place.record(cells[1]).read_text()
    assert stale(place, of(rows)) == ([], set())
    assert stale(place, of(rows + 1)) == (["lsh own"], {"whose features changed"})


TAKES_ARGUMENT = """
from dataclasses import dataclass
import numpy as np
from hashbench.contracts.feature import Feature
@dataclass(frozen=True, kw_only=True)
class Every(Feature):
    cached = {cached}
    @classmethod
    def from_argument(cls, argument):
        return cls(argument=argument)
    def rows(self, images, index, device):
        rows = images.pixels[index].reshape(len(index), -1)[:, :: int(self.argument)]
        return rows * np.float32(1) * {scale}
"""


@pytest.mark.parametrize("cached", [True, False])
def test_another_argument_or_file_of_a_features_plugin_concerns_its_cells(
    place, tmp_path, monkeypatch, cached
):
    monkeypatch.setattr(registry, "_FILES", {})

    def of(argument, scale=1):
        path = tmp_path / "every.py"
        path.write_text(TAKES_ARGUMENT.format(cached=cached, scale=scale))
        registry.register_file(path)
        content = {"methods": ["lsh"], "features": [f"every={argument}"], "bits": [8], "set": SHORT}
        return expand(make_suite(content, "test")).works

    place = replace(place, out=tmp_path / "runs")
    list(run_plan(make_plan(of(1), place), place))
    first = Record.load(place.record(of(1)[0])).metrics
    assert stale(place, of(1)) == ([], set())
    assert stale(place, of(3)) == (["lsh every=3"], {"new"})
    assert stale(place, of(1, scale="(index[:, None] % 2)")) == (["lsh every=1"], {"whose features changed"})
    list(run_plan(make_plan(of(3), place), place))
    assert Record.load(place.record(of(3)[0])).metrics != first


def test_a_method_made_from_another_is_stale_with_it(tmp_path):
    path = tmp_path / "made.py"
    path.write_text("from hashbench.methods.itq import ITQ\nclass Made(ITQ):\n    n_iter: int = 9\n")
    registry.register_file(path)
    made = registry.find("method", "made")
    assert own_modules(made) == [inspect.getmodule(made), inspect.getmodule(registry.find("method", "itq"))]
    assert imports_room(made, "numerics")
    path.write_text(
        "from hashbench import numerics\n" + path.read_text().replace("ITQ", "LSH").replace("itq", "lsh")
    )
    registry.register_file(path)
    assert imports_room(registry.find("method", "made"), "numerics")


def test_older_scores_are_told(place, monkeypatch):
    monkeypatch.setitem(ROOMS, "evaluation", ROOMS["evaluation"] + 1)
    older = make_plan(works(), place).older
    assert sorted({work.cell.method for work in older}) == ["dsh", "itq", "lsh"]


@dataclass
class Copy:
    """A copy of the package in a folder of its own, as another process imports it."""

    folder: Path
    home: Path

    def append(self, file, text):
        with (self.folder / "hashbench" / file).open("a") as stream:
            stream.write(text)

    def stale(self):
        command = [
            sys.executable,
            "-m",
            "hashbench",
            "run",
            "--methods",
            *METHODS,
            "--features",
            "pixels",
            "cnn",
            "--bits",
            "8",
            "--dry-run",
        ]
        command += ["--out", str(self.home / "runs"), "--device", "cpu", "--threads", "1"]
        for key, value in SHORT.items():
            command += ["--set", f"{key}={value}"]
        environment = {**os.environ, "PYTHONPATH": str(self.folder)}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return re.findall(r"^  to run +digits/5k/(\w+)-", done.stdout, re.MULTILINE)


@pytest.fixture
def copy(tmp_path, home, place):
    for source in ("hashbench", "methods", "datasets"):
        target = tmp_path / "hashbench" / ("" if source == "hashbench" else source)
        shutil.copytree(ROOT / source, target, ignore=shutil.ignore_patterns("__pycache__"))
    return Copy(tmp_path, home)


UNUSED = "\n\ndef unused(x):\n    return 2 * x\n"


def test_an_unused_function_in_a_shared_room_makes_nothing_stale_but_a_method_of_other_code_is(copy):
    for file in (
        "numerics/linear.py",
        "contracts/method.py",
        "training/losses.py",
        "training/loop.py",
        "evaluation/metrics.py",
        "execution/cell.py",
        "identity/digest.py",
        "features/pixels.py",
    ):
        copy.append(file, UNUSED)
    assert copy.stale() == []
    copy.append("methods/lsh.py", UNUSED)
    assert copy.stale() == ["lsh", "lsh"]
