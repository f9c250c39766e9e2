"""The real models beside the checkout: optimised for dynamic shapes, compared on real inputs at several sizes with ONNX Runtime's results.

Skipped by name where ../shared/models (or $NEVE_MODELS) is absent; the expected values are the committed samples of make_goldens.py.
"""

import pathlib
import sys

import numpy as np
import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "python")]

import backend_adapter  # noqa: E402
import real_cases  # noqa: E402

CASES = {c.name: c for c in real_cases.cases()}
present = pytest.mark.skipif(not real_cases.available(), reason=f"no models in {real_cases.MODELS}")
pytestmark = [present, pytest.mark.skipif(not backend_adapter.available("neve"), reason="neve is not built")]


@pytest.fixture(scope="module")
def goldens():
    with np.load(HERE / "real_outputs.npz") as stored:
        return {k: stored[k] for k in stored.files}


@pytest.fixture(scope="module")
def engines():
    made = {}

    def get(case):
        if case.name not in made:
            made[case.name] = backend_adapter.Engine(case.path, case.low, case.high)
        return made[case.name]

    return get


def check(case, label, outputs, goldens):
    for name, value in outputs.items():
        key = f"{case.name}|{label}|{name}"
        assert list(value.shape) == list(goldens[key + "|shape"]), f"{label}: output '{name}'"
        words = real_cases.difference(real_cases.sample(value), goldens[key + "|values"], float(goldens[key + "|peak"]))
        assert words is None, f"{label}: output '{name}': {words}"


@pytest.mark.parametrize("name", CASES)
def test_agrees(name, engines, goldens):
    """One engine for the range gives ONNX Runtime's results at every size."""
    case = CASES[name]
    found = real_cases.results(case, engines(case).run)
    assert len(found) == len({k.split("|")[1] for k in goldens if k.startswith(name + "|")})
    for label, outputs in found:
        check(case, label, outputs, goldens)


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if c.literal])
def test_widens_a_literal_batch(name):
    """A batch of 1 that stands as a number in a node's constants is widened; each image gives what it gives alone."""
    case = CASES[name]
    # The same kernels in both: kernels that add in other orders differ by more than the tolerance.
    wide = backend_adapter.Engine(case.path, case.low, {k: (3, *s[1:]) for k, s in case.high.items()}, tune=False)
    alone = backend_adapter.Engine(case.path, case.low, case.high, tune=False)
    (_, feed), *_ = case.runs()
    batch = {k: np.concatenate([x, x[..., ::-1], 0.5 * x]) for k, x in feed.items()}
    together = wide.run(batch)
    for i in range(3):
        for output, value in alone.run({k: x[i : i + 1] for k, x in batch.items()}).items():
            peak = np.abs(value).max()
            rows = together[output].shape[0] // 3
            np.testing.assert_allclose(together[output][i * rows : (i + 1) * rows], value, atol=1e-5 * peak, rtol=0)


@pytest.mark.parametrize("name", ["rfb320", "en_ppocrv3_det", "silero_vad_16k"])
def test_outside_the_range(name, engines):
    """A size outside every range is refused in words, and the engine still works."""
    case = CASES[name]
    feed = dict(case.runs()[0][1])
    key = next(iter(case.high))
    engine = engines(case)
    with pytest.raises(Exception, match=key):
        engine.run({**feed, key: np.zeros((case.high[key][0] + 1, *feed[key].shape[1:]), np.float32)})
    engine.run(feed)


def test_archive(tmp_path, goldens):
    """A saved engine, loaded again, gives the same bits."""
    case = CASES["rfb320"]
    engine = backend_adapter.Engine(case.path, case.low, case.high)
    engine.save(tmp_path / "model.neve")
    again = backend_adapter.Engine.loaded(tmp_path / "model.neve")
    for (label, first), (_, second) in zip(real_cases.results(case, engine.run), real_cases.results(case, again.run)):
        for output in first:
            assert np.array_equal(first[output], second[output]), f"{label}: output '{output}'"


# Seconds for each kernel: these with ./dev check --full (pytest -m full).
LARGE = {"silero_vad_16k", "rfb320", "en_ppocrv3_det", "basic_pitch"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.full] * (n in LARGE)) for n in CASES])
def test_each_tactic(name, goldens):
    """Whichever kernel is forced, the results are the expected ones."""
    case = CASES[name]
    taken = set()
    for kernel in backend_adapter.tactics(case.path):
        for variant in [""] if kernel in ("loop", "reference") else [f".{i}" for i in range(16)]:
            options = {"tactic": kernel + variant, "gate": False, "tune": False}
            engine = backend_adapter.Engine(case.path, case.low, case.high, **options)
            if not engine.engine.report["partition"]["tactic"]["taken"]:
                break
            taken.add(kernel)
            for label, outputs in real_cases.results(case, engine.run):
                check(case, label, outputs, goldens)
    assert len(taken) >= 3


def test_expected_notes(engines):
    """basic_pitch on its own recording gives the note, onset and contour maps that its authors stored."""
    engine, windows = engines(CASES["basic_pitch"]), real_cases.pitch_windows()
    outputs = engine.run({"serving_default_input_2:0": windows})
    stored = np.load(real_cases.MODELS / "onnx/basic_pitch/model_output.npz", allow_pickle=True)["arr_0"].item()
    names = {
        "note": "StatefulPartitionedCall:1",
        "onset": "StatefulPartitionedCall:2",
        "contour": "StatefulPartitionedCall:0",
    }
    for kind, name in names.items():
        value = outputs[name][:, 15:-15].reshape(-1, outputs[name].shape[-1])[: len(stored[kind])]
        assert np.corrcoef(value.ravel(), stored[kind].ravel())[0, 1] > 0.9999, kind


def test_expected_bytes(engines):
    """byte_sb_bidi_lstm gives the output that its authors stored."""
    with np.load(real_cases.MODELS / "onnx/byte_sb_bidi_lstm/io.npz") as stored:
        outputs = engines(CASES["byte_sb_bidi_lstm"]).run({"input": stored["input"]})
        np.testing.assert_allclose(outputs["output"], stored["Add_26"], rtol=1e-4, atol=1e-5)


def test_finds_the_faces(engines):
    """rfb320 sees faces in the photograph, and none in noise."""
    engine = engines(CASES["rfb320"])
    photograph = real_cases.face_runs()[0][1]["input"]
    noise = np.random.default_rng(0).standard_normal(photograph.shape).astype(np.float32) * 0.1
    assert (engine.run({"input": photograph})["scores"][..., 1] > 0.9).sum() > 10
    assert (engine.run({"input": noise})["scores"][..., 1] > 0.9).sum() == 0
