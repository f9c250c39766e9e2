#!/usr/bin/env python3
"""The main job on a small model: a saved network in, a checked, fast engine for every batch from 1 to 64 out.

`./dev demo` runs this. digits.onnx is a small convolutional network (train.py), test_images.npz holds handwritten digits that it
was not trained on. The baseline is the same model run op by op on the same library kernels; ONNX Runtime is measured too where it
can be imported.

    python examples/digits/demo.py [--out FOLDER] [--threads N]
"""

import argparse
import importlib.util
import json
import pathlib
import sys
import time

import neve
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
BATCHES = (1, 2, 3, 4, 7, 8, 16, 31, 32, 48, 64)
LEAST_ACCURACY = 0.98


def first(result):
    """The only output, as a NumPy array."""
    return np.asarray(result[0] if isinstance(result, (list, tuple)) else result)


def classify(function, images):
    """Labels of all images, in batches of ever other sizes."""
    labels, at, turn = [], 0, 0
    while at < len(images):
        batch = images[at : at + BATCHES[turn % len(BATCHES)]]
        labels.append(first(function(batch)).argmax(1))
        at, turn = at + len(batch), turn + 1
    return np.concatenate(labels)


def milliseconds(function, x, seconds=0.15):
    """Median of the calls of about `seconds`, after three warm ones."""
    for _ in range(3):
        function(x)
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        function(x)
        times.append((time.perf_counter() - start) * 1e3)
    return float(np.median(times))


def peer(threads):
    """ONNX Runtime on the same file, or None where it is not installed."""
    if importlib.util.find_spec("onnxruntime") is None:
        return None
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(HERE / "digits.onnx"), options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=HERE.parent.parent / "build" / "demo")
    parser.add_argument("--threads", type=int, default=0, help="0: as many as this process may use")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    with np.load(HERE / "test_images.npz") as stored:
        images, labels = stored["images"].astype(np.float32) / 16, stored["labels"]

    module = neve.load(HERE / "digits.onnx")
    start = time.perf_counter()
    engine = neve.optimize(
        module,
        ranges=[
            neve.Range(
                min={"x": (1, 1, 8, 8)}, max={"x": (64, 1, 8, 8)}, opts=[{"x": (b, 1, 8, 8)} for b in (1, 8, 64)]
            )
        ],
        test_data=[{"x": images[:n]} for n in (1, 8, 64)],
        threads=options.threads,
    )
    print(f"digits.onnx optimised for batch 1..64 in {time.perf_counter() - start:.2f} s")

    right = {name: (classify(f, images) == labels).mean() for name, f in (("op by op", module), ("Neve", engine))}
    print(f"accuracy on {len(images)} held-out images: " + ", ".join(f"{n} {100 * a:.2f}%" for n, a in right.items()))

    onnxruntime = peer(engine.threads)
    print(f"\nmilliseconds, {engine.threads} threads")
    print(
        f"{'batch':>6} {'op by op':>10} {'Neve':>10} {'speedup':>9} {'images/s':>10}"
        + ("  ONNX Runtime" if onnxruntime else "")
    )
    for batch in BATCHES:
        x = images[:batch]
        plain, fast = milliseconds(module, x), milliseconds(engine, x)
        line = f"{batch:6} {plain:10.3f} {fast:10.3f} {plain / fast:8.2f}x {1e3 * batch / fast:10.0f}"
        print(line + (f" {milliseconds(onnxruntime, x):13.3f}" if onnxruntime else ""), flush=True)

    archive = options.out / "digits.neve"
    engine.save(archive)
    (options.out / "report.json").write_text(json.dumps(engine.report, indent=1))
    (options.out / "report.html").write_text(engine.report_html())
    again = neve.load(archive)
    same = all(np.array_equal(first(engine(images[:n])), first(again(images[:n]))) for n in BATCHES)
    print(
        f"\n{archive}: {archive.stat().st_size / 1e3:.0f} kB; loaded again it gives {'the same bits' if same else 'OTHER VALUES'}"
    )
    print(f"{options.out / 'report.html'}: what was done, and why")

    if min(right.values()) < LEAST_ACCURACY or not same:
        print("demo: the engine is not right", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
