"""Write the page of speeds from what the benchmarks measured.

    pytest benchmarks/test_evaluation_speed.py --benchmark-json=speed.json
    python docs/speed.py speed.json > docs/speed.md

Every time is the fastest of its rounds, which a busy machine moves least.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

OURS, ALL, BARE = "ours: mAP and both bounds", "ours: all default metrics, curves", "bare: XOR and popcount"
ARGSORT = "numpy argsort for each query, {} labels"
MAIN = "10,000 x 50,000"

INTRODUCTION = """# How fast evaluation is

Written by `docs/speed.py` from one run of `benchmarks/test_evaluation_speed.py`; do not edit.

{machine}

Uniform codes are random: from 24 bits on no two are equal. Clustered codes are random hyperplanes through a
Gaussian cluster for each class, as unsupervised methods give; collapsed codes are a codeword for each class
with a bit flipped here and there, as supervised methods give. 10 classes; sizes are queries x database.
Ours is exact over ties and multi-threaded; "bare" is XOR and popcount of all pairs by as many threads, which
no comparison of all pairs can do without, and which ours undercuts where codes repeat. The argsort is what
public hashing code does: for each query two matrix products, a sort and a mean, ties as they fall. One-hot
labels are int8 in the code that most others took theirs from (DeepHash-pytorch's CIFAR-10), float32 in some;
a product of int8 matrices has no fast routine in numpy. faiss only searches.

{parts}
"""


@dataclass(frozen=True)
class Timing:
    """Seconds of one thing on some codes."""

    what: str
    codes: str
    size: str
    seconds: float


def page(report: dict[str, Any]) -> str:
    """The page, in Markdown, of what ``--benchmark-json`` holds."""
    facts = [
        benchmark["extra_info"] | {"min": benchmark["stats"]["min"]} for benchmark in report["benchmarks"]
    ]
    timings = [
        Timing(fact["what"], fact["codes"], fact["size"], fact["min"] * fact["part"])
        for fact in facts
        if "codes" in fact
    ]
    parts = {fact["what"]: fact["part"] for fact in facts if fact.get("part", 1) > 1}
    scaled = "; ".join(f"{what}, one query in {part}" for what, part in parts.items())
    text = INTRODUCTION.format(
        machine=machine(report, facts),
        parts=f"Timed on a part of the queries and scaled: {scaled}.",
    )
    alike = [timing for timing in timings if timing.size == MAIN and " labels" not in timing.codes]
    blocks = [
        "## What is promised",
        promises(timings, facts),
        f"## {MAIN}: seconds",
        grid(alike),
        "## Times as long as ours (mAP and both bounds)",
        grid(alike, OURS),
        "## Times as long as the bare work",
        grid(alike, BARE),
        "## Other problems",
        others([timing for timing in timings if timing not in alike], timings),
        "## Memory",
        memory(facts),
    ]
    return "\n\n".join([text.rstrip(), *blocks]) + "\n"


def machine(report: dict[str, Any], facts: list[dict[str, Any]]) -> str:
    """Where and when it was measured, with what, and whether others were at work."""
    info, commit = report["machine_info"], report["commit_info"]
    cores, load = info["cores"], info["load"]
    versions = ", ".join(f"{name} {version}" for name, version in info["versions"].items())
    busy = "a shared machine: times are upper bounds, ratios rough; measure again"
    state = "otherwise idle" if load < 0.25 * cores else busy
    gpu = ", ".join({fact["gpu"]: None for fact in facts if "gpu" in fact}) or "no GPU: its row is missing"
    processor = info["cpu"].get("brand_raw") or info["machine"]
    changes = " and uncommitted changes" if commit["dirty"] else ""
    lines = [
        f"{processor}, {cores} cores, {info['openmp_threads']} OpenMP threads; {gpu}.",
        f"Load average before the run: {load:.2f} ({state}).",
        f"Python {info['python_version']}, {versions}.",
        f"{report['datetime'][:10]}, commit {commit['id'][:10]}{changes}.",
    ]
    return "\n".join(lines)


def grid(timings: list[Timing], unit: str | None = None) -> str:
    """A row for each thing, a column for each kind of codes: seconds, or seconds over those of ``unit``."""
    codes = list(dict.fromkeys(timing.codes for timing in timings))
    seconds = {(timing.what, timing.codes): timing.seconds for timing in timings}

    def cell(what: str, kind: str) -> str:
        value, one = seconds.get((what, kind)), 1.0 if unit is None else seconds.get((unit, kind))
        return "" if value is None or one is None else number(value / one)

    rows = [[what, *(cell(what, kind) for kind in codes)] for what in dict.fromkeys(t.what for t in timings)]
    return table(["", *codes], rows)


def others(chosen: list[Timing], timings: list[Timing]) -> str:
    """A row for each problem of another size or kind, with its ratios where they were measured."""

    def ratio(timing: Timing, unit: str) -> str:
        same = [t for t in timings if (t.what, t.codes, t.size) == (unit, timing.codes, timing.size)]
        return number(timing.seconds / same[0].seconds) if same else ""

    rows = [[t.what, t.codes, t.size, number(t.seconds), ratio(t, OURS), ratio(t, BARE)] for t in chosen]
    return table(["", "codes", "size", "seconds", "times ours", "times bare"], rows)


def memory(facts: list[dict[str, Any]]) -> str:
    """Peak memory, and the least that memory traffic alone could cost."""
    lines = []
    for fact in facts:
        if "mib" in fact:
            mib, size = fact["mib"], fact["size"]
            lines.append(f"- Peak over the inputs and libraries, all default metrics, {size}: {mib:.0f} MiB.")
        elif "bytes" in fact:
            rate = fact["bytes"] / fact["min"]
            lines.append(
                f"- Memory is copied at {rate / 1e9:.1f} GB/s, read and written. Of {MAIN} codes of 64 bits, "
                f"reading each once takes {number(60_000 * 8 / rate)} s; writing the matrix of distances, a "
                f"byte each, and reading it takes {number(2 * 500e6 / rate)} s: ours has no such matrix."
            )
    return "\n".join(lines)


def promises(timings: list[Timing], facts: list[dict[str, Any]]) -> str:
    """What is promised, beside the worst that was measured."""
    seconds = {(t.what, t.codes, t.size): t.seconds for t in timings}

    def worst(what: str, kinds: tuple[str, ...] = ("",), size: str = MAIN) -> float:
        chosen = [
            t.seconds for t in timings if t.what == what and t.size == size and t.codes.startswith(kinds)
        ]
        return max(chosen)

    def least_ratio(what: str) -> float:
        return min(t.seconds / seconds[OURS, t.codes, t.size] for t in timings if t.what == what)

    peak = max(fact["mib"] for fact in facts if "mib" in fact)
    one, ten = (seconds[OURS, "uniform 64", size] for size in ("1,000 x 1,000,000", "1,000 x 10,000,000"))
    rows = [
        ("mAP and both bounds, uniform and clustered codes", worst(OURS, ("uniform", "clustered")), 0.3, "s"),
        ("mAP and both bounds, collapsed codes", worst(OURS, ("collapsed",)), 0.1, "s"),
        ("every default metric and the curves", worst(ALL), 1.2, "s"),
        ("mAP and both bounds, 1,000 x 1,000,000, 64 bits", one, 1.0, "s"),
        ("memory over the inputs", peak, 512, "MiB"),
        (
            "mAP and both bounds, 1,000 x 10,000,000 over that",
            ten / one,
            12,
            "times",
        ),
    ]
    cells = [
        [what, f"at most {limit:g} {unit}", f"{number(value)} {unit}", "yes" if value <= limit else "**no**"]
        for what, value, limit, unit in rows
    ]
    for what in (ARGSORT.format("int8"), ARGSORT.format("float32")):
        least = least_ratio(what)
        kept = "yes" if least >= 100 else "**no**"
        cells.append([f"{what}, over ours", "at least 100 times", f"{number(least)} times", kept])
    return table(["", "promised", "worst measured", "kept"], cells)


def table(head: list[str], rows: list[list[str]]) -> str:
    """Markdown, the first column to the left and the others to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, rule, *rows])


def number(value: float) -> str:
    """Three digits that count, never an exponent."""
    return np.format_float_positional(value, precision=3, fractional=False, trim="-")


def main() -> None:
    """Print the page of a report."""
    if len(sys.argv) != 2:
        sys.exit("usage: python docs/speed.py REPORT.json > docs/speed.md")
    report = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.stdout.write(page(report))


if __name__ == "__main__":
    main()
