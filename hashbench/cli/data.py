"""``hashbench data``: fetch, import, verify and describe data sets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def get(*, names: Sequence[str], data_dir: Path | None, plugins: Sequence[Path]) -> int:
    """Download data sets and verify checksums. A failure leaves no half-written files."""
    from hashbench.images.store import data_root, dataset_from, download

    _register(plugins)
    root = data_root(data_dir)
    for name in names:
        written = download(dataset_from(name), root)
        did = f"{len(written)} files written to {root}" if written else "is there already"
        print(f"{name}: {did}")
    return 0


def import_(*, name: str, folder: Path, data_dir: Path | None, plugins: Sequence[Path]) -> int:
    """Copy a data set's files from your own folder and verify checksums."""
    from hashbench.images.store import data_root, dataset_from, import_folder

    _register(plugins)
    root = data_root(data_dir)
    print(f"{name}: {len(import_folder(dataset_from(name), root, folder))} files written to {root}")
    return 0


def verify(*, names: Sequence[str], data_dir: Path | None, plugins: Sequence[Path]) -> int:
    """Check that the files are there and undamaged, and all bytes of the decoded copy; 1 where it was not.

    Without names: all bytes of everything in the cache.
    """
    from hashbench.cli.caching import verify_cache
    from hashbench.images.store import data_root, dataset_from, verify_decoded
    from hashbench.images.store import verify as verify_files

    _register(plugins)
    root, code = data_root(data_dir), 0
    if not names:
        return verify_cache()
    for name in names:
        dataset = dataset_from(name)
        print(f"{name}: {verify_files(dataset, root)} files are as they should be")
        is_sound = verify_decoded(dataset, root)
        if is_sound is False:
            print(f"{name}: the decoded copy was damaged; it is removed, and the next run makes it anew")
            code = 1
        elif is_sound:
            print(f"{name}: the decoded copy is as it was written")
    return code


def info(*, names: Sequence[str], data_dir: Path | None, plugins: Sequence[Path]) -> int:
    """Describe data sets: images, classes, licence, digest, and their split under each protocol."""
    from hashbench.errors import InvalidInputError
    from hashbench.images.store import data_root, dataset_from, load_images
    from hashbench.plugins.registry import protocols

    _register(plugins)
    root = data_root(data_dir)
    for name in names:
        dataset = dataset_from(name)
        images = load_images(dataset, root)
        n, channels, height, width = images.pixels.shape
        test = "no official test part" if images.test is None else f"{images.test.sum():,} of them test"
        colours = "1 channel" if channels == 1 else f"{channels} channels"
        print(f"{name}: {n:,} images of {height} x {width}, {colours}, {test}")
        print(f"  classes: {', '.join(images.class_names)}")
        print(f"  licence: {dataset.licence or 'not stated'}")
        print(f"  sha256:  {images.digest}")
        known = protocols().values()
        width = max(len(protocol.name) for protocol in known) + 2
        for protocol in known:
            try:
                split = protocol.task.split(images, dataset.name()).description
            except InvalidInputError as error:
                split = f"cannot be used: {error}"
            print(f"  {protocol.name + ':':{width}}{split}")
    return 0


def _register(plugins: Sequence[Path]) -> None:
    from hashbench.plugins.registry import register_file

    for file in plugins:
        register_file(file)
