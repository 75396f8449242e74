"""What is shared names no folder of the machine that it was made on."""

import pytest

from hashbench.records import Failure
from hashbench.system.sharing import shareable_command


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["run", "--out", "/home/me/runs", "-b", "12"], "run --out runs -b 12"),
        (["--out=/home/John Smith/my runs"], "'--out=my runs'"),
        (["folder:/data/photos,size=64"], "folder:photos,size=64"),
        (["folder:/home/a/x,folder:/home/b/y,digits"], "folder:x,folder:y,digits"),
        (["clip=~me/rows.npy"], "clip=rows.npy"),
        (["C:\\Users\\me\\runs"], "runs"),
        (["--out", "runs/today", "-m", "mu_liu (scale=1.0)"], "--out runs/today -m 'mu_liu (scale=1.0)'"),
    ],
)
def test_of_an_absolute_path_the_last_part_stays(given, kept):
    assert shareable_command(given) == kept


def test_a_traceback_names_files_without_their_home():
    try:
        raise ValueError("no")
    except ValueError as error:
        failure = Failure.of(error)
    assert "test_sharing.py" in failure.traceback
    assert __file__ not in failure.traceback
