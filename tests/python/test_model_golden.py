"""Models beside PyTorch's with the same weights: names, forward, and gradients after five steps of SGD, AdamW and Lamb."""

import functools

import golden_arrays
import model_cases as cases  # found by golden_arrays
import neve
import numpy as np
import pytest
from neve import models

MAKE = {
    "lstm_tagger": models.LSTMTagger, "bert": models.BertModel, "bert_base": models.BertModel, "gpt2": models.GPT2LMHeadModel,
    "vit": models.VisionTransformer, "vit_b_16": models.VisionTransformer, "unet": models.UNet, "unet_bilinear": models.UNet,
}  # fmt: skip


@functools.cache
def golden():
    return golden_arrays.read("models.npz")


def made(name, kwargs):
    return MAKE.get(name, getattr(models, name, None))(**kwargs)


def filled(name, kwargs):
    model = made(name, kwargs)
    state = model.state_dict()
    values = {
        k: cases.weight(k if k != "lm_head.weight" else "transformer.wte.weight", t.shape) for k, t in state.items()
    }
    model.load_state_dict({k: state[k] if v is None else v for k, v in values.items()})
    return model


@pytest.mark.parametrize("name", [*cases.TRAINED, *cases.FORWARD])
def test_forward_is_that_of_pytorch(name):
    kwargs = {**cases.TRAINED, **cases.FORWARD}[name]
    model = filled(name, kwargs).eval()
    given = [neve.tensor(a) for a in cases.inputs(name, kwargs)[0]]
    with neve.no_grad():
        results = cases.outputs(name, model(*given))
    for i, t in enumerate(results):
        expected = golden()[f"{name}|forward|{i}"]
        assert t.shape == expected.shape
        assert np.abs(t.numpy() - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("kind", cases.OPTIMISERS)
@pytest.mark.parametrize("name", cases.TRAINED)
def test_gradients_after_five_steps_are_those_of_pytorch(name, kind):
    kwargs, start = cases.TRAINED[name], f"{name}|{kind}|"
    model = filled(name, kwargs)
    optimizer = getattr(neve.optim, kind)(model.parameters(), **cases.options_of(name, kind))
    results = cases.train(
        name, kwargs, model, optimizer, neve.nn.functional, neve.tensor, lambda t: t.detach().numpy().copy()
    )
    expected = {k.removeprefix(start): v for k, v in golden().items() if k.startswith(start)}
    assert list(results) == list(expected)  # every parameter, in the same order
    np.testing.assert_allclose(results["losses"], expected["losses"], rtol=1e-4)
    # Some gradients are 0 but for rounding, such as those of the bias of keys: no difference counts beside the largest gradient.
    floor = {"gradient": 1e-3 * max(v[0] for k, v in expected.items() if k.startswith("gradient|")), "weight": 0.0}
    difference = {
        k: cases.difference(v, expected[k], floor[k.split("|")[0]]) for k, v in results.items() if k != "losses"
    }
    assert {k: d for k, d in difference.items() if d > 1e-4} == {}


def published():
    named = {}
    for line in (golden_arrays.GOLDEN / "model_keys.txt").read_text().splitlines():
        if not line.startswith("#"):
            model, key, shape = line.split()
            named.setdefault(model, []).append((key, () if shape == "-" else tuple(map(int, shape.split("x")))))
    return named


@pytest.mark.parametrize("name", cases.PUBLISHED)
def test_state_dict_has_the_published_names_and_shapes(name):
    state = made(name, cases.PUBLISHED[name]).state_dict()
    assert {k: t.shape for k, t in state.items()} == dict(published()[name])
