"""A cache of its own for every test, and a tiny data set of two files with known checksums."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from hashbench.contracts.dataset import Dataset, Images

CONTENT = {"tiny/raw/pixels-ubyte": bytes(range(6 * 12)), "tiny/raw/labels-ubyte": bytes([0, 1, 2, 0, 1, 2])}


@dataclass(frozen=True, kw_only=True)
class Tiny(Dataset):
    licence: ClassVar[str] = "none"
    files: ClassVar[tuple[str, ...]] = tuple(CONTENT)
    checksums: ClassVar = {file: hashlib.md5(content).hexdigest() for file, content in CONTENT.items()}

    def load(self, root: Path) -> Images:
        pixels, labels = (np.frombuffer((root / file).read_bytes(), np.uint8) for file in self.files)
        test = np.array([False] * 4 + [True] * 2)
        return Images(pixels.reshape(6, 3, 2, 2), labels.astype(np.int64), ("a", "b", "c"), test)


def put(root: Path, files: dict[str, bytes] = CONTENT) -> Path:
    for file, content in files.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(content)
    return root


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HASHBENCH_DATA", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def tiny():
    return Tiny


@pytest.fixture
def content():
    return dict(CONTENT)


@pytest.fixture
def put_files():
    return put


@pytest.fixture
def root(tmp_path):
    """A data folder that holds the tiny data set."""
    return put(tmp_path / "data")
