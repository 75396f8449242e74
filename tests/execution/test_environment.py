"""A record says what it was computed on."""

import platform
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import features

from hashbench import __version__
from hashbench.execution import environment
from hashbench.execution.environment import describe_environment

ROOT = Path(__file__).parents[2]


def test_versions_and_hardware():
    found = describe_environment(torch.device("cpu"))
    assert found.versions["hashbench"] == __version__
    assert found.versions["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert found.versions["python"] == platform.python_version()
    assert found.versions["libjpeg"] in {
        f"turbo {features.version('libjpeg_turbo')}",
        features.version("jpg"),
    }
    assert (found.device, found.threads) == ("cpu", torch.get_num_threads())
    assert found.cores >= 1
    assert found.cpu.strip()
    assert found.precision in {"float32", "bfloat16 autocast"}


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a checkout: there is no commit to record")
def test_the_commit_of_the_checkout():
    def git(*arguments):
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True).stdout.strip()

    commit = describe_environment(torch.device("cpu")).commit
    assert commit is not None
    assert git("cat-file", "-t", commit.rstrip("+")) == "commit"


def test_a_copy_without_its_history_is_told_its_commit(monkeypatch):
    monkeypatch.setattr(environment, "__file__", "/copy/hashbench/execution/environment.py")
    monkeypatch.setenv("HASHBENCH_COMMIT", "05bce7e00000")
    environment._commit.cache_clear()
    assert environment._commit() == "05bce7e00000"
    monkeypatch.delenv("HASHBENCH_COMMIT")
    environment._commit.cache_clear()
    assert environment._commit() is None
    environment._commit.cache_clear()


def test_a_package_that_is_not_installed_is_said_and_ends_no_run(monkeypatch):
    monkeypatch.setattr(environment, "PACKAGES", ("numpy", "no-such-package"))
    versions = describe_environment(torch.device("cpu")).versions
    assert versions["numpy"] == np.__version__
    assert versions["no-such-package"] == "not there"
