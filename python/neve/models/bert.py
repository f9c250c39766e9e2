"""A BERT encoder, with the parameter names of transformers' BertModel."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import nn
from .._functions import arange, zeros_like
from ..nn import functional as F
from ..nn._core import Tensor, value_error


class BertOutput(NamedTuple):
    """last_hidden_state [N, L, hidden]; pooler_output [N, hidden], or None for a model without pooler."""

    last_hidden_state: Tensor
    pooler_output: Tensor | None


class BertEmbeddings(nn.Module):
    """Sums of the embeddings of words, positions and kinds of sentence, normed."""

    def __init__(
        self, vocab: int, hidden: int, positions: int, types: int, pad: int, eps: float, dropout: float
    ) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(vocab, hidden, padding_idx=pad)
        self.position_embeddings = nn.Embedding(positions, hidden)
        self.token_type_embeddings = nn.Embedding(types, hidden)
        self.LayerNorm = nn.LayerNorm(hidden, eps=eps)
        self.dropout = nn.Dropout(dropout)

    def forward(self, input_ids: Tensor, token_type_ids: Tensor) -> Tensor:
        words = self.word_embeddings(input_ids) + self.token_type_embeddings(token_type_ids)
        return self.dropout(self.LayerNorm(words + self.position_embeddings(arange(input_ids.shape[1]))))


class BertSelfAttention(nn.Module):
    """Attention of several heads with weights of their own for query, key and value."""

    def __init__(self, hidden: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.p = heads, dropout
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(hidden, hidden)
        self.value = nn.Linear(hidden, hidden)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        n, length, hidden = x.shape
        q, k, v = (
            layer(x).reshape(n, length, self.heads, hidden // self.heads).permute(0, 2, 1, 3)
            for layer in (self.query, self.key, self.value)
        )
        y = F.scaled_dot_product_attention(q, k, v, mask, self.p if self.training else 0.0)
        return y.permute(0, 2, 1, 3).reshape(n, length, hidden)


class BertResidual(nn.Module):
    """A linear layer whose result is added to the shortcut and normed."""

    def __init__(self, inputs: int, hidden: int, eps: float, dropout: float) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, hidden)
        self.LayerNorm = nn.LayerNorm(hidden, eps=eps)
        self.dropout = nn.Dropout(dropout)

    def forward(self, y: Tensor, shortcut: Tensor) -> Tensor:
        return self.LayerNorm(self.dropout(self.dense(y)) + shortcut)


class BertAttention(nn.Module):
    """Attention beside a shortcut."""

    def __init__(self, hidden: int, heads: int, eps: float, dropout: float, attention_dropout: float) -> None:
        super().__init__()
        self.self = BertSelfAttention(hidden, heads, attention_dropout)
        self.output = BertResidual(hidden, hidden, eps, dropout)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        return self.output(self.self(x, mask), x)


class BertIntermediate(nn.Module):
    """A linear layer and GELU."""

    def __init__(self, hidden: int, inside: int) -> None:
        super().__init__()
        self.dense = nn.Linear(hidden, inside)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.dense(x))


class BertLayer(nn.Module):
    """One layer of the encoder."""

    def __init__(
        self, hidden: int, heads: int, inside: int, eps: float, dropout: float, attention_dropout: float
    ) -> None:
        super().__init__()
        self.attention = BertAttention(hidden, heads, eps, dropout, attention_dropout)
        self.intermediate = BertIntermediate(hidden, inside)
        self.output = BertResidual(inside, hidden, eps, dropout)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        x = self.attention(x, mask)
        return self.output(self.intermediate(x), x)


class BertEncoder(nn.Module):
    """The layers, one after the other."""

    def __init__(self, layers: int, **sizes: Any) -> None:
        super().__init__()
        self.layer = nn.ModuleList([BertLayer(**sizes) for _ in range(layers)])

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        for layer in self.layer:
            x = layer(x, mask)
        return x


class BertPooler(nn.Module):
    """The first position through a linear layer and tanh."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.dense = nn.Linear(hidden, hidden)

    def forward(self, x: Tensor) -> Tensor:
        return F.tanh(self.dense(x[:, 0]))


class BertModel(nn.Module):
    """Words i64[N, L], mask and kinds of sentence i64[N, L] to BertOutput; the sizes by default are those of BERT base.

    attention_mask: 1 (or true) where a word may be seen. token_type_ids: 0 where none are given.
    Raises Error{invalid_argument} where heads do not divide hidden_size or words are outside of the vocabulary.
    Source: Devlin et al., 2019; names as in transformers.BertModel.
    """

    def __init__(
        self,
        vocab_size: int = 30522,
        hidden_size: int = 768,
        num_hidden_layers: int = 12,
        num_attention_heads: int = 12,
        intermediate_size: int = 3072,
        max_position_embeddings: int = 512,
        type_vocab_size: int = 2,
        hidden_dropout_prob: float = 0.1,
        attention_probs_dropout_prob: float = 0.1,
        layer_norm_eps: float = 1e-12,
        pad_token_id: int = 0,
        add_pooling_layer: bool = True,
        initializer_range: float = 0.02,
    ) -> None:
        super().__init__()
        if hidden_size % num_attention_heads:
            value_error(
                f"BertModel: hidden_size is {hidden_size} and num_attention_heads {num_attention_heads} (a divisor)"
            )
        self.embeddings = BertEmbeddings(
            vocab_size, hidden_size, max_position_embeddings, type_vocab_size, pad_token_id, layer_norm_eps, hidden_dropout_prob
        )  # fmt: skip
        self.encoder = BertEncoder(
            num_hidden_layers, hidden=hidden_size, heads=num_attention_heads, inside=intermediate_size, eps=layer_norm_eps,
            dropout=hidden_dropout_prob, attention_dropout=attention_probs_dropout_prob,
        )  # fmt: skip
        self.pooler = BertPooler(hidden_size) if add_pooling_layer else None
        normal_weights(self, initializer_range)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, token_type_ids: Tensor | None = None
    ) -> BertOutput:
        mask = None
        if attention_mask is not None:
            n, length = attention_mask.shape
            mask = (attention_mask != 0).reshape(n, 1, 1, length)
        x = self.embeddings(input_ids, zeros_like(input_ids) if token_type_ids is None else token_type_ids)
        x = self.encoder(x, mask)
        return BertOutput(x, None if self.pooler is None else self.pooler(x))


def normal_weights(model: nn.Module, std: float) -> None:
    """Weights of linear layers and embeddings from a normal distribution (zeros for the padding), biases 0."""
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, 0.0, std)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
            nn.init.zeros_(module.weight.detach()[module.padding_idx])
