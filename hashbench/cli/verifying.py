"""``hashbench verify``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any


def verify(
    *,
    results: Path,
    sample: int,
    seed: int,
    methods: list[str],
    datasets: list[str],
    data_dir: Path | None,
    plugins: list[Path],
    **options: Any,
) -> int:
    """Compute some cells anew and compare; exit code 1 where one differs, or none could be compared."""
    from contextlib import closing

    from hashbench.cli.reading import read_results
    from hashbench.execution.verify import sample as drawn
    from hashbench.execution.verify import verify_records
    from hashbench.images.store import data_root
    from hashbench.live import name_of
    from hashbench.plugins.registry import register_file
    from hashbench.reporting import only
    from hashbench.system.device import resolve_device
    from hashbench.system.paths import absolute
    from hashbench.system.threads import threads_put_back

    files = tuple(absolute(path, "plugin") for path in plugins)
    for file in files:
        register_file(file)
    if options["device"] is not None:
        resolve_device(options["device"])
    found, code = read_results(results)
    chosen = drawn(only(found, methods=methods, datasets=datasets), sample, seed)
    counts: Counter[str] = Counter()
    with (
        threads_put_back(),
        closing(verify_records(chosen, data_root(data_dir), plugins=files, **options)) as verdicts,
    ):
        for verdict in verdicts:
            counts[verdict.outcome] += 1
            print(f"{verdict.outcome}: {name_of(verdict.record.cell)}: {verdict.detail}", flush=True)
    said = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    print(f"{len(chosen)} of {len(found)} cells, seed {seed}: {said}")
    if not counts["same"] and not counts["differs"]:
        print("failed: no cell could be compared")
        return 1
    return 1 if counts["differs"] else code
