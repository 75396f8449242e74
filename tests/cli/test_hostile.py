"""A call that meets a broken or hostile plugin ends in one line that names it."""

import json
import re

import pytest
import torch

from hashbench.plugins import registry

METHOD = '''"""A method (test)."""
from dataclasses import dataclass
from hashbench.contracts.method import HashMethod
@dataclass(eq=False, repr=False, kw_only=True)
class Own(HashMethod):
    {body}
'''
DATASET = '''"""Data (test)."""
import sys
from dataclasses import dataclass
from hashbench.contracts.dataset import Dataset
@dataclass(frozen=True, kw_only=True)
class Own(Dataset):
    {body}
'''


def write(folder, name, text):
    (folder / f"{name}.py").write_text(text)
    return "--plugin", f"{name}.py"


def test_a_method_whose_family_raises_is_a_failed_row_and_the_others_run(call, small, tmp_path):
    body = "@classmethod\n    def family(cls):\n        raise SystemExit(0)"
    plugin = write(tmp_path, "homeless", METHOD.format(body=body))
    listed = call("list", "methods", *plugin)
    assert listed.code == 0
    assert "BROKEN: method 'homeless'" in listed.out
    assert "homeless.py" in call("info", "homeless", *plugin).refused(2)
    called = small("homeless", "random", more=plugin)
    assert called.code == 1
    assert "digits 5k random 8 bits r0 map 0.1" in called.out
    assert "failed: digits 5k homeless 8 bits r0: BrokenPluginError: method 'homeless'" in called.out


@pytest.mark.parametrize(
    "body", ["supervision = 'some'", "inputs = None", "output = 3", "made_for = 'retrieval'"]
)
def test_a_method_that_declares_what_does_not_exist(call, tmp_path, body):
    plugin = write(tmp_path, "strange", METHOD.format(body=body))
    assert body.split()[0] in call("info", "strange", *plugin).refused(2)


def test_a_type_that_cannot_be_resolved_is_shown_as_it_is_written(call, tmp_path):
    plugin = write(tmp_path, "hinted", METHOD.format(body="eta: 'Nowhere' = 1.0"))
    shown = call("info", "hinted", *plugin)
    assert shown.code == 0
    assert "Nowhere" in shown.out
    assert "hinted.eta" in call("run", "-m", "hinted", "--set", "hinted.eta=2", *plugin).refused(2)


@pytest.mark.parametrize(
    "body",
    [
        "@classmethod\n    def from_argument(cls, argument):\n        sys.exit(0)",
        "@property\n    def label(self):\n        return 1 / 0",
        "def sources(self, root):\n        raise KeyError('x')",
        "def load(self, root):\n        return None",
    ],
)
def test_a_data_set_that_raises_anywhere(call, tmp_path, body):
    plugin = write(tmp_path, "faulty", DATASET.format(body=body))
    said = call("run", "-m", "lsh", "-d", "faulty", *plugin).refused(2)
    assert "faulty.py" in said
    if "label" not in body:
        assert "faulty.py" in call("data", "info", "faulty", *plugin).refused(2)


def test_a_data_set_without_a_licence(call, tmp_path):
    body = (
        "def load(self, root):\n        import numpy as np\n"
        "        from hashbench.contracts.dataset import Images\n"
        "        return Images(np.zeros((8, 1, 2, 2), np.uint8), np.arange(8) % 2, ('a', 'b'))"
    )
    plugin = write(tmp_path, "unlicensed", DATASET.format(body=body))
    listed = call("list", "datasets", *plugin)
    assert "BROKEN: dataset 'unlicensed'" in " ".join(listed.out.split())
    for command in (("info", "unlicensed"), ("data", "info", "unlicensed")):
        called = call(*command, *plugin)
        assert called.code == 0
        assert "not stated" in called.out
    assert "licence" in call("check", "unlicensed", *plugin).out


def test_a_plugin_that_links_to_itself(call, tmp_path):
    (tmp_path / "round.py").symlink_to(tmp_path / "round.py")
    assert "round.py" in call("list", "methods", "--plugin", "round.py").refused(2)
    assert "round.py" in call("run", "-m", "lsh", "--plugin", "round.py").refused(2)


@pytest.mark.parametrize("mended", [True, False])
def test_the_row_of_a_broken_method_goes_once_it_is_mended_or_gone(
    call, small, tmp_path, monkeypatch, mended
):
    plugin = write(tmp_path, "broken", "import no_such_package\n")
    assert small("broken", more=plugin).code == 1
    assert small("random", more=plugin).code == 0
    assert "no_such_package" in call("table").out
    monkeypatch.setattr(registry, "_FILES", {})  # what a new process does not know
    if mended:
        write(tmp_path, "broken", METHOD.format(body="pass"))
    assert small("lsh", more=plugin if mended else ()).code == 0
    assert "broken" not in call("table").out


FEATURE = '''"""A feature (test)."""
import sys
from dataclasses import dataclass
from hashbench.contracts.feature import Feature
@dataclass(frozen=True, kw_only=True)
class Own(Feature):
    {body}
    def rows(self, images, index, device):
        return images.pixels[index].reshape(len(index), -1) / 255
'''


@pytest.mark.parametrize(
    "body",
    [
        "@classmethod\n    def from_argument(cls, argument):\n        sys.exit(0)",
        "def check(self, images):\n        raise GeneratorExit",
    ],
)
def test_a_feature_that_raises_anywhere(call, tmp_path, body):
    plugin = write(tmp_path, "sour", FEATURE.format(body=body))
    assert "sour.py" in call("run", "-m", "lsh", "--features", "sour", "-b", 8, *plugin).refused(2)


@pytest.mark.parametrize(
    ("error", "jobs"),
    [
        ("sys.exit(0)", 1),
        ("sys.exit(0)", 2),
        ("raise KeyError(1)", 1),
        ("return None", 1),
        ("return [[1]] * 3", 1),
    ],
)
def test_a_feature_without_rows_fails_its_cells_and_no_others(call, tmp_path, error, jobs):
    text = FEATURE.format(body="pass").replace(
        "return images.pixels[index].reshape(len(index), -1) / 255", error
    )
    plugin = write(tmp_path, "sour", text)
    called = call(
        *("run", "-m", "lsh", "--features", "sour", "pixels", "-b", 8, "--device", "cpu", "-j", jobs), *plugin
    )
    assert called.code == 1
    assert "failed: digits 5k lsh sour 8 bits r0: " in called.out
    assert "lsh pixels 8 bits r0 map 0." in called.out


def test_data_verify_finds_a_changed_byte_of_a_decoded_copy(call, tmp_path, monkeypatch):
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))
    call("data", "info", "digits")
    assert "as it was written" in call("data", "verify", "digits").out
    (pixels,) = tmp_path.glob("cache/decoded/*/pixels.npy")
    content = bytearray(pixels.read_bytes())
    content[-1] ^= 1
    pixels.write_bytes(content)
    called = call("data", "verify", "digits")
    assert called.code == 1
    assert "was damaged" in called.out
    assert not pixels.exists()
    assert call("data", "info", "digits").code == 0


def test_what_a_file_prints_and_sets_when_it_is_imported_is_no_result(call, small, tmp_path):
    alone = small("sh", more=["--out", "alone"])
    text = METHOD.format(body="pass") + "import torch\nprint('map 1.000')\n"
    text += "torch.set_default_dtype(torch.float64)\n"
    plugin = write(tmp_path, "loud", text)
    listed = call("list", "methods", "--json", *plugin)
    assert "loud" in {row["name"] for row in json.loads(listed.out)}
    assert "map 1.000" in listed.err
    (value,) = re.findall(r"sh pixels 8 bits r0 (map [0-9.]+)", alone.out)
    assert f"sh pixels 8 bits r0 {value}" in small("sh", more=plugin).out
    assert torch.get_default_dtype() == torch.float32
