"""Whole functions: which are the user's, their source, and their converted forms."""

from __future__ import annotations

import ast
import inspect
import os
import sysconfig
import textwrap
import threading
import types
import weakref
from collections.abc import Callable
from typing import Any

from .._base import fail
from ._lambdas import lambda_of
from ._names import FLAG, STAGE
from ._transform import convert_function

_cache: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
_lock = threading.RLock()
_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_LIBRARIES = tuple(
    os.path.realpath(p) + os.sep
    for p in {
        sysconfig.get_path("stdlib"),
        sysconfig.get_path("platstdlib"),
        sysconfig.get_path("purelib"),
        sysconfig.get_path("platlib"),
    }
    if p
)


def is_user_code(function: Any) -> bool:
    """Whether a function is one to convert: Python, neither of this package nor of an installed library."""
    code = getattr(function, "__code__", None)
    if (
        code is None
        or getattr(function, "__neve_converted__", False)
        or getattr(function, "__neve_not_to_static__", False)
        or STAGE in code.co_freevars  # an inner function of a converted one
    ):
        return False
    name = code.co_filename
    if name.startswith(_HERE) or name.startswith("<frozen") or not os.path.isfile(name):
        return False
    return not os.path.realpath(name).startswith(_LIBRARIES)


def _tree_of(function: types.FunctionType) -> tuple[ast.FunctionDef | ast.AsyncFunctionDef, str, int]:
    try:
        lines, first = inspect.getsourcelines(function.__code__)  # not what it wraps
    except (OSError, TypeError):
        fail("unsupported", f"to_static: the source of '{function.__qualname__}' cannot be read (define it in a file)")
    text = textwrap.dedent("".join(lines))
    tree = ast.parse(text)
    indent = len(lines[0]) - len(lines[0].lstrip())
    for n in ast.walk(tree):  # columns as in the file: errors point there
        if hasattr(n, "col_offset"):
            n.col_offset += indent
            n.end_col_offset += indent  # type: ignore[attr-defined]
    node = tree.body[0]
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        raise SyntaxError("no function definition")
    ast.increment_lineno(node, max(first, 1) - 1)
    return node, text, first


def transform(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its control flow staged while it is captured; the same function where there is none to convert.

    Bound methods stay bound. Results are kept. Raises Error{unsupported} with the line for what cannot be converted.
    """
    if isinstance(function, types.MethodType):
        inner = transform(function.__func__)
        return function if inner is function.__func__ else types.MethodType(inner, function.__self__)
    if not isinstance(function, types.FunctionType) or getattr(function, "__neve_converted__", False):
        return function
    with _lock:
        known = _cache.get(function)
        if known is None:
            known = _convert(function)
            _cache[function] = known
        return known


def _convert(function: types.FunctionType) -> Callable[..., Any]:
    from . import _stage

    try:
        node = lambda_of(function) if function.__code__.co_name == "<lambda>" else _tree_of(function)[0]
    except SyntaxError:
        return function
    target = function
    made = convert_function(node, None, target.__code__.co_filename)
    source = ast.unparse(made)
    made.name = f"{FLAG}function"  # the function's own name is that from outside: it may call itself
    free = list(target.__code__.co_freevars)
    factory = ast.parse(f"def {FLAG}factory({', '.join([STAGE, *free])}):\n    pass")
    definition: Any = factory.body[0]
    definition.body = [made, ast.Return(ast.Name(made.name, ast.Load()))]
    ast.fix_missing_locations(factory)
    code = compile(factory, target.__code__.co_filename, "exec")
    outer = next(c for c in code.co_consts if isinstance(c, types.CodeType))
    inner = next(c for c in outer.co_consts if isinstance(c, types.CodeType) and c.co_name == made.name)
    cells = dict(zip(target.__code__.co_freevars, target.__closure__ or ()))
    cells[STAGE] = types.CellType(_stage)
    closure = tuple(cells[n] if n in cells else types.CellType() for n in inner.co_freevars)
    inner = inner.replace(co_name=target.__code__.co_name)
    result = types.FunctionType(inner, target.__globals__, target.__name__, target.__defaults__, closure)
    result.__kwdefaults__ = target.__kwdefaults__
    result.__doc__, result.__qualname__, result.__module__ = target.__doc__, target.__qualname__, target.__module__
    result.__neve_converted__ = True  # type: ignore[attr-defined]
    result.__neve_original__ = target  # type: ignore[attr-defined]
    result.source = source  # type: ignore[attr-defined]
    return result
