"""New plugin files that already pass ``hashbench check``: ``hashbench new method NAME``."""

from __future__ import annotations

import keyword
import re
import tomllib
from pathlib import Path
from string import Template

from hashbench.errors import InvalidInputError
from hashbench.plugins.registry import Kind, plugins

METHOD = '''"""$title ($acronym).

Authors, "Title of the paper", venue and year: write the source here, and the equations that the code follows.
Until then: random projections, each cut at the median of the training items.
Departures from the paper: none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from hashbench.contracts.method import HashMethod


@dataclass(eq=False, repr=False, kw_only=True)
class $classname(HashMethod):
    """One line that says what the codes are.

    scale: an example of a hyper-parameter, a typed field with the paper's default.
    """

    # "supervised": _fit gets labels y, (n,) class indices or (n, C) multi-hot; else y is None.
    supervision: ClassVar = "unsupervised"
    # "images": X is (n, c, h, w) uint8. For a network trained by a loss, see methods/dpsh.py.
    inputs: ClassVar = "features"

    scale: float = 1.0

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        # X is (n, d) float32 on the chosen device. Draw from the generator, which lives on the CPU, and from
        # nothing else. What is learned ends in an underscore. hashbench.numerics has pca, kernels, rotations.
        directions = torch.randn(X.shape[1], self.n_bits, generator=generator)
        self.directions_ = self.scale * directions.to(X)
        self.thresholds_ = (X @ self.directions_).median(0).values

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        # Real values (n, n_bits); bit = value > 0.
        return X @ self.directions_ - self.thresholds_
'''

METHOD_TEST = """${pathlib}import numpy as np
import pytest

$imports
from hashbench.testing import METHOD_CHECKS

$register
@pytest.mark.parametrize("check", METHOD_CHECKS, ids=lambda check: check.__name__)
def test_contract(check):
    check(find("method", "$name"))


def test_each_bit_splits_the_training_items_in_half():
    # Replace this by what your paper proves, or recompute your objective with naive loops.
    X = np.random.default_rng(0).normal(size=(101, 5)).astype(np.float32)
    bits = find("method", "$name")(n_bits=8, device="cpu").fit(X).encode(X).unpack()
    assert (np.abs(bits.sum(0) - 50.0) <= 1).all()
"""

DATASET = '''"""$title: drawn images of horizontal and of vertical bars.

Write here who made the images, the paper that describes them, and the shapes: 200 images (1, 16, 16) of two
classes, no official split.
Licence: CC0.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from hashbench.contracts.dataset import Dataset, Images


@dataclass(frozen=True, kw_only=True)
class $classname(Dataset):
    """Bars of random place and brightness on a noisy ground."""

    licence: ClassVar[str] = "CC0"
    mirror: ClassVar[bool] = True  # a mirrored bar is a bar: augmentation may flip
    # files: ClassVar[tuple[str, ...]] = ("$name/images.bin",)  # what load() reads, under the data folder

    def load(self, root: Path) -> Images:
        """Draw the images; a data set that has files calls ``self.require(root)`` first and reads them."""
        rng = np.random.default_rng(0)  # every load must give the same images, in the same order
        labels = np.arange(200) % 2
        pixels = rng.integers(0, 60, (200, 1, 16, 16), np.uint8)
        for image, label in zip(pixels, labels, strict=True):
            start, brightness = rng.integers(0, 13), rng.integers(100, 190)
            bar = image[0, start : start + 4, :] if label == 0 else image[0, :, start : start + 4]
            bar += brightness.astype(np.uint8)
        return Images(pixels=pixels, labels=labels, class_names=("horizontal", "vertical"))
'''

DATASET_TEST = """from pathlib import Path

import pytest

$imports
from hashbench.testing import DATASET_CHECKS

$register
@pytest.mark.parametrize("check", DATASET_CHECKS, ids=lambda check: check.__name__)
def test_contract(check):
    check(find("dataset", "$name"))


def test_bars_lie_as_their_labels_say():
    # Replace this by what is known of your images: their number, a checksum, the label of the first.
    images = find("dataset", "$name")().load(Path())
    rows, columns = (images.pixels[:, 0].mean(axis).max(1) for axis in (2, 1))
    assert ((rows > columns) == (images.labels == 0)).all()
"""


def create(kind: Kind, name: str, folder: Path | None = None) -> list[Path]:
    """Write NAME.py and its test; returns the two paths.

    folder: None is the current one. Where it is a checkout of hashbench the files go to methods/ and
    tests/methods/ (datasets/ alike), else directly into it, and the test registers the file.
    Raises InvalidInputError where the name cannot be used; nothing is ever overwritten.
    """
    if not re.fullmatch("[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise InvalidInputError(
            f"{kind} name '{name}' must be lower-case letters, digits and underscores, begin with a letter "
            "and be no word of Python, as the file NAME.py is imported"
        )
    if name in plugins(kind):
        raise InvalidInputError(
            f"there is a {kind} '{name}' already, in {plugins(kind)[name].origin}; choose another name"
        )
    folder = Path.cwd() if folder is None else Path(folder)
    checkout = _is_checkout(folder)
    code, test = (METHOD, METHOD_TEST) if kind == "method" else (DATASET, DATASET_TEST)
    texts = {
        folder / (f"{kind}s/{name}.py" if checkout else f"{name}.py"): code,
        folder / (f"tests/{kind}s/test_{name}.py" if checkout else f"test_{name}.py"): test,
    }
    for path in texts:
        if path.exists():
            raise InvalidInputError(f"{path} is there already; choose another name, or move it away")
    values = {
        "name": name,
        "acronym": name.replace("_", "-").upper(),
        "title": name.replace("_", " ").capitalize(),
        "classname": "".join(part.capitalize() for part in name.split("_")),
        "pathlib": "" if checkout else "from pathlib import Path\n\n",
        "imports": "from hashbench.plugins.registry import find" + ("" if checkout else ", register_file"),
        "register": "" if checkout else f'register_file(Path(__file__).with_name("{name}.py"))\n\n',
    }
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(Template(text).substitute(values))
    return list(texts)


def _is_checkout(folder: Path) -> bool:
    """Whether the folder holds the source of hashbench itself."""
    project = folder / "pyproject.toml"
    if not project.is_file() or not (folder / "methods").is_dir():
        return False
    return tomllib.loads(project.read_text(encoding="utf-8")).get("project", {}).get("name") == "hashbench"
