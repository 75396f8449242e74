"""Plugins in single files follow their files, in one process too."""

import os

import pytest

from hashbench.contracts.method import HashMethod
from hashbench.errors import BrokenPluginError
from hashbench.identity.source import method_digest
from hashbench.plugins.registry import find, register_file

METHOD = '''"""A method (test)."""
from hashbench.contracts.method import HashMethod
class Own(HashMethod):
    pass
'''


def test_a_changed_file_is_imported_again_and_its_digest_is_of_what_was_imported(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(METHOD.replace("pass", "n_iter: int = 3"))
    register_file(path)
    before = find("method", "own")
    digest = method_digest(before)
    register_file(path)
    assert find("method", "own") is before
    stat = path.stat()
    path.write_text(METHOD.replace("pass", "n_iter: int = 4"))
    os.utime(
        path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1)
    )  # an edit in the same second, of the same size
    assert method_digest(find("method", "own")) == digest
    register_file(path)
    assert find("method", "own")().n_iter == 4
    assert method_digest(find("method", "own")) != digest
    path.write_text("class Own(:")
    register_file(path)
    with pytest.raises(BrokenPluginError, match="invalid syntax"):
        find("method", "own")
    path.write_text(METHOD)
    register_file(path)
    assert issubclass(find("method", "own"), HashMethod)
