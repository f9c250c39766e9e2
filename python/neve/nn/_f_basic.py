"""Functions: products, embedding, activations, dropout, distances."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .. import _neve
from ._core import (
    Tensor,
    at_least,
    check_float,
    check_tensor,
    choice,
    draw,
    lowered,
    no_grad,
    ones,
    ops,
    probability,
    raised,
    recording,
    reshape,
    scalar,
    shape_error,
    sum_,
    tensor,
    text_of,
    type_error,
    uniform,
    value_error,
    where,
)

# ---- products --------------------------------------------------------------------------------------------------------


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None, *, call: str = "linear") -> Tensor:
    """x weight^T + bias: x [..., in], weight [out, in], bias [out] -> [..., out]. Source: torch.nn.functional.linear."""
    check_float(call, "input", x)
    check_float(call, "weight", weight)
    if x.ndim == 0 or weight.ndim not in (1, 2) or x.shape[-1] != weight.shape[-1]:
        shape_error(
            f"{call}: input is {text_of(x)} and weight {text_of(weight)} (the last axis of the input must be {weight.shape[-1] if weight.ndim else 'the last of weight'})"
        )
    x, weight, bias = lowered(x, weight, bias)
    if x.dtype != weight.dtype:
        type_error(
            f"{call}: input is {text_of(x)} and weight {text_of(weight)} (one dtype: input.astype('{weight.dtype}'), or module.to('{x.dtype}'))"
        )
    if weight.ndim == 1:
        y = ops.matmul(x, weight)
        return y if bias is None else ops.add(y, bias)
    if _neve.is_capturing():  # without recording the shape stays free
        lead = x.shape[:-1] if x.ndim > 2 and recording(x, weight) else None
        y = ops.matmul(x if lead is None else reshape(x, (-1, x.shape[-1])), weight, transpose_b=True)
        y = y if bias is None else ops.add(y, bias)
        return y if lead is None else reshape(y, (*lead, weight.shape[0]))
    return _neve.linear(x, weight, bias, call)


def bilinear(x1: Tensor, x2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y[..., o] = x1 weight[o] x2 + bias[o]: x1 [..., in1], x2 [..., in2], weight [out, in1, in2]."""
    check_float("bilinear", "input1", x1)
    check_float("bilinear", "input2", x2)
    if x1.shape[:-1] != x2.shape[:-1] or x1.shape[-1:] != weight.shape[1:2] or x2.shape[-1:] != weight.shape[2:]:
        shape_error(
            f"bilinear: inputs are {text_of(x1)} and {text_of(x2)}, weight {text_of(weight)} (input1 [..., {weight.shape[1]}], input2 [..., {weight.shape[2]}], with the same axes before)"
        )
    x1, x2, weight, bias = lowered(x1, x2, weight, bias)
    lead, out = x1.shape[:-1], weight.shape[0]
    a, b = reshape(x1, (-1, 1, weight.shape[1])), reshape(x2, (-1, 1, weight.shape[2]))
    left = ops.matmul(
        reshape(a, (-1, weight.shape[1])), reshape(ops.transpose(weight, perm=[1, 0, 2]), (weight.shape[1], -1))
    )
    y = sum_(ops.mul(reshape(left, (-1, out, weight.shape[2])), b), (2,))
    y = y if bias is None else ops.add(y, bias)
    return reshape(y, (*lead, out))


def embedding(
    indices: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    *,
    call: str = "embedding",
) -> Tensor:
    """Rows of weight [n, d] by index: [...] -> [..., d]; no gradient reaches row padding_idx.

    max_norm: used rows of a larger norm are scaled down to it first, in place.
    """
    check_tensor(call, "input", indices)
    if indices.dtype not in ("i64", "i32"):
        type_error(f"{call}: input is {text_of(indices)} (indices: i64 or i32; astype('i64') converts)")
    n = weight.shape[0]
    if not _neve.is_capturing() and indices.size:  # captured: the op checks it when it runs
        low, high = (
            int(ops.reduce_min(indices, keepdims=False).item()),
            int(ops.reduce_max(indices, keepdims=False).item()),
        )
        if low < 0 or high >= n:
            value_error(f"{call}: input holds {low if low < 0 else high} (indices of {n} embeddings lie in 0..{n - 1})")
    if max_norm is not None:
        with no_grad():
            norm = ops.reduce_l2(weight.detach(), axes=[1])
            used = ops.expand(tensor(np.isin(np.arange(n), np.asarray(indices))[:, None]), [n, 1])
            shrink = ops.and_(used, ops.greater(norm, scalar(max_norm, norm.dtype)))
            weight.detach().copy_(ops.mul(weight.detach(), where(shrink, max_norm / (norm + 1e-7), 1.0)))
    y = ops.gather(weight, indices, axis=0)
    if padding_idx is not None and y.requires_grad:
        pad = ops.unsqueeze(ops.equal(indices, tensor(padding_idx % n, indices.dtype)), axes=[indices.ndim])
        y = ops.where(pad, y.detach(), y)
    return y


def one_hot(indices: Tensor, num_classes: int = -1) -> Tensor:
    """i64 [...] -> i64 [..., num_classes]; -1: one more than the largest index."""
    if num_classes < 0:
        num_classes = int(ops.reduce_max(indices, keepdims=False).item()) + 1
    return ops.one_hot(indices, tensor(num_classes), tensor([0, 1], "i64"))


# ---- activations -----------------------------------------------------------------------------------------------------


def _elementwise(name: str, doc: str) -> Callable[[Tensor], Tensor]:
    op = getattr(ops, name)

    def f(x: Tensor) -> Tensor:
        return op(x)

    f.__name__, f.__doc__ = name, doc
    return f


relu = _elementwise("relu", "max(x, 0), for each element.")
sigmoid = _elementwise("sigmoid", "1 / (1 + exp(-x)), for each element.")
tanh = _elementwise("tanh", "The hyperbolic tangent of each element.")
mish = _elementwise("mish", "x * tanh(softplus(x)), for each element.")
softsign = _elementwise("softsign", "x / (1 + |x|), for each element.")
logsigmoid = _elementwise("log_sigmoid", "log(sigmoid(x)), without overflow.")
hardswish = _elementwise("hard_swish", "x * relu6(x + 3) / 6, for each element.")


def relu6(x: Tensor) -> Tensor:
    """min(max(x, 0), 6)."""
    return ops.hard_tanh(x, min_val=0.0, max_val=6.0)


def leaky_relu(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    """x, times negative_slope below 0."""
    return ops.leaky_relu(x, alpha=float(negative_slope))


def prelu(x: Tensor, weight: Tensor) -> Tensor:
    """x, times weight below 0: weight of one element, or one for each channel (axis 1)."""
    if weight.size != 1 and (x.ndim < 2 or weight.size != x.shape[1]):
        shape_error(
            f"prelu: input is {text_of(x)} and weight {text_of(weight)} (one slope, or one for each channel of axis 1)"
        )
    return ops.prelu(
        x, reshape(weight, (-1,) + (1,) * max(x.ndim - 2, 0)) if weight.size != 1 else reshape(weight, (1,))
    )


def rrelu(x: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False) -> Tensor:
    """x, times a slope below 0 that is drawn from [lower, upper) for each element in training, and their mean otherwise."""
    if not training:
        return leaky_relu(x, (lower + upper) / 2)
    return ops.where(ops.less(x, scalar(0.0, x.dtype)), ops.mul(x, uniform(x.shape, lower, upper, x.dtype)), x)


def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """x, alpha * (exp(x) - 1) below 0."""
    return ops.elu(x, alpha=float(alpha))


def selu(x: Tensor) -> Tensor:
    """scale * elu(x, alpha) with the constants of Klambauer et al., 2017."""
    return ops.selu(x, alpha=1.6732632423543772848170429916717, gamma=1.0507009873554804934193349852946)


def celu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1))."""
    return ops.celu(x, alpha=float(alpha))


def gelu(x: Tensor, approximate: str = "none") -> Tensor:
    """x * cdf(x) of the normal distribution; approximate: "none" or "tanh"."""
    choice("gelu", "approximate", approximate, ("none", "tanh"))
    return ops.gelu(x, approximate=approximate)


def silu(x: Tensor) -> Tensor:
    """x * sigmoid(x)."""
    return ops.swish(x)


def hardtanh(x: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """min(max(x, min_val), max_val)."""
    return ops.hard_tanh(x, min_val=float(min_val), max_val=float(max_val))


def hardsigmoid(x: Tensor) -> Tensor:
    """relu6(x + 3) / 6."""
    return ops.hard_sigmoid(x, alpha=1 / 6, beta=0.5)


def hardshrink(x: Tensor, lambd: float = 0.5) -> Tensor:
    """x outside of [-lambd, lambd], else 0."""
    return ops.shrink(x, lambd=float(lambd), bias=0.0)


def softshrink(x: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved towards 0 by lambd, 0 where it would pass it."""
    return ops.shrink(x, lambd=float(lambd), bias=float(lambd))


def tanhshrink(x: Tensor) -> Tensor:
    """x - tanh(x)."""
    return ops.sub(x, ops.tanh(x))


def threshold(x: Tensor, threshold: float, value: float) -> Tensor:
    """x above the threshold, else value."""
    return where(ops.greater(x, scalar(threshold, x.dtype)), x, value)


def softplus(x: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta x)) / beta; x itself where beta x is above the threshold."""
    scaled = x if beta == 1 else x * beta
    y = ops.softplus(scaled)
    y = y if beta == 1 else y / beta
    return ops.where(ops.greater(scaled, scalar(threshold, x.dtype)), x, y)


def glu(x: Tensor, dim: int = -1) -> Tensor:
    """The first half of an axis, times the sigmoid of its second half."""
    if x.ndim == 0 or not -x.ndim <= dim < x.ndim or x.shape[dim] % 2:
        shape_error(f"glu: input is {text_of(x)} and dim {dim} (an axis of even size)")
    a, b = ops.split(x, axis=dim, num_outputs=2)
    return ops.mul(a, ops.sigmoid(b))


def _axis(call: str, x: Tensor, dim: int | None) -> int:
    if dim is None:
        dim = 0 if x.ndim in (0, 1, 3) else 1  # as torch picks it
    if not -max(x.ndim, 1) <= dim < max(x.ndim, 1):
        shape_error(f"{call}: dim is {dim} and the input {text_of(x)} (dim of {-x.ndim}..{x.ndim - 1})")
    return dim


def softmax(x: Tensor, dim: int | None = None, dtype: str | None = None) -> Tensor:
    """exp(x) / sum(exp(x)) along an axis."""
    x = x.astype(dtype) if dtype else raised(x)
    return ops.softmax(x, axis=_axis("softmax", x, dim))


def log_softmax(x: Tensor, dim: int | None = None, dtype: str | None = None) -> Tensor:
    """log(softmax(x)), without overflow."""
    x = x.astype(dtype) if dtype else raised(x)
    return ops.log_softmax(x, axis=_axis("log_softmax", x, dim))


def softmin(x: Tensor, dim: int | None = None, dtype: str | None = None) -> Tensor:
    """softmax(-x)."""
    return softmax(ops.neg(x), dim, dtype)


def gumbel_softmax(logits: Tensor, tau: float = 1.0, hard: bool = False, dim: int = -1) -> Tensor:
    """A draw from the relaxed categorical distribution; hard: one-hot, with the gradient of the soft one. Source: Jang et al., 2017."""
    noise = ops.neg(
        ops.log(at_least(ops.neg(ops.log(at_least(uniform(logits.shape, dtype=logits.dtype), 1e-20))), 1e-20))
    )
    soft = softmax((logits + noise) / tau, dim)
    return ops.hardmax(soft.detach(), axis=dim) - soft.detach() + soft if hard else soft


def normalize(x: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x / max(Lp norm along dim, eps)."""
    return ops.div(x, at_least(_norm(x, p, [dim], True), eps))


def _norm(x: Tensor, p: float, axes: list[int], keepdims: bool) -> Tensor:
    if p == 2:
        return ops.reduce_l2(x, axes=axes, keepdims=keepdims)
    if p == 1:
        return ops.reduce_l1(x, axes=axes, keepdims=keepdims)
    if math.isinf(p):
        return ops.reduce_max(ops.abs(x), axes=axes, keepdims=keepdims)
    return sum_(ops.abs(x) ** p, axes, keepdims) ** (1 / p)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along an axis."""
    dot = sum_(ops.mul(x1, x2), (dim,))
    n1, n2 = (ops.reduce_l2(x, axes=[dim], keepdims=False) for x in (x1, x2))
    return ops.div(dot, ops.mul(at_least(n1, eps), at_least(n2, eps)))


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """Lp norm of x1 - x2 + eps along the last axis."""
    return _norm(ops.sub(x1, x2) + eps, p, [-1], keepdim)


# ---- dropout ---------------------------------------------------------------------------------------------------------


def dropout(x: Tensor, p: float = 0.5, training: bool = True, *, call: str = "dropout") -> Tensor:
    """In training: elements are zero with probability p, the others scaled by 1 / (1 - p); otherwise x."""
    probability(call, p)
    if not training or p == 0:
        return x
    check_float(call, "input", x)
    if p == 1:
        return ops.mul(x, scalar(0.0, x.dtype))
    return ops.dropout(x, scalar(p, "f32"), tensor(True), *draw())[0]


def _channels(call: str, x: Tensor, p: float, training: bool, n: int) -> Tensor:
    probability(call, p)
    check_float(call, "input", x)
    if x.ndim not in (n + 1, n + 2):
        shape_error(
            f"{call}: input is {text_of(x)} ([batch, channels, {n} spatial {'axis' if n == 1 else 'axes'}], or without batch)"
        )
    if not training or p == 0:
        return x
    return ops.mul(x, dropout(ones(x.shape[:-n] + (1,) * n, x.dtype), p, call=call))


def dropout1d(x: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Whole channels of [n, c, l] dropped together."""
    return _channels("dropout1d", x, p, training, 1)


def dropout2d(x: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Whole channels of [n, c, h, w] dropped together."""
    return _channels("dropout2d", x, p, training, 2)


def dropout3d(x: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Whole channels of [n, c, d, h, w] dropped together."""
    return _channels("dropout3d", x, p, training, 3)


def _alpha(x: Tensor, p: float, training: bool, shape: tuple[int, ...], call: str) -> Tensor:
    probability(call, p)
    if not training or p == 0:
        return x
    if p == 1:
        return ops.mul(x, scalar(0.0, x.dtype))
    low = -1.6732632423543772 * 1.0507009873554805
    a = 1 / math.sqrt((1 - p) * (1 + p * low * low))
    keep = ops.greater_or_equal(uniform(shape), scalar(p, "f32"))
    return where(keep, x, low) * a + (-a * low * p)


def alpha_dropout(x: Tensor, p: float = 0.5, training: bool = False) -> Tensor:
    """Dropout that keeps mean and deviation of what selu makes. Source: Klambauer et al., 2017."""
    return _alpha(x, p, training, x.shape, "alpha_dropout")


def feature_alpha_dropout(x: Tensor, p: float = 0.5, training: bool = False) -> Tensor:
    """alpha_dropout of whole channels."""
    return _alpha(x, p, training, x.shape[:2] + (1,) * (x.ndim - 2), "feature_alpha_dropout")
