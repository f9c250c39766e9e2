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


def image_feed(side, channels=3, name="x"):
    def feed(size, generator):
        return {name: generator.random((size[0], channels, side, side), dtype=np.float32)}

    return feed


def bert_feed(size, generator):
    ids = generator.integers(0, 30522, size)
    return {"input_ids": ids, "attention_mask": np.ones(size, np.int64), "token_type_ids": np.zeros(size, np.int64)}


def gpt_feed(size, generator):
    batch, sequence, past = size
    feed = {"input_ids": generator.integers(0, 4096, (batch, sequence))}
    for i in range(4):
        for which in ("key", "value"):
            feed[f"past_{which}_{i}"] = generator.standard_normal((batch, 8, past, 32)).astype(np.float32)
    return feed


def policy_feed(size, generator):
    return {"obs": generator.standard_normal((size[0], 154)).astype(np.float32)}


def shapes(feed):
    return {n: tuple(v.shape) for n, v in feed.items()}


def _workload(name, path, made, feed, low, opts, high, sizes, first=()):
    generator = np.random.default_rng(0)
    low, high, *opts = (shapes(feed(size, generator)) for size in (low, high, *opts))
    return Workload(name, path, made, low, opts, high, [tuple(s) for s in sizes], feed, [tuple(f) for f in first])


def workloads(made=None):
    """{name: Workload}; `made` is the folder with the made models."""
    made = pathlib.Path(made) if made else MADE
    real = pathlib.Path(os.environ.get("NEVE_MODELS", ROOT.parent / "shared" / "models"))
    image = image_feed(224)
    found = [
        _workload(
            "resnet50", made / "resnet50.onnx", True, image, (1,), [(1,), (5,)], (10,),
            [(b,) for b in (1, 3, 5, 7, 9)], [(2,), (6,), (8,)],
        ),
        _workload(
            "bert_base", made / "bert_base.onnx", True, bert_feed, (1, 1), [(1, 128), (8, 128)], (8, 512),
            [(1, 128), (8, 128), (1, 384)], [(2, 100), (1, 200)],
        ),
        _workload(
            "wbt_dance102_policy", real / "onnx" / "wbt_dance102_policy.onnx", False, policy_feed, (1,), [(1,)], (16,),
            [(1,)], [(3,), (16,)],
        ),
        _workload(
            "mobilenet_v3_large", made / "mobilenet_v3_large.onnx", True, image, (1,), [(1,), (8,)], (10,),
            [(1,), (8,)], [(3,)],
        ),
        _workload(
            "gpt_small", made / "gpt_small.onnx", True, gpt_feed, (1, 1, 0), [(1, 1, 64), (1, 64, 0)], (4, 128, 384),
            [(1, 64, 0), (1, 1, 64), (4, 1, 200)], [(2, 7, 9)],
        ),
        _workload(
            "digits", ROOT / "examples" / "digits" / "digits.onnx", False, image_feed(8, 1), (1,), [(1,), (8,), (64,)],
            (64,), [(1,), (8,), (64,)], [(5,), (33,)],
        ),
    ]  # fmt: skip
    return {w.name: w for w in found}
