#!/usr/bin/env python3
"""Makes networks that nothing is tuned with, as ONNX files with random weights of a fixed seed: torchvision's, and a few kinds that it
does not have. Nothing is downloaded, and nothing is folded by the exporter. For `./dev bench --peers --onnx FILE --size ...`.

Needs PyTorch, torchvision and onnx.

    python bench/make_others.py [--out build/other-models] [--models mobilenet_v2 yolo ...]
"""

import argparse
import pathlib
import warnings

import torch
import torchvision
from torch import nn

VISION = {  # by their names in torchvision
    **{
        n: 224
        for n in ("mobilenet_v2", "resnet18", "squeezenet1_1", "shufflenet_v2_x1_0", "resnext50_32x4d", "mnasnet1_0")
    },
    **{n: 224 for n in ("regnet_x_800mf", "regnet_y_800mf", "convnext_tiny", "swin_t", "vit_b_16", "densenet121")},
    **{n: 224 for n in ("efficientnet_v2_s", "alexnet", "vgg16", "googlenet")},
    "inception_v3": 299,
    "lraspp_mobilenet_v3_large": 320,
}
ARGUMENTS = {n: {"aux_logits": False, "init_weights": False} for n in ("googlenet", "inception_v3")}
ARGUMENTS["lraspp_mobilenet_v3_large"] = {"weights_backbone": None}


class Dilated(nn.Module):
    """Gated convolutions of one axis, each of twice the dilation of the one before."""

    def __init__(self, channels=128, depth=8):
        super().__init__()
        self.first = nn.Conv1d(80, channels, 3, padding=1)
        self.gates = nn.ModuleList(
            nn.Conv1d(channels, 2 * channels, 3, padding=2**k, dilation=2**k) for k in range(depth)
        )
        self.back = nn.ModuleList(nn.Conv1d(channels, channels, 1) for _ in range(depth))
        self.last = nn.Conv1d(channels, 256, 1)

    def forward(self, x):
        x = self.first(x)
        for gate, back in zip(self.gates, self.back, strict=True):
            a, b = gate(x).chunk(2, 1)
            x = x + back(torch.tanh(a) * torch.sigmoid(b))
        return self.last(torch.relu(x))


def volumes():
    def step(i, o):
        return nn.Conv3d(i, o, 3, padding=1), nn.BatchNorm3d(o), nn.ReLU()

    return nn.Sequential(
        *step(3, 32), nn.MaxPool3d((1, 2, 2)), *step(32, 64), nn.MaxPool3d(2), *step(64, 128),
        nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(128, 10),
    )  # fmt: skip


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.head = nn.GRU(64, 256, 2, batch_first=True), nn.Linear(256, 32)

    def forward(self, x):
        return self.head(self.gru(x)[0])


def unit(i, o, kernel=3, stride=1):
    return nn.Sequential(nn.Conv2d(i, o, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(o), nn.SiLU())


class Split(nn.Module):
    """Half of the channels go on through residual pairs, and all that was made is joined."""

    def __init__(self, i, o, depth):
        super().__init__()
        self.first, self.last = unit(i, o, 1), unit((2 + depth) * o // 2, o, 1)
        self.pairs = nn.ModuleList(nn.Sequential(unit(o // 2, o // 2), unit(o // 2, o // 2)) for _ in range(depth))

    def forward(self, x):
        made = list(self.first(x).chunk(2, 1))
        for pair in self.pairs:
            made.append(made[-1] + pair(made[-1]))
        return self.last(torch.cat(made, 1))


class Detector(nn.Module):
    """One scale of a detector as YOLOv8 has them."""

    def __init__(self, w=32):
        super().__init__()
        self.low = nn.Sequential(unit(3, w, 3, 2), unit(w, 2 * w, 3, 2), Split(2 * w, 2 * w, 1))
        self.middle = nn.Sequential(unit(2 * w, 4 * w, 3, 2), Split(4 * w, 4 * w, 2))
        self.high = nn.Sequential(unit(4 * w, 8 * w, 3, 2), Split(8 * w, 8 * w, 2))
        self.pool, self.pooled = nn.MaxPool2d(5, 1, 2), unit(32 * w, 8 * w, 1)
        self.up, self.joined, self.head = nn.Upsample(scale_factor=2), Split(12 * w, 4 * w, 1), nn.Conv2d(4 * w, 84, 1)

    def forward(self, x):
        middle = self.middle(self.low(x))
        pools = [self.high(middle)]
        for _ in range(3):
            pools.append(self.pool(pools[-1]))
        up = self.up(self.pooled(torch.cat(pools, 1)))
        y = self.head(self.joined(torch.cat([up, middle], 1))).flatten(2)
        return y[:, :4], y[:, 4:].sigmoid()


def products():
    return nn.Sequential(
        nn.Linear(39, 256), nn.ReLU(), nn.BatchNorm1d(256), nn.Linear(256, 256), nn.ReLU(),
        nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 1), nn.Sigmoid(),
    )  # fmt: skip


def transformer():
    return nn.Transformer(256, 4, 3, 3, 1024, batch_first=True, dropout=0)


OWN = {  # the network, examples of its inputs, which axes are open beside the batch
    "dilated": (Dilated, [(1, 80, 500)], {2: "steps"}),
    "volumes": (volumes, [(1, 3, 8, 64, 64)], {}),
    "gru": (Recurrent, [(1, 50, 64)], {1: "steps"}),
    "yolo": (Detector, [(1, 3, 320, 320)], {2: "height", 3: "width"}),
    "transformer": (transformer, [(1, 40, 256), (1, 20, 256)], {1: "steps"}),
    "products": (products, [(64, 39)], {}),
}


class Results(nn.Module):
    """Segmentation networks give a dictionary."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, *x):
        y = self.network(*x)
        return y["out"] if isinstance(y, dict) else y


def export(name, path):
    torch.manual_seed(0)
    if name in VISION:
        network = torchvision.models.get_model(name, weights=None, **ARGUMENTS.get(name, {}))
        shapes, open_axes = [(1, 3, VISION[name], VISION[name])], {}
    else:
        make, shapes, open_axes = OWN[name]
        network = make()
    for m in network.modules():  # as after training: else they would do nothing
        if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)):
            m.running_mean.normal_(0, 0.1)
            m.running_var.uniform_(0.5, 1.5)
    names = ["x", "y"][: len(shapes)]
    axes = {n: {0: "batch", **{a: f"{s}_{n}" for a, s in open_axes.items()}} for n in names}
    with warnings.catch_warnings():  # with gradients: without, nn.Transformer has ops of its own that no exporter knows
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Results(network).eval(),
            tuple(torch.randn(s) for s in shapes),
            str(path),
            input_names=names,
            dynamic_axes=axes,
            opset_version=17,
            do_constant_folding=False,
            dynamo=False,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/other-models"))
    parser.add_argument("--models", nargs="+", choices=[*VISION, *OWN], default=[*VISION, *OWN])
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.models:
        path = options.out / f"{name}.onnx"
        partial = path.with_suffix(".partial")  # a broken-off export leaves no file that looks whole
        export(name, partial)
        partial.replace(path)
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB", flush=True)


if __name__ == "__main__":
    main()
