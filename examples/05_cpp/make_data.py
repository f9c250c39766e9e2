#!/usr/bin/env python3
"""Writes digits.safetensors: scikit-learn's bundled handwritten digits, split as examples/digits/train.py splits them.

Run it only to make the committed file again (it needs scikit-learn, which the example does not):
    python examples/05_cpp/make_data.py
train_images u8 [1347, 8, 8] (grey values 0..16), train_labels u8 [1347]; test_images u8 [450, 8, 8], test_labels.
"""

import json
import pathlib
import struct

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


def main():
    data = load_digits()
    parts = train_test_split(data.images, data.target, test_size=0.25, random_state=7, stratify=data.target)
    names = ("train_images", "test_images", "train_labels", "test_labels")
    arrays = {name: part.round().astype(np.uint8) for name, part in zip(names, parts)}
    header, at = {}, 0
    for name, a in arrays.items():
        header[name] = {"dtype": "U8", "shape": list(a.shape), "data_offsets": [at, at + a.nbytes]}
        at += a.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-(len(text) + 8) % 64)
    path = pathlib.Path(__file__).resolve().parent / "digits.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(a.tobytes() for a in arrays.values()))


if __name__ == "__main__":
    main()
