"""What a cell ran on: versions, hardware, working tree."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from hashbench.records import Environment
from hashbench.training.network import gains_from_bf16

PACKAGES = (
    *("hashbench", "torch", "torchvision", "numpy", "scipy", "scikit-learn", "numba"),
    *("pillow", "ImageHash", "pdqhash"),
)


def describe_environment(device: torch.device) -> Environment:
    """The environment of this process, computing on ``device``."""
    return Environment(
        versions={
            "python": platform.python_version(),
            **{name: _version(name) for name in PACKAGES},
            "libjpeg": _libjpeg(),
        },
        platform=platform.platform(),
        cpu=_cpu_name(),
        cores=os.cpu_count() or 1,
        threads=torch.get_num_threads(),
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        precision="bfloat16 autocast" if gains_from_bf16(device) else "float32",
        commit=_commit(),
    )


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # installed without what its methods do not need
        return "not there"


@cache
def _libjpeg() -> str:
    """The version of the library that decides the bytes of a JPEG file, and what is read from it."""
    from PIL import features

    turbo = features.version("libjpeg_turbo")
    return f"turbo {turbo}" if turbo else features.version("jpg") or "not there"


@cache
def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


@cache
def _commit() -> str | None:
    """The commit of the working tree that hashbench is imported from, with "+" if it has changes.

    $HASHBENCH_COMMIT gives it for a copy without its own git history; None where it is unknown.
    """
    if "HASHBENCH_COMMIT" in os.environ:
        return os.environ["HASHBENCH_COMMIT"]
    folder = Path(__file__).parents[2]
    if not (folder / ".git").exists():
        return None

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--", "hashbench", "methods", "datasets")
        return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None
