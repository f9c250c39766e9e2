"""ViT: images as sequences of patches through transformer encoder layers, with the parameter names of torchvision."""

from __future__ import annotations

import math

from .. import nn
from .._functions import concat, zeros
from ..nn._core import Tensor, shape_error, text_of, value_error


class EncoderBlock(nn.Module):
    """Attention and a two-layer perceptron, each after a norm and beside a shortcut."""

    def __init__(self, heads: int, hidden_dim: int, mlp_dim: int, dropout: float, attention_dropout: float) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(hidden_dim, eps=1e-6)
        self.self_attention = nn.MultiheadAttention(hidden_dim, heads, dropout=attention_dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = nn.LayerNorm(hidden_dim, eps=1e-6)
        self.mlp = nn.Sequential(
            nn.Linear(hidden_dim, mlp_dim),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(mlp_dim, hidden_dim),
            nn.Dropout(dropout),
        )
        for layer in (self.mlp[0], self.mlp[3]):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.normal_(layer.bias, std=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        y = self.ln_1(x)
        y, _ = self.self_attention(y, y, y, need_weights=False)
        x = x + self.dropout(y)
        return x + self.mlp(self.ln_2(x))


class Encoder(nn.Module):
    """Positions, blocks and a norm: [N, length, hidden] to the same shape."""

    def __init__(
        self,
        length: int,
        layers: int,
        heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
    ) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(zeros(1, length, hidden_dim))
        nn.init.normal_(self.pos_embedding, std=0.02)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.Sequential()
        for i in range(layers):
            self.layers.add_module(
                f"encoder_layer_{i}", EncoderBlock(heads, hidden_dim, mlp_dim, dropout, attention_dropout)
            )
        self.ln = nn.LayerNorm(hidden_dim, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        return self.ln(self.layers(self.dropout(x + self.pos_embedding)))


class VisionTransformer(nn.Module):
    """f32[N, 3, image_size, image_size] to f32[N, num_classes].

    Raises Error{invalid_argument} where patches do not fill the image, Error{shape_mismatch} for images of another size.
    Source: Dosovitskiy et al., 2021; names as in torchvision.models.VisionTransformer.
    """

    def __init__(
        self,
        image_size: int = 224,
        patch_size: int = 16,
        num_layers: int = 12,
        num_heads: int = 12,
        hidden_dim: int = 768,
        mlp_dim: int = 3072,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        num_classes: int = 1000,
    ) -> None:
        super().__init__()
        if image_size % patch_size:
            value_error(
                f"VisionTransformer: image_size is {image_size} and patch_size {patch_size} (a multiple of patch_size)"
            )
        self.image_size, self.patch_size, self.hidden_dim = image_size, patch_size, hidden_dim
        self.conv_proj = nn.Conv2d(3, hidden_dim, patch_size, patch_size)
        self.class_token = nn.Parameter(zeros(1, 1, hidden_dim))
        length = (image_size // patch_size) ** 2 + 1
        self.encoder = Encoder(length, num_layers, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout)
        self.heads = nn.Sequential()
        self.heads.add_module("head", nn.Linear(hidden_dim, num_classes))
        fan_in = 3 * patch_size * patch_size
        nn.init.trunc_normal_(self.conv_proj.weight, std=math.sqrt(1 / fan_in))
        nn.init.zeros_(self.conv_proj.bias)
        nn.init.zeros_(self.heads.head.weight)
        nn.init.zeros_(self.heads.head.bias)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[2] != self.image_size or x.shape[3] != self.image_size:
            shape_error(f"VisionTransformer: input is {text_of(x)} ([N, 3, {self.image_size}, {self.image_size}])")
        n = x.shape[0]
        patches = self.conv_proj(x).flatten(2).permute(0, 2, 1)
        y = self.encoder(concat([self.class_token.expand(n, 1, self.hidden_dim), patches], axis=1))
        return self.heads(y[:, 0])


def _vit(patch: int, layers: int, heads: int, hidden: int, num_classes: int, image_size: int) -> VisionTransformer:
    return VisionTransformer(image_size, patch, layers, heads, hidden, 4 * hidden, num_classes=num_classes)


def vit_b_16(num_classes: int = 1000, image_size: int = 224) -> VisionTransformer:
    return _vit(16, 12, 12, 768, num_classes, image_size)


def vit_b_32(num_classes: int = 1000, image_size: int = 224) -> VisionTransformer:
    return _vit(32, 12, 12, 768, num_classes, image_size)


def vit_l_16(num_classes: int = 1000, image_size: int = 224) -> VisionTransformer:
    return _vit(16, 24, 16, 1024, num_classes, image_size)


def vit_l_32(num_classes: int = 1000, image_size: int = 224) -> VisionTransformer:
    return _vit(32, 24, 16, 1024, num_classes, image_size)
