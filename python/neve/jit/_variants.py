"""Values of several kinds, of which tensors decide one: a tensor or a text, matrices or scalars, a tuple or None."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .._base import Tensor
from ._choices import Choice, is_constant
from ._numbers import Number
from ._one_of import OneOf, Way
from ._values import Maybe, Undefined, read


class Unset(Undefined):
    """What a value would hold if it were of another kind: fits every kind, and is never read."""


UNSET = Unset("a value of another kind")


class Variant(OneOf):
    """One of `ways`, by their labels; `tag`: that which it is, as a Choice of labels (a Maybe of one where it may not be
    assigned)."""

    def __init__(self, labels: Sequence[str], ways: Sequence[Any], tag: Any) -> None:
        self._labels, self._ways, self._tag = [*labels], [*ways], tag

    def ways(self) -> list[Way]:
        known = dict(zip(self._labels, self._ways))
        return [(test, known[label]) for test, label in read(self._tag).ways()]

    def table(self, f: Callable[[Any], bool]) -> Any:
        """A bool of each way, that follows from its kind alone."""
        known = dict(zip(self._labels, self._ways))
        return read(self._tag).table(lambda label: f(known[label]))


class Entry:
    """What a dict has for a key that may be missing: `flag`, a bool or a number of the program, says whether it is there."""

    def __init__(self, flag: Any, value: Any) -> None:
        self.flag, self.value = flag, value


def variant(labels: Sequence[str], ways: Sequence[Any], tag: Any) -> Any:
    """A Variant; what has the label `tag`, where no tensor decides it."""
    if isinstance(tag, Choice) and len(tag._options) == 1:
        tag = tag._options[0]
    if isinstance(tag, str):
        return ways[[*labels].index(tag)]
    return Variant(labels, ways, tag) if isinstance(tag, (Choice, Maybe)) else tag


def variant_of(ways: Sequence[Any], which: Tensor) -> Any:
    """That of these which has the number `which` (i64[])."""
    if all(is_constant(w) or w is None for w in ways):
        return Choice([*ways], Number(which))
    labels = [f"result {k}" for k in range(len(ways))]
    return Variant(labels, ways, Choice(labels, Number(which)))
