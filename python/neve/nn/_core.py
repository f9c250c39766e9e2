"""What the layers stand on: ops by name, errors, dtypes and shapes as words, autocast, and draws of random numbers."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .. import _neve
from .._base import fail as fail
from .._base import ops as ops
from .._base import shape_error as shape_error
from .._base import text_of as text_of
from .._base import type_error as type_error
from .._base import value_error as value_error
from ..autograd import no_grad as no_grad
from ..random import default_generator

Tensor = _neve.Tensor
Error = _neve.Error
FLOATS = ("f64", "f32", "bf16", "f16")


def check_tensor(call: str, name: str, t: Any) -> None:
    if not isinstance(t, Tensor):
        type_error(f"{call}: {name} is {text_of(t)} (a neve.Tensor; neve.tensor(...) makes one)")


def check_float(call: str, name: str, t: Any) -> None:
    check_tensor(call, name, t)
    if t.dtype not in FLOATS:
        type_error(f"{call}: {name} is {text_of(t)} (a float dtype; astype('f32') converts)")


def choice(call: str, name: str, value: Any, known: Sequence[Any]) -> None:
    if value not in known:
        value_error(f"{call}: {name} is {value!r} (one of {', '.join(map(repr, known))})")


def positive(call: str, **sizes: Any) -> None:
    """Refuses sizes that are no positive integers."""
    for name, n in sizes.items():
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n <= 0:
            value_error(f"{call}: {name} is {n!r} (a positive integer)")


def probability(call: str, p: Any) -> None:
    if isinstance(p, bool) or not isinstance(p, (int, float)) or not 0 <= p <= 1:
        value_error(f"{call}: p is {p!r} (a probability from 0 to 1)")


def many(call: str, name: str, value: Any, n: int, *, least: int = 0) -> list[int]:
    """An int for every one of n axes, or a sequence of n ints, as a list."""
    if type(value) is tuple and len(value) == n and all(type(v) is int and v >= least for v in value):
        return list(value)
    whole = (int, np.integer, _neve.Dim)  # a Dim that is a parameter of a window becomes the example's number: a guard
    if isinstance(value, whole) and not isinstance(value, bool):
        values = [int(value)] * n
    elif isinstance(value, (tuple, list)) and all(isinstance(v, whole) for v in value):
        values = [int(v) for v in value]
        if len(values) != n:
            value_error(f"{call}: {name} is {value!r} ({'one integer' if n == 1 else f'one integer, or {n} of them'})")
    else:
        value_error(f"{call}: {name} is {value!r} ({'one integer' if n == 1 else f'one integer, or {n} of them'})")
    if min(values) < least:
        value_error(
            f"{call}: {name} is {value!r} ({'positive integers' if least == 1 else f'integers of {least} or more'})"
        )
    return values


# ---- a few ops under short names -------------------------------------------------------------------------------------


def tensor(data: Any, dtype: str | None = None) -> Tensor:
    return _neve.tensor(data, dtype=dtype)


def required(t: Tensor, holds: Tensor, text: str) -> Tensor:
    """A tensor of a captured program that is there only where a condition over values holds; computing it else is the
    error. Outside of captures values are looked at instead."""
    return _neve.stage_if(
        holds, lambda _: [ops.identity(t)], lambda _: [ops.fail(ops.shape(t), message=text, dtype=t.dtype)]
    )[0]


def ints(values: Iterable[int]) -> Tensor:
    sizes = list(values)
    if _neve.is_capturing() and any(isinstance(n, _neve.Dim) for n in sizes):
        return _neve.dims_tensor(sizes)
    return _neve.tensor(np.array(sizes, dtype=np.int64))


def scalar(value: float, dtype: str) -> Tensor:
    return _neve.tensor(np.array(value, dtype=np.float64), dtype=dtype)


def full(shape: Sequence[int], value: float, dtype: str = "f32") -> Tensor:
    return ops.constant_of_shape(ints(shape), value=_neve.tensor(np.array([value], dtype=np.float64), dtype=dtype))


def zeros(shape: Sequence[int], dtype: str = "f32") -> Tensor:
    return full(shape, 0.0, dtype)


def ones(shape: Sequence[int], dtype: str = "f32") -> Tensor:
    return full(shape, 1.0, dtype)


def arange(n: int) -> Tensor:
    if isinstance(n, _neve.Dim):
        return ops.range(tensor(0), _neve.dim_tensor(n), tensor(1))
    return _neve.tensor(np.arange(n, dtype=np.int64))


def reshape(x: Tensor, shape: Sequence[int]) -> Tensor:
    known = [n for n in shape if isinstance(n, int)]
    return ops.reshape(x, ints(shape), allowzero=0 in known and -1 not in known)


def transpose(x: Tensor, a: int, b: int) -> Tensor:
    perm = list(range(x.ndim))
    perm[a], perm[b] = perm[b], perm[a]
    return ops.transpose(x, perm=perm)


def sum_(x: Tensor, axes: Sequence[int] = (), keepdims: bool = False) -> Tensor:
    return ops.reduce_sum(x, axes=list(axes), keepdims=keepdims) if axes or x.ndim else x


def mean(x: Tensor, axes: Sequence[int] = (), keepdims: bool = False) -> Tensor:
    return ops.reduce_mean(x, axes=list(axes), keepdims=keepdims) if axes or x.ndim else x


def concat(parts: Sequence[Tensor], axis: int) -> Tensor:
    return ops.concat(*parts, axis=axis)


def stack(parts: Sequence[Tensor], axis: int) -> Tensor:
    return ops.concat(*(ops.unsqueeze(p, axes=[axis]) for p in parts), axis=axis)


def expand(x: Tensor, shape: Sequence[int]) -> Tensor:
    return ops.expand(x, ints(shape))


def where(condition: Tensor, x: Any, y: Any) -> Tensor:
    """Elements of x where the condition holds, else of y; one of x and y may be a number."""
    like = x if isinstance(x, Tensor) else y
    x, y = (v if isinstance(v, Tensor) else scalar(v, like.dtype) for v in (x, y))
    return ops.where(condition, x, y)


def at_least(x: Tensor, low: float) -> Tensor:
    return ops.max(x, scalar(low, x.dtype))


def at_most(x: Tensor, high: float) -> Tensor:
    return ops.min(x, scalar(high, x.dtype))


def reduced(loss: Tensor, reduction: str) -> Tensor:
    return mean(loss) if reduction == "mean" else sum_(loss) if reduction == "sum" else loss


def prod(values: Iterable[int]) -> int:
    return math.prod(values)


# ---- recording -------------------------------------------------------------------------------------------------------


def recording(*tensors: Tensor | None) -> bool:
    """Whether a gradient may be asked of what is computed from these."""
    return _neve.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)


# ---- autocast --------------------------------------------------------------------------------------------------------


class _Autocast(threading.local):
    dtype: str | None = None


autocast = _Autocast()


def lowered(*tensors: Tensor | None) -> tuple[Any, ...]:
    """Operands of products in the dtype of the autocast in force; f64 and integers stay as they are."""
    to = autocast.dtype
    if to is None:
        return tensors
    return tuple(
        t.astype(to) if t is not None and t.dtype != to and t.dtype in ("f32", "bf16", "f16") else t for t in tensors
    )


def raised(x: Tensor) -> Tensor:
    """An operand of what is sensitive to precision (losses, norms): f32 while autocast is in force."""
    return x.astype("f32") if autocast.dtype is not None and x.dtype in ("bf16", "f16") else x


# ---- random numbers --------------------------------------------------------------------------------------------------


def draw() -> tuple[Tensor, Tensor]:
    """The (key, counter) of the next draw of the process's generator (neve.manual_seed sets it)."""
    return default_generator.draw()


def uniform(shape: Sequence[int], low: float = 0.0, high: float = 1.0, dtype: str = "f32") -> Tensor:
    return ops.random_uniform(*draw(), ints(shape), low=float(low), high=float(high), dtype=dtype)


def normal(shape: Sequence[int], mean: float = 0.0, std: float = 1.0, dtype: str = "f32") -> Tensor:
    return ops.random_normal(*draw(), ints(shape), mean=float(mean), scale=float(std), dtype=dtype)
