"""Attention layers and the transformer's encoder and decoder."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

from . import _f_basic, init
from ._core import Tensor, check_float, full, ops, positive, shape_error, text_of, type_error, value_error
from ._f_attention import multi_head_attention_forward
from .activation import Dropout
from .containers import ModuleList
from .linear import Linear, parameter
from .module import Module
from .norm import LayerNorm


class MultiheadAttention(Module):
    """softmax(q k^T / sqrt(d)) v in several heads, between linear layers. Source: Vaswani et al., 2017; torch.nn.MultiheadAttention."""

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, add_bias_kv: bool = False, add_zero_attn: bool = False,
        kdim: int | None = None, vdim: int | None = None, batch_first: bool = False, *, dtype: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        positive("MultiheadAttention", embed_dim=embed_dim, num_heads=num_heads)
        if embed_dim % num_heads:
            value_error(
                f"MultiheadAttention: embed_dim is {embed_dim} and num_heads {num_heads} (num_heads divides embed_dim)"
            )
        self.embed_dim, self.num_heads, self.dropout, self.batch_first, self.add_zero_attn = (
            embed_dim,
            num_heads,
            dropout,
            batch_first,
            add_zero_attn,
        )
        self.kdim, self.vdim, self.head_dim = kdim or embed_dim, vdim or embed_dim, embed_dim // num_heads
        e, self._one_weight = embed_dim, self.kdim == embed_dim and self.vdim == embed_dim
        self.register_parameter("in_proj_weight", parameter((3 * e, e), dtype) if self._one_weight else None)
        for name, size in (("q", e), ("k", self.kdim), ("v", self.vdim)):
            self.register_parameter(f"{name}_proj_weight", None if self._one_weight else parameter((e, size), dtype))
        self.register_parameter("in_proj_bias", parameter((3 * e,), dtype) if bias else None)
        self.out_proj = Linear(e, e, bias, dtype=dtype)
        self.register_parameter("bias_k", parameter((1, 1, e), dtype) if add_bias_kv else None)
        self.register_parameter("bias_v", parameter((1, 1, e), dtype) if add_bias_kv else None)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for w in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if w is not None:
                init.xavier_uniform_(w)
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        for b in (self.bias_k, self.bias_v):
            if b is not None:
                init.xavier_normal_(b)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None = None, need_weights: bool = True,
        attn_mask: Tensor | None = None, average_attn_weights: bool = True, is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """query [s, n, e], key [t, n, kdim], value [t, n, vdim] ([n, s, ...] with batch_first; or without batch).

        attn_mask [s, t] or [n * heads, s, t], key_padding_mask [n, t]: True may not be seen; floats are added. is_causal: a
        hint that attn_mask is the causal mask, or that mask where there is none. Returns the result and the weights
        [n, s, t] (or [n, heads, s, t], or None without need_weights). Cost: need_weights keeps all weights in memory.
        """
        call = "MultiheadAttention"
        for name, t, size in (("query", query, self.embed_dim), ("key", key, self.kdim), ("value", value, self.vdim)):
            check_float(call, name, t)
            if t.ndim not in (2, 3) or t.shape[-1] != size:
                order = "batch, sequence" if self.batch_first else "sequence, batch"
                shape_error(f"{call}: {name} is {text_of(t)} ([{order}, {size}], or without batch)")
            if t.ndim != query.ndim:
                shape_error(
                    f"{call}: query is {text_of(query)} and {name} {text_of(t)} (all with a batch, or all without)"
                )
        single = query.ndim == 2

        def batch_first(t: Tensor) -> Tensor:
            return ops.unsqueeze(t, axes=[0]) if single else t if self.batch_first else ops.transpose(t, perm=[1, 0, 2])

        q = batch_first(query)
        k = q if key is query else batch_first(key)
        v = k if value is key else batch_first(value)
        if k.shape[:2] != v.shape[:2] or k.shape[0] != q.shape[0]:
            shape_error(
                f"{call}: query is {text_of(query)}, key {text_of(key)} and value {text_of(value)} (one batch; key and value of one length)"
            )
        if single and key_padding_mask is not None and key_padding_mask.ndim == 1:
            key_padding_mask = key_padding_mask[None]
        weights = (
            (self.in_proj_weight,) if self._one_weight else (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        )
        y, attention = multi_head_attention_forward(
            q, k, v, self.num_heads, weights, self.in_proj_bias, self.bias_k, self.bias_v, self.add_zero_attn,
            self.dropout if self.training else 0.0, self.out_proj.weight, self.out_proj.bias, key_padding_mask, need_weights,
            attn_mask, average_attn_weights, is_causal,
        )  # fmt: skip
        if single:
            return y[0], None if attention is None else attention[0]
        return y if self.batch_first else ops.transpose(y, perm=[1, 0, 2]), attention


def _activation(call: str, activation: str | Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    if activation in ("relu", "gelu"):
        return getattr(_f_basic, activation)
    if not callable(activation):
        value_error(f"{call}: activation is {activation!r} ('relu', 'gelu' or a function)")
    return activation


class _Layer(Module):
    """What encoder and decoder layers share: self attention, and the two linear layers."""

    def _build(
        self, d_model: int, nhead: int, dim_feedforward: int, dropout: float, activation: Any, eps: float, batch_first: bool, norm_first: bool,
        bias: bool, dtype: str | None, norms: int,
    ) -> None:  # fmt: skip
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, dtype=dtype)
        if norms == 3:
            self.multihead_attn = MultiheadAttention(
                d_model, nhead, dropout, bias, batch_first=batch_first, dtype=dtype
            )
        self.linear1 = Linear(d_model, dim_feedforward, bias, dtype=dtype)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, dtype=dtype)
        for i in range(1, norms + 1):
            setattr(self, f"norm{i}", LayerNorm(d_model, eps, bias=bias, dtype=dtype))
        for i in range(1, norms + 1):
            setattr(self, f"dropout{i}", Dropout(dropout))
        self.norm_first, self.activation = norm_first, _activation(type(self).__name__, activation)

    def _feed(self, x: Tensor) -> Tensor:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))

    def _attend(self, x: Tensor, mask: Tensor | None, padding: Tensor | None, causal: bool) -> Tensor:
        return self.self_attn(x, x, x, padding, False, mask, is_causal=causal)[0]


class TransformerEncoderLayer(_Layer):
    """Self attention, then two linear layers, each with a residual and a norm. Source: Vaswani et al., 2017; torch.nn's."""

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1, activation: Any = "relu", layer_norm_eps: float = 1e-5,
        batch_first: bool = False, norm_first: bool = False, bias: bool = True, *, dtype: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._build(
            d_model,
            nhead,
            dim_feedforward,
            dropout,
            activation,
            layer_norm_eps,
            batch_first,
            norm_first,
            bias,
            dtype,
            2,
        )

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        x, args = src, (src_mask, src_key_padding_mask, is_causal)
        if self.norm_first:
            x = x + self.dropout1(self._attend(self.norm1(x), *args))
            return x + self.dropout2(self._feed(self.norm2(x)))
        x = self.norm1(x + self.dropout1(self._attend(x, *args)))
        return self.norm2(x + self.dropout2(self._feed(x)))


class TransformerDecoderLayer(_Layer):
    """Self attention, attention to the memory, two linear layers. Source: Vaswani et al., 2017; torch.nn's."""

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1, activation: Any = "relu", layer_norm_eps: float = 1e-5,
        batch_first: bool = False, norm_first: bool = False, bias: bool = True, *, dtype: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._build(
            d_model,
            nhead,
            dim_feedforward,
            dropout,
            activation,
            layer_norm_eps,
            batch_first,
            norm_first,
            bias,
            dtype,
            3,
        )

    def forward(
        self, tgt: Tensor, memory: Tensor, tgt_mask: Tensor | None = None, memory_mask: Tensor | None = None, tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None, tgt_is_causal: bool = False, memory_is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        def cross(x: Tensor) -> Tensor:
            return self.multihead_attn(
                x, memory, memory, memory_key_padding_mask, False, memory_mask, is_causal=memory_is_causal
            )[0]

        x, args = tgt, (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        if self.norm_first:
            x = x + self.dropout1(self._attend(self.norm1(x), *args))
            x = x + self.dropout2(cross(self.norm2(x)))
            return x + self.dropout3(self._feed(self.norm3(x)))
        x = self.norm1(x + self.dropout1(self._attend(x, *args)))
        x = self.norm2(x + self.dropout2(cross(x)))
        return self.norm3(x + self.dropout3(self._feed(x)))


def _copies(layer: Module, n: int, call: str) -> ModuleList:
    if not isinstance(layer, Module):
        type_error(f"{call}: the layer is {text_of(layer)} (an nn.Module)")
    positive(call, num_layers=n)
    return ModuleList(copy.deepcopy(layer) for _ in range(n))


class TransformerEncoder(Module):
    """num_layers copies of an encoder layer, and a norm at the end if given. Source: torch.nn.TransformerEncoder."""

    def __init__(
        self, encoder_layer: Module, num_layers: int, norm: Module | None = None, enable_nested_tensor: bool = True
    ) -> None:
        super().__init__()
        self.layers, self.num_layers, self.norm = (
            _copies(encoder_layer, num_layers, "TransformerEncoder"),
            num_layers,
            norm,
        )

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, bool(is_causal))
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module):
    """num_layers copies of a decoder layer, and a norm at the end if given. Source: torch.nn.TransformerDecoder."""

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers, self.num_layers, self.norm = (
            _copies(decoder_layer, num_layers, "TransformerDecoder"),
            num_layers,
            norm,
        )

    def forward(
        self, tgt: Tensor, memory: Tensor, tgt_mask: Tensor | None = None, memory_mask: Tensor | None = None, tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None, tgt_is_causal: bool | None = None, memory_is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        for layer in self.layers:
            tgt = layer(
                tgt,
                memory,
                tgt_mask,
                memory_mask,
                tgt_key_padding_mask,
                memory_key_padding_mask,
                bool(tgt_is_causal),
                memory_is_causal,
            )
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """Encoder and decoder. Source: Vaswani et al., 2017; torch.nn.Transformer."""

    def __init__(
        self, d_model: int = 512, nhead: int = 8, num_encoder_layers: int = 6, num_decoder_layers: int = 6, dim_feedforward: int = 2048,
        dropout: float = 0.1, activation: Any = "relu", custom_encoder: Module | None = None, custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5, batch_first: bool = False, norm_first: bool = False, bias: bool = True, *, dtype: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        args: Any = (
            d_model,
            nhead,
            dim_feedforward,
            dropout,
            activation,
            layer_norm_eps,
            batch_first,
            norm_first,
            bias,
        )
        norms = [LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype) for _ in range(2)]
        self.encoder = custom_encoder or TransformerEncoder(
            TransformerEncoderLayer(*args, dtype=dtype), num_encoder_layers, norms[0]
        )
        self.decoder = custom_decoder or TransformerDecoder(
            TransformerDecoderLayer(*args, dtype=dtype), num_decoder_layers, norms[1]
        )
        for p in self.parameters():
            if p.ndim > 1:
                init.xavier_uniform_(p)
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def forward(
        self, src: Tensor, tgt: Tensor, src_mask: Tensor | None = None, tgt_mask: Tensor | None = None, memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None, tgt_key_padding_mask: Tensor | None = None, memory_key_padding_mask: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        memory = self.encoder(src, src_mask, src_key_padding_mask)
        return self.decoder(tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)

    @staticmethod
    def generate_square_subsequent_mask(sz: int, dtype: str = "f32") -> Tensor:
        """[sz, sz]: -inf above the diagonal, 0 elsewhere."""
        return ops.trilu(full((sz, sz), -math.inf, dtype), [1], upper=True)
