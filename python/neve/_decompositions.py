"""Decompositions of matrices, and what is made of them. All take [.., m, n], compute in f64 and give the dtype of x."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from . import _neve
from ._base import ArrayLike, Number, Tensor, as_tensor, common, floating, ops, shape_error, text_of, value_error
from ._linalg import _square, matmul
from ._shape import broadcast_shapes, matrix_transpose

_EPSILON = {"f64": 2.0**-52, "f32": 2.0**-23, "f16": 2.0**-10, "bf16": 2.0**-7}


class QR(NamedTuple):
    Q: Tensor
    R: Tensor


class SVD(NamedTuple):
    U: Tensor
    S: Tensor
    Vh: Tensor


class Eigh(NamedTuple):
    eigenvalues: Tensor
    eigenvectors: Tensor


class Lstsq(NamedTuple):
    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


def _matrices(call: str, x: Any) -> Tensor:
    t = floating(as_tensor(x, call))
    if t.ndim < 2:
        shape_error(f"{call}: x is {text_of(t)} (matrices: [.., m, n])")
    return t


def cholesky(x: ArrayLike, *, upper: bool = False) -> Tensor:
    """The lower triangular l with l l^T = x, or the upper one, of symmetric positive definite matrices [.., n, n].

    Of the symmetric part of x. Raises Error{invalid_argument} where it is not positive definite. Source: array API.
    """
    y = ops.cholesky(_square("cholesky", x))
    return matrix_transpose(y) if upper else y


def qr(x: ArrayLike, *, mode: str = "reduced") -> QR:
    """(Q, R): orthonormal columns and an upper triangle; mode "complete" has all m columns, "r" R alone (Q is empty).

    Gradients: of the reduced form, where the first min(m, n) columns are independent. Source: array API linalg.qr.
    """
    t = _matrices("qr", x)
    if mode not in ("reduced", "complete", "r"):
        value_error(f"qr: mode is {mode!r} ('reduced', 'complete' or 'r')")
    m, n = t.shape[-2:]
    if mode == "complete" and m > n:
        if _neve.is_grad_enabled() and t.requires_grad:
            value_error("qr: mode 'complete' has no gradient for tall matrices (mode 'reduced', or detach())")
        wide = ops.concat(
            t, ops.expand(ops.cast(_neve.tensor(np.eye(m)[:, n:]), to=t.dtype), [*t.shape[:-2], m, m - n]), axis=-1
        )
        q, r = ops.qr(wide)
        return QR(q, r[..., :n])
    q, r = ops.qr(t)
    return QR(_neve.empty([0], t.dtype) if mode == "r" else q, r)


def svd(x: ArrayLike, *, full_matrices: bool = False) -> SVD:
    """(U, S, Vh) with x = U diag(S) Vh, S falling. U and Vh are thin: [.., m, k] and [.., k, n] with k = min(m, n).

    full_matrices (the default of NumPy and the array API) completes them; what completes them is no function of x and counts
    as constant to gradients, as in PyTorch. Gradients of U and Vh are not finite where singular values are equal. Raises Error{invalid_argument} for elements that are not finite.
    """
    t = _matrices("svd", x)
    u, s, vh = ops.svd(t)
    if full_matrices and t.shape[-1] != t.shape[-2]:
        m, n = t.shape[-2:]
        k = min(m, n)
        if m > k:
            u = ops.concat(u, qr(u.detach(), mode="complete").Q[..., k:], axis=-1)
        else:
            v = matrix_transpose(vh)
            vh = matrix_transpose(ops.concat(v, qr(v.detach(), mode="complete").Q[..., k:], axis=-1))
    return SVD(u, s, vh)


def svdvals(x: ArrayLike) -> Tensor:
    """The singular values, falling: [.., min(m, n)]."""
    return ops.svd(_matrices("svdvals", x))[1]


def eigh(x: ArrayLike) -> Eigh:
    """(eigenvalues rising [.., n], eigenvectors as columns [.., n, n]) of the symmetric part of x.

    Gradients of eigenvectors are not finite where eigenvalues are equal. Source: array API linalg.eigh.
    """
    return Eigh(*ops.eigh(_square("eigh", x)))


def eigvalsh(x: ArrayLike) -> Tensor:
    """The eigenvalues of the symmetric part of x, rising."""
    return ops.eigh(_square("eigvalsh", x))[0]


def _beside(call: str, a: Any, b: Any) -> tuple[Tensor, Tensor, bool]:
    """a [.., n, n] and b [.., n, k] with equal leading sizes, from b of one axis as well (NumPy's rule)."""
    x, y = (floating(t) for t in common(call, a, b))
    if x.ndim < 2:
        shape_error(f"{call}: a is {text_of(x)} (matrices: [.., m, n])")
    vector = y.ndim == 1
    if vector:
        y = ops.unsqueeze(y, axes=[1])
    if y.ndim < 2 or y.shape[-2] != x.shape[-2]:
        shape_error(
            f"{call}: a is {text_of(x)} and b {text_of(as_tensor(b, call))} ([.., n, n] with [n] or [.., n, k])"
        )
    lead = list(broadcast_shapes(x.shape[:-2], y.shape[:-2]))
    x = x if list(x.shape[:-2]) == lead else ops.expand(x, [*lead, *x.shape[-2:]])
    y = y if list(y.shape[:-2]) == lead else ops.expand(y, [*lead, *y.shape[-2:]])
    return x, y, vector


def solve(a: ArrayLike, b: ArrayLike) -> Tensor:
    """x of a x = b: [.., n, n] with [n] or [.., n, k]. Raises Error{invalid_argument} where a is singular.

    By elimination with pivots in f64. Source: array API linalg.solve.
    """
    _square("solve", a)
    x, y, vector = _beside("solve", a, b)
    z = ops.solve(x, y)
    return ops.squeeze(z, axes=[z.ndim - 1]) if vector else z


def solve_triangular(a: ArrayLike, b: ArrayLike, *, upper: bool, unitriangular: bool = False) -> Tensor:
    """x of a x = b where a is triangular; the other triangle is not read. Not finite where a is singular.

    Source: torch.linalg.solve_triangular.
    """
    _square("solve_triangular", a)
    x, y, vector = _beside("solve_triangular", a, b)
    z = ops.solve_triangular(x, y, lower=not upper, unit=unitriangular)
    return ops.squeeze(z, axes=[z.ndim - 1]) if vector else z


def _tolerance(t: Tensor, s: Tensor, rtol: Any) -> Tensor:
    """Below which a singular value counts as 0: rtol times the largest one."""
    factor = max(t.shape[-2:]) * _EPSILON[t.dtype] if rtol is None else rtol
    largest = s[..., :1] if s.shape[-1] else s
    return largest * factor


def matrix_rank(x: ArrayLike, *, rtol: Number | None = None) -> Tensor:
    """The number of singular values above rtol times the largest; rtol is max(m, n) eps at first. i64, no gradient."""
    t = _matrices("matrix_rank", x).detach()
    s = ops.svd(t)[1]
    return ops.reduce_sum(ops.cast(ops.greater(s, _tolerance(t, s, rtol)), to="i64"), axes=[s.ndim - 1], keepdims=False)


def _whole(t: Tensor) -> bool:
    """Whether every matrix has the largest rank that its shape allows."""
    return bool(t.size) and bool((matrix_rank(t) == min(t.shape[-2:])).all().item())


def pinv(x: ArrayLike, *, rtol: Number | None = None) -> Tensor:
    """Pseudo-inverses [.., n, m]. Of matrices of full rank by QR, which has a gradient everywhere; of others by SVD, where
    singular values up to rtol times the largest count as 0. Source: array API linalg.pinv.
    """
    t = _matrices("pinv", x)
    m, n = t.shape[-2:]
    if not t.size:
        return matrix_transpose(t)
    if rtol is None and _whole(t):
        q, r = ops.qr(t if m >= n else matrix_transpose(t))
        y = ops.solve_triangular(r, matrix_transpose(q), lower=False)
        return y if m >= n else matrix_transpose(y)
    u, s, vh = ops.svd(t)
    kept = ops.greater(s.detach(), _tolerance(t, s.detach(), rtol))
    zero = ops.constant_of_shape(list(s.shape), value=ops.cast(_neve.tensor([0.0]), to=t.dtype))
    one = ops.constant_of_shape(list(s.shape), value=ops.cast(_neve.tensor([1.0]), to=t.dtype))
    over = ops.where(kept, ops.div(one, ops.where(kept, s, one)), zero)
    return matmul(ops.mul(matrix_transpose(vh), ops.unsqueeze(over, axes=[over.ndim - 1])), matrix_transpose(u))


def lstsq(a: ArrayLike, b: ArrayLike, *, rcond: Number | None = None) -> Lstsq:
    """(solution, residuals, rank, singular_values): the x of least |x| that makes |a x - b| least.

    a: [.., m, n]; b: [m] or [.., m, k]. residuals are the sums of squares [.., k], empty where m <= n or the rank is not n.
    Gradients: of the solution. Source: numpy.linalg.lstsq, torch.linalg.lstsq.
    """
    x, y, vector = _beside("lstsq", a, b)
    m, n = x.shape[-2:]
    solution = matmul(pinv(x, rtol=rcond), y)
    rank, s = matrix_rank(x, rtol=rcond), svdvals(x.detach())
    residuals = _neve.empty([0], x.dtype)
    if m > n and bool((rank == n).all().item()):
        rest = ops.sub(y, matmul(x, solution)).detach()
        residuals = ops.reduce_sum(ops.mul(rest, rest), axes=[rest.ndim - 2], keepdims=False)
    if vector:
        solution = ops.squeeze(solution, axes=[solution.ndim - 1])
    return Lstsq(solution, residuals, rank, s)


def cond(x: ArrayLike) -> Tensor:
    """The largest singular value over the smallest. Source: numpy.linalg.cond."""
    s = svdvals(x)
    if not s.shape[-1]:
        shape_error(f"cond: x is {text_of(as_tensor(x, 'cond'))} (matrices that have elements)")
    return ops.div(s[..., 0], s[..., -1])


def spectral_norm(t: Tensor, ord: Any) -> Tensor:  # noqa: A002
    """matrix_norm by singular values: ord 2, -2 and "nuc"."""
    s = svdvals(t)
    if ord == "nuc":
        return ops.reduce_sum(s, axes=[s.ndim - 1], keepdims=False)
    if not s.shape[-1]:
        shape_error(f"matrix_norm: x is {text_of(t)} (matrices that have elements)")
    return s[..., 0 if ord == 2 else -1]


def cholesky_solve(b: ArrayLike, factor: ArrayLike, *, upper: bool = False) -> Tensor:
    """x of a x = b, where factor is the cholesky of a. Source: torch.cholesky_solve."""
    first = solve_triangular(matrix_transpose(factor) if upper else factor, b, upper=False)
    return solve_triangular(factor if upper else matrix_transpose(factor), first, upper=True)


def matrix_exp(x: ArrayLike) -> Tensor:
    """Exponentials of square matrices, by scaling, a Taylor polynomial of degree 18 and squaring. Source: torch.matrix_exp."""
    t = _square("matrix_exp", x)
    if not t.size:
        return t
    size = float(np.abs(np.array(t.detach().astype("f64"))).sum(-1).max())
    times = max(0, math.ceil(math.log2(size)) + 1) if 0 < size < math.inf else 0
    small = ops.mul(t, ops.cast(_neve.tensor(0.5**times), to=t.dtype))
    unit = ops.expand(ops.cast(_neve.tensor(np.eye(t.shape[-1])), to=t.dtype), list(t.shape))
    y = unit
    for k in range(18, 0, -1):
        y = ops.add(unit, ops.mul(ops.matmul(small, y), ops.cast(_neve.tensor(1.0 / k), to=t.dtype)))
    for _ in range(times):
        y = ops.matmul(y, y)
    return y
