import struct

import numpy as np
import pytest

from hashbench.errors import MissingDataError
from hashbench.images.store import dataset_from


def idx(array):
    """The IDX format: two zeros, type 8 (unsigned byte), number of axes, big-endian lengths, the bytes."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def test_parts_are_pooled_training_first(tmp_path):
    rng = np.random.default_rng(0)
    images = {
        "train": rng.integers(0, 256, (5, 28, 28), np.uint8),
        "t10k": rng.integers(0, 256, (3, 28, 28), np.uint8),
    }
    labels = {"train": np.array([5, 0, 4, 1, 9], np.uint8), "t10k": np.array([7, 2, 1], np.uint8)}
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in images:
        (raw / f"{part}-images-idx3-ubyte").write_bytes(idx(images[part]))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels[part]))
    loaded = dataset_from("mnist").load(tmp_path)
    assert loaded.pixels.shape == (8, 1, 28, 28)
    np.testing.assert_array_equal(loaded.pixels[:5, 0], images["train"])
    np.testing.assert_array_equal(loaded.pixels[5:, 0], images["t10k"])
    assert loaded.labels.tolist() == [5, 0, 4, 1, 9, 7, 2, 1]
    assert loaded.labels.dtype == np.int64
    assert loaded.test.tolist() == [False] * 5 + [True] * 3
    assert not dataset_from("mnist").mirror


def test_missing_files(tmp_path):
    with pytest.raises(
        MissingDataError, match=r"MNIST/raw/train-images-idx3-ubyte.*hashbench data get mnist"
    ):
        dataset_from("mnist").load(tmp_path)


def test_real_mnist(real):
    images, root = real("mnist")
    assert images.pixels.shape == (70000, 1, 28, 28)
    assert images.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert images.labels[60000:60003].tolist() == [7, 2, 1]
    assert images.test.sum() == 10000
    assert np.bincount(images.labels[images.test]).tolist() == [
        980,
        1135,
        1032,
        1010,
        982,
        892,
        958,
        1028,
        974,
        1009,
    ]
    raw = (root / "MNIST/raw/t10k-images-idx3-ubyte").read_bytes()[16:]
    assert images.pixels[60000:].tobytes() == raw
    assert images.digest == "0b2179e426c17d0e07e8a1b4306bf54ffef649b70ee739cf9a7ec3fd1890e68c"
