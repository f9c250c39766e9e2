#!/usr/bin/env python3
"""Makes small_models/*.onnx, networks of the usual kinds with few random weights, and small_models.npz, ONNX Runtime's results for them.

Every network goes through PyTorch's exporters as users' models do: the TorchScript-based one at old and new opsets, and the
torch.export-based one. Inputs are made again from small_models.py; only results are stored. Needs torch, onnx, onnxscript,
onnxruntime.

    python tests/golden/make_small_models.py [--only NAME]
"""

import argparse
import math
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
import small_models
import torch
from torch import nn
from torch.nn import functional as F


class Residual(nn.Module):
    """ResNet in small: strides, batch norms, residuals, a pooled head."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        )
        self.a = nn.Sequential(
            nn.Conv2d(8, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8)
        )
        self.b = nn.Sequential(
            nn.Conv2d(8, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.LeakyReLU(0.1), nn.Conv2d(16, 16, 3, 1, 1)
        )
        self.down = nn.Conv2d(8, 16, 1, 2)
        self.fc = nn.Linear(16, 5)

    def forward(self, x):
        x = self.stem(x)
        x = F.relu(x + self.a(x))
        x = F.relu(self.b(x) + self.down(x))
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


class SqueezeExcite(nn.Module):
    """MobileNet and EfficientNet blocks: depthwise, hard-swish, SiLU, gates."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 12, 3, 2, 1), nn.BatchNorm2d(12), nn.Hardswish())
        self.depth = nn.Sequential(nn.Conv2d(12, 12, 5, 1, 2, groups=12, bias=False), nn.BatchNorm2d(12), nn.SiLU())
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(12, 4, 1), nn.ReLU6(), nn.Conv2d(4, 12, 1), nn.Hardsigmoid()
        )
        self.project = nn.Conv2d(12, 12, 1)
        self.shuffle = nn.Conv2d(12, 12, 3, padding=1, groups=3)

    def forward(self, x):
        x = self.stem(x)
        y = self.depth(x)
        y = x + self.project(y * self.gate(y))
        n, c, h, w = y.shape
        y = y.view(n, 3, c // 3, h, w).transpose(1, 2).reshape(n, c, h, w)
        return self.shuffle(y).mean((2, 3))


class Unet(nn.Module):
    """Down and up again with skips: transposed convolution, nearest and bilinear resizing, group norm."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 12, 3, padding=1)
        self.three = nn.Conv2d(12, 12, 3, padding=2, dilation=2)
        self.norm = nn.GroupNorm(3, 12)
        self.up = nn.ConvTranspose2d(12, 8, 2, 2)
        self.last, self.out = nn.Conv2d(16, 8, 3, padding=1), nn.Conv2d(16, 1, 1)

    def forward(self, x):
        a = F.relu(self.one(x))
        b = F.gelu(self.two(F.max_pool2d(a, 2)))
        c = F.elu(self.norm(self.three(F.avg_pool2d(b, 2))))
        c = F.interpolate(c, scale_factor=2.0, mode="bilinear", align_corners=False)
        d = torch.cat((self.up(c + b), a), 1)
        e = F.interpolate(F.relu(self.last(d)), scale_factor=2.0, mode="nearest")
        return torch.sigmoid(self.out(torch.cat((F.max_pool2d(e, 2), a), 1)))


class Style(nn.Module):
    """Style transfer: reflection padding, instance norm, pixel shuffle, PReLU, tanh."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 12, 3, 2, 1), nn.Conv2d(12, 12, 3, padding=1)
        self.norm_a, self.norm_b = nn.InstanceNorm2d(8, affine=True), nn.InstanceNorm2d(12)
        self.act = nn.PReLU(12)

    def forward(self, x):
        y = F.softplus(self.norm_a(self.a(F.pad(x, (1, 1, 1, 1), mode="reflect"))))
        y = self.act(self.norm_b(self.b(y)))
        return torch.tanh(F.pixel_shuffle(self.c(F.pad(y, (0, 0, 0, 0), mode="replicate")), 2))


class Attention(nn.Module):
    def __init__(self, width, heads, causal=False):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        n, t, c = x.shape
        q, k, v = self.qkv(x).reshape(n, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.out(y.transpose(1, 2).reshape(n, t, c))


class Vit(nn.Module):
    """Vision transformer: patches by convolution, class token, learned positions, scaled dot product attention."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 8, 8)
        self.token, self.position = nn.Parameter(torch.randn(1, 1, 16)), nn.Parameter(torch.randn(1, 17, 16))
        self.norms = nn.ModuleList(nn.LayerNorm(16) for _ in range(3))
        self.attention = Attention(16, 4)
        self.mlp = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
        self.head = nn.Linear(16, 4)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.token.expand(x.size(0), -1, -1), x), 1) + self.position
        x = x + self.attention(self.norms[0](x))
        x = x + self.mlp(self.norms[1](x))
        return self.head(self.norms[2](x)[:, 0])


class Windows(nn.Module):
    """Swin in small: rolled windows of a channels-last picture."""

    def __init__(self):
        super().__init__()
        self.norm, self.attention, self.merge = nn.LayerNorm(16), Attention(16, 2), nn.Linear(64, 16, bias=False)

    def forward(self, x):
        n, h, w, c = x.shape
        y = torch.roll(self.norm(x), (-2, -2), (1, 2))
        y = y.view(n, h // 4, 4, w // 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, c)
        y = self.attention(y).view(n, h // 4, w // 4, 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(n, h, w, c)
        x = x + torch.roll(y, (2, 2), (1, 2))
        x = torch.cat((x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]), -1)
        return self.merge(x)


class Bert(nn.Module):
    """Encoder with an additive mask, written out with view and permute as the well-known code does."""

    def __init__(self):
        super().__init__()
        self.word, self.position = nn.Embedding(64, 16), nn.Embedding(32, 16)
        self.norm, self.norm_1, self.norm_2 = (nn.LayerNorm(16, eps=1e-12) for _ in range(3))
        self.q, self.k, self.v, self.o = (nn.Linear(16, 16) for _ in range(4))
        self.up, self.down, self.pool = nn.Linear(16, 32), nn.Linear(32, 16), nn.Linear(16, 16)
        self.register_buffer("positions", torch.arange(32)[None])

    def forward(self, ids, mask):
        bias = (1.0 - mask[:, None, None, :].float()) * -10000.0
        x = self.norm(self.word(ids) + self.position(self.positions[:, : ids.size(1)]))

        def split(t):
            return t.view(t.size(0), t.size(1), 2, 8).permute(0, 2, 1, 3)

        q, k, v = split(self.q(x)), split(self.k(x)), split(self.v(x))
        p = torch.softmax(torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(8) + bias, -1)
        y = torch.matmul(p, v).permute(0, 2, 1, 3).contiguous()
        x = self.norm_1(x + self.o(y.view(y.size(0), y.size(1), 16)))
        x = self.norm_2(x + self.down(F.gelu(self.up(x))))
        return x, torch.tanh(self.pool(x[:, 0]))


class Encoder(nn.Module):
    """PyTorch's own transformer layer."""

    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, norm_first=True, dropout=0.0)

    def forward(self, x):
        return self.layer(x)


class Gpt(nn.Module):
    """Two decoder blocks with a key/value cache that may be empty."""

    def __init__(self):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(64, 16), nn.Embedding(64, 16)
        self.norms = nn.ModuleList(nn.LayerNorm(16) for _ in range(4))
        self.qkv = nn.ModuleList(nn.Linear(16, 48) for _ in range(2))
        self.out = nn.ModuleList(nn.Linear(16, 16) for _ in range(2))
        self.up = nn.ModuleList(nn.Linear(16, 32) for _ in range(2))
        self.down = nn.ModuleList(nn.Linear(32, 16) for _ in range(2))

    def forward(self, ids, *past):
        n, new, old = ids.size(0), ids.size(1), past[0].size(2)
        rows = torch.arange(old, old + new)
        allowed = torch.arange(old + new)[None] <= rows[:, None]
        x, present = self.tokens(ids) + self.positions(rows), []
        for i in range(2):
            q, k, v = (t.view(n, new, 2, 8).transpose(1, 2) for t in self.qkv[i](self.norms[2 * i](x)).split(16, -1))
            k, v = torch.cat((past[2 * i], k), 2), torch.cat((past[2 * i + 1], v), 2)
            scores = torch.matmul(q, k.transpose(-1, -2)) * 8**-0.5
            p = torch.softmax(torch.where(allowed, scores, torch.tensor(-1e9)), -1)
            x = x + self.out[i](torch.matmul(p, v).transpose(1, 2).reshape(n, new, 16))
            x = x + self.down[i](F.gelu(self.up[i](self.norms[2 * i + 1](x)), approximate="tanh"))
            present += [k, v]
        return x @ self.tokens.weight.t(), *present


class Llama(nn.Module):
    """RMS norm, rotary positions, grouped keys and values, a gated feed-forward part."""

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(64, 32)
        self.scale = nn.ParameterList(nn.Parameter(torch.rand(32) + 0.5) for _ in range(4))
        self.q = nn.ModuleList(nn.Linear(32, 32, bias=False) for _ in range(2))
        self.kv = nn.ModuleList(nn.Linear(32, 32, bias=False) for _ in range(2))
        self.o = nn.ModuleList(nn.Linear(32, 32, bias=False) for _ in range(2))
        self.gate = nn.ModuleList(nn.Linear(32, 48, bias=False) for _ in range(2))
        self.up = nn.ModuleList(nn.Linear(32, 48, bias=False) for _ in range(2))
        self.down = nn.ModuleList(nn.Linear(48, 32, bias=False) for _ in range(2))
        self.register_buffer("frequencies", 10000.0 ** -(torch.arange(0, 8, 2) / 8.0))

    def norm(self, x, i):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.scale[i]

    def rotate(self, x, cosine, sine):
        a, b = x.chunk(2, -1)
        return x * cosine + torch.cat((-b, a), -1) * sine

    def forward(self, ids, *past):
        n, new, old = ids.size(0), ids.size(1), past[0].size(2)
        rows = torch.arange(old, old + new)
        angle = rows[:, None].float() * self.frequencies[None]
        angle = torch.cat((angle, angle), -1)
        cosine, sine = angle.cos(), angle.sin()
        hidden = torch.full((new, old + new), float("-inf")).triu(old + 1)
        x, present = self.tokens(ids), []
        for i in range(2):
            h = self.norm(x, 2 * i)
            q = self.rotate(self.q[i](h).view(n, new, 4, 8).transpose(1, 2), cosine, sine)
            k, v = self.kv[i](h).view(n, new, 2, 16).transpose(1, 2).chunk(2, -1)
            k, v = torch.cat((past[2 * i], self.rotate(k, cosine, sine)), 2), torch.cat((past[2 * i + 1], v), 2)
            keys = k[:, :, None].expand(n, 2, 2, old + new, 8).reshape(n, 4, old + new, 8)
            values = v[:, :, None].expand(n, 2, 2, old + new, 8).reshape(n, 4, old + new, 8)
            p = torch.softmax(torch.matmul(q, keys.transpose(2, 3)) / math.sqrt(8) + hidden, -1, dtype=torch.float32)
            x = x + self.o[i](torch.matmul(p, values).transpose(1, 2).reshape(n, new, 32))
            h = self.norm(x, 2 * i + 1)
            x = x + self.down[i](F.silu(self.gate[i](h)) * self.up[i](h))
            present += [k, v]
        return x @ self.tokens.weight.t(), *present


class LstmTagger(nn.Module):
    """Embedding, two layers of bidirectional LSTM, log-probabilities."""

    def __init__(self):
        super().__init__()
        self.word, self.lstm, self.out = (
            nn.Embedding(64, 10),
            nn.LSTM(10, 8, 2, bidirectional=True, batch_first=True),
            nn.Linear(16, 5),
        )

    def forward(self, ids):
        y, (h, _) = self.lstm(self.word(ids))
        return F.log_softmax(self.out(y), -1), h


class GruStack(nn.Module):
    """GRU and a plain recurrent layer, last step taken."""

    def __init__(self):
        super().__init__()
        self.gru, self.rnn, self.out = (
            nn.GRU(12, 8, 1, batch_first=True),
            nn.RNN(8, 6, 1, nonlinearity="tanh", batch_first=True),
            nn.Linear(6, 3),
        )

    def forward(self, x):
        y, _ = self.gru(x)
        y, _ = self.rnn(y)
        return self.out(y[:, -1])


class Audio(nn.Module):
    """Dilated 1-d convolutions with gates, strided and transposed ones, layer norm over channels."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = (
            nn.Conv1d(2, 8, 5, 2, 2),
            nn.Conv1d(8, 16, 3, dilation=2, padding=2),
            nn.ConvTranspose1d(8, 4, 4, 2, 1),
        )
        self.norm = nn.LayerNorm(8)

    def forward(self, x):
        y = self.norm(self.a(x).transpose(1, 2)).transpose(1, 2)
        y = y + F.glu(self.b(y), 1)
        return self.c(F.mish(y)).abs().clamp(1e-3).log()


class Volume(nn.Module):
    """3-d convolution and pooling."""

    def __init__(self):
        super().__init__()
        self.a, self.norm, self.b = (
            nn.Conv3d(1, 6, 3, padding=1),
            nn.BatchNorm3d(6),
            nn.Conv3d(6, 4, (1, 3, 3), stride=(1, 2, 2)),
        )

    def forward(self, x):
        return F.selu(self.b(F.max_pool3d(F.relu(self.norm(self.a(x))), (2, 1, 1), (1, 1, 1)))).amax((3, 4))


class Mixer(nn.Module):
    """MLP-Mixer: matrix products along both axes, einsum."""

    def __init__(self):
        super().__init__()
        self.patch, self.norm = nn.Conv2d(3, 12, 4, 4), nn.LayerNorm(12)
        self.rows, self.columns = nn.Linear(16, 16), nn.Linear(12, 12)
        self.heads = nn.Parameter(torch.randn(3, 12, 4) * 0.3)

    def forward(self, x):
        y = self.patch(x).flatten(2)
        y = y + F.gelu(self.rows(y))
        y = y.transpose(1, 2)
        y = y + F.gelu(self.columns(self.norm(y)))
        return torch.einsum("btc,hcd->bhtd", y, self.heads).std(2)


class Select(nn.Module):
    """Sizes that depend on the data: masked rows, sorted and cut, and a cumulative sum."""

    def __init__(self):
        super().__init__()
        self.score = nn.Linear(6, 1)

    def forward(self, x):
        score = torch.sigmoid(self.score(x)).squeeze(1)
        kept = x[score > 0.5]
        order = torch.argsort(score, descending=True)
        best, where = torch.topk(score, 1)
        return kept, torch.nonzero(score > 0.6), x[order].cumsum(0), best, where, kept.sum(0)


class Boxes(nn.Module):
    """The tail of a detector: anchors from the sizes, decoded boxes, the best of them."""

    def forward(self, x):
        n, h, w = x.size(0), x.size(2), x.size(3)
        y = x.view(n, 2, 6, h, w).permute(0, 1, 3, 4, 2)
        gy, gx = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        grid = torch.stack((gx, gy), -1).view(1, 1, h, w, 2).float()
        anchors = torch.tensor([[10.0, 13.0], [30.0, 61.0]]).view(1, 2, 1, 1, 2)
        xy = (torch.sigmoid(y[..., :2]) * 2 - 0.5 + grid) * 8
        wh = (torch.sigmoid(y[..., 2:4]) * 2) ** 2 * anchors
        boxes = torch.cat((xy - wh / 2, xy + wh / 2), -1).reshape(n, -1, 4)
        score, which = torch.sigmoid(y[..., 4:]).reshape(n, -1, 2).max(-1)
        top, index = score.topk(8, 1)
        return torch.gather(boxes, 1, index[..., None].expand(-1, -1, 4)), top, torch.gather(which, 1, index)


class Loops(torch.jit.ScriptModule):
    """A loop whose length is data, with a branch in it: Loop and If."""

    def __init__(self):
        super().__init__()
        self.step = nn.Linear(5, 5)

    @torch.jit.script_method
    def forward(self, x: torch.Tensor, turns: torch.Tensor):
        total = torch.zeros_like(x)
        for i in range(int(turns.item())):
            x = torch.tanh(self.step(x))
            if bool(x.sum() > 0):
                total = total + x
            else:
                total = total - x * i
        return total, x


class Scatter(nn.Module):
    """Writing by index, one-hot, gathering, comparisons, integer arithmetic."""

    def forward(self, x, ids):
        one_hot = F.one_hot(ids, 4).float()
        sums = torch.einsum("btk,btc->bkc", one_hot, x)
        spread = torch.zeros(x.size(0), 4, 6).scatter_add(1, ids[..., None].expand(-1, -1, 6), x)
        even = torch.where((ids % 2 == 0)[..., None], x, -x)
        top = x.gather(2, (ids[..., None] + 1) % 6)
        return sums, spread, even.prod(2), top, (ids // 2).clamp(0, 1), x.argmax(1)


class Spectrum(nn.Module):
    """Short-time spectrum as a convolution with a fixed basis, mel-like filters, log."""

    def __init__(self):
        super().__init__()
        t = torch.arange(32) * (2 * math.pi / 32)
        basis = torch.cat([torch.stack([torch.cos(k * t), torch.sin(k * t)]) for k in range(9)])
        self.register_buffer("basis", (basis * torch.hann_window(32)).unsqueeze(1))
        self.register_buffer("filters", torch.rand(9, 5))

    def forward(self, x):
        y = F.conv1d(F.pad(x, (16, 16)).unsqueeze(1), self.basis, stride=8)
        y = y.view(y.size(0), 9, 2, y.size(2)).pow(2).sum(2).sqrt()
        return torch.log10(torch.matmul(y.transpose(1, 2), self.filters) + 1e-3)


class Autoencoder(nn.Module):
    """Variational shape without noise: flattening, two heads, reshaping back, grouped transposed convolution."""

    def __init__(self):
        super().__init__()
        self.down, self.mean, self.spread = nn.Conv2d(1, 8, 4, 4), nn.Linear(128, 6), nn.Linear(128, 6)
        self.up, self.deconv = nn.Linear(6, 128), nn.ConvTranspose2d(8, 2, 4, 4, groups=2)

    def forward(self, x):
        y = F.relu(self.down(x)).flatten(1)
        mean, spread = self.mean(y), self.spread(y).exp()
        z = mean + spread * 0.5
        return torch.sigmoid(self.deconv(F.relu(self.up(z)).view(-1, 8, 4, 4))).mean(1, keepdim=True), mean, spread


class Policy(nn.Module):
    """A control policy with recurrent state in and out."""

    def __init__(self):
        super().__init__()
        self.body, self.gru, self.head = nn.Linear(12, 16), nn.GRU(16, 8), nn.Linear(8, 4)
        self.register_buffer("mean", torch.randn(12) * 0.1)
        self.register_buffer("deviation", torch.rand(12) + 0.5)

    def forward(self, x, state):
        y = F.elu(self.body(((x - self.mean) / self.deviation).clamp(-5, 5)))
        y, state = self.gru(y[None], state)
        return torch.tanh(self.head(y[0])) * 2.0, state


NETWORKS = {
    "residual": Residual, "squeeze_excite": SqueezeExcite, "unet": Unet, "style": Style, "vit": Vit, "windows": Windows,
    "bert": Bert, "encoder": Encoder, "gpt": Gpt, "llama": Llama, "lstm_tagger": LstmTagger, "gru_stack": GruStack, "audio": Audio,
    "volume": Volume, "mixer": Mixer, "select": Select, "boxes": Boxes, "loops": Loops, "scatter": Scatter, "spectrum": Spectrum,
    "autoencoder": Autoencoder, "policy": Policy,
}  # fmt: skip


@torch.no_grad()
def build(model):
    torch.manual_seed(sum(map(ord, model.name)))
    network = NETWORKS[model.name]()
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d)):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 1.5)
        if (
            isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d, nn.LayerNorm, nn.GroupNorm, nn.InstanceNorm2d))
            and module.weight is not None
        ):
            module.weight.uniform_(0.5, 1.5)
            module.bias.normal_(0, 0.2)
    return network.eval()


def export(model, variant, path):
    network = build(model)
    middle = next((s for s in model.sizes if all(v > 1 for v in s.values())), model.sizes[0])
    example = tuple(torch.from_numpy(v) for v in small_models.feed(model, middle).values())
    names = [i.name for i in model.inputs]
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        if variant == "dynamo":
            dims, shapes = {}, []
            for i in model.inputs:
                axes = {a: d for a, d in enumerate(i.shape) if isinstance(d, str)}
                shapes.append({a: dims.setdefault(d, torch.export.Dim.DYNAMIC) for a, d in axes.items()})
            if model.name in ("gpt", "llama"):
                shapes = [shapes[0], tuple(shapes[1:])]
            torch.onnx.export(
                network,
                example,
                str(path),
                input_names=names,
                dynamic_shapes=tuple(shapes),
                external_data=False,
                verbose=False,
            )
        else:
            axes = {i.name: {a: d for a, d in enumerate(i.shape) if isinstance(d, str)} for i in model.inputs}
            torch.onnx.export(
                network, example, str(path), input_names=names, dynamic_axes={n: a for n, a in axes.items() if a},
                opset_version=int(variant.removeprefix("script")), dynamo=False,
            )  # fmt: skip


def strip(path):
    """Drops the stack traces that the torch.export-based exporter writes into every node: most of such a small file."""
    model = onnx.load(path)
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer]:
        del value.metadata_props[:]
    onnx.save(model, path)


def results(model, path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return [session.run(None, small_models.feed(model, sizes)) for sizes in model.sizes]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="names with this in them; stores no results")
    options = parser.parse_args()
    small_models.FOLDER.mkdir(exist_ok=True)
    stored, failed = {}, 0
    for model in small_models.MODELS:
        if options.only not in model.name:
            continue
        first = None
        for variant in model.variants:
            path = small_models.FOLDER / f"{model.name}.{variant}.onnx"
            try:
                export(model, variant, path)
                if variant == "dynamo" and model.name != "bert":  # one file stays as it comes
                    strip(path)
                outputs = results(model, path)
            except Exception as error:
                path.unlink(missing_ok=True)
                print(f"{path.name}: {type(error).__name__}: {str(error)[:300]}")
                failed += 1
                continue
            for k, (size, values) in enumerate(zip(model.sizes, outputs)):
                bad = [not np.isfinite(v).all() for v in values]
                assert not any(bad), f"{path.name}: {size}: outputs {bad} are not finite"
                for j, value in enumerate(values):
                    if first is None:
                        stored[f"{model.name}|{k}|{j}"] = value
                    else:  # both exporters must mean the same
                        np.testing.assert_allclose(value, first[k][j], rtol=1e-3, atol=1e-4, err_msg=path.name)
            first = first or outputs
            kinds = sorted({n.op_type for n in onnx.load(path).graph.node})
            print(f"{path.name}: {path.stat().st_size / 1e3:.1f} kB, {' '.join(kinds)}")
    if not options.only:
        np.savez_compressed(small_models.HERE / "small_models.npz", **stored)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
