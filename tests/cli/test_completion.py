"""What the shell offers for the word at the cursor, as argcomplete asks for it."""

import io
import os
import subprocess
import sys

import pytest
from argcomplete import CompletionFinder

from hashbench.cli.completion import complete
from hashbench.cli.parser import make_parser
from hashbench.execution.suite import suite_names
from hashbench.plugins.registry import RESERVED, plugins, protocol_names


class EndedError(Exception):
    pass


def asked(line):
    return {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "COMP_LINE": line, "COMP_POINT": str(len(line))}


@pytest.fixture
def offered(monkeypatch):
    monkeypatch.setattr(CompletionFinder, "_init_debug_stream", lambda self: None)  # it takes descriptor 9

    def offer(line):
        def end(code):
            raise EndedError

        for name, value in asked(line).items():
            monkeypatch.setenv(name, value)
        stream = io.StringIO()
        with pytest.raises(EndedError):
            complete(make_parser(), exit_method=end, output_stream=stream)
        return {word.strip() for word in stream.getvalue().split("\n") if word.strip()}

    return offer


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("hashbench run --methods ", lambda: {*RESERVED[:4], *plugins("method")}),
        ("hashbench run -m lsh dp", lambda: {name for name in plugins("method") if name.startswith("dp")}),
        ("hashbench table -d ", lambda: plugins("dataset")),
        ("hashbench verify runs -d ", lambda: plugins("dataset")),
        ("hashbench data get ", lambda: plugins("dataset")),
        (
            "hashbench run --protocols labels-1",
            lambda: {n for n in protocol_names() if n.startswith("labels-1")},
        ),
        ("hashbench run --suite ", suite_names),
        ("hashbench run --features p", lambda: {"pixels"}),
        ("hashbench run --pretraining fro", lambda: {"frozen"}),
        ("hashbench info mu", lambda: {"mu_liu", "mu-liu-ablation"}),
        ("hashbench info 5k", lambda: {"5k", "5k-disjoint", "5k-train"}),
        ("hashbench check mu", lambda: {"mu_liu"}),
        ("hashbench list met", lambda: {"methods", "metrics"}),
        ("hashbench comp", lambda: {"compare"}),
        ("hashbench run --dry", lambda: {"--dry-run"}),
    ],
)
def test_names_and_options_are_completed(offered, line, names):
    wanted = set(names())
    assert wanted
    assert offered(line) == wanted


def test_the_program_answers_the_shell_and_runs_nothing(tmp_path):
    out = tmp_path / "offered"
    environment = {
        **os.environ,
        **asked("hashbench run --methods mu_l"),
        "_ARGCOMPLETE_STDOUT_FILENAME": str(out),
    }
    done = subprocess.run(
        [sys.executable, "-m", "hashbench"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert out.read_text().strip() == "mu_liu"
    assert [path.name for path in tmp_path.iterdir()] == ["offered"]


def test_no_other_call_loads_argcomplete():
    code = """
import sys
from hashbench.cli import main
sys.argv = ["hashbench", "--help"]
try:
    main()
except SystemExit:
    sys.exit("argcomplete" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
