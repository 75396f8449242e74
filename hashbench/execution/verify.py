"""Computes recorded cells anew and compares: whether a record is what its cell gives."""

from __future__ import annotations

import os
import random
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
import torch

from hashbench.errors import HashbenchError, InvalidInputError
from hashbench.evaluation import load_codes
from hashbench.execution.cell import run_cell
from hashbench.execution.context import forget_networks
from hashbench.execution.environment import describe_environment
from hashbench.execution.grid import expand
from hashbench.execution.place import Place
from hashbench.execution.plan import why_stale
from hashbench.execution.suite import make_suite
from hashbench.execution.work import Work
from hashbench.identity.rooms import ROOMS
from hashbench.images.store import cache_root
from hashbench.plugins.registry import find_protocol
from hashbench.records import Environment, Record
from hashbench.system.text import text_of

Outcome = Literal["same", "differs", "stale", "cannot be computed"]


@dataclass(frozen=True)
class Verdict:
    """What came of one cell. exact: compared bit for bit, else within the tolerance. detail: in words."""

    path: Path
    record: Record
    outcome: Outcome
    exact: bool
    detail: str


def sample(files: Mapping[Path, Record], n: int, seed: int) -> dict[Path, Record]:
    """At most ``n`` of the records that are done, drawn by the seed, by path."""
    done = sorted(path for path, record in files.items() if record.status == "done")
    if not done:
        raise InvalidInputError(f"none of {len(files)} records is of a cell that is done; run them first")
    return {path: files[path] for path in sorted(random.Random(seed).sample(done, min(n, len(done))))}


def verify_records(
    files: Mapping[Path, Record],
    data: Path,
    *,
    tolerance: float,
    device: str | None = None,
    features: Sequence[str] = (),
    plugins: tuple[Path, ...] = (),
    cached: bool = False,
) -> Generator[Verdict]:
    """Compute the cells of these records anew, in a temporary folder; a verdict each, as they come.

    device: where to compute, whatever the record says; None: where it was computed. features:
    "LABEL=FILE.npy" of the labels that the records name. cached: use the networks and features of the cache;
    else they are computed anew too, once for all cells. tolerance: how far a value may be off on other
    hardware, relative to the larger of 1 and the recorded value.
    """
    with TemporaryDirectory(prefix="hashbench-verify-") as folder, _own_cache(Path(folder), cached):
        for path, record in files.items():
            on = device or ("cpu" if record.environment.device == "cpu" else "cuda")
            threads = record.environment.threads
            place = Place(Path(folder) / "out", data, on, threads, plugins, "hashbench verify")
            try:
                outcome, exact, detail = _verdict(path, record, place, device, features, tolerance)
            except (HashbenchError, OSError, MemoryError) as error:
                outcome, exact, detail = "cannot be computed", False, " ".join(text_of(error).split())
            yield Verdict(path, record, outcome, exact, detail)


def _verdict(
    path: Path,
    record: Record,
    place: Place,
    device: str | None,
    features: Sequence[str],
    tolerance: float,
) -> tuple[Outcome, bool, str]:
    if device is None and place.device == "cuda" and not torch.cuda.is_available():
        of = f"it was computed on {record.environment.device}, which is not here"
        return "cannot be computed", False, f"{of}; --device cpu compares within the tolerance"
    work = _work_of(record, features)
    if work is None:
        return "stale", False, "its protocol, recipe or defaults changed: it is of another cell now"
    reason = why_stale(record, work, place)
    if reason is None and record.rooms.get("evaluation") != ROOMS["evaluation"]:
        reason = "whose evaluation changed"
    if reason is not None:
        return "stale", False, f"a record {reason} since"
    other = _other(record.environment, describe_environment(place.enter(work.setting)))
    anew = run_cell(work, place)
    if anew.error is not None:
        message = " ".join(f"{anew.error.type}: {anew.error.message}".split())
        return "differs", not other, f"it fails now: {message}"
    if other:
        return _close(record, anew, other, tolerance)
    return _equal(path, record, place.record(work), anew)


def _work_of(record: Record, features: Sequence[str]) -> Work | None:
    """The cell of a record as a run would compute it; None where no run has this cell any more."""
    cell = record.cell
    protocol = find_protocol(cell.protocol)
    recipe = vars(protocol.recipe)
    changed = {k: v for k, v in (record.recipe or {}).items() if k in recipe and recipe[k] != v}
    labelled = {text.partition("=")[0]: text for text in features}
    content = {
        "variants": [{"label": "recorded", "method": cell.method, "params": cell.params}],
        "datasets": [cell.dataset],
        "protocols": [cell.protocol],
        "repetitions": cell.repetition + 1,
        "set": {f"recipe.{name}": value for name, value in changed.items()},
    }
    if cell.features is not None:
        content["features"] = [labelled.get(cell.features, cell.features)]
    if cell.bits is not None:
        content["bits"] = [cell.bits]
    works = expand(make_suite(content, "the record")).works
    found = [work for work in works if work.cell == cell]
    digests = (record.digests.task, record.digests.recipe)
    found = [w for w in found if (w.setting.protocol.task_digest, w.recipe_digest) == digests]
    return found[0] if found else None


def _other(before: Environment, now: Environment) -> str:
    """How this machine differs from the record's in what decides the last bits; "" where it does not."""
    for name in ("device", "cpu", "precision", "threads"):
        if getattr(before, name) != getattr(now, name):
            return f"{name} {getattr(now, name)}, recorded {getattr(before, name)}"
    for name, version in before.versions.items():
        if now.versions.get(name) != version:
            return f"{name} {now.versions.get(name)}, recorded {version}"
    return ""


def _equal(path: Path, record: Record, own: Path, anew: Record) -> tuple[Outcome, bool, str]:
    """Bit for bit: codes where they are stored beside the record, and every value."""
    faults, parts = [], 0
    for part in record.stored:
        stored = path.with_suffix(f".{part}.npz")
        if not stored.is_file():
            continue
        before, now = load_codes(stored)[0], load_codes(own.with_suffix(f".{part}.npz"))[0]
        if before.packed.shape != now.packed.shape:
            faults.append(f"{len(now)} codes of {part}, stored {len(before)}")
        elif not np.array_equal(before.packed, now.packed):
            n = int((before.packed != now.packed).any(axis=1).sum())
            faults.append(f"{n:,} of {len(now):,} codes of {part}")
        parts += 1
    values = _pairs(record, anew)
    faults += [f"{name} {before!r}, now {now!r}" for name, before, now in values if before != now]
    if faults:
        return "differs", True, "; ".join(faults[:4] + [f"{len(faults) - 4} more"] * (len(faults) > 4))
    codes = f"{parts} parts of codes bit for bit" if parts else "no codes are stored beside it"
    return "same", True, f"{codes}, {len(values)} values exactly"


def _close(record: Record, anew: Record, other: str, tolerance: float) -> tuple[Outcome, bool, str]:
    """Within the tolerance, as another machine gives other last digits."""
    values = _pairs(record, anew)
    off = [
        (np.inf if before is None or now is None else abs(now - before) / max(1.0, abs(before)), name)
        for name, before, now in values
    ]
    worst, name = max(off)
    how = f"tolerance {tolerance}, not bits, as {other}: {len(values)} values, {name} is off by {worst:.2g}"
    return ("same" if worst <= tolerance else "differs"), False, how


def _pairs(record: Record, anew: Record) -> list[tuple[str, float | None, float | None]]:
    """(name, recorded value, value now) of metrics and health; metrics that rescoring added are left out."""
    before, now = record.metrics | record.health, anew.metrics | anew.health
    names = now if record.rescored is not None else before | now
    return [(name, before.get(name), now.get(name)) for name in names]


@contextmanager
def _own_cache(folder: Path, cached: bool) -> Iterator[None]:
    """A cache without networks and features in the block, but with the decoded images of the usual one."""
    if cached:
        yield
        return
    decoded = cache_root() / "decoded"
    decoded.mkdir(parents=True, exist_ok=True)
    (folder / "cache").mkdir()
    (folder / "cache" / "decoded").symlink_to(decoded.absolute(), target_is_directory=True)
    before = os.environ.get("HASHBENCH_CACHE")
    os.environ["HASHBENCH_CACHE"] = str(folder / "cache")
    forget_networks()
    try:
        yield
    finally:
        forget_networks()
        if before is None:
            del os.environ["HASHBENCH_CACHE"]
        else:
            os.environ["HASHBENCH_CACHE"] = before
