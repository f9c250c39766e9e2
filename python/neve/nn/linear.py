"""Layers of products: Identity, Linear, Bilinear, Embedding; and Flatten, Unflatten."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from . import _f_basic as F
from . import init
from ._core import Tensor, check_tensor, positive, prod, reshape, shape_error, text_of, value_error, zeros
from .module import Module
from .parameter import Parameter


def parameter(shape: Sequence[int], dtype: str | None = None) -> Parameter:
    """A parameter of zeros, for reset_parameters to fill."""
    return Parameter(zeros(shape, dtype or "f32"))


class Identity(Module):
    """Its input."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()

    def forward(self, x: Any) -> Any:
        return x


class Linear(Module):
    """y = x weight^T + bias: [..., in_features] -> [..., out_features]. Source: torch.nn.Linear, also its initialisation."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *, dtype: str | None = None) -> None:
        super().__init__()
        positive("Linear", in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        self.weight = parameter((out_features, in_features), dtype)
        self.register_parameter("bias", parameter((out_features,), dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform of +-1 / sqrt(in_features)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features)
            init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias, call="Linear")

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(Module):
    """y = x1 weight x2 + bias. Source: torch.nn.Bilinear."""

    def __init__(
        self, in1_features: int, in2_features: int, out_features: int, bias: bool = True, *, dtype: str | None = None
    ) -> None:
        super().__init__()
        positive("Bilinear", in1_features=in1_features, in2_features=in2_features, out_features=out_features)
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        self.weight = parameter((out_features, in1_features, in2_features), dtype)
        self.register_parameter("bias", parameter((out_features,), dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform of +-1 / sqrt(in1_features)."""
        bound = 1 / math.sqrt(self.in1_features)
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.bilinear(x1, x2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Embedding(Module):
    """Rows of weight by index: i64 [...] -> [..., embedding_dim]. Source: torch.nn.Embedding."""

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        *,
        _weight: Tensor | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__()
        positive("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            value_error(f"Embedding: padding_idx is {padding_idx} (an index of {num_embeddings} embeddings)")
        self.num_embeddings, self.embedding_dim, self.max_norm = num_embeddings, embedding_dim, max_norm
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.weight = parameter((num_embeddings, embedding_dim), dtype) if _weight is None else Parameter(_weight)
        if _weight is None:
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """Normal of deviation 1; zeros in row padding_idx."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            init.zeros_(self.weight.detach()[self.padding_idx])

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None) -> Embedding:
        """An embedding of given rows [n, d]; freeze: they are not trained."""
        check_tensor("Embedding.from_pretrained", "embeddings", embeddings)
        if embeddings.ndim != 2:
            shape_error(
                f"Embedding.from_pretrained: embeddings is {text_of(embeddings)} ([num_embeddings, embedding_dim])"
            )
        count, size = embeddings.shape
        made = cls(count, size, padding_idx, _weight=embeddings)
        made.weight.requires_grad = not freeze
        return made

    def forward(self, x: Tensor) -> Tensor:
        return F.embedding(x, self.weight, self.padding_idx, self.max_norm, call="Embedding")

    def extra_repr(self) -> str:
        return f"{self.num_embeddings}, {self.embedding_dim}" + (
            "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        )


class Flatten(Module):
    """Axes start_dim..end_dim joined into one."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Tensor) -> Tensor:
        check_tensor("Flatten", "input", x)
        n = max(x.ndim, 1)
        if not (-n <= self.start_dim < n and -n <= self.end_dim < n) or self.start_dim % n > self.end_dim % n:
            shape_error(
                f"Flatten: input is {text_of(x)} and the axes are {self.start_dim}..{self.end_dim} (axes of {-n}..{n - 1}, in order)"
            )
        a, b = self.start_dim % n, self.end_dim % n
        return reshape(x, (*x.shape[:a], prod(x.shape[a : b + 1]), *x.shape[b + 1 :]))

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """One axis split into several; one size may be -1."""

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, x: Tensor) -> Tensor:
        check_tensor("Unflatten", "input", x)
        if not -x.ndim <= self.dim < x.ndim:
            shape_error(f"Unflatten: input is {text_of(x)} and dim {self.dim} (an axis of {-x.ndim}..{x.ndim - 1})")
        axis, sizes = self.dim % x.ndim, list(self.unflattened_size)
        known = prod(s for s in sizes if s >= 0)
        if -1 in sizes and known and x.shape[axis] % known == 0:
            sizes[sizes.index(-1)] = x.shape[axis] // known
        if min(sizes, default=0) < 0 or prod(sizes) != x.shape[axis]:
            shape_error(
                f"Unflatten: input is {text_of(x)} and axis {axis} becomes {self.unflattened_size} (sizes whose product is {x.shape[axis]})"
            )
        return reshape(x, (*x.shape[:axis], *sizes, *x.shape[axis + 1 :]))

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
