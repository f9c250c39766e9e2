"""Functions: normalisations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import _neve
from ._core import (
    Tensor,
    check_float,
    no_grad,
    ones,
    ops,
    prod,
    raised,
    reshape,
    shape_error,
    text_of,
    value_error,
    zeros,
)


def _affine(call: str, c: int, dtype: str, weight: Tensor | None, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    for name, t in (("weight", weight), ("bias", bias)):
        if t is not None and t.shape != (c,):
            shape_error(f"{call}: {name} is {text_of(t)} and the input has {c} channels (one element for each)")
    weight = ones((c,), dtype) if weight is None else weight.astype(dtype)
    return weight, zeros((c,), dtype) if bias is None else bias.astype(dtype)


def _unbiased(n: Any) -> Any:
    """n / (n - 1), for a number of elements that may differ from call to call."""
    n = _neve.dim_tensor(n).astype("f32") if isinstance(n, _neve.Dim) else n
    return n / (n - 1)


def batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *,
    call: str = "batch_norm",
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias for each channel (axis 1).

    training: mean and var are those of x, and the running ones move to them by momentum, in place (with the unbiased
    variance); otherwise the running ones. Source: torch.nn.functional.batch_norm.
    """
    check_float(call, "input", x)
    if x.ndim < 2:
        shape_error(f"{call}: input is {text_of(x)} ([batch, channels, ...])")
    x, c = raised(x), x.shape[1]
    weight, bias = _affine(call, c, x.dtype, weight, bias)
    if not training:
        if running_mean is None or running_var is None:
            value_error(f"{call}: there are no running statistics (training=True measures those of the input)")
        return ops.batch_normalization(
            x, weight, bias, running_mean.astype(x.dtype), running_var.astype(x.dtype), epsilon=float(eps)
        )
    n = x.size // c if c else 0
    if n == 1:
        value_error(
            f"{call}: input is {text_of(x)} in training: one value for each channel has no variance (a larger batch, or eval())"
        )
    zero = zeros((c,), x.dtype)
    y, m, v = ops.batch_normalization(x, weight, bias, zero, zero, epsilon=float(eps), momentum=0.0, training_mode=True)
    if running_mean is not None and running_var is not None and n:
        with no_grad():
            for running, now, scale in ((running_mean, m, 1.0), (running_var, v, _unbiased(n))):
                running *= 1 - momentum
                running += (now.detach() * (momentum * scale)).astype(running.dtype)
    return y


def instance_norm(
    x: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *,
    call: str = "instance_norm",
) -> Tensor:
    """Normalises each plane of [n, c, ...] by itself (use_input_stats) or by the running statistics."""
    check_float(call, "input", x)
    if x.ndim < 3:
        shape_error(f"{call}: input is {text_of(x)} ([batch, channels, spatial axes...])")
    if not use_input_stats:
        return batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps, call=call)
    x, n, c = raised(x), prod(x.shape[2:]), x.shape[1]
    if n == 1:
        value_error(f"{call}: input is {text_of(x)}: one value for each plane has no variance (a larger plane)")
    weight, bias = _affine(call, c, x.dtype, weight, bias)
    if running_mean is not None and running_var is not None:
        with no_grad():
            axes = list(range(2, x.ndim))
            m = ops.reduce_mean(x.detach(), axes=axes)
            v = ops.reduce_mean(ops.mul(x - m, x - m), axes=[0, *axes], keepdims=False)
            for running, now, scale in (
                (running_mean, ops.reduce_mean(m, axes=[0, *axes], keepdims=False), 1.0),
                (running_var, v, _unbiased(n)),
            ):
                running *= 1 - momentum
                running += (now.detach() * (momentum * scale)).astype(running.dtype)
    return ops.instance_normalization(x, weight, bias, epsilon=float(eps))


def _last_axes(call: str, x: Tensor, shape: Sequence[int]) -> None:
    check_float(call, "input", x)
    if x.ndim < len(shape) or x.shape[x.ndim - len(shape) :] != tuple(shape):
        shape_error(
            f"{call}: input is {text_of(x)} and normalized_shape {list(shape)} (the input ends in {list(shape)})"
        )


def layer_norm(
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    *,
    call: str = "layer_norm",
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias over the last axes, which have the sizes normalized_shape."""
    shape = tuple(normalized_shape)
    _last_axes(call, x, shape)
    x = raised(x)
    weight = ones(shape, x.dtype) if weight is None else weight.astype(x.dtype)
    bias = None if bias is None else bias.astype(x.dtype)
    return ops.layer_normalization(x, weight, bias, axis=-len(shape), epsilon=float(eps))


def rms_norm(
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
    *,
    call: str = "rms_norm",
) -> Tensor:
    """x / sqrt(mean(x^2) + eps) * weight over the last axes; eps None: that of the dtype."""
    shape = tuple(normalized_shape)
    _last_axes(call, x, shape)
    x = raised(x)
    if eps is None:
        eps = {"f64": 2.220446049250313e-16, "f32": 1.1920928955078125e-07, "f16": 2**-10, "bf16": 2**-7}[x.dtype]
    weight = ones(shape, x.dtype) if weight is None else weight.astype(x.dtype)
    return ops.rms_normalization(x, weight, axis=-len(shape), epsilon=float(eps))


def group_norm(
    x: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    *,
    call: str = "group_norm",
) -> Tensor:
    """Normalises each of num_groups groups of channels of [n, c, ...] by itself."""
    check_float(call, "input", x)
    if x.ndim < 2 or x.shape[1] % num_groups:
        shape_error(
            f"{call}: input is {text_of(x)} and num_groups {num_groups} ([batch, channels, ...], channels divisible by num_groups)"
        )
    x = raised(x)
    weight, bias = _affine(call, x.shape[1], x.dtype, weight, bias)
    if x.ndim == 2:
        return reshape(
            ops.group_normalization(reshape(x, (*x.shape, 1)), weight, bias, num_groups=num_groups, epsilon=float(eps)),
            x.shape,
        )
    return ops.group_normalization(x, weight, bias, num_groups=num_groups, epsilon=float(eps))


def local_response_norm(x: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """x / (k + alpha / size * sum of squares over `size` neighbouring channels)^beta."""
    check_float("local_response_norm", "input", x)
    if x.ndim < 3:
        shape_error(f"local_response_norm: input is {text_of(x)} ([batch, channels, spatial axes...])")
    if size % 2:
        return ops.lrn(x, size=size, alpha=float(alpha), beta=float(beta), bias=float(k))
    padded = ops.pad(ops.mul(x, x), [size // 2, (size - 1) // 2], None, [1])
    c = x.shape[1]
    parts = [ops.slice(padded, [i], [i + c], [1], None) for i in range(size)]
    total = parts[0]
    for p in parts[1:]:
        total = ops.add(total, p)
    return ops.div(x, (total * (alpha / size) + k) ** beta)
