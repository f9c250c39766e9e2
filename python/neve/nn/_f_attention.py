"""Functions: attention."""

from __future__ import annotations

import math

from ._core import (
    Tensor,
    check_float,
    concat,
    expand,
    fail,
    lowered,
    mean,
    ops,
    reshape,
    scalar,
    shape_error,
    text_of,
    transpose,
    type_error,
    where,
    zeros,
)
from ._f_basic import dropout, linear


def _additive(mask: Tensor, like: Tensor) -> Tensor:
    return mask.astype(like.dtype)


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(scale query key^T + mask) value: [..., s, d], [..., t, d], [..., t, e] -> [..., s, e].

    attn_mask: bool (true: may be seen) or float (added), broadcasts to [..., s, t]. is_causal: position i sees keys up
    to i. enable_gqa: several heads of query share one of key and value. Source: torch.nn.functional's.
    """
    call = "scaled_dot_product_attention"
    for name, t in (("query", query), ("key", key), ("value", value)):
        check_float(call, name, t)
    if (
        query.ndim < 2
        or key.ndim != query.ndim
        or value.ndim != query.ndim
        or query.shape[-1] != key.shape[-1]
        or key.shape[-2] != value.shape[-2]
    ):
        shape_error(
            f"{call}: query is {text_of(query)}, key {text_of(key)}, value {text_of(value)} ([..., s, d], [..., t, d] and [..., t, e])"
        )
    if is_causal and attn_mask is not None:
        fail("invalid_argument", f"{call}: there is a mask, and is_causal is True (one of them)")
    if attn_mask is not None and attn_mask.dtype != "bool" and attn_mask.dtype not in ("f16", "bf16", "f32", "f64"):
        type_error(f"{call}: attn_mask is {text_of(attn_mask)} (bool, or a float that is added)")
    query, key, value = lowered(query, key, value)
    lead = query.shape[:-2]
    if query.ndim > 2 and not enable_gqa and key.shape[:-2] != lead:
        key, value = (expand(t, lead + t.shape[-2:]) for t in (key, value))
    if dropout_p == 0.0:
        q, k, v = (_of_rank_four(t) for t in (query, key, value))
        mask = attn_mask
        if mask is not None:
            mask = mask if mask.dtype == "bool" else _additive(mask, query)
            if query.ndim > 4 and mask.ndim > 2:
                mask = _of_rank_four(expand(mask, (*lead, *mask.shape[-2:])))
            elif query.ndim == 3 and mask.ndim == 3:
                mask = ops.unsqueeze(mask, axes=[0])
        y = ops.scaled_dot_product_attention(
            q, k, v, mask, scale=float(scale or 0.0), causal="upper_left" if is_causal else "none"
        )
        return y if query.ndim == 4 else reshape(y, (*lead, query.shape[-2], value.shape[-1]))
    if enable_gqa and key.shape[-3] != query.shape[-3]:
        key, value = (_repeat_heads(t, query.shape[-3]) for t in (key, value))
    y, _ = _with_weights(query, key, value, attn_mask, dropout_p, is_causal, scale)
    return y


def _of_rank_four(t: Tensor) -> Tensor:
    if t.ndim == 4:
        return t
    lead = (1, 1, *t.shape[:-2])[-2:] if t.ndim < 4 else (-1, t.shape[-3])
    return reshape(t, (*lead, *t.shape[-2:]))


def _repeat_heads(t: Tensor, heads: int) -> Tensor:
    *lead, g, n, d = t.shape
    return reshape(expand(reshape(t, (*lead, g, 1, n, d)), (*lead, g, heads // g, n, d)), (*lead, heads, n, d))


def _causal(s: int, t: int) -> Tensor:
    return ops.trilu(ops.constant_of_shape([s, t], value=scalar(1.0, "f32")[None]), upper=False).astype("bool")


def _with_weights(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, dropout_p: float, is_causal: bool, scale: float | None
) -> tuple[Tensor, Tensor]:
    scores = ops.matmul(q * (scale if scale is not None else 1 / math.sqrt(q.shape[-1])), transpose(k, -1, -2))
    if is_causal:
        mask = _causal(q.shape[-2], k.shape[-2])
    if mask is not None:
        scores = where(mask, scores, -math.inf) if mask.dtype == "bool" else ops.add(scores, _additive(mask, scores))
    weights = ops.softmax(scores, axis=-1)
    return ops.matmul(dropout(weights, dropout_p), v), weights


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    num_heads: int,
    in_proj: tuple[Tensor, ...],
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attention of several heads on [batch, sequence, features]; in_proj: one weight [3 e, e], or those of q, k and v.

    Masks are as in torch: True (or -inf) in attn_mask [s, t] or [batch * heads, s, t] and key_padding_mask [batch, t] may
    not be seen. Returns the result [batch, s, e] and the weights (averaged over heads, or [batch, heads, s, t], or None).
    """
    batch, s, e = query.shape
    bq, bk, bv = (None, None, None) if in_proj_bias is None else ops.split(in_proj_bias, axis=0, num_outputs=3)
    if len(in_proj) == 1 and query is key and key is value:
        q, k, v = ops.split(linear(query, in_proj[0], in_proj_bias), axis=2, num_outputs=3)
    else:
        wq, wk, wv = ops.split(in_proj[0], axis=0, num_outputs=3) if len(in_proj) == 1 else in_proj
        q, k, v = linear(query, wq, bq), linear(key, wk, bk), linear(value, wv, bv)
    extra = 0
    if bias_k is not None and bias_v is not None:
        k, v = (concat([t, expand(b, (batch, 1, e)).astype(t.dtype)], 1) for t, b in ((k, bias_k), (v, bias_v)))
        extra += 1
    if add_zero_attn:
        k, v = (concat([t, zeros((batch, 1, e), t.dtype)], 1) for t in (k, v))
        extra += 1
    t = k.shape[1]
    q, k, v = (transpose(reshape(m, (batch, -1, num_heads, e // num_heads)), 1, 2) for m in (q, k, v))
    mask = _joined_mask(
        attn_mask, key_padding_mask, is_causal and attn_mask is None, batch, num_heads, s, t, extra, q.dtype
    )
    if need_weights:
        y, weights = _with_weights(q, k, v, mask, dropout_p, False, None)
        weights = mean(weights, (1,)) if average_attn_weights else weights
    else:
        y, weights = scaled_dot_product_attention(q, k, v, mask, dropout_p), None
    return linear(reshape(transpose(y, 1, 2), (batch, s, e)), out_proj_weight, out_proj_bias), weights


def _joined_mask(
    attn: Tensor | None,
    padding: Tensor | None,
    causal: bool,
    batch: int,
    heads: int,
    s: int,
    t: int,
    extra: int,
    dtype: str,
) -> Tensor | None:
    """What may be seen (bool), or what is added (float), of both masks, for [batch, heads, s, t]."""
    call = "MultiheadAttention"
    if causal:
        attn = ops.not_(_causal(s, t - extra))
    if attn is not None:
        if attn.shape not in ((s, t - extra), (batch * heads, s, t - extra)):
            shape_error(
                f"{call}: attn_mask is {text_of(attn)} ([{s}, {t - extra}] or [{batch * heads}, {s}, {t - extra}])"
            )
        attn = attn if attn.ndim == 2 else reshape(attn, (batch, heads, s, t - extra))
    if padding is not None:
        if padding.shape != (batch, t - extra):
            shape_error(f"{call}: key_padding_mask is {text_of(padding)} ([{batch}, {t - extra}])")
        padding = reshape(padding, (batch, 1, 1, t - extra))
    masks = [m for m in (attn, padding) if m is not None]
    for m in masks:
        if m.dtype not in ("bool", "f16", "bf16", "f32", "f64"):
            type_error(f"{call}: a mask is {text_of(m)} (bool: True may not be seen; or a float that is added)")
    if extra:
        masks = [ops.pad(m.astype("f32"), [0, extra], None, [m.ndim - 1]).astype(m.dtype) for m in masks]
    if not masks:
        return None
    if all(m.dtype == "bool" for m in masks):
        return ops.not_(masks[0] if len(masks) == 1 else ops.or_(*masks))
    added = [
        where(m, scalar(-math.inf, dtype), scalar(0.0, dtype)) if m.dtype == "bool" else m.astype(dtype) for m in masks
    ]
    return added[0] if len(added) == 1 else ops.add(*added)
