"""Where several processes share the tests (``pytest -n 2``), each computes with one thread."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # before torch is imported; threads that wait for each other are slow
    os.environ.setdefault("OMP_NUM_THREADS", "1")
