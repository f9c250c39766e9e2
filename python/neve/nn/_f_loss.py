"""Functions: losses. reduction is "mean", "sum" or "none" everywhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _neve
from ._core import (
    Tensor,
    at_least,
    check_float,
    check_tensor,
    choice,
    concat,
    full,
    ints,
    mean,
    ops,
    raised,
    reduced,
    required,
    reshape,
    scalar,
    shape_error,
    sum_,
    tensor,
    text_of,
    type_error,
    value_error,
    where,
)
from ._f_basic import pairwise_distance

_REDUCTIONS = ("mean", "sum", "none")


def _pair(call: str, x: Tensor, target: Tensor, reduction: str) -> tuple[Tensor, Tensor]:
    """Input and target of one shape and dtype."""
    choice(call, "reduction", reduction, _REDUCTIONS)
    check_float(call, "input", x)
    check_tensor(call, "target", target)
    if x.shape != target.shape:
        shape_error(f"{call}: input is {text_of(x)} and target {text_of(target)} (one shape)")
    x = raised(x)
    return x, target if target.dtype == x.dtype else target.astype(x.dtype)


# ---- regression ------------------------------------------------------------------------------------------------------


def mse_loss(x: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """(x - target)^2."""
    x, target = _pair("mse_loss", x, target, reduction)
    d = ops.sub(x, target)
    return reduced(ops.mul(d, d), reduction)


def l1_loss(x: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """|x - target|."""
    x, target = _pair("l1_loss", x, target, reduction)
    return reduced(ops.abs(ops.sub(x, target)), reduction)


def smooth_l1_loss(x: Tensor, target: Tensor, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """d^2 / (2 beta) where d = |x - target| is below beta, else d - beta / 2."""
    if beta < 0:
        value_error(f"smooth_l1_loss: beta is {beta!r} (0 or more)")
    if beta == 0:
        return l1_loss(x, target, reduction)
    x, target = _pair("smooth_l1_loss", x, target, reduction)
    d = ops.abs(ops.sub(x, target))
    return reduced(
        ops.where(ops.less(d, scalar(beta, d.dtype)), ops.mul(d, d) * (0.5 / beta), d - 0.5 * beta), reduction
    )


def huber_loss(x: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """d^2 / 2 where d = |x - target| is up to delta, else delta (d - delta / 2)."""
    if delta <= 0:
        value_error(f"huber_loss: delta is {delta!r} (above 0)")
    x, target = _pair("huber_loss", x, target, reduction)
    d = ops.abs(ops.sub(x, target))
    return reduced(
        ops.where(ops.less_or_equal(d, scalar(delta, d.dtype)), ops.mul(d, d) * 0.5, (d - 0.5 * delta) * delta),
        reduction,
    )


def poisson_nll_loss(
    x: Tensor, target: Tensor, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean"
) -> Tensor:
    """exp(x) - target x (log_input), or x - target log(x + eps); full adds Stirling's term."""
    x, target = _pair("poisson_nll_loss", x, target, reduction)
    loss = ops.exp(x) - target * x if log_input else x - target * ops.log(x + eps)
    if full:
        safe = at_least(target, 1.0)
        term = target * ops.log(safe) - target + ops.log(safe * (2 * math.pi)) * 0.5
        loss = loss + where(ops.greater(target, scalar(1.0, target.dtype)), term, 0.0)
    return reduced(loss, reduction)


def gaussian_nll_loss(
    x: Tensor, target: Tensor, var: Tensor, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """(log var + (x - target)^2 / var) / 2, with var at least eps."""
    choice("gaussian_nll_loss", "reduction", reduction, _REDUCTIONS)
    check_float("gaussian_nll_loss", "input", x)
    if var.ndim == x.ndim - 1:
        var = ops.unsqueeze(var, axes=[var.ndim])
    clamped = var + (at_least(var, eps) - var).detach()
    d = x - target
    loss = (ops.log(clamped) + d * d / clamped) * 0.5
    return reduced(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)


def kl_div(x: Tensor, target: Tensor, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """target (log target - x), x being log probabilities; reduction "batchmean" divides the sum by the batch."""
    choice("kl_div", "reduction", reduction, (*_REDUCTIONS, "batchmean"))
    x, target = _pair("kl_div", x, target, "none")
    if log_target:
        loss = ops.exp(target) * (target - x)
    else:
        zero = ops.less_or_equal(target, scalar(0.0, target.dtype))
        loss = where(zero, 0.0, target * ops.log(where(zero, 1.0, target))) - target * x
    return sum_(loss) / x.shape[0] if reduction == "batchmean" else reduced(loss, reduction)


# ---- classification --------------------------------------------------------------------------------------------------


def _classes(call: str, x: Tensor, target: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor]:
    if target.dtype not in ("i64", "i32"):
        type_error(f"{call}: target is {text_of(target)} (class indices: i64 or i32; astype('i64') converts)")
    if x.ndim == 1 and target.ndim == 0:
        x, target = ops.unsqueeze(x, axes=[0]), ops.unsqueeze(target, axes=[0])
    if x.ndim < 2 or x.shape[:1] + x.shape[2:] != target.shape:
        want = list(x.shape[:1] + x.shape[2:]) if x.ndim > 1 else []
        shape_error(
            f"{call}: input is {text_of(x)} and target {text_of(target)} (target of shape {want}: the input's without its classes on axis 1)"
        )
    if weight is not None and weight.shape != x.shape[1:2]:
        shape_error(
            f"{call}: weight is {text_of(weight)} and the input {text_of(x)} (one weight for each of {x.shape[1]} classes)"
        )
    return x, target


def _checked_classes(call: str, x: Tensor, target: Tensor, ignore_index: int) -> Tensor:
    """The target; values that are no classes are an error, in captured programs when they run."""
    rule = f"(classes 0..{x.shape[1] - 1}, or ignore_index {ignore_index})"
    if _neve.is_captured(target) or isinstance(x.shape[1], _neve.Dim):
        inside = ops.and_(
            ops.greater_or_equal(target, tensor(0, target.dtype)),
            ops.less(target, ints([x.shape[1]]).astype(target.dtype)),
        )
        fits = ops.or_(inside, ops.equal(target, tensor(ignore_index, target.dtype)))
        return required(target, fits.all(), f"{call}: target holds what is no class {rule}")
    t = np.asarray(target)
    bad = t[((t < 0) | (t >= x.shape[1])) & (t != ignore_index)]
    if bad.size:
        value_error(f"{call}: target holds {int(bad.flat[0])} {rule}")
    return target


def nll_loss(
    log_prob: Tensor, target: Tensor, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """-log_prob[target] * weight[target]: log_prob [n, classes, ...], target i64 [n, ...]; "mean" is over the weights."""
    choice("nll_loss", "reduction", reduction, _REDUCTIONS)
    check_float("nll_loss", "input", log_prob)
    check_tensor("nll_loss", "target", target)
    x, t = _classes("nll_loss", log_prob, target, weight)
    t = _checked_classes("nll_loss", x, t, ignore_index)
    loss = ops.negative_log_likelihood_loss(raised(x), t, weight, reduction=reduction, ignore_index=ignore_index)
    return reshape(loss, target.shape) if reduction == "none" else loss


def cross_entropy(
    x: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-log softmax(x)[target] * weight[target]: x [n, classes, ...], target i64 [n, ...] or probabilities of the shape of x.

    "mean" is over the weights of what is not ignored. label_smoothing mixes the target with equal probabilities.
    Source: torch.nn.functional.cross_entropy.
    """
    call = "cross_entropy"
    choice(call, "reduction", reduction, _REDUCTIONS)
    check_float(call, "input", x)
    check_tensor(call, "target", target)
    if not 0 <= label_smoothing <= 1:
        value_error(f"{call}: label_smoothing is {label_smoothing!r} (from 0 to 1)")
    x = raised(x)
    if target.shape == x.shape and target.dtype in ("f64", "f32", "bf16", "f16"):
        return _cross_entropy_of_probabilities(x, target.astype(x.dtype), weight, reduction, label_smoothing)
    shape = target.shape
    x, target = _classes(call, x, target, weight)
    target = _checked_classes(call, x, target, ignore_index)
    if label_smoothing == 0:
        loss = ops.softmax_cross_entropy_loss(x, target, weight, reduction=reduction, ignore_index=ignore_index)
        return reshape(loss, shape) if reduction == "none" else loss
    log_prob = ops.log_softmax(x, axis=1)
    ignored = ops.equal(target, tensor(ignore_index, target.dtype))
    safe = where(ignored, tensor(0, target.dtype), target)
    smooth = ops.neg(
        sum_(log_prob if weight is None else log_prob * reshape(weight, (1, -1) + (1,) * (x.ndim - 2)), (1,))
    )
    picked = ops.neg(ops.squeeze(ops.gather_elements(log_prob, ops.unsqueeze(safe, axes=[1]), axis=1), axes=[1]))
    w = where(
        ignored, 0.0, full(picked.shape, 1.0, picked.dtype) if weight is None else ops.gather(weight, safe, axis=0)
    )
    loss = picked * w * (1 - label_smoothing) + where(ignored, 0.0, smooth) * (label_smoothing / x.shape[1])
    if reduction == "mean":
        return ops.div(sum_(loss), sum_(w))
    return reshape(loss, shape) if reduction == "none" else sum_(loss)


def _cross_entropy_of_probabilities(
    x: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float
) -> Tensor:
    axis = 0 if x.ndim == 1 else 1
    classes = x.shape[axis]
    target = target * (1 - smoothing) + smoothing / classes if smoothing else target
    log_prob = ops.log_softmax(x, axis=axis)
    log_prob = (
        log_prob
        if weight is None
        else log_prob * reshape(weight, (-1,) if axis == 0 else (1, -1) + (1,) * (x.ndim - 2))
    )
    loss = ops.neg(sum_(ops.mul(log_prob, target), (axis,)))
    return sum_(loss) / (x.size // classes) if reduction == "mean" else reduced(loss, reduction)


def binary_cross_entropy(x: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean") -> Tensor:
    """-(target log x + (1 - target) log(1 - x)) of probabilities x; logarithms are at least -100."""
    x, target = _pair("binary_cross_entropy", x, target, reduction)
    rule = "(probabilities from 0 to 1; binary_cross_entropy_with_logits takes all numbers)"
    if _neve.is_captured(x):
        inside = ops.and_((x.detach() >= 0).all(), (x.detach() <= 1).all())
        target = required(target, inside, f"binary_cross_entropy: input holds other numbers {rule}")
    elif x.size:
        low, high = ops.reduce_min(x.detach(), keepdims=False).item(), ops.reduce_max(x.detach(), keepdims=False).item()
        if low < 0 or high > 1:
            value_error(f"binary_cross_entropy: input holds {low if low < 0 else high:g} {rule}")
    loss = ops.neg(target * at_least(ops.log(x), -100.0) + (1 - target) * at_least(ops.log(1 - x), -100.0))
    return reduced(loss if weight is None else loss * weight, reduction)


def binary_cross_entropy_with_logits(
    x: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean", pos_weight: Tensor | None = None
) -> Tensor:
    """binary_cross_entropy of sigmoid(x), without overflow; pos_weight scales the positive part."""
    x, target = _pair("binary_cross_entropy_with_logits", x, target, reduction)
    log = ops.neg(ops.log_sigmoid(x))  # log(1 + exp(-x))
    factor = 1 if pos_weight is None else (pos_weight - 1) * target + 1
    loss = (1 - target) * x + (log if pos_weight is None else factor * log)
    return reduced(loss if weight is None else loss * weight, reduction)


def soft_margin_loss(x: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """log(1 + exp(-target x)), target of -1 and 1."""
    x, target = _pair("soft_margin_loss", x, target, reduction)
    return reduced(ops.softplus(ops.neg(target * x)), reduction)


def hinge_embedding_loss(x: Tensor, target: Tensor, margin: float = 1.0, reduction: str = "mean") -> Tensor:
    """x where target is 1, max(0, margin - x) where it is -1."""
    x, target = _pair("hinge_embedding_loss", x, target, reduction)
    one = scalar(1.0, x.dtype)
    loss = where(ops.equal(target, one), 0.0, ops.relu(margin - x)) + where(ops.equal(target, ops.neg(one)), 0.0, x)
    return reduced(loss, reduction)


def margin_ranking_loss(x1: Tensor, x2: Tensor, target: Tensor, margin: float = 0.0, reduction: str = "mean") -> Tensor:
    """max(0, -target (x1 - x2) + margin)."""
    x1, x2 = _pair("margin_ranking_loss", x1, x2, reduction)
    return reduced(ops.relu(ops.neg(target * (x1 - x2)) + margin), reduction)


def cosine_embedding_loss(
    x1: Tensor, x2: Tensor, target: Tensor, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """1 - cos where target is 1, max(0, cos - margin) where it is -1; x1, x2 [n, d], target [n]."""
    x1, x2 = _pair("cosine_embedding_loss", x1, x2, reduction)
    if target.shape != x1.shape[:-1]:
        shape_error(
            f"cosine_embedding_loss: input is {text_of(x1)} and target {text_of(target)} (target of shape {list(x1.shape[:-1])})"
        )
    dot, n1, n2 = sum_(x1 * x2, (-1,)), sum_(x1 * x1, (-1,)) + 1e-12, sum_(x2 * x2, (-1,)) + 1e-12
    cos = dot / ops.sqrt(n1 * n2)
    one = tensor(1, target.dtype)
    loss = where(ops.equal(target, one), 1 - cos, 0.0) + where(
        ops.equal(target, ops.neg(one)), ops.relu(cos - margin), 0.0
    )
    return reduced(loss, reduction)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d the Lp distance; swap: the nearer negative."""
    _pair("triplet_margin_loss", anchor, positive, reduction)
    return triplet_margin_with_distance_loss(
        anchor,
        positive,
        negative,
        distance_function=lambda a, b: pairwise_distance(a, b, p, eps),
        margin=margin,
        swap=swap,
        reduction=reduction,
    )


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """triplet_margin_loss with a distance of one's own."""
    choice("triplet_margin_loss", "reduction", reduction, _REDUCTIONS)
    distance = distance_function or pairwise_distance
    far = distance(anchor, negative)
    far = ops.min(far, distance(positive, negative)) if swap else far
    return reduced(ops.relu(distance(anchor, positive) - far + margin), reduction)


def multi_margin_loss(
    x: Tensor, target: Tensor, p: int = 1, margin: float = 1.0, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """sum over other classes of max(0, margin - x[target] + x[i])^p, divided by the number of classes."""
    choice("multi_margin_loss", "reduction", reduction, _REDUCTIONS)
    x, target = _classes("multi_margin_loss", x, target, weight)
    target = _checked_classes("multi_margin_loss", x, target, -100)
    at = ops.unsqueeze(target, axes=[1])
    z = ops.relu(margin - ops.gather_elements(x, at, axis=1) + x)
    z = z * z if p == 2 else z
    z = z if weight is None else z * ops.unsqueeze(ops.gather(weight, target, axis=0), axes=[1])
    own = ops.one_hot(target, tensor(x.shape[1]), tensor([0, 1], "i64")).astype("bool")
    return reduced(sum_(where(own, 0.0, z), (1,)) / x.shape[1], reduction)


def multilabel_soft_margin_loss(
    x: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """Mean over classes of binary cross entropy with logits."""
    x, target = _pair("multilabel_soft_margin_loss", x, target, reduction)
    loss = ops.neg(target * ops.log_sigmoid(x) + (1 - target) * ops.log_sigmoid(ops.neg(x)))
    return reduced(mean(loss if weight is None else loss * weight, (-1,)), reduction)


# ---- sequences -------------------------------------------------------------------------------------------------------

_NEVER = -1e30  # a logarithm of probability zero that keeps sums and gradients finite


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """-log of the probability that the path reads as the targets. Source: Graves et al., 2006; torch.nn.functional.ctc_loss.

    log_probs [t, n, classes] (or [t, classes]); targets [n, s], or all joined in one axis; lengths [n].
    "mean" divides each loss by its target's length first. Cost: t steps of a few ops on [n, 2 s + 1].
    """
    choice("ctc_loss", "reduction", reduction, _REDUCTIONS)
    check_float("ctc_loss", "log_probs", log_probs)
    single = log_probs.ndim == 2
    log_probs = raised(ops.unsqueeze(log_probs, axes=[1]) if single else log_probs)
    if log_probs.ndim != 3:
        shape_error(f"ctc_loss: log_probs is {text_of(log_probs)} ([time, batch, classes])")
    steps, n, classes = log_probs.shape
    if not 0 <= blank < classes:
        value_error(f"ctc_loss: blank is {blank} (a class of 0..{classes - 1})")
    in_len, out_len = (np.asarray(v).reshape(-1).astype(np.int64) for v in (input_lengths, target_lengths))
    for name, v, most in (("input_lengths", in_len, steps), ("target_lengths", out_len, None)):
        if v.shape != (n,) or v.min(initial=0) < 0 or (most is not None and v.max(initial=0) > most):
            value_error(
                f"ctc_loss: {name} is {v.tolist()} and log_probs {text_of(log_probs)} ({n} lengths{f' of at most {most}' if most else ''})"
            )
    labels = _labels(np.asarray(targets), out_len, n, blank)
    s = labels.shape[1]
    # skip[b, i]: a path may come from i - 2, which holds another label
    skip = np.zeros((n, s), dtype=bool)
    skip[:, 2:] = (labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])
    at = ops.expand(tensor(labels[None]), [steps, n, s])
    emit = ops.gather_elements(log_probs, at, axis=2)
    start = tensor(
        np.where(np.arange(s)[None] < np.where(out_len[:, None] > 0, 2, 1), 0.0, _NEVER).astype(np.float64),
        log_probs.dtype,
    )
    never = full((n, 2), _NEVER, log_probs.dtype)
    may_skip = tensor(skip)
    alpha = ops.add(ops.squeeze(ops.slice(emit, [0], [1], [0], None), axes=[0]), start)
    for t in range(1, int(in_len.max(initial=1))):
        padded = concat([never, alpha], 1)
        one = ops.slice(padded, [1], [s + 1], [1], None)
        two = where(may_skip, ops.slice(padded, [0], [s], [1], None), _NEVER)
        joined = ops.reduce_log_sum_exp(
            concat([ops.unsqueeze(v, axes=[0]) for v in (alpha, one, two)], 0), axes=[0], keepdims=False
        )
        new = at_least(ops.add(joined, ops.squeeze(ops.slice(emit, [t], [t + 1], [0], None), axes=[0])), _NEVER)
        alive = in_len > t
        alpha = new if alive.all() else ops.where(tensor(alive[:, None]), new, alpha)
    last = np.stack([2 * out_len, np.maximum(2 * out_len - 1, 0)], axis=1)
    ends = ops.gather_elements(alpha, tensor(last), axis=1)
    if (out_len == 0).any():
        ends = where(tensor(np.stack([np.zeros(n, bool), out_len == 0], axis=1)), _NEVER, ends)
    loss = ops.neg(ops.reduce_log_sum_exp(ends, axes=[1], keepdims=False))
    impossible = ops.greater(loss, scalar(-_NEVER / 2, loss.dtype))
    loss = where(impossible, 0.0 if zero_infinity else math.inf, loss)
    if reduction == "mean":
        return mean(loss / tensor(np.maximum(out_len, 1).astype(np.float64), loss.dtype))
    return sum_(loss) if reduction == "sum" else reshape(loss, ()) if single else loss


def _labels(targets: np.ndarray, lengths: np.ndarray, n: int, blank: int) -> np.ndarray:
    """[n, 2 s + 1]: the targets with blanks between and around them."""
    longest = int(lengths.max(initial=0))
    if targets.ndim == 1 and not (n == 1 and targets.size >= longest):
        if targets.size != lengths.sum():
            shape_error(
                f"ctc_loss: targets has {targets.size} labels and the lengths sum to {int(lengths.sum())} (as many)"
            )
        ends = np.cumsum(lengths)
        rows = [targets[e - k : e] for e, k in zip(ends, lengths)]
    else:
        targets = targets.reshape(n, -1) if targets.ndim == 1 else targets
        if targets.ndim != 2 or targets.shape[0] != n or targets.shape[1] < longest:
            shape_error(
                f"ctc_loss: targets has the shape {list(targets.shape)} and target_lengths reach {longest} ([{n}, at least {longest}])"
            )
        rows = [row[:k] for row, k in zip(targets, lengths)]
    made = np.full((n, 2 * longest + 1), blank, dtype=np.int64)
    for i, row in enumerate(rows):
        made[i, 1 : 2 * len(row) : 2] = row
    return made
