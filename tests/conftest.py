"""Two processes that share the tests (``pytest -n 2``) compute with one thread each; Ctrl-C is heard."""

import os
import signal

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # before torch is imported; threads that wait for each other are slow
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def ctrl_c():
    """Ctrl-C is KeyboardInterrupt, also where the tests run in the background and a shell has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
