"""A GPT-2 decoder that keeps keys and values while it generates, with the parameter names of transformers' GPT2LMHeadModel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from .. import nn, random
from .._functions import arange, concat, where
from ..autograd import no_grad
from ..nn import functional as F
from ..nn._core import Tensor, check_tensor, shape_error, text_of, value_error
from ..ops import scaled_dot_product_attention, split, top_k

Past = tuple[Tensor, Tensor]  # keys and values of one layer, [N, heads, length, hidden / heads]


class GPT2Output(NamedTuple):
    """logits [N, L, vocabulary]; past: keys and values of every layer, or None where none were asked for."""

    logits: Tensor
    past: list[Past] | None


class Conv1D(nn.Module):
    """x weight + bias: a linear layer whose weight is [inputs, outputs]."""

    def __init__(self, outputs: int, inputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(random.normal(0.0, 0.02, (inputs, outputs)))
        self.bias = nn.Parameter(random.normal(0.0, 0.02, (outputs,)))
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        *lead, inputs = x.shape
        return (x.reshape(-1, inputs) @ self.weight + self.bias).reshape(*lead, self.weight.shape[1])


class GPT2Attention(nn.Module):
    """Attention to the positions before, and to what is kept of earlier calls."""

    def __init__(self, hidden: int, heads: int, attn_pdrop: float, resid_pdrop: float) -> None:
        super().__init__()
        self.heads, self.p = heads, attn_pdrop
        self.c_attn = Conv1D(3 * hidden, hidden)
        self.c_proj = Conv1D(hidden, hidden)
        self.resid_dropout = nn.Dropout(resid_pdrop)

    def forward(self, x: Tensor, past: Past | None) -> tuple[Tensor, Past]:
        n, length, hidden = x.shape
        q, k, v = (
            part.reshape(n, length, self.heads, hidden // self.heads).permute(0, 2, 1, 3)
            for part in split(self.c_attn(x), axis=2, num_outputs=3)
        )
        if past is not None:
            k, v = concat([past[0], k], axis=2), concat([past[1], v], axis=2)
        if self.training and self.p:
            total = k.shape[2]
            seen = arange(total).reshape(1, total) <= arange(total - length, total).reshape(length, 1)
            y = F.scaled_dot_product_attention(q, k, v, seen, self.p)
        else:
            y = scaled_dot_product_attention(q, k, v, None, causal="lower_right")
        return self.resid_dropout(self.c_proj(y.permute(0, 2, 1, 3).reshape(n, length, hidden))), (k, v)


class GPT2MLP(nn.Module):
    """Two linear layers with GELU (its tanh form) between."""

    def __init__(self, hidden: int, inside: int, resid_pdrop: float) -> None:
        super().__init__()
        self.c_fc = Conv1D(inside, hidden)
        self.c_proj = Conv1D(hidden, inside)
        self.dropout = nn.Dropout(resid_pdrop)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.c_proj(F.gelu(self.c_fc(x), "tanh")))


class GPT2Block(nn.Module):
    """Attention and the perceptron, each after a norm and beside a shortcut."""

    def __init__(self, hidden: int, heads: int, inside: int, attn_pdrop: float, resid_pdrop: float, eps: float) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(hidden, eps=eps)
        self.attn = GPT2Attention(hidden, heads, attn_pdrop, resid_pdrop)
        self.ln_2 = nn.LayerNorm(hidden, eps=eps)
        self.mlp = GPT2MLP(hidden, inside, resid_pdrop)

    def forward(self, x: Tensor, past: Past | None) -> tuple[Tensor, Past]:
        y, kept = self.attn(self.ln_1(x), past)
        x = x + y
        return x + self.mlp(self.ln_2(x)), kept


class GPT2Model(nn.Module):
    """Words i64[N, L] to states f32[N, L, n_embd]; the sizes by default are those of the smallest GPT-2.

    past: what an earlier call kept of the positions before. Returns the states and what is kept now.
    Raises Error{invalid_argument} where n_head does not divide n_embd or there are more positions than n_positions.
    Source: Radford et al., 2019; names as in transformers.GPT2Model.
    """

    def __init__(
        self,
        vocab_size: int = 50257,
        n_positions: int = 1024,
        n_embd: int = 768,
        n_layer: int = 12,
        n_head: int = 12,
        n_inner: int | None = None,
        embd_pdrop: float = 0.1,
        attn_pdrop: float = 0.1,
        resid_pdrop: float = 0.1,
        layer_norm_epsilon: float = 1e-5,
        initializer_range: float = 0.02,
    ) -> None:
        super().__init__()
        if n_embd % n_head:
            value_error(f"GPT2Model: n_embd is {n_embd} and n_head {n_head} (a divisor)")
        self.n_positions = n_positions
        self.wte = nn.Embedding(vocab_size, n_embd)
        self.wpe = nn.Embedding(n_positions, n_embd)
        self.drop = nn.Dropout(embd_pdrop)
        inside = n_inner or 4 * n_embd
        self.h = nn.ModuleList(
            [GPT2Block(n_embd, n_head, inside, attn_pdrop, resid_pdrop, layer_norm_epsilon) for _ in range(n_layer)]
        )
        self.ln_f = nn.LayerNorm(n_embd, eps=layer_norm_epsilon)
        for name, p in self.named_parameters():
            if name.endswith("c_proj.weight"):  # two additions to the shortcut in each layer
                nn.init.normal_(p, 0.0, initializer_range / math.sqrt(2 * n_layer))
            elif name.endswith(("wte.weight", "wpe.weight", "c_attn.weight", "c_fc.weight")):
                nn.init.normal_(p, 0.0, initializer_range)

    def forward(self, input_ids: Tensor, past: Sequence[Past] | None = None) -> tuple[Tensor, list[Past]]:
        check_tensor("GPT2Model", "input_ids", input_ids)
        if input_ids.ndim != 2:
            shape_error(f"GPT2Model: input_ids is {text_of(input_ids)} ([N, L])")
        start = 0 if past is None else past[0][0].shape[2]
        end = start + input_ids.shape[1]
        if end > self.n_positions:
            value_error(f"GPT2Model: the words end at position {end} (n_positions is {self.n_positions})")
        x = self.drop(self.wte(input_ids) + self.wpe(arange(start, end)))
        kept = []
        for i, block in enumerate(self.h):
            x, layer = block(x, None if past is None else past[i])
            kept.append(layer)
        return self.ln_f(x), kept


class GPT2LMHeadModel(nn.Module):
    """GPT-2 with scores of the next word: i64[N, L] to GPT2Output; lm_head shares its weight with the embedding of words.

    Takes the arguments of GPT2Model. Source: as GPT2Model; names as in transformers.GPT2LMHeadModel.
    """

    def __init__(self, *args: int, **sizes: float) -> None:
        super().__init__()
        self.transformer = GPT2Model(*args, **sizes)  # type: ignore[arg-type]
        vocab_size, n_embd = self.transformer.wte.weight.shape
        self.lm_head = nn.Linear(n_embd, vocab_size, bias=False)
        self.lm_head.weight = self.transformer.wte.weight

    def forward(self, input_ids: Tensor, past: Sequence[Past] | None = None, use_cache: bool = False) -> GPT2Output:
        x, kept = self.transformer(input_ids, past)
        return GPT2Output(self.lm_head(x), kept if use_cache else None)

    def generate(
        self,
        input_ids: Tensor,
        max_new_tokens: int,
        *,
        do_sample: bool = False,
        temperature: float = 1.0,
        top_k: int | None = None,
        eos_token_id: int | None = None,
        use_cache: bool = True,
        generator: random.Generator | None = None,
    ) -> Tensor:
        """Words i64[N, L] and up to max_new_tokens more for each row: i64[N, L + new].

        The most likely word each time, or with do_sample a draw from softmax(scores / temperature) over the top_k most likely
        (None: all). After eos_token_id a row repeats it; when all rows have it, generation ends. Runs in evaluation mode.
        Raises Error{invalid_argument} for options out of range, and where the words would not fit n_positions.
        """
        check_tensor("generate", "input_ids", input_ids)
        if input_ids.ndim != 2 or not input_ids.shape[1]:
            shape_error(f"generate: input_ids is {text_of(input_ids)} ([N, L], L at least 1)")
        if max_new_tokens < 0 or input_ids.shape[1] + max_new_tokens > self.transformer.n_positions:
            value_error(
                f"generate: {max_new_tokens} words after {input_ids.shape[1]} (0 or more; together at most n_positions, {self.transformer.n_positions})"
            )
        if not (temperature > 0 and math.isfinite(temperature)) or (top_k is not None and top_k < 1):
            value_error(f"generate: temperature is {temperature!r} and top_k {top_k!r} (above 0; 1 or more, or None)")
        training = self.training
        self.eval()
        try:
            with no_grad():
                return self._generate(
                    input_ids, max_new_tokens, do_sample, temperature, top_k, eos_token_id, use_cache, generator
                )
        finally:
            self.train(training)

    def _generate(
        self, words: Tensor, count: int, do_sample: bool, temperature: float, top: int | None, eos: int | None,
        use_cache: bool, generator: random.Generator | None,
    ) -> Tensor:  # fmt: skip
        past, fresh, ended = None, words, None
        for _ in range(count):
            out = self(fresh, past, use_cache)
            scores = out.logits[:, -1]
            if do_sample:
                scores = scores / temperature
                if top is not None and top < scores.shape[1]:
                    least = top_k(scores, [top], axis=1)[0][:, -1:]
                    scores = where(scores < least, float("-inf"), scores)
                word = random.multinomial(F.softmax(scores, 1), 1, generator=generator)
            else:
                word = scores.argmax(1).reshape(-1, 1)
            if eos is not None:
                word = word if ended is None else where(ended, eos, word)
                ended = word == eos
            words = concat([words, word], axis=1)
            past, fresh = out.past, (word if use_cache else words)
            if ended is not None and bool(ended.all()):
                break
        return words
