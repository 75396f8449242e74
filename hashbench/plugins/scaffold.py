"""New plugin files that already pass ``hashbench check``: ``hashbench new method NAME``.

Their texts lie in ``templates/``; names after a dollar sign are filled in.
"""

from __future__ import annotations

import keyword
import os
import re
import tomllib
from importlib import resources
from pathlib import Path
from string import Template
from typing import Literal

from hashbench.errors import InvalidInputError
from hashbench.plugins.registry import RESERVED, Kind, plugins

Style = Literal["deep", "semi"]
HOMES: dict[Kind, str] = {"method": "methods", "dataset": "datasets", "feature": "hashbench/features"}


def create(
    kind: Kind, name: str, folder: Path | None = None, *, style: Style | None = None
) -> tuple[Path, Path]:
    """Write NAME.py and its test; returns the two paths.

    kind: "method", "dataset" or "feature". style, of methods: "deep" for a loss that trains a network, "semi"
    for one that also learns from images without labels.
    folder: None is the current one. In a checkout of hashbench the files go to methods/ and tests/methods/
    (other kinds likewise); otherwise they go directly into the folder, and the test registers the file.
    Raises InvalidInputError where the name cannot be used; nothing is ever overwritten.
    """
    if not re.fullmatch("[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise InvalidInputError(
            f"{kind} name '{name}' must be lower-case letters, digits and underscores, begin with a letter "
            "and be no word of Python, as the file NAME.py is imported"
        )
    if name in RESERVED:
        raise InvalidInputError(
            f"{kind} name '{name}' is reserved, as are {', '.join(RESERVED)}; choose another"
        )
    if name in plugins(kind):
        raise InvalidInputError(
            f"there is a {kind} '{name}' already, in {plugins(kind)[name].origin}; choose another name"
        )
    folder = Path.cwd() if folder is None else Path(folder)
    checkout = _is_checkout(folder)
    path = folder / (f"{HOMES[kind]}/{name}.py" if checkout else f"{name}.py")
    test = folder / (f"tests/{kind}s/test_{name}.py" if checkout else f"test_{name}.py")
    for file in (path, test):
        if os.path.lexists(file):
            raise InvalidInputError(f"{file} is there already; choose another name, or move it away")
    values = {
        "name": name,
        "acronym": name.replace("_", "-").upper(),
        "title": name.replace("_", " ").capitalize(),
        "classname": "".join(part.capitalize() for part in name.split("_")),
        "pathlib": "" if checkout else "from pathlib import Path\n\n",
        "imports": "from hashbench.plugins.registry import find" + ("" if checkout else ", register_file"),
        "register": "" if checkout else f'register_file(Path(__file__).with_name("{name}.py"))\n\n',
    }
    written: list[Path] = []
    try:
        for file, template in ((path, style or kind), (test, f"{style or kind}_test")):
            text = resources.files("hashbench.plugins") / f"templates/{template}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as stream:
                written.append(file)
                stream.write(Template(text.read_text(encoding="utf-8")).substitute(values))
    except OSError as error:
        for file in written:
            file.unlink()
        raise InvalidInputError(
            f"cannot write '{name}.py' and its test in '{folder}' ({error.strerror}); go to a folder that "
            "can be written, and choose a shorter name if it is too long"
        ) from error
    return path, test


def _is_checkout(folder: Path) -> bool:
    """Whether the folder holds the source of hashbench itself."""
    project = folder / "pyproject.toml"
    if not project.is_file() or not (folder / "methods").is_dir():
        return False
    try:
        content = tomllib.loads(project.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):  # of another project, or broken: nothing to do with us
        return False
    about = content.get("project")
    return isinstance(about, dict) and about.get("name") == "hashbench"
