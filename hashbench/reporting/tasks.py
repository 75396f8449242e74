"""The task that records share: its units, its metrics, its headline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

from hashbench.contracts.task import Task
from hashbench.errors import BrokenPluginError, HashbenchError, InvalidInputError, UnknownNameError
from hashbench.plugins.registry import find, plugins
from hashbench.records import Record


def common_task(records: Iterable[Record]) -> type[Task]:
    """The class of the task that all records share.

    Raises InvalidInputError where the task is not available, or no record names it.
    """
    name = next((record.task for record in records if record.protocol), None)
    if name is None:
        raise InvalidInputError(
            "no record says what its task is: all cells failed before they had one; run again"
        )
    try:
        task: type[Task] = find("task", name)
    except UnknownNameError as error:
        raise InvalidInputError(
            f"the records are of the task '{name}', which is not here (there are: "
            f"{', '.join(error.available) or 'none'}); give its file with --plugin FILE.py"
        ) from error
    except BrokenPluginError as error:
        raise InvalidInputError(f"the records are of the task '{name}', but {error}") from error
    return task


def check_metrics(metrics: Sequence[str], records: Sequence[Record], recorded: bool = True) -> None:
    """Refuse a metric that no task knows and, with ``recorded``, one that is known but no record has.

    Raises UnknownNameError, or a task's own error, for the first; InvalidInputError for the second, and where
    only a task that the records are not of has the metric.
    """
    held = {name for record in records for name in (*record.metrics, *record.health)}
    tasks = {record.task: record for record in records if record.protocol}
    for metric in metrics:
        if metric in held:
            continue
        faults = [_fault(common_task([record]), metric) for record in tasks.values()]
        unknown = [fault for fault in faults if fault is not None]
        if unknown and len(unknown) == len(faults):
            raise _of_another_task(metric, sorted(tasks)) or unknown[0]
        if recorded and held:
            raise InvalidInputError(
                f"metric '{metric}' is not recorded; hashbench rescore adds it: hashbench rescore FOLDER "
                f"--metric '{metric}'; the records have {', '.join(sorted(held))}"
            )


def knows(task: type[Task], metric: str) -> bool:
    """Whether a task has a metric."""
    return _fault(task, metric) is None


def _of_another_task(metric: str, tasks: Sequence[str]) -> InvalidInputError | None:
    """The error where a task that these records are not of has the metric."""
    for name in plugins("task"):
        with suppress(BrokenPluginError):
            if name not in tasks and knows(find("task", name), metric):
                return InvalidInputError(
                    f"metric '{metric}' is of the task {name}, these records are of {', '.join(tasks)}"
                )
    return None


def _fault(task: type[Task], metric: str) -> HashbenchError | None:
    try:
        task.describe(metric)
    except HashbenchError as error:
        return error
    return None


def impossible(record: Record) -> str | None:
    """The metric of a record that no evaluation gives such a value, in words; None where there is none."""
    if not record.protocol or not record.metrics:
        return None
    try:
        task = common_task([record])
    except InvalidInputError:  # the table says so, of all its records
        return None
    for name, value in record.metrics.items():
        least = task.describe(name).least if knows(task, name) else None
        if least is not None and value < least:
            return f"{name} is {value}, and cannot be below {least}"
    return None
