"""What may leave the cache, and what is never touched."""

import os
import time
from pathlib import Path

import pytest

from hashbench.execution.cache import Kept, inventory, remove, remove_abandoned, to_remove

HOUR, DAY = 3600, 24 * 3600
NOW = 1e9
HEX = "0123456789abcdef"


@pytest.fixture
def file(own_cache):
    def put(name, age=0.0, n_bytes=10):
        path = own_cache / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(n_bytes))
        os.utime(path, (time.time() - age,) * 2)
        return path

    return put


OURS = {
    f"decoded/digits-{HEX}/meta.json": "decoded images",
    f"backbones/{HEX}.pt": "networks",
    f"backbones/{HEX}.rows.npy": "features",
    f"features/own_2-{HEX}.npy": "features",
    f"backbones/{HEX}.checkpoint": "unfinished",
    f"backbones/.{HEX}.pt.0123abcd.tmp": "unfinished",
    f"backbones/.{HEX}.rows.npy.0123abcd.tmp": "unfinished",
    f"features/.own_2-{HEX}.npy.0123abcd.tmp": "unfinished",
    f"backbones/.{HEX}.lease": "unfinished",
    f"backbones/.{HEX}.rows.lease": "unfinished",
    f"features/.own_2-{HEX}.lease": "unfinished",
    "decoded/.unfinished-abc/pixels.npy": "unfinished",
    "data/.unfinished-abc/x.tar": "unfinished",
}
OTHERS = (
    *("note.txt", "decoded/mine/x.npy", "backbones/mine.pt", "features/mine.npy", "backbones/deeper/a.pt"),
    *("data/MNIST/raw/labels", f"data/{HEX}.pt", f"{HEX}.pt", "backbones/my.tmp"),
)


def test_what_is_ours_is_found_and_nothing_else(file, own_cache):
    for name in (*OURS, *OTHERS):
        file(name)
    found = {kept.path.relative_to(own_cache): kept for kept in inventory()}
    whole = {name: kind for name, kind in OURS.items() if kind != "decoded images"}
    for name, kind in OURS.items():
        kept = [kept for path, kept in found.items() if own_cache / name in kept.files]
        assert [one.kind for one in kept] == [kind]
    assert len(found) == len(whole) + 1
    for kept in found.values():
        remove(kept)
    assert {str(path.relative_to(own_cache)) for path in own_cache.rglob("*") if path.is_file()} == set(
        OTHERS
    )


def test_rows_and_their_times_are_one(file):
    rows, times = file(f"features/own-{HEX}.npy", age=100), file(f"features/own-{HEX}.json", age=900)
    (kept,) = inventory()
    assert (kept.path, set(kept.files), kept.n_bytes) == (rows, {rows, times}, 20)
    assert time.time() - kept.used == pytest.approx(100, abs=30)
    rows.unlink()
    assert [kept.path for kept in inventory()] == [times]


@pytest.mark.parametrize("where", ["decoded", "backbones", f"decoded/digits-{HEX}", f"backbones/{HEX}.pt"])
def test_no_link_is_followed(own_cache, tmp_path, where):
    outside = tmp_path / "outside"
    for name in (f"digits-{HEX}/meta.json", f"{HEX}.pt", "meta.json"):
        (outside / name).parent.mkdir(parents=True, exist_ok=True)
        (outside / name).write_bytes(b"mine")
    link = own_cache / where
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside / f"{HEX}.pt" if link.suffix else outside)
    assert inventory() == []


def kept(name, age, n_bytes=10, kind="networks"):
    return Kept(kind, Path(name), (Path(name),), n_bytes, NOW - age)


CACHE = [
    kept("new", 60),
    kept("day", DAY),
    kept("month", 40 * DAY),
    kept("a.tmp", 2 * HOUR, kind="unfinished"),
    kept("b.tmp", 60, kind="unfinished"),
    kept("a.checkpoint", 20 * DAY, kind="unfinished"),
    kept("b.checkpoint", 31 * DAY, kind="unfinished"),
]
LEFT = {"a.tmp", "b.checkpoint"}


@pytest.mark.parametrize(
    ("older_than", "keep", "names"),
    [
        (None, None, LEFT),
        (30, None, LEFT | {"month"}),
        (10, None, LEFT | {"month", "a.checkpoint"}),
        (0.001, None, LEFT | {"month", "a.checkpoint", "day"}),  # 86 s: what is of this hour stays
        (0, None, {kept.path.name for kept in CACHE}),
        (None, 50, LEFT),
        (None, 49, LEFT | {"month"}),
        (None, 40, LEFT | {"month"}),
        (None, 25, LEFT | {"month", "a.checkpoint", "day"}),
        (None, 0, LEFT | {"month", "a.checkpoint", "day"}),
        (0, 0, {kept.path.name for kept in CACHE}),
        (30, 30, LEFT | {"month", "a.checkpoint"}),
    ],
)
def test_what_goes_by_age_and_by_size(older_than, keep, names):
    going = to_remove(CACHE, NOW, older_than, keep)
    assert {kept.path.name for kept in going} == names
    assert len(going) == len(names)


def test_a_file_from_the_future_stays():
    assert to_remove([kept("new", -DAY)], NOW, None, 0) == []


def test_what_killed_processes_left_does_not_stay_for_ever(file, own_cache):
    tmp, lease = f"backbones/.{HEX}.pt.0123abcd.tmp", f"features/.own-{HEX}.lease"
    ages = {
        tmp: 2 * HOUR,
        tmp.replace("0123", "4567"): 60,
        lease: 2 * HOUR,
        lease.replace("own", "other"): 60,
        f"backbones/{HEX}.checkpoint": 31 * DAY,
        f"backbones/{HEX[::-1]}.checkpoint": 20 * DAY,
        f"backbones/{HEX}.pt": 99 * DAY,
        f"decoded/digits-{HEX}/meta.json": 99 * DAY,
        "backbones/a.tmp": 99 * DAY,  # of somebody else
    }
    for name, age in ages.items():
        file(name, age=age)
    remove_abandoned()
    left = {str(path.relative_to(own_cache)) for path in own_cache.rglob("*") if path.is_file()}
    assert set(ages) - left == {tmp, lease, f"backbones/{HEX}.checkpoint"}
