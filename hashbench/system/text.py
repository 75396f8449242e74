"""Text from plugins, files and file names, which may hold anything, as text that can be kept and shown."""

from __future__ import annotations

import re
from collections.abc import Callable

# Control characters, the marks that turn the direction of text, and halves of characters (surrogates).
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str) -> str:
    r"""The text with lone surrogates, which no file can hold, as ``\udc80``."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def visible(text: str, keep: str = "") -> str:
    r"""The text with everything that a terminal would obey or hide as an escape: ``\x1b``, ``\n``.

    keep: characters that stay as they are.

    >>> visible("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    return _INVISIBLE.sub(lambda found: found[0] if found[0] in keep else _escape(found[0]), text)


def text_of(error: BaseException) -> str:
    """The message of an error from a plugin, which may fail to give one."""
    return _said(lambda: str(error), f"a {plain(type(error).__name__)} whose message cannot be read")


def repr_of(value: object) -> str:
    """The ``repr`` of a value from a plugin, which may fail to give one."""
    return _said(lambda: repr(value), f"a {plain(type(value).__name__)} that cannot be shown")


def _said(say: Callable[[], str], otherwise: str) -> str:
    try:
        return plain(say())
    except KeyboardInterrupt:
        raise
    except BaseException:  # SystemExit too
        return otherwise


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
