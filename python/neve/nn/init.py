"""Initialisers: each fills a tensor in place, without recording, and returns it."""

from __future__ import annotations

import math

import numpy as np

from ._core import Tensor, choice, full, no_grad, normal, ops, prod, shape_error, tensor, text_of, uniform, value_error

_GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}
_LINEAR = tuple(f"conv{t}{n}d" for t in ("", "_transpose") for n in (1, 2, 3))


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which a nonlinearity wants the deviation of weights enlarged. Source: torch.nn.init.calculate_gain."""
    if nonlinearity in _LINEAR:
        return 1.0
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    choice("calculate_gain", "nonlinearity", nonlinearity, (*_GAINS, "leaky_relu", *_LINEAR))
    return _GAINS[nonlinearity]


def fans(t: Tensor, call: str = "fans") -> tuple[int, int]:
    """(fan_in, fan_out) of a weight [out, in, kernel...]."""
    if t.ndim < 2:
        shape_error(f"{call}: the tensor is {text_of(t)} (fans need at least 2 axes: [out, in, ...])")
    field = prod(t.shape[2:])
    return t.shape[1] * field, t.shape[0] * field


def _set(t: Tensor, value: Tensor) -> Tensor:
    with no_grad():
        t.copy_(value)
    return t


def _dtype(t: Tensor) -> str:
    return t.dtype if t.dtype in ("f32", "f64") else "f32"


def uniform_(t: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """Fills with numbers spread evenly over [a, b)."""
    return _set(t, uniform(t.shape, a, b, _dtype(t)))


def normal_(t: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Fills with normally distributed numbers."""
    if std < 0:
        value_error(f"normal_: std is {std!r} (0 or more)")
    return _set(t, normal(t.shape, mean, std, _dtype(t)))


def trunc_normal_(t: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0) -> Tensor:
    """Fills with normally distributed numbers of [a, b], by the inverse of the distribution.

    Source: torch.nn.init.trunc_normal_. Cost: the inverse error function is found by three steps of Newton, in f64.
    """
    if not a < b or std <= 0:
        value_error(f"trunc_normal_: a = {a}, b = {b}, std = {std} (a < b and std > 0)")

    def cdf(x: float) -> float:
        return (1 + math.erf(x / math.sqrt(2))) / 2

    low, high = cdf((a - mean) / std), cdf((b - mean) / std)
    with no_grad():
        p = np.array(uniform(t.shape, 2 * low - 1, 2 * high - 1, "f64"))
        x = tensor(_inverse_erf(p)) * (std * math.sqrt(2)) + mean
        return _set(t, ops.clip(x, tensor(float(a), "f64"), tensor(float(b), "f64")).astype(t.dtype))


def _inverse_erf(p: np.ndarray) -> np.ndarray:
    """Winitzki's approximation, then Newton's steps on erf."""
    p = np.clip(p, -1 + 1e-15, 1 - 1e-15)
    log = np.log((1 - p) * (1 + p))
    half = 2 / (math.pi * 0.147) + log / 2
    x = np.copysign(np.sqrt(np.sqrt(half * half - log / 0.147) - half), p)
    for _ in range(3):
        x = x - (np.array(ops.erf(tensor(x))) - p) * (math.sqrt(math.pi) / 2) * np.exp(x * x)
    return x


def constant_(t: Tensor, val: float) -> Tensor:
    """Fills with one value."""
    return _set(t, full(t.shape, val, t.dtype))


def ones_(t: Tensor) -> Tensor:
    """Fills with ones."""
    return constant_(t, 1.0)


def zeros_(t: Tensor) -> Tensor:
    """Fills with zeros."""
    return constant_(t, 0.0)


def eye_(t: Tensor) -> Tensor:
    """Fills a matrix with the identity."""
    if t.ndim != 2:
        shape_error(f"eye_: the tensor is {text_of(t)} (a matrix)")
    return _set(t, tensor(np.eye(*t.shape), t.dtype))


def dirac_(t: Tensor, groups: int = 1) -> Tensor:
    """Fills the weight of a convolution [out, in, kernel...] so that it keeps its input channels."""
    if not 3 <= t.ndim <= 5:
        shape_error(f"dirac_: the tensor is {text_of(t)} (3 to 5 axes: [out, in, kernel...])")
    if groups <= 0 or t.shape[0] % groups:
        value_error(f"dirac_: groups is {groups} and the tensor {text_of(t)} (groups divides the first axis)")
    a = np.zeros(t.shape)
    per_group = t.shape[0] // groups
    middle = tuple(k // 2 for k in t.shape[2:])
    for g in range(groups):
        for d in range(min(per_group, t.shape[1])):
            a[(g * per_group + d, d, *middle)] = 1
    return _set(t, tensor(a, t.dtype))


def xavier_uniform_(t: Tensor, gain: float = 1.0) -> Tensor:
    """Uniform of [-a, a), a = gain * sqrt(6 / (fan_in + fan_out)). Source: Glorot & Bengio, 2010."""
    a = gain * math.sqrt(6 / sum(fans(t, "xavier_uniform_")))
    return uniform_(t, -a, a)


def xavier_normal_(t: Tensor, gain: float = 1.0) -> Tensor:
    """Normal of deviation gain * sqrt(2 / (fan_in + fan_out)). Source: Glorot & Bengio, 2010."""
    return normal_(t, 0.0, gain * math.sqrt(2 / sum(fans(t, "xavier_normal_"))))


def _kaiming_std(t: Tensor, a: float, mode: str, nonlinearity: str, call: str) -> float:
    choice(call, "mode", mode, ("fan_in", "fan_out"))
    fan = fans(t, call)[0 if mode == "fan_in" else 1]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan) if fan else 0.0


def kaiming_uniform_(t: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> Tensor:
    """Uniform of [-b, b), b = gain * sqrt(3 / fan). Source: He et al., 2015; torch.nn.init.kaiming_uniform_."""
    bound = math.sqrt(3) * _kaiming_std(t, a, mode, nonlinearity, "kaiming_uniform_")
    return uniform_(t, -bound, bound)


def kaiming_normal_(t: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> Tensor:
    """Normal of deviation gain / sqrt(fan). Source: He et al., 2015; torch.nn.init.kaiming_normal_."""
    return normal_(t, 0.0, _kaiming_std(t, a, mode, nonlinearity, "kaiming_normal_"))


def orthogonal_(t: Tensor, gain: float = 1.0) -> Tensor:
    """A (semi) orthogonal matrix [first axis, all others], times gain. Source: Saxe et al., 2013."""
    if t.ndim < 2:
        shape_error(f"orthogonal_: the tensor is {text_of(t)} (at least 2 axes)")
    rows, cols = t.shape[0], prod(t.shape[1:])
    a = np.array(normal((max(rows, cols), min(rows, cols)), dtype="f64"))
    q, r = np.linalg.qr(a)
    q = q * np.sign(np.diag(r))
    q = q.T if rows < cols else q
    return _set(t, tensor(gain * q.reshape(t.shape), t.dtype))


def sparse_(t: Tensor, sparsity: float, std: float = 0.01) -> Tensor:
    """Normal, with the share `sparsity` of each column zero. Source: Martens, 2010."""
    if t.ndim != 2:
        shape_error(f"sparse_: the tensor is {text_of(t)} (a matrix)")
    order = np.argsort(np.array(uniform(t.shape)), axis=0)
    a = np.array(normal(t.shape, 0.0, std))
    np.put_along_axis(a, order[: math.ceil(sparsity * t.shape[0])], 0.0, axis=0)
    return _set(t, tensor(a, t.dtype))
