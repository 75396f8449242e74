"""A changed byte in a file that is kept is found, wherever it is."""

import random
import zipfile
import zlib

import numpy as np
import pytest
import torch

from hashbench.system.integrity import array_is_sound, check_members, note_use, save_array, sum_of


@pytest.fixture
def array(tmp_path):
    path = tmp_path / "rows.npy"
    with path.open("wb") as stream:
        save_array(stream, path, np.arange(300, dtype=np.float32).reshape(20, 15))
    return path


def test_an_array_with_a_sum_is_an_array(array):
    for mode in (None, "r"):
        rows = np.load(array, mmap_mode=mode)
        assert rows.tolist() == np.arange(300).reshape(20, 15).tolist()
    assert array_is_sound(array) is True


def test_any_changed_byte_is_found(array):
    content, draw = array.read_bytes(), random.Random(0)
    for at in (0, 130, len(content) - 17, len(content) - 1, *draw.choices(range(len(content)), k=200)):
        changed = bytearray(content)
        changed[at] ^= 1 << draw.randrange(8)
        array.write_bytes(changed)
        assert array_is_sound(array) is not True
    array.write_bytes(content[:-1])
    assert array_is_sound(array) is not True


def test_an_array_without_a_sum_is_not_called_sound(tmp_path):
    np.save(tmp_path / "old.npy", np.arange(300))
    assert array_is_sound(tmp_path / "old.npy") is None


def test_the_sum_is_the_known_one(tmp_path):
    (tmp_path / "file").write_bytes(b"123456789")
    assert sum_of(tmp_path / "file") == 0xCBF43926  # the check value of CRC-32
    assert sum_of(tmp_path / "file", but_last=4) == zlib.crc32(b"12345")


def test_a_changed_byte_of_a_network_is_found(tmp_path):
    path = tmp_path / "network.pt"
    torch.save({"weight": torch.arange(1000.0)}, path)
    check_members(path)
    content = bytearray(path.read_bytes())
    content[content.index(torch.arange(1000.0).numpy().tobytes()) + 2000] ^= 1
    path.write_bytes(content)
    assert torch.load(path, weights_only=True)["weight"].shape == (1000,)  # which is why we check
    with pytest.raises(zipfile.BadZipFile):
        check_members(path)


def test_a_file_of_another_user_may_be_used(tmp_path):
    note_use(tmp_path / "absent")
