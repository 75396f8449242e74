"""Tables from records: ``build_tables`` makes them, ``render`` prints them."""

from hashbench.reporting.build import build_tables
from hashbench.reporting.formats import FORMATS, render

__all__ = ["FORMATS", "build_tables", "render"]
