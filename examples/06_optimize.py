#!/usr/bin/env python3
"""A saved model in, a checked, fast engine for every batch from 1 to 32 out: python examples/06_optimize.py"""

import pathlib
import tempfile

import neve
import numpy as np

here = pathlib.Path(__file__).resolve().parent
data = np.load(here / "digits" / "test_images.npz")
images = (data["images"] / 16).astype(np.float32)

engine = neve.optimize(
    here / "digits" / "digits.onnx",
    ranges=[neve.Range(min={"x": (1, 1, 8, 8)}, max={"x": (32, 1, 8, 8)})],
    test_data=[images[:20]],  # the accuracy check runs these beside inputs of its own
)
print(engine)
print("accuracy:", engine.report["accuracy"]["verdict"])

for batch in (1, 7, 32):
    scores = engine(images[:batch])
    print(f"batch {batch}: {(scores.argmax(1) == data['labels'][:batch]).mean():.0%} right")

with tempfile.TemporaryDirectory() as folder:
    engine.save(pathlib.Path(folder) / "digits.neve")
    again = neve.load(pathlib.Path(folder) / "digits.neve")
    print("the archive gives the same:", np.allclose(again(images[:9]), engine(images[:9]), atol=1e-5))
