"""What `./dev bench --train` measures: a training step of small models, written once for Neve and PyTorch, which share these names."""

import dataclasses
import json
import os
import resource
import sys
import time
from typing import Any

import numpy as np

clock = time.perf_counter


@dataclasses.dataclass
class Api:
    """The two libraries under one set of names."""

    name: str
    module: Any  # neve or torch
    nn: Any
    functional: Any
    optim: Any
    compile: Any = None  # what makes of a model one whose forward and backward are compiled; None: it runs op by op

    def tensor(self, array):
        return self.module.from_numpy(array)


def open_api(name, threads):
    if name in ("torch", "inductor"):
        import torch

        torch.set_num_threads(threads)
        torch.manual_seed(0)
        compiled = torch.compile if name == "inductor" else None
        return Api(name, torch, torch.nn, torch.nn.functional, torch.optim, compiled)
    import neve

    neve.set_num_threads(threads)
    neve.manual_seed(0)
    neve.deterministic(name == "neve_deterministic")
    compiled = neve.jit.to_static if name == "neve_static" else None
    return Api(name, neve, neve.nn, neve.nn.functional, neve.optim, compiled)


def residual_network(api, blocks, bottleneck, classes):
    """ResNet-18 is ([2, 2, 2, 2], False), ResNet-50 ([3, 4, 6, 3], True)."""
    nn, relu = api.nn, api.functional.relu

    class Block(nn.Module):
        def __init__(self, inputs, width, stride):
            super().__init__()
            outputs = width * (4 if bottleneck else 1)
            sizes = [(inputs, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1)]
            sizes = sizes if bottleneck else [(inputs, width, 3, stride), (width, width, 3, 1)]
            self.convs = nn.ModuleList(
                [nn.Conv2d(i, o, k, stride=s, padding=k // 2, bias=False) for i, o, k, s in sizes]
            )
            self.norms = nn.ModuleList([nn.BatchNorm2d(o) for _, o, _, _ in sizes])
            self.shortcut = None
            if stride != 1 or inputs != outputs:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
                )

        def forward(self, x):
            y = x if self.shortcut is None else self.shortcut(x)
            last = len(self.convs) - 1
            for i, (conv, norm) in enumerate(zip(self.convs, self.norms)):
                x = norm(conv(x))
                x = relu(x + y if i == last else x)
            return x

    layers = [nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    layers.append(nn.MaxPool2d(3, stride=2, padding=1))
    inputs = 64
    for stage, count in enumerate(blocks):
        width = 64 << stage
        for i in range(count):
            layers.append(Block(inputs, width, 2 if stage > 0 and i == 0 else 1))
            inputs = width * (4 if bottleneck else 1)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes))


def digits(api):
    nn = api.nn
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 16, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip


def encoder(api):
    nn = api.nn

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.places = nn.Embedding(1000, 256), nn.Embedding(64, 256)
            self.norm, self.dropout = nn.LayerNorm(256), nn.Dropout(0.1)
            layer = nn.TransformerEncoderLayer(256, 4, 1024, 0.1, activation="gelu", batch_first=True)
            self.layers = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
            self.head = nn.Linear(256, 10)
            self.positions = api.tensor(np.arange(64))

        def forward(self, x):
            x = self.dropout(self.norm(self.words(x) + self.places(self.positions)))
            return self.head(self.layers(x)[:, 0])

    return Encoder()


def lstm(api):
    nn = api.nn

    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(128, 256, 2, batch_first=True)
            self.head = nn.Linear(256, 10)

        def forward(self, x):
            return self.head(self.lstm(x)[0][:, -1])

    return Tagger()


def images(*size):
    return lambda generator: generator.standard_normal(size).astype(np.float32)


# name: (model, input, classes, optimiser)
TRAINED = {
    "resnet18": (lambda api: residual_network(api, [2, 2, 2, 2], False, 10), images(16, 3, 64, 64), "SGD"),
    "encoder": (encoder, lambda generator: generator.integers(0, 1000, (16, 64)), "AdamW"),
    "lstm": (lstm, images(32, 64, 128), "AdamW"),
    "digits": (digits, images(64, 1, 8, 8), "AdamW"),
}
# name: (model, batch)
INFERRED = {"resnet50_b1": 1, "resnet50_b8": 8}


def training_step(api, name):
    """A function that does one step on fixed data and returns the loss."""
    model, data, optimiser = TRAINED[name]
    generator = np.random.default_rng(0)
    x = api.tensor(data(generator))
    y = api.tensor(generator.integers(0, 10, x.shape[0]))
    net = model(api)
    net.train()
    if api.compile:
        net = api.compile(net)
    options = {"momentum": 0.9} if optimiser == "SGD" else {}
    update = getattr(api.optim, optimiser)(net.parameters(), lr=1e-3, **options)
    loss_of = api.nn.CrossEntropyLoss()

    def step():
        update.zero_grad()
        loss = loss_of(net(x), y)
        loss.backward()
        update.step()
        return loss

    return step


def inference(api, name):
    """A function that runs the model once, op by op."""
    net = residual_network(api, [3, 4, 6, 3], True, 1000)
    net.eval()
    x = api.tensor(images(INFERRED[name], 3, 224, 224)(np.random.default_rng(0)))

    def call():
        with api.module.no_grad():
            return net(x)

    return call


def small_add(api):
    """a + b on four elements."""
    a, b = (api.tensor(np.ones(4, np.float32)) for _ in range(2))
    return lambda: a + b


# ---- one measurement in a process of its own: a request as JSON on stdin, the answer as the last line of stdout --------------------


def resident_bytes():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * resource.getpagesize()


def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def call_of(api, name):
    if name in TRAINED:
        return training_step(api, name)
    return small_add(api) if name == "add" else inference(api, name)


def task_speed(api, request):
    """Milliseconds of the first call, and of every later one for about `seconds`; `batch` calls are timed as one where they are short."""
    call = call_of(api, request["workload"])
    start = clock()
    call()
    first = clock() - start
    batch = 1000 if request["workload"] == "add" else 1
    for _ in range(3 * batch):
        call()
    times, end = [], clock() + request["seconds"]
    while len(times) < 5 or clock() < end:
        start = clock()
        for _ in range(batch):
            call()
        times.append((clock() - start) * 1e3 / batch)
    return {"first_ms": first * 1e3, "median_ms": float(np.median(times)), "min_ms": min(times), "n": len(times)}


def task_memory(api, request):
    """Peak resident memory over that after the import, of some steps."""
    api.tensor(np.ones(4, np.float32)) + 1  # what a library sets up once
    before = peak_bytes()
    call = call_of(api, request["workload"])
    for _ in range(10):
        call()
    return {"peak_bytes": peak_bytes() - before}


def task_leak(api, request):
    """Resident memory after a tenth of the steps and after all of them."""
    call = call_of(api, request["workload"])
    sizes = []
    for step in range(1, request["steps"] + 1):
        call()
        if step % max(1, request["steps"] // 10) == 0:
            sizes.append(resident_bytes())
    return {"steps": request["steps"], "resident_bytes": sizes, "grown_bytes": sizes[-1] - sizes[0]}


def main():
    request = json.load(sys.stdin)
    api = open_api(request["backend"], request["threads"])
    answer = globals()["task_" + request["task"]](api, request)
    answer["version"] = str(api.module.__version__)
    print(json.dumps(answer), flush=True)
    os._exit(0)  # what a library does while it is taken down is not measured


if __name__ == "__main__":
    main()
