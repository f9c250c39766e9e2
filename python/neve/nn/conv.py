"""Layers of convolution, over 1 to 3 spatial axes, and Unfold and Fold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from . import _f_conv as F
from . import init
from ._core import Tensor, choice, many, positive, value_error
from .linear import parameter
from .module import Module

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _Conv(Module):
    n = 0
    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        groups: int,
        bias: bool,
        padding_mode: str,
        output_padding: Any = 0,
        dtype: str | None = None,
    ) -> None:
        super().__init__()
        n, call = self.n, type(self).__name__
        positive(call, in_channels=in_channels, out_channels=out_channels, groups=groups)
        for name, c in (("in_channels", in_channels), ("out_channels", out_channels)):
            if c % groups:
                value_error(f"{call}: {name} is {c} and groups {groups} (groups divides the channels)")
        choice(call, "padding_mode", padding_mode, ("zeros",) if self.transposed else _PADDING_MODES)
        self.in_channels, self.out_channels, self.groups, self.padding_mode = (
            in_channels,
            out_channels,
            groups,
            padding_mode,
        )
        self.kernel_size = tuple(many(call, "kernel_size", kernel_size, n, least=1))
        self.stride, self.dilation = (
            tuple(many(call, "stride", stride, n, least=1)),
            tuple(many(call, "dilation", dilation, n, least=1)),
        )
        if isinstance(padding, str):
            choice(call, "padding", padding, () if self.transposed else ("same", "valid"))
            if padding == "same" and max(self.stride) > 1:
                value_error(f"{call}: padding is 'same' and stride {stride!r} ('same' needs stride 1)")
            self.padding: Any = padding
        else:
            self.padding = tuple(many(call, "padding", padding, n))
        self.output_padding = tuple(many(call, "output_padding", output_padding, n))
        inner = (in_channels, out_channels // groups) if self.transposed else (out_channels, in_channels // groups)
        self.weight = parameter((*inner, *self.kernel_size), dtype)
        self.register_parameter("bias", parameter((out_channels,), dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform of +-1 / sqrt(fan_in), weight and bias."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(init.fans(self.weight)[0])
            init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        call, padding = type(self).__name__, self.padding
        if self.padding_mode != "zeros":
            x, single = F.batched(call, x, self.n, self.in_channels)
            reach = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size)]
            if isinstance(padding, str):
                sides = [(r // 2, r - r // 2) if padding == "same" else (0, 0) for r in reach]
            else:
                sides = [(p, p) for p in padding]
            x = F.pad(x, [p for side in reversed(sides) for p in side], self.padding_mode, call=call)
            x, padding = F.unbatched(x, single), 0
        return F.conv(self.n, x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups, call=call)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding not in ((0,) * self.n, "valid"):
            text += f", padding={self.padding!r}"
        if self.dilation != (1,) * self.n:
            text += f", dilation={self.dilation}"
        if any(self.output_padding):
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        return text + ("" if self.padding_mode == "zeros" else f", padding_mode={self.padding_mode}")


class _Forward(_Conv):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        dtype: str | None = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, dtype=dtype
        )


class Conv1d(_Forward):
    """Convolution of [n, in_channels, l] (or without batch). padding: sizes, "same" or "valid". Source: torch.nn.Conv1d."""

    n = 1


class Conv2d(_Forward):
    """Convolution of [n, in_channels, h, w] (or without batch). padding: sizes, "same" or "valid". Source: torch.nn.Conv2d."""

    n = 2


class Conv3d(_Forward):
    """Convolution of [n, in_channels, d, h, w] (or without batch). padding: sizes, "same" or "valid". Source: torch.nn.Conv3d."""

    n = 3


class _Transposed(_Conv):
    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        *,
        dtype: str | None = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            output_padding,
            dtype,
        )

    def forward(self, x: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        call, extra = type(self).__name__, list(self.output_padding)
        if output_size is not None:
            sizes = list(output_size)[-self.n :]
            least = [
                (i - 1) * s - 2 * p + d * (k - 1) + 1
                for i, s, p, d, k in zip(x.shape[-self.n :], self.stride, self.padding, self.dilation, self.kernel_size)
            ]
            extra = [o - m for o, m in zip(sizes, least)]
            if len(sizes) != self.n or any(not 0 <= e < s for e, s in zip(extra, self.stride)):
                most = [m + s - 1 for m, s in zip(least, self.stride)]
                value_error(f"{call}: output_size is {tuple(output_size)} (spatial sizes from {least} to {most})")
        return F.conv_transpose(
            self.n, x, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation, call=call
        )


class ConvTranspose1d(_Transposed):
    """Transposed convolution of [n, in_channels, l]: the adjoint of Conv1d. Source: torch.nn.ConvTranspose1d."""

    n = 1


class ConvTranspose2d(_Transposed):
    """Transposed convolution of [n, in_channels, h, w]: the adjoint of Conv2d. Source: torch.nn.ConvTranspose2d."""

    n = 2


class ConvTranspose3d(_Transposed):
    """Transposed convolution of [n, in_channels, d, h, w]: the adjoint of Conv3d. Source: torch.nn.ConvTranspose3d."""

    n = 3


class Unfold(Module):
    """The windows of [n, c, h, w] as columns [n, c * kh * kw, windows]."""

    def __init__(self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> None:
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, x: Tensor) -> Tensor:
        return F.unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)


class Fold(Module):
    """Columns added into images: the adjoint of Unfold."""

    def __init__(
        self, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        super().__init__()
        self.output_size, self.kernel_size, self.dilation, self.padding, self.stride = (
            output_size,
            kernel_size,
            dilation,
            padding,
            stride,
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.fold(x, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)
