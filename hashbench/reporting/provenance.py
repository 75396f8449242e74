"""How records were made: machines, and what should be the same in the whole table but is not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from hashbench.records import Record


def environment(done: Sequence[Record]) -> str:
    """Devices, processors, versions; threads where they are not the same throughout."""
    environments = [record.environment for record in done]
    machines = sorted({f"{e.device} ({e.cpu}, {e.precision})" for e in environments})
    threads = sorted({e.threads for e in environments})
    with_threads = f", with {' or '.join(map(str, threads))} threads" if len(threads) > 1 else ""
    versions = []
    for name in ("hashbench", "python", "torch", "numpy"):
        found = sorted({e.versions[name] for e in environments if name in e.versions})
        if found:
            versions.append(f"{name} {'/'.join(found)}")
    return f"Run on {' and on '.join(machines)}{with_threads}; {', '.join(versions)}."


def mixtures(done: Sequence[Record]) -> list[str]:
    """Backbones, features and shared code that differ between records, and what was evaluated again."""
    lines = []
    trained: dict[tuple[Any, ...], set[str]] = {}
    for record in done:
        if record.digests.backbone:
            # A feature has a seed of its own: networks of ``cnn`` and ``ssl`` are not meant to be the same.
            argument = (record.cell.features or "").partition("=")[2]
            place = record.cell.backbone, record.cell.repetition, record.seeds.get("backbone"), argument
            trained.setdefault(place, set()).add(record.digests.backbone)
    mixed = sorted({str(backbone) for (backbone, *_), digests in trained.items() if len(digests) > 1})
    if mixed:
        lines.append(
            f"The rows do not all stand on the same trained {', '.join(mixed)}: device, torch or training "
            "code changed in between."
        )
    return [*lines, *_features(done), *_rooms(done), *_rescored(done)]


def without_folders(text: str) -> str:
    """A command or message with each absolute path cut to its last name: ``--out runs``, ``clip=x.npy``."""
    path = r"""(?<![\w.~/])~?/(?!/)[^\s'":;,)]+"""
    return re.sub(path, lambda match: match[0].rstrip("/").rpartition("/")[2], text)


def _features(done: Sequence[Record]) -> list[str]:
    """A user's own features with one name but several files."""
    files: dict[str, set[str]] = {}
    for record in done:
        if record.cell.features and record.digests.features:
            files.setdefault(record.cell.features, set()).add(record.digests.features)
    mixed = sorted(name for name, digests in files.items() if len(digests) > 1)
    return [f"Not all rows on {name} read the same file." for name in mixed]


def _rooms(done: Sequence[Record]) -> list[str]:
    """Shared code whose results changed between some records and others."""
    numbers: dict[str, set[int]] = {}
    for record in done:
        for room, number in record.rooms.items():
            numbers.setdefault(room, set()).add(number)
    mixed = sorted(room for room, found in numbers.items() if len(found) > 1)
    lines = []
    if "evaluation" in mixed:
        vectors = sorted({r.cell.method for r in done if r.card and r.card.output == "vectors"})
        lacking = f", but for {', '.join(vectors)}, which must be run again" if vectors else ""
        lines.append(
            f"The records were not all evaluated by the same code; hashbench rescore does that{lacking}."
        )
    others = [room for room in mixed if room != "evaluation"]
    if others:
        lines.append(f"Shared code has changed between records: {', '.join(others)}; run the older again.")
    return lines


def _rescored(done: Sequence[Record]) -> list[str]:
    anew = [record.rescored for record in done if record.rescored]
    if not anew:
        return []
    days = sorted({f"{rescoring.created:%Y-%m-%d}" for rescoring in anew})
    versions = sorted({rescoring.environment.versions["hashbench"] for rescoring in anew})
    return [
        f"{len(anew)} of {len(done)} records evaluated anew, without training, by hashbench "
        f"{'/'.join(versions)} on {', '.join(days)}."
    ]
