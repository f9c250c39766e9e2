"""The models of neve.models, captured: open sizes, both ways of capture, training, and what optimize makes of them."""

import neve
import numpy as np
import pytest
from neve import jit, models
from neve.nn import functional as F


def images(sizes):
    return [(neve.randn(n, 3, h, w),) for n, h, w in sizes]


def words(sizes, count=30):
    return [(neve.randint(0, count, size),) for size in sizes]


def masked(sizes):
    out = []
    for n, length in sizes:
        mask = np.ones((n, length), np.int64)
        mask[0, length // 2 :] = 0
        out.append((neve.randint(0, 30, (n, length)), neve.tensor(mask)))
    return out


def with_past(sizes):
    return [
        (neve.randint(0, 30, (n, length)), [(neve.randn(n, 2, past, 8), neve.randn(n, 2, past, 8))], True)
        for n, length, past in sizes
    ]


SQUARES = [(2, 40, 40), (1, 33, 50), (3, 64, 32), (1, 40, 40), (5, 48, 57)]
TEXTS = [(2, 7), (1, 7), (3, 4), (1, 20), (5, 13)]
MODELS = {
    "resnet18": (lambda: models.resnet18(4), images(SQUARES)),
    "resnet50": (lambda: models.resnet50(4), images(SQUARES)),
    "mobilenet_v3_small": (lambda: models.mobilenet_v3_small(4, width_mult=0.25), images(SQUARES)),
    "mobilenet_v3_large": (lambda: models.mobilenet_v3_large(4, width_mult=0.25), images(SQUARES)),
    "vit": (lambda: models.VisionTransformer(16, 8, 1, 2, 16, 32), images([(n, 16, 16) for n in (2, 1, 3, 5, 8)])),
    "unet": (lambda: models.UNet(3, 2, width=4), images(SQUARES)),
    "unet_bilinear": (lambda: models.UNet(3, 2, bilinear=True, width=4), images(SQUARES)),
    "tagger": (lambda: models.LSTMTagger(8, 12, 30, 5), words(TEXTS)),
    "tagger_both_ways": (lambda: models.LSTMTagger(8, 12, 30, 5, num_layers=2, bidirectional=True), words(TEXTS)),
    "bert": (lambda: models.BertModel(30, 16, 2, 2, 32, 40), words(TEXTS)),
    "bert_masked": (lambda: models.BertModel(30, 16, 2, 2, 32, 40), masked(TEXTS)),
    "gpt2": (lambda: models.GPT2LMHeadModel(30, n_positions=40, n_embd=16, n_layer=2, n_head=2), words(TEXTS)),
    "gpt2_past": (
        lambda: models.GPT2LMHeadModel(30, n_positions=40, n_embd=16, n_layer=1, n_head=2),
        with_past([(2, 3, 4), (1, 1, 6), (3, 1, 1), (1, 5, 2), (2, 1, 17)]),
    ),
}


def flat(y):
    return [t for part in y for t in flat(part)] if isinstance(y, (tuple, list)) else [] if y is None else [y]


def same(got, want):
    got, want = flat(got), flat(want)
    assert len(got) == len(want)
    for a, b in zip(got, want):
        b = np.array(b.detach())
        np.testing.assert_allclose(np.array(a.detach()), b, rtol=1e-5, atol=1e-5 * np.abs(b).max())


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("way", ["trace", "to_static"])
def test_sizes_stay_open(name, way):
    make, inputs = MODELS[name]
    neve.manual_seed(1)
    model = make().eval()
    with neve.no_grad():
        want = [model(*given) for given in inputs]
        if way == "trace":
            captured = jit.trace(model, *inputs[0])
        else:
            captured = jit.to_static(model)
        for given, y in zip(inputs, want):
            same(captured(*given), y)
    if way == "to_static":
        assert len(model.forward.specialisations) == 1, model.forward.explain()


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "vit", "unet", "tagger_both_ways", "bert", "gpt2"])
def test_training_is_as_before(name):
    make, inputs = MODELS[name]

    def curve(static):
        neve.manual_seed(1)
        model = make()
        model.train()
        call = jit.to_static(model) if static else model
        update = neve.optim.SGD(model.parameters(), lr=0.001)
        losses = []
        neve.manual_seed(2)
        for given in [inputs[0], inputs[2], inputs[4]] * 2:
            update.zero_grad()
            y = flat(call(*given))[0]
            loss = F.cross_entropy(y.reshape(-1, y.shape[-1]), neve.zeros(y.size // y.shape[-1], dtype="i64"))
            loss.backward()
            update.step()
            losses.append(loss.item())
        assert not static or "no gradient" not in model.forward.explain()
        return losses

    np.testing.assert_allclose(curve(True), curve(False), rtol=1e-4)


def test_the_loss_curve_of_a_captured_network_is_the_eager_one():
    """Statistics of a batch do not depend on the order of its values and gradients come from the same kernels: one value
    of one ReLU on the other side of zero would move the curve by more than what is allowed here."""
    r = np.random.default_rng(0)
    batches = [neve.tensor(r.standard_normal((8, 3, 48, 48)).astype(np.float32)) for _ in range(4)]
    labels = neve.tensor(np.arange(8))

    def curve(static):
        neve.manual_seed(0)
        model = models.resnet18(8)
        model.train()
        call = jit.to_static(model) if static else model
        update = neve.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
        losses = []
        for k in range(20):
            update.zero_grad()
            loss = F.cross_entropy(call(batches[k % 4]), labels)
            loss.backward()
            update.step()
            losses.append(loss.item())
        return losses

    eager = curve(False)
    assert eager[-1] < 0.5 * eager[0]
    captured = curve(True)
    np.testing.assert_allclose(captured[:10], eager[:10], rtol=0, atol=2e-4)
    np.testing.assert_allclose(captured[10:], eager[10:], rtol=0.02, atol=0)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "vit", "unet", "tagger", "bert_masked", "gpt2"])
def test_they_optimise(name):
    make, inputs = MODELS[name]
    model = make().eval()
    with neve.no_grad():
        captured = jit.trace(model, *inputs[0])
        engine = neve.optimize(captured, tune=False)
        for given in inputs:
            got = engine(*(np.array(t) for t in given))
            same([neve.tensor(np.array(t)) for t in flat(got)], model(*given))
