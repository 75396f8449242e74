"""Where images are kept: the source files under a data folder, and decoded copies that memory-map."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import shutil
import warnings
import zlib
from pathlib import Path
from typing import Any, cast

import numpy as np
import platformdirs

from hashbench.contracts.dataset import Dataset, Images
from hashbench.errors import BrokenPluginError, InvalidInputError
from hashbench.identity.digest import digest_of
from hashbench.identity.source import source_of
from hashbench.images.files import download, import_folder, staging, verify
from hashbench.plugins.guard import named
from hashbench.plugins.registry import find
from hashbench.system.integrity import note_use, sum_of
from hashbench.system.paths import expanded

__all__ = [
    "cache_root",
    "data_root",
    "dataset_from",
    "decoded_fault",
    "download",
    "import_folder",
    "load_images",
    "verify",
    "verify_decoded",
]

FORMAT = 2  # of a decoded copy; a new number makes the old copies stale


def cache_root() -> Path:
    """$HASHBENCH_CACHE, or the user's cache folder of the system."""
    given = os.environ.get("HASHBENCH_CACHE")
    return expanded(given, "HASHBENCH_CACHE") if given else platformdirs.user_cache_path("hashbench")


def data_root(given: Path | None = None) -> Path:
    """The data folder, absolute: the one given, $HASHBENCH_DATA, or ``data`` in the cache."""
    named = given or os.environ.get("HASHBENCH_DATA") or cache_root() / "data"
    return expanded(named, "data folder").absolute()


def dataset_from(spec: str) -> Dataset:
    """The data set of ``NAME`` or ``NAME:ARGUMENT``, such as ``folder:photos``."""
    name, colon, argument = spec.partition(":")
    dataset_class = cast(type[Dataset], find("dataset", name))
    return dataset_class.from_argument(argument if colon else None)


def load_images(dataset: Dataset, root: Path) -> Images:
    """The images, memory-mapped read-only from a decoded copy that is made at the first call.

    The copy is made again when a source file or the data set's own code changes and, with a warning, when its
    bytes are no longer those that were written. Raises MissingDataError where the source files are not there,
    or (checked only before decoding) are damaged.
    """
    dataset.require(root)
    key = _key(dataset, root)
    folder = _folder(dataset, key)
    images = _open(folder, key, dataset.label)
    if images is None:
        if folder.is_dir():
            warnings.warn(f"decoded copy '{folder}' is damaged and is made again", stacklevel=2)
        verify(dataset, root)
        _write(decoded(dataset, root), folder, key)
        images = _open(folder, key, dataset.label)
        assert images is not None, f"{folder} cannot be read back"
    note_use(folder / "meta.json")
    return images


def verify_decoded(dataset: Dataset, root: Path) -> bool | None:
    """Whether the decoded copy has the digest that it was written with; None where there is no copy.

    A damaged copy is removed, so that the next call makes it anew.
    """
    folder = _folder(dataset, _key(dataset, root))
    if not folder.is_dir():
        return None
    if decoded_fault(folder) is None:
        return True
    shutil.rmtree(folder, ignore_errors=True)
    return False


def decoded_fault(folder: Path) -> str | None:
    """What is wrong with a decoded copy, every byte compared by SHA-256; None where nothing is."""
    try:
        key = json.loads((folder / "meta.json").read_text(encoding="utf-8"))["key"]
    except (FileNotFoundError, ValueError, KeyError, TypeError, RecursionError) as error:
        return f"its meta.json cannot be used ({type(error).__name__})"
    images = _open(folder, key)
    if images is None:
        return "its bytes have changed"
    stored = vars(images).pop("digest")
    return None if images.digest == stored else f"its SHA-256 is {images.digest}, not {stored}"


def decoded(dataset: Dataset, root: Path) -> Images:
    """What ``load`` gives, checked. Raises BrokenPluginError, InvalidInputError, both with its name."""
    what = f"data set '{dataset.name()}' from {inspect.getsourcefile(type(dataset))}"
    try:
        with named(what):
            images = dataset.load(root)
            fault = _fault(images)
    except InvalidInputError as error:
        raise InvalidInputError(f"data set '{dataset.name()}': {error}") from error
    if fault is not None:
        raise BrokenPluginError(f"{what} is broken: load() gives {fault}")
    return images


def _fault(images: Any) -> str | None:
    """What is wrong with what a data set gives; None where nothing is."""
    if not isinstance(images, Images):
        return f"a {type(images).__name__}, not Images"
    if not len(images):
        return "no images"
    labels, names = images.labels, images.class_names
    if labels.dtype.kind not in "iu":
        return f"labels that are {labels.dtype}, not integers"
    if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
        return "class_names that are no tuple of texts"
    low, high = int(labels.min()), int(labels.max())
    last = 1 if images.multi_label else len(names) - 1
    if low < 0 or high > last:
        return f"labels from {low} to {high}; they must be from 0 to {last}"
    if images.test is not None and images.test.dtype != np.bool_:
        return f"a test part that is {images.test.dtype}, not bool"
    return None


def _folder(dataset: Dataset, key: str) -> Path:
    return cache_root() / "decoded" / f"{dataset.name()}-{key[:16]}"


def _key(dataset: Dataset, root: Path) -> str:
    """What a decoded copy depends on."""
    stats = [(path, path.stat()) for path in dataset.sources(root)]
    return digest_of(
        {
            "format": FORMAT,
            "name": dataset.name(),
            "argument": dataset.argument,
            "code": hashlib.sha256(source_of(type(dataset))).hexdigest(),
            "files": [(os.path.relpath(path, root), stat.st_size, stat.st_mtime_ns) for path, stat in stats],
        }
    )


def _open(folder: Path, key: str, title: str = "") -> Images | None:
    """The decoded copy in a folder, as images of a name; None where there is none, or it is damaged or stale.

    A changed byte is found by a sum over all bytes (CRC-32, about a gigabyte a second), not by the digest.
    """
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        if meta.pop("sum") != zlib.crc32(json.dumps(meta).encode()):
            return None
        for name, expected in meta["arrays"].items():
            if sum_of(folder / f"{name}.npy") != expected:
                return None
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in meta["arrays"]}
        images = Images(class_names=tuple(meta["class_names"]), name=title, **arrays)
        vars(images)["digest"] = meta["digest"]  # fills the cached property: nothing is hashed again
        return images if meta["key"] == key else None
    except (
        FileNotFoundError,
        NotADirectoryError,
        EOFError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
    ):
        return None


def _write(images: Images, folder: Path, key: str) -> None:
    """Write a decoded copy that is whole or absent, even after a crash or with several writers."""
    arrays: dict[str, np.ndarray] = {"pixels": images.pixels, "labels": images.labels}
    if images.test is not None:
        arrays["test"] = images.test
    with staging(folder.parent) as temporary:
        for name, array in arrays.items():
            np.save(temporary / f"{name}.npy", array)
        meta: dict[str, Any] = {
            "key": key,
            "digest": images.digest,
            "class_names": images.class_names,
            "arrays": {name: sum_of(temporary / f"{name}.npy") for name in arrays},
        }
        meta["sum"] = zlib.crc32(json.dumps(meta).encode())
        (temporary / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
        if folder.exists() and _open(folder, key) is None:  # a damaged copy
            shutil.rmtree(folder, ignore_errors=True)
        try:
            temporary.rename(folder)
        except OSError:  # another process has put the same copy there in the meantime
            if _open(folder, key) is None:
                raise
