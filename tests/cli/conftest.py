"""The command line called in this process, in an empty folder, with the bundled digits decoded once."""

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
