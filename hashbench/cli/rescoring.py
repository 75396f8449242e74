"""``hashbench rescore``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashbench.records import Record


def rescore(
    *, results: Path, metric: Sequence[str], device: str, plugins: Sequence[Path], command: str
) -> int:
    """Evaluate stored codes again and rewrite their records; exit code 1 if any failed."""
    from rich.progress import track

    from hashbench.cli.console import make_console
    from hashbench.cli.reading import read_results
    from hashbench.errors import HashbenchError, MissingDataError
    from hashbench.execution.rescore import CURE, has_codes
    from hashbench.execution.rescore import rescore as rescore_record
    from hashbench.plugins.registry import register_file
    from hashbench.system.device import resolve_device

    for file in plugins:
        register_file(file)
    resolve_device(device)
    console = make_console()
    files, code = read_results(results)
    asked = _by_task(files.values(), metric)
    ready = [path for path, record in files.items() if has_codes(record)]
    done, failed, moved = 0, dict[Path, HashbenchError](), list[str]()
    try:
        for path in track(ready, "rescoring", console=console, disable=not console.is_terminal):
            try:
                before = files[path]
                after = rescore_record(path, asked[before.task], device, command)
                moved += _moved(path, before.metrics, after.metrics)
                done += 1
            except HashbenchError as error:
                failed[path] = error
    except KeyboardInterrupt:
        console.print(f"stopped, {done} of {len(ready)} records rescored, none damaged")
        return 130
    without = [path for path, record in files.items() if path not in ready and record.status == "done"]
    n_failed_cells = len(files) - len(ready) - len(without)
    console.print(f"{done} of {len(files)} records rescored in {results}", markup=False)
    if moved:
        listed = "\n".join(f"  {line}" for line in moved)
        console.print(f"values that are others now:\n{listed}", markup=False, soft_wrap=True)
    if without:
        names = ", ".join(sorted({files[path].cell.method for path in without}))
        console.print(f"  {len(without)} left as they are: {names} makes no codes", markup=False)
    if n_failed_cells:
        console.print(f"  {n_failed_cells} left as they are: their cells failed")
    absent = [path for path, reason in failed.items() if isinstance(reason, MissingDataError)]
    if absent:
        listed = "\n".join(f"  {path}" for path in absent)
        console.print(
            f"{len(absent)} without their codes; {CURE}:\n{listed}", style="red", markup=False, soft_wrap=True
        )
    for path, reason in failed.items():
        if path not in absent:
            console.print(f"failed: {path}: {reason}", style="red", markup=False, soft_wrap=True)
    return 1 if failed else code


def _by_task(records: Iterable[Record], metrics: Sequence[str]) -> dict[str, list[str]]:
    """The metrics that each task of the records knows, by the task's name.

    Raises UnknownNameError, or a task's own error, for a metric that no task knows.
    """
    from hashbench.reporting.tasks import check_metrics, common_task, knows

    kept = [record for record in records if record.protocol]
    check_metrics(metrics, kept, recorded=False)
    tasks = {record.task: common_task([record]) for record in kept}
    return {name: [metric for metric in metrics if knows(task, metric)] for name, task in tasks.items()}


def _moved(path: Path, before: Mapping[str, float], after: Mapping[str, float]) -> Iterator[str]:
    """A line for each metric of a record that changed by more than rounding."""
    for name, value in before.items():
        if name in after and not math.isclose(value, after[name], abs_tol=1e-9):
            yield f"{path.stem}: {name} {value:.6f}, now {after[name]:.6f}"
