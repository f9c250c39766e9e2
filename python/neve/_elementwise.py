"""Functions of each element: arithmetic, comparison, logic; integers become f32 where only floats make sense."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Any

from . import _neve
from ._base import (
    FLOATS,
    INTS,
    UNSIGNED,
    ArrayLike,
    Number,
    Tensor,
    as_tensor,
    common,
    floating,
    kind,
    ops,
    scalar,
    text_of,
    type_error,
    value_error,
)

Unary = Callable[[ArrayLike], Tensor]
Binary = Callable[[ArrayLike, ArrayLike], Tensor]


def _named(f: Any, name: str, doc: str) -> Any:
    f.__name__ = f.__qualname__ = name
    f.__doc__ = doc
    return f


def _float(name: str, doc: str, op: str | None = None) -> Unary:
    call = getattr(ops, op or name)

    def f(x: ArrayLike) -> Tensor:
        return call(floating(as_tensor(x, name)))

    return _named(f, name, f"{doc}, for each element; integers become f32.")


def _whole(name: str, doc: str, op: str | None = None) -> Unary:
    call = getattr(ops, op or name)

    def f(x: ArrayLike) -> Tensor:
        t = as_tensor(x, name)
        return call(t) if t.dtype in FLOATS else t.clone()

    return _named(f, name, f"{doc}; integers stay as they are.")


exp = _float("exp", "e to the power x")
expm1 = _float("expm1", "exp(x) - 1, exact near 0")
log = _float("log", "The natural logarithm, NaN below 0")
log1p = _float("log1p", "log(1 + x), exact near 0")
sqrt = _float("sqrt", "The square root, NaN below 0")
rsqrt = _float("rsqrt", "1 / sqrt(x)")
reciprocal = _float("reciprocal", "1 / x")
erf = _float("erf", "The error function")
sin = _float("sin", "The sine")
cos = _float("cos", "The cosine")
tan = _float("tan", "The tangent")
asin = _float("asin", "The arc sine")
acos = _float("acos", "The arc cosine")
atan = _float("atan", "The arc tangent")
sinh = _float("sinh", "The hyperbolic sine")
cosh = _float("cosh", "The hyperbolic cosine")
tanh = _float("tanh", "The hyperbolic tangent")
asinh = _float("asinh", "The inverse hyperbolic sine")
acosh = _float("acosh", "The inverse hyperbolic cosine")
atanh = _float("atanh", "The inverse hyperbolic tangent")
sigmoid = _float("sigmoid", "1 / (1 + exp(-x)), without overflow")
relu = _float("relu", "max(x, 0)")
floor = _whole("floor", "The largest integer not above x")
ceil = _whole("ceil", "The smallest integer not below x")
trunc = _whole("trunc", "x without its fraction")
rint = _whole("rint", "The nearest integer, halves to even", "round")
arcsin, arccos, arctan, arcsinh, arccosh, arctanh = asin, acos, atan, asinh, acosh, atanh
fix = trunc


def exp2(x: ArrayLike) -> Tensor:
    """2 to the power x."""
    t = floating(as_tensor(x, "exp2"))
    return ops.pow(scalar(2.0, t.dtype), t)


def log2(x: ArrayLike) -> Tensor:
    """The logarithm to base 2."""
    return log(x) * (1 / math.log(2))


def log10(x: ArrayLike) -> Tensor:
    """The logarithm to base 10."""
    return log(x) * (1 / math.log(10))


def abs(x: ArrayLike) -> Tensor:  # noqa: A001
    """The absolute value; unsigned integers and bools stay as they are."""
    t = as_tensor(x, "abs")
    return t.clone() if t.dtype in UNSIGNED or t.dtype == "bool" else ops.abs(t)


def sign(x: ArrayLike) -> Tensor:
    """-1, 0 or 1 as the sign of x; NaN stays NaN."""
    return ops.sign(as_tensor(x, "sign"))


def negative(x: ArrayLike) -> Tensor:
    """-x."""
    return -as_tensor(x, "negative")


def positive(x: ArrayLike) -> Tensor:
    """x, copied."""
    return as_tensor(x, "positive").clone()


def square(x: ArrayLike) -> Tensor:
    """x * x."""
    t = as_tensor(x, "square")
    return ops.mul(t, t) if t.dtype != "bool" else ops.and_(t, t)


def cbrt(x: ArrayLike) -> Tensor:
    """The cube root, of negative numbers too."""
    t = floating(as_tensor(x, "cbrt"))
    return ops.mul(ops.sign(t), ops.pow(ops.abs(t), scalar(1 / 3, t.dtype)))


def erfc(x: ArrayLike) -> Tensor:
    """1 - erf(x) (relative precision is lost where erf is near 1)."""
    return 1 - erf(x)


def round(x: ArrayLike, decimals: int = 0) -> Tensor:  # noqa: A001
    """The nearest multiple of 10 ** -decimals, halves to even; integers stay as they are."""
    t = as_tensor(x, "round")
    if t.dtype not in FLOATS:
        return t.clone()
    if not decimals:
        return ops.round(t)
    scale = scalar(10.0 ** builtins.abs(decimals), t.dtype)
    return (
        ops.div(ops.round(ops.mul(t, scale)), scale) if decimals > 0 else ops.mul(ops.round(ops.div(t, scale)), scale)
    )


def frac(x: ArrayLike) -> Tensor:
    """The fraction of x, with its sign."""
    t = floating(as_tensor(x, "frac"))
    return ops.sub(t, ops.trunc(t))


def deg2rad(x: ArrayLike) -> Tensor:
    """Degrees as radians."""
    return floating(as_tensor(x, "deg2rad")) * (math.pi / 180)


def rad2deg(x: ArrayLike) -> Tensor:
    """Radians as degrees."""
    return floating(as_tensor(x, "rad2deg")) * (180 / math.pi)


radians, degrees = deg2rad, rad2deg


def sinc(x: ArrayLike) -> Tensor:
    """sin(pi x) / (pi x), 1 at 0."""
    t = floating(as_tensor(x, "sinc"))
    zero = ops.equal(t, scalar(0, t.dtype))
    p = ops.where(zero, scalar(1, t.dtype), t * math.pi)
    return ops.where(zero, scalar(1, t.dtype), ops.div(ops.sin(p), p))


def logit(x: ArrayLike, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)); with eps x is clamped to [eps, 1 - eps] first."""
    t = floating(as_tensor(x, "logit"))
    t = t if eps is None else clip(t, eps, 1 - eps)
    return ops.log(ops.div(t, 1 - t))


def nan_to_num(x: ArrayLike, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """NaN and the infinities replaced, by the largest and smallest finite numbers where none are given."""
    t = as_tensor(x, "nan_to_num")
    if t.dtype not in FLOATS:
        return t.clone()
    big = {"f64": 1.7976931348623157e308, "f32": 3.4028234663852886e38, "f16": 65504.0, "bf16": 3.3895313892515355e38}
    t2 = ops.where(ops.is_nan(t), scalar(nan, t.dtype), t)
    high = big[t.dtype] if posinf is None else posinf
    low = -big[t.dtype] if neginf is None else neginf
    t2 = ops.where(ops.is_inf(t, detect_negative=False), scalar(high, t.dtype), t2)
    return ops.where(ops.is_inf(t, detect_positive=False), scalar(low, t.dtype), t2)


# ---- two operands ----------------------------------------------------------------------------------------------------


def _binary(name: str, doc: str, op: str, to_float: bool = False) -> Binary:
    call = getattr(ops, op)
    of_bools = {"add": ops.or_, "max": ops.or_, "mul": ops.and_, "min": ops.and_}.get(op)  # as in NumPy

    def f(a: ArrayLike, b: ArrayLike) -> Tensor:
        x, y = common(name, a, b)
        if of_bools is not None and x.dtype == "bool":
            return of_bools(x, y)
        return call(floating(x), floating(y)) if to_float else call(x, y)

    return _named(f, name, f"{doc}, with broadcasting and promotion of dtypes.")


add = _binary("add", "a + b", "add")
subtract = _binary("subtract", "a - b", "sub")
multiply = _binary("multiply", "a * b", "mul")
divide = _binary("divide", "a / b as floats", "div", True)
maximum = _binary("maximum", "The larger of a and b, NaN if either is", "max")
minimum = _binary("minimum", "The smaller of a and b, NaN if either is", "min")
atan2 = _binary("atan2", "The angle of the point (b, a)", "atan2", True)
remainder = _binary("remainder", "a modulo b, with the sign of b", "mod")
equal = _binary("equal", "a == b", "equal")
not_equal = _binary("not_equal", "a != b", "not_equal")
less = _binary("less", "a < b", "less")
less_equal = _binary("less_equal", "a <= b", "less_or_equal")
greater = _binary("greater", "a > b", "greater")
greater_equal = _binary("greater_equal", "a >= b", "greater_or_equal")
true_divide, arctan2, mod = divide, atan2, remainder
eq, ne, lt, le, gt, ge, sub, mul, div = (
    equal, not_equal, less, less_equal, greater, greater_equal, subtract, multiply, divide,
)  # fmt: skip


def pow(a: ArrayLike, b: ArrayLike) -> Tensor:  # noqa: A001
    """a to the power b; integers to a negative integer power are an Error{invalid_argument}."""
    x, y = common("pow", a, b)
    if x.dtype in INTS and y.size and ops.reduce_min(y, keepdims=False).item() < 0:
        value_error(f"pow: integers to a negative power: {text_of(x)} to {text_of(y)} (astype('f32') first)")
    return ops.pow(x, y)


def float_power(a: ArrayLike, b: ArrayLike) -> Tensor:
    """a to the power b, computed in f64."""
    x, y = common("float_power", a, b)
    return ops.pow(x.astype("f64"), y.astype("f64"))


def floor_divide(a: ArrayLike, b: ArrayLike) -> Tensor:
    """The largest integer not above a / b, in the promoted dtype."""
    x, y = common("floor_divide", a, b)
    return x // y


def fmod(a: ArrayLike, b: ArrayLike) -> Tensor:
    """a modulo b, with the sign of a."""
    return ops.mod(*common("fmod", a, b), fmod=True)


def divmod(a: ArrayLike, b: ArrayLike) -> tuple[Tensor, Tensor]:  # noqa: A001
    """(a // b, a % b)."""
    return floor_divide(a, b), remainder(a, b)


def fmax(a: ArrayLike, b: ArrayLike) -> Tensor:
    """The larger of a and b; where one is NaN, the other."""
    x, y = common("fmax", a, b)
    if x.dtype not in FLOATS:
        return maximum(x, y)
    return ops.where(ops.is_nan(x), y, ops.where(ops.is_nan(y), x, ops.max(x, y)))


def fmin(a: ArrayLike, b: ArrayLike) -> Tensor:
    """The smaller of a and b; where one is NaN, the other."""
    x, y = common("fmin", a, b)
    if x.dtype not in FLOATS:
        return minimum(x, y)
    return ops.where(ops.is_nan(x), y, ops.where(ops.is_nan(y), x, ops.min(x, y)))


def hypot(a: ArrayLike, b: ArrayLike) -> Tensor:
    """sqrt(a * a + b * b), without overflow between."""
    x, y = (ops.abs(floating(t)) for t in common("hypot", a, b))
    big, small = ops.max(x, y), ops.min(x, y)
    safe = ops.where(ops.equal(big, scalar(0, big.dtype)), scalar(1, big.dtype), big)
    r = ops.div(small, safe)
    root = ops.mul(big, ops.sqrt(ops.mul(r, r) + 1))
    return ops.where(ops.or_(ops.is_inf(x), ops.is_inf(y)), scalar(math.inf, x.dtype), root)


def logaddexp(a: ArrayLike, b: ArrayLike) -> Tensor:
    """log(exp(a) + exp(b)), without overflow."""
    x, y = (floating(t) for t in common("logaddexp", a, b))
    high, low = ops.max(x, y), ops.min(x, y)
    gap = ops.sub(low, high)
    gap = ops.where(ops.equal(low, high), scalar(0, gap.dtype), gap)  # inf - inf
    return ops.add(high, ops.log1p(ops.exp(gap)))


def logaddexp2(a: ArrayLike, b: ArrayLike) -> Tensor:
    """log2(2 ** a + 2 ** b), without overflow."""
    x, y = (floating(t) for t in common("logaddexp2", a, b))
    return logaddexp(x * math.log(2), y * math.log(2)) * (1 / math.log(2))


def signbit(x: ArrayLike) -> Tensor:
    """Whether the sign bit is set; of -0.0 and of NaNs as well."""
    t = as_tensor(x, "signbit")
    if t.dtype in FLOATS:
        t = ops.bit_cast(t, to={"f64": "i64", "f32": "i32", "f16": "i16", "bf16": "i16"}[t.dtype])
    elif t.dtype in UNSIGNED or t.dtype == "bool":
        return ops.cast(ops.mul(t.astype("i32"), scalar(0, "i32")), to="bool")
    return ops.less(t, scalar(0, t.dtype))


def copysign(a: ArrayLike, b: ArrayLike) -> Tensor:
    """|a| with the sign of b."""
    x, y = (floating(t) for t in common("copysign", a, b))
    size = ops.abs(x)
    return ops.where(signbit(y), ops.neg(size), size)


def heaviside(a: ArrayLike, b: ArrayLike) -> Tensor:
    """0 below 0, b at 0, 1 above."""
    x, y = (floating(t) for t in common("heaviside", a, b))
    zero, one = scalar(0, x.dtype), scalar(1, x.dtype)
    step = ops.where(ops.less(x, zero), zero, ops.where(ops.equal(x, zero), y, one))
    return ops.where(ops.is_nan(x), x, step)


def xlogy(a: ArrayLike, b: ArrayLike) -> Tensor:
    """a * log(b), 0 where a is 0."""
    x, y = (floating(t) for t in common("xlogy", a, b))
    zero = scalar(0, x.dtype)
    none = ops.and_(ops.equal(x, zero), ops.not_(ops.is_nan(y)))
    return ops.where(none, zero, ops.mul(x, ops.log(ops.where(none, scalar(1, x.dtype), y))))


def ldexp(a: ArrayLike, b: ArrayLike) -> Tensor:
    """a * 2 ** b."""
    x = floating(as_tensor(a, "ldexp"))
    return ops.mul(x, exp2(as_tensor(b, "ldexp").astype(x.dtype)))


def lerp(start: ArrayLike, end: ArrayLike, weight: ArrayLike) -> Tensor:
    """start + weight * (end - start)."""
    a, b, w = common("lerp", start, end, weight)
    return ops.add(a, ops.mul(w, ops.sub(b, a)))


def addcmul(x: ArrayLike, a: ArrayLike, b: ArrayLike, *, value: Number = 1) -> Tensor:
    """x + value * a * b."""
    t, p, q = common("addcmul", x, a, b)
    return t + ops.mul(p, q) * value


def addcdiv(x: ArrayLike, a: ArrayLike, b: ArrayLike, *, value: Number = 1) -> Tensor:
    """x + value * a / b."""
    t, p, q = (floating(v) for v in common("addcdiv", x, a, b))
    return t + ops.div(p, q) * value


# ---- logic -----------------------------------------------------------------------------------------------------------


def _bools(x: Any, call: str) -> Tensor:
    t = as_tensor(x, call)
    return t if t.dtype == "bool" else ops.not_equal(t, scalar(0, t.dtype))


def _logical(name: str, doc: str, op: str) -> Binary:
    call = getattr(ops, op)

    def f(a: ArrayLike, b: ArrayLike) -> Tensor:
        return call(_bools(a, name), _bools(b, name))

    return _named(f, name, f"{doc}, as bools; numbers count as true where they are not 0.")


logical_and = _logical("logical_and", "a and b", "and_")
logical_or = _logical("logical_or", "a or b", "or_")
logical_xor = _logical("logical_xor", "Either a or b", "xor")


def logical_not(x: ArrayLike) -> Tensor:
    """Not x, as bools."""
    return ops.not_(_bools(x, "logical_not"))


def _bitwise(name: str, doc: str, op: str, of_bools: str) -> Binary:
    def f(a: ArrayLike, b: ArrayLike) -> Tensor:
        x, y = common(name, a, b)
        if kind(x.dtype) > 1:
            type_error(f"{name}: operands are {text_of(x)} and {text_of(y)} (integers or bools)")
        return getattr(ops, of_bools if x.dtype == "bool" else op)(x, y)

    return _named(f, name, doc)


bitwise_and = _bitwise("bitwise_and", "The bits set in a and in b.", "bitwise_and", "and_")
bitwise_or = _bitwise("bitwise_or", "The bits set in a or in b.", "bitwise_or", "or_")
bitwise_xor = _bitwise("bitwise_xor", "The bits set in one of a and b.", "bitwise_xor", "xor")


def bitwise_invert(x: ArrayLike) -> Tensor:
    """All bits turned; of bools: not x."""
    t = as_tensor(x, "bitwise_invert")
    if kind(t.dtype) > 1:
        type_error(f"bitwise_invert: x is {text_of(t)} (integers or bools)")
    return ops.not_(t) if t.dtype == "bool" else ops.bitwise_not(t)


bitwise_not = invert = bitwise_invert


def bitwise_left_shift(a: ArrayLike, b: ArrayLike) -> Tensor:
    """The bits of a moved up by b places."""
    return ops.bit_shift(*common("bitwise_left_shift", a, b), direction="LEFT")


def bitwise_right_shift(a: ArrayLike, b: ArrayLike) -> Tensor:
    """The bits of a moved down by b places; signed integers keep their sign."""
    return ops.bit_shift(*common("bitwise_right_shift", a, b), direction="RIGHT")


left_shift, right_shift = bitwise_left_shift, bitwise_right_shift


def isnan(x: ArrayLike) -> Tensor:
    """Whether x is NaN; never for integers."""
    t = as_tensor(x, "isnan")
    return ops.is_nan(t) if t.dtype in FLOATS else ops.not_equal(t, t)


def isinf(x: ArrayLike) -> Tensor:
    """Whether x is infinite; never for integers."""
    t = as_tensor(x, "isinf")
    return ops.is_inf(t) if t.dtype in FLOATS else ops.not_equal(t, t)


def isposinf(x: ArrayLike) -> Tensor:
    """Whether x is inf."""
    t = as_tensor(x, "isposinf")
    return ops.is_inf(t, detect_negative=False) if t.dtype in FLOATS else ops.not_equal(t, t)


def isneginf(x: ArrayLike) -> Tensor:
    """Whether x is -inf."""
    t = as_tensor(x, "isneginf")
    return ops.is_inf(t, detect_positive=False) if t.dtype in FLOATS else ops.not_equal(t, t)


def isfinite(x: ArrayLike) -> Tensor:
    """Whether x is neither infinite nor NaN."""
    return ops.not_(ops.or_(isnan(x), isinf(x)))


def isclose(a: ArrayLike, b: ArrayLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether |a - b| <= atol + rtol * |b|; equal infinities are close. Source: numpy.isclose."""
    x, y = (floating(t) for t in common("isclose", a, b))
    near = ops.less_or_equal(ops.abs(ops.sub(x, y)), ops.abs(y) * rtol + atol)
    close = ops.or_(ops.equal(x, y), ops.and_(near, isfinite(y)))
    return ops.or_(close, ops.and_(ops.is_nan(x), ops.is_nan(y))) if equal_nan else close


def allclose(a: ArrayLike, b: ArrayLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether isclose holds everywhere, as a Python bool."""
    near = isclose(a, b, rtol, atol, equal_nan)
    return not near.size or bool(ops.reduce_min(near, keepdims=False).item())


def array_equal(a: ArrayLike, b: ArrayLike) -> bool:
    """Whether shapes and all elements are equal, as a Python bool."""
    x, y = as_tensor(a, "array_equal"), as_tensor(b, "array_equal")
    if x.shape != y.shape:
        return False
    same = equal(x, y)
    return not same.size or bool(ops.reduce_min(same, keepdims=False).item())


# ---- choosing --------------------------------------------------------------------------------------------------------


def where(condition: ArrayLike, x: ArrayLike = None, y: ArrayLike = None) -> Any:
    """x where the condition holds, else y, with broadcasting and promotion; with one argument: nonzero(condition)."""
    c = _bools(condition, "where")
    if x is None and y is None:
        from ._indexing import nonzero

        return nonzero(c)
    if x is None or y is None:
        value_error("where: one of x and y is None (both, or neither)")
    return ops.where(c, *common("where", x, y))


def clip(x: ArrayLike, min: ArrayLike | None = None, max: ArrayLike | None = None) -> Tensor:  # noqa: A002
    """min(max(x, low), high), each where given; the dtype of x, or what it promotes to with tensors. NaN stays NaN."""
    t = as_tensor(x, "clip")
    if min is not None:
        t = ops.max(*common("clip", t, min))
    if max is not None:
        t = ops.min(*common("clip", t, max))
    return t if min is not None or max is not None else t.clone()


clamp = clip


def astype(x: ArrayLike, dtype: Any) -> Tensor:
    """x in another dtype; floats to integers truncate."""
    return as_tensor(x, "astype").astype(dtype)


def result_type(*values: Any) -> str:
    """The dtype that tensors, numbers and dtypes promote to together (array API)."""
    from ._base import dtype_name, is_number, number_dtype

    known = [v.dtype if isinstance(v, Tensor) else dtype_name(v) for v in values if not is_number(v)]
    if not known:
        return as_tensor([v for v in values], "result_type").dtype
    dtype = known[0]
    for d in known[1:]:
        dtype = _neve.promote(dtype, d)
    for v in values:
        if is_number(v):
            dtype = number_dtype(v, dtype)
    return dtype
