"""The source of a lambda: which of those on its lines it is."""

from __future__ import annotations

import ast
import linecache
import types
from typing import Any

from .._base import fail


def lambda_of(function: types.FunctionType) -> ast.FunctionDef:
    """A lambda as a function that returns its expression, with the places of the file.

    Raises SyntaxError where the file has no such lambda, Error{unsupported} where several are and nothing tells which.
    """
    code = function.__code__
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    alike = [
        n for n in _lambdas(code.co_filename) if n.lineno == code.co_firstlineno and _parameters(n.args) == parameters
    ]
    place = _range_of(code)
    if place is None and len({ast.dump(n) for n in alike}) > 1:
        fail(
            "unsupported",
            f"to_static: this Python does not say which of the lambdas of {code.co_filename}:{code.co_firstlineno} this is (give each a line, or use def)",
        )
    inside = [n for n in alike if place is None or _holds(n.body, place)]
    found = min(inside, key=lambda n: _size(n.body), default=None)
    if found is None:
        raise SyntaxError("no lambda")
    made = ast.parse("def lambda_():\n    pass").body[0]
    assert isinstance(made, ast.FunctionDef)
    made.args, made.body = found.args, [ast.copy_location(ast.Return(found.body), found.body)]
    return ast.copy_location(made, found)


def _lambdas(file: str) -> list[ast.Lambda]:
    return [n for n in ast.walk(ast.parse("".join(linecache.getlines(file)))) if isinstance(n, ast.Lambda)]


def _parameters(a: ast.arguments) -> tuple[str, ...]:
    return tuple(p.arg for p in (*a.posonlyargs, *a.args, *a.kwonlyargs))


def _range_of(code: types.CodeType) -> Any:
    """Where the instructions of a lambda's expression stand; None where Python keeps no columns."""
    places = getattr(code, "co_positions", lambda: ())()
    known = [p for p in places if None not in p and p[3] > 0]  # those of no column are of the call itself
    if not known:
        return None
    return min((line, column) for line, _, column, _ in known), max((line, column) for _, line, _, column in known)


def _holds(body: ast.expr, place: Any) -> bool:
    end = body.end_lineno or body.lineno, body.end_col_offset or 0
    return (body.lineno, body.col_offset) <= place[0] and place[1] <= end


def _size(body: ast.expr) -> tuple[int, int]:
    lines = (body.end_lineno or body.lineno) - body.lineno
    return lines, (body.end_col_offset or 0) - body.col_offset
