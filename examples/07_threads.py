#!/usr/bin/env python3
"""One engine, many threads: each has a session of its own, with its own memory: python examples/07_threads.py"""

import concurrent.futures
import pathlib
import threading

import neve
import numpy as np

here = pathlib.Path(__file__).resolve().parent
data = np.load(here / "digits" / "test_images.npz")
images = (data["images"] / 16).astype(np.float32)

# One thread inside each call: the callers are parallel already.
engine = neve.optimize(here / "digits" / "digits.onnx", ranges="x=1x1x8x8..16x1x8x8", threads=1)
engine.warm([{"x": (16, 1, 8, 8)}])  # what depends on these sizes is made now, for all sessions
own = threading.local()


def classify(batch):
    if not hasattr(own, "session"):
        own.session = engine.session()
    return own.session(batch).argmax(1)


batches = np.array_split(images, len(images) // 16 + 1)
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    found = np.concatenate(list(pool.map(classify, batches)))
print(f"{len(images)} images: {(found == data['labels']).mean():.1%} right")
