"""Features of one's own: one row an image, checked, and honest about what they learned from."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hashbench.contracts.dataset import Images, Texts
from hashbench.errors import InvalidInputError, MissingDataError
from hashbench.features.file import File

CPU = torch.device("cpu")
IMAGES = Images(np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1), np.array([0, 1, 0, 1, 0]), ("a", "b"))
ROWS = np.arange(15.0).reshape(5, 3)


def saved(path, **arrays):
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    else:
        np.save(path, arrays["features"])
    return File.from_argument(str(path))


@pytest.mark.parametrize("name", ["rows.npy", "rows.npz"])
def test_rows_are_those_of_the_images_asked_for(tmp_path, name):
    feature = saved(tmp_path / name, features=ROWS)
    rows = feature.rows(IMAGES, np.array([3, 1]), CPU)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, ROWS[[3, 1]])
    assert feature.source() == "not stated"
    with pytest.raises(InvalidInputError, match="its data set only"):
        feature.rows_of(IMAGES.pixels, CPU)


def test_a_file_can_say_what_it_is_of_and_what_it_learned_from(tmp_path):
    right = saved(tmp_path / "right.npz", features=ROWS, digest=IMAGES.digest, learned_from="images")
    assert right.source() == "images"
    assert len(right.rows(IMAGES, np.array([0]), CPU)) == 1
    texts = Texts(np.zeros((5, 1), np.uint8), ("word",))
    assert len(right.rows(replace(IMAGES, texts=texts), np.array([0]), CPU)) == 1
    wrong = saved(tmp_path / "wrong.npz", features=ROWS, digest="0" * 64)
    with pytest.raises(InvalidInputError, match=r"wrong\.npz"):
        wrong.rows(IMAGES, np.array([0]), CPU)
    with pytest.raises(InvalidInputError, match="'imagenet'"):
        saved(tmp_path / "odd.npz", features=ROWS, learned_from="imagenet").source()


def test_another_file_is_another_digest(tmp_path):
    first = saved(tmp_path / "rows.npy", features=ROWS).digest()
    assert saved(tmp_path / "same.npy", features=ROWS).digest() == first
    assert saved(tmp_path / "rows.npy", features=ROWS + 1).digest() != first


@pytest.mark.parametrize(
    ("features", "culprit"),
    [
        (ROWS[:4], "4 rows"),
        (ROWS[0], r"\(3,\)"),
        (np.full((5, 2), np.nan), "NaN"),
        (np.full((5, 2), "x"), "<U1"),
    ],
)
def test_what_cannot_be_features_is_refused(tmp_path, features, culprit):
    with pytest.raises(InvalidInputError, match=culprit):
        saved(tmp_path / "rows.npy", features=features).rows(IMAGES, np.array([0]), CPU)


def test_a_file_that_is_not_there_or_no_array_is_named(tmp_path):
    with pytest.raises(MissingDataError, match=r"gone\.npy"):
        File.from_argument(str(tmp_path / "gone.npy")).digest()
    (tmp_path / "text.npy").write_text("no numbers")
    with pytest.raises(InvalidInputError, match=r"text\.npy"):
        File.from_argument(str(tmp_path / "text.npy")).digest()
    with pytest.raises(InvalidInputError, match="lacks the array 'features'"):
        saved(tmp_path / "other.npz", rows=ROWS).digest()
    with pytest.raises(InvalidInputError, match="a label and a file"):
        File.from_argument(None)
