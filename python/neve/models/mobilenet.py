"""MobileNetV3, small and large, with the parameter names of torchvision."""

from __future__ import annotations

from typing import NamedTuple

from .. import nn
from ..nn._core import Tensor


class _Row(NamedTuple):
    """A row of tables 1 and 2 of the paper: kernel, channels inside and out, squeeze-and-excitation, hard swish, stride."""

    kernel: int
    inside: int
    outputs: int
    squeeze: bool
    swish: bool
    stride: int


_LARGE = [
    _Row(3, 16, 16, False, False, 1), _Row(3, 64, 24, False, False, 2), _Row(3, 72, 24, False, False, 1),
    _Row(5, 72, 40, True, False, 2), _Row(5, 120, 40, True, False, 1), _Row(5, 120, 40, True, False, 1),
    _Row(3, 240, 80, False, True, 2), _Row(3, 200, 80, False, True, 1), _Row(3, 184, 80, False, True, 1),
    _Row(3, 184, 80, False, True, 1), _Row(3, 480, 112, True, True, 1), _Row(3, 672, 112, True, True, 1),
    _Row(5, 672, 160, True, True, 2), _Row(5, 960, 160, True, True, 1), _Row(5, 960, 160, True, True, 1),
]  # fmt: skip
_SMALL = [
    _Row(3, 16, 16, True, False, 2), _Row(3, 72, 24, False, False, 2), _Row(3, 88, 24, False, False, 1),
    _Row(5, 96, 40, True, True, 2), _Row(5, 240, 40, True, True, 1), _Row(5, 240, 40, True, True, 1),
    _Row(5, 120, 48, True, True, 1), _Row(5, 144, 48, True, True, 1), _Row(5, 288, 96, True, True, 2),
    _Row(5, 576, 96, True, True, 1), _Row(5, 576, 96, True, True, 1),
]  # fmt: skip


def _of_eight(channels: float) -> int:
    """The multiple of 8 that is nearest, but not under nine tenths of what was asked."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def _conv(
    inputs: int, outputs: int, kernel: int, stride: int, groups: int, activation: type[nn.Module] | None
) -> nn.Module:
    parts: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=0.001, momentum=0.01),
    ]
    return nn.Sequential(*parts, *([] if activation is None else [activation()]))


class SqueezeExcitation(nn.Module):
    """Channels scaled by what their means say. Source: Hu et al., 2018."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)
        self.activation = nn.ReLU()
        self.scale_activation = nn.Hardsigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale_activation(self.fc2(self.activation(self.fc1(self.avgpool(x)))))


class InvertedResidual(nn.Module):
    """More channels, a depthwise convolution, fewer channels; beside a shortcut where shapes allow."""

    def __init__(self, inputs: int, row: _Row) -> None:
        super().__init__()
        self.use_res_connect = row.stride == 1 and inputs == row.outputs
        activation: type[nn.Module] = nn.Hardswish if row.swish else nn.ReLU
        parts = [] if row.inside == inputs else [_conv(inputs, row.inside, 1, 1, 1, activation)]
        parts.append(_conv(row.inside, row.inside, row.kernel, row.stride, row.inside, activation))
        if row.squeeze:
            parts.append(SqueezeExcitation(row.inside, _of_eight(row.inside // 4)))
        parts.append(_conv(row.inside, row.outputs, 1, 1, 1, None))
        self.block = nn.Sequential(*parts)

    def forward(self, x: Tensor) -> Tensor:
        y = self.block(x)
        return x + y if self.use_res_connect else y


class MobileNetV3(nn.Module):
    """f32[N, 3, H, W] to f32[N, num_classes]. Source: Howard et al., 2019; names as in torchvision.models.MobileNetV3."""

    def __init__(
        self,
        rows: list[_Row],
        last_channel: int,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        wide = [
            r._replace(inside=_of_eight(r.inside * width_mult), outputs=_of_eight(r.outputs * width_mult)) for r in rows
        ]
        inputs = _of_eight(16 * width_mult)
        parts = [_conv(3, inputs, 3, 2, 1, nn.Hardswish)]
        for row in wide:
            parts.append(InvertedResidual(inputs, row))
            inputs = row.outputs
        parts.append(_conv(inputs, 6 * inputs, 1, 1, 1, nn.Hardswish))
        self.features = nn.Sequential(*parts)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        last = _of_eight(last_channel * width_mult)
        self.classifier = nn.Sequential(
            nn.Linear(6 * inputs, last), nn.Hardswish(), nn.Dropout(dropout), nn.Linear(last, num_classes)
        )
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
                if m.bias is not None:
                    nn.init.zeros_(m.bias)
            elif isinstance(m, nn.Linear):
                nn.init.normal_(m.weight, 0.0, 0.01)
                nn.init.zeros_(m.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def mobilenet_v3_large(num_classes: int = 1000, width_mult: float = 1.0, dropout: float = 0.2) -> MobileNetV3:
    return MobileNetV3(_LARGE, 1280, num_classes, width_mult, dropout)


def mobilenet_v3_small(num_classes: int = 1000, width_mult: float = 1.0, dropout: float = 0.2) -> MobileNetV3:
    return MobileNetV3(_SMALL, 1024, num_classes, width_mult, dropout)
