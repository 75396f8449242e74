"""``hashbench new`` and ``hashbench check``: write and check your own plugin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hashbench.errors import InvalidInputError

if TYPE_CHECKING:
    from hashbench.plugins.registry import Kind
    from hashbench.plugins.scaffold import Style

PASSED, FAILED, NOT_APPLICABLE = "ok", "FAIL", "not applicable"


def check(*, name: str, plugins: Sequence[Path]) -> int:
    """Check that a plugin keeps its contract; says what is wrong and how to fix it.

    What failed is said last, a fault that fails several checks once.
    name: a plugin's name, ``NAME:ARGUMENT`` of a data set, ``NAME=ARGUMENT`` of a feature, or a file.
    """
    from hashbench.plugins.registry import find, find_any, register_file
    from hashbench.testing import findings
    from hashbench.testing.faults import Fault, fault_of, grouped

    for path in plugins:
        register_file(path)
    file = Path(name if name.endswith(".py") else f"{name}.py")
    argument = ""
    if name.endswith(".py") and not file.is_file():
        raise InvalidInputError(f"there is no file '{name}'; give a plugin's name or the path of its file")
    if file.is_file():
        kind, name = register_file(file), file.stem
        plugin = find(kind, name)
    else:
        stem, _, argument = name.partition("=" if "=" in name.partition(":")[0] else ":")
        kind, plugin = find_any(stem)
    if argument and kind not in {"dataset", "feature"}:
        raise InvalidInputError(f"{kind} '{stem}' takes no argument, got '{argument}'; check '{stem}'")
    if kind in {"dataset", "feature"}:
        plugin = plugin.from_argument(argument or None)
    cls = plugin if isinstance(plugin, type) else type(plugin)
    counts: Counter[str] = Counter()
    faults: list[tuple[str, Fault]] = []
    for label, error, not_applicable in findings(kind, plugin):
        outcome = FAILED if error is not None else NOT_APPLICABLE if not_applicable else PASSED
        counts[outcome] += 1
        if error is None:
            print(_line(outcome, label, not_applicable))
        else:
            faults.append((label, fault_of(error, cls)))
    for label, fault, others in grouped(faults):
        print(_line(FAILED, label, str(fault)))
        if others:
            print(_line("", f"and {len(others)} check{'s' * (len(others) > 1)} more: {', '.join(others)}"))
    words = {FAILED: "failed", PASSED: "passed", NOT_APPLICABLE: "not applicable"}
    said = [f"{counts[outcome]} {word}" for outcome, word in words.items() if counts[outcome]]
    print(f"{name}: {', '.join(said)}")
    return 1 if counts[FAILED] else 0


def _line(outcome: str, label: str, detail: str | None = None) -> str:
    return f"{outcome:{len(NOT_APPLICABLE)}}  {label}" + (f": {detail}" if detail else "")


def new(*, kind: Kind, name: str, style: Style | None = None) -> int:
    """Write a plugin that passes its checks, and its test; say what to do next."""
    from hashbench.plugins.scaffold import create

    path, test = create(kind, name, style=style)
    print(f"wrote {path}\nwrote {test}")
    option = f" --plugin {path.name}" if path.parent == test.parent else ""
    print(f"next: hashbench check {name}")
    others = " itq classifier" if kind == "method" else ""
    print(f"      hashbench run --{kind}s {name}{others}{option}")
    return 0
