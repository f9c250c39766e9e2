"""Functions: pooling of all kinds, and its reverse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ._core import (
    Tensor,
    arange,
    check_float,
    fail,
    many,
    ops,
    prod,
    reshape,
    shape_error,
    tensor,
    text_of,
    type_error,
    value_error,
    zeros,
)
from ._f_conv import Sizes, batched, unbatched


def _windows(
    call: str, n: int, kernel_size: Sizes, stride: Sizes | None, padding: Sizes, ceil_mode: bool
) -> dict[str, Any]:
    kernel = many(call, "kernel_size", kernel_size, n, least=1)
    pads = many(call, "padding", padding, n)
    if any(2 * p > k for p, k in zip(pads, kernel)):
        value_error(
            f"{call}: padding is {padding!r} and kernel_size {kernel_size!r} (padding of at most half the kernel)"
        )
    strides = many(call, "stride", kernel_size if stride is None else stride, n, least=1)
    return {"kernel_shape": kernel, "strides": strides, "pads": pads * 2, "ceil_mode": bool(ceil_mode)}


def _fits(call: str, x: Tensor, n: int, window: dict[str, Any], dilations: Sequence[int]) -> None:
    for axis in range(n):
        reach = dilations[axis] * (window["kernel_shape"][axis] - 1) + 1
        room = x.shape[2 + axis] + 2 * window["pads"][axis]
        if room < reach:
            shape_error(
                f"{call}: input is {text_of(x)}: axis {2 + axis} has {room} elements with padding and the window reaches over {reach} "
                f"(a larger input, or a smaller kernel_size)"
            )


def max_pool(
    n: int,
    x: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    call: str = "",
) -> Any:
    """Maxima of windows over n spatial axes; with return_indices also where they are in each plane, i64."""
    call = call or f"max_pool{n}d"
    x, single = batched(call, x, n)
    window = _windows(call, n, kernel_size, stride, padding, ceil_mode)
    dilations = many(call, "dilation", dilation, n, least=1)
    _fits(call, x, n, window, dilations)
    y = ops.max_pool(x, dilations=dilations, outputs=2 if return_indices else 1, **window)
    if not return_indices:
        return unbatched(y, single)
    plane = prod(x.shape[2:])
    start = reshape(arange(x.shape[0] * x.shape[1]), x.shape[:2] + (1,) * n) * plane
    return unbatched(y[0], single), unbatched(ops.sub(y[1], start), single)


def avg_pool(
    n: int,
    x: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    call: str = "",
) -> Tensor:
    """Means of windows over n spatial axes; divisor_override: sums divided by it."""
    call = call or f"avg_pool{n}d"
    check_float(call, "input", x)
    x, single = batched(call, x, n)
    window = _windows(call, n, kernel_size, stride, padding, ceil_mode)
    _fits(call, x, n, window, [1] * n)
    if divisor_override is None:
        return unbatched(ops.average_pool(x, count_include_pad=bool(count_include_pad), **window), single)
    if divisor_override == 0:
        value_error(f"{call}: divisor_override is 0 (a number that divides)")
    if ceil_mode:
        fail("unsupported", f"{call}: divisor_override with ceil_mode (one of them)")
    y = ops.average_pool(x, count_include_pad=True, **window)
    return unbatched(y * (prod(window["kernel_shape"]) / divisor_override), single)


def lp_pool(
    n: int,
    x: Tensor,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
    *,
    call: str = "",
) -> Tensor:
    """(sum of x^p)^(1/p) of windows over n spatial axes. Source: torch.nn.functional.lp_pool2d."""
    call = call or f"lp_pool{n}d"
    check_float(call, "input", x)
    x, single = batched(call, x, n)
    window = _windows(call, n, kernel_size, stride, 0, ceil_mode)
    _fits(call, x, n, window, [1] * n)
    if norm_type == 2 and not ceil_mode:
        return unbatched(ops.lp_pool(x, p=2, **window), single)
    mean = ops.average_pool(x**norm_type, **window)
    y = (ops.mul(ops.sign(mean.detach()), ops.relu(ops.abs(mean))) * prod(window["kernel_shape"])) ** (1.0 / norm_type)
    return unbatched(y, single)


def _outputs(call: str, x: Tensor, output_size: Any, n: int) -> list[int]:
    sizes = list(output_size) if isinstance(output_size, (tuple, list)) else [output_size] * n
    if len(sizes) != n or any(
        s is not None and (not isinstance(s, int) or isinstance(s, bool) or s <= 0) for s in sizes
    ):
        value_error(f"{call}: output_size is {output_size!r} (positive integers or None, one or {n} of them)")
    return [x.shape[2 + i] if s is None else s for i, s in enumerate(sizes)]


def adaptive_avg_pool(n: int, x: Tensor, output_size: Any, *, call: str = "") -> Tensor:
    """Means of the output_size parts of each of n spatial axes; None keeps the size."""
    call = call or f"adaptive_avg_pool{n}d"
    check_float(call, "input", x)
    x, single = batched(call, x, n)
    sizes = _outputs(call, x, output_size, n)
    if all(s == 1 for s in sizes):
        return unbatched(ops.global_average_pool(x), single)
    return unbatched(ops.adaptive_avg_pool(x, output_size=sizes), single)


def _parts(size: int, parts: int) -> np.ndarray:
    """[parts, longest]: the positions of each part, the last one repeated."""
    starts = [i * size // parts for i in range(parts)]
    ends = [-(-(i + 1) * size // parts) for i in range(parts)]
    longest = max(e - s for s, e in zip(starts, ends))
    return np.array([[min(s + k, e - 1) for k in range(longest)] for s, e in zip(starts, ends)], dtype=np.int64)


def adaptive_max_pool(n: int, x: Tensor, output_size: Any, return_indices: bool = False, *, call: str = "") -> Any:
    """Maxima of the output_size parts of each of n spatial axes; with return_indices also where they are in each plane."""
    call = call or f"adaptive_max_pool{n}d"
    x, single = batched(call, x, n)
    sizes = _outputs(call, x, output_size, n)
    spatial = tuple(int(size) for size in x.shape[2:])  # captured: the windows are those of the example, a guard
    if all(size % out == 0 for size, out in zip(spatial, sizes)):
        kernel = [size // out for size, out in zip(spatial, sizes)]
        y = max_pool(n, x, kernel, return_indices=return_indices)
        return (unbatched(y[0], single), unbatched(y[1], single)) if return_indices else unbatched(y, single)
    place = np.zeros((1,) * (2 * n), dtype=np.int64)  # [out..., window...] of places in the plane
    for i in range(n):
        part = _parts(spatial[i], sizes[i])
        shape = [1] * (2 * n)
        shape[i], shape[n + i] = part.shape
        place = place * (spatial[i] if i else 1) + part.reshape(shape)
    place = place.reshape(prod(sizes), -1)
    flat = reshape(x, (*x.shape[:2], -1))
    values = ops.gather(flat, tensor(place), axis=2)
    best = ops.arg_max(values.detach(), axis=-1, keepdims=True)
    y = reshape(ops.gather_elements(values, best, axis=3), (*x.shape[:2], *sizes))
    if not return_indices:
        return unbatched(y, single)
    spread = ops.expand(tensor(place[None, None]), list(values.shape))
    return unbatched(y, single), unbatched(reshape(ops.gather_elements(spread, best, axis=3), y.shape), single)


def max_unpool(
    n: int,
    x: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
    *,
    call: str = "",
) -> Tensor:
    """Puts each value where max_pool found it, zeros elsewhere."""
    call = call or f"max_unpool{n}d"
    x, single = batched(call, x, n)
    indices, _ = batched(call, indices, n)
    if indices.dtype != "i64" or indices.shape != x.shape:
        type_error(
            f"{call}: input is {text_of(x)} and indices {text_of(indices)} (i64 of the shape of the input, as return_indices=True gives them)"
        )
    window = _windows(call, n, kernel_size, stride, padding, False)
    sizes = [
        (x.shape[2 + i] - 1) * window["strides"][i] - 2 * window["pads"][i] + window["kernel_shape"][i]
        for i in range(n)
    ]
    if output_size is not None:
        sizes = list(output_size)[-n:]
    plane = prod(sizes)
    if indices.size and not 0 <= int(ops.reduce_max(indices, keepdims=False).item()) < plane:
        value_error(
            f"{call}: indices reach {int(ops.reduce_max(indices, keepdims=False).item())} and the output has {sizes} (a larger output_size)"
        )
    lead = x.shape[:2]
    y = ops.scatter_elements(
        zeros((*lead, plane), x.dtype), reshape(indices, (*lead, -1)), reshape(x, (*lead, -1)), axis=2
    )
    return unbatched(reshape(y, (*lead, *sizes)), single)


def _for(n: int, f: Callable[..., Any], name: str) -> Callable[..., Any]:
    def pool(*args: Any, **kwargs: Any) -> Any:
        return f(n, *args, **kwargs)

    pool.__name__, pool.__doc__ = f"{name}{n}d", f"{(f.__doc__ or '').strip()} With n = {n}; arguments as there."
    return pool


max_pool1d, max_pool2d, max_pool3d = (_for(n, max_pool, "max_pool") for n in (1, 2, 3))
avg_pool1d, avg_pool2d, avg_pool3d = (_for(n, avg_pool, "avg_pool") for n in (1, 2, 3))
lp_pool1d, lp_pool2d, lp_pool3d = (_for(n, lp_pool, "lp_pool") for n in (1, 2, 3))
adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = (
    _for(n, adaptive_avg_pool, "adaptive_avg_pool") for n in (1, 2, 3)
)
adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = (
    _for(n, adaptive_max_pool, "adaptive_max_pool") for n in (1, 2, 3)
)
max_unpool1d, max_unpool2d, max_unpool3d = (_for(n, max_unpool, "max_unpool") for n in (1, 2, 3))
