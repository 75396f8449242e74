"""Records: the result of one cell of the grid, as one JSON file.

A cell is done when its record exists. A failed cell has a record too, with the traceback; the next run
tries it again. Everything that tables and reports print comes from here.
"""

from hashbench.records.files import (
    look_up,
    read_record_files,
    read_records,
    read_sound_files,
    to_frame,
    write_record,
)
from hashbench.records.plain import recordable
from hashbench.records.schema import Card, Cell, Digests, Environment, Failure, Record, Rescoring
from hashbench.records.values import save_values

__all__ = [
    "Card",
    "Cell",
    "Digests",
    "Environment",
    "Failure",
    "Record",
    "Rescoring",
    "look_up",
    "read_record_files",
    "read_records",
    "read_sound_files",
    "recordable",
    "save_values",
    "to_frame",
    "write_record",
]
