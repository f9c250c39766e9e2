"""Small networks as PyTorch's exporters write them: one engine for a range of sizes gives ONNX Runtime's results at every size tried."""

import pathlib
import sys

import numpy as np
import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "golden"), str(HERE)]

import backend_adapter  # noqa: E402
import small_models  # noqa: E402

pytestmark = pytest.mark.skipif(not backend_adapter.available("neve"), reason="neve is not built")
FILES = small_models.files()


@pytest.fixture(scope="module")
def goldens():
    with np.load(small_models.HERE / "small_models.npz") as stored:
        return {k: stored[k] for k in stored.files}


def check(model, k, results, goldens):
    expected = [v for key, v in goldens.items() if key.startswith(f"{model.name}|{k}|")]
    assert len(results) == len(expected)
    for j, (result, want) in enumerate(zip(results, expected)):
        where = f"output {j} at {model.sizes[k]}"
        assert (result.shape, result.dtype) == (want.shape, want.dtype), where
        if want.dtype.kind != "f":
            assert np.array_equal(result, want), where
        elif want.size:
            gap, bound = np.abs(result - want).max(), model.relative * np.abs(want).max() + 1e-5
            assert gap <= bound, f"{where}: differs by {gap:.3g} (bound {bound:.3g})"


KNOWN = {}


def parameters():
    for m, v, path in FILES:
        marks = [pytest.mark.xfail(reason=KNOWN[m.name], strict=True)] if m.name in KNOWN else []
        yield pytest.param(m, v, path, id=f"{m.name}-{v}", marks=marks)


@pytest.mark.parametrize("model, variant, path", list(parameters()))
def test_agrees(model, variant, path, goldens):
    low, high = small_models.shapes(model, model.low), small_models.shapes(model, model.high)
    engine = backend_adapter.Engine(path, low, high, tune=False)
    for k, sizes in enumerate(model.sizes):
        check(model, k, list(engine.run(small_models.feed(model, sizes)).values()), goldens)


def test_all_are_there():
    assert len(FILES) == sum(len(m.variants) for m in small_models.MODELS)
