"""Where in the user's file an error of a capture arose: the line, and a caret under the place."""

from __future__ import annotations

import dis
import itertools
import linecache
import os
import sys
import threading
from types import CodeType, FrameType, TracebackType

_local = threading.local()
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


def _shown(file: str, line: int, first: int = -1, last: int = -1) -> list[str]:
    """A line of the user's, and a caret under a part of it, or all of it."""
    source = linecache.getline(file, line).rstrip("\n")
    if not source.strip():
        return []
    indent = len(source) - len(source.lstrip())
    first, last = (first, last) if indent <= first < last <= len(source) else (indent, len(source))
    return ["    " + source[indent:], "    " + " " * (first - indent) + "^" * (last - first)]


def error_place(error: BaseException) -> str:
    """Where an error of the program arose, as its text ends."""
    place = _place(error.__traceback__)
    return "" if place is None else f"\n  at {place[0]}:{place[1]}"


def at(file: str, line: int) -> str:
    """A place of the user's, as errors end."""
    return "\n".join(["", f"  at {file}:{line}", *_shown(file, line)])


def here() -> str:
    """Where the program that is captured is now, as errors say it; where it begins, if it has returned."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith((_HERE, "<")):
        if frame.f_code.co_name == "_run" and (code := _local.program) is not None:
            return at(code.co_filename, code.co_firstlineno)
        frame = frame.f_back
    return "" if frame is None else at(frame.f_code.co_filename, frame.f_lineno)


def begin(code: CodeType | None) -> CodeType | None:
    """Says which function this thread captures; returns the one before."""
    before: CodeType | None = getattr(_local, "program", None)
    _local.program = code
    return before


def locate(error: BaseException, code: CodeType | None = None) -> None:
    """Adds the place to the text of an error, once: where it arose, else where the function begins whose code is given."""
    place = _place(error.__traceback__)
    text = str(error)
    if getattr(error, "__neve_located__", False):
        return
    if code is not None and (place is None or place[0] != code.co_filename) and "\n  at " not in text:
        place = (code.co_filename, code.co_firstlineno, -1, -1)
    if place is None:
        return
    file, line, *columns = place
    if f"at {file}:{line}\n    " in text:
        return
    lines = [] if f"at {file}:{line}" in text else [f"  at {file}:{line}"]
    error.args = ("\n".join([text, *lines, *_shown(file, line, *columns)]),)
    error.__neve_located__ = True  # type: ignore[attr-defined]


def stores(code: CodeType, name: str) -> str:
    """Where a function changes a variable or attribute, as errors say it, or uses it; "" where it does neither."""
    found = {True: 0, False: 0}
    for i in dis.get_instructions(code):
        if i.argval == name and i.positions is not None and i.positions.lineno:
            stored = i.opname in ("STORE_GLOBAL", "STORE_DEREF", "STORE_ATTR", "DELETE_ATTR")
            found[stored] = found[stored] or i.positions.lineno
    line = found[True] or found[False]
    return at(code.co_filename, line) if line else ""
