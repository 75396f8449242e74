"""The checks that a feature must pass; ``hashbench.testing`` runs them.

Each takes the class, or an object where the feature needs an argument, and computes rows of the 96 toy
images. A feature that reads its rows from a file gets a file of 96 rows.
"""

from __future__ import annotations

import inspect
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from hashbench.contracts.dataset import Images
from hashbench.contracts.feature import LEARNED_FROM, Feature, TrainedFeature
from hashbench.contracts.recipe import Invariances
from hashbench.errors import InvalidInputError
from hashbench.testing.toy import SHORT, require, toy
from hashbench.training.network import Network

FeatureOrClass = Feature | type[Feature]
CPU = torch.device("cpu")


def _object(feature: FeatureOrClass) -> Feature:
    return feature if isinstance(feature, Feature) else feature.from_argument(None)


def _images() -> Images:
    pixels, labels = toy("images")
    return Images(pixels=pixels, labels=labels, class_names=("a", "b", "c", "d"))


def _train(feature: TrainedFeature) -> Network:
    images = _images()
    labels = torch.from_numpy(images.labels.copy()) if feature.learned_from == "labels" else None
    pixels = torch.from_numpy(images.pixels.copy())
    network = feature.train(pixels, labels, SHORT, 0, invariances=Invariances())
    if not isinstance(network, Network):
        raise AssertionError(
            f"train() of {feature.name()} gives {type(network).__name__}; it must give a Network of "
            "hashbench.training.network"
        )
    return network


_first_training = cache(_train)  # a feature is a frozen value: equal features share their network


def _rows(feature: Feature, images: Images, index: NDArray[np.int64], anew: bool = False) -> NDArray:
    """Rows of some images; for a trained feature, the activations of its network. anew: train again."""
    if not isinstance(feature, TrainedFeature):
        return feature.rows(images, index, CPU)
    network = _train(feature) if anew else _first_training(feature)
    with torch.inference_mode():
        return network.features(torch.from_numpy(images.pixels[index])).numpy()


def _all(images: Images) -> NDArray[np.int64]:
    return np.arange(len(images))


def declares_what_it_is(feature: FeatureOrClass) -> None:
    """Class attributes have valid values; the class is a frozen dataclass; its name can be a file's."""
    feature = _object(feature)
    cls, name = type(feature), feature.name()
    for source in (cls.learned_from, feature.source()):
        require(
            source in LEARNED_FROM,
            f"{cls.__name__}.learned_from is {source!r}; it must be one of {', '.join(LEARNED_FROM)}",
        )
    require(
        isinstance(cls.version, int) and cls.version >= 1,
        f"{cls.__name__}.version is {cls.version!r}; it must be 1, 2, 3, ...",
    )
    require(
        "__dataclass_fields__" in vars(cls) and cls.__hash__ is not None,
        f"{cls.__name__} is no frozen dataclass; write @dataclass(frozen=True, kw_only=True) above it",
    )
    require(
        name.isidentifier() and name == name.lower(),
        f"the file '{name}.py' names the feature; rename it to lower-case letters, digits and underscores",
    )


def documents_its_source(feature: FeatureOrClass) -> None:
    """The file's docstring has a title line."""
    feature = _object(feature)
    module = inspect.getmodule(type(feature))
    text = (module.__doc__ if module else None) or ""
    require(
        text.partition("\n")[0].strip().endswith("."),
        f"the docstring of {feature.name()}.py must begin with one line that says what the rows are",
    )


def gives_finite_rows(feature: FeatureOrClass) -> None:
    """Rows are (n, d) float32 and finite, and not all alike."""
    feature, images = _object(feature), _images()
    for index in (_all(images), _all(images)[5:12]):
        rows = _rows(feature, images, index)
        require(
            isinstance(rows, np.ndarray) and rows.ndim == 2 and len(rows) == len(index) and rows.size > 0,
            f"{feature.name()} gives {type(rows).__name__} {np.shape(rows)} for {len(index)} images; an "
            f"array ({len(index)}, d) is needed",
        )
        require(
            rows.dtype == np.float32 and bool(np.isfinite(rows).all()),
            f"rows of {feature.name()} are {rows.dtype} with {int((~np.isfinite(rows)).sum())} values that "
            "are not finite; finite float32 is needed",
        )
    require(len(np.unique(rows, axis=0)) > 1, f"{feature.name()} gives all images one row")


def makes_each_row_by_itself(feature: FeatureOrClass) -> None:
    """An image's row depends neither on the other requested images nor on their order."""
    feature, images = _object(feature), _images()
    rows = _rows(feature, images, _all(images))
    index = np.array([40, 3, 90])
    for asked in (index, index[:1]):
        require(
            np.allclose(_rows(feature, images, asked), rows[asked], rtol=1e-3, atol=1e-3),
            f"{feature.name()} gives an image another row among others; a row must depend on its image only",
        )


def is_deterministic(feature: FeatureOrClass) -> None:
    """The same images get the same rows, whatever the state of the global generators."""
    feature, images = _object(feature), _images()
    first = _rows(feature, images, _all(images))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1234)
        state = np.random.get_state()  # noqa: NPY002
        np.random.seed(1234)  # noqa: NPY002
        again = _rows(feature, images, _all(images), anew=True)
        np.random.set_state(state)  # noqa: NPY002
    require(
        np.array_equal(first, again),
        f"{feature.name()} gives other rows the second time; draw from a generator with a fixed seed",
    )


def leaves_its_input_alone(feature: FeatureOrClass) -> None:
    """The images are not written to."""
    feature, given = _object(feature), _images()
    images = Images(given.pixels.copy(), given.labels.copy(), given.class_names)
    _rows(feature, images, _all(images))
    require(
        np.array_equal(images.pixels, given.pixels) and np.array_equal(images.labels, given.labels),
        f"{feature.name()} changes the images that it is given; avoid in-place operations on them",
    )


def gives_other_images_the_same_rows(feature: FeatureOrClass) -> str | None:
    """``rows_of`` gives the same rows as ``rows``, or says that it knows no other images."""
    feature, images = _object(feature), _images()
    if isinstance(feature, TrainedFeature):
        return "its rows come from a network that a run trains"
    try:
        rows = feature.rows_of(images.pixels[:9].copy(), CPU)
    except InvalidInputError as error:
        require(feature.name() in str(error), f"rows_of() of {feature.name()} says '{error}', not who speaks")
        return "it knows no other images"
    require(
        rows.dtype == np.float32
        and np.allclose(rows, feature.rows(images, np.arange(9), CPU), rtol=1e-3, atol=1e-3),
        f"rows_of() of {feature.name()} gives other rows than rows() for the same pixels",
    )
    return None
