"""Functions that make tensors."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _neve
from ._base import (
    ArrayLike,
    Dim,
    Number,
    Tensor,
    as_tensor,
    common,
    dtype_name,
    floating,
    ints,
    kind,
    ops,
    scalar,
    shape_error,
    sizes_of,
    text_of,
    type_error,
    value_error,
)


@functools.lru_cache(64)
def _unit(value: int, dtype: str) -> Tensor:
    """0 or 1 in a dtype, as the op takes it; never handed out."""
    return ops.reshape(scalar(value, dtype), [1])


def _filled(shape: Sequence[int], value: Number, dtype: str, requires_grad: bool = False) -> Tensor:
    plain = type(value) is int and value in (0, 1)
    if _neve.is_capturing():  # what is kept must be no part of a program
        one = _neve.tensor(np.array([value]), dtype=dtype)
    else:
        one = _unit(value, dtype) if plain else ops.reshape(scalar(value, dtype), [1])
    y = ops.constant_of_shape(ints(shape), value=one)
    if requires_grad:
        y.requires_grad = True
    return y


def zeros(*shape: Any, dtype: Any = "f32", requires_grad: bool = False) -> Tensor:
    """A tensor of zeros: zeros(2, 3) or zeros((2, 3)). Source: array API zeros."""
    return _filled(sizes_of("zeros", shape), 0, dtype_name(dtype), requires_grad)


def ones(*shape: Any, dtype: Any = "f32", requires_grad: bool = False) -> Tensor:
    """A tensor of ones. Source: array API ones."""
    return _filled(sizes_of("ones", shape), 1, dtype_name(dtype), requires_grad)


def full(shape: Any, fill_value: Number, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of one value; its dtype is that of the value (bool, i64, f32) where none is given."""
    t = fill_value if isinstance(fill_value, Tensor) else None
    value = t.item() if t is not None else fill_value
    if not isinstance(value, (bool, int, float)):
        type_error(f"full: fill_value is {text_of(fill_value)} (a number)")
    if dtype is None:
        dtype = t.dtype if t is not None else type(value)
    return _filled(sizes_of("full", shape), value, dtype_name(dtype), requires_grad)


def empty(*shape: Any, dtype: Any = "f32", requires_grad: bool = False) -> Tensor:
    """A tensor whose content is whatever the memory held. Source: array API empty."""
    y = _neve.empty(list(sizes_of("empty", shape)), dtype_name(dtype))
    if requires_grad:
        y.requires_grad = True
    return y


def _like(name: str, value: Number) -> Any:
    def f(x: ArrayLike, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
        t = as_tensor(x, name)
        return _filled(t.shape, value, dtype_name(dtype or t.dtype), requires_grad)

    f.__name__ = f.__qualname__ = name
    f.__doc__ = f"{'Zeros' if value == 0 else 'Ones'} in the shape and the dtype of x. Source: array API {name}."
    return f


zeros_like = _like("zeros_like", 0)
ones_like = _like("ones_like", 1)


def full_like(x: ArrayLike, fill_value: Number, *, dtype: Any = None) -> Tensor:
    """One value in the shape and the dtype of x. Source: array API full_like."""
    t = as_tensor(x, "full_like")
    return full(t.shape, fill_value, dtype=dtype or t.dtype)


def empty_like(x: ArrayLike, *, dtype: Any = None) -> Tensor:
    """A tensor in the shape and the dtype of x, with whatever the memory held."""
    t = as_tensor(x, "empty_like")
    return empty(t.shape, dtype=dtype or t.dtype)


def arange(start: Number, stop: Number | None = None, step: Number = 1, *, dtype: Any = None) -> Tensor:
    """start, start + step, ... below stop; arange(n) is 0 .. n - 1. i64 for integers, f32 for floats.

    Raises Error{invalid_argument} for a step of 0. Source: array API arange.
    """
    if stop is None:
        start, stop = 0, start
    if step == 0:
        value_error(f"arange: step is {step!r} (a number that is not 0)")
    if any(isinstance(v, (Dim, Tensor)) for v in (start, stop, step)):
        bounds = common("arange", *(_neve.dim_tensor(v) if isinstance(v, Dim) else v for v in (start, stop, step)))
        y = ops.range(*bounds)
        return y if dtype is None else y.astype(dtype_name(dtype))
    if dtype is None:
        dtype = "f32" if any(isinstance(v, float) for v in (start, stop, step)) else "i64"
    n = max(math.ceil((stop - start) / step), 0)
    whole = all(isinstance(v, int) for v in (start, step))
    base: Any = np.arange(n, dtype=np.int64 if whole else np.float64)
    return _neve.tensor(base * step + start, dtype=dtype_name(dtype))


def linspace(start: float, stop: float, num: int = 50, *, endpoint: bool = True, dtype: Any = "f32") -> Tensor:
    """num numbers at equal distances from start to stop, which is the last one with endpoint."""
    if num < 0:
        value_error(f"linspace: num is {num} (0 or more)")
    if isinstance(num, Dim):  # in f64, as NumPy does it
        steps = _neve.dim_tensor(num - 1 if endpoint else num).astype("f64").clamp(min=1.0)
        return (arange(num).astype("f64") * ((stop - start) / steps) + start).astype(dtype_name(dtype))
    return _neve.tensor(np.linspace(start, stop, num, endpoint=endpoint), dtype=dtype_name(dtype))


def logspace(start: float, stop: float, num: int = 50, *, base: float = 10.0, dtype: Any = "f32") -> Tensor:
    """base to the powers of linspace(start, stop, num)."""
    if num < 0:
        value_error(f"logspace: num is {num} (0 or more)")
    return _neve.tensor(np.logspace(start, stop, num, base=base), dtype=dtype_name(dtype))


def geomspace(start: float, stop: float, num: int = 50, *, dtype: Any = "f32") -> Tensor:
    """num numbers from start to stop, each a constant multiple of the one before."""
    return _neve.tensor(np.geomspace(start, stop, num), dtype=dtype_name(dtype))


def eye(n_rows: int, n_cols: int | None = None, *, k: int = 0, dtype: Any = "f32") -> Tensor:
    """A matrix with ones on diagonal k, zeros elsewhere. Source: array API eye."""
    rows, columns = sizes_of("eye", (n_rows, n_rows if n_cols is None else n_cols))
    if isinstance(rows, Dim) or isinstance(columns, Dim):
        return (arange(rows).unsqueeze(1) + k == arange(columns)).astype(dtype_name(dtype))
    return _neve.tensor(np.eye(rows, columns, k=k), dtype=dtype_name(dtype))


def identity(n: int, *, dtype: Any = "f32") -> Tensor:
    """The n x n matrix with ones on its main diagonal."""
    return eye(n, dtype=dtype)


def tri(n: int, m: int | None = None, k: int = 0, *, dtype: Any = "f32") -> Tensor:
    """A matrix with ones at diagonal k and below, zeros above. Source: numpy.tri."""
    rows, columns = sizes_of("tri", (n, n if m is None else m))
    if isinstance(rows, Dim) or isinstance(columns, Dim):
        return (arange(rows).unsqueeze(1) + k >= arange(columns)).astype(dtype_name(dtype))
    return _neve.tensor(np.tri(rows, columns, k), dtype=dtype_name(dtype))


def _triangle(name: str, upper: bool) -> Any:
    def f(x: ArrayLike, k: int = 0) -> Tensor:
        t = as_tensor(x, name)
        if t.ndim < 2:
            shape_error(f"{name}: x is {text_of(t)} (rank 2 or more: matrices on the last two axes)")
        if t.size == 0:
            return t.clone()
        return ops.trilu(t, [k], upper=upper)

    f.__name__ = f.__qualname__ = name
    f.__doc__ = (
        f"Matrices with zeros {'below' if upper else 'above'} diagonal k: [.., rows, columns]. Array API {name}."
    )
    return f


tril = _triangle("tril", False)
triu = _triangle("triu", True)


def meshgrid(*tensors: ArrayLike, indexing: str = "xy") -> list[Tensor]:
    """Coordinates of a grid from vectors; "xy": the first two axes swapped, "ij": axes in the order of the arguments."""
    if indexing not in ("xy", "ij"):
        value_error(f"meshgrid: indexing is {indexing!r} ('xy' or 'ij')")
    ts = [as_tensor(t, "meshgrid") for t in tensors]
    for t in ts:
        if t.ndim > 1:
            shape_error(f"meshgrid: an argument is {text_of(t)} (vectors)")
    sizes = [t.size for t in ts]
    swap = indexing == "xy" and len(ts) > 1
    if swap:
        sizes[0], sizes[1] = sizes[1], sizes[0]
    made = []
    for i, t in enumerate(ts):
        at = 1 - i if swap and i < 2 else i
        made.append(ops.expand(t.reshape([-1 if j == at else 1 for j in range(len(ts))]), sizes))
    return made


def asarray(x: ArrayLike, *, dtype: Any = None, copy: bool | None = None) -> Tensor:
    """x as a Tensor: itself where it is one of that dtype and copy is not True. Source: array API asarray."""
    t = as_tensor(x, "asarray")
    if dtype is not None and t.dtype != dtype_name(dtype):
        if copy is False:
            value_error(f"asarray: {text_of(t)} as {dtype_name(dtype)} needs a copy, and copy is False (None or True)")
        return t.astype(dtype_name(dtype))
    return t.clone() if copy and t is x else t


def from_dlpack(x: Any) -> Tensor:
    """A tensor over the memory of anything with __dlpack__ on the CPU; shared, not copied. Source: array API."""
    if not hasattr(x, "__dlpack__"):
        type_error(f"from_dlpack: x is of type {type(x).__name__} (an object with __dlpack__)")
    if isinstance(x, Tensor):
        return x.detach()
    return _neve.from_numpy(x)


def from_numpy(x: np.ndarray) -> Tensor:
    """A tensor over the memory of a NumPy array: a change of one is seen in the other."""
    if not isinstance(x, np.ndarray):
        type_error(f"from_numpy: x is {text_of(x)} (a numpy.ndarray)")
    return _neve.from_numpy(x)


def diag(x: ArrayLike, k: int = 0) -> Tensor:
    """The matrix with vector x on diagonal k, or diagonal k of matrix x. Source: numpy.diag."""
    t = as_tensor(x, "diag")
    if t.ndim == 1:
        n = t.size + abs(k)
        rows = ops.reshape(t, [t.size, 1]) if k >= 0 else t.reshape(1, t.size)
        square = ops.expand(rows, [t.size, t.size])
        kept = square * eye(t.size, dtype=t.dtype) if kind(t.dtype) else ops.and_(square, eye(t.size, dtype="bool"))
        low, left = max(-k, 0), max(k, 0)
        if kind(t.dtype) == 2:  # 0 times inf is NaN: chosen, not multiplied
            kept = ops.where(eye(t.size, dtype="bool"), square, scalar(0, t.dtype))
        return ops.pad(kept, [low, left, n - t.size - low, n - t.size - left]) if k else kept
    if t.ndim == 2:
        return diagonal(t, k)
    shape_error(f"diag: x is {text_of(t)} (a vector or a matrix)")


def diagonal(x: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Diagonals of the matrices on two axes, as the last axis. Source: numpy.diagonal."""
    from ._shape import moveaxis

    t = as_tensor(x, "diagonal")
    if t.ndim < 2:
        shape_error(f"diagonal: x is {text_of(t)} (rank 2 or more)")
    t = moveaxis(t, (axis1, axis2), (-2, -1))
    rows, columns = t.shape[-2:]
    n = max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)
    r, c = max(-offset, 0), max(offset, 0)
    flat = t.reshape((*t.shape[:-2], rows * columns))
    return ops.gather(flat, ints((r + i) * columns + c + i for i in range(n)), axis=t.ndim - 2)


def vander(x: ArrayLike, n: int | None = None, increasing: bool = False) -> Tensor:
    """Powers of a vector as columns. Source: numpy.vander."""
    t = floating(as_tensor(x, "vander"))
    powers = arange(t.size if n is None else n, dtype=t.dtype)
    y = ops.pow(t.reshape(-1, 1), powers.reshape(1, -1))
    return y if increasing else y[:, ::-1]


def tensor(data: ArrayLike, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A new tensor with a copy of numbers, nested lists, an array or a tensor; Python's floats become f32.

    Raises Error{type_mismatch} for what is no rectangle of numbers, and for a dtype that is none.
    """
    dtype = None if dtype is None else dtype_name(dtype)
    if isinstance(data, (list, tuple)):
        t = np.array(data, dtype="f8") if dtype == "f64" and _plain_floats(data) else as_tensor(data, "tensor", "data")
        return _neve.tensor(t, dtype=dtype, requires_grad=requires_grad)
    if isinstance(data, (str, bytes, type(None))):
        as_tensor(data, "tensor", "data")
    if dtype == "f64" and type(data) is float:
        data = np.float64(data).reshape(())
    if isinstance(data, Dim):
        data = as_tensor(data, "tensor", "data")
    return _neve.tensor(data, dtype=dtype, requires_grad=requires_grad)


def _plain_floats(data: Any) -> bool:
    try:
        return np.array(data).dtype == np.float64
    except (ValueError, TypeError, RuntimeError):
        return False
