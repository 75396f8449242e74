"""The checks of a feature find the faults that they are there for."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch

from hashbench.contracts.feature import Feature, TrainedFeature
from hashbench.errors import InvalidInputError
from hashbench.plugins.registry import find, plugins
from hashbench.testing import FEATURE_CHECKS, iter_checks
from hashbench.training.pretrain import untrained_network


@pytest.mark.parametrize("check", FEATURE_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", plugins("feature"))
def test_feature(name, check, tmp_path):
    feature = find("feature", name)
    try:
        feature.from_argument(None)
    except InvalidInputError:  # it reads its rows from a file
        np.save(tmp_path / "rows.npy", np.random.default_rng(0).normal(size=(96, 5)).astype(np.float32))
        feature = feature.from_argument(str(tmp_path / "rows.npy"))
    check(feature)


@dataclass(frozen=True, kw_only=True)
class Sound(Feature):
    def rows(self, images, index, device):
        return self.rows_of(images.pixels[index], device)

    def rows_of(self, pixels, device):
        return pixels.reshape(len(pixels), -1) / np.float32(255)


@dataclass(frozen=True, kw_only=True)
class Trained(TrainedFeature):
    learned_from: ClassVar = "labels"

    def train(self, pixels, labels, recipe, seed, *, invariances, checkpoint=None):
        assert (labels is None) == (self.learned_from != "labels")
        return untrained_network(pixels, recipe, 4, seed, invariances=invariances)


def faults(cls, **changes):
    """What the checks say of a changed copy of ``cls``, by the names of those that fail."""
    changed = type("Changed", (cls,), {"__module__": __name__, **changes})
    changed = dataclass(frozen=True, kw_only=True)(changed)
    return {name: str(error) for name, error in iter_checks("feature", changed) if error is not None}


@pytest.mark.parametrize("cls", [Sound, Trained])
def test_a_sound_feature_passes(cls):
    assert faults(cls) == {}
    assert faults(cls, learned_from="images") == {}


def adds_mean(self, images, index, device):
    return Sound.rows(self, images, index, device) - images.pixels[index].mean(dtype=np.float32)


def draws(self, pixels, device):
    return np.random.rand(len(pixels), 3).astype(np.float32)  # noqa: NPY002


def writes(self, images, index, device):
    images.pixels[index[0]] += 1
    return Sound.rows(self, images, index, device)


def trains_anew(self, pixels, labels, recipe, seed, *, invariances, checkpoint=None):
    return Trained.train(self, pixels, labels, recipe, torch.seed(), invariances=invariances)


@pytest.mark.parametrize(
    ("cls", "changes", "check"),
    [
        (Sound, {"learned_from": "text"}, "declares what it is"),
        (Sound, {"source": lambda self: "a file"}, "declares what it is"),
        (Sound, {"version": 0}, "declares what it is"),
        (Sound, {"rows_of": lambda self, pixels, device: pixels / np.float32(255)}, "gives finite rows"),
        (
            Sound,
            {"rows_of": lambda self, pixels, device: pixels.reshape(len(pixels), -1)},
            "gives finite rows",
        ),
        (
            Sound,
            {"rows_of": lambda self, pixels, device: np.full((len(pixels), 2), np.nan, np.float32)},
            "gives finite rows",
        ),
        (
            Sound,
            {"rows_of": lambda self, pixels, device: np.ones((len(pixels), 2), np.float32)},
            "gives finite rows",
        ),
        (Sound, {"rows": adds_mean}, "makes each row by itself"),
        (Sound, {"rows": adds_mean}, "gives other images the same rows"),
        (Sound, {"rows_of": draws}, "is deterministic"),
        (Trained, {"train": trains_anew}, "is deterministic"),
        (Sound, {"rows": writes}, "leaves its input alone"),
    ],
)
def test_each_fault_is_found(cls, changes, check):
    found = faults(cls, **changes)
    assert check in found
    assert "Changed" in found[check] or "test_features" in found[check]


def test_a_class_without_the_decorator_is_found():
    class Bare(Sound):
        pass

    assert "declares what it is" in {name for name, error in iter_checks("feature", Bare) if error}


def test_a_feature_of_its_own_images_only_says_so():
    def refuses(self, pixels, device):
        return Feature.rows_of(self, pixels, device)

    def rows(self, images, index, device):
        return Sound.rows_of(self, images.pixels[index], device)

    assert faults(Sound, rows=rows, rows_of=refuses) == {}
