"""A decoded copy whose bytes have changed is not used."""

import numpy as np
import pytest

from hashbench.images.store import load_images, verify_decoded


def flip(file, at):
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("name", ["pixels", "labels", "test"])
@pytest.mark.parametrize("at", [-1, 130])
def test_a_flipped_byte_is_found_and_the_copy_made_anew(tiny, root, cache, name, at):
    first = load_images(tiny(), root)
    kept, digest = np.array(first.pixels), first.digest
    (file,) = cache.rglob(f"{name}.npy")
    flip(file, at)
    with pytest.warns(UserWarning, match="is damaged and is made again"):
        again = load_images(tiny(), root)
    assert again.digest == digest
    np.testing.assert_array_equal(again.pixels, kept)
    assert verify_decoded(tiny(), root)


def test_a_changed_name_or_digest_is_found(tiny, root, cache):
    load_images(tiny(), root)
    (file,) = cache.rglob("meta.json")
    text = file.read_text()
    for before, after in (('"a"', '"z"'), ('"digest": "', '"digest": "0')):
        assert before in text
        file.write_text(text.replace(before, after, 1))
        with pytest.warns(UserWarning, match="is damaged"):
            assert load_images(tiny(), root).class_names == ("a", "b", "c")
        assert file.read_text() == text


def test_verify_says_what_is_there(tiny, root, cache):
    assert verify_decoded(tiny(), root) is None
    load_images(tiny(), root)
    assert verify_decoded(tiny(), root) is True
    (file,) = cache.rglob("pixels.npy")
    flip(file, -1)
    assert verify_decoded(tiny(), root) is False
    assert not file.exists()
