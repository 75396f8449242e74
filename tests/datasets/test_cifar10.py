import pickle

import numpy as np
import pytest

from hashbench.errors import MissingDataError
from hashbench.images.store import dataset_from


def test_missing_files(tmp_path):
    with pytest.raises(
        MissingDataError, match=r"cifar-10-batches-py/batches.meta.*hashbench data get cifar10"
    ):
        dataset_from("cifar10").load(tmp_path)


def test_damaged_files_are_not_unpickled(tmp_path):
    for file in dataset_from("cifar10").files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes(pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [0]}))
    with pytest.raises(MissingDataError, match="damaged"):
        dataset_from("cifar10").load(tmp_path)


def test_real_cifar10(real):
    images, root = real("cifar10")
    assert dataset_from("cifar10").mirror
    assert images.pixels.shape == (60000, 3, 32, 32)
    assert images.pixels.flags.c_contiguous
    assert np.bincount(images.labels[images.test]).tolist() == [1000] * 10
    assert np.bincount(images.labels[~images.test]).tolist() == [5000] * 10
    assert images.class_names[images.labels[0]] == "frog"
    assert images.class_names[images.labels[50000]] == "cat"
    # a row of a batch: 1,024 bytes of red, then green, then blue, each row by row
    with (root / "cifar-10-batches-py/test_batch").open("rb") as file:
        batch = pickle.load(file, encoding="bytes")
    assert images.pixels[50000:].tobytes() == batch[b"data"].tobytes()
    assert images.labels[50000:].tolist() == batch[b"labels"]
    assert images.digest == "b63ec60c3c6165017ee3c531b82459268edbff39b5c5e576af2161c6650807ed"
