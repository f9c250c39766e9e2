"""Linear algebra: products of every kind, determinants, inverses, norms of matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from . import _neve
from ._base import (
    ArrayLike,
    Axes,
    Number,
    Tensor,
    as_tensor,
    common,
    floating,
    many_axes,
    one_axis,
    ops,
    quick,
    scalar,
    shape_error,
    text_of,
    type_error,
    value_error,
)
from ._creation import diagonal, eye
from ._reductions import max as _max
from ._reductions import min as _min
from ._reductions import sum as _sum
from ._reductions import vector_norm
from ._shape import matrix_transpose, moveaxis, ravel, reshape


@quick(_neve.quick_matmul)
def matmul(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Matrix product of the last two axes, the others broadcast; a vector is a row (a) or a column (b).

    Raises Error{shape_mismatch} where the inner sizes differ. Cost: 2 m k n for each pair. Source: numpy.matmul.
    """
    x, y = common("matmul", a, b)
    if not x.ndim or not y.ndim or x.shape[-1] != y.shape[-2 if y.ndim > 1 else -1]:
        shape_error(f"matmul: a is {text_of(x)} and b {text_of(y)} (a [.., m, k] and b [.., k, n], or vectors [k])")
    return ops.matmul(x, y)


def dot(a: ArrayLike, b: ArrayLike) -> Tensor:
    """The inner product of vectors; of more axes: the last of a with the last but one of b. Source: numpy.dot."""
    x, y = common("dot", a, b)
    if not x.ndim or not y.ndim:
        return ops.mul(x, y)
    if y.ndim <= 2:
        return matmul(x, y)
    return tensordot(x, y, ([x.ndim - 1], [y.ndim - 2]))


def inner(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Sum products over the last axes of both."""
    x, y = common("inner", a, b)
    return ops.mul(x, y) if not x.ndim or not y.ndim else tensordot(x, y, ([x.ndim - 1], [y.ndim - 1]))


def vdot(a: ArrayLike, b: ArrayLike) -> Tensor:
    """The inner product of both, flat."""
    x, y = common("vdot", a, b)
    return matmul(ravel(x), ravel(y))


def vecdot(a: ArrayLike, b: ArrayLike, axis: int = -1) -> Tensor:
    """Sums of products along an axis, with broadcasting. Source: array API vecdot."""
    x, y = common("vecdot", a, b)
    p = ops.mul(x, y)
    return ops.reduce_sum(p, axes=[one_axis("vecdot", axis, p.ndim)], keepdims=False)


def tensordot(a: ArrayLike, b: ArrayLike, axes: Any = 2) -> Tensor:
    """Sums of products over the last n axes of a and the first n of b, or over pairs of axes. Source: numpy.tensordot."""
    x, y = common("tensordot", a, b)
    if isinstance(axes, int):
        if not 0 <= axes <= min(x.ndim, y.ndim):
            value_error(f"tensordot: axes is {axes} for {text_of(x)} and {text_of(y)} (0 to the smaller rank)")
        left, right = list(range(x.ndim - axes, x.ndim)), list(range(axes))
    else:
        left, right = (many_axes("tensordot", v, t.ndim) for v, t in zip(axes, (x, y)))
    if [x.shape[i] for i in left] != [y.shape[i] for i in right]:
        shape_error(f"tensordot: axes {left} of {text_of(x)} and {right} of {text_of(y)} (equal sizes)")
    keep = [i for i in range(x.ndim) if i not in left]
    other = [i for i in range(y.ndim) if i not in right]
    k = math.prod(x.shape[i] for i in left)
    shape = [x.shape[i] for i in keep] + [y.shape[i] for i in other]
    m, n = math.prod(x.shape[i] for i in keep), math.prod(y.shape[i] for i in other)
    rows = reshape(ops.transpose(x, perm=keep + left) if x.ndim else x, (m, k))
    columns = reshape(ops.transpose(y, perm=right + other) if y.ndim else y, (k, n))
    return reshape(ops.matmul(rows, columns), tuple(shape))


def einsum(equation: str, *operands: ArrayLike) -> Tensor:
    """Products summed over the labels that the result does not have: 'ij,jk->ik'. Source: numpy.einsum."""
    if not isinstance(equation, str):
        type_error(f"einsum: the equation is {text_of(equation)} (a str, such as 'ij,jk->ik', then the operands)")
    if not operands:
        value_error(f"einsum: no operands for {equation!r} (one for each term)")
    return ops.einsum(*common("einsum", *operands), equation=equation.replace(" ", ""))


def outer(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Products of each element of a with each of b: [m, n]."""
    x, y = common("outer", a, b)
    return ops.mul(reshape(ravel(x), (x.size, 1)), reshape(ravel(y), (1, y.size)))


def kron(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Kronecker product. Source: numpy.kron."""
    x, y = common("kron", a, b)
    rank = max(x.ndim, y.ndim)
    s, t = (1,) * (rank - x.ndim) + x.shape, (1,) * (rank - y.ndim) + y.shape
    left = reshape(x, tuple(v for n in s for v in (n, 1)))
    right = reshape(y, tuple(v for n in t for v in (1, n)))
    return reshape(ops.mul(left, right), tuple(m * n for m, n in zip(s, t)))


def cross(a: ArrayLike, b: ArrayLike, axis: int = -1) -> Tensor:
    """Cross products of vectors of 3 along an axis."""
    x, y = common("cross", a, b)
    p, q = moveaxis(x, axis, -1), moveaxis(y, axis, -1)
    if p.shape[-1] != 3 or q.shape[-1] != 3:
        shape_error(f"cross: a is {text_of(x)} and b {text_of(y)} (size 3 along axis {axis})")
    parts = [p[..., (i + 1) % 3] * q[..., (i + 2) % 3] - p[..., (i + 2) % 3] * q[..., (i + 1) % 3] for i in range(3)]
    rank = parts[0].ndim
    return moveaxis(ops.concat(*(ops.unsqueeze(v, axes=[rank]) for v in parts), axis=rank), -1, axis)


def mv(matrix: ArrayLike, vector: ArrayLike) -> Tensor:
    """[m, k] times [k]."""
    a, b = as_tensor(matrix, "mv"), as_tensor(vector, "mv")
    if a.ndim != 2 or b.ndim != 1:
        shape_error(f"mv: {text_of(a)} times {text_of(b)} (a matrix and a vector)")
    return matmul(a, b)


def mm(a: ArrayLike, b: ArrayLike) -> Tensor:
    """[m, k] times [k, n]."""
    x, y = as_tensor(a, "mm"), as_tensor(b, "mm")
    if x.ndim != 2 or y.ndim != 2:
        shape_error(f"mm: {text_of(x)} times {text_of(y)} (two matrices)")
    return matmul(x, y)


def bmm(a: ArrayLike, b: ArrayLike) -> Tensor:
    """[batch, m, k] times [batch, k, n]."""
    x, y = as_tensor(a, "bmm"), as_tensor(b, "bmm")
    if x.ndim != 3 or y.ndim != 3 or x.shape[0] != y.shape[0]:
        shape_error(f"bmm: {text_of(x)} times {text_of(y)} (two batches of matrices of one length)")
    return matmul(x, y)


def addmm(x: ArrayLike, a: ArrayLike, b: ArrayLike, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """beta * x + alpha * a b."""
    y = mm(a, b)
    return (y if alpha == 1 else y * alpha) + (as_tensor(x, "addmm") if beta == 1 else as_tensor(x, "addmm") * beta)


def baddbmm(x: ArrayLike, a: ArrayLike, b: ArrayLike, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """beta * x + alpha * a b, of batches."""
    y = bmm(a, b)
    return (y if alpha == 1 else y * alpha) + (as_tensor(x, "baddbmm") if beta == 1 else as_tensor(x, "baddbmm") * beta)


def multi_dot(tensors: Sequence[ArrayLike]) -> Tensor:
    """The product of several matrices, from the left."""
    ts = common("multi_dot", *tensors)
    y = ts[0]
    for t in ts[1:]:
        y = matmul(y, t)
    return y


def _square(call: str, x: Any) -> Tensor:
    t = floating(as_tensor(x, call))
    if t.ndim < 2 or t.shape[-1] != t.shape[-2]:
        shape_error(f"{call}: x is {text_of(t)} (square matrices: [.., n, n])")
    return t


def det(x: ArrayLike) -> Tensor:
    """Determinants of square matrices [.., n, n]; by elimination in f64."""
    return ops.det(_square("det", x))


def inv(x: ArrayLike) -> Tensor:
    """Inverses of square matrices; not finite where one is singular. By elimination in f64."""
    return ops.inverse(_square("inv", x))


inverse = inv


def slogdet(x: ArrayLike) -> tuple[Tensor, Tensor]:
    """(sign, log|det|); (0, -inf) for singular matrices. Source: array API linalg.slogdet."""
    sign, log = ops.slogdet(_square("slogdet", x))
    return sign, log


def matrix_power(x: ArrayLike, n: int) -> Tensor:
    """Square matrices times themselves n times; negative n: of the inverse."""
    t = as_tensor(x, "matrix_power")
    if t.ndim < 2 or t.shape[-1] != t.shape[-2]:
        shape_error(f"matrix_power: x is {text_of(t)} (square matrices: [.., n, n])")
    if n < 0:
        t, n = inv(t), -n
    y = ops.expand(eye(t.shape[-1], dtype=t.dtype), list(t.shape))
    while n:
        y = ops.matmul(y, t) if n & 1 else y
        n >>= 1
        t = ops.matmul(t, t) if n else t
    return y


def trace(x: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Sums of diagonals. Source: numpy.trace."""
    return _sum(diagonal(x, offset, axis1, axis2), -1)


def matrix_norm(x: ArrayLike, ord: Any = "fro", axis: tuple[int, int] = (-2, -1), *, keepdims: bool = False) -> Tensor:  # noqa: A002
    """Norms of matrices: "fro", 1 and -1 (sums of columns), inf and -inf (sums of rows), 2, -2 and "nuc" (singular values)."""
    t = floating(as_tensor(x, "matrix_norm"))
    r, c = many_axes("matrix_norm", axis, t.ndim)
    if ord == "fro":
        return vector_norm(t, 2, (r, c), keepdims=keepdims)
    if ord in (2, -2, "nuc"):
        from ._decompositions import spectral_norm

        y = spectral_norm(moveaxis(t, (r, c), (-2, -1)), ord)
        return ops.unsqueeze(y, axes=sorted((r, c))) if keepdims else y
    if ord not in (1, -1, math.inf, -math.inf):
        value_error(f"matrix_norm: ord is {ord!r} ('fro', 'nuc', 1, -1, 2, -2, inf or -inf)")
    first, second = (r, c) if ord in (1, -1) else (c, r)
    sums = _sum(ops.abs(t), first, keepdims=True)
    y = (_max if ord > 0 else _min)(sums, second, keepdims=True)
    return y if keepdims else ops.squeeze(y, axes=[r, c])


def norm(x: ArrayLike, ord: Any = None, axis: Axes = None, *, keepdims: bool = False) -> Tensor:  # noqa: A002
    """Norm of all elements, of vectors along an axis, or of matrices on two ("fro" and, with two axes, ord 1, inf ..).

    Source: numpy.linalg.norm.
    """
    t = as_tensor(x, "norm")
    if ord is None or (ord == "fro" and axis is None):
        return vector_norm(t, 2, axis, keepdims=keepdims)
    if (isinstance(axis, (tuple, list)) and len(axis) == 2) or (axis is None and t.ndim == 2):
        return matrix_norm(t, ord, (0, 1) if axis is None else (axis[0], axis[1]), keepdims=keepdims)
    return vector_norm(t, ord, axis, keepdims=keepdims)


def cdist(a: ArrayLike, b: ArrayLike, p: float = 2.0) -> Tensor:
    """Distances between rows: [.., m, k] and [.., n, k] -> [.., m, n]. Memory: m n k. Source: torch.cdist."""
    x, y = (floating(t) for t in common("cdist", a, b))
    if x.ndim < 2 or y.ndim < 2 or x.shape[-1] != y.shape[-1]:
        shape_error(f"cdist: a is {text_of(x)} and b {text_of(y)} ([.., m, k] and [.., n, k])")
    d = ops.sub(ops.unsqueeze(x, axes=[x.ndim - 1]), ops.unsqueeze(y, axes=[y.ndim - 2]))
    return vector_norm(d, p, -1)


def cov(x: ArrayLike, *, correction: int = 1) -> Tensor:
    """Covariances of the rows of a matrix. Source: numpy.cov."""
    t = floating(as_tensor(x, "cov"))
    t = reshape(t, (1, t.size)) if t.ndim < 2 else t
    d = ops.sub(t, ops.reduce_mean(t, axes=[1], keepdims=True))
    y = ops.matmul(d, matrix_transpose(d)) / (t.shape[1] - correction)
    return ops.squeeze(y, axes=[0, 1]) if t.shape[0] == 1 else y


def corrcoef(x: ArrayLike) -> Tensor:
    """Correlations of the rows of a matrix. Source: numpy.corrcoef."""
    c = cov(x)
    if not c.ndim:
        return c / c
    d = ops.sqrt(diagonal(c))
    return clip_unit(ops.div(c, outer(d, d)))


def clip_unit(x: Tensor) -> Tensor:
    """x in [-1, 1]."""
    return ops.max(ops.min(x, scalar(1, x.dtype)), scalar(-1, x.dtype))
