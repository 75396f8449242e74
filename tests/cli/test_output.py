"""Whatever names and errors hold, and whatever becomes of standard output, cells run and files are whole."""

import csv
import errno
import io
import json
import sys

import pytest

from hashbench.cli import main

ESCAPE = "a\x1b[2J\x07b\u202ec\nd"
SEEN = r"a\x1b[2J\x07b\u202ec\nd"


@pytest.fixture
def hostile(small, tmp_path):
    """Two records, one of them with escape sequences wherever a text is free."""
    small("random", "lsh")
    (path,) = tmp_path.glob("runs/digits/5k/lsh-*.json")
    content = json.loads(path.read_text())
    content["cell"]["method"] = ESCAPE
    content["card"]["title"] = ESCAPE
    content["protocol"]["description"] = ESCAPE
    content["environment"]["cpu"] = ESCAPE
    content["command"] = ESCAPE
    path.write_text(json.dumps(content))
    return path


def is_harmless(text):
    return not [c for c in text if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202e\u2028")]


@pytest.mark.parametrize("form", ["rich", "md", "csv", "latex"])
def test_escape_sequences_are_shown(call, hostile, monkeypatch, form):
    monkeypatch.setenv("COLUMNS", "300")
    called = call("table", "--format", form)
    assert called.code == 0
    assert is_harmless(called.out)
    shown = SEEN.replace("\\", "\\textbackslash{}") if form == "latex" else SEEN
    shown = SEEN.replace("\\", "\\\\") if form == "md" else shown
    assert shown in called.out


def test_escape_sequences_in_errors_are_shown(call, small, tmp_path):
    (tmp_path / "noisy.py").write_text(f"raise ValueError({ESCAPE!r})\n")
    for command in (["info", "noisy"], ["list", "methods"], ["run", "-m", "noisy", "-b", "8"]):
        called = call(*command, "--plugin", "noisy.py")
        assert is_harmless(called.out + called.err)
        assert r"\x1b" in called.out + called.err
    assert is_harmless(call("table", ESCAPE).refused(2))
    assert is_harmless(call("run", "-m", ESCAPE).refused(2))


def test_a_formula_in_csv_is_a_text(call, small, tmp_path):
    small("random", "lsh")
    (path,) = tmp_path.glob("runs/digits/5k/lsh-*.json")
    content = json.loads(path.read_text())
    content["cell"]["method"] = '=HYPERLINK("http://a")'
    content["cell"]["features"] = "@SUM(1)"
    path.write_text(json.dumps(content))
    rows = list(csv.DictReader(io.StringIO(call("table", "--format", "csv").out)))
    (row,) = [row for row in rows if "HYPERLINK" in row["method"]]
    assert (row["method"], row["features"]) == ('\'=HYPERLINK("http://a")', "'@SUM(1)")
    assert float(row["mean"]) == content["metrics"]["map"]


class Failing(io.TextIOBase):
    """A stream that takes some characters and then fails."""

    encoding = "utf-8"

    def __init__(self, error, room=30):
        self.error, self.room = error, room

    def write(self, text):
        self.room -= len(text)
        if self.room < 0:
            raise self.error
        return len(text)


FAULTS = {
    "reader gone": (BrokenPipeError(errno.EPIPE, "Broken pipe"), 0),
    "full": (OSError(errno.ENOSPC, "No space left on device"), 1),
    "closed": (ValueError("I/O operation on closed file"), 0),
}
RUN = ["run", "-m", "lsh", "random", "--features", "pixels", "-b", "8", "--device", "cpu"]


def code_of(arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code


@pytest.mark.parametrize("fault", FAULTS)
def test_cells_go_on_when_nobody_can_be_told(tmp_path, monkeypatch, capsys, fault):
    error, code = FAULTS[fault]
    monkeypatch.setattr(sys, "stdout", Failing(error))
    assert code_of(RUN) == code
    assert len(list(tmp_path.glob("runs/digits/5k/*.json"))) == 2
    assert ("could not be written" in capsys.readouterr().err) == bool(code)
    for command in (["table"], ["list", "methods"], ["info", "lsh"], ["table", "--format", "csv"]):
        monkeypatch.setattr(sys, "stdout", Failing(error))
        assert code_of(command) == code


def test_no_standard_output_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert code_of(RUN) == 0
    assert len(list(tmp_path.glob("runs/digits/5k/*.json"))) == 2
    assert code_of(["table", "--format", "md"]) == 0


def test_a_terminal_that_knows_ascii_only(monkeypatch):
    code_of(RUN)
    for command in (["table"], ["table", "--format", "md"], ["list", "methods"], RUN):
        stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        monkeypatch.setattr(sys, "stdout", stream)
        assert code_of(command) == 0
        stream.seek(0)
        text = stream.read()
        assert "random" in text
        assert is_harmless(text)
