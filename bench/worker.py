#!/usr/bin/env python3
"""One measurement in a process of its own: a request as a line of JSON on stdin, the answer as the last line of stdout.

run.py starts it, under Neve's Python or under that of the peers. Every backend is called as a user would call it from Python.
"""

import json
import os
import pathlib
import resource
import sys
import time

import numpy as np
import turns
from workloads import file_workload, workloads

clock = time.perf_counter


def resident_bytes():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * resource.getpagesize()


def measure(call, seconds, least=7):
    """Milliseconds of every call after three warm ones (TorchScript optimises in the third), for about `seconds`."""
    for _ in range(3):
        call()
    times, end = [], clock() + seconds
    while len(times) < least or clock() < end:
        start = clock()
        call()
        times.append((clock() - start) * 1e3)
        if len(times) >= 100_000:
            break
    return times


def summary(times):
    ordered = np.sort(times)
    at = lambda q: float(ordered[min(len(ordered) - 1, int(q * len(ordered)))])  # noqa: E731
    return {"n": len(ordered), "min_ms": at(0), "median_ms": at(0.5), "p90_ms": at(0.9), "p99_ms": at(0.99)}


# -------------------------------------------------------------------------------------------------------------- backends
# Each gives a function of {input: array}; it returns when the result is there.


def open_neve(work, request):
    import neve

    engine = neve.load(request["archive"])
    return lambda feed: engine(**feed)


def open_onnxruntime(work, request):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = request["threads"]
    session = onnxruntime.InferenceSession(str(work.path), options, providers=["CPUExecutionProvider"])
    return lambda feed: session.run(None, feed)


def openvino_model(work, request):
    import openvino

    core = openvino.Core()
    config = {
        "INFERENCE_NUM_THREADS": request["threads"],
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
    }
    return core, core.read_model(str(work.path)), config


def open_openvino(work, request):
    """An engine made for every shape that comes: what a user who knows the shapes would do."""
    engines = {}

    def call(feed):
        key = tuple(v.shape for v in feed.values())
        if key not in engines:
            core, model, config = openvino_model(work, request)
            model.reshape({n: list(v.shape) for n, v in feed.items()})
            engines[key] = core.compile_model(model, "CPU", config).create_infer_request()
        return engines[key].infer(feed, share_inputs=True)

    return call


def open_openvino_dynamic(work, request):
    """One engine for all shapes; sizes that the file fixes are opened as far as the bench varies them."""
    core, model, config = openvino_model(work, request)
    feeds = [work.feed(s, np.random.default_rng(0)) for s in (*work.sizes, *work.first)]
    open_sizes = {}
    for name, first in feeds[0].items():
        sizes = zip(*(f[name].shape for f in feeds), strict=True)
        open_sizes[name] = [-1 if len(set(along)) > 1 else n for along, n in zip(sizes, first.shape, strict=True)]
    model.reshape(open_sizes)
    ask = core.compile_model(model, "CPU", config).create_infer_request()
    return lambda feed: ask.infer(feed, share_inputs=True)


def library_of(backend, threads):
    """networks.py of the library that this backend is, which has `threads` threads."""
    os.environ["BENCH_LIBRARY"] = "torch" if backend in ("torch", "inductor") else "neve"
    import networks

    networks.torch.set_num_threads(threads)
    return networks


def eager_module(work, request):
    """The network op by op."""
    return library_of(request["backend"], request["threads"]).build(work.name)[0]


def eager_caller(module):
    """Tensors share the memory of the arrays."""
    from networks import torch

    no_grad = getattr(torch, "inference_mode", torch.no_grad)

    def call(feed):
        with no_grad():
            return module(*(torch.from_numpy(v) for v in feed.values()))

    return call


def open_eager(work, request):
    return eager_caller(eager_module(work, request))


def open_inductor(work, request):
    """Compiled for every shape that comes, as torch.compile does for the first one."""
    import torch

    return eager_caller(torch.compile(eager_module(work, request), dynamic=False))


OPENERS = {
    "neve": open_neve,
    "neve_before": open_neve,
    "neve_eager": open_eager,
    "onnxruntime": open_onnxruntime,
    "openvino": open_openvino,
    "openvino_dynamic": open_openvino_dynamic,
    "torch": open_eager,
    "inductor": open_inductor,
}
MODULES = {
    "neve_before": "neve",
    "neve_eager": "neve",
    "openvino_dynamic": "openvino",
    "inductor": "torch",
}  # what is imported, where it is not the backend's name


def version_of(backend):
    try:
        module = __import__(MODULES.get(backend, backend))
    except ImportError:
        return None
    return str(module.__version__)


# ----------------------------------------------------------------------------------------------------------------- tasks


def task_speed(work, request):
    call = OPENERS[request["backend"]](work, request)
    runs = []
    for size in work.sizes:
        feed = work.feed(size, np.random.default_rng(1))
        runs.append({"size": size, **summary(measure(lambda feed=feed: call(feed), request["seconds"]))})
    return {"version": version_of(request["backend"]), "runs": runs}


def task_turns(work, request):
    """A few calls whenever it is asked, until nobody asks: see turns.py."""
    call = OPENERS[request["backend"]](work, request)
    feeds = [work.feed(size, np.random.default_rng(1)) for size in work.sizes]
    turns.serve_turns(call, feeds, {"version": version_of(request["backend"])})
    return {}


def neve_range(work, size=None):
    import neve

    if size is not None:
        shape = {n: tuple(v.shape) for n, v in work.feed(size, np.random.default_rng(0)).items()}
        return neve.Range(min=shape, max=shape, opts=[shape])
    return neve.Range(min=work.low, max=work.high, opts=work.opts)


def task_peak(work, request):
    """What the machine reaches at most: {"gflops", "levels", ...}."""
    import neve

    return neve.machine_peak(request["threads"])


def task_inputs(work, request):
    """What a file takes: {"dtypes": numpy's of every input}."""
    import neve

    names = {"f16": "float16", "f32": "float32", "f64": "float64", "bool": "bool"}
    integers = {
        f"{kind}{bits}": f"{name}{bits}" for bits in (8, 16, 32, 64) for kind, name in (("i", "int"), ("u", "uint"))
    }
    return {"dtypes": {name: (names | integers)[dtype] for name, dtype, _ in neve.load(request["path"]).inputs}}


def task_optimize(work, request):
    """Makes the archive, for the whole range or for one size; the tactic cache is the one that the environment names."""
    import neve

    start = clock()
    size = tuple(request["size"]) if request.get("size") else None
    model = neve.load(str(work.path), **work.options)
    engine = neve.optimize(model, ranges=[neve_range(work, size)], threads=request["threads"])
    seconds = clock() - start
    engine.save(request["archive"])
    return {"seconds": seconds, "version": version_of("neve"), "report": engine.report}


def task_start(work, request):
    """From neve.load of the archive to the first result, import not counted; and the resident memory it takes."""
    import neve

    feed = work.feed(work.sizes[0], np.random.default_rng(1))
    before = resident_bytes()
    start = clock()
    engine = neve.load(request["archive"])
    engine(**feed)
    seconds = clock() - start
    for _ in range(5):
        engine(**feed)
    return {"seconds": seconds, "resident_bytes": resident_bytes() - before, "size": work.sizes[0]}


def task_resident(work, request):
    """Resident memory above that of a process that only imported Neve, after runs at one size; with the planned figures."""
    import neve

    size = tuple(request["size"])
    feed = work.feed(size, np.random.default_rng(1))
    before = resident_bytes()
    engine = neve.load(request["archive"])
    for _ in range(5):
        result = engine(**feed)
    taken = resident_bytes() - before
    del result
    return {"size": size, "resident_bytes": taken, "memory": engine.report.get("memory")}


def task_first(work, request):
    """The first call at sizes never seen before, against steady runs there; then the same after `warm`, on a second engine."""
    import neve

    rows = []
    for warmed in (False, True):
        engine = neve.load(request["archive"])
        known = work.feed(work.sizes[0], np.random.default_rng(1))
        measure(lambda: engine(**known), 0.2)  # noqa: B023
        if warmed:
            engine.warm([{n: v.shape for n, v in work.feed(s, np.random.default_rng(1)).items()} for s in work.first])
        for size in work.first:
            feed = work.feed(size, np.random.default_rng(1))
            start = clock()
            engine(**feed)
            first = (clock() - start) * 1e3
            steady = summary(measure(lambda: engine(**feed), request["seconds"] / 2))["median_ms"]  # noqa: B023
            rows.append(
                {"size": size, "warmed": warmed, "first_ms": first, "steady_ms": steady, "ratio": first / steady}
            )
    return {"rows": rows}


def task_pair(work, request):
    """The engine for the range against one for this size alone: alternations of short runs, median of the paired ratios."""
    import neve

    feed = work.feed(tuple(request["size"]), np.random.default_rng(1))
    dynamic, static = neve.load(request["archive"]), neve.load(request["static_archive"])
    for engine in (dynamic, static, dynamic, static):
        engine(**feed)
    ratios, pairs = [], []
    for turn in range(request["alternations"]):
        order = (dynamic, static) if turn % 2 == 0 else (static, dynamic)
        took = {}
        for engine in order:
            times = measure(lambda: engine(**feed), request["seconds"] / 10, 3)  # noqa: B023
            took[id(engine)] = float(np.median(times))
        pairs.append((took[id(dynamic)], took[id(static)]))
        ratios.append(pairs[-1][0] / pairs[-1][1])
    return {
        "size": request["size"],
        "ratio": float(np.median(ratios)),
        "spread": [min(ratios), max(ratios)],
        "pairs": pairs,
    }


def main():
    request = json.loads(sys.stdin.readline())
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
    if file := request.get("file"):
        work = file_workload(**file)
    else:
        work = workloads(request.get("models"), request.get("shared_models")).get(request["workload"])
    answer = globals()["task_" + request["task"]](work, request)
    print(json.dumps(answer, default=str), flush=True)
    os._exit(0)  # what a library does while it is taken down is not measured


if __name__ == "__main__":
    main()
