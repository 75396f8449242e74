"""Standard output and standard error that never stop the work: what cannot be written is left out."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TextIO

from hashbench.system.text import visible

_ASCII = str.maketrans({"±": "+-", "·": "-", "–": "-", "—": "-", "−": "-", "†": "+", "‡": "++", "…": "~"})  # noqa: RUF001


class Output(io.TextIOBase):
    """A stream that takes any text, whatever becomes of what is behind it.

    Control characters are written as escapes. Characters that the stream's encoding lacks are replaced.
    After a failed write, as on a full disk or when the reader has gone, nothing more is written;
    ``fault`` says why.
    """

    def __init__(self, stream: TextIO | None, escape: bool = True) -> None:
        self.stream, self.escape = stream, escape
        self.fault: Exception | None = None

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream; rich draws with ASCII where it is not UTF-8."""
        return getattr(self.stream, "encoding", None) or "utf-8"

    def unescaped(self) -> _Unescaped:
        """The same stream for a writer that uses escape sequences itself, and escapes those of others."""
        return _Unescaped(self)

    def writable(self) -> bool:
        """Always."""
        return True

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        try:
            return self.stream is not None and self.stream.isatty()
        except ValueError:  # it is closed
            return False

    def fileno(self) -> int:
        """That of the stream. Raises OSError where it has none."""
        if self.stream is None:
            raise io.UnsupportedOperation("fileno")
        return self.stream.fileno()

    def write(self, text: str) -> int:
        """Write the text, as far as that is possible."""
        self.put(visible(text, keep="\n\t"))
        return len(text)

    def put(self, text: str) -> None:
        """Write the text with its control characters."""
        if self.stream is None or self.fault is not None:
            return
        if not self.encoding.lower().startswith("utf"):
            text = text.translate(_ASCII)
        try:
            self.stream.write(text.encode(self.encoding, "backslashreplace").decode(self.encoding))
        except (OSError, ValueError) as fault:  # ValueError: it is closed
            self.fault = fault

    def flush(self) -> None:
        """Hand on what is waiting, as far as that is possible."""
        if self.stream is not None and self.fault is None:
            try:
                self.stream.flush()
            except (OSError, ValueError) as fault:
                self.fault = fault


class _Unescaped(io.TextIOBase):
    """The stream of an ``Output``, to which control characters pass."""

    def __init__(self, output: Output) -> None:
        self.output = output

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.output.encoding

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self.output.isatty()

    def fileno(self) -> int:
        return self.output.fileno()

    def write(self, text: str) -> int:
        self.output.put(text)
        return len(text)

    def flush(self) -> None:
        self.output.flush()


@contextmanager
def steady_output() -> Iterator[Output]:
    """Make standard output and standard error ``Output`` in the block; gives the first of them."""
    out, err = Output(sys.stdout), Output(sys.stderr)
    with redirect_stdout(out), redirect_stderr(err):
        try:
            yield out
        finally:
            out.flush()
            err.flush()
            for output in (out, err):
                if output.fault is not None:
                    _forget(output.stream)


def _forget(stream: TextIO | None) -> None:
    """Lead a stream that cannot be written nowhere, so that Python's own last flush has no second fault."""
    try:
        number = stream.fileno() if stream is not None else None
    except (OSError, ValueError):
        return
    if number is not None and stream in (sys.__stdout__, sys.__stderr__):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)
