"""Functions: convolution, padding, resizing and moving of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Union

from .. import _neve
from ._core import (
    Tensor,
    autocast,
    check_float,
    check_tensor,
    choice,
    lowered,
    many,
    ops,
    prod,
    reshape,
    scalar,
    shape_error,
    text_of,
    type_error,
    value_error,
)

Sizes = Union[int, Sequence[int]]


def batched(call: str, x: Tensor, n: int, channels: int | None = None) -> tuple[Tensor, bool]:
    """x [batch, channels, n axes], with a batch of one where it has none; and whether it had none."""
    check_tensor(call, "input", x)
    if x.ndim not in (n + 1, n + 2):
        axes = "1 spatial axis" if n == 1 else f"{n} spatial axes"
        shape_error(f"{call}: input is {text_of(x)} ([batch, channels, {axes}], or without batch)")
    single = x.ndim == n + 1
    x = ops.unsqueeze(x, axes=[0]) if single else x
    if channels is not None and x.shape[1] != channels:
        shape_error(f"{call}: input is {text_of(x)} with {x.shape[1]} channels on axis 1 ({channels} channels)")
    return x, single


def unbatched(y: Tensor, single: bool) -> Tensor:
    return ops.squeeze(y, axes=[0]) if single else y


def _one_dtype(call: str, x: Tensor, weight: Tensor) -> None:
    if x.dtype != weight.dtype:
        type_error(
            f"{call}: input is {text_of(x)} and weight {text_of(weight)} (one dtype: input.astype('{weight.dtype}'), or module.to('{x.dtype}'))"
        )


def conv(
    n: int,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    *,
    call: str = "",
) -> Tensor:
    """Convolution over n spatial axes; padding: sizes, "same" or "valid". conv1d, conv2d and conv3d are this."""
    if autocast.dtype is None:
        y = _neve.conv(n, x, weight, bias, stride, padding, dilation, groups)
        if y is not None:  # else what follows captures it, or says what is wrong
            return y
    call = call or f"conv{n}d"
    check_float(call, "weight", weight)
    if weight.ndim != n + 2:
        shape_error(
            f"{call}: weight is {text_of(weight)} ([out, in / groups, {n} kernel {'size' if n == 1 else 'sizes'}])"
        )
    check_float(call, "input", x)
    x, single = batched(call, x, n, weight.shape[1] * groups)
    if groups <= 0 or weight.shape[0] % groups:
        value_error(
            f"{call}: groups is {groups} and weight {text_of(weight)} (groups divides {weight.shape[0]} output channels)"
        )
    strides, dilations = many(call, "stride", stride, n, least=1), many(call, "dilation", dilation, n, least=1)
    reach = [d * (k - 1) for d, k in zip(dilations, weight.shape[2:])]
    if isinstance(padding, str):
        choice(call, "padding", padding, ("same", "valid"))
        if padding == "same" and max(strides) > 1:
            value_error(f"{call}: padding is 'same' and stride {stride!r} ('same' needs stride 1)")
        pads = [0] * 2 * n if padding == "valid" else [r // 2 for r in reach] + [r - r // 2 for r in reach]
    else:
        pads = many(call, "padding", padding, n) * 2
    for axis in range(n):
        room = x.shape[2 + axis] + pads[axis] + pads[n + axis]
        if room <= reach[axis]:
            shape_error(
                f"{call}: input is {text_of(x)}: axis {2 + axis} has {room} elements with padding and the kernel reaches over "
                f"{reach[axis] + 1} (a larger input, or padding)"
            )
    x, weight, bias = lowered(x, weight, bias)
    _one_dtype(call, x, weight)
    y = ops.conv(x, weight, bias, strides=strides, pads=pads, dilations=dilations, group=groups)
    return unbatched(y, single)


def conv1d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """[n, c, l] with weight [m, c / groups, k] -> [n, m, l']. Source: torch.nn.functional.conv1d."""
    return conv(1, x, weight, bias, stride, padding, dilation, groups)


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """[n, c, h, w] with weight [m, c / groups, kh, kw] -> [n, m, h', w']. Source: torch.nn.functional.conv2d."""
    return conv(2, x, weight, bias, stride, padding, dilation, groups)


def conv3d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """[n, c, d, h, w] with weight [m, c / groups, kd, kh, kw] -> [n, m, d', h', w']. Source: torch.nn.functional.conv3d."""
    return conv(3, x, weight, bias, stride, padding, dilation, groups)


def conv_transpose(
    n: int,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
    *,
    call: str = "",
) -> Tensor:
    """Transposed convolution over n spatial axes; weight [in, out / groups, kernel...]."""
    call = call or f"conv_transpose{n}d"
    check_float(call, "weight", weight)
    if weight.ndim != n + 2:
        shape_error(
            f"{call}: weight is {text_of(weight)} ([in, out / groups, {n} kernel {'size' if n == 1 else 'sizes'}])"
        )
    check_float(call, "input", x)
    x, single = batched(call, x, n, weight.shape[0])
    strides, dilations = many(call, "stride", stride, n, least=1), many(call, "dilation", dilation, n, least=1)
    extra = many(call, "output_padding", output_padding, n)
    for o, s, d in zip(extra, strides, dilations):
        if o >= max(s, d):
            value_error(
                f"{call}: output_padding is {output_padding!r} with stride {stride!r} and dilation {dilation!r} (less than one of them)"
            )
    x, weight, bias = lowered(x, weight, bias)
    _one_dtype(call, x, weight)
    y = ops.conv_transpose(
        x,
        weight,
        bias,
        strides=strides,
        pads=many(call, "padding", padding, n) * 2,
        dilations=dilations,
        group=groups,
        output_padding=extra,
    )
    return unbatched(y, single)


def conv_transpose1d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """[n, c, l] with weight [c, m / groups, k] -> [n, m, l']."""
    return conv_transpose(1, x, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """[n, c, h, w] with weight [c, m / groups, kh, kw] -> [n, m, h', w']."""
    return conv_transpose(2, x, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """[n, c, d, h, w] with weight [c, m / groups, kd, kh, kw] -> [n, m, d', h', w']."""
    return conv_transpose(3, x, weight, bias, stride, padding, output_padding, groups, dilation)


def unfold(x: Tensor, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1) -> Tensor:
    """The windows of [n, c, h, w] as columns: [n, c * kh * kw, windows]."""
    x, single = batched("unfold", x, 2)
    k = many("unfold", "kernel_size", kernel_size, 2, least=1)
    y = ops.im2col(
        x,
        k,
        dilations=many("unfold", "dilation", dilation, 2),
        pads=many("unfold", "padding", padding, 2) * 2,
        strides=many("unfold", "stride", stride, 2),
    )
    return unbatched(y, single)


def fold(
    x: Tensor, output_size: Sizes, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
) -> Tensor:
    """Columns [n, c * kh * kw, windows] added into images [n, c, h, w]: the adjoint of unfold."""
    x, single = batched("fold", x, 1)
    k = many("fold", "kernel_size", kernel_size, 2, least=1)
    y = ops.col2im(
        x, many("fold", "output_size", output_size, 2), k,
        dilations=many("fold", "dilation", dilation, 2), pads=many("fold", "padding", padding, 2) * 2, strides=many("fold", "stride", stride, 2),
    )  # fmt: skip
    return unbatched(y, single)


# ---- padding ---------------------------------------------------------------------------------------------------------

_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(
    x: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None, *, call: str = "pad"
) -> Tensor:
    """More (or less, where negative) at the ends of the last axes: pad = (before, after) of the last axis, then of the one before it.

    mode: constant (value), reflect, replicate or circular. Source: torch.nn.functional.pad.
    """
    check_tensor(call, "input", x)
    choice(call, "mode", mode, tuple(_MODES))
    pads = list(pad)
    n = len(pads) // 2
    if len(pads) % 2 or n > x.ndim:
        value_error(
            f"{call}: pad is {tuple(pads)} and the input {text_of(x)} (pairs of before and after, for at most {x.ndim} axes)"
        )
    axes = [x.ndim - 1 - i for i in range(n)]
    for i, axis in enumerate(axes):
        limit = {"reflect": x.shape[axis] - 1, "circular": x.shape[axis]}.get(mode)
        if limit is not None and max(pads[2 * i], pads[2 * i + 1]) > limit:
            value_error(
                f"{call}: pad is {tuple(pads)} and the input {text_of(x)} (mode {mode!r} pads axis {axis} by at most {limit})"
            )
    fill = None if mode != "constant" or not value else scalar(value, x.dtype)
    return ops.pad(x, pads[0::2] + pads[1::2], fill, axes, mode=_MODES[mode])


# ---- resizing --------------------------------------------------------------------------------------------------------

_RESIZE = {"nearest": 0, "nearest-exact": 0, "linear": 3, "bilinear": 4, "trilinear": 5, "bicubic": 4, "area": 0}


def interpolate(
    x: Tensor,
    size: Sizes | None = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resamples the spatial axes of [n, c, ...] to a size, or by factors.

    mode: nearest, nearest-exact, linear (3 axes), bilinear, bicubic (4), trilinear (5) or area. Source: torch.nn.functional.interpolate.
    """
    call = "interpolate"
    check_float(call, "input", x)
    choice(call, "mode", mode, tuple(_RESIZE))
    n = x.ndim - 2
    if not 1 <= n <= 3 or _RESIZE[mode] not in (0, x.ndim):
        shape_error(
            f"{call}: input is {text_of(x)} and mode {mode!r} ({_RESIZE[mode] or '3 to 5'} axes: [batch, channels, ...])"
        )
    if (size is None) == (scale_factor is None):
        value_error(f"{call}: size is {size!r} and scale_factor {scale_factor!r} (one of them)")
    if align_corners is not None and mode in ("nearest", "nearest-exact", "area"):
        value_error(
            f"{call}: align_corners is {align_corners} and mode {mode!r} (it is for linear, bilinear, bicubic and trilinear)"
        )
    if size is not None:
        sizes = many(call, "size", size, n, least=1)
        scales = None
    else:
        factors = [float(f) for f in (scale_factor if isinstance(scale_factor, (tuple, list)) else [scale_factor] * n)]
        if len(factors) != n or min(factors) <= 0:
            value_error(f"{call}: scale_factor is {scale_factor!r} (one positive number, or {n} of them)")
        scales = None if recompute_scale_factor else factors
        by_scale = scales is not None and mode != "area" and not align_corners
        grown: Any = (
            [] if by_scale else [s * int(f) if f == int(f) else int(s) * f for s, f in zip(x.shape[2:], factors)]
        )
        sizes = [n if isinstance(n, _neve.Dim) else int(n) for n in grown]  # type: ignore[misc]
    if mode == "area":
        return ops.adaptive_avg_pool(x, output_size=sizes)
    kind = "nearest" if mode.startswith("nearest") else "cubic" if mode == "bicubic" else "linear"
    transform = {"nearest": "asymmetric", "nearest-exact": "half_pixel"}.get(
        mode, "align_corners" if align_corners else "half_pixel"
    )
    options: dict[str, Any] = {
        "mode": kind, "coordinate_transformation_mode": transform, "antialias": bool(antialias), "axes": list(range(2, x.ndim)),
        "nearest_mode": "floor" if mode == "nearest" else "round_prefer_ceil",
    }  # fmt: skip
    if scales is not None and transform != "align_corners":
        return ops.resize(x, None, None, None, scale_factors=scales, **options)
    return ops.resize(x, None, None, sizes, **options)


def grid_sample(
    x: Tensor, grid: Tensor, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool = False
) -> Tensor:
    """Pixels of x [n, c, h, w] at the places grid [n, h', w', 2] (of -1..1) names."""
    choice("grid_sample", "mode", mode, ("bilinear", "nearest", "bicubic"))
    choice("grid_sample", "padding_mode", padding_mode, ("zeros", "border", "reflection"))
    kind = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    return ops.grid_sample(x, grid, mode=kind, padding_mode=padding_mode, align_corners=align_corners)


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool = False) -> Tensor:
    """The grid [n, h, w, 2] that grid_sample takes, of affine maps theta [n, 2, 3]."""
    return ops.affine_grid(theta, list(size), align_corners=align_corners)


def pixel_shuffle(x: Tensor, upscale_factor: int) -> Tensor:
    """[..., c r^2, h, w] -> [..., c, h r, w r]. Source: Shi et al., 2016."""
    r = upscale_factor
    if x.ndim < 3 or x.shape[-3] % (r * r):
        shape_error(
            f"pixel_shuffle: input is {text_of(x)} and upscale_factor {r} ([..., channels, h, w], channels divisible by {r * r})"
        )
    *lead, c, h, w = x.shape
    y = ops.depth_to_space(reshape(x, (prod(lead), c, h, w)), blocksize=r, mode="CRD")
    return reshape(y, (*lead, c // (r * r), h * r, w * r))


def pixel_unshuffle(x: Tensor, downscale_factor: int) -> Tensor:
    """[..., c, h r, w r] -> [..., c r^2, h, w]: the reverse of pixel_shuffle."""
    r = downscale_factor
    if x.ndim < 3 or x.shape[-2] % r or x.shape[-1] % r:
        shape_error(
            f"pixel_unshuffle: input is {text_of(x)} and downscale_factor {r} ([..., channels, h, w], h and w divisible by {r})"
        )
    *lead, c, h, w = x.shape
    y = ops.space_to_depth(reshape(x, (prod(lead), c, h, w)), blocksize=r, mode="CRD")
    return reshape(y, (*lead, c * r * r, h // r, w // r))


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """Channels of [n, c, ...] in the order that mixes groups. Source: Zhang et al., 2018."""
    n, c, *rest = x.shape
    if c % groups:
        shape_error(f"channel_shuffle: input is {text_of(x)} and groups {groups} (channels divisible by groups)")
    perm = [0, 2, 1, *range(3, len(rest) + 3)]
    return reshape(ops.transpose(reshape(x, (n, groups, c // groups, *rest)), perm=perm), x.shape)
