"""What is called in the place of functions: builtins that know tensors, converted forms of the user's functions."""

from __future__ import annotations

import functools
import random
import types
from collections.abc import Callable, Iterable
from typing import Any

from .. import _neve
from .._base import Tensor, fail
from ._aliases import require_one_for
from ._builtins import REPLACED, _item
from ._convert import is_user_code, transform
from ._gaps import has_gaps, method, refuse, update
from ._lists import TensorList, is_spread
from ._one_of import OneOf, applied, each
from ._statements import entry, is_open_key
from ._texts import from_template, joined
from ._values import Maybe, is_program, read

_ignored: set[str] = set()


def ignore_module(modules: Iterable[Any]) -> None:
    """Leaves the functions of these modules (objects or names) as they are: their control flow runs as Python while a
    caller is captured. Raises Error{type_mismatch} for what is no module."""
    for m in [modules] if isinstance(modules, (str, types.ModuleType)) else modules:
        if not isinstance(m, (str, types.ModuleType)):
            fail("type_mismatch", f"ignore_module: {m!r} (modules, or their names)")
        _ignored.add(m if isinstance(m, str) else m.__name__)


def is_ignored(function: Any) -> bool:
    """Whether a function is of a module that ignore_module was called with, or of one inside of it."""
    name = getattr(function, "__module__", None) or ""
    return bool(_ignored) and any(name == m or name.startswith(m + ".") for m in _ignored)


def call(function: Any) -> Any:
    """What is called in the place of a function: its converted form, where it is the user's."""
    function = read(function)
    if isinstance(function, OneOf):
        return lambda *args, **kwargs: each(function, lambda f: call(f)(*args, **kwargs))
    try:
        staged = REPLACED.get(function)
    except TypeError:
        staged = None
    if staged is not None:
        return (
            (staged if function in (isinstance, print, hasattr) else _reading(staged))
            if _neve.is_capturing()
            else function
        )
    owner = getattr(function, "__self__", None)
    if owner is not None and _neve.is_capturing():
        require_one_for(owner, function)
        if is_program(owner) and getattr(function, "__name__", "") == "item":
            return lambda: _item(owner)
        if isinstance(owner, list) and getattr(function, "__name__", "") == "sort":
            return functools.partial(_sort, owner)
        if is_spread(owner) and isinstance(function, types.BuiltinMethodType):
            return getattr(TensorList(owner), function.__name__)
        if isinstance(owner, str) and getattr(function, "__name__", "") in ("join", "format"):
            return functools.partial(joined if function.__name__ == "join" else from_template, owner)
        if has_gaps(owner):
            return method(owner, function.__name__)
        if isinstance(owner, dict) and getattr(function, "__name__", "") == "update":
            return functools.partial(update, owner)
        if isinstance(owner, dict) and getattr(function, "__name__", "") == "get":
            return functools.partial(_get, owner)
    if function in (eval, exec) and _neve.is_capturing():
        fail(
            "unsupported",
            f"to_static: {function.__name__}() makes code that is not captured (write it out, or not_to_static)",
        )
    if isinstance(function, functools.partial):
        return functools.partial(call(function.func), *function.args, **function.keywords)
    if isinstance(function, type) and function.__module__ in ("builtins", "collections", "itertools"):
        return _plain(function)
    if isinstance(function, type) or not callable(function):
        return function
    if _neve.is_capturing() and _draws(function):
        fail(
            "unsupported",
            f"to_static: {getattr(function, '__qualname__', function)}() gives another value at each call, and the graph would keep the first (neve.random, or pass the value in)",
        )
    target = getattr(function, "__func__", function)
    if not is_user_code(target) or is_ignored(target):
        return _plain(function)
    from ._environment import note_function

    note_function(target)
    return transform(function)


def _get(entries: dict[Any, Any], key: Any, default: Any = None) -> Any:
    return entry(entries, key, default) if is_open_key(entries, key) else entries.get(key, default)


def _sort(values: list[Any], **kwargs: Any) -> None:
    """values.sort(...)."""
    values[:] = REPLACED[sorted](values, **kwargs)


def _reading(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that takes values which are there: elsewhere that is an error when the program runs."""

    def reads(*args: Any, **kwargs: Any) -> Any:
        return applied(function, [*map(read, args)], {k: read(v) for k, v in kwargs.items()})

    return reads


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that knows nothing of captures: lists whose length tensors decide are not for it."""
    owner = getattr(function, "__self__", None)
    if not _neve.is_capturing() or isinstance(owner, (list, dict)) or is_user_code(getattr(function, "forward", None)):
        return function
    if isinstance(owner, Tensor):
        return _reading(function)

    def checked(*args: Any, **kwargs: Any) -> Any:
        if function is not dict and any(map(has_gaps, (*args, *kwargs.values()))):
            refuse(f"{getattr(function, '__qualname__', function)}()")
        if any(is_spread(a) for a in (*args, *kwargs.values())):
            name = getattr(function, "__qualname__", function)
            fail("unsupported", f"to_static: a list whose length tensors decide is given to {name} (stack it)")
        return applied(function, [*map(_given, args)], {k: _given(v) for k, v in kwargs.items()})

    return checked


def _given(v: Any) -> Any:
    """What a function gets that is not converted: values that are there, and the user's functions converted."""
    v = _there(v)
    return call(v) if isinstance(v, types.FunctionType) else v


def _there(v: Any) -> Any:
    """A value, or a container with values, that are there."""
    if type(v) in (list, tuple) and any(isinstance(e, (Maybe, list, tuple)) for e in v):
        found = [_there(e) for e in v]
        return v if all(a is b for a, b in zip(found, v)) else type(v)(found)
    return read(v)


def _draws(function: Any) -> bool:
    """Whether a function is one of chance or of the clock."""
    if getattr(function, "__module__", None) in ("random", "time", "secrets", "uuid", "numpy.random"):
        return True
    owner = getattr(function, "__self__", None)
    return isinstance(owner, random.Random) or type(owner).__module__.startswith("numpy.random")


def forward_of(module: Any) -> Any:
    """The converted forward of a module, while converted code is captured."""
    from ._environment import note_module

    f = module.forward
    note_module(module)
    target = getattr(f, "__func__", f)
    if _neve.is_capturing() and active() and is_user_code(target) and not is_ignored(target):
        return transform(f)
    return f


class _Active:
    depth = 0


def active() -> bool:
    """Whether modules that are called convert their forward."""
    return _Active.depth > 0


class activated:
    """While this is open, in this process, modules convert their forward when a program is captured."""

    def __enter__(self) -> None:
        from ..nn import module

        _Active.depth += 1
        module.convert_forward = forward_of

    def __exit__(self, *_: object) -> None:
        from ..nn import module

        _Active.depth -= 1
        if not _Active.depth:
            module.convert_forward = None
