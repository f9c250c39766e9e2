#!/usr/bin/env python3
"""Makes the models that `./dev bench` measures, as ONNX files with random weights of a fixed seed.

Needs PyTorch and onnx (with onnxscript for --exporter dynamo); nothing is downloaded. The layouts are those that everybody knows
(torchvision's ResNet-50 v1.5, MobileNetV3-large and EfficientNet-B0, BERT-base, a GPT-2 block stack with a key/value cache, a
U-Net, a bidirectional LSTM, a recurrent policy of a walking robot), written out here.
Batch-norm statistics, layer-norm scales and biases are random too, so that folding them wrongly is seen.

    python bench/make_models.py [--out build/bench-models] [--models resnet50 bert_base ...] [--exporter script|dynamo|both]
"""

import argparse
import math
import pathlib
import sys
import time
import warnings

import torch
from torch import nn
from torch.nn import functional as F

# ----------------------------------------------------------------------------------------------------------- ResNet-50


class Bottleneck(nn.Module):
    def __init__(self, inplanes, planes, stride, downsample):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)  # v1.5: the stride sits in the 3x3
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * 4)
        self.downsample = (
            nn.Sequential(nn.Conv2d(inplanes, planes * 4, 1, stride, bias=False), nn.BatchNorm2d(planes * 4))
            if downsample
            else None
        )

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet50(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inplanes, layers = 64, []
        for planes, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
            stage = [Bottleneck(inplanes, planes, stride, True)]
            inplanes = planes * 4
            stage += [Bottleneck(inplanes, planes, 1, False) for _ in range(blocks - 1)]
            layers.append(nn.Sequential(*stage))
        self.layer1, self.layer2, self.layer3, self.layer4 = layers
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2048, 1000)

    def forward(self, x):
        x = self.maxpool(F.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


# --------------------------------------------------------------------------------------------------- MobileNetV3-large


def make_divisible(value, divisor=8):
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


class SqueezeExcitation(nn.Module):
    def __init__(self, channels, squeezed):
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x):
        return x * F.hardsigmoid(self.fc2(F.relu(self.fc1(self.avgpool(x)))))


def conv_norm(cin, cout, kernel, stride=1, groups=1, activation=None):
    layers = [
        nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(cout, eps=1e-3),
    ]
    return nn.Sequential(*layers, *([activation()] if activation else []))


class InvertedResidual(nn.Module):
    def __init__(self, cin, kernel, expanded, cout, use_se, activation, stride):
        super().__init__()
        layers = [] if expanded == cin else [conv_norm(cin, expanded, 1, activation=activation)]
        layers.append(conv_norm(expanded, expanded, kernel, stride, expanded, activation))
        if use_se:
            layers.append(SqueezeExcitation(expanded, make_divisible(expanded // 4)))
        layers.append(conv_norm(expanded, cout, 1))
        self.block = nn.Sequential(*layers)
        self.residual = stride == 1 and cin == cout

    def forward(self, x):
        return x + self.block(x) if self.residual else self.block(x)


class MobileNetV3Large(nn.Module):
    # input channels, kernel, expanded, output channels, squeeze-excitation, hard-swish (else relu), stride
    SETTINGS = (
        (16, 3, 16, 16, False, False, 1),
        (16, 3, 64, 24, False, False, 2),
        (24, 3, 72, 24, False, False, 1),
        (24, 5, 72, 40, True, False, 2),
        (40, 5, 120, 40, True, False, 1),
        (40, 5, 120, 40, True, False, 1),
        (40, 3, 240, 80, False, True, 2),
        (80, 3, 200, 80, False, True, 1),
        (80, 3, 184, 80, False, True, 1),
        (80, 3, 184, 80, False, True, 1),
        (80, 3, 480, 112, True, True, 1),
        (112, 3, 672, 112, True, True, 1),
        (112, 5, 672, 160, True, True, 2),
        (160, 5, 960, 160, True, True, 1),
        (160, 5, 960, 160, True, True, 1),
    )

    def __init__(self):
        super().__init__()
        layers = [conv_norm(3, 16, 3, 2, activation=nn.Hardswish)]
        for cin, kernel, expanded, cout, use_se, hard_swish, stride in self.SETTINGS:
            activation = nn.Hardswish if hard_swish else nn.ReLU
            layers.append(InvertedResidual(cin, kernel, expanded, cout, use_se, activation, stride))
        layers.append(conv_norm(160, 960, 1, activation=nn.Hardswish))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Linear(960, 1280), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(1280, 1000))

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


# ------------------------------------------------------------------------------------------------------ EfficientNet-B0


class MBConv(nn.Module):
    def __init__(self, cin, kernel, expansion, cout, stride):
        super().__init__()
        wide, squeezed = cin * expansion, max(1, cin // 4)
        self.expand = conv_norm(cin, wide, 1, activation=nn.SiLU) if expansion > 1 else nn.Identity()
        self.depthwise = conv_norm(wide, wide, kernel, stride, wide, nn.SiLU)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1, self.fc2 = nn.Conv2d(wide, squeezed, 1), nn.Conv2d(squeezed, wide, 1)
        self.project = conv_norm(wide, cout, 1)
        self.residual = stride == 1 and cin == cout

    def forward(self, x):
        y = self.depthwise(self.expand(x))
        y = self.project(y * torch.sigmoid(self.fc2(F.silu(self.fc1(self.avgpool(y))))))
        return x + y if self.residual else y


class EfficientNetB0(nn.Module):
    # expansion, kernel, stride, output channels, blocks
    SETTINGS = ((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1))  # fmt: skip

    def __init__(self):
        super().__init__()
        layers, channels = [conv_norm(3, 32, 3, 2, activation=nn.SiLU)], 32
        for expansion, kernel, stride, cout, blocks in self.SETTINGS:
            for block in range(blocks):
                layers.append(MBConv(channels, kernel, expansion, cout, stride if block == 0 else 1))
                channels = cout
        layers.append(conv_norm(channels, 1280, 1, activation=nn.SiLU))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(1280, 1000)

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


# ---------------------------------------------------------------------------------------------------------------- U-Net


class UNet(nn.Module):
    """Four steps down and up, from 32 channels, with the skipped connections joined; a mask of one channel comes out."""

    def __init__(self, base=32, steps=4):
        super().__init__()
        widths = [base << i for i in range(steps + 1)]
        self.down = nn.ModuleList(self.twice(a, b) for a, b in zip([3, *widths], widths, strict=False))
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, 2) for w in widths[-2::-1])
        self.join = nn.ModuleList(self.twice(2 * w, w) for w in widths[-2::-1])
        self.head = nn.Conv2d(base, 1, 1)

    @staticmethod
    def twice(cin, cout):
        return nn.Sequential(conv_norm(cin, cout, 3, activation=nn.ReLU), conv_norm(cout, cout, 3, activation=nn.ReLU))

    def forward(self, x):
        kept = []
        for i, block in enumerate(self.down):
            x = block(x if i == 0 else F.max_pool2d(x, 2))
            kept.append(x)
        for up, join, skip in zip(self.up, self.join, kept[-2::-1], strict=True):
            x = join(torch.cat((skip, up(x)), 1))
        return self.head(x)


# ------------------------------------------------------------------------------------------------------ recurrent models


class BiLstm(nn.Module):
    """Two bidirectional layers over features, and a label for every step."""

    def __init__(self, features=128, hidden=256, labels=16):
        super().__init__()
        self.lstm = nn.LSTM(features, hidden, num_layers=2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(2 * hidden, labels)

    def forward(self, x):
        return self.head(self.lstm(x)[0])


class LstmPolicy(nn.Module):
    """One step of a walking policy: what is sensed and the state before, to positions of joints and the state after."""

    def __init__(self, sensed=47, hidden=64, joints=12):
        super().__init__()
        self.lstm = nn.LSTM(sensed, hidden)
        self.actor = nn.Sequential(nn.Linear(hidden, 32), nn.ELU(), nn.Linear(32, joints))

    def forward(self, obs, h, c):
        y, (h, c) = self.lstm(obs[None], (h, c))
        return self.actor(y[0]), h, c


# ----------------------------------------------------------------------------------------------------------- BERT-base


class BertLayer(nn.Module):
    def __init__(self, width, heads, inner):
        super().__init__()
        self.heads, self.head_size = heads, width // heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.attention_output = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width, eps=1e-12)
        self.intermediate = nn.Linear(width, inner)
        self.output = nn.Linear(inner, width)
        self.output_norm = nn.LayerNorm(width, eps=1e-12)

    def split(self, x):
        return x.view(x.size(0), x.size(1), self.heads, self.head_size).permute(0, 2, 1, 3)

    def forward(self, x, mask):
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(self.head_size) + mask
        y = torch.matmul(torch.softmax(scores, -1), v).permute(0, 2, 1, 3).contiguous()
        y = y.view(y.size(0), y.size(1), self.heads * self.head_size)
        x = self.attention_norm(self.attention_output(y) + x)
        return self.output_norm(self.output(F.gelu(self.intermediate(x))) + x)


class BertBase(nn.Module):
    def __init__(self, vocabulary=30522, width=768, layers=12, heads=12, inner=3072, positions=512):
        super().__init__()
        self.word_embeddings = nn.Embedding(vocabulary, width)
        self.position_embeddings = nn.Embedding(positions, width)
        self.token_type_embeddings = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.layer = nn.ModuleList(BertLayer(width, heads, inner) for _ in range(layers))
        self.pooler = nn.Linear(width, width)
        self.register_buffer("position_ids", torch.arange(positions)[None, :], persistent=False)

    def forward(self, input_ids, attention_mask, token_type_ids):
        mask = (1.0 - attention_mask[:, None, None, :].to(torch.float32)) * torch.finfo(torch.float32).min
        x = self.word_embeddings(input_ids) + self.token_type_embeddings(token_type_ids)
        x = self.norm(x + self.position_embeddings(self.position_ids[:, : input_ids.size(1)]))
        for layer in self.layer:
            x = layer(x, mask)
        return x, torch.tanh(self.pooler(x[:, 0]))


# ------------------------------------------------------------------------------------------- GPT-like, with its cache


class GptBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.head_size = heads, width // heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def split(self, x):
        return x.view(x.size(0), x.size(1), self.heads, self.head_size).transpose(1, 2)

    def forward(self, x, past_key, past_value, allowed):
        q, k, v = (self.split(part) for part in self.qkv(self.norm_1(x)).chunk(3, dim=-1))
        k, v = torch.cat((past_key, k), 2), torch.cat((past_value, v), 2)
        scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(self.head_size)
        scores = scores.masked_fill(torch.logical_not(allowed), float("-inf"))
        y = torch.matmul(torch.softmax(scores, -1), v).transpose(1, 2).contiguous()
        x = x + self.project(y.view(y.size(0), y.size(1), self.heads * self.head_size))
        return x + self.down(F.gelu(self.up(self.norm_2(x)), approximate="tanh")), k, v


class GptSmall(nn.Module):
    """Decoder: the cached part of the sequence (`past`, 0 or more) comes in and goes out, longer."""

    LAYERS, HEADS, WIDTH = 4, 8, 256

    def __init__(self, vocabulary=4096, positions=512):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, self.WIDTH)
        self.positions = nn.Embedding(positions, self.WIDTH)
        self.blocks = nn.ModuleList(GptBlock(self.WIDTH, self.HEADS) for _ in range(self.LAYERS))
        self.norm = nn.LayerNorm(self.WIDTH)

    def forward(self, input_ids, *past):
        old, new = past[0].size(2), input_ids.size(1)
        rows = torch.arange(old, old + new)
        allowed = torch.arange(old + new)[None, :] <= rows[:, None]
        x = self.tokens(input_ids) + self.positions(rows)[None]
        present = []
        for i, block in enumerate(self.blocks):
            x, key, value = block(x, past[2 * i], past[2 * i + 1], allowed)
            present += [key, value]
        return torch.matmul(self.norm(x), self.tokens.weight.t()), *present


class GptDecoder(GptSmall):
    LAYERS, HEADS, WIDTH = 6, 8, 512


# ------------------------------------------------------------------------------------------------ weights and export


@torch.no_grad()
def randomise(model, seed):
    """Fills every parameter and buffer; the scales keep activations of any depth near 1."""
    g = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            fan_in = module.in_channels // module.groups * module.kernel_size[0] * module.kernel_size[1]
            module.weight.normal_(0, math.sqrt(2.0 / fan_in), generator=g)
            if module.bias is not None:
                module.bias.normal_(0, 0.1, generator=g)
        elif isinstance(module, nn.ConvTranspose2d):
            module.weight.normal_(0, math.sqrt(1.0 / module.in_channels), generator=g)
            module.bias.normal_(0, 0.1, generator=g)
        elif isinstance(module, nn.LSTM):
            for weight in module.parameters():
                weight.uniform_(-1 / math.sqrt(module.hidden_size), 1 / math.sqrt(module.hidden_size), generator=g)
        elif isinstance(module, nn.BatchNorm2d):
            module.weight.uniform_(0.7, 1.3, generator=g)
            module.bias.normal_(0, 0.2, generator=g)
        elif isinstance(module, nn.Linear):
            module.weight.normal_(0, 1.0 / math.sqrt(module.in_features), generator=g)
            module.bias.normal_(0, 0.05, generator=g)
        elif isinstance(module, nn.Embedding):
            module.weight.normal_(0, 0.05, generator=g)
        elif isinstance(module, nn.LayerNorm):
            module.weight.uniform_(0.8, 1.2, generator=g)
            module.bias.normal_(0, 0.05, generator=g)
    return model.eval()


@torch.no_grad()
def take_statistics(model, example):
    """Gives the batch norms the statistics of the example, so that activations keep their size through any depth."""
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    if norms:
        model(*example)
    return model.eval()


def image_example(batch=2, side=224):
    return (torch.rand(batch, 3, side, side, generator=torch.Generator().manual_seed(1)),)


def lstm_example(batch=2, sequence=7):
    return (torch.randn(batch, sequence, 128, generator=torch.Generator().manual_seed(1)),)


def policy_example(batch=2):
    g = torch.Generator().manual_seed(1)
    return tuple(torch.randn(shape, generator=g) for shape in ((batch, 47), (1, batch, 64), (1, batch, 64)))


def bert_example(batch=2, sequence=9):
    g = torch.Generator().manual_seed(1)
    ids = torch.randint(0, 30522, (batch, sequence), generator=g)
    return ids, torch.ones_like(ids), torch.zeros_like(ids)


def gpt_example(cls=GptSmall, batch=2, sequence=5, past=3):
    g = torch.Generator().manual_seed(1)
    ids = torch.randint(0, 4096, (batch, sequence), generator=g)
    shape = (batch, cls.HEADS, past, cls.WIDTH // cls.HEADS)
    return ids, *(torch.randn(shape, generator=g) for _ in range(2 * cls.LAYERS))


def gpt_entry(cls, seed):
    past = [f"{which}_{i}" for i in range(cls.LAYERS) for which in ("key", "value")]
    return (
        cls,
        seed,
        lambda: gpt_example(cls),
        ["input_ids"] + ["past_" + p for p in past],
        ["logits"] + ["present_" + p for p in past],
        {
            "input_ids": {0: "batch", 1: "sequence"},
            "logits": {0: "batch", 1: "sequence"},
            **{"past_" + p: {0: "batch", 2: "past"} for p in past},
            **{"present_" + p: {0: "batch", 2: "total"} for p in past},
        },
    )


# name: class, seed, example, input names, output names, dynamic axes
MODELS = {
    "resnet50": (ResNet50, 50, image_example, ["x"], ["logits"], {"x": {0: "batch"}, "logits": {0: "batch"}}),
    "mobilenet_v3_large": (
        MobileNetV3Large,
        3,
        image_example,
        ["x"],
        ["logits"],
        {"x": {0: "batch"}, "logits": {0: "batch"}},
    ),
    "bert_base": (
        BertBase,
        12,
        bert_example,
        ["input_ids", "attention_mask", "token_type_ids"],
        ["last_hidden_state", "pooler_output"],
        {
            "input_ids": {0: "batch", 1: "sequence"},
            "attention_mask": {0: "batch", 1: "sequence"},
            "token_type_ids": {0: "batch", 1: "sequence"},
            "last_hidden_state": {0: "batch", 1: "sequence"},
            "pooler_output": {0: "batch"},
        },
    ),
    "gpt_small": gpt_entry(GptSmall, 4),
    "gpt_decoder": gpt_entry(GptDecoder, 6),
    "efficientnet_b0": (
        EfficientNetB0,
        5,
        lambda: tuple(2 * t - 1 for t in image_example()),  # statistics of the inputs that the accuracy check generates
        ["x"],
        ["logits"],
        {"x": {0: "batch"}, "logits": {0: "batch"}},
    ),
    "unet": (UNet, 7, lambda: image_example(1, 256), ["x"], ["mask"], {n: {0: "batch"} for n in ("x", "mask")}),
    "bilstm": (
        BiLstm,
        8,
        lstm_example,
        ["x"],
        ["y"],
        {n: {0: "batch", 1: "sequence"} for n in ("x", "y")},
    ),
    "lstm_policy": (
        LstmPolicy,
        9,
        policy_example,
        ["obs", "h", "c"],
        ["action", "h_next", "c_next"],
        {n: {0: "batch"} for n in ("obs", "action")} | {n: {1: "batch"} for n in ("h", "c", "h_next", "c_next")},
    ),
}
FOLDED = (
    "bert_base",
    "gpt_small",
    "gpt_decoder",
    "bilstm",
    "lstm_policy",
)  # the others keep their batch norms: folding them is the optimiser's work
OPSET = 17  # of the script exporter; the dynamo exporter takes its own newest default


def build(name):
    cls, seed, example, *_ = MODELS[name]
    torch.manual_seed(seed)
    return take_statistics(randomise(cls(), seed), example()), example()


def export(name, path, exporter):
    _, _, _, inputs, outputs, axes = MODELS[name]
    model, example = build(name)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if exporter == "script":
            torch.onnx.export(
                model,
                example,
                str(path),
                input_names=inputs,
                output_names=outputs,
                dynamic_axes=axes,
                opset_version=OPSET,
                do_constant_folding=name in FOLDED,
                dynamo=False,
            )
        else:
            dims = {}
            shapes = [
                {
                    axis: dims.setdefault(dim, torch.export.Dim(dim, min=1, max=64 if dim == "batch" else 500))
                    for axis, dim in axes[i].items()
                }
                for i in inputs
            ]
            if name.startswith("gpt_"):  # *past arrives as one tuple
                shapes = [shapes[0], tuple(shapes[1:])]
            torch.onnx.export(
                model,
                example,
                str(path),
                input_names=inputs,
                output_names=outputs,
                dynamic_shapes=tuple(shapes),
                dynamo=True,
                external_data=False,
                verbose=False,
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/bench-models"))
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--exporter", choices=("script", "dynamo", "both"), default="script")
    parser.add_argument("--force", action="store_true", help="make files again that are there already")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.models:
        for exporter in ("script", "dynamo") if options.exporter == "both" else (options.exporter,):
            path = options.out / (name + (".onnx" if exporter == "script" else "_dynamo.onnx"))
            if path.exists() and not options.force:
                print(f"{path}: there already")
                continue
            start = time.perf_counter()
            partial = path.with_suffix(".partial")  # a broken-off export leaves no file that looks whole
            export(name, partial, exporter)
            partial.replace(path)
            print(f"{path}: {path.stat().st_size / 1e6:.1f} MB in {time.perf_counter() - start:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
