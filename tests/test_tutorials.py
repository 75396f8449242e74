"""The commands and the code of the tutorials run as they stand.

Of a page's blocks, ``sh`` and ``python`` are run in order, in one folder; a ``python`` block with a title is
saved under it. Other blocks, such as ``console``, are shown only.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGES = sorted((Path(__file__).parents[1] / "docs" / "tutorials").glob("*.md"))
SHOWN_ONLY = {"cluster"}
_BLOCK = re.compile(r'^```(sh|python)(?: title="([\w.]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def blocks(page):
    return _BLOCK.findall(page.read_text(encoding="utf-8"))


def test_which_pages_have_something_to_run():
    assert {page.stem for page in PAGES if not blocks(page)} == SHOWN_ONLY


@pytest.mark.long  # minutes together; .ci/run runs them
@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.stem not in SHOWN_ONLY], ids=lambda page: page.stem
)
def test_a_tutorial_runs(page, tmp_path):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    cache = {"HASHBENCH_CACHE": str(tmp_path / "cache"), "HASHBENCH_DATA": str(tmp_path / "data")}
    waiting = {"OMP_WAIT_POLICY": "passive"}  # threads that wait leave a busy machine to others
    work = tmp_path / "work"
    work.mkdir()
    for kind, title, text in blocks(page):
        if title:
            (work / title).write_text(text, encoding="utf-8")
            continue
        program = ["bash", "-euo", "pipefail", "-c", text] if kind == "sh" else [sys.executable, "-c", text]
        done = subprocess.run(
            program,
            cwd=work,
            env={**os.environ, **cache, **waiting, "PATH": path},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
