"""The grammar of ``hashbench data`` and ``hashbench verify``: what is kept, and whether it is sound."""

from __future__ import annotations

import argparse
import math
import re
from typing import Any

from hashbench.cli.arguments import Several, a_count, a_path, add_data_dir, add_plugin, command
from hashbench.system.verdicts import SAMPLE, TOLERANCE

UNITS = {unit: 1000**power for power, unit in enumerate(("", "k", "m", "g", "t"))}


def add_data(commands: Any) -> None:
    """``hashbench data`` and its actions; without one it lists what is kept."""
    text = "Fetch, import, verify, describe data sets; list, verify, prune the cache."
    data = commands.add_parser("data", help=text, description=f"{text} Without ACTION: list it with sizes.")
    data.set_defaults(call="caching.sizes")
    actions = data.add_subparsers(metavar="ACTION")
    for name, text, count in (
        ("get", "Download data sets, checksums verified.", "+"),
        (
            "verify",
            "Check all bytes of the files of data sets; without NAME, of everything in the cache.",
            "*",
        ),
        ("info", "Describe data sets and their split under each protocol.", "+"),
    ):
        action = command(actions, name, f"data.{name}", text)
        action.add_argument("names", nargs=count, metavar="NAME", help="digits, mnist, cifar10, folder:PATH")
        add_data_dir(action)
        add_plugin(action)
    import_ = command(
        actions, "import", "data.import_", "Copy a data set's files from a folder, checksums verified."
    )
    import_.add_argument("name", metavar="NAME", help="mnist, cifar10")
    import_.add_argument("folder", type=a_path, help="torchvision's layout, the files, or their archive")
    add_data_dir(import_)
    add_plugin(import_)
    prune = command(
        actions,
        "prune",
        "caching.prune",
        "Remove from the cache what killed commands left, and what the options name. What goes can be made "
        "again; source files of data sets stay, and so does what was used in the last hour.",
    )
    prune.add_argument(
        "--older-than",
        type=_number,
        metavar="DAYS",
        help="what was not used for so long; 0: everything, also what was used just now",
    )
    prune.add_argument(
        "--keep",
        type=_size,
        metavar="SIZE",
        help="such as 20G: the longest unused goes first",
    )
    prune.add_argument("--dry-run", action="store_true", help="show what would go, and remove nothing")


def add_verify(commands: Any) -> None:
    """``hashbench verify``."""
    verify = command(
        commands,
        "verify",
        "verifying.verify",
        "Compute some cells anew, as their records say, and compare codes and metrics; the records stay.",
    )
    verify.add_argument("results", type=a_path, help="folder with records, and the codes beside them")
    verify.add_argument(
        "--sample", type=a_count, default=SAMPLE, metavar="N", help=f"how many cells; default {SAMPLE}"
    )
    verify.add_argument("--seed", type=_seed, default=0, metavar="S", help="which cells; default 0")
    for plural, letter in (("methods", "m"), ("datasets", "d")):
        names = f"--{plural}", f"--{plural[:-1]}", f"-{letter}"
        verify.add_argument(*names, action=Several, default=[], metavar="NAME", help="default: all")
    verify.add_argument(
        "--features",
        action=Several,
        default=[],
        metavar="LABEL=FILE.npy",
        help="the files of features that the records name by a label of yours",
    )
    verify.add_argument(
        "--tolerance",
        type=_number,
        default=TOLERANCE,
        metavar="X",
        help="how far values may differ on other hardware or with other versions, relative above 1; "
        f"default {TOLERANCE}",
    )
    verify.add_argument(
        "--device", help="compute here (cpu, cuda, auto), whatever the records say; default: as recorded"
    )
    verify.add_argument(
        "--cached",
        action="store_true",
        help="use networks and features of the cache; default: these are computed anew too",
    )
    add_data_dir(verify)
    add_plugin(verify)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"must be a number from 0 on, not '{text[:40]}'")
    return value


def _seed(text: str) -> int:
    if not re.fullmatch("[0-9]{1,18}", text):
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 on, not '{text[:40]}'")
    return int(text)


def _size(text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,15})?) ?([kmgt]?)b?", text.lower())
    if not found:
        raise argparse.ArgumentTypeError(f"must be a size such as 20G or 500M, not '{text[:40]}'")
    return int(float(found[1]) * UNITS[found[2]])
