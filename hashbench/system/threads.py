"""How many threads compute.

Sums of floating-point numbers depend on how they are split, so that another number of threads gives
other last digits, and training gives other weights. A cell therefore computes with one fixed number, whatever
else runs beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

# Unless a run says otherwise; the same on every machine, so that numbers change as little as possible.
THREADS, THREADS_OF_SMALL = 2, 1  # of a cell; of one on a small data set
_most: int | None = None  # what ``use_threads`` has said; None: nothing


def cores() -> int:
    """How many cores this process may use: by the machine, its affinity and its container's quota."""
    from dask.system import cpu_count

    return cpu_count()


def use_threads(n: int) -> None:
    """Let torch and the linear algebra below numpy and scipy compute with ``n`` threads from now on.

    What asks ``within_limit``, as evaluation does, computes with no more either.
    """
    global _most
    import scipy.linalg  # noqa: F401  loads its linear algebra, which can be told only once it is there
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(n)
    threadpool_limits(n)
    _most = n


def within_limit(n: int) -> int:
    """``n`` threads, or as many as ``use_threads`` allows where these are fewer."""
    return n if _most is None else min(n, _most)


@contextmanager
def threads_put_back() -> Iterator[None]:
    """Restore the number of threads of this process after the block."""
    global _most
    import torch
    from threadpoolctl import threadpool_info, threadpool_limits

    before, most = torch.get_num_threads(), _most
    of_libraries = {pool["prefix"]: pool["num_threads"] for pool in threadpool_info()}
    try:
        yield
    finally:
        _most = most
        torch.set_num_threads(before)
        threadpool_limits(of_libraries)
