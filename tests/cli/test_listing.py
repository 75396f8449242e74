"""``hashbench list``, ``info`` and ``--help``: what there is, without waiting for torch."""

import json
import subprocess
import sys

import pytest

from hashbench.cli.parser import LISTED, make_parser
from hashbench.evaluation import DEFAULT_METRICS
from hashbench.images.protocol import PROTOCOLS
from hashbench.plugins.registry import plugins

NAMES = {
    "methods": lambda: list(plugins("method")),
    "datasets": lambda: list(plugins("dataset")),
    "protocols": lambda: list(PROTOCOLS),
    "suites": lambda: ["mu-liu-ablation", "ours", "paper", "quick"],
    "backbones": lambda: ["nin", "vgg7"],
}


@pytest.mark.parametrize("what", LISTED)
def test_a_list_as_json_and_as_a_table(call, what):
    called = call("list", what, "--json")
    assert (called.code, called.err) == (0, "")
    names = [row["name"] for row in json.loads(called.out)]
    if what in NAMES:
        assert sorted(names) == sorted(NAMES[what]())
    else:
        assert set(DEFAULT_METRICS) & set(names)
    table = call("list", what).out
    assert "\x1b" not in table
    assert [name for name in names if name not in table] == []


def test_methods_say_what_they_see(call):
    rows = {row["name"]: row for row in json.loads(call("list", "methods", "--json").out)}
    assert rows["dsh"] == {
        "name": "dsh",
        "family": "deep",
        "supervision": "supervised",
        "inputs": "images",
        "title": "Deep supervised hashing (DSH)",
    }
    assert {rows[name]["family"] for name in ("random", "classifier", "real_valued")} == {"control"}


def test_suites_say_what_they_run(call):
    rows = {row["name"]: row for row in json.loads(call("list", "suites", "--json").out)}
    assert rows["paper"]["runs"] == "all"
    assert rows["mu-liu-ablation"]["runs"] == "14 variants of mu_liu, itq, classifier"


def test_info_explains_the_parameters(call):
    shown = call("info", "mu_liu").out
    assert "  relaxation: Literal['bilinear', 'naive', 'taylor'] = 'bilinear'\n" in shown
    assert "  pretraining: Literal['softmax', 'none', 'frozen', 'joint'] = 'softmax'\n" in shown
    assert "dissimilar_scale: that of" in shown
    assert 'budget: of "none", the epochs' in shown


def test_info_of_a_method_shows_source_parameters_and_published_numbers(call):
    shown = call("info", "ksh")
    assert shown.code == 0
    for part in ("ksh (method)", "Kernel-based supervised hashing", "CVPR 2012", "n_anchors: int = 300"):
        assert part in shown.out
    assert "Departures from the paper:" in shown.out
    assert "published, as printed by their sources" in shown.out
    data = call("info", "digits").out
    assert "digits (dataset)" in data
    assert "licence: " in data


def test_data_info_describes_the_splits(call):
    shown = call("data", "info", "digits")
    assert shown.code == 0
    assert shown.out.startswith("digits: 1,797 images of 8 x 8, 1 channels, no official test part\n")
    assert "classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9" in shown.out
    assert "5k:          140 queries, 720 labelled training images inside the database of 1,657" in shown.out
    assert all(f"\n  {name}:" in shown.out for name in PROTOCOLS)


def test_every_command_has_a_line_of_help(capsys):
    with pytest.raises(SystemExit) as ended:
        make_parser().parse_args(["--help"])
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    for command in ("run", "table", "list", "info", "data", "new", "check", "eval"):
        assert f"\n    {command} " in shown


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--help"], ["numpy", "torch", "rich", "pydantic", "sklearn", "importlib.metadata"]),
        (["list", "methods"], ["torch._C", "torchvision", "numba", "matplotlib"]),
        (["list", "suites"], ["torch._C", "torchvision", "numba", "matplotlib"]),
    ],
)
def test_a_short_command_does_not_wait_for_what_it_does_not_use(arguments, absent):
    script = f"""
import sys
from hashbench.cli import main
try:
    main({arguments!r})
except SystemExit as ended:
    assert not ended.code, ended.code
loaded = [name for name in {absent!r} if name in sys.modules]
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
