"""Every optimiser learns a small task; the same seed gives the same losses, bit for bit."""

import pathlib

import neve
import numpy as np
import pytest
from neve import nn
from neve.nn import functional as F

IMAGES = pathlib.Path(__file__).resolve().parents[2] / "examples" / "digits" / "images.npz"

# optimiser, options, loss that two spirals must reach in 150 steps from about 0.69
TABLE = [
    ("SGD", {"lr": 0.5}, 0.45),
    ("SGD", {"lr": 0.2, "momentum": 0.9}, 0.15),
    ("SGD", {"lr": 0.2, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-4}, 0.15),
    ("Adam", {"lr": 0.01}, 0.15),
    ("Adam", {"lr": 0.01, "amsgrad": True}, 0.15),
    ("AdamW", {"lr": 0.01}, 0.15),
    ("RMSprop", {"lr": 0.01}, 0.15),
    ("RMSprop", {"lr": 0.003, "momentum": 0.9, "centered": True}, 0.2),
    ("Adagrad", {"lr": 0.05}, 0.2),
    ("Lamb", {"lr": 0.03}, 0.15),
]


def spirals(n=100):
    t = np.linspace(0.5, 5.0, n)
    arm = np.stack([t * np.cos(t), t * np.sin(t)], 1) / 5
    return neve.tensor(np.concatenate([arm, -arm]).astype(np.float32)), neve.tensor(np.repeat([0, 1], n))


@pytest.mark.parametrize("kind, options, goal", TABLE, ids=[f"{k}-{i}" for i, (k, _, _) in enumerate(TABLE)])
def test_optimiser_learns(kind, options, goal):
    neve.manual_seed(0)
    x, y = spirals()
    model = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 2))
    optimizer = getattr(neve.optim, kind)(model.parameters(), **options)
    losses = []
    for _ in range(150):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 0.6 and losses[-1] < goal, losses[::30] + losses[-1:]


def digits_losses(steps=20):
    """Losses of a small convolutional network with batch norm and dropout on the first digits."""
    with np.load(IMAGES) as stored:
        images = neve.tensor((stored["images"][:512, None] / 16).astype(np.float32))
        labels = neve.tensor(stored["labels"][:512].astype(np.int64))
    neve.manual_seed(5)
    model = nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(12, 20, 3), nn.ReLU(),
        nn.Flatten(), nn.Dropout(0.2), nn.Linear(80, 10),
    )  # fmt: skip
    optimizer = neve.optim.AdamW(model.parameters(), lr=3e-3)
    loader = neve.data.DataLoader(neve.data.TensorDataset(images, labels), batch_size=48, shuffle=True)
    losses = []
    while len(losses) < steps:
        for x, y in loader:
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses[:steps]


def test_the_same_seed_gives_the_same_losses():
    first = digits_losses()
    assert first[-1] < 0.8 * first[0]
    assert digits_losses() == first  # floats, compared exactly


def test_thread_counts_agree_where_results_must_be_the_same():
    threads = neve.get_num_threads()
    losses = []
    try:
        with neve.deterministic(True):
            for n in (1, 2):
                neve.set_num_threads(n)
                losses.append(digits_losses())
    finally:
        neve.set_num_threads(threads)
    assert losses[0] == losses[1]
