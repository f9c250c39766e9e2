"""Writes small module files of every kind into a folder, for the fuzzer to start from: python modules.py FOLDER."""

import pathlib
import sys
import warnings

import neve
from neve import nn

Spec = neve.jit.InputSpec


class Layers(nn.Module):
    """Buffers that training changes, random numbers, attributes, two methods."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 3)
        self.norm = nn.BatchNorm1d(3)
        self.drop = nn.Dropout(0.5)
        self.name, self.rates = "net", [0.5, 1.5]

    def forward(self, x):
        return self.drop(self.norm(self.fc(x)))

    @neve.jit.to_static
    def encode(self, x, scale: float):
        return {"y": self.fc(x) * scale, "pair": (x, None)}


@neve.jit.to_static
def printed(x):
    if x.sum() > 0:
        print("large", x.sum(), f"{float(x.max()):8.3f}", sep=", ")
        x = x + neve.rand(2)
    for i in range(x.shape[0]):
        if x[i, 0] < 0.5:
            print(i, x[i])
            continue
        x[i, 1] = neve.randn(())
    return x * 2


@neve.jit.to_static
def repeated(x, n):
    assert x.shape[0] > 0, "empty"
    while n > 0:
        x = neve.where(x > 0, x * 0.5, x + 1)
        n = n - 1
    return x, n


@neve.jit.to_static
def several(x, how):
    if len(x) in (3, 4):
        return x.reshape(int(x.shape[0]) * 2, -1)
    return x * (2 if how is True else len(how))


def main():
    folder = pathlib.Path(sys.argv[1])
    warnings.simplefilter("ignore")
    neve.manual_seed(1)
    with neve.no_grad():
        neve.jit.save(nn.Sequential(nn.Linear(2, 3), nn.ReLU()).eval(), folder / "sequential.neve", [Spec(("n", 2))])
        net = Layers()
        net.encode(neve.rand(2, 2), 0.5)
        for mode in (False, True):
            net.train(mode)
            neve.jit.save(net, folder / f"layers-{mode}.neve", [Spec(("n", 2))])
        for sign in (1, -1):
            printed(neve.ones(2, 2) * sign)
        neve.jit.save(printed, folder / "printed.neve")
        repeated(neve.rand(2, 2), neve.asarray(3))
        neve.jit.save(repeated, folder / "repeated.neve")
        for rows, how in ((3, True), (4, True), (6, "abc")):
            several(neve.ones(rows, 2), how)
        neve.jit.save(several, folder / "several.neve")
        neve.jit.save(nn.LSTM(2, 3), folder / "lstm.neve", [Spec(("steps", "n", 2))])


main()
