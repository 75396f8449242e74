"""``hashbench list``, ``info`` and ``--help``: what there is."""

import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from hashbench.cli.parser import make_parser
from hashbench.errors import LISTED
from hashbench.execution.suite import suite_names
from hashbench.plugins.registry import find_protocol, plugins, protocols
from hashbench.tasks.cross_view import DIRECTIONS

TASK = Path(__file__).parents[1] / "testing" / "nearest_class.py"  # with protocols and metrics of its own
NAMES = {
    "methods": lambda: list(plugins("method")),
    "datasets": lambda: list(plugins("dataset")),
    "features": lambda: list(plugins("feature")),
    "tasks": lambda: list(plugins("task")),
    "protocols": lambda: list(protocols()),
    "suites": lambda: list(suite_names()),
    "backbones": lambda: ["nin", "vgg7"],
}


def as_listed(names):
    """As a table names them: the directions of cross-view retrieval in a row of their own."""
    listed = []
    for name in names:
        folded = re.sub(r"\[\w+->\w+\]$", "[DIRECTION]", name)
        if folded != name and "[DIRECTION]" not in listed:
            listed.append("[DIRECTION]")
        if folded == name or folded != listed[-1]:
            listed.append(folded)
    return listed


@pytest.mark.parametrize("what", LISTED)
def test_a_list_as_json_and_as_a_table(call, what):
    called = call("list", what, "--json", "--plugin", TASK)
    assert (called.code, called.err) == (0, "")
    names = [row["name"] for row in json.loads(called.out)]
    if what in NAMES:
        assert sorted(names) == sorted(NAMES[what]())
    else:
        assert {"hits", "distance"} <= set(names)
    table = call("list", what).out
    assert "\x1b" not in table
    assert [name for name in as_listed(names) if name not in table] == []


@pytest.mark.parametrize("what", LISTED)
def test_a_list_in_a_pipe_has_one_line_a_row(call, what):
    names = as_listed(row["name"] for row in json.loads(call("list", what, "--json").out))
    header, *lines = call("list", what).out.splitlines()
    assert header.startswith("name ")
    assert [line.split()[0] for line in lines] == names
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("what", LISTED)
def test_a_list_fits_a_terminal_and_stays_readable(call, monkeypatch, what, columns):
    listed = json.loads(call("list", what, "--json").out)
    monkeypatch.setenv("COLUMNS", str(columns))
    names = as_listed(row["name"] for row in listed)
    header, _, *lines = call("list", what).out.splitlines()
    assert max(map(len, [header, *lines])) <= columns
    assert "digest" not in header
    begin = [number for number, line in enumerate(lines) if line[0] != " "]
    assert [lines[number].split()[0] for number in begin][: len(names)] == names
    assert max(after - before for before, after in pairwise(begin)) <= 6  # lines of a row
    shown = re.split(r"\s{2,}", header.strip())
    absent = {key for row in listed for key in row if not key.endswith("_digest") and key not in shown}
    assert [key for key in absent if key not in lines[-1]] == []  # it says what there was no room for


def rows(call, what, *plugins):
    listed = json.loads(call("list", what, "--json", *(f"--plugin={file}" for file in plugins)).out)
    return {row["name"]: row for row in listed}


def test_tasks_protocols_and_metrics_say_what_they_are(call):
    assert rows(call, "tasks", TASK)["nearest_class"] == {
        "name": "nearest_class",
        "unit": "query",
        "headline": "hits",
        "usual protocol": "none",
        "usual bits": "12 48",
        "title": "Are the nearest images of one's own class? A small task for tests",
    }
    protocol, listed = find_protocol("nearest"), rows(call, "protocols", TASK)
    assert listed["nearest"]["task"] == "nearest_class"
    assert listed["nearest"]["task_digest"] == protocol.task_digest[:8]
    assert listed["nearest"]["recipe_digest"] == protocol.recipe_digest[:8]
    assert listed["nearest"]["task_digest"] != listed["nearest-many"]["task_digest"]
    assert listed["nearest"]["recipe_digest"] == listed["nearest-many"]["recipe_digest"]
    metrics = rows(call, "metrics", TASK)
    assert {name: metrics[name]["better"] for name in ("hits", "distance", "distinct_codes")} == {
        "hits": "higher",
        "distance": "lower",
        "distinct_codes": "neither",
    }
    assert (metrics["hits"]["task"], metrics["distinct_codes"]["of"]) == ("nearest_class", "codes")


def test_metrics_begin_with_retrieval_and_name_each_direction_once(call):
    lines = call("list", "metrics").out.splitlines()
    tasks = list(dict.fromkeys(line.split()[1] for line in lines[1:]))
    assert tasks[0] == "retrieval"
    assert [line.split()[0] for line in lines if line.startswith("map[")] == ["map[DIRECTION]"]
    (said,) = [line for line in lines if "text->image" in line]
    assert all(direction in said for direction in DIRECTIONS)


def test_features_say_what_they_have_learned_from(call, tmp_path):
    call("new", "feature", "cells")
    listed = rows(call, "features", tmp_path / "cells.py")["cells"]
    assert listed["learned from"] == "nothing"
    assert listed["title"].startswith("Cells")


@pytest.mark.parametrize("fault", ["a name of ours", "a class too many", "no licence"])
def test_what_is_broken_is_listed_with_its_fault(call, tmp_path, fault):
    text = """from hashbench.contracts.dataset import Dataset
class Own(Dataset): pass
"""
    name = "digits" if fault == "a name of ours" else "own"
    path = tmp_path / f"{name}.py"
    path.write_text(text + ("class Two(Dataset): pass\n" if fault == "a class too many" else ""))
    listed = rows(call, "datasets", path)
    assert listed[name]["title"].startswith("BROKEN: ")
    assert str(path) in listed[name]["title"]
    assert [other for other, row in listed.items() if row["title"].startswith("BROKEN")] == [name]
    if fault != "no licence":
        assert str(path) in call("info", name).refused(2)


def test_a_protocol_that_two_define_is_listed_as_broken(call, tmp_path):
    other = tmp_path / "other.py"
    other.write_text(TASK.read_text().replace('"nearest-many"', '"other"'))
    listed = rows(call, "protocols", TASK, other)
    assert listed["nearest"]["description"].startswith("BROKEN: ")
    assert all(str(path) in listed["nearest"]["description"] for path in (TASK, other))
    assert {"other", "nearest-many"} <= {name for name, row in listed.items() if "task" in row}


def test_methods_say_what_they_see(call):
    listed = rows(call, "methods")
    assert listed["dsh"] == {
        "name": "dsh",
        "family": "deep",
        "supervision": "supervised",
        "inputs": "images",
        "made for": "retrieval",
        "title": "Deep supervised hashing (DSH)",
    }
    assert {listed[name]["family"] for name in ("random", "classifier", "real_valued")} == {"control"}


def test_suites_say_what_they_run(call):
    listed = rows(call, "suites")
    assert listed["paper"]["runs"] == "all, mm_cslbp"
    assert listed["mu-liu-ablation"]["runs"] == "14 variants of mu_liu, itq, classifier"


def test_info_explains_the_parameters(call):
    shown = call("info", "mu_liu").out
    assert "  relaxation: Literal['bilinear', 'naive', 'taylor'] = 'bilinear'\n" in shown
    assert "  pretraining: Literal['softmax', 'none', 'frozen', 'joint'] = 'softmax'\n" in shown
    for parameter in ("dissimilar_scale", "budget"):  # each with its default, and then its meaning
        assert re.search(rf"^  {parameter}: .* = .*\n      \w", shown, re.MULTILINE)


def test_info_of_a_method_shows_source_parameters_and_published_numbers(call):
    shown = call("info", "ksh")
    assert shown.code == 0
    for part in ("ksh (method)", "Kernel-based supervised hashing", "CVPR 2012", "n_anchors: int = 300"):
        assert part in shown.out
    assert "Departures from the paper:" in shown.out
    assert "formula: read in the authors' code" in shown.out
    assert "published, as printed by their sources" in shown.out
    data = call("info", "digits").out
    assert "digits (dataset)" in data
    assert "licence: " in data


def test_info_sets_results_beside_published_numbers(call):
    results = Path(__file__).parents[2] / "results"
    shown = call("info", "dpsh", "--results", results)
    assert (shown.code, shown.err) == (0, "")
    assert re.search(r"cifar10 5k, images, 48 bits: 0\.75\d \(mean of 3\); published 0\.\d{3} ‡ ", shown.out)
    assert "absent" in call("info", "dpsh", "--results", "absent").refused(2)


def test_info_of_a_task_and_of_a_feature(call, tmp_path):
    shown = call("info", "nearest_class", "--plugin", TASK).out
    for part in ("nearest_class (task)", "queries: int = 60", "unit: query", "hits", "nearest, nearest-many"):
        assert part in shown
    call("new", "feature", "cells")
    shown = call("info", "cells", "--plugin", tmp_path / "cells.py").out
    for part in ("cells (feature)", "grid: int = 4", "learned from: nothing"):
        assert part in shown


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (
            "5k",
            [
                "5k (protocol)",
                "retrieval",
                "  queries = 1000\n",
                "  pretrain_epochs = 120\n",
                "--protocols 5k",
            ],
        ),
        ("precision@100", ["(metric)", "under retrieval: part of the first 100 that", "higher is better"]),
        ("precision@K", ["precision@K (metric)", "part of the first K that"]),
        ("distance", ["distance (metric)", "under nearest_class: ", "lower is better"]),
        ("distinct_codes", ["under authentication: ", "under retrieval: ", "neither direction is better"]),
        (
            "ours",
            ["ours (suite)", "methods: lsh, ", "  ours: rho = 1: cca_itq with ridge=1.0, relative=True\n"],
        ),
        (
            "mine.toml",
            ["mine.toml (suite)", "set: ksh.n_anchors=50", "protocols: the usual one of each task"],
        ),
        ("nin", ["nin (backbone)", "Network in network", "recipe.backbone=nin"]),
        ("authentication", ["(task)", "(protocol)", "(suite)"]),
        ("ssl=50", ["ssl (feature)", "learned from: images"]),
        ("folder:x=y", ["folder (dataset)", "licence: "]),
        (str(TASK), ["nearest_class (task)", "unit: query"]),
    ],
)
def test_info_explains_whatever_has_a_name(call, tmp_path, name, parts):
    (tmp_path / "mine.toml").write_text("set.ksh.n_anchors = 50")
    shown = call("info", name, "--plugin", TASK)
    assert (shown.code, shown.err) == (0, "")
    assert [part for part in parts if part not in shown.out] == []


def test_info_explains_every_name_that_is_listed(call):
    for what in ("protocols", "metrics", "suites", "backbones"):
        for name in rows(call, what):
            assert call("info", name).out.startswith(name)


def test_data_info_describes_the_splits(call):
    shown = call("data", "info", "digits", "--plugin", TASK)
    assert shown.code == 0
    assert shown.out.startswith("digits: 1,797 images of 8 x 8, 1 channel, no official test part\n")
    assert "classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9" in shown.out
    lines = dict(line.strip().split(":", 1) for line in shown.out.splitlines()[1:])
    assert lines["nearest"].strip() == "60 queries"
    assert "cannot be used" in lines["nearest-many"]
    assert protocols().keys() <= lines.keys()


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
        (["list", "methods"], ["torchvision", "numba", "matplotlib"]),
        (["list", "datasets"], ["torch", "torchvision", "numba", "matplotlib"]),
        (["list", "suites"], ["torch", "torchvision", "numba", "matplotlib"]),
        (["list", "protocols"], ["torch", "torchvision", "numba", "matplotlib"]),
        (["list", "metrics"], ["torch", "torchvision", "numba", "matplotlib"]),
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
