"""The same bits: on any number of threads in neve.deterministic(True), and twice on the same number without it."""

import hashlib

import neve
import numpy as np
import pytest
from neve import nn


def cnn():
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 24, 3, padding=1, groups=2),
        nn.GELU(), nn.AvgPool2d(2), nn.Dropout(0.2), nn.ConvTranspose2d(24, 8, 2), nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(72, 10),
    ), lambda r: neve.tensor(r.standard_normal((9, 3, 18, 18)).astype(np.float32))  # fmt: skip


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.rnn = (
            nn.Embedding(20, 48),
            nn.LSTM(48, 64, num_layers=2, batch_first=True, bidirectional=True),
        )
        self.head = nn.Linear(128, 10)

    def forward(self, x):
        return self.head(self.rnn(self.embedding(x))[0].mean(axis=1))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 64)
        self.body = nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 4, 128, batch_first=True), 2)
        self.norm, self.head = nn.LayerNorm(64), nn.Linear(64, 10)

    def forward(self, x):
        return self.head(self.norm(self.body(self.embedding(x))).mean(axis=1))


MODELS = {
    "cnn": cnn,
    "lstm": lambda: (Tagger(), lambda r: neve.tensor(r.integers(0, 20, (9, 70)))),
    "transformer": lambda: (Encoder(), lambda r: neve.tensor(r.integers(0, 20, (9, 70)))),
}


def train(name, threads, optimiser):
    """The digest of losses and parameters after four steps."""
    neve.set_num_threads(threads)
    neve.manual_seed(5)
    model, batch = MODELS[name]()
    opt = getattr(neve.optim, optimiser)(model.parameters(), lr=1e-2)
    r = np.random.default_rng(1)
    digest = hashlib.sha256()
    for _ in range(4):
        x, y = batch(r), neve.tensor(r.integers(0, 10, 9))
        opt.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0) if hasattr(nn, "utils") else None
        opt.step()
        digest.update(loss.detach().numpy().tobytes())
    for p in model.parameters():
        digest.update(p.detach().numpy().tobytes())
    return digest.hexdigest()


@pytest.fixture(autouse=True)
def keep_threads():
    before = neve.get_num_threads()
    yield
    neve.set_num_threads(before)


@pytest.mark.parametrize("optimiser", ["AdamW", "Lamb"])
@pytest.mark.parametrize("name", MODELS)
def test_any_number_of_threads(name, optimiser):
    with neve.deterministic(True):
        assert neve.is_deterministic()
        assert len({train(name, n, optimiser) for n in (1, 2, 4, 3)}) == 1
    assert not neve.is_deterministic()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", MODELS)
def test_same_seed_and_threads(name, threads):
    assert train(name, threads, "AdamW") == train(name, threads, "AdamW")


def test_reductions_and_gradients_of_gather():
    r = np.random.default_rng(0)
    a = neve.tensor(r.standard_normal((4000, 37)).astype(np.float32))
    i = neve.tensor(r.integers(0, 50, 4000))
    made = []
    with neve.deterministic(True):
        for n in (1, 2, 4):
            neve.set_num_threads(n)
            w = neve.tensor(r.standard_normal((50, 37)).astype(np.float32) * 0 + 1, requires_grad=True)
            (w[i] * a).sum().backward()
            made.append(
                [a.sum(), a.mean(axis=0), a.var(axis=1), a.cumsum(0), a.T @ a, a.logsumexp(0), w.grad, a.norm()]
            )
    for other in made[1:]:
        for x, y in zip(made[0], other):
            np.testing.assert_array_equal(x.numpy(), y.numpy())
