"""Helpers of training: clipping of gradients, and parameters as one vector."""

from __future__ import annotations

import math
from collections.abc import Iterable

from .._core import (
    Tensor,
    _neve,
    concat,
    no_grad,
    ops,
    prod,
    reshape,
    scalar,
    shape_error,
    sum_,
    tensor,
    text_of,
    value_error,
)

__all__ = ["clip_grad_norm_", "clip_grad_value_", "get_total_norm", "parameters_to_vector", "vector_to_parameters"]


def _grads(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    found: Iterable[Tensor] = [parameters] if isinstance(parameters, Tensor) else parameters
    return [g for g in (p.grad for p in found) if g is not None]


def get_total_norm(tensors: Iterable[Tensor], norm_type: float = 2.0) -> Tensor:
    """The Lp norm of all elements of all tensors, f32 or f64."""
    tensors = list(tensors)
    if not tensors:
        return tensor(0.0, "f32")
    with no_grad():
        if norm_type == 2:
            return tensor(_neve.total_norm(tensors), "f64" if any(t.dtype == "f64" for t in tensors) else "f32")
        wide = [t if t.dtype == "f64" else t.astype("f32") for t in tensors]
        if math.isinf(norm_type):
            parts = [ops.reduce_max(ops.abs(t), keepdims=False) for t in wide]
            return ops.reduce_max(concat([reshape(p, (1,)) for p in parts], 0), keepdims=False)
        if not norm_type > 0:
            value_error(f"get_total_norm: norm_type is {norm_type!r} (above 0, or inf)")
        parts = [sum_(ops.abs(t) ** norm_type) for t in wide]
        dtype = "f64" if any(p.dtype == "f64" for p in parts) else "f32"
        return sum_(concat([reshape(p.astype(dtype), (1,)) for p in parts], 0)) ** (1 / norm_type)


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """Scales all gradients in place so that their common norm is at most max_norm; returns the norm before.

    Raises Error{invalid_argument} where the norm is not finite and error_if_nonfinite. Source: torch.nn.utils.clip_grad_norm_.
    """
    if not max_norm >= 0:
        value_error(f"clip_grad_norm_: max_norm is {max_norm!r} (0 or more)")
    grads = _grads(parameters)
    total = get_total_norm(grads, norm_type)
    if error_if_nonfinite and not math.isfinite(total.item()):
        value_error(
            f"clip_grad_norm_: the norm of the gradients is {total.item()} (finite; error_if_nonfinite=False lets it pass)"
        )
    with no_grad():
        factor = float(max_norm / (total.item() + 1e-6))
        if factor < 1 or not math.isfinite(factor):
            for g in grads:
                if g.dtype in ("f32", "f64") and g.is_contiguous():
                    _neve.scale_([g], factor)
                else:
                    g *= factor
    return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Bounds every element of the gradients to [-clip_value, clip_value], in place."""
    if not clip_value >= 0:
        value_error(f"clip_grad_value_: clip_value is {clip_value!r} (0 or more)")
    with no_grad():
        for g in _grads(parameters):
            g.copy_(ops.clip(g, scalar(-clip_value, g.dtype), scalar(clip_value, g.dtype)))


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters as one vector."""
    return concat([reshape(p, (-1,)) for p in parameters], 0)


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Copies the parts of a vector into parameters: the reverse of parameters_to_vector."""
    parameters = list(parameters)
    if vec.ndim != 1 or vec.size != sum(p.size for p in parameters):
        shape_error(
            f"vector_to_parameters: the vector is {text_of(vec)} and the parameters have {sum(p.size for p in parameters)} elements (as many)"
        )
    at = 0
    with no_grad():
        for p in parameters:
            p.copy_(reshape(vec[at : at + prod(p.shape)], p.shape))
            at += prod(p.shape)
