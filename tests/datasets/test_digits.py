import numpy as np
from sklearn.datasets import load_digits

from hashbench.images.store import dataset_from, load_images


def test_digits_are_scikit_learns_rescaled(tmp_path):
    images = dataset_from("digits").load(tmp_path)
    source = load_digits()
    assert images.pixels.shape == (1797, 1, 8, 8)
    assert images.test is None
    assert np.abs(images.pixels[:, 0] - source.images * 255 / 16).max() <= 0.5
    assert set(np.unique(images.pixels)) == {round(x * 255 / 16) for x in range(17)}
    np.testing.assert_array_equal(images.labels, source.target)
    assert [images.class_names[label] for label in images.labels[:3]] == ["0", "1", "2"]


def test_digits_content_never_changes(tmp_path):
    images = load_images(dataset_from("digits"), tmp_path)
    assert images.digest == "def20e499208ffd1434bed4b595ce7416d3e9ea3ec8c5f5c694a11d471a52cdf"
