"""Dicts of which tensors decide what keys they have: what a key that may be missing has is an Entry.

Keys stand in the order of the program: that of calls which add them in another order is that of a dict that is equal.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from .. import _neve
from .._base import Tensor, fail
from ._align import element_type
from ._branches import if_, raise_
from ._errors import here
from ._lists import Open, TensorList, is_spread, spread
from ._logic import choose
from ._state import flatten
from ._tree import Decided
from ._values import tensor_of
from ._variants import Entry

_MOST = 4  # keys that may be missing in a dict that is returned


def presence(v: Any) -> Any:
    """Whether what a dict holds is there: a bool, or a number of the program."""
    return v.flag if isinstance(v, Entry) else True


def has_gaps(v: Any) -> bool:
    """Whether this is a dict with keys that may be missing."""
    return isinstance(v, dict) and any(presence(e) is not True for e in v.values())


def sure(v: Any) -> Any:
    """What a dict holds, where it is there."""
    return v.value if isinstance(v, Entry) else v


def _settled(entries: dict[Any, Any], key: Any) -> None:
    """After this the key is there: where it is missing that is an error when the program runs."""
    flag = presence(entries[key])
    if flag is True:
        return
    if flag is False:
        del entries[key]
        raise KeyError(key)
    where = here().removeprefix("\n  at ")
    if_(flag, lambda: None, lambda: raise_(KeyError(repr(key)), where), lambda: (), lambda _: None, ())
    entries[key] = sure(entries[key])


def _with_default(entries: dict[Any, Any], key: Any, default: Callable[[], Any]) -> None:
    """After this the key is there, with the default where it was missing."""
    flag = presence(entries[key]) if key in entries else False
    if flag is False:
        entries[key] = default()
    elif flag is not True:
        value, other = sure(entries[key]), default()
        entries[key] = value
        fill: Callable[[], None] = functools.partial(entries.__setitem__, key, other)
        if isinstance(value, list) and type(other) is list and not other:  # of an open length from now on
            leaves, structure = flatten([value])
            if not is_spread(value) and (of := element_type(structure[0], leaves)) is not None:
                spread(value, of)
            fill = TensorList(value).clear if is_spread(value) else fill
        if_(flag, lambda: None, fill, lambda: (entries,), lambda _: None, ("the dict",))


def element(entries: dict[Any, Any], key: Any) -> Any:
    """entries[key], of a dict with gaps."""
    factory = getattr(type(entries), "__missing__", None)
    if factory is None:
        if key in entries:
            _settled(entries, key)
        return entries[key]
    if getattr(entries, "default_factory", None) is not None:
        _with_default(entries, key, entries.default_factory)  # type: ignore[attr-defined]
        return entries[key]
    return get(entries, key, factory(type(entries)(), key))


def contains(entries: dict[Any, Any], key: Any) -> Any:
    """key in entries."""
    return presence(entries[key]) if key in entries else False


def get(entries: dict[Any, Any], key: Any, default: Any = None) -> Any:
    """entries.get(key, default)."""
    flag = contains(entries, key)
    return choose(flag, lambda: sure(entries[key]), lambda: default)


def delete(entries: dict[Any, Any], key: Any) -> None:
    """del entries[key]."""
    if key in entries:
        _settled(entries, key)
    del entries[key]


def length(entries: dict[Any, Any]) -> Any:
    """len(entries)."""
    flags = [presence(v) for v in entries.values()]
    known: Any = sum(f is True for f in flags)
    return sum((f.as_int() for f in flags if isinstance(f, Tensor)), start=known)


def _pop(entries: dict[Any, Any], key: Any, *default: Any) -> Any:
    if default and contains(entries, key) is False:
        return default[0]
    value = get(entries, key, *default) if default else element(entries, key)
    del entries[key]
    return value


def _setdefault(entries: dict[Any, Any], key: Any, default: Any = None) -> Any:
    _with_default(entries, key, lambda: default)
    return entries[key]


def update(entries: dict[Any, Any], others: Any = (), **more: Any) -> None:
    """entries.update(others)."""
    others = dict(others)
    for key, v in itertools.chain(others.items(), more.items()):
        flag = presence(v)
        if flag is True:
            entries[key] = v
        elif flag is not False:
            put = functools.partial(entries.__setitem__, key, sure(v))
            if_(flag, put, lambda: None, lambda: (entries,), lambda _: None, ("the dict",))


class Some(Open):
    """What a dict has, key by key: each if it is there."""

    def __init__(self, entries: dict[Any, Any], item: Callable[[Any, Any], Any]) -> None:
        self.entries = [(presence(v), item(k, sure(v))) for k, v in entries.items() if presence(v) is not False]
        trips = length(entries)
        super().__init__(trips.raw if isinstance(trips, Tensor) else _neve.tensor(trips), self._item, len(self.entries))

    def _item(self, k: Any) -> Any:
        return self.entries[int(_neve.known_content(k).item())][1]

    def passes(self, k: int) -> Any:
        return self.entries[k][0]


_ROWS: dict[str, Callable[[Any, Any], Any]] = {
    "keys": lambda k, _: k, "values": lambda _, v: v, "items": lambda k, v: (k, v)
}  # fmt: skip


def rows(entries: Any) -> Some | None:
    """What a for statement goes through: a dict with gaps by its keys."""
    return Some(entries, _ROWS["keys"]) if has_gaps(entries) else None


def method(entries: dict[Any, Any], name: str) -> Any:
    """A method of a dict with gaps."""
    if name in _ROWS:
        return lambda: Some(entries, _ROWS[name])
    found: Any = {"get": get, "pop": _pop, "setdefault": _setdefault}.get(name)
    if name in ("copy", "clear"):
        return getattr(entries, name)
    if name == "update":
        return functools.partial(update, entries)
    if found is None:
        refuse(f"'{name}'")
    return functools.partial(found, entries)


def refuse(what: str) -> Any:
    """Raises Error{unsupported}."""
    fail(
        "unsupported",
        f"to_static: {what} of a dict of which tensors decide what keys it has (ask with 'in' or get, or give it all keys before)",
    )


def as_decided(entries: dict[Any, Any], result_of: Callable[[Any], Any]) -> Any:
    """A result: one of the dicts that it may be."""
    flags = {k: presence(v) for k, v in entries.items()}
    open_keys = [k for k, f in flags.items() if isinstance(f, Tensor)]
    if len(open_keys) > _MOST:
        refuse(f"the return, with {len(open_keys)} keys that may be missing,")

    def way(there: dict[Any, bool]) -> Any:
        made = entries.copy()
        made.clear()
        made.update((k, sure(v)) for k, v in entries.items() if there.get(k, flags[k] is True))
        return result_of(made)

    place: Any = _neve.tensor(0)
    for k in open_keys:
        place = place * 2 + tensor_of(flags[k]).astype("i64")
    every: Iterator[tuple[bool, ...]] = itertools.product((False, True), repeat=len(open_keys))
    ways = [way(dict(zip(open_keys, answers))) for answers in every]
    return Decided(place, ways) if len(ways) > 1 else ways[0]


__all__ = [
    "Some", "as_decided", "contains", "delete", "element", "get", "has_gaps", "length", "method", "presence",
    "refuse", "rows", "sure", "update",
]  # fmt: skip
