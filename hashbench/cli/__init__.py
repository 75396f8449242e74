"""The command line: the only subpackage that parses options, prints and sets exit codes.

Exit codes: 0 done; 1 some cells or checks failed; 2 the call was wrong; 3 data are missing; 130
interrupted (143 by SIGTERM, 129 by SIGHUP).
A command's module is imported when the command is called, so that ``--help`` is fast.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from hashbench.cli.parser import make_parser
from hashbench.errors import HashbenchError, UnknownNameError
from hashbench.system.output import steady_output
from hashbench.system.sharing import shareable_command
from hashbench.system.signals import exit_code, signals_stop
from hashbench.system.text import text_of, visible


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    Where standard output cannot be written, the work goes on. If its reader has gone, as in ``hashbench list
    methods | head``, that is no fault; on a full disk it is told, and the exit code is not 0.
    """
    atexit.register(gc.freeze)  # else Python's end looks for garbage among all that torch holds: two seconds
    with signals_stop(), steady_output() as output:
        code = _call(sys.argv[1:] if arguments is None else list(arguments))
        output.flush()
        if isinstance(output.fault, OSError) and not isinstance(output.fault, BrokenPipeError):
            code = _say(f"the output could not be written ({output.fault.strerror})", code or 1)
    sys.exit(code)


def _call(given: list[str]) -> int:
    """Run the command; its exit code."""
    parser = make_parser()
    if "_ARGCOMPLETE" in os.environ:  # the shell asks what a word may be
        from hashbench.cli.completion import complete

        complete(parser)
    if not given:
        parser.print_help(sys.stderr)
        return 2
    options = vars(parser.parse_args(given))
    if "command" in options:  # only for commands that write it into records
        options["command"] = shareable_command(["hashbench", *given])
    module, _, function = options.pop("call").rpartition(".")
    try:
        code: int = getattr(import_module(f"hashbench.cli.{module}"), function)(**options)
        return code
    except HashbenchError as error:
        return _say(f"{error}{_hint(error)}", error.exit_code)
    except KeyboardInterrupt as stop:
        print("stopped", file=sys.stderr)
        return exit_code(stop)
    except BaseException as error:
        from hashbench.plugins.guard import failing_file

        culprit = failing_file(error)
        if culprit is not None:
            return _say(f"plugin '{culprit}' is broken: {type(error).__name__}: {text_of(error)}", 2)
        if isinstance(error, OSError):  # of a file or folder that was named, as one with too long a name
            return _say(f"{text_of(error)}; give another path", 2)
        if isinstance(error, MemoryError):
            return _say(f"there is not enough memory ({text_of(error)}); ask for less", 1)
        raise  # our own fault: with its traceback


def _say(message: str, code: int) -> int:
    print(f"error: {visible(message)}", file=sys.stderr)
    return code


def _hint(error: HashbenchError) -> str:
    """What to add where the unknown name is that of a file or folder here, or several names in one."""
    if not isinstance(error, UnknownNameError):
        return ""
    if "," in error.name:
        return "; names of a list have a space between them, no comma"
    if error.kind in {"dataset", "plugin"} and os.path.isdir(error.name):
        return f"; a folder {error.name} is here: folder:{error.name}"
    file = f"{error.name}.py"
    there = os.path.isfile(file)  # Path.is_file() raises where a name is too long
    return f"; {file} is in this folder: add --plugin {file}" if there else ""
