"""Patterns of match statements: what they ask of tensors becomes conditions, the rest is as Python does it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .._base import Tensor, fail
from ._builtins import _isinstance
from ._lists import TensorList, is_spread
from ._logic import and_, choose, compare, or_
from ._values import Maybe, SizeCondition, always, read

# Flags of classes: what sequence and mapping patterns take, and those whose one positional pattern is for the object
# itself (int, str, list, ...).
_SEQUENCE, _MAPPING, _MATCH_SELF = 1 << 5, 1 << 6, 1 << 22
_NOTHING = object()


class _Later(NamedTuple):
    """An element of a list whose length tensors decide: it is there only where the length fits."""

    get: Callable[[], Any]


class Match:
    """What came of comparing a subject with a pattern."""

    def __init__(self, subject: Any, pattern: Any) -> None:
        self.tests: list[Callable[[], Any]] = []  # what tensors decide: later ones only where earlier ones hold
        self.bound: dict[str, Callable[[], Any]] = {}
        self.fits = self.walk(subject, pattern)  # as far as no tensor decides

    def condition(self) -> Any:
        """Whether the subject matches."""
        return self.fits and (and_(*self.tests) if self.tests else True)

    def walk(self, v: Any, pattern: Any) -> bool:
        """Compares a part with a part of the pattern."""
        return bool(_FORMS[pattern[0]](self, v, *pattern[1:]))

    def test(self, v: Any, holds: Callable[[Any], Any]) -> bool:
        """Asks now, or, where tensors decide, when the program runs."""
        if isinstance(v, _Later):
            self.tests.append(lambda: holds(v.get()))
            return True
        answer = holds(v)
        if isinstance(answer, (Tensor, SizeCondition)):
            self.tests.append(always(answer))
            return True
        return bool(answer)


def match(subject: Any, pattern: Any) -> Match:
    """Compares a subject with a pattern: ("value", v), ("is", v), ("as", pattern or None, name or None), ("or", (...)),
    ("sequence", (...)) with ("star", name or None) among them, ("mapping", keys, patterns, name of the rest), or
    ("class", class, positional, names, patterns)."""
    return Match(subject, pattern)


def matches(of: Match) -> Any:
    """The condition of the if statement that a case is."""
    return of.condition()


def bound(of: Match, name: str) -> Any:
    """What a pattern that matched binds a name to."""
    return of.bound[name]()


def _value(m: Match, v: Any, wanted: Any) -> bool:
    return m.test(v, lambda x: compare(["eq"], x, wanted))


def _is(m: Match, v: Any, wanted: Any) -> bool:
    return m.test(v, lambda x: compare(["is_"], x, wanted))


def _as(m: Match, v: Any, pattern: Any, name: str | None) -> bool:
    if pattern is not None and not m.walk(v, pattern):
        return False
    if name is not None:
        m.bound[name] = v.get if isinstance(v, _Later) else always(v)
    return True


def _or(m: Match, v: Any, patterns: Sequence[Any]) -> bool:
    ways = []
    for p in patterns:
        way = Match(v, p)
        if way.fits:
            ways.append(way)
            if not way.tests:  # nothing after it is asked
                break
    if not ways:
        return False
    if ways[-1].tests:
        m.tests.append(lambda: or_(*(w.condition for w in ways)))
    for name in ways[0].bound:
        m.bound[name] = functools.partial(_first, ways, name)
    return True


def _first(ways: Sequence[Match], name: str) -> Any:
    """What the first way that holds binds."""
    if len(ways) == 1:
        return ways[0].bound[name]()
    return choose(ways[0].condition(), ways[0].bound[name], lambda: _first(ways[1:], name))


def _there(m: Match, v: Any) -> Any:
    """A part whose kind decides whether it matches: not None, as a condition where tensors decide that.

    Raises Error{unsupported} where the kind is not known.
    """
    if isinstance(v, _Later):
        fail(
            "unsupported",
            "to_static: a pattern looks into an element of a list whose length tensors decide (give it a name, and ask in the guard)",
        )
    if isinstance(v, Maybe) and v.absent is None:
        m.tests.append(always(compare(["is_not"], v, None)))
        return v.value
    return read(v)


def _sequence(m: Match, v: Any, patterns: Sequence[Any]) -> bool:
    v = _there(m, v)
    if not type(v).__flags__ & _SEQUENCE:
        return False
    star = next((k for k, p in enumerate(patterns) if p[0] == "star"), len(patterns))
    before, after, has_star = patterns[:star], patterns[star + 1 :], star < len(patterns)
    least = len(before) + len(after)
    get: Callable[[int], Any]
    rest: Callable[[], Any]
    if is_spread(v):
        rows = TensorList(v)
        m.tests.append(lambda: compare(["ge" if has_star else "eq"], rows.length, least))
        get = lambda k: _Later(lambda: rows[k])  # noqa: E731
        rest = functools.partial(rows.__getitem__, slice(star, -len(after) if after else None))
    else:
        if len(v) < least or (not has_star and len(v) > least):
            return False
        get = lambda k: v[k if k >= 0 else len(v) + k]  # noqa: E731
        rest = always([v[k] for k in range(star, len(v) - len(after))])
    if has_star and (name := patterns[star][1]) is not None:
        m.bound[name] = rest
    places = [*range(star), *range(-len(after), 0)]
    return all(m.walk(get(k), p) for k, p in zip(places, (*before, *after)))


def _mapping(m: Match, v: Any, keys: Sequence[Any], patterns: Sequence[Any], rest: str | None) -> bool:
    v = _there(m, v)
    if not type(v).__flags__ & _MAPPING or len(v) < len(keys):
        return False
    if len(set(keys)) < len(keys):
        raise ValueError(f"mapping pattern checks duplicate key ({_twice(keys)!r})")
    found = [v.get(k, _NOTHING) for k in keys]
    if any(f is _NOTHING for f in found) or not all(m.walk(f, p) for f, p in zip(found, patterns)):
        return False
    if rest is not None:
        m.bound[rest] = lambda: {k: e for k, e in v.items() if k not in keys}
    return True


def _twice(values: Sequence[Any]) -> Any:
    return next(v for k, v in enumerate(values) if v in values[:k])


def _class(m: Match, v: Any, of: Any, positional: Sequence[Any], names: Sequence[str], patterns: Sequence[Any]) -> bool:
    if not isinstance(of, type):
        raise TypeError("called match pattern must be a class")
    if isinstance(v, Maybe) and isinstance(None, of):
        return (
            not positional and not names and (isinstance(v.value, of) or m.test(v, lambda x: compare(["is_"], x, None)))
        )
    v = _there(m, v)
    if not _isinstance(v, of):
        return False
    named = getattr(of, "__match_args__", None)
    itself = named is None and bool(of.__flags__ & _MATCH_SELF)
    if named is not None and not isinstance(named, tuple):
        raise TypeError(f"{of.__name__}.__match_args__ must be a tuple (got {type(named).__name__})")
    most = 1 if itself else len(named or ())
    if len(positional) > most:
        s = "" if most == 1 else "s"
        raise TypeError(f"{of.__name__}() accepts {most} positional sub-pattern{s} ({len(positional)} given)")
    if itself and positional:
        if not m.walk(v, positional[0]):
            return False
        positional = ()
    every = [*(named or ())[: len(positional)], *names]
    if len(set(every)) < len(every):
        raise TypeError(f"{of.__name__}() got multiple sub-patterns for attribute {_twice(every)!r}")
    for name, p in zip(every, (*positional, *patterns)):
        part = getattr(v, name, _NOTHING)
        if part is _NOTHING or not m.walk(part, p):
            return False
    return True


_FORMS: dict[str, Callable[..., bool]] = {
    "value": _value, "is": _is, "as": _as, "or": _or, "sequence": _sequence, "mapping": _mapping, "class": _class,
}  # fmt: skip
