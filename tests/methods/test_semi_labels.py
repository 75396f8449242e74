"""A semi-supervised method learns nothing from labels that the protocol hides."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from hashbench.execution.fitting import training_data
from hashbench.plugins.registry import find, find_protocol
from hashbench.testing.tasks import N_CLASSES, toy_images
from hashbench.testing.toy import new


def values(cls, images, split):
    """Outputs of all images after a fit as a cell does it."""
    index, labels = training_data(
        SimpleNamespace(context=SimpleNamespace(split=split, images=images), cls=cls)
    )
    return new(cls).fit(images.pixels[index], labels).project(images.pixels)


@pytest.mark.parametrize("name", ["ssdh", "fixmatch", "bgdh"])
@pytest.mark.parametrize("protocol", ["labels-100", "labels-100-inductive"])
def test_labels_that_are_not_given_change_no_bit(name, protocol):
    cls, images = find("method", name), toy_images()
    split = find_protocol(protocol).task.split(images, "toy")
    given = values(cls, images, split)
    hidden = np.setdiff1d(np.arange(len(images)), split.train)
    for index, same in ((hidden, True), (split.train[::2], False)):
        labels = images.labels.copy()
        labels[index] = (labels[index] + 1 + index % (N_CLASSES - 1)) % N_CLASSES
        assert np.array_equal(given, values(cls, replace(images, labels=labels), split)) == same
