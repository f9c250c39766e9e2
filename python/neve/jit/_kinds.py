"""Numbers whose type tensors decide, and what is a number in some ways and a scalar tensor in others."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from .. import _elementwise as e
from .. import _neve
from .._base import Tensor
from ._numbers import _SAMPLES, DTYPES, Number, as_number, kinds_of, number, number_dtype
from ._one_of import Way
from ._values import dtype_of

TENSOR = len(DTYPES)  # beside the kinds of numbers


class Scalar(Tensor):
    """A scalar tensor where `flag` (bool[]) holds, elsewhere a number. As a tensor it has the number's value there."""

    def __init__(self, raw: Tensor, flag: Tensor, number: Number) -> None:
        super().__init__(raw)
        self.raw, self.flag, self.number = raw, flag, number


def is_mixed(v: Any) -> bool:
    """Whether tensors decide which type of a number, or that of a tensor, a value has."""
    return isinstance(v, Scalar) or (isinstance(v, Number) and v.kinds is not None)


def kinds_in(v: Any) -> tuple[int, ...]:
    """The kinds that a value may be of: places in DTYPES, or TENSOR."""
    if isinstance(v, Scalar):
        return (*kinds_of(v.number).possible, TENSOR)
    if isinstance(v, Tensor) and not isinstance(v, Number):
        return (TENSOR,)
    if isinstance(v, Number):
        return kinds_of(v).possible
    return (DTYPES.index(dtype_of(v)),)


def which_of(v: Any) -> Tensor:
    """The kind of a number, as i64[]."""
    return v.kinds.which if isinstance(v, Number) and v.kinds is not None else _neve.tensor(kinds_in(v)[0])


def ways_of(v: Any) -> list[Way]:
    """A mixed value by its kinds, each with what asks whether it is that."""
    if isinstance(v, Scalar):
        return [(lambda: number(v.flag), v.raw), *_ways_of_number(v.number)]
    return _ways_of_number(v)


def _ways_of_number(n: Number) -> list[Way]:
    which, possible = kinds_of(n)
    return [(lambda k=k: number(which == k), n._as(DTYPES[k])) for k in possible]  # type: ignore[misc]


def each_kind(v: Any, f: Callable[[Any], Any]) -> Any:
    """f of what a value is, in a branch for each kind."""
    from ._logic import choose

    ways = ways_of(v)

    def way(k: int) -> Any:
        test, value = ways[k]
        return f(value) if k == len(ways) - 1 else choose(test(), lambda: f(value), lambda: way(k + 1))

    return way(0)


def place_of(v: Any) -> Tensor:
    """The number of the way that a mixed value is, as i64[]."""
    which, possible = kinds_of(v.number if isinstance(v, Scalar) else v)
    first = int(isinstance(v, Scalar))
    table = [first + possible.index(k) if k in possible else first for k in range(len(DTYPES))]
    place = _neve.tensor(table)[which]
    return e.where(v.flag, _neve.tensor(0), place) if first else place


def by_kind(v: Any, f: Callable[[Any], Any]) -> list[Any]:
    """f of a plain value of each kind that it may be; of a tensor where it may be one."""
    kinds = kinds_of(v.number if isinstance(v, Scalar) else v).possible
    return [f(v.raw)] * isinstance(v, Scalar) + [f(_SAMPLES[DTYPES[k]]) for k in kinds]


def _operator(name: str, reflected: bool) -> Callable[[Scalar, Any], Any]:
    plain = getattr(operator, name)

    def f(self: Scalar, other: Any) -> Any:
        if isinstance(other, Tensor) and not isinstance(other, (Number, Scalar)):
            numbers = {number_dtype(_SAMPLES[DTYPES[k]], other.dtype) for k in kinds_of(self.number).possible}
            if numbers == {_neve.promote(self.dtype, other.dtype)}:  # the same tensor either way
                return plain(other, self.raw) if reflected else plain(self.raw, other)
        elif not isinstance(other, Tensor) and as_number(other) is None:
            return NotImplemented
        return each_kind(self, lambda v: plain(other, v) if reflected else plain(v, other))

    return f


def _comparison(name: str) -> Callable[[Scalar, Any], Any]:
    plain = getattr(operator, name)

    def f(self: Scalar, other: Any) -> Any:
        if isinstance(other, Tensor) and not isinstance(other, (Number, Scalar)):
            return plain(self.raw, other)
        if isinstance(other, Scalar):
            return each_kind(self, lambda v: plain(v, other))
        if as_number(other) is None:
            return NotImplemented
        answer = plain(self.number, other)
        return Scalar(e.where(self.flag, plain(self.raw, other), answer.raw), self.flag, answer)

    return f


def _unary(f: Callable[[Any], Any]) -> Callable[[Scalar], Any]:
    return lambda self: each_kind(self, f)


for _name in "add sub mul truediv floordiv mod pow and_ or_ xor lshift rshift".split():
    setattr(Scalar, f"__{_name.strip('_')}__", _operator(_name, False))
    setattr(Scalar, f"__r{_name.strip('_')}__", _operator(_name, True))
for _name in "eq ne lt le gt ge".split():
    setattr(Scalar, f"__{_name}__", _comparison(_name))
for _name in "neg pos abs invert".split():
    setattr(Scalar, f"__{_name}__", _unary(getattr(operator, _name)))
for _name in "iadd isub imul itruediv ifloordiv imod ipow iand ior ixor ilshift irshift".split():
    setattr(Scalar, f"__{_name}__", _operator(_name, False))  # in place where it is a tensor
