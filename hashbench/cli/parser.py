"""The grammar of the command line. Each command names the function that does its work."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from hashbench import __version__
from hashbench.cli.arguments import (
    Parser,
    Several,
    a_count,
    a_path,
    add_data_dir,
    add_plugin,
    add_results,
    add_selection,
    command,
)
from hashbench.cli.parser_data import add_data, add_verify
from hashbench.cli.parser_encoders import add_encoders
from hashbench.errors import LISTED
from hashbench.system.threads import THREADS, THREADS_OF_SMALL


def make_parser() -> argparse.ArgumentParser:
    """The parser of ``hashbench``; parsed options hold ``call`` and that function's arguments."""
    parser = Parser(
        prog="hashbench",
        description="Learning-to-hash methods under the same protocols, with exact tie-aware metrics.",
        epilog="Start with 'hashbench run': all methods on the bundled digits, some minutes.",
    )
    parser.add_argument("--version", action="version", version=f"hashbench {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_run(commands)
    _add_table(commands)
    _add_report(commands)
    _add_compare(commands)
    _add_rescore(commands)
    add_verify(commands)
    _add_list(commands)
    _add_info(commands)
    add_data(commands)
    _add_new(commands)
    _add_check(commands)
    _add_eval(commands)
    add_encoders(commands)
    return parser


def _add_run(commands: Any) -> None:
    run = command(
        commands,
        "run",
        "running.run",
        "Train and evaluate a grid of methods, then print the table. What is done already, with its record "
        "under --out, is not run again.",
        command="",
    )
    grid = run.add_argument_group("the grid (each option overrides the suite's key)")
    grid.add_argument("--suite", default="quick", metavar="NAME|FILE.toml", help="default: quick")
    grid.add_argument(
        "--methods",
        "--method",
        "-m",
        action=Several,
        metavar="NAME",
        help="names, or all, control, shallow, deep",
    )
    grid.add_argument(
        "--datasets",
        "--dataset",
        "-d",
        action=Several,
        metavar="NAME",
        help="digits, mnist, cifar10, folder:PATH",
    )
    grid.add_argument(
        "--protocols",
        "--protocol",
        "-p",
        action=Several,
        metavar="NAME",
        help="such as full, 5k, labels-500 (default: the usual one of each task)",
    )
    grid.add_argument(
        "--features",
        action=Several,
        metavar="NAME",
        help="what shallow methods read: pixels, cnn, gist, ssl, LABEL=FILE.npy (default: the suite's; "
        "quick: pixels)",
    )
    grid.add_argument(
        "--pretraining",
        action=Several,
        metavar="NAME",
        help="how deep methods start: softmax (their default), none, frozen, joint",
    )
    lengths = "code lengths (default: those of the task)"
    grid.add_argument("--bits", "-b", action=Several, type=a_count, metavar="N", help=lengths)
    grid.add_argument("--repetitions", "-r", type=a_count, metavar="N", help="each with seeds of its own")
    grid.add_argument(
        "--set",
        action=Several,
        dest="settings",
        default=[],
        metavar="KEY=VALUE",
        help="METHOD.PARAMETER or recipe.FIELD, such as ksh.n_anchors=500 recipe.backbone=nin",
    )
    how = run.add_argument_group("where and how")
    how.add_argument("--out", type=a_path, default=Path("runs"), metavar="DIR", help="default: runs")
    add_data_dir(how)
    how.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:1, mps")
    how.add_argument(
        "--jobs", "-j", type=a_count, metavar="N", help="worker processes; default 1, on small data sets more"
    )
    how.add_argument("--scheduler", metavar="ADDRESS", help="run on the dask cluster at tcp://HOST:PORT")
    how.add_argument(
        "--cluster", type=a_path, metavar="FILE.toml", help="run as jobs of SLURM, PBS, SGE, LSF"
    )
    how.add_argument("--shard", metavar="I/N", help="run only part I of N of the grid, such as 2/4")
    text = f"threads a cell computes with, whatever --jobs; default {THREADS}, small data: {THREADS_OF_SMALL}"
    how.add_argument("--threads", "-t", type=a_count, metavar="N", help=text)
    add_plugin(how)
    how.add_argument(
        "--save-models",
        action=argparse.BooleanOptionalAction,
        help="keep each cell's fitted method beside its record; default: in a run of one cell",
    )
    how.add_argument("--dry-run", action="store_true", help="show the plan and run nothing")


def _add_table(commands: Any) -> None:
    table = command(
        commands,
        "table",
        "results.table",
        "Print tables by bit length: one per data set, protocol, recipe and metric.",
    )
    add_results(table)
    table.add_argument("--format", "-f", default="rich", choices=("rich", "md", "csv", "latex"))
    table.add_argument(
        "--suite", metavar="NAME|FILE.toml", help="only the suite's rows, in its order and under its labels"
    )
    table.add_argument(
        "--no-published", dest="published", action="store_false", help="leave out the published numbers"
    )
    add_selection(table)


def _add_report(commands: Any) -> None:
    report = command(
        commands,
        "report",
        "results.report",
        "Write a report to open in a browser: one HTML file, offline, with tables, curves, ranks and a page "
        "per method. Needs the extra 'report'.",
    )
    add_results(report, metrics="all that are recorded")
    report.add_argument(
        "--output",
        "-o",
        type=a_path,
        default=Path("report.html"),
        metavar="FILE.html",
        help="default: report.html",
    )
    report.add_argument(
        "--pictures",
        type=a_path,
        metavar="DIR",
        help="a folder of PNG and JPEG files to show, such as neighbours",
    )
    report.add_argument("--open", action="store_true", dest="show", help="open it in the browser")
    report.add_argument(
        "--no-published", dest="published", action="store_false", help="leave out the published numbers"
    )
    add_selection(report)


def _add_compare(commands: Any) -> None:
    compare = command(
        commands,
        "compare",
        "comparing.compare",
        "Compare two methods unit by unit, such as query by query: their difference, its interval, and p of "
        "a paired bootstrap.",
    )
    for name, letter in (("first", "A"), ("second", "B")):
        compare.add_argument(
            name, metavar=letter, help="a row as tables name it: itq, itq:cnn, 'mu_liu (pretraining=none)'"
        )
    add_results(compare)
    compare.add_argument("--json", action="store_true", dest="as_json", help="a JSON array, not a table")
    add_selection(compare)


def _add_rescore(commands: Any) -> None:
    rescore = command(
        commands,
        "rescore",
        "rescoring.rescore",
        "Compute the metrics of stored codes anew, without training; write them into the records.",
        command="",
    )
    rescore.add_argument("results", type=a_path, help="folder with records and the codes beside them")
    rescore.add_argument(
        "--metric",
        action=Several,
        default=[],
        metavar="NAME",
        help="besides those recorded and the default ones",
    )
    rescore.add_argument(
        "--device", default="cpu", help="where distances are counted: cpu (default), cuda, auto"
    )
    add_plugin(rescore)


def _add_list(commands: Any) -> None:
    list_ = command(commands, "list", "listing.list_", f"List what is available: {', '.join(LISTED)}.")
    list_.add_argument("what", choices=LISTED, metavar="WHAT", help="one of these")
    list_.add_argument("--json", action="store_true", dest="as_json", help="a JSON array, not a table")
    add_plugin(list_)


def _add_info(commands: Any) -> None:
    info = command(
        commands,
        "info",
        "information.info",
        "Explain a name: a method by its card, or any other thing that 'hashbench list' shows.",
    )
    info.add_argument(
        "name",
        metavar="NAME",
        help="of a method, data set, feature, task, protocol, metric, suite or backbone, such as itq, 5k, "
        "map@1000[hits]; or a FILE.py",
    )
    info.add_argument("--results", type=a_path, metavar="DIR", help="set beside published numbers")
    add_plugin(info)


def _add_new(commands: Any) -> None:
    new = commands.add_parser("new", help="Start a method, a data set or a feature of your own.")
    kinds = new.add_subparsers(metavar="KIND", required=True)
    for kind in ("method", "dataset", "feature"):
        text = f"Write NAME.py, a {kind} that works and passes the checks, and its test."
        parser = command(kinds, kind, "checking.new", text, kind=kind)
        parser.add_argument("name", metavar="NAME", help="a lower-case identifier: file stem and row name")
        if kind == "method":
            style = parser.add_mutually_exclusive_group()
            for name, what in (("deep", "labels"), ("semi", "images of which a share is labelled")):
                style.add_argument(
                    f"--{name}",
                    dest="style",
                    action="store_const",
                    const=name,
                    help=f"a loss that trains a network on {what}",
                )


def _add_check(commands: Any) -> None:
    check = command(commands, "check", "checking.check", "Check that a plugin keeps its contract.")
    check.add_argument(
        "name", metavar="NAME", help="a plugin of any kind, or its FILE.py; folder:PATH, ssl=4"
    )
    add_plugin(check)


def _add_eval(commands: Any) -> None:
    eval_ = command(
        commands,
        "eval",
        "results.eval_",
        "Evaluate anybody's codes, exactly: packed (with n_bits), 0/1, -1/+1, bool or real values (sign).",
    )
    for part in ("query", "database"):
        eval_.add_argument(
            f"--{part}",
            type=a_path,
            required=True,
            metavar="FILE.npz",
            help="arrays codes (n, K) and labels, (n,) classes or (n, C) multi-hot",
        )
    eval_.add_argument("--metric", action=Several, metavar="NAME", help="see 'hashbench list metrics'")
    eval_.add_argument(
        "--device", default="cpu", help="where distances are counted: cpu (default), cuda, auto"
    )
    eval_.add_argument(
        "--per-query", type=a_path, metavar="OUT.npz", help="write each metric's value of each query here too"
    )
    eval_.add_argument("--json", action="store_true", dest="as_json", help="one object {metric: value}")
