"""Constants that are no numbers (texts, functions, None), of which a tensor decides one."""

from __future__ import annotations

import dataclasses
import enum
import functools
from collections.abc import Callable, Sequence
from typing import Any

from .. import _neve
from .._base import Tensor
from . import _effects
from ._numbers import Dim, Number, number
from ._one_of import OneOf, Way, asked, each, looked_up_number, possible
from ._values import Lost, Maybe, SizeCondition, Undefined, same


class Choice(OneOf):
    """One of `options`, that with the number `index`."""

    def __init__(self, options: list[Any], index: Number) -> None:
        self._options, self._index = options, index

    def ways(self) -> list[Way]:
        known = self.possible()
        return [(functools.partial(self._is, k), o) for k, o in enumerate(self._options) if known[k]]

    def _is(self, k: int) -> Any:
        return asked(number(self._index.raw == k), self._index, [j == k for j in range(len(self._options))])

    def possible(self) -> list[bool]:
        """Which of the options it may be here."""
        return possible(self._index, len(self._options))

    def narrowed(self) -> Any:
        """The same without what it cannot be here."""
        known = self.possible()
        if all(known):
            return self
        places = [k for k, is_one in enumerate(known) if is_one]
        if len(places) == 1:
            return self._options[places[0]]
        at = _neve.tensor([places.index(k) if k in places else 0 for k in range(len(known))])
        return Choice([self._options[k] for k in places], Number(at[self._index.raw]))

    def with_index(self, f: Callable[[Number], Number]) -> Choice:
        """The same with another index."""
        return Choice(self._options, f(self._index))

    def _each_option(self, f: Callable[[Any], Any]) -> list[Any]:
        """f of each option; of one that it cannot be what another gives."""
        known = self.possible()
        made = {k: f(o) for k, o in enumerate(self._options) if known[k]}
        other = next(iter(made.values()))
        return [made.get(k, other) for k in range(len(self._options))]

    def table(self, f: Callable[[Any], Any]) -> Any:
        """A bool of each option, looked up: a bool where all are alike."""
        return looked_up_number([bool(a) for a in self._each_option(f)], self._index)

    def looked_up(self, f: Callable[[Any], Any]) -> Any:
        try:
            made = self._each_option(f)
        except Exception:  # of some of them: where it is one of these
            return each(self, f)
        found = looked_up_number(made, self._index)
        if found is not None:
            return found
        plain = all(m is None or (is_constant(m) and not isinstance(m, Choice)) for m in made)
        return Choice(made, self._index) if plain else each(self, f)


def is_constant(v: Any) -> bool:
    """Whether a value is neither a tensor nor a number, and is there."""
    if v is None or isinstance(v, (Tensor, bool, int, float, Dim, SizeCondition, Undefined, Maybe, Lost)):
        return isinstance(v, enum.Enum)
    if isinstance(v, (Choice, str, bytes, enum.Enum)):
        return True
    if isinstance(v, (OneOf, _effects.Text)) or dataclasses.is_dataclass(v):
        return callable(v)
    return not isinstance(v, (list, dict, tuple))


def is_object(v: Any) -> bool:
    """Whether a constant is an object of the user's: one that may change."""
    return is_constant(v) and hasattr(v, "__dict__") and not callable(v) and not isinstance(v, (enum.Enum, Choice))


def _is_one(a: Any, b: Any) -> bool:
    return a is b or (not is_object(a) and not is_object(b) and same(a, b))


def options_of(values: Sequence[Any]) -> list[Any]:
    """The constants that these are, each once."""
    found: list[Any] = []
    for v in values:
        for o in v._options if isinstance(v, Choice) else [v]:
            if not any(_is_one(o, f) for f in found):
                found.append(o)
    return found


def index_of(v: Any, options: list[Any]) -> Tensor:
    """The number of a value among the options, as a tensor."""
    places = [
        next(k for k, f in enumerate(options) if _is_one(o, f)) for o in (v._options if isinstance(v, Choice) else [v])
    ]
    return _neve.tensor(places)[v._index.raw] if isinstance(v, Choice) else _neve.tensor(places[0])
