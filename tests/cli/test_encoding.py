"""``hashbench encode``, ``search`` and ``export`` from the command line, on a model of the digits."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from hashbench.encoders import SUFFIX


@pytest.fixture(scope="module")
def one_run(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


@pytest.fixture
def record(one_run, small):
    """The record of itq, which is run once, with the files beside it, in a folder of the test's own."""
    if not list(one_run.rglob("*.json")):
        assert small("itq", more=("--out", one_run)).code == 0
    shutil.copytree(one_run, "runs")
    (path,) = Path("runs").rglob("itq*.json")
    return path


@pytest.fixture
def photographs(tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    digits = load_digits()
    for i in range(6):
        large = Image.fromarray((digits.images[i] * 15.9).astype(np.uint8)).resize((64, 64), 0)
        large.convert("RGB").save(folder / f"digit {digits.target[i]} & <b>.png")
    return folder


def test_a_run_of_one_cell_keeps_its_model_and_others_where_asked(call, small, record, tmp_path):
    assert record.with_suffix(SUFFIX).exists()
    for more, n in ((("--no-save-models",), 0), (("--save-models",), 1)):
        out = tmp_path / more[0]
        assert small("lsh", more=(*more, "--out", out)).code == 0
        assert len(list(out.rglob(f"*{SUFFIX}"))) == n
    two = ("--out", tmp_path / "two")
    small("lsh", "pcah", more=two)
    assert not list((tmp_path / "two").rglob(f"*{SUFFIX}"))
    told = small("lsh", "pcah", more=(*two, "--save-models")).out
    assert "2 of the done cells have no model" in told
    assert "another --out" in told
    bare = next((tmp_path / "two").rglob("*.json"))
    assert "--save-models and a new --out" in call("encode", bare, ".", "-o", "a.npz").refused(3)
    assert "no record 'nope.json'" in call("encode", "nope.json", ".", "-o", "a.npz").refused(3)


def test_encode_then_search_finds_the_photograph_itself(call, record, photographs):
    (photographs / "broken.jpg").write_text("no picture")
    done = call("encode", record, photographs, "-o", "codes.npz", "--device", "cpu")
    assert done.code == 1
    assert "6 photographs" in done.out
    assert "broken.jpg" in done.err
    name = "digit 3 & <b>.png"
    for database in ("codes.npz", photographs):
        found = call(
            *("search", record, photographs / name, database, "--top", 3, "--html", "page.html"),
            *("--pictures", photographs, "--device", "cpu"),
        )
        assert found.code == 0
        lines = found.out.splitlines()
        assert lines[0].split(maxsplit=1) == ["0", name]
        assert [int(line.split()[0]) for line in lines[:3]] == sorted(
            int(line.split()[0]) for line in lines[:3]
        )
        with open("page.html", encoding="utf-8") as file:
            page = file.read()
        assert page.count("data:image/jpeg;base64,") == 4
        assert "digit 3 &amp; &lt;b&gt;.png" in page
        assert "<b>.png" not in page
        assert "http" not in page


def test_codes_of_another_model_are_refused(call, record, photographs):
    call("encode", record, photographs, "-o", "codes.npz")
    with np.load("codes.npz") as archive:
        np.savez("codes.npz", **{**archive, "encoder": np.array("0" * 64)})
    assert "another model" in call("search", record, photographs / "digit 3 & <b>.png", "codes.npz").refused(
        2
    )


def test_export_of_a_program_and_an_index(call, record):
    pytest.importorskip("faiss")
    done = call("export", record, "--torch-export", "a.pt2", "--faiss", "a.faiss")
    assert done.code == 0, done.err
    assert "512 of 512 bits" in done.out
    assert "1657 codes" in done.out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("encode", "RECORD", "nowhere", "-o", "a.npz"), 3),
        (("encode", "RECORD", ".", "-o", "runs"), 2),
        (("encode", "nowhere.json", "PHOTOGRAPHS", "-o", "a.npz"), 3),
        (("encode", "PHOTOGRAPHS", "PHOTOGRAPHS", "-o", "a.npz"), 2),
        (("search", "RECORD", "nowhere.jpg", "PHOTOGRAPHS"), 2),
        (("search", "RECORD", "RECORD", "PHOTOGRAPHS"), 2),
        (("search", "RECORD", "FIRST", "nowhere.npz"), 3),
        (("search", "RECORD", "FIRST", "RECORD"), 2),
        (("export", "RECORD"), 2),
        (("export", "RECORD", "--faiss", "a.faiss", "--codes", "RECORD"), 2),
        (("export", "RECORD", "--torch-export", "PHOTOGRAPHS"), 2),
        (("export", "RECORD", "--torch-export", "a.pt2", "--device", "gpu9"), 2),
    ],
)
def test_wrong_calls_end_in_one_line_and_write_nothing(call, record, photographs, tmp_path, arguments, code):
    names = {"RECORD": record, "PHOTOGRAPHS": photographs, "FIRST": photographs / "digit 3 & <b>.png"}
    before = sorted(tmp_path.rglob("*"))
    call(*(names.get(argument, argument) for argument in arguments)).refused(code)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_damaged_model_ends_in_one_line(call, record, photographs):
    model = record.with_suffix(SUFFIX)
    content = bytearray(model.read_bytes())
    content[-5] ^= 1
    model.write_bytes(content)
    assert model.name in call("encode", record, photographs, "-o", "a.npz").refused(2)
