"""Layers of padding: more at the ends of the spatial axes."""

from __future__ import annotations

from collections.abc import Sequence

from . import _f_conv as F
from ._core import Tensor, shape_error, text_of, value_error
from .module import Module


class _Pad(Module):
    n = 0
    mode = "constant"

    def __init__(self, padding: int | Sequence[int], value: float = 0.0) -> None:
        super().__init__()
        pads = [padding] * (2 * self.n) if isinstance(padding, int) else list(padding)
        if len(pads) != 2 * self.n or not all(isinstance(p, int) for p in pads):
            value_error(
                f"{type(self).__name__}: padding is {padding!r} (one integer, or {2 * self.n}: before and after of the last axis, then of the one before it)"
            )
        self.padding, self.value = tuple(pads), value

    def forward(self, x: Tensor) -> Tensor:
        if not isinstance(x, Tensor) or x.ndim not in (self.n + 1, self.n + 2):
            axes = "1 spatial axis" if self.n == 1 else f"{self.n} spatial axes"
            shape_error(f"{type(self).__name__}: input is {text_of(x)} ([batch, channels, {axes}], or without batch)")
        return F.pad(x, self.padding, self.mode, self.value, call=type(self).__name__)

    def extra_repr(self) -> str:
        return f"{self.padding}" + (f", value={self.value}" if self.mode == "constant" else "")


class _PadWithoutValue(_Pad):
    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__(padding)


class ConstantPad1d(_Pad):
    """One value around [n, c, l]. Source: torch.nn.ConstantPad1d."""

    n = 1


class ConstantPad2d(_Pad):
    """One value around [n, c, h, w]. Source: torch.nn.ConstantPad2d."""

    n = 2


class ConstantPad3d(_Pad):
    """One value around [n, c, d, h, w]. Source: torch.nn.ConstantPad3d."""

    n = 3


class ZeroPad1d(_PadWithoutValue):
    """Zeros around [n, c, l]. Source: torch.nn.ZeroPad1d."""

    n = 1


class ZeroPad2d(_PadWithoutValue):
    """Zeros around [n, c, h, w]. Source: torch.nn.ZeroPad2d."""

    n = 2


class ZeroPad3d(_PadWithoutValue):
    """Zeros around [n, c, d, h, w]. Source: torch.nn.ZeroPad3d."""

    n = 3


class ReflectionPad1d(_PadWithoutValue):
    """The border mirrored around [n, c, l]. Source: torch.nn.ReflectionPad1d."""

    n = 1
    mode = "reflect"


class ReflectionPad2d(_PadWithoutValue):
    """The border mirrored around [n, c, h, w]. Source: torch.nn.ReflectionPad2d."""

    n = 2
    mode = "reflect"


class ReflectionPad3d(_PadWithoutValue):
    """The border mirrored around [n, c, d, h, w]. Source: torch.nn.ReflectionPad3d."""

    n = 3
    mode = "reflect"


class ReplicationPad1d(_PadWithoutValue):
    """The border repeated around [n, c, l]. Source: torch.nn.ReplicationPad1d."""

    n = 1
    mode = "replicate"


class ReplicationPad2d(_PadWithoutValue):
    """The border repeated around [n, c, h, w]. Source: torch.nn.ReplicationPad2d."""

    n = 2
    mode = "replicate"


class ReplicationPad3d(_PadWithoutValue):
    """The border repeated around [n, c, d, h, w]. Source: torch.nn.ReplicationPad3d."""

    n = 3
    mode = "replicate"


class CircularPad1d(_PadWithoutValue):
    """The other side around [n, c, l]. Source: torch.nn.CircularPad1d."""

    n = 1
    mode = "circular"


class CircularPad2d(_PadWithoutValue):
    """The other side around [n, c, h, w]. Source: torch.nn.CircularPad2d."""

    n = 2
    mode = "circular"


class CircularPad3d(_PadWithoutValue):
    """The other side around [n, c, d, h, w]. Source: torch.nn.CircularPad3d."""

    n = 3
    mode = "circular"
