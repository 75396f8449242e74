"""A file that is written is whole or absent, and a disk that does not take it is named."""

import contextlib
import errno
import re
from pathlib import Path

import pytest

from hashbench.errors import InvalidInputError
from hashbench.system.atomic import atomic_file


def test_a_file_appears_whole_in_a_new_folder(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    with atomic_file(path) as file:
        file.write(b"one, ")
        assert not path.exists()
        file.write(b"two")
    assert path.read_bytes() == b"one, two"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_is_half_written_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with contextlib.suppress(error), atomic_file(path) as file:
        file.write(b"ne")
        raise error
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_an_error_that_says_so(tmp_path):
    with (
        pytest.raises(InvalidInputError, match=r"cannot write '.*file' \(No space left on device\); choose"),
        atomic_file(tmp_path / "file"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_way_of_the_folder(tmp_path):
    (tmp_path / "a").touch()
    with (
        pytest.raises(InvalidInputError, match=r"cannot write '.*a.b' \(.*\); choose"),
        atomic_file(tmp_path / "a" / "b"),
    ):
        pass


@pytest.mark.parametrize("path", [".", ".."])
def test_a_folder_in_place_of_a_file_is_an_error_that_names_it(tmp_path, monkeypatch, path):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with (
        pytest.raises(
            InvalidInputError, match=rf"cannot write '{re.escape(path)}' \(it is no regular file\)"
        ),
        atomic_file(Path(path)),
    ):
        raise AssertionError("there is nothing to write to")
    assert [file.name for file in tmp_path.rglob("*")] == ["here"]
