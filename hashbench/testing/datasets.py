"""The checks that a data set must pass; ``hashbench.testing`` runs them.

Each takes the class, or an object where the data set needs an argument, and looks for the data where
``hashbench.images.store.data_root`` says. Raises MissingDataError where the data are not on this machine.
"""

from __future__ import annotations

import inspect
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from hashbench.contracts.dataset import Dataset, Images
from hashbench.errors import InvalidInputError, MissingDataError
from hashbench.testing.toy import require

DatasetOrClass = Dataset | type[Dataset]


def _object(dataset: DatasetOrClass) -> Dataset:
    return dataset if isinstance(dataset, Dataset) else dataset.from_argument(None)


def _load(dataset: Dataset) -> Images:
    from hashbench.images.store import data_root

    root = data_root()
    dataset.require(root)
    return dataset.load(root)


_first_load = cache(_load)  # a data set is a frozen value: equal data sets share their images


def documents_its_source(dataset: DatasetOrClass) -> None:
    """The file's docstring has a title line; the licence is stated; ``files`` are relative paths."""
    dataset = _object(dataset)
    name, module = dataset.name(), inspect.getmodule(type(dataset))
    text = (module.__doc__ if module else None) or ""
    require(
        text.partition("\n")[0].strip().endswith("."),
        f"the docstring of {name}.py must begin with one line that says what the images are",
    )
    licence = getattr(dataset, "licence", None)
    require(
        isinstance(licence, str) and bool(licence.strip()),
        f"{type(dataset).__name__}.licence is {licence!r}; state the licence of the images in one line",
    )
    absolute = [file for file in dataset.files if Path(file).is_absolute()]
    require(
        not absolute, f"{type(dataset).__name__}.files must be relative to the data folder, not {absolute}"
    )


def says_what_to_do_without_its_files(dataset: DatasetOrClass) -> str | None:
    """In an empty data folder, a data set that reads files raises MissingDataError."""
    dataset = _object(dataset)
    if not dataset.files:
        return "it reads no files"
    with TemporaryDirectory() as empty:
        try:
            dataset.load(Path(empty))
        except MissingDataError:
            return None
        except Exception as error:
            raise AssertionError(
                f"load() of {dataset.name()} in an empty folder raises {type(error).__name__}: {error}; call "
                "self.require(root) first"
            ) from error
    raise AssertionError(f"load() of {dataset.name()} in an empty folder raises nothing; are its files used?")


def loads_images(dataset: DatasetOrClass) -> None:
    """``load`` gives Images: uint8 pixels (n, c, h, w) that are not all alike."""
    images = _first_load(_object(dataset))
    name = _object(dataset).name()
    require(isinstance(images, Images), f"load() of {name} gives {type(images).__name__}, not Images")
    require(len(images) > 1, f"{name} has {len(images)} images; retrieval needs more")
    require(
        images.pixels.dtype == np.uint8 and images.pixels.shape[1] in (1, 3),
        f"pixels of {name} are {images.pixels.dtype} {images.pixels.shape}; needed: uint8 (n, 1 or 3, h, w)",
    )
    first = images.pixels[0]
    require(
        any(not np.array_equal(first, other) for other in images.pixels[1:]),
        f"all images of {name} are alike",
    )


def labels_every_class(dataset: DatasetOrClass) -> None:
    """Labels are class indices in range, or multi-hot; each class has a name of its own and an image."""
    images = _first_load(_object(dataset))
    name, n_classes = _object(dataset).name(), len(images.class_names)
    names = images.class_names
    require(
        isinstance(names, tuple) and all(isinstance(text, str) for text in names),
        f"class_names of {name} must be a tuple of texts",
    )
    require(len(set(names)) == n_classes >= 2, f"{name} needs two or more different class names, not {names}")
    require(images.labels.dtype.kind in "iu", f"labels of {name} are {images.labels.dtype}, not integers")
    if images.multi_label:
        require(bool(np.isin(images.labels, (0, 1)).all()), f"multi-hot labels of {name} must be 0 or 1")
        counts = images.labels.sum(0)
    else:
        low, high = int(images.labels.min()), int(images.labels.max())
        require(
            low >= 0 and high < n_classes,
            f"labels of {name} range from {low} to {high}; the last class is {n_classes - 1}",
        )
        counts = np.bincount(images.labels, minlength=n_classes)
    empty = [names[i] for i in np.flatnonzero(counts == 0)]
    require(not empty, f"no image of {name} is of class {', '.join(empty)}")


def has_a_sound_official_split(dataset: DatasetOrClass) -> str | None:
    """Where there is an official test part, neither it nor the rest is empty."""
    images = _first_load(_object(dataset))
    if images.test is None:
        return "there is no official test part"
    n_test = int(images.test.sum())
    require(
        images.test.dtype == np.bool_ and 0 < n_test < len(images),
        f"{_object(dataset).name()} marks {n_test} of {len(images)} images as the test part; "
        "use test=None where the source defines none",
    )
    return None


def loads_the_same_twice(dataset: DatasetOrClass) -> None:
    """Two loads have the same digest."""
    first, second = _first_load(_object(dataset)).digest, _load(_object(dataset)).digest
    require(
        first == second,
        f"{_object(dataset).name()} loads other images the second time; sort file names, seed what is drawn",
    )


def gives_each_image_a_text(dataset: DatasetOrClass) -> None:
    """Each of ``text_views`` has a text for each image, the same twice, not all alike; no other view has."""
    dataset = _object(dataset)
    images = _first_load(dataset)
    for view in dataset.text_views:
        texts, again = dataset.texts(images, view), dataset.texts(images, view)
        require(
            len(texts.rows) == len(images) and bool((texts.rows <= 1).all()),
            f"texts '{view}' of {dataset.name()} are {texts.rows.shape} counts; needed: zeros and ones for "
            f"{len(images)} images",
        )
        require(
            np.array_equal(texts.rows, again.rows),
            f"{dataset.name()} makes other texts '{view}' the second time; seed what is drawn",
        )
        require(
            bool((texts.rows != texts.rows[0]).any()), f"all texts '{view}' of {dataset.name()} are alike"
        )
    try:
        dataset.texts(images, "no_such_view")
    except InvalidInputError:
        return
    raise AssertionError(f"texts() of {dataset.name()} must refuse a view that is not in text_views")
