import hashlib
import os
import threading

import numpy as np
import pytest

from hashbench.contracts.recipe import Invariances
from hashbench.errors import InvalidInputError, MissingDataError, UnknownNameError
from hashbench.images import store
from hashbench.images.store import cache_root, data_root, dataset_from, load_images


def leftovers(cache):
    return [path.name for path in (cache / "decoded").iterdir() if path.name.startswith(".")]


def test_roots_follow_argument_then_environment(tmp_path, monkeypatch):
    assert cache_root() == tmp_path / "cache"
    assert data_root() == tmp_path / "cache" / "data"
    monkeypatch.setenv("HASHBENCH_DATA", str(tmp_path / "elsewhere"))
    assert data_root() == tmp_path / "elsewhere"
    assert data_root(tmp_path / "given") == tmp_path / "given"
    monkeypatch.delenv("HASHBENCH_CACHE")
    assert "hashbench" in str(cache_root())


def test_loaded_images_are_the_decoded_ones_and_mapped(tiny, root):
    decoded = tiny().load(root)
    for images in (load_images(tiny(), root), load_images(tiny(), root)):
        assert isinstance(images.pixels, np.memmap)
        assert not images.pixels.flags.writeable
        np.testing.assert_array_equal(images.pixels, decoded.pixels)
        np.testing.assert_array_equal(images.labels, decoded.labels)
        np.testing.assert_array_equal(images.test, decoded.test)
        assert images.labels.dtype == np.int64
        assert images.class_names == ("a", "b", "c")
        assert images.digest == decoded.digest


def test_second_load_neither_decodes_nor_hashes(tiny, root, monkeypatch):
    digest = load_images(tiny(), root).digest

    def never(*args):
        raise AssertionError("the decoded copy was not used")

    monkeypatch.setattr(tiny, "load", never)
    monkeypatch.setattr(store, "verify", never)
    monkeypatch.setattr("hashlib.sha256", lambda data=b"": _SmallOnly(data))
    assert load_images(tiny(), root).digest == digest


SHA256 = hashlib.sha256


class _SmallOnly:
    """SHA-256 that refuses arrays: file names and code may be hashed again, pixels not."""

    def __init__(self, data):
        assert isinstance(data, bytes)
        self.hexdigest = SHA256(data).hexdigest

    def update(self, data):
        raise AssertionError("an array was hashed again")


def test_changed_source_is_decoded_again(tiny, content, root, monkeypatch):
    first = load_images(tiny(), root)
    labels = root / "tiny/raw/labels-ubyte"
    labels.write_bytes(bytes([2, 1, 0, 0, 1, 2]))
    monkeypatch.setattr(tiny, "checksums", {})
    changed = load_images(tiny(), root)
    assert changed.labels.tolist() == [2, 1, 0, 0, 1, 2]
    assert changed.digest != first.digest
    # same size and content, other time: decoded again, same digest
    os.utime(labels, ns=(1, 1))
    seen = []
    decode = tiny.load
    monkeypatch.setattr(tiny, "load", lambda self, root: seen.append(1) or decode(self, root))
    assert load_images(tiny(), root).digest == changed.digest
    assert seen == [1]


def test_damaged_source_is_not_decoded(tiny, root, cache):
    (root / "tiny/raw/pixels-ubyte").write_bytes(bytes(72))
    with pytest.raises(MissingDataError, match=r"pixels-ubyte is damaged.*hashbench data get"):
        load_images(tiny(), root)
    assert not cache.exists()


@pytest.mark.parametrize("harm", ["no meta", "cut pixels", "no labels"])
def test_damaged_copy_is_made_again(tiny, root, cache, harm):
    digest = load_images(tiny(), root).digest
    (folder,) = (cache / "decoded").iterdir()
    if harm == "no meta":
        (folder / "meta.json").unlink()
    elif harm == "no labels":
        (folder / "labels.npy").unlink()
    else:
        (folder / "pixels.npy").write_bytes((folder / "pixels.npy").read_bytes()[:-10])
    with pytest.warns(UserWarning, match="is damaged"):
        images = load_images(tiny(), root)
    assert images.digest == digest
    np.testing.assert_array_equal(images.pixels, tiny().load(root).pixels)


def test_interrupted_write_leaves_nothing(tiny, root, cache, monkeypatch):
    save = np.save

    def interrupted(path, array):
        if path.name == "labels.npy":
            raise KeyboardInterrupt
        save(path, array)

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            load_images(tiny(), root)
    assert list((cache / "decoded").iterdir()) == []
    assert len(load_images(tiny(), root)) == 6


def test_concurrent_first_loads_agree(tiny, root, cache, monkeypatch):
    together, decode, digests = threading.Barrier(4), tiny.load, []

    def load(self, root):
        together.wait(timeout=20)  # all four have found no copy
        return decode(self, root)

    monkeypatch.setattr(tiny, "load", load)
    threads = [
        threading.Thread(target=lambda: digests.append(load_images(tiny(), root).digest)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert digests == [decode(tiny(), root).digest] * 4
    assert len(list((cache / "decoded").iterdir())) == 1
    assert leftovers(cache) == []


def test_missing_data_says_where_and_what_to_do(tiny, tmp_path):
    with pytest.raises(MissingDataError) as caught:
        load_images(tiny(), tmp_path / "nowhere")
    message = str(caught.value)
    name = tiny.name()
    for part in (
        str(tmp_path / "nowhere"),
        f"hashbench data get {name}",
        f"hashbench data import {name} FOLDER",
        "tiny/raw/labels-ubyte",
        "digits",
    ):
        assert part in message
    assert "\n" not in message
    assert caught.value.exit_code == 3
    assert not (tmp_path / "nowhere").exists()


def test_cache_that_cannot_be_written(tiny, root, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(InvalidInputError, match="HASHBENCH_CACHE"):
        load_images(tiny(), root)


def test_dataset_from_spec(tmp_path):
    digits = dataset_from("digits")
    assert (digits.name(), digits.spec, digits.label) == ("digits",) * 3
    assert digits.invariances == Invariances(mirror=False, occlude=False)
    assert dataset_from("cifar10").invariances == Invariances(mirror=True, occlude=True)
    assert dataset_from(f"folder:{tmp_path}").argument == str(tmp_path)
    with pytest.raises(UnknownNameError, match="did you mean 'digits'"):
        dataset_from("digit")
    with pytest.raises(InvalidInputError, match="takes no argument"):
        dataset_from("digits:8")
