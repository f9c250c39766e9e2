"""The real models in ../shared/models/onnx (or $NEVE_MODELS/onnx), the ranges they are optimised for, and real inputs at several sizes.

Shared by make_goldens.py and test_real_models.py; needs numpy and Pillow. Nothing here copies a model.
"""

import dataclasses
import functools
import os
import pathlib
import wave

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent
DEFAULT = HERE.parent.parent.parent / "shared" / "models"
MODELS = pathlib.Path(os.environ.get("NEVE_MODELS", DEFAULT))


@dataclasses.dataclass
class Case:
    """A model, one range of sizes, and runs inside it."""

    name: str
    file: str  # below MODELS/onnx
    low: dict  # {input: shape}
    high: dict
    runs: object  # () -> [(label, {input: array})]
    state: dict = dataclasses.field(default_factory=dict)  # {output: input}: fed back from run to run
    fixed_batch: bool = False  # the file says batch 1: the expected result of a larger one is made image by image
    literal: str = ""  # the node whose constants hold the batch of 1 as a number; `high` is the file's own size

    @property
    def path(self):
        return MODELS / "onnx" / self.file


def available():
    return (MODELS / "onnx").is_dir()


# ---------------------------------------------------------------------------------------------------------------- inputs


def audio(path):
    with wave.open(str(path)) as f:
        samples = np.frombuffer(f.readframes(f.getnframes()), np.int16)
        return (samples / 32768.0).astype(np.float32), f.getframerate()


def image(name, width, height):
    """RGB, [3, height, width], 0..255."""
    picture = Image.open(MODELS / "inputs" / name).convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(picture, np.float32).transpose(2, 0, 1)


def views(picture, count):
    """Different images made from one, [count, ...]: as it is, mirrored, darker, negative, again rolled."""
    kinds = (
        lambda x: x,
        lambda x: x[..., ::-1],
        lambda x: x * 0.5,
        lambda x: 255 - x,
        lambda x: np.roll(x, x.shape[-1] // 3, -1),
    )
    return np.ascontiguousarray(np.stack([kinds[i % 5](picture) for i in range(count)]))


def half_rate(samples):
    """Decimation by two behind a windowed-sinc low pass (161 taps)."""
    t = np.arange(-80, 81)
    taps = np.sinc(t * 0.47) * 0.47 * np.kaiser(161, 9.0)
    return np.convolve(samples, taps / taps.sum(), mode="same")[::2].astype(np.float32)


# ----------------------------------------------------------------------------------------------------------------- models


def silero_runs(rate, batches, steps):
    """Chunks of 512 samples at 16 kHz (256 at 8 kHz) behind the last 64 (32) samples, as the model's own wrapper feeds them."""
    samples, own_rate = audio(MODELS / "inputs" / "silero_test.wav")
    samples = samples[:: own_rate // rate]
    chunk, context = (512, 64) if rate == 16000 else (256, 32)
    runs = []
    for batch in batches:
        starts = [rate * (1 + 7 * i) for i in range(batch)]  # streams from different places
        for step in range(steps):
            at = [s + step * chunk for s in starts]
            x = np.stack([samples[a - context : a + chunk] for a in at])
            feed = {"input": x, "sr": np.array(rate, np.int64)}
            if step == 0:
                feed["state"] = np.zeros((2, batch, 128), np.float32)
            runs.append((f"batch {batch} step {step}", feed))
    return runs


def face_runs():
    x = (views(image("faces_1.jpg", 320, 240), 5) - 127) / 128
    return [(f"batch {n}", {"input": x[:n]}) for n in (1, 2, 5)]


def policy_runs():
    x = np.random.RandomState(102).standard_normal((64, 154)).astype(np.float32)
    return [(f"batch {n}", {"obs": x[:n]}) for n in (1, 7, 64)]


def detector_runs():
    runs = []
    for batch, height, width in ((1, 128, 704), (2, 96, 320), (3, 160, 256), (1, 64, 64)):
        x = views(image("ocr_en.jpg", width, height), batch) / 255
        mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
        x = ((x - mean[:, None, None]) / deviation[:, None, None]).astype(np.float32)
        runs.append((f"{batch}x{height}x{width}", {"x": x}))
    return runs


def angle_runs():
    runs = []
    for batch, height, width in ((1, 48, 192), (6, 48, 192), (2, 40, 100)):
        x = (views(image("ocr_text_cls.jpg", width, height), batch) / 255 - 0.5) / 0.5
        runs.append((f"{batch}x{height}x{width}", {"x": x.astype(np.float32)}))
    return runs


@functools.cache
def pitch_windows():
    """The windows that basic_pitch's own code makes: 43844 samples each, 30 frames of 256 overlapping."""
    samples, rate = audio(MODELS / "onnx" / "basic_pitch" / "vocadito_10.wav")
    assert rate == 44100
    overlap, length = 30 * 256, 43844
    samples = np.concatenate([np.zeros(overlap // 2, np.float32), half_rate(samples)])
    windows = []
    for start in range(0, len(samples), length - overlap):
        part = samples[start : start + length]
        windows.append(np.pad(part, (0, length - len(part))))
    return np.stack(windows)[..., None]


def pitch_runs():
    x = pitch_windows()
    return [(f"batch {n}", {"serving_default_input_2:0": x[:n]}) for n in (1, 3, len(x))]


def bytes_runs():
    with np.load(MODELS / "onnx" / "byte_sb_bidi_lstm" / "io.npz") as stored:
        own = stored["input"]
    text = b"The quick brown fox jumps over the lazy dog. Dr. Smith arrived at 5 p.m. He was late! Why? Nobody knew. "
    letters = np.frombuffer(text * 4, np.uint8)
    return [
        ("its own", {"input": own}),
        ("1x7", {"input": letters[None, :7].copy()}),
        ("5x83", {"input": np.stack([letters[17 * i : 17 * i + 83] for i in range(5)])}),
    ]


def detection_runs():
    x = views(image("dog_samoyed.jpg", 352, 352), 1) / 255
    return [("batch 1", {"input.1": x.astype(np.float32)})]


def digit_runs():
    x = np.zeros((1, 1, 28, 28), np.float32)
    x[0, 0, 5:8, 6:22] = x[0, 0, 8:24, 17:20] = 255.0  # a seven
    return [("a seven", {"Input73": x})]


def cases():
    detector_low, detector_high = {"x": (1, 3, 32, 32)}, {"x": (4, 3, 320, 960)}
    return [
        Case(
            "silero_vad_16k",
            "silero_vad_v6.onnx",
            {"input": (1, 576), "state": (2, 1, 128), "sr": ()},
            {"input": (4, 576), "state": (2, 4, 128), "sr": ()},
            lambda: silero_runs(16000, (1, 3), 12),
            state={"stateN": "state"},
        ),
        Case(
            "silero_vad_8k",
            "silero_vad_v6.onnx",
            {"input": (1, 288), "state": (2, 1, 128), "sr": ()},
            {"input": (2, 288), "state": (2, 2, 128), "sr": ()},
            lambda: silero_runs(8000, (2,), 6),
            state={"stateN": "state"},
        ),
        Case(
            "rfb320",
            "rfb320.onnx",
            {"input": (1, 3, 240, 320)},
            {"input": (5, 3, 240, 320)},
            face_runs,
            fixed_batch=True,
        ),
        Case(
            "wbt_dance102_policy",
            "wbt_dance102_policy.onnx",
            {"obs": (1, 154)},
            {"obs": (64, 154)},
            policy_runs,
            fixed_batch=True,
        ),
        Case("en_ppocrv3_det", "en_ppocrv3_det.onnx", detector_low, detector_high, detector_runs),
        Case(
            "ppocr_mobile_v2_cls",
            "ppocr_mobile_v2_cls.onnx",
            {"x": (1, 3, 40, 96)},
            {"x": (8, 3, 64, 256)},
            angle_runs,
        ),
        Case(
            "basic_pitch",
            "basic_pitch/nmp.onnx",
            {"serving_default_input_2:0": (1, 43844, 1)},
            {"serving_default_input_2:0": (8, 43844, 1)},
            pitch_runs,
        ),
        Case("byte_sb_bidi_lstm", "byte_sb_bidi_lstm/model.onnx", {"input": (1, 1)}, {"input": (8, 128)}, bytes_runs),
        Case(
            "fastestdet_coco",
            "fastestdet_coco.onnx",
            {"input.1": (1, 3, 352, 352)},
            {"input.1": (1, 3, 352, 352)},
            detection_runs,
            literal="Reshape_13",
        ),
        Case(
            "mnist_cntk",
            "mnist_cntk.onnx",
            {"Input73": (1, 1, 28, 28)},
            {"Input73": (1, 1, 28, 28)},
            digit_runs,
            literal="Times212_reshape0",
        ),
    ]


def results(case, run):
    """[(label, {output: array})] of all runs, state fed back; `run` takes {input: array} and gives {output: array}."""
    found, last = [], {}
    for label, feed in case.runs():
        feed = dict(feed)
        for output, name in case.state.items():
            feed.setdefault(name, last.get(output))
        last = run(feed)
        found.append((label, last))
    return found


# ---------------------------------------------------------------------------------------------------------------- goldens

KEPT = 512  # values of an output that are stored: every step-th


def sample(array):
    flat = np.asarray(array).reshape(-1)
    return flat[:: max(1, -(-flat.size // KEPT))]


def difference(result, expected, peak):
    """None when |result - expected| <= 2e-4 of the output's largest value (+ 1e-6) everywhere, else a sentence."""
    gap = np.abs(result.astype(np.float64) - expected.astype(np.float64))
    bound = 2e-4 * peak + 1e-6
    if np.isfinite(result).all() and gap.max(initial=0) <= bound:
        return None
    at = int(np.argmax(np.nan_to_num(gap, nan=np.inf)))
    return f"value {at} is {result[at]!r} instead of {expected[at]!r} (difference {gap[at]:.3g}, bound {bound:.3g})"
