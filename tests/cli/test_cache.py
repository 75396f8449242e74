"""``hashbench data``, ``data verify`` and ``data prune``: what the cache holds, told, checked and removed."""

import os
import time

import pytest


@pytest.fixture
def cache(call, tmp_path, monkeypatch):
    """A cache of its own with digits, a network and its rows."""
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))
    budget = ("recipe.pretrain_epochs=0", "recipe.epochs=0")
    run = ("run", "-m", "lsh", "--features", "cnn", "-b", 8, "--device", "cpu", "-t", 1, "--set", *budget)
    assert call(*run).code == 0
    return tmp_path / "cache"


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_what_is_kept_is_listed_with_its_size(call, cache):
    called = call("data")
    assert (called.code, called.err) == (0, "")
    for name in ("digits-", ".pt", ".rows.npy"):
        (line,) = (line for line in called.out.splitlines() if name in line)
        assert "last used 0.0 days ago" in line
    for line in ("decoded images: 1, ", "networks: 1, ", "features: 1, ", "unfinished: 0, 0 bytes"):
        assert line in called.out


def test_a_changed_byte_is_found_wherever_it_is(call, cache):
    sound = call("data", "verify")
    assert (sound.code, sound.out.count("ok  "), sound.out.count("\n")) == (0, 3, 3)
    for pattern in ("decoded/*/pixels.npy", "backbones/*.pt", "backbones/*.rows.npy"):
        (path,) = cache.glob(pattern)
        flip(path, path.stat().st_size // 2)
    called = call("data", "verify")
    assert called.code == 1
    assert [line.split()[0] for line in called.out.splitlines()] == ["damaged"] * 3
    assert not list(cache.rglob("*.npy"))
    assert "the cache is empty" in call("data", "verify").out


def test_a_use_is_noted_and_a_check_is_none(call, cache):
    long_ago = time.time() - 50 * 24 * 3600
    kept = [path for path in cache.rglob("*") if path.is_file()]
    for path in kept:
        os.utime(path, (long_ago, long_ago))
    call("data", "verify")
    assert {round(path.stat().st_mtime) for path in kept} == {round(long_ago)}
    call("data", "info", "digits")
    assert "digits" not in call("data", "prune", "--older-than", 10, "--dry-run").out


def test_pruning_shows_what_goes_and_leaves_what_is_in_use(call, cache):
    before = files(cache)
    assert "0 of 3 removed" in call("data", "prune").out
    kept = call("data", "prune", "--keep", 0)
    assert "0 of 3 removed" in kept.out
    assert "--older-than 0" in kept.out
    would = call("data", "prune", "--older-than", 0, "--dry-run")
    assert would.out.count("would remove  ") == 3
    assert files(cache) == before
    done = call("data", "prune", "--older-than", 0)
    assert (done.code, done.out.count("removed  ")) == (0, 3)
    assert files(cache) == set()


def test_the_longest_unused_goes_first(call, cache):
    (rows,), (network,) = cache.glob("backbones/*.rows.npy"), cache.glob("backbones/*.pt")
    for path in cache.glob("backbones/*"):
        age = 9 * 24 * 3600 if ".rows." in path.name else 2 * 24 * 3600
        os.utime(path, (time.time() - age,) * 2)
    total = sum((cache / name).stat().st_size for name in files(cache))
    assert call("data", "prune", "--keep", total).out.startswith("0 of 3 removed")
    called = call("data", "prune", "--keep", f"{total - 1}B")
    assert called.out.count("removed  ") == 1
    assert (rows.exists(), network.exists()) == (False, True)


@pytest.mark.usefixtures("ordinary")
def test_what_cannot_be_removed_is_named(call, cache):
    (cache / "backbones").chmod(0o500)
    called = call("data", "prune", "--older-than", 0)
    (cache / "backbones").chmod(0o700)
    assert called.code == 1
    assert ".pt" in called.err
    assert "1 of 3 removed" in called.out
