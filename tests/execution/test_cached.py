"""A file that cannot be read now is not taken for a damaged one."""

import errno
import warnings

import pytest
import torch

from hashbench.execution.context import _cached

OF_THE_MACHINE = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"),
    RuntimeError("CUDA error: an illegal memory access was encountered"),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    PermissionError(errno.EACCES, "Permission denied"),
    OSError(errno.EMFILE, "Too many open files"),
]


@pytest.mark.parametrize("error", OF_THE_MACHINE, ids=lambda error: f"{type(error).__name__}-{error}"[:40])
def test_what_cannot_be_read_now_is_left_as_it_is(tmp_path, error):
    def read():
        raise error

    def compute():
        raise AssertionError("a good file was overwritten")

    with pytest.raises(type(error)):
        _cached(tmp_path / "network.pt", read, compute)


@pytest.mark.parametrize(
    "error", [EOFError(), ValueError("no magic"), RuntimeError("PytorchStreamReader failed")]
)
def test_what_is_damaged_is_computed_again(tmp_path, error):
    made = []

    def read():
        if not made:
            raise error
        return made[0]

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert _cached(tmp_path / "network.pt", read, lambda: made.append(1)) == 1
    assert "is damaged" in str(caught[0].message)
