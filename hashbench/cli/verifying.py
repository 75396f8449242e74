"""``hashbench verify``."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any


def verify(*, results: Path, sample: int, seed: int, data_dir: Path | None, **options: Any) -> int:
    """Compute some cells anew and compare; exit code 1 where one differs, or none could be compared."""
    from hashbench.api.results import verdicts
    from hashbench.cli.reading import read_results
    from hashbench.live import name_of

    found, code = read_results(results)
    counts: Counter[str] = Counter()
    with closing(verdicts(found, sample, seed, root=data_dir, **options)) as of_cells:
        for verdict in of_cells:
            counts[verdict.outcome] += 1
            print(f"{verdict.outcome}: {name_of(verdict.record.cell)}: {verdict.detail}", flush=True)
    said = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    print(f"{counts.total()} of {len(found)} cells, seed {seed}: {said}")
    if not counts["same"] and not counts["differs"]:
        print("failed: no cell could be compared")
        return 1
    return 1 if counts["differs"] else code
