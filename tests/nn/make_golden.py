"""Writes tests/nn/golden.safetensors: layers of Python's neve.nn with their weights, inputs, results and gradients.

Run it only to make the committed file again:  build/venv/bin/python tests/nn/make_golden.py
Names: <case>/state/<name>, <case>/in, <case>/out, <case>/grad (of the input, for the sum of squares of the result).
"""

import pathlib

import neve
from neve import nn


class Cases(dict):
    def put(self, case, layer, x, *, call=None):
        x = x if x.dtype == "i64" else neve.tensor(x, requires_grad=True)
        y = (call or layer)(x)
        (y * y).sum().backward()
        for name, t in layer.state_dict().items():
            self[f"{case}/state/{name}"] = t.clone()
        self[f"{case}/in"], self[f"{case}/out"] = x.detach(), y.detach()
        if x.dtype != "i64":
            self[f"{case}/grad"] = x.grad


def main():
    neve.manual_seed(11)
    r, c = neve.random.randn, Cases()
    c.put("linear", nn.Linear(5, 3), r(2, 4, 5))
    c.put("embedding", nn.Embedding(7, 3), neve.tensor([[1, 6], [0, 3]]))
    c.put("conv1d", nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2), r(2, 4, 9))
    c.put("conv2d", nn.Conv2d(3, 4, (3, 2), padding=(1, 0), dilation=2), r(2, 3, 7, 6))
    c.put("conv3d", nn.Conv3d(2, 3, 2, bias=False), r(1, 2, 4, 3, 5))
    c.put("conv_transpose1d", nn.ConvTranspose1d(3, 2, 4, stride=3, padding=1), r(2, 3, 5))
    c.put(
        "conv_transpose2d", nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), r(1, 4, 4, 5)
    )
    c.put("max_pool2d", nn.MaxPool2d(3, 2, 1), r(2, 2, 7, 8))
    c.put("avg_pool2d", nn.AvgPool2d(2, 2, 1, count_include_pad=False), r(1, 2, 6, 5))
    c.put("adaptive_avg_pool2d", nn.AdaptiveAvgPool2d((2, 3)), r(1, 2, 5, 7))
    c.put("adaptive_max_pool2d", nn.AdaptiveMaxPool2d(2), r(1, 2, 4, 6))
    c.put("batch_norm1d", nn.BatchNorm1d(3), r(6, 3))
    c.put("batch_norm2d", nn.BatchNorm2d(3), r(2, 3, 4, 4))
    c.put("layer_norm", nn.LayerNorm((2, 5)), r(3, 2, 5))
    c.put("group_norm", nn.GroupNorm(2, 4), r(2, 4, 3))
    c.put("rms_norm", nn.RMSNorm(6), r(3, 6))
    c.put("gelu", nn.GELU(), r(10))
    c.put("silu", nn.SiLU(), r(10))
    c.put("hardsigmoid", nn.Hardsigmoid(), r(10) * 3)
    rnn, lstm, gru = nn.RNN(3, 4), nn.LSTM(3, 4, 2, bidirectional=True), nn.GRU(3, 4, batch_first=True)
    c.put("rnn", rnn, r(5, 2, 3), call=lambda x: rnn(x)[0])
    c.put("lstm", lstm, r(5, 2, 3), call=lambda x: lstm(x)[0])
    c.put("gru", gru, r(2, 5, 3), call=lambda x: gru(x)[0])
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    c.put("attention", attention, r(2, 5, 8), call=lambda x: attention(x, x, x, need_weights=False)[0])
    for norm_first in (False, True):
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, activation="gelu", norm_first=norm_first)
        c.put(f"encoder_{norm_first}".lower(), layer, r(5, 2, 8))
    # Seeds: the same numbers, and the same first weights.
    neve.manual_seed(3)
    c["random/randn"], c["random/rand"] = r(3), neve.random.rand(2)
    c["random/randperm"], c["random/randint"] = neve.random.randperm(5), neve.random.randint(2, 9, (4,))
    layer = nn.TransformerEncoderLayer(8, 2, 16)
    for name, t in layer.state_dict().items():
        c[f"random/state/{name}"] = t
    # Training: five steps of AdamW and of Lamb.
    for name in ("AdamW", "Lamb", "RMSprop", "Adagrad", "SGD"):
        neve.manual_seed(4)
        model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 4))
        options = {"momentum": 0.9, "nesterov": True} if name == "SGD" else {}
        optimiser = getattr(neve.optim, name)(model.parameters(), lr=0.05, weight_decay=0.01, **options)
        x, target = r(6, 3), neve.random.randint(0, 4, (6,))
        for _ in range(5):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x), target, label_smoothing=0.1).backward()
            optimiser.step()
        for key, t in model.state_dict().items():
            c[f"train_{name}/{key}"] = t
    neve.save(
        {k: neve.tensor(v.detach()) for k, v in c.items()}, str(pathlib.Path(__file__).parent / "golden.safetensors")
    )


if __name__ == "__main__":
    main()
