"""The command line's work as functions."""

from hashbench.api.results import compare, report, verify
from hashbench.api.running import Run, get_method, load, load_dataset, prepare, run

__all__ = ["Run", "compare", "get_method", "load", "load_dataset", "prepare", "report", "run", "verify"]
