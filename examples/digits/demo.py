#!/usr/bin/env python3
"""The main job on a small model: trained dynamically, captured as a graph, a checked, fast engine for every batch from 1 to 64 out.

`./dev demo` runs this. It trains the network of 02_train_digits.py, op by op, captures it with an open batch, optimises it, compares
accuracy and speed with the dynamic model (and with ONNX Runtime on digits.onnx, the same network, where it can be imported), saves one
archive, and runs that once more without Python, by the C++ command.

    python examples/digits/demo.py [--out FOLDER] [--threads N] [--epochs N]
"""

import argparse
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import neve
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
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


def example(name):
    """An example beside this folder, as a module."""
    spec = importlib.util.spec_from_file_location(name.lstrip("0123456789_"), HERE.parent / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def without_python(archive, images, folder):
    """Scores of the C++ command on the archive; None where there is no command."""
    command = shutil.which("neve", path=str(ROOT / "build" / "bin")) or shutil.which("neve")
    if command is None:
        return None
    np.save(folder / "images.npy", images)
    for old in folder.glob("scores/*.npy"):
        old.unlink()
    call = [command, "run", archive, "--input", f"x={folder / 'images.npy'}", "--output-dir", folder / "scores"]
    subprocess.run([os.fspath(c) for c in call], check=True, stdout=subprocess.DEVNULL)
    (scores,) = folder.glob("scores/*.npy")
    return np.load(scores)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build" / "demo")
    parser.add_argument("--threads", type=int, default=0, help="0: as many as this process may use")
    parser.add_argument("--epochs", type=int, default=0, help="0: as many as the example takes")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    digits = example("02_train_digits")
    neve.manual_seed(digits.SEED)
    net = digits.network()
    held_out, labels = digits.train(net, options.epochs or digits.EPOCHS)
    images, labels = np.array(held_out), np.array(labels)
    net.eval()

    def module(x):
        with neve.no_grad():
            return net(neve.from_numpy(x))

    start = time.perf_counter()
    batch = neve.jit.Dim("batch", 1, 64)
    captured = neve.jit.trace(net, held_out[:2], dynamic={"x": (batch, 1, 8, 8)})
    print(f"\ncaptured for batch 1..64 in {time.perf_counter() - start:.2f} s: {captured}")
    start = time.perf_counter()
    shapes = [(b, 1, 8, 8) for b in (1, 8, 64)]
    engine = neve.optimize(
        captured,
        ranges=[neve.Range(min={"x": shapes[0]}, max={"x": shapes[-1]}, opts=[{"x": s} for s in shapes])],
        test_data=[{"x": images[:n]} for n in (1, 8, 64)],
        threads=options.threads,
    )
    print(f"optimised in {time.perf_counter() - start:.2f} s")

    right = {name: (classify(f, images) == labels).mean() for name, f in (("dynamic", module), ("engine", engine))}
    print(f"accuracy on {len(images)} held-out images: " + ", ".join(f"{n} {100 * a:.2f}%" for n, a in right.items()))

    onnxruntime = peer(engine.threads)
    print(f"\nmilliseconds, {engine.threads} threads")
    print(
        f"{'batch':>6} {'dynamic':>10} {'engine':>10} {'speedup':>9} {'images/s':>10}"
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
    scores = without_python(archive, images[:64], options.out)
    if scores is not None:
        same = same and np.array_equal(scores, first(engine(images[:64])))
        found = (scores.argmax(1) == labels[:64]).mean()
        print(
            f"run once more from C++ (neve run): {found:.0%} of 64 images, {'the same bits' if same else 'OTHER VALUES'}"
        )
    print(f"{options.out / 'report.html'}: what was done, and why")

    if min(right.values()) < LEAST_ACCURACY or abs(right["engine"] - right["dynamic"]) > 0.003 or not same:
        print("demo: the engine is not right", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
