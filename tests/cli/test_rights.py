"""Folders and files that an ordinary user may not write or read."""

import pytest

pytestmark = pytest.mark.usefixtures("ordinary")


@pytest.fixture
def read_only():
    """Make folders read-only until the test ends."""
    changed = []

    def close(*folders):
        for folder in folders:
            folder.chmod(0o500)
            changed.append(folder)

    yield close
    for folder in changed:
        folder.chmod(0o700)


@pytest.mark.parametrize("kind", ["method", "dataset", "feature"])
def test_new_where_nothing_can_be_written(call, tmp_path, read_only, kind):
    read_only(tmp_path)
    said = call("new", kind, "mine").refused(2)
    assert "mine.py" in said
    assert str(tmp_path) in said


def test_new_where_only_the_test_cannot_be_written_leaves_nothing(call, tmp_path, read_only):
    (tmp_path / "methods").mkdir()
    (tmp_path / "tests" / "methods").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "hashbench"\n')
    read_only(tmp_path / "tests" / "methods")
    assert "mine.py" in call("new", "method", "mine").refused(2)
    assert not list(tmp_path.rglob("*mine*"))


def test_new_beside_a_project_file_that_cannot_be_read(call, tmp_path):
    (tmp_path / "methods").mkdir()
    (tmp_path / "pyproject.toml").touch(mode=0)
    assert call("new", "method", "mine").code == 0
    assert (tmp_path / "mine.py").exists()


def test_a_read_only_folder_of_records_is_read_where_nothing_is_to_do(small, tmp_path, read_only):
    assert small("random").code == 0
    before = sorted(tmp_path.rglob("*"))
    read_only(*(path for path in before if path.is_dir()))
    again = small("random")
    assert again.code == 0
    assert "0 cells in 0 s, 1 done before" in again.out
    more = small("random", "lsh")
    assert more.code == 2
    assert "runs' (Permission denied)" in more.err
    assert sorted(tmp_path.rglob("*")) == before
