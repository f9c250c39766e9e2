#!/usr/bin/env python3
"""Trains a small convolutional network on handwritten digits and checks it on images held out: python examples/02_train_digits.py [weights.safetensors]"""

import pathlib
import sys
import time

import neve
import numpy as np
from neve import nn
from neve.nn import functional as F

EPOCHS, BATCH, SEED = 11, 64, 7


class Block(nn.Module):
    """Two convolutions with batch norm and a residual."""

    def __init__(self, channels):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x):
        return F.relu(x + self.body(x))


def network():
    return nn.Sequential(
        nn.Conv2d(1, 24, 3, padding=1, bias=False),
        nn.BatchNorm2d(24),
        nn.ReLU(),
        Block(24),
        nn.MaxPool2d(2),
        nn.Conv2d(24, 40, 3, padding=1),
        nn.Hardswish(),
        Block(40),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(40, 10),
    )


def accuracy(model, images, labels):
    model.eval()
    with neve.no_grad():
        return (model(images).argmax(1) == labels).astype("f32").mean().item()


def train(model, epochs=EPOCHS):
    """Trains on three quarters of the images; returns the rest: images [n, 1, 8, 8] in 0..1 and labels [n]."""
    with np.load(pathlib.Path(__file__).resolve().parent / "digits" / "images.npz") as stored:
        images = neve.tensor((stored["images"][:, None] / 16).astype(np.float32))
        labels = neve.tensor(stored["labels"].astype(np.int64))
    order = neve.randperm(len(labels))
    held_out, rest = order[: len(labels) // 4], order[len(labels) // 4 :]
    training = neve.data.TensorDataset(images[rest], labels[rest])
    loader = neve.data.DataLoader(training, batch_size=BATCH, shuffle=True, drop_last=True)
    optimizer = neve.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = neve.optim.lr_scheduler.OneCycleLR(optimizer, 8e-3, total_steps=epochs * len(loader))
    generator, start = np.random.default_rng(SEED), time.perf_counter()
    for epoch in range(epochs):
        model.train()
        for x, y in loader:
            down, right = generator.integers(0, 3, 2)  # every batch is moved by up to one pixel
            x = F.pad(x, (1, 1, 1, 1))[:, :, down : down + 8, right : right + 8]
            loss = F.cross_entropy(model(x), y, label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        right = accuracy(model, images[held_out], labels[held_out])
        print(
            f"epoch {epoch + 1:2}: loss {loss.item():.4f}, {right:.2%} of {len(held_out)} held-out images", flush=True
        )
    print(f"trained in {time.perf_counter() - start:.1f} s")
    return images[held_out], labels[held_out]


def main():
    neve.manual_seed(SEED)
    model = network()
    print(model.summary(neve.zeros(1, 1, 8, 8)))
    images, labels = train(model)
    right = accuracy(model, images, labels)
    if len(sys.argv) > 1:
        neve.save(model.state_dict(), sys.argv[1])
        print(f"weights in {sys.argv[1]}")
    if right < 0.98:
        print(f"train_digits: only {right:.2%} of the held-out images are right (98% wanted)", file=sys.stderr)
        return 1
    print("at least 98%: pass")
    return 0


if __name__ == "__main__":
    sys.exit(main())
