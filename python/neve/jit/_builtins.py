"""Builtins that know tensors, open sizes and numbers that tensors decide; over anything else they are Python's."""

from __future__ import annotations

import builtins
import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

from .. import _creation, _neve, _shape
from .. import _elementwise as e
from .._base import Tensor, fail
from . import _effects
from ._branches import assert_, if_
from ._choices import Choice
from ._gaps import Some, has_gaps, length, refuse
from ._kinds import by_kind, is_mixed, place_of, ways_of
from ._lists import Open, TensorList, TupleSpread, gathered, is_spread, open_of, open_range
from ._logic import and_, choose, not_, or_
from ._numbers import Dim, Number, as_number, number, require
from ._one_of import OneOf, each, looked_up_number
from ._ordered import extreme, is_open, ordered
from ._reach import require_own
from ._tables import Table
from ._texts import as_text, format_value, holds_open, parts_of_text
from ._values import Maybe, NoAttribute, SizeCondition, always, condition, is_program, lift, read
from ._variants import Variant

_MOST = 1000  # plain values that are gone through beside what is of open size


def known_int(v: Any) -> int | None:
    """The number that a tensor is known to be; None for others."""
    known = _neve.known_content(v) if isinstance(v, Tensor) and v.size == 1 else None
    return None if known is None else builtins.int(known.item())


def _range(*bounds: Any) -> Any:
    if any(isinstance(b, (Tensor, Dim)) for b in bounds):
        known = [builtins.int(b) if isinstance(b, int) else known_int(b) for b in bounds]
        if all(k is not None for k in known):
            return builtins.range(*known)  # type: ignore[arg-type]
        return open_range(*bounds)
    return builtins.range(*bounds)


def _len(x: Any) -> Any:
    if is_spread(x):
        return TensorList(x).length
    if isinstance(x, Open):
        return number(x.trips)
    if has_gaps(x):
        return length(x)
    return x.shape[0] if isinstance(x, Tensor) and x.ndim else builtins.len(x)


def _scalar(x: Any) -> Any:
    """A number of the program, from a size, a condition, or a tensor of one element; None for anything else."""
    if isinstance(x, SizeCondition):
        return x.number()
    if isinstance(x, (Number, Dim)):
        return as_number(x)
    if is_mixed(x):  # the number itself has more digits than the tensor in its place
        return number(e.where(x.flag, x.raw.astype("f64"), x.number._as("f64").raw))
    if is_program(x) and x.size == 1 and _neve.known_content(x) is None:
        return number(x.reshape(()) if x.ndim else x)
    return None


def _int(*args: Any) -> Any:
    if len(args) == 1 and not isinstance(args[0], Dim) and (n := _scalar(args[0])) is not None:
        return n.__trunc__()
    return args[0] if len(args) == 1 and isinstance(args[0], Dim) else builtins.int(*args)


def _float(*args: Any) -> Any:
    n = _scalar(args[0]) if len(args) == 1 else None
    return builtins.float(*args) if n is None else n._as("f64")


def _bool(*args: Any) -> Any:
    if len(args) != 1:
        return builtins.bool(*args)
    c = condition(args[0])
    return number(c) if isinstance(c, Tensor) else c


def _item(t: Tensor) -> Any:
    n = _scalar(t)
    return t.item() if n is None else n


def _isinstance(x: Any, kinds: Any) -> bool:
    if is_spread(x) and isinstance(gathered(x), TupleSpread):
        return builtins.isinstance((), kinds)
    if isinstance(x, Maybe):
        some = _isinstance(x.value, kinds)
        none = builtins.isinstance(None, kinds) if x.absent is None else some
        return some if some == none else not_(x.is_none()) if some else x.is_none()
    if isinstance(x, Dim):
        return builtins.isinstance(0, kinds) or builtins.isinstance(x, kinds)
    if isinstance(x, SizeCondition):
        return builtins.isinstance(True, kinds)
    if is_mixed(x):
        return looked_up_number(by_kind(x, lambda v: builtins.isinstance(v, kinds)), number(place_of(x)))
    if isinstance(x, Number):
        return builtins.isinstance({"int": 0, "float": 0.0, "bool": True}[x.form], kinds)
    if isinstance(x, _effects.Text):
        return builtins.isinstance("", kinds)
    if isinstance(x, OneOf):
        plain = [_isinstance(w, kinds) for _, w in x.ways()]  # of those that may be None: as tensors decide
        known = not isinstance(x, Variant) or all(isinstance(a, bool) for a in plain)
        return x.table(lambda v: _isinstance(v, kinds)) if known else each(x, lambda v: _isinstance(v, kinds))
    return builtins.isinstance(x, kinds)


_PLAIN_OF: dict[str, Any] = {"int": 0, "float": 0.0, "bool": False}


def _stands_for(x: Any) -> Any:
    """A plain value of the kind that a number, size, condition or text of the program stands for; others as they are."""
    if isinstance(x, Number):
        return _PLAIN_OF[x.form]
    if isinstance(x, _effects.Text):
        return ""
    return 0 if isinstance(x, Dim) else False if isinstance(x, SizeCondition) else x


def _type(*args: Any) -> Any:
    if len(args) != 1:
        return builtins.type(*args)
    x = read(args[0])
    if is_mixed(x):
        return Choice(by_kind(x, builtins.type), number(place_of(x)))
    return each(x, _type) if isinstance(x, OneOf) else builtins.type(_stands_for(x))


def _held(x: Any, name: str) -> Maybe | None:
    """An attribute that tensors decide whether an object has."""
    held = getattr(x, "__dict__", {}).get(name) if not isinstance(x, (Tensor, OneOf)) else None
    return held if isinstance(held, Maybe) and isinstance(held.absent, NoAttribute) else None


def _hasattr(x: Any, name: str) -> Any:
    if isinstance(x, Maybe) and x.absent is None:
        some, none = _hasattr(x.value, name), builtins.hasattr(None, name)
        return some if some == none else not_(x.is_none()) if some else x.is_none()
    x = read(x)
    if (held := _held(x, name)) is not None:
        return number(held.flag)
    return each(x, lambda v: _hasattr(v, name)) if isinstance(x, OneOf) else builtins.hasattr(_stands_for(x), name)


def _getattr(x: Any, name: str, *default: Any) -> Any:
    x = read(x)
    if isinstance(x, OneOf):
        return each(x, lambda v: _getattr(v, name, *default))
    if default and (held := _held(x, name)) is not None:
        return choose(number(held.flag), lambda: held.value, lambda: default[0])
    if _stands_for(x) is not x and not builtins.hasattr(_stands_for(x), name):
        return builtins.getattr(_stands_for(x), name, *default)
    return builtins.getattr(x, name, *default)


def _rows(x: Any) -> Any:
    """What a converted loop goes through: an Open, or a plain iterable."""
    rows = open_of(x)
    if rows is not None:
        return rows
    return [x[k] for k in builtins.range(x.shape[0])] if is_program(x) and x.ndim else x


def _enumerate(iterable: Any, start: Any = 0) -> Any:
    rows = _rows(iterable)
    if isinstance(rows, Some):
        refuse("enumerate")
    if isinstance(rows, Open):
        return Open(rows.trips, lambda k: (k + start, rows.item(k)), rows.most)
    if is_open(start):
        return [(start + k, v) for k, v in builtins.enumerate(rows)]
    return builtins.enumerate(rows, start)


def _zip(*iterables: Any, strict: bool = False) -> Any:
    rows = [_rows(x) for x in iterables]
    if any(isinstance(r, Some) for r in rows):
        refuse("zip or map")
    if not any(isinstance(r, Open) for r in rows):
        return builtins.zip(*rows, strict=strict)
    opened = [r if isinstance(r, Open) else _open_beside(r, x) for r, x in zip(rows, iterables)]
    if strict:
        for r in opened[1:]:
            assert_(number(r.trips == opened[0].trips), lambda: "zip() arguments differ in length")
    trips = functools.reduce(e.minimum, [r.trips for r in opened])
    most = min((r.most for r in opened if r.most is not None), default=None)
    return Open(trips, lambda k: tuple(r.item(k) for r in opened), most)


def _open_beside(rows: Any, x: Any) -> Open:
    """What plain Python goes through, beside what is of open size."""
    if is_program(x):
        return Open(_neve.tensor(builtins.len(rows)), lambda k: x[k.raw])
    if isinstance(rows, builtins.range):
        return Open(_neve.tensor(builtins.len(rows)), lambda k: k * rows.step + rows.start)
    values = list(itertools.islice(rows, _MOST + 1))
    if len(values) > _MOST:
        fail("unsupported", f"to_static: zip of what is of open size with more than {_MOST} plain values (a tensor)")
    return Open(_neve.tensor(builtins.len(values)), lambda k: values[known_int(k) or 0], builtins.len(values))


def _reversed(x: Any) -> Any:
    if is_spread(x):
        turned = TensorList(TensorList(x).copy())
        turned.reverse()
        return turned.list
    rows = _rows(x)
    if isinstance(rows, Some):
        refuse("reversed")
    if isinstance(rows, Open):
        return Open(rows.trips, lambda k: rows.item(number(rows.trips) - 1 - k))
    return builtins.reversed(rows)


def _user(function: Any) -> Any:
    """A function that is given to a builtin: its converted form, where it is the user's."""
    from ._calls import call

    return call(function)


def _map(function: Any, *iterables: Any) -> Any:
    f, rows = _user(function), _zip(*iterables)
    if isinstance(rows, Open):
        return Open(rows.trips, lambda k: f(*rows.item(k)), rows.most)
    return builtins.map(lambda items: f(*items), rows)


def _filter(function: Any, iterable: Any) -> Any:
    from ._statements import collect, when

    test = _truth if function is None else _user(function)
    out: list[Any] = []
    collect(out, _rows(iterable), lambda v: when(out, test(v), lambda: out.append(v)))
    return out


def _next(iterator: Any, *default: Any) -> Any:
    require_own(iterator)
    return builtins.next(iterator, *default)


def _list(*args: Any) -> Any:
    if args and is_spread(args[0]):
        return TensorList(args[0]).copy()
    rows = _rows(args[0]) if args else ()
    if isinstance(rows, Open):
        from ._statements import collect

        out: list[Any] = []
        collect(out, rows, lambda v: out.append(v))
        return out
    return builtins.list(rows)


def _tuple(*args: Any) -> Any:
    rows = _rows(args[0]) if args else ()
    if not isinstance(rows, Open):
        return builtins.tuple(rows)
    values = _list(args[0])
    whole = gathered(values)
    if isinstance(whole, Table):
        fail("unsupported", "to_static: a tuple of tuples, as long as tensors decide (a list)")
    return [TupleSpread(whole.data, whole.is_of_numbers)]


def _sum(values: Any, start: Any = 0) -> Any:
    if is_spread(values):
        whole = TensorList(values)

        def total() -> Any:
            return start + whole._made(whole.data.sum(axis=0))

        if whole.is_of_numbers or whole.data.ndim == 1:  # 0 of none has the same shape
            return total()
        return choose(number(lift(whole.length, "i64") > 0), total, always(start))
    if isinstance(rows := open_of(values), Open):
        if is_program(values):
            return start + values.sum(axis=0)
        out = _list(rows)
        return _sum(out, start)
    return builtins.sum(_rows(values), start)


def _all(values: Any) -> Any:
    return _quantified(values, "all", and_)


def _any(values: Any) -> Any:
    return _quantified(values, "any", or_)


def _quantified(values: Any, name: str, joined: Callable[..., Any]) -> Any:
    """all or any, whose value ends the search where it is known."""
    if isinstance(values, Open) or is_spread(values) or (is_program(values) and open_of(values)):
        return number(getattr(_as_one(values) != 0, name)())
    result: Any = name == "all"
    for v in _rows(values):
        result = joined(always(result), functools.partial(_truth, v))
        if result is (name == "any"):
            return result
    return result


def _truth(v: Any) -> Any:
    return not_(not_(v))


def _as_one(values: Any) -> Tensor:
    return values if is_program(values) else gathered(values if is_spread(values) else _list(values)).data


def _abs(x: Any) -> Any:
    return abs(n) if isinstance(x, (Dim, SizeCondition)) and (n := as_number(x)) is not None else builtins.abs(x)


def _round(x: Any, digits: Any = None) -> Any:
    n = _scalar(x) if isinstance(x, (Number, SizeCondition)) else None
    if isinstance(x, Dim):
        return x
    return builtins.round(x, digits) if n is None else n.__round__(digits)


def _with(values: tuple[Any, ...], old: Any, new: Any) -> tuple[Any, ...]:
    """Values to print, with another in the place of one."""

    def of(v: Any) -> Any:
        if isinstance(v, _effects.Text):
            return _effects.Text([(of(p[0]), *p[1:]) if isinstance(p, tuple) else p for p in v.parts])
        return new if v is old else v

    return tuple(map(of, values))


def _print_ways(values: tuple[Any, ...], **kwargs: Any) -> bool:
    """Prints where tensors decide one of texts, or whether there is something at all: a branch for each."""
    parts = [
        p[0] for v in values for p in (v.parts if isinstance(v, _effects.Text) else [(v,)]) if isinstance(p, tuple)
    ]
    v: Any = next((p for p in parts if isinstance(p, (OneOf, Maybe)) or is_mixed(p)), None)
    if v is None:
        return False
    ways = (
        [(v.is_none, None), (lambda: True, v.value)]
        if isinstance(v, Maybe)
        else ways_of(v)
        if is_mixed(v)
        else v.ways()
    )

    def way(k: int) -> None:
        def this() -> None:
            _print(*_with(values, v, ways[k][1]), **kwargs)

        if k == len(ways) - 1:
            this()
        else:
            if_(ways[k][0](), this, lambda: way(k + 1), lambda: (), lambda _: None, ())

    way(0)
    return True


def _print(*values: Any, sep: str | None = " ", end: str | None = "\n", **kwargs: Any) -> None:
    values = tuple(read(v) if isinstance(v, Maybe) and v.absent is not None else v for v in values)
    values = tuple(
        _effects.Text(parts_of_text(v)) if isinstance(v, (list, tuple, dict)) and holds_open(v) else v for v in values
    )
    if _print_ways(values, sep=sep, end=end, **kwargs):
        return
    values = tuple(v.number() if isinstance(v, SizeCondition) else v for v in values)
    if kwargs.get("file") is not None:
        if not any(_effects.is_open(v) or isinstance(v, _effects.Text) for v in values) and not _neve.capture_depth():
            builtins.print(*values, sep=sep, end=end, **kwargs)
            return
        fail(
            "unsupported",
            "to_static: print to a file of values that are known when the program runs (print to the standard output)",
        )
    _effects.printed(values, " " if sep is None else sep, "\n" if end is None else end)


def _stacked(name: str) -> Callable[..., Any]:
    plain = getattr(_shape, name)

    def f(values: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_spread(values):
            if isinstance(values, (list, tuple)):
                values = type(values)(as_tensor_of(v) for v in values) if type(values) in (list, tuple) else values
            return plain(values, *args, **kwargs)
        data = TensorList(values).data
        axis = args[0] if args else kwargs.get("axis", kwargs.get("dim", 0))
        if name == "stack":
            axis = axis + data.ndim if axis < 0 else axis
            return _neve.unrelated(data if axis == 0 else data.moveaxis(0, axis))
        axis = axis + data.ndim - 1 if axis < 0 else axis
        order = [*builtins.range(1, axis + 1), 0, *builtins.range(axis + 1, data.ndim)]
        moved = data.permute(*order)
        return _neve.unrelated(moved.flatten(axis, axis + 1))

    return functools.wraps(plain)(f)


def _tensor(data: Any, *args: Any, **kwargs: Any) -> Tensor:
    """neve.tensor over a list of numbers whose length tensors or sizes decide."""
    if is_spread(data) and gathered(data).is_of_numbers:
        data = TensorList(data).data
        data = data.astype("f32") if data.dtype == "f64" else data
    return _creation.tensor(data, *args, **kwargs)


def _full(shape: Any, fill_value: Any, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """neve.full with a number, or a tensor of one element, that tensors or sizes decide."""
    n = _scalar(fill_value) if isinstance(fill_value, (Number, Dim, SizeCondition)) else None
    one = n is None and is_program(fill_value) and fill_value.size == 1
    if n is None and not one:
        return _creation.full(shape, fill_value, dtype=dtype, requires_grad=requires_grad)
    t: Any = fill_value.reshape(()) if n is None else n.raw
    value = t.astype(dtype) if dtype is not None else t if n is None else as_tensor_of(n)
    empty = _creation.zeros(shape, dtype=value.dtype)
    return empty | value if value.dtype == "bool" else empty + value


def _full_like(x: Any, fill_value: Any, *, dtype: Any = None) -> Tensor:
    """neve.full_like, the same."""
    if not isinstance(x, Tensor):
        return _creation.full_like(x, fill_value, dtype=dtype)
    return _full(x.shape, fill_value, dtype=dtype or x.dtype)


def as_tensor_of(v: Any) -> Any:
    """A number that tensors decide as the tensor that a plain number becomes; others as they are."""
    from ._numbers import weak

    v = read(v)
    n = as_number(v) if isinstance(v, (Number, Dim)) else None
    return v if n is None else weak(n)


def _math(name: str, f: Callable[..., Tensor]) -> Callable[..., Any]:
    plain = getattr(math, name)

    def g(*args: Any) -> Any:
        if not any(isinstance(a, (Dim, SizeCondition)) or is_program(a) for a in args):
            return plain(*args)
        given = [a if (n := _scalar(a)) is None else n for a in args]
        values = [lift(a, "f64") for a in given]
        made = number(f(*values))
        made.is_of_sizes = name in ("sqrt", "floor", "ceil") and isinstance(given[0], Number) and given[0].is_of_sizes
        if name in _DOMAINS and not (isinstance(given[0], Number) and (given[0].is_size or given[0].is_of_sizes)):
            sample, holds = _DOMAINS[name]
            made = require(made, holds(values[0], made.raw), _error_of(plain, sample))
        return made._as("i64") if name in ("floor", "ceil", "trunc") else made

    return functools.wraps(plain)(g)


def _error_of(plain: Callable[[float], float], sample: float) -> Exception:
    """What a function of math raises for a value that it is not there for."""
    try:
        plain(sample)
    except (ValueError, OverflowError) as error:
        return error
    raise AssertionError(f"{plain} takes {sample}")


def _is_finite(x: Tensor, made: Tensor) -> Tensor:
    return e.logical_or(e.isfinite(made), ~e.isfinite(x))


# By name: a value that the function refuses, and whether it takes one, given what it would be.
_DOMAINS: dict[str, tuple[float, Callable[[Tensor, Tensor], Tensor]]] = {
    "sqrt": (-1.0, lambda x, _: ~(x < 0)), **{n: (-1.0, lambda x, _: ~(x <= 0)) for n in ("log", "log2", "log10")},
    **{n: (1e5, _is_finite) for n in ("exp", "sinh", "cosh")},
    **{n: (float("inf"), lambda x, _: ~e.isinf(x)) for n in ("sin", "cos", "tan")},
}  # fmt: skip


def _test(name: str, f: Callable[..., Tensor]) -> Callable[..., Any]:
    plain = getattr(math, name)
    return functools.wraps(plain)(lambda x: plain(x) if (n := _scalar(x)) is None else number(f(n._as("f64").raw)))


_TESTS = {"isnan": e.isnan, "isinf": e.isinf, "isfinite": e.isfinite}
_MATH: dict[str, Any] = {"sqrt": e.sqrt, "exp": e.exp, "log": e.log, "log2": e.log2, "log10": e.log10, "sin": e.sin, "cos": e.cos,
         "tan": e.tan, "tanh": e.tanh, "fabs": e.abs, "floor": e.floor, "ceil": e.ceil, "trunc": e.trunc, "pow": e.pow,
         "atan": e.atan, "sinh": e.sinh, "cosh": e.cosh, "erf": e.erf}  # fmt: skip

REPLACED: dict[Any, Any] = {
    builtins.range: _range, builtins.len: _len, builtins.int: _int, builtins.float: _float, builtins.bool: _bool,
    builtins.str: as_text("s"), builtins.repr: as_text("r"), builtins.format: format_value, builtins.type: _type, builtins.hasattr: _hasattr, builtins.getattr: _getattr, builtins.max: extreme("max", _user), builtins.min: extreme("min", _user), builtins.sorted: ordered(_user), builtins.isinstance: _isinstance,
    builtins.next: _next, builtins.map: _map, builtins.filter: _filter, builtins.enumerate: _enumerate, builtins.zip: _zip, builtins.reversed: _reversed, builtins.list: _list,
    builtins.tuple: _tuple, builtins.sum: _sum, builtins.all: _all, builtins.any: _any, builtins.abs: _abs,
    builtins.round: _round, builtins.print: _print, _shape.stack: _stacked("stack"), _shape.concat: _stacked("concat"),
    _creation.tensor: _tensor, _creation.full: _full, _creation.full_like: _full_like,
    **{getattr(math, name): _math(name, f) for name, f in _MATH.items()},
    **{getattr(math, name): _test(name, f) for name, f in _TESTS.items()},
}  # fmt: skip
