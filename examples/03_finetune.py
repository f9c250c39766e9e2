#!/usr/bin/env python3
"""Loads published weights of a network for 28 by 28 digits and teaches it 8 by 8 ones: python examples/03_finetune.py [FOLDER]

FOLDER (or the environment variable NEVE_MODELS) holds mnist.safetensors or mnist.pt, the state dict of burn's PyTorch import example
(Apache 2.0); without it there is nothing to do.
"""

import os
import pathlib
import sys

import neve
import numpy as np
from neve import nn
from neve.nn import functional as F

STEPS, BATCH, SEED = 40, 32, 0


class Net(nn.Module):
    """f32[N, 1, 28, 28] to log-probabilities f32[N, 10]; the names are those of the file."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3)
        self.conv2 = nn.Conv2d(8, 16, 3)
        self.conv3 = nn.Conv2d(16, 24, 3)
        self.norm1 = nn.BatchNorm2d(24)
        self.fc1 = nn.Linear(24 * 22 * 22, 32)
        self.fc2 = nn.Linear(32, 10)
        self.norm2 = nn.BatchNorm1d(10)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = F.relu(self.norm1(F.relu(self.conv3(x))))
        x = F.relu(self.fc1(x.flatten(1)))
        return F.log_softmax(self.norm2(self.fc2(x)), 1)


def weights_file():
    places = [*sys.argv[1:2], *([os.environ["NEVE_MODELS"]] if "NEVE_MODELS" in os.environ else [])]
    for place in map(pathlib.Path, places):
        for file in (place / "mnist.safetensors", place / "safetensors" / "mnist.safetensors", place / "mnist.pt"):
            if file.exists():
                return file
    return None


def accuracy(model, images, labels):
    model.eval()
    with neve.no_grad():
        return (model(images).argmax(1) == labels).astype("f32").mean().item()


def main():
    file = weights_file()
    if file is None:
        print("skipped: no mnist.safetensors or mnist.pt in the folder that the argument or NEVE_MODELS names")
        return 0
    neve.manual_seed(SEED)
    model = Net()
    model.load_state_dict(neve.load_weights(file))
    print(f"{len(model.state_dict())} tensors from {file.name}")

    with np.load(pathlib.Path(__file__).resolve().parent / "digits" / "images.npz") as stored:
        small = neve.tensor((stored["images"][:, None] / 16).astype(np.float32))
        labels = neve.tensor(stored["labels"].astype(np.int64))
    # 8x8 to 20x20 in the middle of 28x28, as the digits of MNIST lie; their mean and deviation
    images = F.pad(F.interpolate(small, size=(20, 20), mode="bilinear"), (4, 4, 4, 4))
    images = (images - 0.1307) / 0.3081
    order = neve.randperm(len(labels))
    held_out, rest = order[:400], order[400:]

    before = accuracy(model, images[held_out], labels[held_out])
    print(f"before: {before:.2%} of {len(held_out)} held-out images")
    for p in (*model.conv1.parameters(), *model.conv2.parameters()):
        p.requires_grad = False  # what the first layers see stays
    optimizer = neve.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    model.train()
    for step in range(STEPS):
        part = rest[(step * BATCH) % len(rest) :][:BATCH]
        loss = F.nll_loss(model(images[part]), labels[part])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = accuracy(model, images[held_out], labels[held_out])
    print(f"after {STEPS} steps: {after:.2%}")
    if after <= before or after < 0.9:
        print(f"finetune: {before:.2%} before and {after:.2%} after (better, and at least 90%)", file=sys.stderr)
        return 1
    print("better than before: pass")
    return 0


if __name__ == "__main__":
    sys.exit(main())
