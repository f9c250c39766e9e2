"""What `./dev bench --train` measures: a training step of small networks in a process of its own, which shares the worker's ways."""

import json
import os
import resource
import sys
import time

import numpy as np
import turns
import worker

clock = time.perf_counter


def open_api(name, threads):
    """(networks.py of the library, what makes of a model one whose steps are compiled; None: they run op by op)"""
    library = worker.library_of(name, threads)
    library.torch.manual_seed(0)
    if name in ("torch", "inductor"):
        return library, library.torch.compile if name == "inductor" else None
    library.torch.deterministic(name == "neve_deterministic")
    return library, library.torch.jit.to_static if name == "neve_static" else None


def images(*size):
    return lambda generator: generator.standard_normal(size).astype(np.float32)


# name: (class of networks.py, input, optimiser)
TRAINED = {
    "resnet18": ("ResNet18", images(16, 3, 64, 64), "SGD"),
    "encoder": ("Encoder", lambda generator: generator.integers(0, 1000, (16, 64)), "AdamW"),
    "lstm": ("Tagger", images(32, 64, 128), "AdamW"),
    "digits": ("Digits", images(64, 1, 8, 8), "AdamW"),
}


def training_step(library, compiled, name):
    """A function that does one step on fixed data and returns the loss."""
    network, data, optimiser = TRAINED[name]
    generator = np.random.default_rng(0)
    x = library.torch.from_numpy(data(generator))
    y = library.torch.from_numpy(generator.integers(0, 10, x.shape[0]))
    net = getattr(library, network)()
    net.train()
    if compiled:
        net = compiled(net)
    options = {"momentum": 0.9} if optimiser == "SGD" else {}
    update = getattr(library.torch.optim, optimiser)(net.parameters(), lr=1e-3, **options)
    loss_of = library.nn.CrossEntropyLoss()

    def step():
        update.zero_grad()
        loss = loss_of(net(x), y)
        loss.backward()
        update.step()
        return loss

    return step


def small_adds(library):
    """A thousand times a + b on four elements."""
    a, b = (library.torch.from_numpy(np.ones(4, np.float32)) for _ in range(2))

    def call():
        for _ in range(1000):
            a + b

    return call


# ---- one measurement in a process of its own: requests and answers as lines of JSON ------------------------------------------------


def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def call_of(opened, name):
    return small_adds(opened[0]) if name == "add" else training_step(*opened, name)


def task_turns(opened, request):
    """Milliseconds of the first step, then a few steps whenever it is asked, until nobody asks: see turns.py."""
    call = call_of(opened, request["workload"])
    start = clock()
    call()
    first = (clock() - start) * 1e3
    turns.serve_turns(lambda _: call(), [None], {"version": str(opened[0].torch.__version__), "first_ms": first})


def task_memory(opened, request):
    """Peak resident memory over that after the import, of some steps."""
    opened[0].torch.from_numpy(np.ones(4, np.float32)) + 1  # what a library sets up once
    before = peak_bytes()
    call = call_of(opened, request["workload"])
    for _ in range(10):
        call()
    return {"peak_bytes": peak_bytes() - before}


def task_leak(opened, request):
    """Resident memory after a tenth of the steps and after all of them."""
    call = call_of(opened, request["workload"])
    sizes = []
    for step in range(1, request["steps"] + 1):
        call()
        if step % max(1, request["steps"] // 10) == 0:
            sizes.append(worker.resident_bytes())
    return {"steps": request["steps"], "resident_bytes": sizes, "grown_bytes": sizes[-1] - sizes[0]}


def main():
    request = json.loads(sys.stdin.readline())
    opened = open_api(request["backend"], request["threads"])
    print(json.dumps(globals()["task_" + request["task"]](opened, request)), flush=True)
    os._exit(0)  # what a library does while it is taken down is not measured


if __name__ == "__main__":
    main()
