"""The small networks of make_small_models.py: their inputs, the range of one engine for each, and the sizes that are checked inside it.

Shared by the script that makes them and the test that runs them; needs numpy only. Sizes are given per symbol; a shape is written with
symbols, numbers and "a+b" sums.
"""

import dataclasses
import pathlib

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
FOLDER = HERE / "small_models"


@dataclasses.dataclass
class Input:
    name: str
    shape: tuple  # of numbers and symbols
    kind: str = "f32"  # f32, mask (0 or 1, i64), bool, or "ids N": i64 below N


@dataclasses.dataclass
class Small:
    name: str
    inputs: list
    low: dict  # {symbol: size}
    high: dict
    sizes: list  # of {symbol: size}
    relative: float = 1e-4  # of an output's largest value
    variants: tuple = ("script17",)  # exporter and opset: files <name>.<variant>.onnx


def image(*shape):
    return [Input("x", shape)]


def grid(**ranges):
    """low, high and sizes from symbol=(low, high, sizes...)."""
    count = max(len(r) - 2 for r in ranges.values())
    low, high = ({s: r[i] for s, r in ranges.items()} for i in (0, 1))
    return low, high, [{s: r[2:][i % (len(r) - 2)] for s, r in ranges.items()} for i in range(count)]


SCRIPTS = ("script17", "dynamo")
IDS = [Input("ids", ("batch", "length"), "ids 64")]
MASKED = [*IDS, Input("mask", ("batch", "length"), "mask")]
CACHED = [Input("ids", ("batch", "new"), "ids 64")] + [
    Input(f"past_{w}_{i}", ("batch", 2, "past", 8)) for i in range(2) for w in ("key", "value")
]
BATCH_LENGTH = grid(batch=(1, 6, 1, 3, 6), length=(1, 24, 9, 24, 1))
PICTURE = grid(batch=(1, 4, 1, 2, 4), height=(16, 64, 32, 24, 40), width=(16, 64, 32, 40, 16))
EVEN = grid(batch=(1, 4, 1, 3), height=(8, 64, 16, 40), width=(8, 64, 24, 8))


def small(name, inputs, ranges, variants=SCRIPTS, **more):
    return Small(name, inputs, *ranges, variants=variants, **more)


MODELS = [
    small("residual", image("batch", 3, "height", "width"), PICTURE, ("script9", "script13", "script17", "dynamo")),
    small("squeeze_excite", image("batch", 3, "height", "width"), PICTURE, ("script11", "script17", "dynamo")),
    small("unet", image("batch", 1, "height", "width"), EVEN, ("script11", "script17", "dynamo")),
    small("style", image("batch", 3, "height", "width"), PICTURE, ("script11", "script17", "dynamo")),
    small("vit", image("batch", 3, 32, 32), grid(batch=(1, 8, 1, 3, 8))),
    small("windows", image("batch", "height", "width", 16), grid(batch=(1, 3, 1, 3), height=(4, 32, 8, 16), width=(4, 32, 12, 4))),
    small("bert", MASKED, BATCH_LENGTH, ("script11", "script14", "script17", "dynamo")),
    small("encoder", [Input("x", ("batch", "length", 16))], BATCH_LENGTH, ("dynamo",)),
    small("gpt", CACHED, grid(batch=(1, 4, 1, 3, 2), new=(1, 16, 7, 1, 16), past=(0, 32, 0, 12, 32))),
    small("llama", CACHED, grid(batch=(1, 4, 1, 3, 2), new=(1, 16, 7, 1, 16), past=(0, 32, 0, 12, 32))),
    small("lstm_tagger", IDS, BATCH_LENGTH, ("script9", "script17", "dynamo")),
    small("gru_stack", [Input("x", ("batch", "length", 12))], BATCH_LENGTH, ("script17",)),
    small("audio", [Input("x", ("batch", 2, "length"))], grid(batch=(1, 4, 1, 3), length=(32, 256, 64, 131))),
    small("volume", image("batch", 1, "depth", 12, 12), grid(batch=(1, 3, 1, 3), depth=(4, 16, 8, 5))),
    small("mixer", image("batch", 3, 16, 16), grid(batch=(1, 8, 1, 5))),
    small("select", [Input("x", ("rows", 6))], grid(rows=(1, 64, 10, 33, 1)), ("script17",)),
    small("boxes", [Input("x", ("batch", 12, "height", "width"))], grid(batch=(1, 4, 1, 3), height=(4, 16, 8, 5), width=(4, 16, 8, 11))),
    small("loops", [Input("x", ("batch", 5)), Input("turns", (), "ids 7")], grid(batch=(1, 8, 2, 5)), ("script17",)),
    small("scatter", [Input("x", ("batch", "length", 6)), Input("ids", ("batch", "length"), "ids 4")], BATCH_LENGTH),
    small("spectrum", [Input("x", ("batch", "length"))], grid(batch=(1, 4, 1, 3), length=(64, 256, 128, 64)), ("script17",)),
    small("autoencoder", image("batch", 1, 16, 16), grid(batch=(1, 8, 1, 3))),
    small("policy", [Input("x", ("batch", 12)), Input("state", (1, "batch", 8))], grid(batch=(1, 16, 1, 7))),
]  # fmt: skip


def size_of(dim, sizes):
    return dim if isinstance(dim, int) else sizes[dim]


def shapes(model, sizes):
    return {i.name: tuple(size_of(d, sizes) for d in i.shape) for i in model.inputs}


def feed(model, sizes):
    """The inputs at these sizes; the same on every machine (RandomState's stream is frozen)."""
    random, made = np.random.RandomState(sum(map(ord, model.name)) + sum(sizes.values())), {}
    for i in model.inputs:
        shape = tuple(size_of(d, sizes) for d in i.shape)
        if i.kind == "f32":
            made[i.name] = random.standard_normal(shape).astype(np.float32)
        elif i.kind == "mask":
            made[i.name] = (random.uniform(size=shape) < 0.8).astype(np.int64)
            made[i.name][..., 0] = 1
        else:
            made[i.name] = np.asarray(random.randint(0, int(i.kind.split()[1]), shape), np.int64)
    return made


def files():
    """[(model, variant, path)] of everything that is there."""
    found = [(m, v, FOLDER / f"{m.name}.{v}.onnx") for m in MODELS for v in m.variants]
    return [f for f in found if f[2].exists()]
