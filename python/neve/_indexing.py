"""Functions that read and write by index, sort and search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ._base import (
    INTS,
    ArrayLike,
    Number,
    Tensor,
    as_tensor,
    common,
    is_empty,
    is_number,
    one_axis,
    ops,
    scalar,
    shape_error,
    text_of,
    type_error,
    value_error,
)
from ._elementwise import _bools
from ._shape import broadcast_shapes, broadcast_to, ravel, reshape


def _indices(call: str, x: Any, name: str = "indices") -> Tensor:
    t = as_tensor(x, call, name)
    if t.dtype not in INTS:
        if t.size:
            type_error(f"{call}: {name} is {text_of(t)} (integers)")
        return t.astype("i64")
    return t if t.dtype in ("i64", "i32") else t.astype("i64")


def _value(call: str, value: Any, like: Tensor) -> Tensor:
    return scalar(value, like.dtype) if is_number(value) else as_tensor(value, call, "value").astype(like.dtype)


def take(x: ArrayLike, indices: ArrayLike, axis: int | None = None) -> Tensor:
    """Slices by index along an axis (None: of the flat tensor); negative counts from the end. Source: numpy.take."""
    t = as_tensor(x, "take")
    if axis is None:
        t, axis = ravel(t), 0
    return ops.gather(t, _indices("take", indices), axis=one_axis("take", axis, t.ndim))


def index_select(x: ArrayLike, axis: int, index: ArrayLike) -> Tensor:
    """Slices by a vector of indices. Source: torch.index_select."""
    return take(x, index, axis)


def take_along_axis(x: ArrayLike, indices: ArrayLike, axis: int = -1) -> Tensor:
    """y[i][j] = x[indices[i][j]][j] for axis 0, and so on; other axes broadcast. Source: numpy.take_along_axis."""
    t, i = as_tensor(x, "take_along_axis"), _indices("take_along_axis", indices)
    a = one_axis("take_along_axis", axis, t.ndim)
    if i.ndim != t.ndim:
        shape_error(f"take_along_axis: x is {text_of(t)} and indices {text_of(i)} (one rank)")
    lead = broadcast_shapes(t.shape[:a] + (1,) + t.shape[a + 1 :], i.shape[:a] + (1,) + i.shape[a + 1 :])
    t = broadcast_to(t, (*lead[:a], t.shape[a], *lead[a + 1 :]))
    return ops.gather_elements(t, broadcast_to(i, (*lead[:a], i.shape[a], *lead[a + 1 :])), axis=a)


def gather(x: ArrayLike, axis: int, index: ArrayLike) -> Tensor:
    """y[i][j] = x[index[i][j]][j] for axis 0, and so on: the shape of index. Source: torch.gather."""
    t, i = as_tensor(x, "gather"), _indices("gather", index, "index")
    a = one_axis("gather", axis, t.ndim)
    if i.ndim != t.ndim or any(m > n for d, (m, n) in enumerate(zip(i.shape, t.shape)) if d != a):
        shape_error(f"gather: x is {text_of(t)} and index {text_of(i)} (one rank, and no axis of index but {a} larger)")
    if i.shape[:a] + i.shape[a + 1 :] != t.shape[:a] + t.shape[a + 1 :]:
        t = t[tuple(slice(None) if d == a else slice(n) for d, n in enumerate(i.shape))]
    return ops.gather_elements(t, i, axis=a)


def _scattered(call: str, x: Any, axis: int, index: Any, src: Any, reduction: str) -> Tensor:
    t, i = as_tensor(x, call), _indices(call, index, "index")
    a = one_axis(call, axis, t.ndim)
    s = _value(call, src, t)
    s = broadcast_to(s, i.shape) if s.ndim == 0 else s
    if i.ndim != t.ndim or s.ndim != t.ndim or any(m < n for m, n in zip(s.shape, i.shape)):
        shape_error(
            f"{call}: x is {text_of(t)}, index {text_of(i)} and src {text_of(s)} (one rank, src as large as index)"
        )
    s = s[tuple(slice(n) for n in i.shape)] if s.shape != i.shape else s
    return ops.scatter_elements(t, i, s, axis=a, reduction=reduction)


def scatter(x: ArrayLike, axis: int, index: ArrayLike, src: ArrayLike) -> Tensor:
    """x with y[index[i][j]][j] = src[i][j] for axis 0, and so on; of repeated indices the last wins."""
    return _scattered("scatter", x, axis, index, src, "none")


def scatter_add(x: ArrayLike, axis: int, index: ArrayLike, src: ArrayLike) -> Tensor:
    """scatter that adds to what is there."""
    return _scattered("scatter_add", x, axis, index, src, "add")


def scatter_reduce(x: ArrayLike, axis: int, index: ArrayLike, src: ArrayLike, reduce: str = "sum") -> Tensor:
    """scatter that joins with what is there: "sum", "prod", "amax" or "amin"."""
    known = {"sum": "add", "prod": "mul", "amax": "max", "amin": "min"}
    if reduce not in known:
        value_error(f"scatter_reduce: reduce is {reduce!r} ('sum', 'prod', 'amax' or 'amin')")
    return _scattered("scatter_reduce", x, axis, index, src, known[reduce])


def put_along_axis(x: ArrayLike, indices: ArrayLike, values: ArrayLike, axis: int) -> Tensor:
    """x with values written where take_along_axis reads; a new tensor."""
    return _scattered("put_along_axis", x, axis, indices, values, "none")


def _index_into(call: str, x: Any, axis: int, index: Any, src: Any, reduction: str) -> Tensor:
    t, i = as_tensor(x, call), _indices(call, index, "index")
    a = one_axis(call, axis, t.ndim)
    shape = (*t.shape[:a], i.size, *t.shape[a + 1 :])
    s = _value(call, src, t)
    if s.ndim and s.shape != shape:
        shape_error(f"{call}: src is {text_of(s)} ({t.dtype}[{', '.join(map(str, shape))}])")
    where = reshape(i, [-1 if d == a else 1 for d in range(t.ndim)])
    return ops.scatter_elements(t, broadcast_to(where, shape), broadcast_to(s, shape), axis=a, reduction=reduction)


def index_add(x: ArrayLike, axis: int, index: ArrayLike, src: ArrayLike, *, alpha: Number = 1) -> Tensor:
    """x with alpha * slices of src added at the indices of an axis."""
    s = as_tensor(src, "index_add", "src")
    return _index_into("index_add", x, axis, index, s if alpha == 1 else s * alpha, "add")


def index_copy(x: ArrayLike, axis: int, index: ArrayLike, src: ArrayLike) -> Tensor:
    """x with slices of src at the indices of an axis."""
    return _index_into("index_copy", x, axis, index, src, "none")


def index_fill(x: ArrayLike, axis: int, index: ArrayLike, value: Number) -> Tensor:
    """x with one value at the indices of an axis."""
    return _index_into("index_fill", x, axis, index, value, "none")


def masked_fill(x: ArrayLike, mask: ArrayLike, value: ArrayLike) -> Tensor:
    """value where the mask holds, else x."""
    t = as_tensor(x, "masked_fill")
    m = as_tensor(mask, "masked_fill", "mask")
    if m.dtype != "bool":
        type_error(f"masked_fill: mask is {text_of(m)} (bool)")
    return ops.where(m, _value("masked_fill", value, t), t)


def masked_select(x: ArrayLike, mask: ArrayLike) -> Tensor:
    """The elements where the mask holds, as a vector; both broadcast."""
    t, m = as_tensor(x, "masked_select"), as_tensor(mask, "masked_select", "mask")
    if m.dtype != "bool":
        type_error(f"masked_select: mask is {text_of(m)} (bool)")
    shape = broadcast_shapes(t.shape, m.shape)
    return ops.compress(ravel(broadcast_to(t, shape)), ravel(broadcast_to(m, shape)), axis=0)


def argwhere(x: ArrayLike) -> Tensor:
    """Coordinates of what is not 0, one row each: i64 [n, rank]."""
    t = _bools(as_tensor(x, "argwhere"), "argwhere")
    return ops.transpose(ops.non_zero(t), perm=[1, 0])


def nonzero(x: ArrayLike) -> tuple[Tensor, ...]:
    """Coordinates of what is not 0: a vector for each axis. Source: array API nonzero."""
    t = _bools(as_tensor(x, "nonzero"), "nonzero")
    if t.ndim == 0:
        shape_error(f"nonzero: x is {text_of(t)} (rank 1 or more)")
    y = ops.non_zero(t)
    return tuple(y[i] for i in range(t.ndim))


def flatnonzero(x: ArrayLike) -> Tensor:
    """Indices of what is not 0 in the flat tensor."""
    return nonzero(ravel(as_tensor(x, "flatnonzero")))[0]


def compress(condition: ArrayLike, x: ArrayLike, axis: int | None = None) -> Tensor:
    """The slices of an axis where a vector of bools holds."""
    t, c = as_tensor(x, "compress"), _bools(condition, "compress")
    if axis is None:
        t, axis = ravel(t), 0
    return ops.compress(t, c, axis=one_axis("compress", axis, t.ndim))


def one_hot(indices: ArrayLike, num_classes: int = -1, *, dtype: Any = "i64") -> Tensor:
    """A new last axis with 1 at the index, 0 elsewhere; -1: as many classes as the largest index asks for."""
    i = _indices("one_hot", indices)
    if i.size:
        low, high = (getattr(ops, f"reduce_{w}")(i, keepdims=False).item() for w in ("min", "max"))
        n = high + 1 if num_classes < 0 else num_classes
        if low < 0 or high >= n:
            value_error(f"one_hot: indices reach from {low} to {high} (0 to {n - 1}, with {n} classes)")
        num_classes = n
    elif num_classes < 0:
        value_error("one_hot: there are no indices to tell the number of classes (num_classes=...)")
    on_off = scalar(0, "i64").reshape(1), scalar(1, "i64").reshape(1)
    return ops.one_hot(i, scalar(num_classes, "i64"), ops.concat(*on_off, axis=0).astype(dtype))


# ---- order -----------------------------------------------------------------------------------------------------------


class TopK(NamedTuple):
    values: Tensor
    indices: Tensor


class Unique(NamedTuple):
    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


def topk(x: ArrayLike, k: int, axis: int = -1, largest: bool = True, sorted: bool = True) -> TopK:  # noqa: A002
    """(values, indices) of the k largest or smallest along an axis; NaN counts as largest. Source: torch.topk."""
    t = as_tensor(x, "topk")
    a = one_axis("topk", axis, t.ndim)
    if not 0 <= k <= t.shape[a]:
        value_error(f"topk: k is {k} for axis {a} of {text_of(t)} (0 to {t.shape[a]})")
    return TopK(*ops.top_k(t, [k], axis=a, largest=largest, sorted=sorted))


def sort(x: ArrayLike, axis: int = -1, *, descending: bool = False, stable: bool = True) -> Tensor:
    """Values in order along an axis, NaN last; always stable. Source: array API sort."""
    t = as_tensor(x, "sort")
    return ops.sort(t, axis=one_axis("sort", axis, t.ndim), descending=descending)[0]


def argsort(x: ArrayLike, axis: int = -1, *, descending: bool = False, stable: bool = True) -> Tensor:
    """Where the values in order were, i64; always stable. Source: array API argsort."""
    t = as_tensor(x, "argsort")
    return ops.sort(t, axis=one_axis("argsort", axis, t.ndim), descending=descending)[1]


def unique(
    x: ArrayLike,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
) -> Any:
    """The distinct elements (or slices along an axis) in order, and what else is asked for. Source: numpy.unique."""
    t = as_tensor(x, "unique")
    flat = ravel(t) if axis is None else t
    values, first, inverse, counts = ops.unique(flat, axis=one_axis("unique", 0 if axis is None else axis, flat.ndim))
    if axis is None:
        inverse = reshape(inverse, t.shape)
    asked = [values]
    asked += [v for v, wanted in ((first, return_index), (inverse, return_inverse), (counts, return_counts)) if wanted]
    return tuple(asked) if len(asked) > 1 else values


def unique_all(x: ArrayLike) -> Unique:
    """(values, indices, inverse_indices, counts). Source: array API."""
    return Unique(*unique(x, True, True, True))


def unique_values(x: ArrayLike) -> Tensor:
    """The distinct elements, in order."""
    return unique(x)


def unique_counts(x: ArrayLike) -> tuple[Tensor, Tensor]:
    """(values, counts)."""
    return unique(x, return_counts=True)


def unique_inverse(x: ArrayLike) -> tuple[Tensor, Tensor]:
    """(values, inverse_indices)."""
    return unique(x, return_inverse=True)


def searchsorted(x: ArrayLike, values: ArrayLike, *, side: str = "left") -> Tensor:
    """Where each value would go into sorted vector x: before equal ones ("left") or behind ("right"); i64."""
    if side not in ("left", "right"):
        value_error(f"searchsorted: side is {side!r} ('left' or 'right')")
    t, v = common("searchsorted", x, values)
    if t.ndim != 1:
        shape_error(f"searchsorted: x is {text_of(t)} (a vector, in order)")
    return ops.searchsorted(t, v, right=side == "right")


def digitize(x: ArrayLike, bins: ArrayLike, right: bool = False) -> Tensor:
    """The index of the bin of each element, for ascending bins. Source: numpy.digitize."""
    return searchsorted(bins, x, side="left" if right else "right")


bucketize = digitize


def isin(x: ArrayLike, values: ArrayLike) -> Tensor:
    """Whether each element is one of the values."""
    t, v = common("isin", x, values)
    v = ravel(v)
    if is_empty(v):
        return ops.not_equal(t, t).astype("bool")
    ordered, _ = ops.sort(v, axis=0)
    at = ops.min(ops.searchsorted(ordered, t), scalar(v.size - 1, "i64"))
    return ops.equal(ops.gather(ordered, at, axis=0), t)


def choose(x: ArrayLike, choices: Sequence[ArrayLike]) -> Tensor:
    """Element i of choices[x[i]], all broadcast. Source: numpy.choose."""
    t = _indices("choose", x)
    cs = common("choose", *choices)
    shape = broadcast_shapes(t.shape, *(c.shape for c in cs))
    rows = ops.concat(*(ops.unsqueeze(broadcast_to(c, shape), axes=[0]) for c in cs), axis=0)
    return ops.squeeze(ops.gather_elements(rows, ops.unsqueeze(broadcast_to(t, shape), axes=[0]), axis=0), axes=[0])
