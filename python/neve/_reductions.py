"""Functions over axes: sums, extremes, statistics, norms, running sums. axis is None (all), an int, or a tuple."""

from __future__ import annotations

import math
from typing import Any

from . import _neve
from ._base import (
    FLOATS,
    INTS,
    UNSIGNED,
    ArrayLike,
    Axes,
    Tensor,
    as_tensor,
    dtype_name,
    floating,
    ints,
    is_zero,
    many_axes,
    must_be_empty,
    one_axis,
    ops,
    quick,
    scalar,
    shape_error,
    text_of,
    value_error,
)
from ._elementwise import _bools


def _reduce(op: str, t: Tensor, axes: list[int], keepdims: bool) -> Tensor:
    """An empty list of axes means all to the ops, none to NumPy."""
    return getattr(ops, op)(t, axes=axes, keepdims=keepdims) if axes else t


def _summed(t: Tensor, dtype: Any) -> Tensor:
    """The dtype in which sums and products are made: integers at least 64 bits wide (array API)."""
    if dtype is not None:
        return t.astype(dtype_name(dtype))
    if t.dtype in UNSIGNED:
        return t.astype("u64")
    return t.astype("i64") if t.dtype in INTS or t.dtype == "bool" else t


def sum(x: ArrayLike, axis: Axes = None, *, dtype: Any = None, keepdims: bool = False) -> Tensor:  # noqa: A001
    """Sum over axes; of nothing 0. Integers and bools are summed as i64 (unsigned: u64). Source: array API sum."""
    t = _summed(as_tensor(x, "sum"), dtype)
    return _reduce("reduce_sum", t, many_axes("sum", axis, t.ndim), keepdims)


def prod(x: ArrayLike, axis: Axes = None, *, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """Product over axes; of nothing 1. Dtypes as of sum. Source: array API prod."""
    t = _summed(as_tensor(x, "prod"), dtype)
    return _reduce("reduce_prod", t, many_axes("prod", axis, t.ndim), keepdims)


def mean(x: ArrayLike, axis: Axes = None, *, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """Mean over axes; of nothing NaN. Integers become f32. Source: array API mean."""
    t = as_tensor(x, "mean")
    t = floating(t) if dtype is None else t.astype(dtype_name(dtype))
    axes = many_axes("mean", axis, t.ndim)
    if must_be_empty(t):
        n = math.prod(t.shape[a] for a in axes)
        return _reduce("reduce_sum", t, axes, keepdims) / (n if n else math.nan)
    return _reduce("reduce_mean", t, axes, keepdims)


def _some(call: str, t: Tensor, axes: list[int]) -> Tensor:
    """t, which must not be empty along these axes. Inside of a branch or loop that is captured, sizes that are computed
    are asked when it runs: the branch may be there to avoid it."""
    for a in axes:
        n = t.shape[a]
        text = f"{call}: axis {a} of {text_of(t)} is empty (one element or more)"
        if isinstance(n, _neve.Dim) and not _is_guarded(n):
            t = _checked(t, n, text)
        elif is_zero(n):
            value_error(text)
    return t


def _is_guarded(n: Any) -> bool:
    """Whether calls are refused for which a size is 0, rather than that it is asked when the program runs."""
    is_input = str(n).replace(".", "_").isidentifier()
    return bool(_neve.has_example(n)) and (is_input or _neve.capture_depth() <= 0)


def _checked(t: Tensor, n: Any, text: str) -> Tensor:
    """A captured tensor, with an error when the program runs and this size is 0."""
    if _neve.prove_sizes("ge", n, 1):
        return t
    from .jit._errors import here

    message = text + here()

    def fails(_: list[Tensor]) -> list[Tensor]:
        return [ops.fail(ops.shape(t), message=message, dtype=t.dtype)]

    return _neve.stage_if(ops.not_equal(_neve.dim_tensor(n), scalar(0, "i64")), lambda _: [ops.identity(t)], fails)[0]


def max(x: ArrayLike, axis: Axes = None, *, keepdims: bool = False) -> Tensor:  # noqa: A001
    """Largest value over axes, NaN if one is; Error{invalid_argument} of nothing. Source: array API max."""
    t = as_tensor(x, "max")
    axes = many_axes("max", axis, t.ndim)
    t = _some("max", t, axes)
    return _reduce("reduce_max", t, axes, keepdims)


def min(x: ArrayLike, axis: Axes = None, *, keepdims: bool = False) -> Tensor:  # noqa: A001
    """Smallest value over axes, NaN if one is; Error{invalid_argument} of nothing. Source: array API min."""
    t = as_tensor(x, "min")
    axes = many_axes("min", axis, t.ndim)
    t = _some("min", t, axes)
    return _reduce("reduce_min", t, axes, keepdims)


amax, amin = max, min


def any(x: ArrayLike, axis: Axes = None, *, keepdims: bool = False) -> Tensor:  # noqa: A001
    """Whether one element is not 0; of nothing False."""
    t = _bools(as_tensor(x, "any"), "any")
    axes = many_axes("any", axis, t.ndim)
    return ops.greater(_reduce("reduce_sum", t.astype("i32"), axes, keepdims), scalar(0, "i32")) if axes else t


def all(x: ArrayLike, axis: Axes = None, *, keepdims: bool = False) -> Tensor:  # noqa: A001
    """Whether no element is 0; of nothing True."""
    t = ops.not_(_bools(as_tensor(x, "all"), "all"))
    axes = many_axes("all", axis, t.ndim)
    return ops.equal(_reduce("reduce_sum", t.astype("i32"), axes, keepdims), scalar(0, "i32")) if axes else ops.not_(t)


def count_nonzero(x: ArrayLike, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """How many elements are not 0, i64."""
    return sum(_bools(as_tensor(x, "count_nonzero"), "count_nonzero"), axis, keepdims=keepdims)


def _arg(name: str, op: str, word: str) -> Any:
    def f(x: ArrayLike, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
        t = as_tensor(x, name)
        rank = t.ndim
        if t.dtype == "bool":
            t = t.astype("u8")
        if axis is None:
            if must_be_empty(t):
                value_error(f"{name}: x is {text_of(t)} (one element or more)")
            t = _some(name, t, [*range(rank)])
            y = getattr(ops, op)(t.reshape(-1), axis=0, keepdims=False)
            return y.reshape((1,) * rank) if keepdims else y
        a = one_axis(name, axis, rank)
        t = _some(name, t, [a])
        return getattr(ops, op)(t, axis=a, keepdims=keepdims)

    f.__name__ = f.__qualname__ = name
    f.__doc__ = f"Index of the {word} element along an axis (None: of the flat tensor), i64; the first of equal ones; NaN counts as {word}."
    return f


argmax = _arg("argmax", "arg_max", "largest")
argmin = _arg("argmin", "arg_min", "smallest")


def var(x: ArrayLike, axis: Axes = None, *, correction: float = 0, keepdims: bool = False) -> Tensor:
    """Variance: the sum of squared distances from the mean over (n - correction). Source: array API var."""
    t = floating(as_tensor(x, "var"))
    axes = many_axes("var", axis, t.ndim)
    n = math.prod(t.shape[a] for a in axes)
    correction = int(correction) if correction == int(correction) else correction
    if not axes:
        return t * 0 if correction == 0 else t * math.nan
    d = ops.sub(t, mean(t, axis=tuple(axes), keepdims=True))
    total = _reduce("reduce_sum", ops.mul(d, d), axes, keepdims)
    left = n - correction
    if isinstance(left, _neve.Dim):
        return total / _neve.Dim.max(left, 0)
    return total / left if left > 0 else total * math.nan if left == 0 and n <= 1 else total / 0.0


def std(x: ArrayLike, axis: Axes = None, *, correction: float = 0, keepdims: bool = False) -> Tensor:
    """Standard deviation: sqrt of var. Source: array API std."""
    return ops.sqrt(var(x, axis, correction=correction, keepdims=keepdims))


def var_mean(
    x: ArrayLike, axis: Axes = None, *, correction: float = 0, keepdims: bool = False
) -> tuple[Tensor, Tensor]:
    """(var, mean)."""
    return var(x, axis, correction=correction, keepdims=keepdims), mean(x, axis, keepdims=keepdims)


def logsumexp(x: ArrayLike, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))) over axes, without overflow; of nothing -inf."""
    t = floating(as_tensor(x, "logsumexp"))
    axes = many_axes("logsumexp", axis, t.ndim)
    if must_be_empty(t):
        return ops.log(_reduce("reduce_sum", t, axes, keepdims))
    return _reduce("reduce_log_sum_exp", t, axes, keepdims)


def vector_norm(x: ArrayLike, ord: float = 2, axis: Axes = None, *, keepdims: bool = False) -> Tensor:  # noqa: A002
    """Norm of vectors over axes: (sum |x| ** ord) ** (1 / ord); inf, -inf and 0 as NumPy has them."""
    t = floating(as_tensor(x, "norm"))
    axes = many_axes("norm", axis, t.ndim)
    size = ops.abs(t)
    if not axes:
        return size
    if ord == math.inf:
        size = _some("norm", size, axes)
        return _reduce("reduce_max", size, axes, keepdims)
    if ord == -math.inf:
        size = _some("norm", size, axes)
        return _reduce("reduce_min", size, axes, keepdims)
    if ord == 0:
        return _reduce("reduce_sum", ops.not_equal(t, scalar(0, t.dtype)).astype(t.dtype), axes, keepdims)
    if ord == 1:
        return _reduce("reduce_sum", size, axes, keepdims)
    if ord == 2:
        return _reduce("reduce_l2", t, axes, keepdims)
    if not isinstance(ord, (int, float)):
        value_error(f"norm: ord is {ord!r} (a number, inf or -inf for vectors; 'fro' for matrices)")
    return _reduce("reduce_sum", ops.pow(size, scalar(float(ord), t.dtype)), axes, keepdims) ** (1 / ord)


def ptp(x: ArrayLike, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """max - min over axes."""
    return max(x, axis, keepdims=keepdims) - min(x, axis, keepdims=keepdims)


def average(x: ArrayLike, axis: Axes = None, weights: ArrayLike | None = None, *, keepdims: bool = False) -> Tensor:
    """Mean with weights that broadcast to x, or are a vector along the one axis."""
    t = floating(as_tensor(x, "average"))
    if weights is None:
        return mean(t, axis, keepdims=keepdims)
    w = as_tensor(weights, "average", "weights").astype(t.dtype)
    if w.shape != t.shape and isinstance(axis, int) and w.ndim == 1:
        w = w.reshape([-1 if i == axis % t.ndim else 1 for i in range(t.ndim)])
    w = ops.expand(w, list(t.shape)) if w.shape != t.shape else w
    return sum(ops.mul(t, w), axis, keepdims=keepdims) / sum(w, axis, keepdims=keepdims)


# ---- NaN counts as absent --------------------------------------------------------------------------------------------


def nansum(x: ArrayLike, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """Sum of what is not NaN."""
    t = as_tensor(x, "nansum")
    t = ops.where(ops.is_nan(t), scalar(0, t.dtype), t) if t.dtype in FLOATS else t
    return sum(t, axis, keepdims=keepdims)


def nanmean(x: ArrayLike, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """Mean of what is not NaN."""
    t = floating(as_tensor(x, "nanmean"))
    n = sum(ops.not_(ops.is_nan(t)).astype(t.dtype), axis, keepdims=keepdims)
    return ops.div(nansum(t, axis, keepdims=keepdims), n)


def nanmax(x: ArrayLike, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """Largest value that is not NaN (NaN where all are)."""
    t = as_tensor(x, "nanmax")
    if t.dtype not in FLOATS:
        return max(t, axis, keepdims=keepdims)
    nan = ops.is_nan(t)
    y = max(ops.where(nan, scalar(-math.inf, t.dtype), t), axis, keepdims=keepdims)
    return ops.where(all(nan, axis, keepdims=keepdims), scalar(math.nan, t.dtype), y)


def nanmin(x: ArrayLike, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """Smallest value that is not NaN (NaN where all are)."""
    t = as_tensor(x, "nanmin")
    return -nanmax(-t, axis, keepdims=keepdims) if t.dtype in FLOATS else min(t, axis, keepdims=keepdims)


# ---- order statistics ------------------------------------------------------------------------------------------------


def quantile(x: ArrayLike, q: ArrayLike, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """Values below which the shares q of the elements lie, interpolated linearly; NaN if one is NaN.

    q: a number or a vector in [0, 1]; a vector adds an axis 0. Source: numpy.quantile.
    """
    t = floating(as_tensor(x, "quantile"))
    rank = t.ndim
    qs = as_tensor(q, "quantile", "q").tolist()
    for v in qs if isinstance(qs, list) else [qs]:
        if not 0 <= v <= 1:
            value_error(f"quantile: q is {v} (shares from 0 to 1)")
    if axis is None:
        t, a = t.reshape(-1), 0
    else:
        a = one_axis("quantile", axis, rank)
    t = _some("quantile", t, [a])
    n = t.shape[a]
    values, _ = ops.sort(t, axis=a)
    nan = any(ops.is_nan(t), a, keepdims=True)
    made = []
    for v in qs if isinstance(qs, list) else [qs]:
        at = v * (n - 1)
        low = math.floor(at)
        left = ops.gather(values, ints([low]), axis=a)
        y = left if at == low else left + (ops.gather(values, ints([low + 1]), axis=a) - left) * (at - low)
        y = ops.where(nan, scalar(math.nan, t.dtype), y)
        y = y if keepdims and axis is not None else ops.squeeze(y, axes=[a])
        made.append(y.reshape((1,) * rank) if keepdims and axis is None else y)
    return ops.concat(*(ops.unsqueeze(y, axes=[0]) for y in made), axis=0) if isinstance(qs, list) else made[0]


def median(x: ArrayLike, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """The middle value, or the mean of the two middle ones. Source: numpy.median."""
    return quantile(x, 0.5, axis, keepdims=keepdims)


def percentile(x: ArrayLike, q: ArrayLike, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """quantile with shares in percent."""
    return quantile(x, as_tensor(q, "percentile", "q").astype("f64") / 100, axis, keepdims=keepdims)


# ---- running ---------------------------------------------------------------------------------------------------------


def _running(name: str, op: str, word: str) -> Any:
    def f(x: ArrayLike, axis: int | None = None, *, dtype: Any = None) -> Tensor:
        t = _summed(as_tensor(x, name), dtype)
        if axis is None:
            if name.startswith("cumulative_") and t.ndim != 1:
                value_error(f"{name}: axis is None for {text_of(t)} (an axis; None is for vectors)")
            t, axis = t.reshape(-1), 0
        return getattr(ops, op)(t, axis=one_axis(name, axis, t.ndim))

    f.__name__ = f.__qualname__ = name
    f.__doc__ = f"Running {word} along an axis; {'None: a vector' if '_' in name else 'None: of the flat tensor'}. Dtypes as of sum."
    return f


cumsum = _running("cumsum", "cum_sum", "sums")
cumprod = _running("cumprod", "cum_prod", "products")
cumulative_sum = _running("cumulative_sum", "cum_sum", "sums")
cumulative_prod = _running("cumulative_prod", "cum_prod", "products")


def diff(x: ArrayLike, n: int = 1, axis: int = -1) -> Tensor:
    """Differences of neighbours along an axis, n times."""
    t = as_tensor(x, "diff")
    a = one_axis("diff", axis, t.ndim)
    if n < 0:
        value_error(f"diff: n is {n} (0 or more)")
    for _ in range(n):
        lead = (slice(None),) * a
        hi, lo = t[(*lead, slice(1, None))], t[(*lead, slice(None, -1))]
        t = ops.not_equal(hi, lo) if t.dtype == "bool" else ops.sub(hi, lo)
    return t


@quick(_neve.quick_softmax)
def softmax(x: ArrayLike, axis: int = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along an axis, without overflow."""
    t = floating(as_tensor(x, "softmax"))
    return ops.softmax(t, axis=one_axis("softmax", axis, t.ndim))


def log_softmax(x: ArrayLike, axis: int = -1) -> Tensor:
    """log(softmax(x)) along an axis."""
    t = floating(as_tensor(x, "log_softmax"))
    return ops.log_softmax(t, axis=one_axis("log_softmax", axis, t.ndim))


def bincount(x: ArrayLike, weights: ArrayLike | None = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, 2, ... stands in x, or the sum of its weights. Source: numpy.bincount."""
    t = as_tensor(x, "bincount")
    if t.ndim != 1 or t.dtype not in INTS:
        shape_error(f"bincount: x is {text_of(t)} (a vector of integers)")
    counts = ops.bincount(t, minlength=minlength)
    if weights is None:
        return counts
    w = floating(as_tensor(weights, "bincount", "weights"))
    if w.shape != t.shape:
        shape_error(f"bincount: x is {text_of(t)} and weights {text_of(w)} (one shape)")
    return ops.scatter_elements(counts.astype(w.dtype) * 0, t.astype("i64"), w, axis=0, reduction="add")


def histogram(x: ArrayLike, bins: int = 10, range: tuple[float, float] | None = None) -> tuple[Tensor, Tensor]:  # noqa: A002
    """(counts, edges) over equal bins; the last one includes its upper edge. Source: numpy.histogram."""
    t = floating(as_tensor(x, "histogram")).reshape(-1)
    if bins < 1:
        value_error(f"histogram: bins is {bins} (1 or more)")
    low, high = range or ((t.min().item(), t.max().item()) if t.size else (0.0, 1.0))
    if low == high:
        low, high = low - 0.5, high + 0.5
    from ._creation import linspace

    edges = linspace(low, high, bins + 1, dtype=t.dtype)
    inside = ops.compress(t, ops.and_(ops.greater_or_equal(t, edges[0]), ops.less_or_equal(t, edges[-1])), axis=0)
    at = ops.searchsorted(edges, inside, right=True) - 1
    at = ops.min(at, scalar(bins - 1, "i64"))
    return ops.bincount(at, minlength=bins), edges
