"""What `./dev bench` measures: models, the range of one engine for each, and the sizes that are timed inside it. Needs numpy only."""

import dataclasses
import os
import pathlib

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
MADE = ROOT / "build" / "bench-models"  # what make_models.py makes


@dataclasses.dataclass
class Workload:
    name: str
    path: pathlib.Path
    made: bool  # by make_models.py, else it must be there
    low: dict  # the range of the one engine: {input: shape}
    opts: list
    high: dict
    sizes: list  # timed: tuples for feed()
    feed: object  # (size, generator) -> {input: array}
    first: list = dataclasses.field(default_factory=list)  # sizes whose first call is timed, not among the opts
    options: dict = dataclasses.field(default_factory=dict)  # of neve.load
    network: bool = False  # whether networks.py has it, with other weights where the model is not made here


def image_feed(side, channels=3, name="x"):
    """Sizes are (batch,) or (batch, height, width)."""

    def feed(size, generator):
        height, width = size[1:] or (side, side)
        return {name: generator.random((size[0], channels, height, width), dtype=np.float32)}

    return feed


def bert_feed(size, generator):
    ids = generator.integers(0, 30522, size)
    return {"input_ids": ids, "attention_mask": np.ones(size, np.int64), "token_type_ids": np.zeros(size, np.int64)}


def gpt_feed(layers, head):
    def feed(size, generator):
        batch, sequence, past = size
        feed = {"input_ids": generator.integers(0, 4096, (batch, sequence))}
        for i in range(layers):
            for which in ("key", "value"):
                feed[f"past_{which}_{i}"] = generator.standard_normal((batch, 8, past, head)).astype(np.float32)
        return feed

    return feed


def lstm_feed(size, generator):
    return {"x": generator.standard_normal((*size, 128)).astype(np.float32)}


def walking_feed(size, generator):
    shapes = {"obs": (size[0], 47), "h": (1, size[0], 64), "c": (1, size[0], 64)}
    return {n: generator.standard_normal(s).astype(np.float32) for n, s in shapes.items()}


def voice_feed(size, generator):
    """A chunk of 32 ms at 16 kHz with the 64 samples before it, and the state."""
    return {
        "input": generator.standard_normal((size[0], 576)).astype(np.float32) * np.float32(0.1),
        "state": np.zeros((2, size[0], 128), np.float32),
        "sr": np.array(16000, np.int64),
    }


def policy_feed(size, generator):
    return {"obs": generator.standard_normal((size[0], 154)).astype(np.float32)}


def shapes(feed):
    return {n: tuple(v.shape) for n, v in feed.items()}


def file_workload(path, sizes, dtypes):
    """Any ONNX file: `sizes` are {input: shape}, all of them timed, and one engine serves from the least to the largest; `dtypes` are
    numpy's, {input: name}. Inputs of integers are 0 or 1, which ids and masks may be alike."""
    keys = [tuple(next(iter(s.values()))) for s in sizes]
    if len(set(keys)) < len(keys):  # they differ in another input than the first
        keys = [tuple(n for shape in s.values() for n in shape) for s in sizes]
    known = dict(zip(keys, sizes, strict=True))

    def feed(size, generator):
        def values(name, shape):
            if np.issubdtype(dtypes[name], np.floating):
                return generator.standard_normal(shape).astype(dtypes[name])
            return generator.integers(0, 2, shape).astype(dtypes[name])

        return {name: values(name, shape) for name, shape in known[tuple(size)].items()}

    def extreme(which):
        return {name: tuple(which(along) for along in zip(*(s[name] for s in sizes), strict=True)) for name in sizes[0]}

    path = pathlib.Path(path)
    opts = [{name: tuple(shape) for name, shape in s.items()} for s in sizes]
    return Workload(path.stem, path, False, extreme(min), opts, extreme(max), keys, feed)


def _workload(name, path, made, feed, low, opts, high, sizes, first=(), **more):
    generator = np.random.default_rng(0)
    low, high, *opts = (shapes(feed(size, generator)) for size in (low, high, *opts))
    more.setdefault("network", made)
    return Workload(
        name, path, made, low, opts, high, [tuple(s) for s in sizes], feed, [tuple(f) for f in first], **more
    )


def workloads(made=None, real=None):
    """{name: Workload}; `made` is the folder with the made models, `real` that with those of others."""
    made = pathlib.Path(made) if made else MADE
    real = pathlib.Path(real or os.environ.get("NEVE_MODELS") or ROOT.parent / "shared" / "models")
    image = image_feed(224)
    found = [
        _workload(
            "resnet50", made / "resnet50.onnx", True, image, (1,), [(1,), (5,)], (10,),
            [(b,) for b in (1, 3, 5, 7, 9)], [(2,), (6,), (8,)],
        ),
        _workload(
            "bert_base", made / "bert_base.onnx", True, bert_feed, (1, 1), [(1, 128), (8, 128)], (8, 512),
            [(1, 128), (8, 128), (1, 384), (4, 64)], [(2, 100), (1, 200)],
        ),
        _workload(
            "wbt_dance102_policy", real / "onnx" / "wbt_dance102_policy.onnx", False, policy_feed, (1,), [(1,)], (16,),
            [(1,)], [(3,), (16,)], network=True,
        ),
        _workload(
            "mobilenet_v3_large", made / "mobilenet_v3_large.onnx", True, image, (1,), [(1,), (8,)], (10,),
            [(1,), (8,)], [(3,)],
        ),
        _workload(
            "gpt_small", made / "gpt_small.onnx", True, gpt_feed(4, 32), (1, 1, 0), [(1, 1, 64), (1, 64, 0)], (4, 128, 384),
            [(1, 64, 0), (1, 1, 64), (4, 1, 200)], [(2, 7, 9)],
        ),
        _workload(
            "digits", ROOT / "examples" / "digits" / "digits.onnx", False, image_feed(8, 1), (1,), [(1,), (8,), (64,)],
            (64,), [(1,), (8,), (64,)], [(5,), (33,)], network=True,
        ),
        _workload(
            "gpt_decoder", made / "gpt_decoder.onnx", True, gpt_feed(6, 64), (1, 1, 0), [(1, 1, 128), (4, 1, 128)], (4, 64, 384),
            [(1, 1, 128), (4, 1, 128)], [(2, 1, 60)],
        ),
        _workload(
            "efficientnet_b0", made / "efficientnet_b0.onnx", True, image, (1,), [(1,), (8,)], (10,), [(1,), (8,)], [(3,)],
        ),
        _workload("unet", made / "unet.onnx", True, image_feed(256), (1,), [(1,)], (4,), [(1,)], [(2,)]),
        _workload(
            "bilstm", made / "bilstm.onnx", True, lstm_feed, (1, 1), [(1, 32), (1, 256)], (4, 512),
            [(1, 32), (1, 128), (1, 256)], [(2, 64)],
        ),
        _workload(
            "en_ppocrv3_det", real / "onnx" / "en_ppocrv3_det.onnx", False, image, (1, 160, 160), [(1, 320, 320), (1, 640, 640)],
            (1, 960, 960), [(1, 320, 320), (1, 480, 640), (1, 640, 960)], [(1, 384, 512)],
        ),
        _workload(
            "silero_vad_v6", real / "onnx" / "silero_vad_v6.onnx", False, voice_feed, (1,), [(1,)], (8,), [(1,)], [(2,)],
            network=True,
            options={"input_shapes": {"input": ["batch", 576], "state": [2, "batch", 128]}},
        ),
        _workload(
            "lstm_policy", made / "lstm_policy.onnx", True, walking_feed, (1,), [(1,)], (16,), [(1,)], [(3,)],
        ),
    ]  # fmt: skip
    return {w.name: w for w in found}
