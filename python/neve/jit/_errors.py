"""Where in the user's file an error of a capture arose: the line, and a caret under the place."""

from __future__ import annotations

import itertools
import linecache
import os
from types import TracebackType

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _place(traceback: TracebackType | None) -> tuple[str, int, int, int] | None:
    """(file, line, first column, last column) of the innermost frame that is not of this package."""
    found = None
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not code.co_filename.startswith((_HERE, "<")):
            at = next(itertools.islice(code.co_positions(), traceback.tb_lasti // 2, None), None)
            line = traceback.tb_lineno
            same = at is not None and at[0] == line and at[1] == line and at[2] is not None and at[3] is not None
            found = (code.co_filename, line, at[2] if same else -1, at[3] if same else -1)  # type: ignore[index]
        traceback = traceback.tb_next
    return found  # type: ignore[return-value]


def locate(error: BaseException) -> None:
    """Adds the place to the text of an error, once."""
    place = _place(error.__traceback__)
    if place is None or getattr(error, "__neve_located__", False):
        return
    file, line, first, last = place
    text = str(error)
    lines = [] if f"at {file}:{line}" in text else [f"  at {file}:{line}"]
    source = linecache.getline(file, line).rstrip("\n")
    if source.strip():
        indent = len(source) - len(source.lstrip())
        first, last = (first, last) if indent <= first < last <= len(source) else (indent, len(source))
        lines += ["    " + source[indent:], "    " + " " * (first - indent) + "^" * (last - first)]
    error.args = ("\n".join([text, *lines]),)
    error.__neve_located__ = True  # type: ignore[attr-defined]
