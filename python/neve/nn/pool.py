"""Layers of pooling, over 1 to 3 spatial axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import _f_pool as F
from ._core import Tensor, many, value_error
from .module import Module


class _Pool(Module):
    n = 0

    def _window(self, kernel_size: Any, stride: Any, padding: Any) -> None:
        call = type(self).__name__
        kernel = many(call, "kernel_size", kernel_size, self.n, least=1)
        if any(2 * p > k for p, k in zip(many(call, "padding", padding, self.n), kernel)):
            value_error(
                f"{call}: padding is {padding!r} and kernel_size {kernel_size!r} (padding of at most half the kernel)"
            )
        if stride is not None:
            many(call, "stride", stride, self.n, least=1)
        self.kernel_size, self.stride, self.padding = kernel_size, kernel_size if stride is None else stride, padding

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _MaxPool(_Pool):
    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self._window(kernel_size, stride, padding)
        self.dilation, self.return_indices, self.ceil_mode = dilation, return_indices, ceil_mode

    def forward(self, x: Tensor) -> Any:
        return F.max_pool(
            self.n,
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
            call=type(self).__name__,
        )


class MaxPool1d(_MaxPool):
    """Maxima of windows of [n, c, l]. Source: torch.nn.MaxPool1d."""

    n = 1


class MaxPool2d(_MaxPool):
    """Maxima of windows of [n, c, h, w]. Source: torch.nn.MaxPool2d."""

    n = 2


class MaxPool3d(_MaxPool):
    """Maxima of windows of [n, c, d, h, w]. Source: torch.nn.MaxPool3d."""

    n = 3


class _MaxUnpool(_Pool):
    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        self._window(kernel_size, stride, padding)

    def forward(self, x: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        return F.max_unpool(
            self.n, x, indices, self.kernel_size, self.stride, self.padding, output_size, call=type(self).__name__
        )


class MaxUnpool1d(_MaxUnpool):
    """Values where MaxPool1d(return_indices=True) found them, zeros elsewhere."""

    n = 1


class MaxUnpool2d(_MaxUnpool):
    """Values where MaxPool2d(return_indices=True) found them, zeros elsewhere."""

    n = 2


class MaxUnpool3d(_MaxUnpool):
    """Values where MaxPool3d(return_indices=True) found them, zeros elsewhere."""

    n = 3


class _AvgPool(_Pool):
    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self._window(kernel_size, stride, padding)
        self.ceil_mode, self.count_include_pad, self.divisor_override = ceil_mode, count_include_pad, divisor_override

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool(
            self.n, x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad, self.divisor_override,
            call=type(self).__name__,
        )  # fmt: skip


class AvgPool1d(_AvgPool):
    """Means of windows of [n, c, l]. Source: torch.nn.AvgPool1d."""

    n = 1


class AvgPool2d(_AvgPool):
    """Means of windows of [n, c, h, w]. Source: torch.nn.AvgPool2d."""

    n = 2


class AvgPool3d(_AvgPool):
    """Means of windows of [n, c, d, h, w]. Source: torch.nn.AvgPool3d."""

    n = 3


class _LPPool(_Pool):
    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> None:
        super().__init__()
        self._window(kernel_size, stride, 0)
        self.norm_type, self.ceil_mode = norm_type, ceil_mode

    def forward(self, x: Tensor) -> Tensor:
        return F.lp_pool(
            self.n, x, self.norm_type, self.kernel_size, self.stride, self.ceil_mode, call=type(self).__name__
        )


class LPPool1d(_LPPool):
    """Lp norms of windows of [n, c, l]. Source: torch.nn.LPPool1d."""

    n = 1


class LPPool2d(_LPPool):
    """Lp norms of windows of [n, c, h, w]. Source: torch.nn.LPPool2d."""

    n = 2


class LPPool3d(_LPPool):
    """Lp norms of windows of [n, c, d, h, w]. Source: torch.nn.LPPool3d."""

    n = 3


class _AdaptiveAvgPool(Module):
    n = 0

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        return F.adaptive_avg_pool(self.n, x, self.output_size, call=type(self).__name__)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Means of output_size parts of [n, c, l]. Source: torch.nn.AdaptiveAvgPool1d."""

    n = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Means of output_size parts of the axes of [n, c, h, w]. Source: torch.nn.AdaptiveAvgPool2d."""

    n = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Means of output_size parts of the axes of [n, c, d, h, w]. Source: torch.nn.AdaptiveAvgPool3d."""

    n = 3


class _AdaptiveMaxPool(Module):
    n = 0

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size, self.return_indices = output_size, return_indices

    def forward(self, x: Tensor) -> Any:
        return F.adaptive_max_pool(self.n, x, self.output_size, self.return_indices, call=type(self).__name__)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Maxima of output_size parts of [n, c, l]. Source: torch.nn.AdaptiveMaxPool1d."""

    n = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Maxima of output_size parts of the axes of [n, c, h, w]. Source: torch.nn.AdaptiveMaxPool2d."""

    n = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """Maxima of output_size parts of the axes of [n, c, d, h, w]. Source: torch.nn.AdaptiveMaxPool3d."""

    n = 3
