"""Tables and comparisons of records: ``build_tables``, ``compare_rows``; ``render`` prints tables."""

from hashbench.reporting.build import build_tables
from hashbench.reporting.comparison import Comparison, compare_rows
from hashbench.reporting.formats import FORMATS, render
from hashbench.reporting.selection import only
from hashbench.reporting.units import UnitValues

__all__ = ["FORMATS", "Comparison", "UnitValues", "build_tables", "compare_rows", "only", "render"]
