"""Variables of a program that is captured: those that may have no value, conditions over sizes, numbers."""

from __future__ import annotations

import enum
import operator
import threading
import types
from collections.abc import Callable
from typing import Any

from .. import _neve
from .._base import Error, Tensor, fail, kind, ops
from ._errors import here
from ._numbers import Dim, Number, as_number, number, of_kinds


class Undefined:
    """A variable before its first assignment."""

    def __init__(self, name: str) -> None:
        self.name = name

    def error(self) -> Exception:
        """What reading it raises."""
        return UnboundLocalError(f"cannot access local variable '{self.name}' where it is not associated with a value")

    def __repr__(self) -> str:
        return f"<{self.name} is not assigned yet>"


class NoAttribute(Undefined):
    """An attribute that an object does not have."""

    def error(self) -> Exception:
        return AttributeError(f"an object has no attribute '{self.name}'")


class Lost:
    """A variable that the ways before left with values of different kinds: only reading it is refused."""

    def __init__(self, text: str) -> None:
        self.text = text


class Maybe:
    """A variable that is a tensor where `flag` holds and `absent` (Undefined or None) elsewhere."""

    def __init__(self, value: Any, flag: Tensor, absent: Any, why: str = "") -> None:
        self.value, self.flag, self.absent = value, flag, absent
        self.why = why  # the error of reading it

    def __getattr__(self, name: str) -> Any:  # where no variable holds it
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(read(self), name)

    def is_none(self) -> Any:
        """Whether it is None, as a condition."""
        return number(~self.flag) if self.absent is None else False


def read(value: Any) -> Any:
    """A variable's value. Raises UnboundLocalError where it has none; where only some calls give it one, the captured
    program checks that when it runs."""
    if isinstance(value, Undefined):
        raise value.error()
    if isinstance(value, Lost):
        fail("unsupported", value.text)
    return _checked(value) if isinstance(value, Maybe) else value


def raw(value: Any) -> Any:
    """A variable's value where it is only handed on, or compared with None."""
    if isinstance(value, Maybe) and isinstance(value.absent, Undefined):
        return _checked(value)
    return read(value) if isinstance(value, (Undefined, Lost)) else value


def raw_of(get: Callable[[], Any]) -> Any:
    """A variable as it is."""
    return get()


def _checked(m: Maybe) -> Any:
    if hasattr(type(m.value), "with_index"):  # one of several constants
        return m.value.with_index(lambda k: _checked(Maybe(k, m.flag, m.absent, m.why)))
    if not isinstance(m.value, Tensor):
        return m.value
    value = m.value.raw if hasattr(m.value, "raw") else m.value
    text = m.why or (
        f"{m.absent.error()} (give it one in every way)"
        if isinstance(m.absent, Undefined)
        else "a variable that is None, as tensors chose, is used as a tensor (compare it with None before)"
    )
    text += here()

    def absent(_: list[Tensor]) -> list[Tensor]:
        return [ops.fail(ops.shape(value), message=text, dtype=value.dtype)]

    made = _neve.stage_if(m.flag, lambda _: [value], absent)[0]  # the same memory: it may be changed in place
    return remade(m.value, made)


def remade(like: Any, t: Tensor) -> Any:
    """A tensor as what it is the same value as: a number or scalar of the same kinds."""
    if isinstance(like, Number):
        return of_kinds(t, like.kinds)
    return type(like)(t, like.flag, like.number) if hasattr(like, "flag") else t


def optional(rows: Tensor, is_a_number: bool) -> Maybe:
    """The element of a list of one or none, or None."""
    flag = _neve.dim_tensor(rows.shape[0]) != 0 if isinstance(rows.shape[0], Dim) else _neve.tensor(rows.shape[0] != 0)
    like = (rows.dtype, rows.shape[1:])
    value = _neve.stage_if(flag, lambda _: [rows[0]], lambda _: [placeholder(like)])[0]
    return Maybe(Number(value) if is_a_number else value, flag, None)


class SizeCondition:
    """A comparison of sizes that no proof settles: a condition of the graph, or the example's answer as a guard."""

    def __init__(self, kind: str, a: Any, b: Any) -> None:
        self.kind, self.a, self.b = kind, a, b

    def decide(self) -> bool:
        """The example's answer, which makes a guard."""
        return bool(getattr(operator, self.kind)(self.a, self.b))

    def is_decidable(self) -> bool:
        """Whether the example has all the sizes; those of a loop are known only while it runs."""
        return all(not isinstance(v, Dim) or _neve.has_example(v) for v in (self.a, self.b))

    __bool__ = decide
    __hash__ = None  # type: ignore[assignment]

    def number(self) -> Number:
        """As a bool of the program."""
        a, b = (as_number(v) for v in (self.a, self.b))
        return getattr(operator, self.kind)(a, b)

    def tensor(self) -> Tensor:
        """As a bool[] of the graph."""
        return self.number().raw

    def opposite(self) -> SizeCondition:
        """That it does not hold."""
        opposite = {"eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "gt": "le", "le": "gt"}
        return SizeCondition(opposite[self.kind], self.a, self.b)


class SizeConditions(SizeCondition):
    """That several comparisons of sizes all hold, or not: one decision."""

    def __init__(self, parts: list[SizeCondition], negated: bool = False) -> None:
        self.parts, self.negated = parts, negated

    def decide(self) -> bool:
        return all(p.decide() for p in self.parts) != self.negated

    def is_decidable(self) -> bool:
        return all(p.is_decidable() for p in self.parts)

    __bool__ = decide

    def number(self) -> Number:
        made: Any = self.parts[0].number()
        for p in self.parts[1:]:
            made = made & p.number()
        return number(~made.raw) if self.negated else made

    def opposite(self) -> SizeCondition:
        """That it does not hold."""
        return SizeConditions(self.parts, not self.negated)


def _on_number(name: str) -> Callable[..., Any]:
    def f(self: SizeCondition, *others: Any) -> Any:
        return getattr(self.number(), name)(*(o.number() if isinstance(o, SizeCondition) else o for o in others))

    return f


def _on_value(f: Callable[..., Any], reflected: bool) -> Callable[..., Any]:
    return lambda self, *others: f(*others, read(self)) if reflected else f(read(self), *others)


for _name in "add sub mul truediv floordiv mod and or xor radd rsub rmul rand ror rxor eq ne lt le gt ge neg".split():
    setattr(SizeCondition, f"__{_name}__", _on_number(f"__{_name}__"))
for _name in "add sub mul truediv floordiv mod pow matmul and_ or_ xor lshift rshift".split():
    setattr(Maybe, f"__{_name.strip('_')}__", _on_value(getattr(operator, _name), False))
    setattr(Maybe, f"__r{_name.strip('_')}__", _on_value(getattr(operator, _name), True))
for _name in "iadd isub imul itruediv ifloordiv imod ipow imatmul iand ior ixor ilshift irshift".split():
    setattr(Maybe, f"__{_name}__", _on_value(getattr(operator, _name), False))
for _name in "neg pos abs invert getitem".split():
    setattr(Maybe, f"__{_name}__", _on_value(getattr(operator, _name), False))


def is_program(x: Any) -> bool:
    return isinstance(x, Tensor) and _neve.is_captured(x)


class Sizes(threading.local):
    """Of the captures of a thread: whether the example decides comparisons of sizes, and whether some were left open."""

    decided = False
    open = False

    def __init__(self) -> None:
        self.branches: list[Any] = []  # those over sizes that are being made, by their code


class Recursion(BaseException):
    """A function calls itself in branches over sizes, deeper and deeper: the example's sizes say how deep it goes."""

    code = "unsupported"


sizes = Sizes()


def condition(x: Any) -> Any:
    """A bool, or a captured bool[] (or SizeCondition) to stage by."""
    if isinstance(x, SizeCondition):
        if sizes.decided and x.is_decidable():
            return x.decide()
        sizes.open = True
        return x
    if isinstance(x, Dim):
        known = _neve.prove_sizes("ne", x, 0)
        return condition(SizeCondition("ne", x, 0)) if known is None else known
    if isinstance(x, Maybe):
        return _present_and_true(x) if x.absent is None else condition(read(x))
    if hasattr(type(x), "truth"):
        return x.truth()
    if isinstance(x, dict) and x and _neve.is_capturing():
        from ._gaps import length

        size = length(x)
        return condition(size) if isinstance(size, Tensor) else bool(size)
    if isinstance(x, list) and x and hasattr(x[0], "rows"):  # of a length that tensors decide
        return condition(x[0].rows())
    if isinstance(x, Tensor) and _neve.is_capturing():
        t = getattr(x, "raw", x)
        if t.ndim and (t.size != 1):
            raise Error(f"bool: {t.dtype}{list(t.shape)} has several elements (one would do: any(), all())")
        known = _neve.known_content(t)
        if known is not None:
            return bool(known.item())
        if t.ndim:
            t = t.reshape(())
        return t if t.dtype == "bool" else t != 0
    return bool(x)


def _present_and_true(m: Maybe) -> Any:
    def there(_: list[Tensor]) -> list[Tensor]:
        return [ops.identity(tensor_of(condition(m.value)))]

    return _neve.stage_if(m.flag, there, lambda _: [_neve.tensor(False)])[0]


def tensor_of(c: Any) -> Tensor:
    """A condition, or a flag, as a bool[]."""
    if isinstance(c, Number):
        return c.raw
    return c.tensor() if isinstance(c, SizeCondition) else _neve.tensor(c) if isinstance(c, bool) else c


def always(value: Any) -> Callable[[], Any]:
    return lambda: value


def is_number(v: Any) -> bool:
    """Whether a value is one of Python's numbers, or stands for one."""
    return isinstance(v, (bool, int, float, Dim, SizeCondition, Number))


def same(a: Any, b: Any) -> bool:
    """Whether a leaf needs no node: one object, or equal constants."""
    if a is b:
        return True
    if (isinstance(a, Undefined) and isinstance(b, Undefined)) or (isinstance(a, Lost) and isinstance(b, Lost)):
        return True
    if isinstance(a, (Tensor, Maybe, Dim, SizeCondition)) or isinstance(b, (Tensor, Maybe, Dim, SizeCondition)):
        return isinstance(a, Dim) and isinstance(b, Dim) and _neve.prove_sizes("eq", a, b) is True
    if type(a) is not type(b) or (hasattr(a, "__dict__") and not callable(a) and not isinstance(a, enum.Enum)):
        return False
    if isinstance(a, types.FunctionType):  # made anew each time that a line runs, over the same variables
        return (a.__code__, a.__closure__, a.__defaults__, a.__kwdefaults__) == (
            b.__code__, b.__closure__, b.__defaults__, b.__kwdefaults__,
        )  # fmt: skip
    if isinstance(a, float):  # 0.0 and -0.0 differ, NaN is NaN
        return repr(a) == repr(b)
    try:
        return bool(a == b)
    except Exception:
        return False


def dtype_of(v: Any) -> str:
    """The dtype that a value has in the graph."""
    if isinstance(v, Tensor):
        return v.dtype
    if isinstance(v, (bool, SizeCondition)):
        return "bool"
    return "f64" if isinstance(v, float) else "i64"


def common(a: Any, b: Any) -> tuple[str, bool]:
    """(dtype, whether it is a number) of a value that is one or the other: numbers are weak beside tensors."""
    x, y = dtype_of(a), dtype_of(b)
    if is_number(a) and is_number(b):
        return max(x, y, key=["bool", "i64", "f64"].index), True
    if is_number(a):
        a, x, y = b, y, x
    elif not is_number(b):
        return (x if x == y else _neve.promote(x, y)), False
    return weak_dtype(x, y), False


def weak_dtype(dtype: str, number: str) -> str:
    """Of a tensor of a dtype that may also be a number of another: numbers are weak."""
    return dtype if kind(dtype) >= kind(number) else "i64" if number == "i64" else "f32"


def lift(v: Any, dtype: str) -> Tensor:
    """A value as a tensor of the graph."""
    n = v.number() if isinstance(v, SizeCondition) else as_number(v)
    t = v if n is None else n.raw
    return t if t.dtype == dtype else t.astype(dtype)


def is_absent_value(v: Any) -> bool:
    return v is None or isinstance(v, Undefined)


def placeholder(like: Any) -> Tensor:
    """Zeros of a type, where a value is not there: never read."""
    sizes = [n if isinstance(n, int) or _neve.is_stated(n) else 0 for n in like[1]]
    from .._creation import zeros

    return zeros(tuple(sizes), dtype=like[0])
