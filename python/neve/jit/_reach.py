"""What branches and passes change without naming it: what functions that they call, and objects, hold."""

from __future__ import annotations

import collections
import dis
import functools
import sys
import threading
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from .._base import Tensor, fail
from ..nn.module import Module
from ._choices import Choice
from ._effects import current, memory
from ._names import FLAG
from ._values import Maybe, Undefined
from ._variants import Entry, Variant

_MOST = 20000  # things that are looked at
_STANDARD = getattr(sys, "stdlib_module_names", ("builtins", "collections", "types", "functools"))
_OTHERS = (set, collections.deque, bytearray, np.ndarray)  # can be put back, but are no state of a graph


_local = threading.local()


def _iterators() -> list[dict[int, Any]]:
    if not hasattr(_local, "iterators"):
        _local.iterators = []
    found: list[dict[int, Any]] = _local.iterators
    return found


def require_own(v: Any) -> None:
    """Refuses that an iterator from outside goes on inside of a branch or loop of the graph."""
    if any(id(v) in found for found in _iterators()):
        fail(
            "unsupported",
            f"to_static: a {type(v).__name__} from outside goes on inside of a branch or loop over tensors (take its elements before, or index a list)",
        )


class Missed(BaseException):
    """What changed and was no part of the state: the branch or loop is made once more with it."""

    def __init__(self, places: list[Any]) -> None:
        super().__init__("a place that changes")
        self.places = places


def code_of(body: Any) -> Any:
    """The user's code that a branch or loop runs; None where it is not known."""
    body = getattr(body, "of", body)
    return (
        None if (getattr(body, "__module__", None) or "neve.").startswith("neve.") else getattr(body, "__code__", None)
    )


def note_places(code: Any, places: Iterable[Any]) -> None:
    """Remembers what the code of a branch or loop changes without naming it."""
    if code is None:
        return
    known = current().places.setdefault(code, [])
    known += [p for p in places if all(p is not q for q in known)]


def with_places(get: Any, put: Any, names: Sequence[str], places: Sequence[Any]) -> tuple[Any, Any, tuple[str, ...]]:
    """The state of a branch or loop with what it changes without naming it."""
    if not places:
        return get, put, tuple(names)
    count = len(places)

    def put_all(values: tuple[Any, ...]) -> None:
        put(values[:-count])
        for place, v in zip(places, values[-count:]):
            _set(place, v)

    return lambda: (*get(), *map(_get, places)), put_all, (*names, *map(_name, places))


def _get(place: Any) -> Any:
    if names := _slots_of(place):
        return {n: getattr(place, n, _missing(n)) for n in names}
    if not isinstance(place, types.CellType):
        return place
    try:
        return place.cell_contents
    except ValueError:
        return Undefined("a variable of a function around")


def _set(place: Any, v: Any) -> None:
    if isinstance(place, types.CellType):
        place.cell_contents = v
    elif names := _slots_of(place):
        for n in names:
            if not isinstance(v[n], Undefined):
                setattr(place, n, v[n])
            elif hasattr(place, n):
                delattr(place, n)
    elif v is not place and isinstance(place, list):
        place[:] = v
    elif v is not place:
        place.clear()
        place.update(v)


def _name(place: Any) -> str:
    return "a variable of an inner function" if isinstance(place, types.CellType) else "what a function changes"


class Reached:
    """What can be reached from functions, as it is now."""

    def __init__(self, functions: Iterable[Any], get: Callable[..., Any], places: Iterable[Any] = ()) -> None:
        self.contents: dict[int, tuple[Any, Any]] = {}
        self.iterators: dict[int, Any] = {}
        self._kept: dict[int, Any] = {}
        self._holders: dict[int, set[int]] = {}
        self._walk([*functions])
        # What is state already: variables, by the function that reads them, and places.
        readers = [f for f in _functions_in(get) if f.__name__.startswith(f"{FLAG}get")]
        self.own = {id(c) for f in readers for c in f.__closure__ or ()} | {id(p) for p in places}

    def _walk(self, todo: list[Any]) -> None:
        while todo and len(self._kept) < _MOST:
            v = todo.pop()
            if id(v) in self._kept or isinstance(
                v, (str, bytes, int, float, type(None), Tensor, type, types.ModuleType)
            ):
                continue
            self._kept[id(v)] = v
            if isinstance(v, (list, dict, *_OTHERS)):
                self.contents[id(v)] = (v, _content(v))
            elif _slots_of(v):
                self.contents[id(v)] = (v, _get(v))
            if isinstance(v, types.FunctionType):
                for name, cell in zip(v.__code__.co_freevars, v.__closure__ or ()):
                    if name in _stored(v.__code__) and not v.__name__.startswith(FLAG):
                        self.contents[id(cell)] = (cell, _get(cell))
            if hasattr(type(v), "__next__"):
                self.iterators[id(v)] = v
            todo.extend(_parts(v))
            self._note_holders(v)

    def _note_holders(self, v: Any) -> None:
        """That a thing, or each variable of a function, leads to what it holds."""
        if isinstance(v, types.FunctionType):
            found = [(id(c), _get(c)) for c in v.__closure__ or ()]
        else:
            found = [(id(v), p) for p in _parts(v)] if isinstance(v, (list, tuple, dict)) else []
        for holder, held in found:
            if isinstance(held, (list, dict)) or hasattr(held, "__dataclass_fields__"):
                self._holders.setdefault(id(held), set()).add(holder)

    def places(self, code: Any) -> list[Any]:
        """What the code of a branch or loop changed without naming it when it ran before, as far as it can be reached."""
        found = [] if memory.off else [p for p in current().places.get(code, ()) if id(p) in self.contents]
        memory.used = memory.used or bool(found)
        return found

    def known(self, containers: Iterable[Any]) -> dict[int, Any]:
        """Containers that were there before, these among them, by identity."""
        found = {id(v): v for v in containers}
        return {**found, **{k: v for k, (v, _) in self.contents.items() if isinstance(v, (list, dict))}}

    def held(self) -> dict[int, int]:
        """How many variables and containers lead to a container, by identity."""
        return {k: len(v) for k, v in self._holders.items()}

    def restore(self) -> None:
        """Puts all back."""
        for place, content in self.contents.values():
            if isinstance(place, types.CellType) or _slots_of(place):
                _set(place, content)
            elif isinstance(place, np.ndarray):
                place[...] = content
            elif isinstance(place, (list, bytearray)):
                place[:] = content
            elif not _same(content, place):
                place.clear()
                place.extend(content) if isinstance(place, collections.deque) else place.update(content)

    def __enter__(self) -> None:
        """A way or a pass begins: iterators from before are not to go on in it."""
        _iterators().append(self.iterators)

    def __exit__(self, *_: object) -> None:
        _iterators().pop()

    def missed(self, known: Iterable[int]) -> list[Any]:
        """What is not as it was, and not known to be state. Raises Error{unsupported} for what cannot be state."""
        known = {*known, *self.own}
        places = [p for k, (p, content) in self.contents.items() if k not in known and not _same(content, p)]
        for p in places:
            if isinstance(p, _OTHERS):
                fail(
                    "unsupported",
                    f"to_static: a {type(p).__name__} is changed inside of a branch or loop over tensors (a list, a dict or a tensor)",
                )
        return places


def _content(v: Any) -> Any:
    return v.copy() if not isinstance(v, np.ndarray) or v.size <= 1 << 16 else v


def _same(content: Any, place: Any) -> bool:
    if isinstance(place, types.CellType):
        return content is _get(place) or isinstance(content, Undefined)
    if _slots_of(place):
        place = _get(place)
    if isinstance(place, np.ndarray):
        return content is place or bool(np.array_equal(content, place, equal_nan=place.dtype.kind in "fc"))
    if len(content) != len(place):
        return False
    if isinstance(place, dict):
        return all(k == j and a is b for (k, a), (j, b) in zip(content.items(), place.items()))
    if isinstance(place, (set, bytearray)):
        return bool(content == place)
    return all(a is b for a, b in zip(content, place))


def _parts(v: Any) -> Iterator[Any]:
    """What a thing leads to that a program can change."""
    if isinstance(v, (list, tuple, set, frozenset, collections.deque)):
        yield from v
    elif isinstance(v, dict):
        yield from v.values()
    elif isinstance(v, types.FunctionType):
        yield from (_get(c) for c in v.__closure__ or ())
        yield from v.__defaults__ or ()
        yield from (v.__kwdefaults__ or {}).values()
    elif isinstance(v, Variant):
        yield from v._ways
    elif isinstance(v, Entry):
        yield v.value
    elif isinstance(v, Choice):
        yield from v._options
    elif isinstance(v, Maybe):
        yield v.value
    elif isinstance(v, functools.partial):
        yield from (v.func, v.args, v.keywords)
    elif isinstance(v, (types.MethodType, types.BuiltinMethodType)):
        yield v.__self__
        yield getattr(v, "__func__", None)
    elif not isinstance(v, Module) and not type(v).__module__.startswith("neve.") and type(v).__module__ != "neve":
        yield getattr(v, "__dict__", None)
        yield from _get(v).values() if _slots_of(v) else ()


def own_of(get: Any) -> tuple[str, ...]:
    """The variables of a state whose containers nothing else holds."""
    found = next((f for f in _functions_in(get) if f.__name__.startswith(f"{FLAG}get")), None)
    return tuple((found.__kwdefaults__ or {}).get(f"{FLAG}own", ())) if found is not None else getattr(get, "own", ())


def _functions_in(f: Any) -> Iterator[Any]:
    """A function and those that its variables hold."""
    todo, seen = [f], set()
    while todo:
        v = todo.pop()
        if isinstance(v, functools.partial):
            v = v.func
        if isinstance(v, types.FunctionType) and id(v) not in seen:
            seen.add(id(v))
            yield v
            if v.__name__.startswith(FLAG) or v.__module__.startswith("neve."):
                todo.extend(_get(c) for c in v.__closure__ or ())


@functools.lru_cache(4096)
def _missing(name: str) -> Undefined:
    return Undefined(name)


def _slots_of(v: Any) -> tuple[str, ...]:
    kind: Any = type(v)
    return _slots(kind)


@functools.lru_cache(4096)
def _slots(of: type) -> tuple[str, ...]:
    """The __slots__ of a class of the user's."""
    found = [
        s for c in of.__mro__ for s in _names(vars(c).get("__slots__", ())) if s not in ("__dict__", "__weakref__")
    ]
    is_ours = of.__module__ == "neve" or of.__module__.startswith("neve.")
    return () if is_ours or of.__module__ in _STANDARD else tuple(found)


def _names(slots: Any) -> list[str]:
    return [slots] if isinstance(slots, str) else [*slots]


@functools.lru_cache(4096)
def _stored(code: types.CodeType) -> frozenset[str]:
    """Variables of functions around that a function assigns, or one inside of it does."""
    found = {i.argval for i in dis.get_instructions(code) if i.opname in ("STORE_DEREF", "DELETE_DEREF")}
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            found |= _stored(inner)
    return frozenset(found & set(code.co_freevars))
