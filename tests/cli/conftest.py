"""The command line called in this process, in an empty folder, with the bundled digits decoded once."""

import ctypes
import os
from dataclasses import dataclass

import pytest

from hashbench.cli import main
from hashbench.plugins import registry


@dataclass(frozen=True)
class Called:
    code: int
    out: str
    err: str

    def refused(self, code: int) -> str:
        """The message of a call that was refused: one line, nothing else, the right exit code."""
        assert self.code == code
        assert self.out == ""
        assert self.err.startswith("error: ")
        assert self.err.count("\n") == 1
        assert self.err.endswith("\n")
        return self.err.removeprefix("error: ").strip()


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def folders(shared_cache, tmp_path, monkeypatch):
    monkeypatch.setenv("HASHBENCH_CACHE", str(shared_cache))
    for name in ("HASHBENCH_DATA", "COLUMNS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(registry, "_FILES", {})
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def call(capsys):
    """Call ``hashbench`` with these arguments."""

    def run(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Called(ended.value.code, captured.out, captured.err)

    return run


@pytest.fixture
def small(call):
    """``hashbench run`` of a few methods on pixels at 8 bits, on the CPU."""

    def run(*methods, more=()):
        return call("run", "-m", *methods, "--features", "pixels", "-b", 8, "--device", "cpu", *more)

    return run


CAPABILITIES = 0x20080522  # the version of Linux's calls
MAY_WRITE_AND_READ_ALL = 0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH


@pytest.fixture
def ordinary():
    """The rights of files hold for this test, also where root runs it; root gets its own back afterwards."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = (ctypes.c_uint32 * 2)(CAPABILITIES, 0), (ctypes.c_uint32 * 6)()
    if not hasattr(libc, "capset") or libc.capget(header, sets) != 0:
        pytest.skip("root cannot give up its rights on this system")
    before = sets[0]  # the first of six: what counts now
    sets[0] = before & ~MAY_WRITE_AND_READ_ALL
    assert libc.capset(header, sets) == 0
    yield
    sets[0] = before
    assert libc.capset(header, sets) == 0
