"""Learning-to-hash methods under the same protocols, with exact metrics."""

__version__ = "0.1.0"
