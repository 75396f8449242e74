"""How many threads compute.

Sums of floating-point numbers depend on how they are shared out, so that another number of threads gives
other last digits, and a training other weights. A cell therefore computes with one fixed number, whatever
else runs beside it.
"""

from __future__ import annotations

THREADS = (
    2  # unless a run says otherwise; the same on every machine, so that numbers move as little as may be
)


def use_threads(n: int) -> None:
    """Let torch and the linear algebra below numpy and scipy compute with ``n`` threads from now on."""
    import scipy.linalg  # noqa: F401  loads its linear algebra, which can be told only once it is there
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(n)
    threadpool_limits(n)
