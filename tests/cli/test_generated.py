"""Wrong calls made by a small grammar: each ends with its exit code and one line, and changes nothing."""

import itertools
import json
import os
import random
from dataclasses import dataclass

import numpy as np
import pytest

LONG = "x" * 300
NAMES = (
    "",
    "itqq",
    LONG,
    "a\x1b[2Jb",
    "a\nb",
    "\udcff\udcfe",
    "../..",
    "0",
    "NaN",
    "a b",
    "é",
    "=",
    ":",
    "x/y",
)
NEW_NAMES = ("all", "recipe", "class", *(name for name in NAMES if name != "itqq"))
PATHS = ("", LONG, "absent", "pipe", "round", "dangling", "absent/deeper", "text.txt", "\udcff", "a\x1b[2J")
COUNTS = ("0", "-1", "1.5", "nan", "1e9", "9" * 5000, "", "0x10", "twelve", "\x1b")
DEVICES = ("gpu", "meta", "privateuseone", "", "cuda:99", "cpu:x", "\udcff", LONG)
METRICS = (
    "mapp",
    "",
    "map@",
    "map@0[hits]",
    "precision@-1",
    "recall@" + "9" * 400,
    "\x1b[2J",
    "map@5[x]",
    LONG,
)
SETTINGS = (
    *("lsh", "=", "lsh.=1", "nosuch.a=1", ".=.", "lsh.n_bits=4", "lsh.a=" + "[" * 10_000, "", "\x1b=1"),
    *(f"recipe.{text}" for text in ("lr=nan", "lr=inf", "lr=1e999", "epochs=-1", "lr=", "batch_size=1.5")),
    *(f"recipe.{text}" for text in ("backbone=x", "clip=nan", "epochs=" + "9" * 5000, "crop=[]", "x=1")),
)
FEATURES = (
    "gist",
    "a=absent.npy",
    "=",
    "a=",
    "cnn=x",
    "a=query.npz",
    "a b=query.npz",
    "a=pipe",
    "a=round",
    LONG,
)
DATASETS = (
    *("minst", "digits:x", ":", "", "mnist", LONG, "\x1b"),
    *(f"folder:{path}" for path in ("", "absent", "~nosuchuser/x", LONG, "pipe", "round", "pictures", "one")),
    *("folder:one,size=1", "folder:pictures,x=1"),
)
SUITES = (
    "papper",
    *(f"{name}.toml" for name in ("absent", "binary", "deep", "many", "pipe", "folder", "nan")),
)
PLUGINS = (
    *(
        "absent.py",
        "folder.py",
        "round.py",
        "pipe.py",
        "all.py",
        "1a.py",
        "text.txt",
        "",
        f"{LONG}.py",
        "\udcff.py",
    ),
)
CODES = ("absent.npz", "text.txt", "folder.py", "pipe", "round", "zero.npz", "floats.npz", "", LONG, "\udcff")
WRITTEN = ("text.txt", "query.npz", "pipe", "round", "dangling", "folder.py", "", f"{LONG}.npz", "/dev/null")
UNKNOWN = ("--nosuch", "-Z", "--meth", "---", "--\x1b[2J")
SELECTION = {
    "-m": NAMES,
    "-d": NAMES,
    "-p": NAMES,
    "--features": NAMES,
    "-b": COUNTS,
    "--digest": ("zz", "\x1b"),
}


@dataclass(frozen=True)
class Command:
    """right: arguments of a call that is right. wrong: values of its options that no call may have.

    places: for the argument at a place in ``right``, the values that it may not have.
    """

    right: tuple[str, ...]
    wrong: dict[str, tuple[str, ...]]
    places: dict[int, tuple[str, ...]]


RUN = ("run", "-m", "lsh", "--features", "pixels", "-b", "8", "--device", "cpu", "--dry-run")
GRAMMAR = (
    Command(
        RUN,
        {
            "-m": NAMES,
            "-d": DATASETS,
            "-p": NAMES,
            "--features": FEATURES,
            "--pretraining": NAMES,
            "-b": COUNTS,
            "-r": COUNTS,
            "--set": SETTINGS,
            "--device": DEVICES,
            "-j": COUNTS,
            "-t": COUNTS,
            "--suite": SUITES,
            "--plugin": PLUGINS,
            "--out": ("", LONG),
            "--data-dir": ("", "~nosuchuser/x"),
        },
        {2: NAMES, 4: FEATURES, 6: COUNTS, 8: DEVICES},
    ),
    Command(
        ("table", "results"),
        {"--metric": METRICS, "--format": NAMES, "--suite": SUITES, "--plugin": PLUGINS, **SELECTION},
        {1: PATHS},
    ),
    Command(
        ("compare", "lsh", "itq", "results"),
        {"--metric": METRICS, "--plugin": PLUGINS, **SELECTION},
        {1: NAMES, 2: NAMES, 3: PATHS},
    ),
    Command(
        ("rescore", "results"),
        {"--metric": METRICS, "--device": DEVICES, "--plugin": PLUGINS},
        {1: PATHS},
    ),
    Command(
        ("verify", "results", "--sample", "1"),
        {
            "--sample": COUNTS,
            "--seed": tuple(text for text in COUNTS if text != "0"),
            "--tolerance": ("nan", "inf", "-1", "", "x"),
            "--device": DEVICES,
            "-m": NAMES,
            "-d": NAMES,
            "--plugin": PLUGINS,
            "--data-dir": ("", "~nosuchuser/x"),
        },
        {1: PATHS, 3: COUNTS},
    ),
    Command(
        ("data", "prune", "--dry-run"),
        {
            "--older-than": ("nan", "inf", "-1", "", "x", "9" * 5000),
            "--keep": ("nan", "-1", "", "G", "5X", "1e9", "9" * 5000, "\x1b"),
        },
        {},
    ),
    Command(("list", "methods"), {"--plugin": PLUGINS}, {1: NAMES}),
    Command(("info", "lsh"), {"--plugin": PLUGINS}, {1: NAMES}),
    Command(("check", "lsh"), {"--plugin": PLUGINS}, {1: NAMES}),
    *(
        Command(
            ("data", action, "digits"),
            {"--plugin": PLUGINS, "--data-dir": ("", "~nosuchuser/x")},
            {2: places},
        )
        for action, places in (("info", DATASETS), ("verify", DATASETS), ("get", NAMES))
    ),
    Command(("data", "import", "mnist", "pictures"), {"--plugin": PLUGINS}, {2: NAMES, 3: PATHS}),
    *(
        Command(("new", kind, "mine"), {}, {1: NAMES, 2: NEW_NAMES})
        for kind in ("method", "dataset", "feature")
    ),
    Command(
        ("eval", "--query", "query.npz", "--database", "query.npz"),
        {"--metric": METRICS, "--device": DEVICES, "--per-query": WRITTEN},
        {2: CODES, 4: CODES},
    ),
)


def wrong_call(draw: random.Random) -> list[str]:
    """A call with one to three faults, its other options right."""
    command = draw.choice(GRAMMAR)
    arguments, places = list(command.right), dict(command.places)
    added: list[list[str]] = []
    for _ in range(draw.randint(1, 3)):
        kind = draw.random()
        if kind < 0.07:
            added.append([draw.choice(UNKNOWN)])
        elif places and (kind < 0.4 or not command.wrong):
            place = draw.choice(sorted(places))
            arguments[place] = draw.choice(places.pop(place))
        elif command.wrong:
            option = draw.choice(sorted(command.wrong))
            added.append([option, draw.choice(command.wrong[option])])
    draw.shuffle(added)
    return [*arguments, *itertools.chain(*added)]


@pytest.fixture
def surroundings(small, tmp_path):
    """Files of every kind, all of which a call may name."""
    for name in ("pipe", "pipe.py", "pipe.toml"):
        os.mkfifo(name)
    for name in ("folder.py", "folder.toml", "pictures/a/x.png", "pictures/b", "one/a"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("round", "round.py"):
        (tmp_path / name).symlink_to(name)
    for name in ("dangling", "pictures/b/x.png"):
        (tmp_path / name).symlink_to("absent")
    texts = {
        "text.txt": "text",
        "all.py": "",
        "1a.py": "",
        "zero.npz": "",
        "many.toml": f"repetitions = {10**18}",
    }
    texts |= {"deep.toml": "bits = " + "[" * 10_000, "nan.toml": "methods = ['dpsh']\nset.dpsh.eta = nan"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "binary.toml").write_bytes(bytes(range(256)))
    np.savez("query.npz", codes=np.eye(8, dtype=np.uint8), labels=np.arange(8) % 2)
    np.savez("floats.npz", codes=np.full((8, 8), np.nan), labels=np.arange(8) % 2)
    small("lsh", "itq", more=["--out", "results"])


def state(folder):
    """What must not change: names, kinds, sizes and times of all files."""
    found = {path: path.lstat() for path in folder.rglob("*")}
    return {path: (s.st_mode, s.st_size, s.st_mtime_ns, s.st_ino) for path, s in found.items()}


def faults(call, folder, seeds):
    """What is wrong with the answers to wrong calls: (call, answer)."""
    before = state(folder)
    found = []
    for seed in seeds:
        arguments = wrong_call(random.Random(seed))
        try:
            called = call(*arguments)
            answer = called.code, called.out[:200], called.err[:500]
            one_line = called.err.startswith("error: ") and called.err.count("\n") == 1 and called.out == ""
            told = one_line if called.code in {2, 3} else called.code == 1 and "failed" in called.out
            is_right = told and not any(ord(c) < 32 and c != "\n" for c in called.out + called.err)
        except Exception as error:  # a traceback, were it not caught here
            answer, is_right = error, False
        if not is_right:
            found.append((json.dumps([a[:60] for a in arguments]), answer))
    changed = {path for path, _ in state(folder).items() ^ before.items()}
    return found + [(str(path), "changed") for path in sorted(changed)]


def test_300_wrong_calls(call, surroundings, tmp_path):
    assert faults(call, tmp_path, range(300)) == []


@pytest.mark.long
@pytest.mark.parametrize("part", range(10))
def test_thousands_of_wrong_calls(call, surroundings, tmp_path, part):
    assert faults(call, tmp_path, range(1000 + 500 * part, 1500 + 500 * part)) == []
