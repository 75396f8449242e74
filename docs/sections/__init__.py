"""The parts of ``docs/metrics.py``."""
