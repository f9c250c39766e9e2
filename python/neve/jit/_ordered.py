"""max, min and sorted where tensors decide the order, or how many values there are."""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable, Iterable
from typing import Any

from .. import _reductions, ops
from .._base import Tensor, fail
from .._indexing import argsort
from ._align import element_type
from ._choices import Choice
from ._lists import Spread, TensorList, is_spread, open_of, open_range, spread
from ._logic import choose, compare
from ._numbers import Dim, number
from ._one_of import OneOf
from ._state import flatten
from ._statements import collect
from ._values import SizeCondition, is_number, is_program

Key = Callable[[Any], Any]


def is_open(v: Any) -> bool:
    """Whether tensors or sizes decide how a value compares."""
    return isinstance(v, (Dim, SizeCondition, Choice, OneOf)) or is_program(v)


def _gathered(values: Any, call: str) -> TensorList:
    """Values as the rows of one tensor."""
    if is_spread(values):
        return TensorList(values)
    whole: list[Any] = []
    if (rows := open_of(values)) is not None:
        collect(whole, rows, whole.append)
    else:
        whole = [*values]
    if not is_spread(whole):
        leaves, structure = flatten([whole])
        of = element_type(structure[0], leaves)
        if of is None:
            fail(
                "unsupported",
                f"to_static: {call} of different things, whose order tensors decide (elements of one type)",
            )
        spread(whole, of)
    return TensorList(whole)


def _keys(whole: TensorList, key: Key | None, call: str) -> Tensor:
    """What the rows are compared by, a number each."""
    data = whole.data
    if key is not None:
        found: list[Any] = []
        collect(found, open_range(whole.length), lambda k: found.append(key(whole[k])))
        data = _gathered(found, call).data
    if data.ndim != 1:
        fail(
            "unsupported",
            f"to_static: {call} of tensors of rank {data.ndim - 1}, in a list whose length tensors decide (key=...)",
        )
    return data.astype("i64") if data.dtype == "bool" else data


def extreme(name: str, user: Callable[[Any], Any]) -> Callable[..., Any]:
    """max or min. user: makes a key of the program's one that converted code calls."""
    plain = getattr(builtins, name)
    place = _reductions.argmax if name == "max" else _reductions.argmin

    def f(*args: Any, **kwargs: Any) -> Any:
        values: Any = args[0] if len(args) == 1 else args
        if is_spread(values) or open_of(values) is not None:
            whole = TensorList([Spread(values, False)]) if is_program(values) else _gathered(values, name)
            if "default" in kwargs:
                default = kwargs.pop("default")
                return choose(compare(["ne"], whole.length, 0), lambda: f(whole.list, **kwargs), lambda: default)
            key = kwargs.get("key")
            keys = _keys(whole, key and user(key), name)
            return whole[number(place(keys))] if key else whole._made(getattr(_reductions, name)(keys, axis=0))
        values = [*values]
        if kwargs.get("key") is not None and values:
            named = [user(kwargs["key"])(v) for v in values]
            if any(map(is_open, named)):
                return functools.reduce(functools.partial(_pair_by_key, name), zip(named, values))[1]
        if kwargs.get("key") is not None or len(values) < 2 or not any(map(is_open, values)):
            return plain(values, **kwargs) if len(args) == 1 else plain(*args, **kwargs)
        return functools.reduce(functools.partial(_pair, name), values)

    return f


def _pair(name: str, a: Any, b: Any) -> Any:
    """Of two, as Python has it: the first unless the second is more (less)."""
    if isinstance(a, (Dim, int)) and isinstance(b, (Dim, int)) and (isinstance(a, Dim) or isinstance(b, Dim)):
        return getattr(Dim, name)(a, b)
    return choose(compare(["gt" if name == "max" else "lt"], b, a), lambda: b, lambda: a)


def _pair_by_key(name: str, a: tuple[Any, Any], b: tuple[Any, Any]) -> Any:
    return choose(compare(["gt" if name == "max" else "lt"], b[0], a[0]), lambda: b, lambda: a)


def ordered(user: Callable[[Any], Any]) -> Callable[..., list[Any]]:
    """sorted."""

    def f(values: Iterable[Any], *, key: Key | None = None, reverse: bool = False) -> list[Any]:
        key = key and user(key)
        if not is_spread(values) and open_of(values) is None:
            values = [*values]
            keys = [*map(key, values)] if key else values
            if not any(map(is_open, keys)):
                order = builtins.sorted(range(len(values)), key=keys.__getitem__, reverse=reverse)
                return [values[k] for k in order]
            if not any(map(is_open, values)) and not all(map(is_number, values)):
                fail(
                    "unsupported",
                    "to_static: sorted of plain things in an order that tensors decide (tensors or numbers)",
                )
        whole = _gathered(values, "sorted")
        places = argsort(_keys(whole, key, "sorted"), descending=bool(reverse))
        if whole.is_of_numbers and isinstance(whole.length, Dim):
            return [Spread(ops.gather(whole.data, places, axis=0), True)]
        out: list[Any] = []
        if isinstance(whole.length, Dim):  # the elements themselves: they may be changed in place
            collect(out, open_range(whole.length), lambda k: out.append(whole[number(places[k.raw])]))
        else:
            out += [whole[number(places[k])] for k in range(whole.length)]
        return out

    return f
