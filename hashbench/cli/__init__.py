"""The command line: the only subpackage that parses options, prints and sets exit codes.

Exit codes: 0 done; 1 some cells or checks failed; 2 the call was wrong; 3 data are missing; 130 interrupted.
A command's module is imported when the command is called, so that ``--help`` is fast.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from hashbench.cli.parser import make_parser
from hashbench.errors import HashbenchError, UnknownNameError
from hashbench.system.sharing import shareable_command
from hashbench.system.text import text_of


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = vars(make_parser().parse_args(given))
    if "command" in options:  # only for commands that write it into records
        options["command"] = shareable_command(["hashbench", *given])
    module, _, function = options.pop("call").rpartition(".")
    try:
        code = getattr(import_module(f"hashbench.cli.{module}"), function)(**options)
    except HashbenchError as error:
        print(f"error: {error}{_plugin_here(error)}", file=sys.stderr)
        code = error.exit_code
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        code = 130
    except BrokenPipeError:  # the reader of our output has gone, as in `hashbench list methods | head`
        sys.stderr.close()
        code = 0
    except BaseException as error:
        from hashbench.plugins.guard import failing_file

        culprit = failing_file(error)
        if culprit is None:  # our own fault: with its traceback
            raise
        print(
            f"error: plugin '{culprit}' is broken: {type(error).__name__}: {text_of(error)}", file=sys.stderr
        )
        code = 2
    sys.exit(code)


def _plugin_here(error: HashbenchError) -> str:
    """What to add where the unknown name is that of a file in the current folder."""
    file = f"{error.name}.py" if isinstance(error, UnknownNameError) else ""
    return f"; {file} is in this folder: add --plugin {file}" if file and Path(file).is_file() else ""
