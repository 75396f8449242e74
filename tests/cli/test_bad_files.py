"""Files that are damaged, hostile or of another kind: named in one line, and nothing is lost by them."""

import io
import json
import os
import shutil
import zipfile

import numpy as np
import pytest

from hashbench.system.archives import check_archive


@pytest.fixture
def codes(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("query", "database"):
        np.savez(tmp_path / f"{name}.npz", codes=rng.integers(0, 2, (20, 16)), labels=np.arange(20) % 3)
    return "eval", "--query", "query.npz", "--database", "database.npz"


def claim(path, shape, compression):
    """An archive whose array ``codes`` has a header of another shape than its content."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    labels = io.BytesIO()
    np.save(labels, np.arange(20) % 3)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("codes.npy", header.getvalue() + bytes(100))
        archive.writestr("labels.npy", labels.getvalue())


@pytest.mark.parametrize("compression", [0, 8, 12, 14])  # stored, deflated, BZIP2, LZMA
def test_an_archive_that_claims_what_it_cannot_hold(call, codes, tmp_path, compression):
    claim(tmp_path / "large.npz", (60 << 20, 1024), compression)
    said = call("eval", "--query", "large.npz", "--database", "database.npz").refused(2)
    assert "large.npz" in said
    assert "codes" in said


def test_a_damaged_member_is_named(call, codes, tmp_path):
    claim(tmp_path / "damaged.npz", (10, 10), 14)
    content = bytearray((tmp_path / "damaged.npz").read_bytes())
    content[60:90] = bytes(30)
    (tmp_path / "damaged.npz").write_bytes(content)
    assert "damaged.npz" in call("eval", "--query", "damaged.npz", "--database", "query.npz").refused(2)


def test_an_honest_archive_passes(tmp_path):
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", codes=np.zeros((50_000, 64), np.uint8), labels=np.arange(7))
        check_archive(tmp_path / "a.npz")


def test_per_query_replaces_only_what_it_wrote(call, codes, tmp_path):
    (tmp_path / "text.npz").write_text("mine")
    shutil.copy("query.npz", "other.npz")
    np.savez("values.npz", map=np.zeros(20))
    os.mkfifo("pipe.npz")
    (tmp_path / "link.npz").symlink_to("text.npz")
    (tmp_path / "nowhere.npz").symlink_to("absent")
    (tmp_path / "folder.npz").mkdir()

    def as_they_are():  # but for when they were last read
        found = {path.name: path.lstat() for path in tmp_path.iterdir()}
        return {name: (at.st_mode, at.st_ino, at.st_size, at.st_mtime_ns) for name, at in found.items()}

    before = as_they_are()
    for name in ("text", "other", "values", "pipe", "link", "nowhere", "folder", "query"):
        assert f"{name}.npz" in call(*codes, "--per-query", f"{name}.npz").refused(2)
    assert "empty" in call(*codes, "--per-query", "").refused(2)
    assert as_they_are() == before
    for _ in range(2):
        assert call(*codes, "--per-query", "new.npz", "--metric", "map").code == 0
    assert np.load("new.npz").files == ["map"]


SUITES = {
    "binary": bytes(range(256)),
    "utf16": 'methods = ["lsh"]'.encode("utf-16"),
    "latin1": 'description = "é"'.encode("latin-1"),
    "brackets": b"bits = " + b"[" * 10_000,
    "digits": b"repetitions = " + b"9" * 5_000,
    "many": b"repetitions = 1000000000000000000",
    "nan": b'[[variants]]\nlabel = "A"\nmethod = "dpsh"\nparams = {eta = nan}',
    "null": b'datasets = ["folder:a\\u0000b"]',
}


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_that_is_none(call, tmp_path, name):
    (tmp_path / "mine.toml").write_bytes(SUITES[name])
    said = call("run", "--suite", "mine.toml").refused(2)
    assert len(said) < 1000
    assert not (tmp_path / "runs").exists()


def test_a_suite_that_is_a_pipe_or_a_folder(call, tmp_path):
    os.mkfifo("pipe.toml")
    (tmp_path / "folder.toml").mkdir()
    for name in ("pipe", "folder"):
        assert f"{name}.toml" in call("run", "--suite", f"{name}.toml").refused(2)


def deep(levels):
    return "[" * levels + "]" * levels


def with_metric(value):
    return lambda text: json.dumps(json.loads(text) | {"metrics": {"map": value}})


RECORDS = {
    "deep": lambda text: text.replace('"params": {', f'"params": {{"a": {deep(100_000)}, ', 1),
    "less_deep": lambda text: text.replace('"params": {', f'"params": {{"a": {deep(700)}, ', 1),
    "huge": with_metric(1e308),
    "negative": with_metric(-5),
    "list": lambda text: "[]",
    "version": lambda text: text.replace('"schema_version": 2', '"schema_version": [[2]]'),
    "no_task": lambda text: json.dumps(json.loads(text) | {"protocol": {"task": 3}}),
    "no_text": lambda text: json.dumps(json.loads(text) | {"command": {"a": 1}}),
    "long_bits": lambda text: text.replace('"bits": 8', f'"bits": {10**30}'),
    "empty": lambda text: "",
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_broken_record_is_named_and_the_rest_is_tabulated(call, small, tmp_path, name):
    small("random", "lsh")
    (path, _) = sorted(tmp_path.glob("runs/digits/5k/*.json"))
    path.write_text(RECORDS[name](path.read_text()))
    called = call("table")
    assert called.code == 1
    assert "random" in called.out
    assert called.err.startswith("left out: ")
    assert str(path.relative_to(tmp_path)) in called.err
    assert called.err.count("\n") == 1
    compared = call("compare", "random", "random")
    assert compared.err.count("\n") <= 2


def test_pipes_folders_and_links_are_no_records(call, small, tmp_path):
    small("random")
    os.mkfifo("runs/pipe.json")
    (tmp_path / "runs/folder.json").mkdir()
    (tmp_path / "runs/link.json").symlink_to("absent")
    (tmp_path / "runs/round.json").symlink_to("round.json")
    called = call("table")
    assert called.code == 1
    assert "random" in called.out
    for name in ("pipe", "folder", "link", "round"):
        assert f"{name}.json" in called.err
    assert called.err.count("\n") == 4


def test_an_empty_file_of_values_is_named(call, small, tmp_path):
    small("itq", "sh")
    for path in tmp_path.rglob("*.npz"):
        path.write_bytes(b"")
    assert call("table").code == 0  # without tests of the differences
    assert ".npz" in call("compare", "itq", "sh").refused(2)


@pytest.mark.parametrize("option", ["--out", "--data-dir", "--plugin"])
def test_an_empty_path_is_refused(call, option):
    assert "empty" in call("run", option, "").refused(2)
    assert "empty" in call("table", "").refused(2)


LONG = "x" * 300
NO_USER = "~nosuchuser/x"
CALLS = [
    *(("run", "-m", "lsh", "-d", f"folder:{path}") for path in (LONG, NO_USER)),
    *(("run", "-m", "lsh", "--features", f"a={path}") for path in (LONG, NO_USER)),
    *(("run", option, f"{LONG}.py") for option in ("-m", "-d", "-p", "--suite", "--features", "--plugin")),
    *(("run", "-m", "lsh", "-b", 8, "--device", "cpu", "--out", path) for path in (LONG, f"{LONG}/a")),
    ("run", "--suite", f"{LONG}.toml"),
    ("new", "method", LONG),
    ("check", LONG),
    ("check", f"{LONG}.py"),
    ("info", LONG),
    ("table", LONG),
    ("data", "import", "mnist", NO_USER),
    ("data", "import", "mnist", LONG),
    ("data", "info", "digits", "mnist", "--data-dir", NO_USER),
    ("eval", "--query", LONG, "--database", LONG),
    *(("run", "-m", "lsh", "--device", name) for name in ("meta", "privateuseone", "cuda:99", "mps", "")),
    ("run", "-m", "lsh", "--set", "lsh.a=" + "[" * 10_000),
    ("run", "-m", "lsh", "--set", "lsh.a=" + "9" * 5_000),
    ("run", "-m", "lsh", "--repetitions", "1000000000", "--dry-run"),
]


@pytest.mark.parametrize("arguments", CALLS, ids=lambda call: "-".join(str(part)[:20] for part in call))
def test_names_that_no_disk_holds_and_devices_that_do_not_compute(call, tmp_path, arguments):
    called = call(*arguments)
    assert called.code in {2, 3}
    assert called.err.startswith("error: ")
    assert called.err.count("\n") == 1
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_new_leaves_nothing_behind_where_it_cannot_write(call, tmp_path):
    (tmp_path / "methods").mkdir()
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "hashbench"\n')
    (tmp_path / "tests").write_text("a file where a folder should be")
    assert "mine" in call("new", "method", "mine").refused(2)
    assert not list((tmp_path / "methods").iterdir())


def test_new_beside_a_broken_project_file(call, tmp_path):
    (tmp_path / "methods").mkdir()
    for content in (b"[project", b"\xff\xfe", b"project = 3"):
        (tmp_path / "pyproject.toml").write_bytes(content)
        assert call("new", "method", "mine").code == 0
        (tmp_path / "mine.py").unlink()
        (tmp_path / "test_mine.py").unlink()


def test_a_path_that_is_not_utf8(call, tmp_path):
    folder = os.fsdecode(b"\xff\xfe")
    called = call("run", "-m", "random", "--features", "pixels", "-b", 8, "--device", "cpu", "--out", folder)
    assert called.code == 0
    assert "\\udcff" in called.out
    assert call("table", folder).code == 0
    (tmp_path / folder / "own.py").write_text("import no_such_package\n")
    assert "no_such_package" in call("info", "own", "--plugin", f"{folder}/own.py").refused(2)
