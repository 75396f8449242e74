"""A cache of its own for every test; the real data folder is found before that."""

import pytest

from hashbench.images.store import data_root, dataset_from

DATA = data_root()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def real():
    """Load a data set from the machine's data folder, or skip where it is not there."""

    def load(name):
        dataset = dataset_from(name)
        if not all(path.is_file() for path in dataset.sources(DATA)):
            pytest.skip(f"{name} is not under {DATA}; fetch it with 'hashbench data get {name}'")
        return dataset.load(DATA), DATA

    return load
