"""Layers of normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _neve
from . import _f_norm as F
from . import init
from ._core import Tensor, many, no_grad, ones, positive, shape_error, tensor, text_of, value_error, zeros
from .linear import parameter
from .module import Module


class _RunningNorm(Module):
    ranks: tuple[int, ...] = ()
    axes = ""

    def __init__(
        self, num_features: int, eps: float, momentum: float | None, affine: bool, track: bool, dtype: str | None
    ) -> None:
        super().__init__()
        positive(type(self).__name__, num_features=num_features)
        self.num_features, self.eps, self.momentum, self.affine, self.track_running_stats = (
            num_features,
            eps,
            momentum,
            affine,
            track,
        )
        self.register_parameter("weight", parameter((num_features,), dtype) if affine else None)
        self.register_parameter("bias", parameter((num_features,), dtype) if affine else None)
        self.register_buffer("running_mean", zeros((num_features,), dtype or "f32") if track else None)
        self.register_buffer("running_var", ones((num_features,), dtype or "f32") if track else None)
        self.register_buffer("num_batches_tracked", tensor(np.array(0, dtype=np.int64)) if track else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0; running mean 0, variance 1."""
        if self.track_running_stats:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            self.num_batches_tracked.copy_(0)
        if self.affine:
            init.ones_(self.weight)
            init.zeros_(self.bias)

    def _check(self, x: Tensor) -> None:
        call = type(self).__name__
        if not isinstance(x, Tensor) or x.ndim not in self.ranks:
            shape_error(f"{call}: input is {text_of(x)} ({self.axes})")
        if x.shape[1] != self.num_features:
            shape_error(
                f"{call}: input is {text_of(x)} with {x.shape[1]} channels on axis 1 (num_features is {self.num_features})"
            )

    def _factor(self) -> float:
        """The share of this batch in the running statistics; counts the batch."""
        if not (self.training and self.track_running_stats):
            return self.momentum or 0.0
        with no_grad():
            self.num_batches_tracked += 1
        if self.momentum is not None:
            return self.momentum
        if _neve.is_capturing():  # a number of each call
            return 1.0 / self.num_batches_tracked.astype("f32")
        return 1.0 / int(self.num_batches_tracked.item())

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, track_running_stats={self.track_running_stats}"


class _BatchNorm(_RunningNorm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: str | None = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype)

    def forward(self, x: Tensor) -> Tensor:
        self._check(x)
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or self.running_mean is None, self._factor(), self.eps, call=type(self).__name__,
        )  # fmt: skip


class BatchNorm1d(_BatchNorm):
    """Normalises each channel of [n, c] or [n, c, l] over the batch. Source: Ioffe & Szegedy, 2015; torch.nn.BatchNorm1d."""

    ranks, axes = (2, 3), "[batch, channels] or [batch, channels, length]"


class BatchNorm2d(_BatchNorm):
    """Normalises each channel of [n, c, h, w] over the batch. Source: Ioffe & Szegedy, 2015; torch.nn.BatchNorm2d."""

    ranks, axes = (4,), "[batch, channels, h, w]"


class BatchNorm3d(_BatchNorm):
    """Normalises each channel of [n, c, d, h, w] over the batch. Source: Ioffe & Szegedy, 2015; torch.nn.BatchNorm3d."""

    ranks, axes = (5,), "[batch, channels, d, h, w]"


class SyncBatchNorm(_BatchNorm):
    """Batch normalisation of any rank; on one process it is BatchNorm."""

    ranks, axes = (2, 3, 4, 5), "[batch, channels, ...]"

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """The module itself: on one process there is nothing to synchronise."""
        return module


class _InstanceNorm(_RunningNorm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        dtype: str | None = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype)

    def forward(self, x: Tensor) -> Tensor:
        single = isinstance(x, Tensor) and x.ndim == self.ranks[0] - 1
        x = x[None] if single else x
        self._check(x)
        y = F.instance_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or not self.track_running_stats, self.momentum or 0.0, self.eps, call=type(self).__name__,
        )  # fmt: skip
        return y[0] if single else y


class InstanceNorm1d(_InstanceNorm):
    """Normalises each row of [n, c, l]. Source: Ulyanov et al., 2016; torch.nn.InstanceNorm1d."""

    ranks, axes = (3,), "[batch, channels, length]"


class InstanceNorm2d(_InstanceNorm):
    """Normalises each plane of [n, c, h, w]. Source: Ulyanov et al., 2016; torch.nn.InstanceNorm2d."""

    ranks, axes = (4,), "[batch, channels, h, w]"


class InstanceNorm3d(_InstanceNorm):
    """Normalises each volume of [n, c, d, h, w]. Source: Ulyanov et al., 2016; torch.nn.InstanceNorm3d."""

    ranks, axes = (5,), "[batch, channels, d, h, w]"


def _sizes(call: str, shape: int | Sequence[int]) -> tuple[int, ...]:
    return tuple(many(call, "normalized_shape", shape, 1 if isinstance(shape, int) else len(shape), least=1))


class LayerNorm(Module):
    """Normalises over the last axes, of sizes normalized_shape. Source: Ba et al., 2016; torch.nn.LayerNorm."""

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: str | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape, self.eps, self.elementwise_affine = (
            _sizes("LayerNorm", normalized_shape),
            eps,
            elementwise_affine,
        )
        self.register_parameter("weight", parameter(self.normalized_shape, dtype) if elementwise_affine else None)
        self.register_parameter(
            "bias", parameter(self.normalized_shape, dtype) if elementwise_affine and bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps, call="LayerNorm")

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class RMSNorm(Module):
    """x / sqrt(mean(x^2) + eps) * weight over the last axes. Source: Zhang & Sennrich, 2019; torch.nn.RMSNorm."""

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        dtype: str | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape, self.eps, self.elementwise_affine = (
            _sizes("RMSNorm", normalized_shape),
            eps,
            elementwise_affine,
        )
        self.register_parameter("weight", parameter(self.normalized_shape, dtype) if elementwise_affine else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps, call="RMSNorm")

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module):
    """Normalises each of num_groups groups of channels. Source: Wu & He, 2018; torch.nn.GroupNorm."""

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, *, dtype: str | None = None
    ) -> None:
        super().__init__()
        positive("GroupNorm", num_groups=num_groups, num_channels=num_channels)
        if num_channels % num_groups:
            value_error(
                f"GroupNorm: num_channels is {num_channels} and num_groups {num_groups} (num_groups divides num_channels)"
            )
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self.register_parameter("weight", parameter((num_channels,), dtype) if affine else None)
        self.register_parameter("bias", parameter((num_channels,), dtype) if affine else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.affine:
            init.ones_(self.weight)
            init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        if not isinstance(x, Tensor) or x.ndim < 2 or x.shape[1] != self.num_channels:
            shape_error(f"GroupNorm: input is {text_of(x)} ([batch, {self.num_channels}, ...])")
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps, call="GroupNorm")

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"


class LocalResponseNorm(Module):
    """x / (k + alpha / size * sum of squares over neighbouring channels)^beta. Source: Krizhevsky et al., 2012."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        return F.local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
