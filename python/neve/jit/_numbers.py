"""Numbers that tensors or sizes decide: Python's int, float and bool in a captured program, by Python's rules."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

from .. import _elementwise as e
from .. import _neve
from .._base import Tensor, fail, number_dtype, ops

Dim = _neve.Dim
_SAMPLES: dict[str, Any] = {"bool": True, "i64": 1, "f64": 1.0}
DTYPES = tuple(_SAMPLES)
BOOL, INT, FLOAT = range(3)  # places in DTYPES


class Kinds(NamedTuple):
    """Which of Python's types a number has where tensors decide it. which: i64[], a place in DTYPES; possible: those that
    it may be, in their order."""

    which: Tensor
    possible: tuple[int, ...]


class Number(Tensor):
    """A scalar of i64, f64 or bool that stands for an int, float or bool: weak beside tensors, returned as a number."""

    is_size = False  # of an axis: 0 is no divisor that a program expects
    is_of_sizes = False  # made of sizes and constants that are not negative alone
    kinds: Kinds | None = None  # where tensors decide the type too; the dtype holds the values of all

    def __init__(self, raw: Tensor) -> None:
        super().__init__(raw)
        self.raw = raw

    @property
    def form(self) -> str:
        """What a call gives back: "int", "float" or "bool"."""
        return type(_SAMPLES[self.dtype]).__name__

    def __hash__(self) -> int:
        raise TypeError(f"an {self.form} that a tensor decides is used as a key (compare it with == instead)")

    def __round__(self, digits: int | None = None) -> Any:
        if digits is not None:
            return of_kinds(e.round(self.raw * 10**digits) / 10**digits, self.as_int().kinds)
        return self._as("i64") if self.dtype == "i64" else number(e.round(self.raw))._as("i64")

    def __floor__(self) -> Number:
        return self._as("i64") if self.dtype == "i64" else number(e.floor(self.raw))._as("i64")

    def __ceil__(self) -> Number:
        return self._as("i64") if self.dtype == "i64" else number(e.ceil(self.raw))._as("i64")

    def __trunc__(self) -> Number:
        return self._as("i64")

    def __neg__(self) -> Number:
        n = self.as_int()
        return of_kinds(-n.raw, n.kinds)

    def __pos__(self) -> Number:
        return self.as_int()

    def __abs__(self) -> Number:
        n = self.as_int()
        return of_kinds(abs(n.raw), n.kinds)

    def __invert__(self) -> Number:
        return number(~self.whole().raw)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def as_int(self) -> Number:
        """A bool as the int that it is for arithmetic and indices."""
        if self.kinds is not None and BOOL in self.kinds.possible:
            return of_kinds(self.raw, _widest(self.kinds, self.kinds))
        return self._as("i64") if self.dtype == "bool" else self

    def whole(self) -> Number:
        """As an int, for what takes no float: an error when the program runs, where it is one."""
        if self.kinds is None or FLOAT not in self.kinds.possible:
            return self.as_int()
        made = self._as("i64")
        return _checked(made, self.kinds.which != FLOAT, "TypeError: a float is used where only an int can stand")

    def _as(self, dtype: str) -> Number:
        if self.dtype == dtype:
            return self if self.kinds is None else Number(self.raw)
        if self.dtype == "f64" and dtype == "i64":
            return Number(e.trunc(self.raw).astype("i64"))
        return Number(self.raw.astype(dtype))

    def _is_torn(self, dtype: str) -> bool:
        """Whether a tensor of this dtype gives other dtypes with each of the types that it may have."""
        kinds = kinds_of(self).possible
        return len({number_dtype(_SAMPLES[DTYPES[k]], dtype) for k in kinds}) > 1

    def beside(self, dtype: str) -> Tensor:
        """As a plain tensor of the dtype that a plain number has beside one of `dtype`."""
        return self._as(number_dtype(_SAMPLES[self.dtype], dtype)).raw if self.dtype != dtype else self.raw

    def size_of(self) -> Any:
        """As the size of an axis. Raises Error{unsupported}: it is known only while the program runs."""
        fail(
            "unsupported",
            "to_static: a size that tensors decide, of a new tensor (slice, mask or concat: their sizes may differ from call to call)",
        )


def number(t: Tensor) -> Number:
    """A captured scalar as what it stands for."""
    t = t.raw if isinstance(t, Number) else t
    if t.dtype not in _SAMPLES:
        t = t.astype("f64" if t.dtype in ("f16", "bf16", "f32") else "i64")
    return Number(t)


def of_kinds(t: Tensor, kinds: Kinds | None) -> Number:
    """A captured scalar as a number of these kinds."""
    if kinds is None:
        return number(t)
    if len(kinds.possible) == 1:
        return Number(t)._as(DTYPES[kinds.possible[0]])
    made = Number(t)
    made.kinds = kinds
    return made


def kinds_of(n: Number) -> Kinds:
    """The kinds of a number, decided or not."""
    place = DTYPES.index(n.dtype)
    return n.kinds or Kinds(_neve.tensor(place), (place,))


def _widest(a: Kinds, b: Kinds, least: int = INT) -> Kinds:
    """Of what arithmetic makes of two numbers."""
    possible = sorted({max(i, j, least) for i in a.possible for j in b.possible})
    which = e.maximum(a.which, b.which) if a is not b else a.which
    return Kinds(e.maximum(which, _neve.tensor(least)) if least else which, tuple(possible))


def as_number(v: Any) -> Number | None:
    """A plain number or size as one of the program; None for what is neither."""
    if isinstance(v, Number):
        return v
    if isinstance(v, Dim):
        made = Number(_neve.dim_tensor(v))
        made.is_size = True
        return made
    if isinstance(v, (bool, int, float)):
        return Number(_neve.tensor(v, "f64") if isinstance(v, float) else _neve.tensor(v))
    return None


def weak(x: Tensor) -> Tensor:
    """A number as the tensor that a plain number would become by itself."""
    if not isinstance(x, Number):
        return x
    return x.raw.astype("f32") if x.dtype == "f64" else x.raw


_COMPARE = {"eq": e.equal, "ne": e.not_equal, "lt": e.less, "le": e.less_equal, "gt": e.greater, "ge": e.greater_equal}
_ARITHMETIC = {"add": e.add, "sub": e.subtract, "mul": e.multiply, "floordiv": e.floor_divide, "mod": e.remainder,
               "pow": e.pow, "and_": e.bitwise_and, "or_": e.bitwise_or, "xor": e.bitwise_xor,
               "lshift": e.bitwise_left_shift, "rshift": e.bitwise_right_shift}  # fmt: skip
_LOGIC = ("and_", "or_", "xor")
_BITS = (*_LOGIC, "lshift", "rshift")
_DIVISIONS = ("truediv", "floordiv", "mod")


def _divisor(n: Number) -> Number:
    """What is divided by: 0 is an error, as in Python; where tensors decide it, when the program runs."""
    if n.is_size:
        return n
    if (known := _neve.known_content(n.raw)) is not None:
        if not known.item():
            raise ZeroDivisionError("division by zero")
        return n
    return require(n, n.raw != 0, ZeroDivisionError("division by zero"))


def require(n: Number, holds: Tensor, error: Exception) -> Number:
    """A number, with the program's own error when it runs where a condition does not hold."""
    from ._effects import current

    if current().dividing if isinstance(error, ZeroDivisionError) else current().trying:
        fail(
            "unsupported",
            "to_static: a division by a number that tensors decide, inside of a try statement with handlers (ask whether it is 0)"
            if isinstance(error, ZeroDivisionError)
            else f"to_static: whether there is a {type(error).__name__} ({error}) is what tensors decide, inside of a try statement with handlers (ask before)",
        )
    made = _checked(n, holds, f"{type(error).__name__}: {error}")
    made.kinds = n.kinds
    return made


def _checked(n: Number, holds: Tensor, text: str) -> Number:
    """A number, with an error when the program runs where a condition does not hold."""
    from ._errors import here

    raw, message = n.raw, text + here()

    def fails(_: list[Tensor]) -> list[Tensor]:
        return [ops.fail(ops.shape(raw), message=message, dtype=raw.dtype)]

    return Number(_neve.stage_if(holds, lambda _: [ops.identity(raw)], fails)[0])


def _int_power(a: Number, b: Number) -> Number:
    """a ** b of ints: an int. That b is negative, so that it were a fraction, is an error when the program runs."""
    exponent = (
        b if b.is_size else _checked(b, b.raw >= 0, "an int to a negative power is no int (a float for the base)")
    )
    return Number(e.round(e.pow(a._as("f64").raw, exponent._as("f64").raw)).astype("i64"))


def _result(name: str, a: Number, b: Number, exponent: Any) -> Any:
    real = "f64" in (a.dtype, b.dtype)
    if name in _COMPARE:
        dtype = "f64" if real else a.dtype if a.dtype == b.dtype else "i64"
        return number(_COMPARE[name](a._as(dtype).raw, b._as(dtype).raw))
    if name == "truediv":
        return number(e.divide(a._as("f64").raw, b._as("f64").raw))
    kinds = _widest(kinds_of(a), kinds_of(b), BOOL if name in _LOGIC else INT) if a.kinds or b.kinds else None
    if name in _BITS and kinds is not None and FLOAT in kinds.possible:
        return _result(name, a.whole(), b.whole(), exponent)
    if name == "pow" and isinstance(exponent, int) and exponent < 0:
        real, kinds = True, None
    if name == "pow" and not real and not isinstance(exponent, int):
        return _int_power(a._as("i64"), b._as("i64"))
    if name == "pow" and kinds is not None and not isinstance(exponent, int):  # an int to a negative power is a float
        which = e.where(b.raw < 0, _neve.tensor(FLOAT), kinds.which)
        kinds = Kinds(which, tuple(sorted({*kinds.possible, FLOAT})))
    dtype = "f64" if real else "bool" if name in _LOGIC and a.dtype == b.dtype == "bool" else "i64"
    return of_kinds(_ARITHMETIC[name](a._as(dtype).raw, b._as(dtype).raw), kinds)


def _operator(name: str, reflected: bool) -> Callable[[Number, Any], Any]:
    plain = getattr(operator, name)

    def f(self: Number, other: Any) -> Any:
        if isinstance(other, Tensor) and not isinstance(other, Number):
            if hasattr(other, "flag"):  # in some ways a number
                return NotImplemented
            if self.kinds is not None and self._is_torn(other.dtype):
                from ._kinds import each_kind

                return each_kind(self, lambda n: plain(other, n) if reflected else plain(n, other))
            mine = self.beside(other.dtype)
            return plain(other, mine) if reflected else plain(mine, other)
        if name == "mul" and isinstance(other, list):
            return _repeated(other, self)
        n = as_number(other)
        if n is None:
            return NotImplemented
        if name in _DIVISIONS:
            if reflected:
                self = _divisor(self)
            else:
                n = _divisor(n)
        made = _result(name, n, self, None) if reflected else _result(name, self, n, other)
        made.is_of_sizes = name in _GROWING and _is_of_sizes(self) and _is_of_sizes(n)
        return made

    return f


_GROWING = ("add", "mul", "truediv", "floordiv", "mod", "pow")


def _is_of_sizes(n: Number) -> bool:
    known = None if n.is_size or n.is_of_sizes else _neve.known_content(n.raw)
    return n.is_size or n.is_of_sizes or (known is not None and known.item() >= 0)


for _name in [*_COMPARE, *_ARITHMETIC, "truediv"]:
    _word = _name.strip("_")
    setattr(Number, f"__{_word}__", _operator(_name, False))
    if _name not in _COMPARE:
        setattr(Number, f"__r{_word}__", _operator(_name, True))
for _name in ("add", "sub", "mul", "floordiv", "mod", "pow", "and", "or", "xor", "lshift", "rshift", "truediv"):
    setattr(Number, f"__i{_name}__", getattr(Number, f"__{_name}__"))  # numbers do not change in place


def _size_operator(name: str) -> None:
    """Sizes beside fractions, and quotients of sizes, are numbers of the program."""
    plain, mine = getattr(Dim, name), getattr(Number, name)

    def f(self: Any, other: Any) -> Any:
        if isinstance(other, Number):
            return NotImplemented
        if isinstance(other, list):
            return _repeated(other, self)
        if isinstance(other, float) or ("truediv" in name and isinstance(other, (int, Dim))):
            return mine(as_number(self), other)
        return plain(self, other)

    setattr(Dim, name, f)


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod"):
    _size_operator(f"__{_name}__")
    _size_operator(f"__r{_name}__")


def _size_power(size: Any, exponent: Any) -> Any:
    if type(exponent) is int and 0 <= exponent <= 8:
        made: Any = 1
        for _ in range(exponent):
            made = made * size
        return made
    n: Any = as_number(size)
    return n**exponent


def _size_abs(size: Any) -> Any:
    return Dim.max(size, -size)


def _size_divmod(size: Any, other: Any) -> Any:
    return size // other, size % other


def _size_inverted(size: Any) -> Any:
    return -size - 1


def _power_of(size: Any, base: Any) -> Any:
    n: Any = as_number(size)
    return base**n


for _name, _function in (("__pow__", _size_power), ("__rpow__", _power_of), ("__abs__", _size_abs), ("__divmod__", _size_divmod),
                         ("__invert__", _size_inverted)):  # fmt: skip
    setattr(Dim, _name, _function)


def _bits_of_size(name: str) -> None:
    """Operators on the bits of sizes; shifts by numbers give sizes."""

    def f(size: Any, other: Any) -> Any:
        if "shift" in name and type(other) is int and 0 <= other < 32:
            return size * 2**other if "lshift" in name else size // 2**other
        n = as_number(other)
        return NotImplemented if n is None else getattr(as_number(size), name)(n)

    setattr(Dim, name, f)


for _name in ("lshift", "rshift", "and", "or", "xor"):
    _bits_of_size(f"__{_name}__")
for _name in ("rlshift", "rrshift", "rand", "ror", "rxor"):
    setattr(Dim, f"__{_name}__", lambda size, other, name=f"__{_name[1:]}__": getattr(as_number(other), name)(size))


def _repeated(values: list[Any], count: Any) -> Any:
    """values * count, where tensors or sizes decide it."""
    from ._lists import repeated

    return repeated(values, count)
