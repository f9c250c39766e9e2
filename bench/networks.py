"""The networks that `./dev bench` measures, written once for PyTorch and for Neve, which share these names.

The layouts are those that everybody knows (torchvision's ResNet-50 v1.5, MobileNetV3-large and EfficientNet-B0, BERT-base, a GPT-2
block stack with a key/value cache, a U-Net, a bidirectional LSTM, a recurrent policy of a walking robot), written out here.
Weights are random, from a fixed seed and the same in both libraries. Batch-norm statistics, layer-norm scales and biases are random
too, so that folding them wrongly is seen.

BENCH_LIBRARY in the environment says which library makes them when this file is imported: torch (the default) or neve.
"""

import dataclasses
import importlib
import math
import os
from collections.abc import Callable

import numpy as np

torch = importlib.import_module(os.environ.get("BENCH_LIBRARY", "torch"))
nn, F = torch.nn, torch.nn.functional
LOWEST = float(np.finfo(np.float32).min)

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


class MlpPolicy(nn.Module):
    """What is sensed to positions of joints: the layers of a trained policy that bench/workloads.py measures."""

    def __init__(self, sizes=(154, 512, 256, 128, 29)):
        super().__init__()
        layers = []
        for cin, cout in zip(sizes, sizes[1:], strict=False):
            layers += [nn.Linear(cin, cout), nn.ELU()]
        self.actor = nn.Sequential(*layers[:-1])

    def forward(self, obs):
        return self.actor(obs)


class VoiceDetector(nn.Module):
    """The layers of Silero VAD at 16 kHz: a spectrum of four frames, four convolutions, one step of an LSTM."""

    def __init__(self):
        super().__init__()
        self.spectrum = nn.Conv1d(1, 258, 256, 128, bias=False)
        layers = []
        for cin, cout, stride in ((129, 128, 1), (128, 64, 2), (64, 64, 2), (64, 128, 1)):
            layers += [nn.Conv1d(cin, cout, 3, stride, 1), nn.ReLU()]
        self.encoder = nn.Sequential(*layers)
        self.cell = nn.LSTMCell(128, 128)
        self.head = nn.Conv1d(128, 1, 1)

    def forward(self, x, state, sr):
        y = self.spectrum(F.pad(x[:, None], (0, 64), mode="reflect"))
        y = self.encoder(torch.sqrt(y[:, :129] ** 2 + y[:, 129:] ** 2))
        h, c = self.cell(y[:, :, 0], (state[0], state[1]))
        return torch.sigmoid(self.head(F.relu(h)[:, :, None])).mean(2), torch.stack((h, c))


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
        return x.view(x.shape[0], x.shape[1], self.heads, self.head_size).permute(0, 2, 1, 3)

    def forward(self, x, mask):
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(self.head_size) + mask
        y = torch.matmul(torch.softmax(scores, -1), v).permute(0, 2, 1, 3).contiguous()
        y = y.view(y.shape[0], y.shape[1], self.heads * self.head_size)
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
        mask = (1.0 - attention_mask[:, None, None, :].float()) * LOWEST
        x = self.word_embeddings(input_ids) + self.token_type_embeddings(token_type_ids)
        x = self.norm(x + self.position_embeddings(self.position_ids[:, : input_ids.shape[1]]))
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
        return x.view(x.shape[0], x.shape[1], self.heads, self.head_size).transpose(1, 2)

    def forward(self, x, past_key, past_value, allowed):
        q, k, v = (self.split(part) for part in self.qkv(self.norm_1(x)).chunk(3, dim=-1))
        k, v = torch.cat((past_key, k), 2), torch.cat((past_value, v), 2)
        scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(self.head_size)
        scores = scores.masked_fill(torch.logical_not(allowed), float("-inf"))
        y = torch.matmul(torch.softmax(scores, -1), v).transpose(1, 2).contiguous()
        x = x + self.project(y.view(y.shape[0], y.shape[1], self.heads * self.head_size))
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
        old, new = past[0].shape[2], input_ids.shape[1]
        rows = torch.arange(old, old + new)
        allowed = torch.arange(old + new)[None, :] <= rows[:, None]
        x = self.tokens(input_ids) + self.positions(rows)[None]
        present = []
        for i, block in enumerate(self.blocks):
            x, key, value = block(x, past[2 * i], past[2 * i + 1], allowed)
            present += [key, value]
        return torch.matmul(self.norm(x), self.tokens.weight.transpose(0, 1)), *present


class GptDecoder(GptSmall):
    LAYERS, HEADS, WIDTH = 6, 8, 512


# -------------------------------------------------------------------------------------------------------------- digits


class Digits(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(64 * 16, 128), nn.ReLU(), nn.Linear(128, 10))

    def forward(self, x):
        return self.classifier(self.features(x))


# -------------------------------------------------------------------------------------------------- networks that are trained


class BasicBlock(nn.Module):
    def __init__(self, inplanes, planes, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = None
        if stride != 1 or inplanes != planes:
            self.downsample = nn.Sequential(nn.Conv2d(inplanes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet18(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
        for inplanes, planes, stride in ((64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)):
            layers += [BasicBlock(inplanes, planes, stride), BasicBlock(planes, planes, 1)]
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes))

    def forward(self, x):
        return self.layers(x)


class Encoder(nn.Module):
    """A classifier of sentences by four layers like BERT's, with dropout."""

    def __init__(self, vocabulary=1000, positions=64, width=256, classes=10):
        super().__init__()
        self.words, self.places = nn.Embedding(vocabulary, width), nn.Embedding(positions, width)
        self.norm, self.dropout = nn.LayerNorm(width), nn.Dropout(0.1)
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, 0.1, activation="gelu", batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
        self.head = nn.Linear(width, classes)
        self.positions = torch.arange(positions)

    def forward(self, x):
        x = self.dropout(self.norm(self.words(x) + self.places(self.positions)))
        return self.head(self.layers(x)[:, 0])


class Tagger(nn.Module):
    def __init__(self, features=128, hidden=256, classes=10):
        super().__init__()
        self.lstm = nn.LSTM(features, hidden, 2, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


# ------------------------------------------------------------------------------------------------- weights and examples


def normal(generator, shape, scale=1.0, middle=0.0):
    return torch.from_numpy((middle + scale * generator.standard_normal(shape)).astype(np.float32))


def uniform(generator, shape, low, high):
    return torch.from_numpy(generator.uniform(low, high, shape).astype(np.float32))


def randomise(model, seed):
    """Fills every parameter; the scales keep activations of any depth near 1."""
    g = np.random.default_rng(seed)

    def fill(parameter, scale, middle=0.0):
        parameter.copy_(normal(g, tuple(parameter.shape), scale, middle))

    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (nn.Conv1d, nn.Conv2d)):
                fill(module.weight, math.sqrt(2.0 / math.prod(module.weight.shape[1:])))
                if module.bias is not None:
                    fill(module.bias, 0.1)
            elif isinstance(module, nn.ConvTranspose2d):
                fill(module.weight, math.sqrt(1.0 / module.weight.shape[0]))
                fill(module.bias, 0.1)
            elif isinstance(module, (nn.LSTM, nn.LSTMCell)):
                bound = 1 / math.sqrt(module.hidden_size)
                for weight in module.parameters():
                    weight.copy_(uniform(g, tuple(weight.shape), -bound, bound))
            elif isinstance(module, nn.BatchNorm2d):
                module.weight.copy_(uniform(g, tuple(module.weight.shape), 0.7, 1.3))
                fill(module.bias, 0.2)
            elif isinstance(module, nn.Linear):
                fill(module.weight, 1.0 / math.sqrt(module.weight.shape[1]))
                fill(module.bias, 0.05)
            elif isinstance(module, nn.Embedding):
                fill(module.weight, 0.05)
            elif isinstance(module, nn.LayerNorm):
                module.weight.copy_(uniform(g, tuple(module.weight.shape), 0.8, 1.2))
                fill(module.bias, 0.05)
    return model.eval()


def take_statistics(model, example):
    """Gives the batch norms the statistics of the example, so that activations keep their size through any depth."""
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    if norms:
        with torch.no_grad():
            model(*example)
    return model.eval()


def image_example(batch=2, side=224, channels=3):
    return (uniform(np.random.default_rng(1), (batch, channels, side, side), 0, 1),)


def lstm_example(batch=2, sequence=7):
    return (normal(np.random.default_rng(1), (batch, sequence, 128)),)


def policy_example(batch=2):
    g = np.random.default_rng(1)
    return tuple(normal(g, shape) for shape in ((batch, 47), (1, batch, 64), (1, batch, 64)))


def voice_example(batch=1):
    g = np.random.default_rng(1)
    return normal(g, (batch, 576), 0.1), torch.zeros((2, batch, 128)), torch.from_numpy(np.array(16000))


def bert_example(batch=2, sequence=9):
    ids = torch.from_numpy(np.random.default_rng(1).integers(0, 30522, (batch, sequence)))
    return ids, torch.ones_like(ids), torch.zeros_like(ids)


def gpt_example(cls=GptSmall, batch=2, sequence=5, past=3):
    g = np.random.default_rng(1)
    ids = torch.from_numpy(g.integers(0, 4096, (batch, sequence)))
    shape = (batch, cls.HEADS, past, cls.WIDTH // cls.HEADS)
    return ids, *(normal(g, shape) for _ in range(2 * cls.LAYERS))


@dataclasses.dataclass
class Network:
    make: Callable
    seed: int
    example: Callable


NETWORKS = {
    "resnet50": Network(ResNet50, 50, image_example),
    "mobilenet_v3_large": Network(MobileNetV3Large, 3, image_example),
    "bert_base": Network(BertBase, 12, bert_example),
    "gpt_small": Network(GptSmall, 4, gpt_example),
    "gpt_decoder": Network(GptDecoder, 6, lambda: gpt_example(GptDecoder)),
    # statistics of the inputs that the accuracy check generates
    "efficientnet_b0": Network(EfficientNetB0, 5, lambda: tuple(2 * t - 1 for t in image_example())),
    "unet": Network(UNet, 7, lambda: image_example(1, 256)),
    "bilstm": Network(BiLstm, 8, lstm_example),
    "lstm_policy": Network(LstmPolicy, 9, policy_example),
    "wbt_dance102_policy": Network(MlpPolicy, 11, lambda: (normal(np.random.default_rng(1), (1, 154)),)),
    "silero_vad_v6": Network(VoiceDetector, 12, voice_example),
    "digits": Network(Digits, 10, lambda: image_example(2, 8, 1)),
}


def build(name):
    """(the network with its weights, in eval mode; an example of its inputs)"""
    network = NETWORKS[name]
    return take_statistics(randomise(network.make(), network.seed), network.example()), network.example()
