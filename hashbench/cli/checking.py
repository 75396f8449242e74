"""``hashbench new`` and ``hashbench check``: a plugin of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashbench.plugins.registry import Kind


def check(*, name: str, plugins: Sequence[Path]) -> int:
    """Check that a plugin keeps its contract; says what is wrong and how to mend it."""
    from hashbench.plugins.registry import find_any, register_file
    from hashbench.testing import iter_checks

    for path in plugins:
        register_file(path)
    file = Path(name if name.endswith(".py") else f"{name}.py")
    if file.is_file():
        register_file(file)
        name = file.stem
    stem, _, argument = name.partition(":")
    kind, plugin = find_any(stem)
    if kind == "dataset":
        plugin = plugin.from_argument(argument or None)
    failures = 0
    for label, error in iter_checks(kind, plugin):
        print(f"{'ok   ' if error is None else 'FAIL '} {label}" + (f": {error}" if error else ""))
        failures += error is not None
    print(f"{name}: {'all checks passed' if not failures else f'{failures} checks failed'}")
    return 1 if failures else 0


def new(*, kind: Kind, name: str) -> int:
    """Write a plugin that passes its checks, and its test; say what to do next."""
    from hashbench.plugins.scaffold import create

    written = create(kind, name)
    for path in written:
        print(f"wrote {path}")
    inside = written[0].parent.name in {"methods", "datasets"}
    option = "" if inside else f" --plugin {written[0].name}"
    print(f"next: hashbench check {name}")
    if kind == "method":
        print(f"      hashbench run --methods {name} itq classifier{option}")
    else:
        print(f"      hashbench run --datasets {name}{option}")
    return 0
