"""The report: one HTML file with tables, curves, ranks and a page per method, which needs no network.

jinja2 fills ``template.html``, plotly draws. The tables are native ones with a short script for sorting and
filtering: the one maintained widget that a Python package carries (itables, with DataTables) is 0.7 MB of a
module file that is not its interface, and writes cells as HTML unless told otherwise.
"""

from hashbench.reporting.report.page import make_report, write_report

__all__ = ["make_report", "write_report"]
