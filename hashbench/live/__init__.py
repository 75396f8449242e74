"""What a run shows while it runs: on a terminal, in a notebook, or line by line in a file."""

from hashbench.live.display import Display, error_console, is_live
from hashbench.live.lines import failure_line, name_of

__all__ = ["Display", "error_console", "failure_line", "is_live", "name_of"]
