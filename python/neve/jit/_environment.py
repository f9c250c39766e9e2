"""What a captured program read beside its arguments, and whether it is still as it was."""

from __future__ import annotations

import dis
import functools
import re
import sys
import threading
import types
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

from .. import _neve
from .._base import Tensor, text_of
from ..nn.module import Module

_local = threading.local()
# Whose objects are not looked into.
_OTHERS = {"neve", "numpy", *getattr(sys, "stdlib_module_names", ("builtins", "types"))} - {"__main__"}
_NOTHING = object()  # a place that holds nothing yet
_NAMES = "*"  # the name of the place that is the names of all attributes


def name_of(function: Any) -> str:
    """What messages call it."""
    return getattr(function, "__qualname__", None) or type(function).__name__


PLAIN = (bool, int, float, str, bytes, type(None))
# Compared by which one it is: another one makes another program.
_COMPARED = (Tensor, Module, types.FunctionType, types.BuiltinFunctionType, type)


def seen_by(seen: Seen | None) -> Seen | None:
    """Sets what takes note of what this thread's capture reads; returns the one before."""
    before: Seen | None = getattr(_local, "seen", None)
    _local.seen = seen
    return before


def note_module(module: Module) -> None:
    """A module that the program of this thread's capture calls."""
    seen = getattr(_local, "seen", None)
    if seen is not None:
        if "training" not in vars(module):  # the class's, until the mode is set: that is no change
            object.__setattr__(module, "training", module.training)
        seen.modules[id(module)] = module


def note_function(function: Any) -> None:
    """A function of the user's that it calls."""
    seen = getattr(_local, "seen", None)
    if seen is not None and id(function) not in seen.functions:
        seen.functions[id(function)] = function
        seen.began += seen.reached_from(function)


class Seen:
    """What a program may have read that is no argument: plain attributes of modules, globals, closures."""

    def __init__(self) -> None:
        self.modules: dict[int, Module] = {}
        self.functions: dict[int, Any] = {}
        self.objects: dict[int, Any] = {}  # arguments that are neither tensors nor plain values
        self.others: dict[int, Any] = {}  # functions that may be called
        self.began: list[tuple[Any, str, Any, Any, str]] = []  # what functions could change when they were first called

    @staticmethod
    def text(v: Any) -> str | None:
        """What is compared of a value: plain ones whole, of containers what they hold, of others which one it is."""
        if isinstance(v, PLAIN):
            return repr(v)
        if isinstance(v, (list, tuple)) and len(v) <= 1000:
            return f"[{', '.join(repr(e) if isinstance(e, PLAIN) else hex(id(e)) for e in v)}]"
        if isinstance(v, dict) and len(v) <= 1000:
            return f"{{{', '.join(f'{k!r}: {repr(e) if isinstance(e, PLAIN) else hex(id(e))}' for k, e in v.items())}}}"
        if isinstance(v, (set, frozenset)) and len(v) <= 1000:
            return f"{{{', '.join(sorted(repr(e) if isinstance(e, PLAIN) else hex(id(e)) for e in v))}}}"
        if isinstance(v, _COMPARED):
            return f"{text_of(v)} at {id(v):#x}"
        return f"{type(v).__name__} of {len(v)}" if isinstance(v, (list, dict, set)) else None

    @staticmethod
    def shown(text: str | None) -> str:
        """For people: without addresses."""
        return re.sub(
            r" at 0x[0-9a-f]+", "", re.sub(r"(?<=[\[ ])0x[0-9a-f]+(?=[,\]])", "...", text or "something else")
        )

    def places(self) -> list[tuple[Any, str, Any]]:
        """(owner's key, name, where): `where` is the dict that holds the name, a weak reference to the owner of that
        dict, or a closure's cell."""
        found: list[tuple[Any, str, Any]] = []
        for key, thing in {**self.modules, **self.objects}.items():
            where = weakref.ref(thing) if isinstance(thing, Module) else vars(thing)
            found += [(key, name, where) for name in vars(thing)]
            if isinstance(thing, Module) and "training" not in vars(thing):
                found.append((key, "training", where))
        for key, f in self.functions.items():
            found += [(key, name, f.__globals__) for name in _global_names(f.__code__) if name in f.__globals__]
            found += [(key, name, cell) for name, cell in zip(f.__code__.co_freevars, f.__closure__ or ())]
        return found

    def values(self, ended: bool = False) -> list[tuple[Any, str, Any, Any, str]]:
        """Places with what they hold now, as it is and as text, where that is compared. ended: the capture is over."""
        found = []
        for key, name, where in self.places():
            v = _held(where, name)
            if ended and isinstance(v, Tensor) and _neve.is_captured(v):  # of a module that the program made
                continue
            if (text := self.text(v)) is not None:
                found.append((key, name, where, v, text))
        return found

    def called_by(self, function: Any) -> list[Any]:
        """Functions of the user's that a function may call by their global names, and these in turn, without itself."""
        found: dict[int, Any] = {id(function): function}
        todo = [function]
        while todo:
            f = todo.pop()
            for name in _global_names(f.__code__):
                v = f.__globals__.get(name)
                if isinstance(v, types.FunctionType) and _has_attributes(v) and id(v) not in found:
                    found[id(v)] = v
                    todo.append(v)
        return [*found.values()][1:]

    def reached_from(self, function: Any, is_called: bool = True) -> list[tuple[Any, str, Any, Any, str]]:
        """Places that a function can change, with what they hold now: globals, variables of functions around it, its
        defaults, and attributes of the objects, classes and functions that these hold. is_called: what it reads has to
        stay as it is."""
        owner = getattr(function, "__self__", None)
        f = getattr(function, "__func__", function)
        key, found = id(f), []
        (self.functions if is_called else self.others).setdefault(key, f)
        places = [(name, f.__globals__) for name in _global_names(f.__code__) if name in f.__globals__]
        places += zip(f.__code__.co_freevars, f.__closure__ or ())
        defaults = {f"default {k}": v for k, v in enumerate(f.__defaults__ or ())} | dict(f.__kwdefaults__ or {})
        places += [(name, defaults) for name in defaults]
        places += [("self", {"self": owner})] if owner is not None else []
        for name, where in places:
            v = _held(where, name)
            found.append((name, where, v))
            if _has_attributes(v):
                at = weakref.ref(v) if isinstance(v, type) else vars(v)
                found += [(a, at, e) for a, e in vars(v).items() if not a.startswith("__")]
                found.append((_NAMES, at, _held(at, _NAMES)))
        return [(key, name, where, v, text) for name, where, v in found if (text := self.text(v)) is not None]

    def owner(self, key: Any) -> str:
        """What messages call the owner of a place."""
        if key in self.functions or key in self.others:
            return name_of(self.functions.get(key) or self.others[key])
        return type(self.modules.get(key, self.objects.get(key))).__name__


@functools.lru_cache(4096)
def _global_names(code: types.CodeType) -> tuple[str, ...]:
    """Global variables that a function reads, those of functions inside of it too."""
    found = {i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            found.update(_global_names(inner))
    return tuple(sorted(found))


def _has_attributes(v: Any) -> bool:
    """Whether a value is an object, class or function of the user's."""
    of: Any = v if isinstance(v, (type, types.FunctionType)) else type(v)
    ours = str(getattr(of, "__module__", "")).partition(".")[0]
    return not isinstance(v, Tensor) and hasattr(v, "__dict__") and ours not in _OTHERS


def _held(where: Any, name: str) -> Any:
    if isinstance(where, weakref.ref):
        owner = where()
        where = {} if owner is None else vars(owner)
    if isinstance(where, (dict, types.MappingProxyType)) and name == _NAMES:
        return {n for n in where if not n.startswith(("__", "_static_")) and n != "training"}
    if isinstance(where, (dict, types.MappingProxyType)):
        return where.get(name, True if name == "training" else _NOTHING)
    try:
        return where.cell_contents
    except ValueError:
        return _NOTHING


def changed(values: list[tuple[Any, str, Any, Any, str]]) -> Iterator[tuple[Any, str, str, Any]]:
    """(owner's key, name, text then, value now) of what is no longer as it was."""
    for key, name, where, then, text in values:
        now = _held(where, name)
        if now is then and isinstance(now, (*PLAIN, *_COMPARED)):
            continue
        if Seen.text(now) != text and name == _NAMES:
            name = min(now ^ then)
            yield key, name, "nothing" if name in now else "what it was", _held(where, name)
        elif Seen.text(now) != text:
            yield key, name, text, now


def put_back(values: list[tuple[Any, str, Any, Any, str]]) -> None:
    """After a capture that failed: names hold what they held, and those that are new are gone."""
    for _, name, where, then, _ in values:
        now = _held(where, name)
        if name == _NAMES:
            for new in now - then:
                _drop(where, new)
        elif now is not then and then is not _NOTHING:
            _put(where, name, then)


def _put(where: Any, name: str, value: Any) -> None:
    owner: Any = where() if isinstance(where, weakref.ref) else None
    if isinstance(owner, type):
        setattr(owner, name, value)
    elif owner is not None:
        owner.__dict__[name] = value
    elif isinstance(where, dict):
        where[name] = value
    elif isinstance(where, types.CellType):
        where.cell_contents = value


def _drop(where: Any, name: str) -> None:
    owner: Any = where() if isinstance(where, weakref.ref) else None
    if isinstance(owner, type):
        delattr(owner, name)
    elif owner is not None:
        owner.__dict__.pop(name, None)
    elif isinstance(where, dict):
        where.pop(name, None)


class Environment:
    """What a program read beside its arguments, as it was, and whether it still is."""

    def __init__(self, seen: Seen, weak: Iterable[Module]) -> None:
        self.values = seen.values(ended=True)
        self.owners = {key: seen.owner(key) for key, *_ in self.values}
        # New attributes show in the sizes of the modules' dicts.
        self.sizes = [(weakref.ref(m), len(vars(m))) for m in seen.modules.values()]
        self._weak = {id(m) for m in weak}  # modules that may hold what holds this
        self.functions = [*seen.functions.values(), *(type(m).forward for m in seen.modules.values())]
        self.watch = _neve.Watch()
        self._look()

    def _look(self) -> None:
        """Takes what is there now as what it must be."""
        watch = _neve.Watch()
        groups: dict[int, tuple[Any, Any, list[Any]]] = {}
        contents: dict[int, Any] = {}
        for _, name, where, _, _ in self.values:
            owner = where() if isinstance(where, weakref.ref) else None
            place = vars(owner) if owner is not None else where
            now = _held(where, name)
            if isinstance(now, (list, dict, set)):
                contents[id(now)] = now
            held = (
                ()
                if now is _NOTHING or (name == "training" and isinstance(place, dict) and name not in place)
                else (now,)
            )
            if isinstance(place, dict):
                groups.setdefault(id(place), (owner, place, []))[2].append((name, held))
            else:
                watch.cell(place, held)
        sizes = {id(m()): n for m, n in self.sizes}
        for owner, place, named in groups.values():
            watch.names(owner, owner is not None and id(owner) in self._weak, place, named, sizes.get(id(owner), -1))
        for v in contents.values():
            watch.content(v)
        self.watch.take(watch)

    def same(self) -> bool:
        if self.watch.same():
            return True
        if self.difference():
            return False
        self._look()
        return True

    def difference(self) -> str:
        """What has changed, in words; "" where nothing has."""
        for key, name, then, now in changed(self.values):
            return f"'{name}' of {self.owners[key]} changed from {then} to {Seen.text(now)}"
        for m, n in self.sizes:
            owner = m()
            if owner is None or len(vars(owner)) != n:
                return "a module has attributes that it had not"
        return ""
