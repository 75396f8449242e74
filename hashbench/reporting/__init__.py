"""Tables and comparisons of records: ``build_tables`` and ``compare`` make them, ``render`` prints tables."""

from hashbench.reporting.build import build_tables
from hashbench.reporting.comparison import Comparison, compare
from hashbench.reporting.formats import FORMATS, render
from hashbench.reporting.queries import QueryValues
from hashbench.reporting.selection import only

__all__ = ["FORMATS", "Comparison", "QueryValues", "build_tables", "compare", "only", "render"]
