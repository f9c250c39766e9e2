"""Which lists, dicts and objects that leave a branch or loop are one object: as in every way, or not to be changed."""

from __future__ import annotations

import copy
import sys
from collections.abc import Container, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from .. import _neve
from .._base import fail
from . import _effects
from ._names import MUTATING

Path = tuple[Any, ...]
Objects = Mapping[Path, Any]


class _Known:
    """A container that may be another one as well: its only reference here, so that its others can be counted."""

    def __init__(self, container: Any) -> None:
        self.container = container
        self.others: set[int] = set()

    def is_held(self) -> bool:
        """Whether the program still has it."""
        return sys.getrefcount(self.container) > 2


class Same:
    """A container of a result that is another, which is made elsewhere."""

    def __init__(self, container: Any) -> None:
        self.container = container


class Result:
    """What the containers of a result are: by where they are, those that exist already; then what may be one.

    ways: the containers that each way ends with; start: that all began with; held: how many variables and containers
    outside led to a container; known: those that were there before, by identity; own: names of which nothing else holds
    what they do; elsewhere: containers that stay where they are. A function's result, which is read only where there is one, is what it was there.
    """

    def __init__(
        self, ways: Sequence[Objects], start: Objects, held: Mapping[int, int], names: Sequence[str],
        known: Container[int] = (), own: Container[str] = (), elsewhere: Objects = MappingProxyType({}),
    ) -> None:  # fmt: skip
        ways = [{p: o for p, o in w.items() if not any(p[: len(q)] == q for q in elsewhere)} for w in ways]
        self.kept: dict[Path, Any] = {}
        self._start, self._held, self._names, self._known, self._own = start, held, names, known, own
        self._pairs: list[tuple[Path, Any]] = []  # a path, and a container that it may be, or Same(path of one)
        keys = {p: tuple(id(w[p]) if p in w else 0 for w in ways) for w in ways for p in w}
        paths: dict[tuple[int, ...], list[Path]] = {}
        for p, key in keys.items():
            paths.setdefault(key, []).append(p)
        for key, of in paths.items():
            found = [w[of[0]] for w in ways if of[0] in w]
            if len(set(key)) == 1:
                self.kept.update((p, found[0]) for p in of)
                continue
            if len(of) > 1:  # one object in each way
                self.kept.update(dict.fromkeys(of, _empty(found[0])))
            self._pairs += [(p, o) for p in of for o in found if self._is_elsewhere(o, p)]
        by_way: dict[tuple[int, int], list[Path]] = {}
        for p, key in keys.items():
            for k, o in enumerate(key):
                if o:
                    by_way.setdefault((k, o), []).append(p)
        for of in by_way.values():  # one in some ways only
            self._pairs += [(p, Same(q)) for i, p in enumerate(of) for q in of[:i] if keys[p] != keys[q]]
        for p in [p for p, key in keys.items() if 0 in key and self._is_returned(p)]:
            self._alias(p, keys, next(w[p] for w in ways if p in w))
        self.kept.update((p, Same(o)) for p, o in elsewhere.items())

    def _alias(self, p: Path, keys: Mapping[Path, tuple[int, ...]], o: Any) -> None:
        """Where a function returned what another variable has as well, its result is that."""
        there = [k for k, i in enumerate(keys[p]) if i]
        same = [q for q, key in keys.items() if q != p and 0 not in key and all(key[k] == keys[p][k] for k in there)]
        if same:
            o = self.kept.setdefault(same[0], _empty(o))
        elif len({keys[p][k] for k in there}) > 1 or not self._held.get(id(o)):
            return
        self.kept[p] = Same(o)
        self._pairs = [(a, b) for a, b in self._pairs if p not in (a, b.container if isinstance(b, Same) else None)]

    def _is_returned(self, path: Path) -> bool:
        return self._names[path[0]] == "__neve_value"

    def _is_elsewhere(self, o: Any, path: Path) -> bool:
        """Whether a container was known before, other than by this path."""
        if id(o) in self._known and not (len(path) == 1 and self._names[path[0]] in self._own):
            return True
        return self._held.get(id(o), 0) > (self._start.get(path) is o)

    def note(self, made: Objects) -> None:
        """Remembers what may be one, of the containers that were made."""
        for path, other in self._pairs:
            one = made.get(path)
            back = not self._is_returned(path)
            if isinstance(other, Same):
                if self._is_returned(other.container):
                    one, other, back = made.get(other.container), one, False
                else:
                    other = made.get(other.container)
            if one is not None and other is not None:
                note_maybe_one(one, other, back)


def _empty(like: Any) -> Any:
    """A container of the kind of another, to be filled."""
    return type(like)() if isinstance(like, (list, dict)) else copy.copy(like)


def note_maybe_one(one: Any, other: Any, back: bool = True) -> None:
    """Two containers may be one: a change of either is refused while the program has both. back: not only of `one`,
    which is what a function will return."""
    known = _effects.current().maybe_one
    if one is other:
        return
    for v in (one, other):
        if id(v) not in known:
            known[id(v)] = _Known(v)
    known[id(one)].others.add(id(other))
    if back:
        known[id(other)].others.add(id(one))


def note_returned(containers: Iterable[Any]) -> None:
    """A function ends, and gives these."""
    known = _effects.current().maybe_one
    for v in containers if known else ():
        for other in known[id(v)].others if id(v) in known else ():
            known[other].others.add(id(v))


def require_one(container: Any) -> None:
    """Before a container is changed. Raises Error{unsupported} where another that the program has may be the same."""
    known = _effects.current().maybe_one
    found = known.get(id(container)) if known else None
    if found is not None and any(known[o].is_held() for o in found.others):
        fail(
            "unsupported",
            f"to_static: a {type(container).__name__} is changed that may be another one too, as tensors decide (copy it in the branch or loop)",
        )


def require_one_for(owner: Any, function: Any) -> None:
    """The same for a method that is called, if it changes its owner."""
    if isinstance(owner, (list, dict)) and getattr(function, "__name__", "") in MUTATING and _neve.is_capturing():
        require_one(owner)
