#!/usr/bin/env python3
"""Trains the small network of the demo on scikit-learn's bundled handwritten digits and stores it as ONNX.

Run it only to make the two committed files again (it needs PyTorch and scikit-learn, which the demo does not):

    python examples/digits/train.py     ->  digits.onnx (dynamic batch), test_images.npz (images never trained on, labels)

Input `x`: f32 [batch, 1, 8, 8], grey values 0..1. Output `logits`: f32 [batch, 10].
"""

import pathlib
import sys
import warnings

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

HERE = pathlib.Path(__file__).resolve().parent
SEED, EPOCHS, BATCH = 7, 60, 64


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
        return torch.relu(x + self.body(x))


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


def shifted(x, generator):
    """Moves every image by up to one pixel."""
    padded = nn.functional.pad(x, (1, 1, 1, 1))
    moves = torch.randint(0, 3, (len(x), 2), generator=generator)
    return torch.stack([p[:, i : i + 8, j : j + 8] for p, (i, j) in zip(padded, moves.tolist())])


def main():
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    data = load_digits()
    x = (data.images[:, None] / 16.0).astype(np.float32)
    y = data.target.astype(np.int64)
    train_x, test_x, train_y, test_y = train_test_split(x, y, test_size=0.25, random_state=SEED, stratify=y)

    model, generator = network(), torch.Generator().manual_seed(SEED)
    images, labels = torch.from_numpy(train_x), torch.from_numpy(train_y)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    steps = EPOCHS * ((len(images) + BATCH - 1) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 6e-3, total_steps=steps)
    for epoch in range(EPOCHS):
        model.train()
        for part in torch.randperm(len(images), generator=generator).split(BATCH):
            loss = nn.functional.cross_entropy(
                model(shifted(images[part], generator)), labels[part], label_smoothing=0.05
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        if epoch % 10 == 9:
            model.eval()
            with torch.no_grad():
                right = (model(torch.from_numpy(test_x)).argmax(1).numpy() == test_y).mean()
            print(f"epoch {epoch + 1}: loss {loss.item():.4f}, held out {100 * right:.2f}%")

    model.eval()
    with torch.no_grad():
        accuracy = float((model(torch.from_numpy(test_x)).argmax(1).numpy() == test_y).mean())
    if accuracy < 0.98:
        print(f"train: only {100 * accuracy:.2f}% of the held-out images are right (98% wanted)", file=sys.stderr)
        return 1
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            torch.from_numpy(test_x[:2]),
            str(HERE / "digits.onnx"),
            input_names=["x"],
            output_names=["logits"],
            dynamic_axes={"x": {0: "batch"}, "logits": {0: "batch"}},
            opset_version=17,
            dynamo=False,
            do_constant_folding=False,  # leaves batch norm to the optimiser, as most files have it
            training=torch.onnx.TrainingMode.EVAL,
        )
    np.savez_compressed(
        HERE / "test_images.npz", images=(test_x * 16).round().astype(np.uint8), labels=test_y.astype(np.uint8)
    )
    print(
        f"{len(test_y)} held-out images, {100 * accuracy:.2f}% right, {(HERE / 'digits.onnx').stat().st_size / 1e3:.0f} kB"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
