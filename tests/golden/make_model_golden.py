"""Writes models.npz and model_keys.txt: what PyTorch, torchvision and transformers give for model_cases.py. Tests need none of them."""

import pathlib
import sys

import model_cases as cases
import torch
from make_nn_golden import write
from torch import nn
from torch.nn import functional as F
from torchvision import models as vision
from transformers import BertConfig, BertModel, GPT2Config, GPT2LMHeadModel

HERE = pathlib.Path(__file__).parent


class Lamb(torch.optim.Optimizer):
    """You et al., 2020, algorithm 2, by its formula."""

    def __init__(self, params, lr, betas, eps, weight_decay):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                s = self.state[p]
                if not s:
                    s.update(t=0, m=torch.zeros_like(p), v=torch.zeros_like(p))
                s["t"] += 1
                s["m"] = b1 * s["m"] + (1 - b1) * p.grad
                s["v"] = b2 * s["v"] + (1 - b2) * p.grad**2
                m, v = s["m"] / (1 - b1 ** s["t"]), s["v"] / (1 - b2 ** s["t"])
                u = m / (v.sqrt() + group["eps"]) + group["weight_decay"] * p
                size, length = p.norm(), u.norm()
                trust = size / length if size > 0 and length > 0 else 1.0
                p -= group["lr"] * trust * u


class LSTMTagger(nn.Module):
    def __init__(self, embedding_dim, hidden_dim, vocab_size, tagset_size, num_layers):
        super().__init__()
        self.word_embeddings = nn.Embedding(vocab_size, embedding_dim)
        self.lstm = nn.LSTM(embedding_dim, hidden_dim, num_layers, batch_first=True)
        self.hidden2tag = nn.Linear(hidden_dim, tagset_size)

    def forward(self, x):
        return self.hidden2tag(self.lstm(self.word_embeddings(x))[0])


def twice(inputs, inside, outputs):
    """Two 3x3 convolutions of UNet under the name that Pytorch-UNet gives them."""
    parts = []
    for a, b in ((inputs, inside), (inside, outputs)):
        parts += [nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
    return nn.ModuleDict({"double_conv": nn.Sequential(*parts)})


class UNet(nn.Module):
    """Ronneberger et al., 2015, with batch norm and padding; written here with the names that Pytorch-UNet's files have."""

    def __init__(self, n_channels, n_classes, bilinear, width):
        super().__init__()
        f, w = (2 if bilinear else 1), width
        self.inc = twice(n_channels, w, w)
        for i in range(4):
            a, b = w << i, w << (i + 1)
            b = b // f if i == 3 else b
            self.add_module(
                f"down{i + 1}", nn.ModuleDict({"maxpool_conv": nn.Sequential(nn.MaxPool2d(2), twice(a, b, b))})
            )
        for i in range(4):
            a = 16 * w >> i
            b = a // 2 // f if i < 3 else w
            up = (
                nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
                if bilinear
                else nn.ConvTranspose2d(a, a // 2, 2, 2)
            )
            self.add_module(f"up{i + 1}", nn.ModuleDict({"up": up, "conv": twice(a, a // 2 if bilinear else b, b)}))
        self.outc = nn.ModuleDict({"conv": nn.Conv2d(w, n_classes, 1)})

    def forward(self, x):
        kept = [self.inc["double_conv"](x)]
        for i in range(4):
            pool, block = getattr(self, f"down{i + 1}")["maxpool_conv"]
            kept.append(block["double_conv"](pool(kept[-1])))
        y = kept.pop()
        for i in range(4):
            up = getattr(self, f"up{i + 1}")
            y, beside = up["up"](y), kept.pop()
            dy, dx = beside.shape[2] - y.shape[2], beside.shape[3] - y.shape[3]
            y = up["conv"]["double_conv"](
                torch.cat([beside, F.pad(y, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])], 1)
            )
        return self.outc["conv"](y)


def make(name, kwargs):
    if name == "lstm_tagger":
        return LSTMTagger(**kwargs)
    if name in ("bert", "bert_base"):
        return BertModel(BertConfig(**kwargs))
    if name == "gpt2":
        return GPT2LMHeadModel(GPT2Config(**kwargs))
    if name.startswith("unet"):
        return UNet(**kwargs)
    if name.startswith("vit"):
        return vision.VisionTransformer(**kwargs)
    return getattr(vision, name)(**kwargs)


def fill(model):
    with torch.no_grad():
        for key, t in model.state_dict().items():
            value = cases.weight(key if key != "lm_head.weight" else "transformer.wte.weight", tuple(t.shape))
            if value is not None:
                t.copy_(torch.from_numpy(value))
    return model


def to_array(t):
    return t.detach().numpy().copy()


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    out = {}
    for name, kwargs in {**cases.TRAINED, **cases.FORWARD}.items():
        given = [torch.from_numpy(a) for a in cases.inputs(name, kwargs)[0]]
        with torch.no_grad():
            y = fill(make(name, kwargs)).eval()(*given)
        for i, t in enumerate(cases.outputs(name, y)):
            out[f"{name}|forward|{i}"] = to_array(t)
    for name, kwargs in cases.TRAINED.items():
        for kind in cases.OPTIMISERS:
            model = fill(make(name, kwargs))
            optimizer = (Lamb if kind == "Lamb" else getattr(torch.optim, kind))(
                model.parameters(), **cases.options_of(name, kind)
            )
            made = cases.train(name, kwargs, model, optimizer, F, torch.from_numpy, to_array)
            out.update({f"{name}|{kind}|{k}": v for k, v in made.items()})
            print(name, kind, made["losses"])
    write("models.npz", out)
    lines = [
        "# <model> <name of the parameter or buffer> <shape>, in the order of the state dict; as PUBLISHED of model_cases.py has them"
    ]
    for name, kwargs in cases.PUBLISHED.items():
        lines += [
            f"{name} {k} {'x'.join(map(str, t.shape)) or '-'}" for k, t in make(name, kwargs).state_dict().items()
        ]
    (HERE / "model_keys.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
