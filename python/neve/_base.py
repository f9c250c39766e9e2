"""What the functions stand on: ops by name, errors with words, dtypes, operands and axes."""

from __future__ import annotations

import builtins
import functools
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, TypeVar, Union

import numpy as np

from . import _neve

Tensor = _neve.Tensor
Dim = _neve.Dim
Error = _neve.Error
Number = Union[bool, int, float]
ArrayLike = Any  # a Tensor, a number, a NumPy array, anything with DLPack, or nested lists of numbers
Axes = Union[int, Sequence[int], None]
FLOATS = ("f64", "f32", "bf16", "f16")
SIGNED = ("i64", "i32", "i16", "i8")
UNSIGNED = ("u8", "u16", "u32", "u64")
INTS = SIGNED + UNSIGNED
COMPLEX = ("c64", "c128")
_KNOWN = {"float16": "f16", "bfloat16": "bf16", "float32": "f32", "float64": "f64", "bool": "bool", "bool_": "bool",
          "complex64": "c64", "complex128": "c128", **{f"int{n}": f"i{n}" for n in (8, 16, 32, 64)},
          **{f"uint{n}": f"u{n}" for n in (8, 16, 32, 64)}}  # fmt: skip


class _Ops:
    """The registry's ops as attributes; each is made at its first use."""

    def __getattr__(self, name: str) -> Any:
        made = _neve.Op(name.rstrip("_"))
        setattr(self, name, made)
        return made


ops = _Ops()


def fail(code: str, text: str) -> NoReturn:
    """Raises neve.Error with the code and the text `<call>: <what is wrong> (<what would be right>)`."""
    error = Error(text)
    error.code = code
    if code == "unsupported" and _neve.is_capturing():
        refusals.found.append(error)
    raise error


_F = TypeVar("_F", bound=Callable[..., Any])


def quick(call: Callable[[tuple[Any, ...], dict[str, Any]], Any]) -> Callable[[_F], _F]:
    """Tries `call`, which is all in C++, before the function: None where the arguments are not of the plainest kind. dim is
    taken for axis."""

    def decorated(f: _F) -> _F:
        @functools.wraps(f)
        def g(*args: Any, **kwargs: Any) -> Any:
            y = call(args, kwargs)
            if y is None:
                if "dim" in kwargs and "axis" not in kwargs:
                    kwargs["axis"] = kwargs.pop("dim")
                y = f(*args, **kwargs)
            return y

        g._quick = call  # type: ignore[attr-defined]
        return g  # type: ignore[return-value]

    return decorated


class _Refusals(threading.local):
    """What was refused while this thread captured a program: the program must not go on as if it were an error of its
    own."""

    def __init__(self) -> None:
        self.found: list[Error] = []


refusals = _Refusals()
_neve.on_refusal = lambda error: refusals.found.append(error)  # type: ignore[assignment]


def is_zero(n: Any) -> bool:
    """Whether a size is 0; of sizes that are known only while a captured program runs: whether it must be."""
    try:
        return bool(n == 0)
    except Error:
        del refusals.found[-1:]
        return False


def must_be_empty(t: Tensor) -> bool:
    """Whether a tensor has no elements, whatever the sizes of a captured program turn out to be."""
    return builtins.any(_neve.prove_sizes("eq", n, 0) is True if isinstance(n, _neve.Dim) else n == 0 for n in t.shape)


def is_empty(t: Tensor) -> bool:
    """Whether a tensor has no elements; while a program is captured: whether it cannot have any."""
    return builtins.any(is_zero(n) for n in t.shape)


def value_error(text: str) -> NoReturn:
    fail("invalid_argument", text)


def shape_error(text: str) -> NoReturn:
    fail("shape_mismatch", text)


def type_error(text: str) -> NoReturn:
    fail("type_mismatch", text)


def text_of(t: Any) -> str:
    """A value as errors name it: f32[2, 3] for tensors, the repr of small things, else its type."""
    if isinstance(t, Tensor):
        return f"{t.dtype}[{', '.join(map(str, t.shape))}]"
    if isinstance(t, (tuple, list)) and len(t) > 16:
        return f"{type(t).__name__} of {len(t)}"
    small = isinstance(t, (int, float, str, tuple, list, type(None)))
    return text if small and len(text := repr(t)) <= 200 else type(t).__name__


def dtype_name(dtype: Any) -> str:
    """The short name of a dtype: of "f32", "float32", numpy.float32, float, int, bool.

    Raises Error{type_mismatch} for what is none.
    """
    if dtype is float:
        return "f32"
    if dtype is int:
        return "i64"
    if dtype is bool:
        return "bool"
    name = str(dtype if isinstance(dtype, str) else getattr(dtype, "name", None) or getattr(dtype, "__name__", ""))
    name = _KNOWN.get(name, name)
    if name not in FLOATS + INTS + COMPLEX + ("bool",):
        type_error(f'dtype: {dtype!r} is none ("f32", "i64", numpy.float32, ... are)')
    return name


def kind(dtype: str) -> int:
    """0 bool, 1 integer, 2 float, 3 complex: the order in which dtypes promote."""
    return 0 if dtype == "bool" else 2 if dtype in FLOATS else 3 if dtype in COMPLEX else 1


def is_number(x: Any) -> bool:
    return isinstance(x, (bool, int, float))


def as_tensor(x: Any, call: str, name: str = "x") -> Tensor:
    """Any array-like as a Tensor; Python's numbers become bool, i64 or f32, lists of floats f32."""
    if isinstance(x, Tensor):
        return x if not hasattr(x, "beside") else x.beside("i64")  # a number of a captured program: weak
    if isinstance(x, Dim):
        return _neve.dim_tensor(x)
    if isinstance(x, (list, tuple)):
        if any_tensor(x):
            from ._shape import stack

            return stack([as_tensor(e, call, name) for e in x])
        try:
            a = np.array(x)
        except ValueError:
            a = np.array(None)
        if a.dtype.kind not in "biufc":
            type_error(f"{call}: {name} is {text_of(x)} (nested lists of one shape that hold numbers)")
        return _neve.tensor(a, dtype="f32" if a.dtype == np.float64 else None)
    if isinstance(x, (str, bytes, type(None))):
        type_error(f"{call}: {name} is {x!r} (a neve.Tensor, a NumPy array or a number)")
    try:
        return _neve.tensor(x)
    except Error:
        type_error(f"{call}: {name} is of type {type(x).__name__} (a neve.Tensor, a NumPy array or a number)")


def any_tensor(x: Any) -> bool:
    return builtins.any(isinstance(e, (Tensor, Dim)) or (isinstance(e, (list, tuple)) and any_tensor(e)) for e in x)


def number_dtype(value: Number, beside: str) -> str:
    """The dtype of a plain number beside a tensor: it never widens within its kind."""
    k = 0 if isinstance(value, bool) else 1 if isinstance(value, int) else 2
    return beside if kind(beside) >= k else ("i64" if k == 1 else "f32")


def scalar(value: Number, dtype: str) -> Tensor:
    """A tensor of rank 0."""
    if dtype == "f32":
        return _neve.tensor(float(value))
    if dtype == "i64" and type(value) is int and -(2**63) <= value < 2**63:
        return _neve.tensor(value)
    if isinstance(value, float) and kind(dtype) == 1:
        value = int(value)
    if isinstance(value, int) and kind(dtype) == 1:
        low, high = (0, 1) if dtype[0] == "u" else (1, 2)
        bits = int(dtype[1:])
        if not -(low << (bits - 1)) <= value < (1 << bits) // high:
            value_error(f"number: {value} does not fit {dtype} (astype to a wider dtype first)")
        return _neve.tensor(np.array(value, dtype=np.uint64 if dtype == "u64" else np.int64), dtype=dtype)
    return _neve.tensor(np.array(value, dtype=np.float64), dtype=dtype)


def common(call: str, *values: Any) -> list[Tensor]:
    """Operands in the dtype that they promote to (array API); numbers are weak, arrays are not."""
    if len(values) == 2 and isinstance(values[0], Tensor):
        t, v = values
        if isinstance(v, Tensor):
            if t.dtype == v.dtype:
                return [t, v]
            if hasattr(v, "beside"):
                return common(call, t, v.beside(t.dtype))
            if hasattr(t, "beside"):
                return common(call, t.beside(v.dtype), v)
        elif type(v) in (int, float) and t.dtype == "f32":
            return [t, _neve.tensor(float(v))]
    tensors = [
        v if is_number(v) and not isinstance(v, np.generic) else as_tensor(v, call, "an operand") for v in values
    ]
    dtype = None
    for t in tensors:
        if isinstance(t, Tensor):
            dtype = t.dtype if dtype is None or dtype == t.dtype else _neve.promote(dtype, t.dtype)
    if dtype is None:
        tensors = [as_tensor(v, call) for v in tensors]
        dtype = tensors[0].dtype
        for t in tensors[1:]:
            dtype = _neve.promote(dtype, t.dtype)
    for t in tensors:
        if not isinstance(t, Tensor):
            dtype = number_dtype(t, dtype)
    return [
        (t if t.dtype == dtype else t.astype(dtype)) if isinstance(t, Tensor) else scalar(t, dtype) for t in tensors
    ]


def floating(x: Tensor) -> Tensor:
    """Integers and bools as f32; others as they are."""
    return x if x.dtype in FLOATS or x.dtype in COMPLEX else x.astype("f32")


def ints(values: Iterable[int]) -> list[int]:
    """Integers as ops take them for an i64 vector."""
    return list(values)


def one_axis(call: str, axis: Any, rank: int, name: str = "axis") -> int:
    """An axis in [0, rank). Raises Error{invalid_argument}."""
    try:
        a = axis.__index__()
    except (AttributeError, TypeError):
        type_error(f"{call}: {name} is {text_of(axis)} (an integer)")
    if not -rank <= a < rank:
        right = f"it must lie in [{-rank}, {rank})" if rank else "a tensor of rank 0 has no axes"
        value_error(f"{call}: {name} is {a} for a tensor of rank {rank} ({right})")
    return a + rank if a < 0 else a


def many_axes(call: str, axis: Axes, rank: int) -> list[int]:
    """Axes in [0, rank), each once; None: all."""
    if axis is None:
        return list(range(rank))
    if isinstance(axis, (tuple, list)):
        axes = [one_axis(call, a, rank) for a in axis]
        if len(set(axes)) != len(axes):
            value_error(f"{call}: axis is {tuple(axis)} (each axis once)")
        return axes
    return [one_axis(call, axis, rank)]


def shape_of(call: str, shape: Any) -> tuple[Any, ...]:
    """Sizes from f(2, 3), f((2, 3)), f([2, 3]) or f(5). Raises Error{type_mismatch} for what are none."""
    while isinstance(shape, (tuple, list)) and len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        shape = shape[0]
    if type(shape) is tuple and builtins.all(type(n) is int for n in shape):
        return shape
    if isinstance(shape, Tensor):
        shape = shape.tolist()
    if not isinstance(shape, (tuple, list)):
        shape = (shape,)
    try:
        return tuple(
            n if isinstance(n, Dim) else n.size_of() if hasattr(n, "size_of") else int(n.__index__()) for n in shape
        )
    except (AttributeError, TypeError):
        type_error(f"{call}: the shape is {shape!r} (integers)")


def sizes_of(call: str, shape: Any) -> tuple[int, ...]:
    """Like shape_of, for sizes of new tensors: 0 or more."""
    sizes = shape_of(call, shape)
    if builtins.any(n < 0 for n in sizes):
        value_error(f"{call}: the shape is {sizes} (sizes of 0 or more)")
    return sizes
