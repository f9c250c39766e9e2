"""Programs as users of other frameworks know them, written for Neve: the costly part of dynamic code as a compiled region."""

import dataclasses
import typing

import neve
import numpy as np
import pytest
from neve import nn
from neve.jit import InputSpec, inference, is_inference_mode, to_static

FAST = {"tune": False, "gate": False}


def randn(*shape, seed=0):
    return neve.tensor(np.random.default_rng(sum(shape) + seed).standard_normal(shape).astype("f"))


def array(t):
    return np.array(t.detach() if isinstance(t, neve.Tensor) else t, dtype="f8")


def same(got, want, tolerance=1e-5):
    np.testing.assert_allclose(array(got), array(want), rtol=tolerance, atol=tolerance)


class Smoothed(nn.Module):
    """Ten softmaxes of what came in as bf16, then a layer of twice that."""

    def __init__(self, width):
        super().__init__()
        self.fn = nn.Linear(width, width, bias=False)

    def forward(self, x):
        for _ in range(10):
            x = nn.functional.softmax(x, -1)
        x = x.astype("f32")
        x = self.func(x)
        return x

    def func(self, x):
        x = x + x
        return self.fn(x)


def test_the_long_way_capture_save_load_optimise(tmp_path):
    model = Smoothed(16).eval()
    x = randn(8, 16).astype("bf16")
    want = model(x)
    static = to_static(model, input_spec=[InputSpec([None, None], "bfloat16")])
    neve.jit.save(static, tmp_path / "infer.neve")
    loaded = neve.jit.load(tmp_path / "infer.neve")
    same(loaded(x), want)
    engine = neve.optimize(loaded, ranges=[neve.Range(min={"x": (1, 16)}, max={"x": (64, 16)})], tune=False)
    same(engine(x), want)
    engine.save(tmp_path / "engine.neve")
    same(neve.load(tmp_path / "engine.neve")(x), want)


def test_the_short_way_in_three_forms():
    for n in (8, 3):
        x = randn(n, 16).astype("bf16")
        whole = Smoothed(16)
        want = whole(x)
        assert inference(whole, **FAST) is whole and is_inference_mode(whole)
        same(whole(x), want)
        part = Smoothed(16)
        want = part(x)
        part.func = inference(part.func, **FAST)
        same(part(x), want)
        assert is_inference_mode(part.func) and not is_inference_mode(part) and len(part.func.forms) == 1

    class Marked(Smoothed):
        @inference(**FAST)
        def func(self, x):
            return self.fn(x + x)

    # Each instance has its own weights, though the method is one.
    one, two = Marked(16), Marked(16)
    for model in (one, two, one):
        plain = Smoothed(16)
        plain.load_state_dict(model.state_dict())
        same(model(x), plain(x))


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.a, self.b, self.norm = nn.Linear(width, width), nn.Linear(width, width), nn.LayerNorm(width)

    def forward(self, x, y, c, mask):
        h = self.norm(x) + self.b(c)[:, None, :]
        if mask is not None:
            h = h * mask[:, :, None]
        return x + nn.functional.gelu(self.a(h)), y + h.mean(1)


class Backbone(nn.Module):
    """Two streams through a stack of blocks; the loop over the blocks is a method of its own."""

    def __init__(self, width=8, depth=3):
        super().__init__()
        self.blocks = nn.ModuleList([Block(width) for _ in range(depth)])

    def forward(self, x, y, c, mask=None):
        steps = int(float(c.sum()) > 0) + 1  # what stays dynamic
        for _ in range(steps):
            x, y = self.run_blocks(x, y, c, mask)
        return x, y

    def run_blocks(self, x, y, c, mask):
        for block in self.blocks:
            x, y = block(x, y, c, mask)
        return x, y


class CompiledBackbone(Backbone):
    run_blocks = inference(**FAST)(Backbone.run_blocks)


def test_the_blocks_of_a_transformer():
    models = [CompiledBackbone(), CompiledBackbone()]
    for n, length, with_mask, k in (
        (2, 5, False, 0),
        (3, 7, True, 1),
        (1, 5, False, 1),
        (4, 2, True, 0),
        (2, 5, True, 1),
    ):
        model, plain = models[k], Backbone()
        plain.load_state_dict(model.state_dict())
        mask = neve.tensor((np.random.default_rng(n).random((n, length)) > 0.5).astype("f")) if with_mask else None
        arguments = randn(n, length, 8), randn(n, 8), randn(n, 8), mask
        with neve.no_grad():
            for got, want in zip(model(*arguments), plain(*arguments)):
                same(got, want)
    assert [len(m.run_blocks.forms) for m in models] == [2, 2]  # with a mask and without, whatever the sizes


@dataclasses.dataclass
class Decoded:
    sample: typing.Any
    scale: float


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 6)

    def decode(self, z, return_dict=True):
        y = neve.tanh(self.layer(z))
        return Decoded(y, 0.5) if return_dict else (y,)


def test_results_keep_their_structure():
    vae = Decoder()
    plain = vae.decode
    vae.decode = inference(vae.decode, **FAST)
    z = randn(3, 4)
    for _ in range(2):
        out = vae.decode(z)
        assert type(out) is Decoded and out.scale == 0.5 and is_inference_mode(vae.decode)
        same(out.sample, plain(z).sample)
        (y,) = vae.decode(z, return_dict=False)
        same(y, out.sample)


def test_constants_that_change_are_seen():
    class Gate(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 3)

        @inference(**FAST)
        def f(self, x, bias=None, *more, flag=False, count=1, rate=1.0, how: "str | None" = None, **named):
            y = self.layer(x) * rate
            for _ in range(count):
                y = y + 1
            if bias is not None:
                y = y + bias
            if flag:
                y = -y
            for m in (*more, *named.values()):
                y = y * m
            return getattr(neve, how)(y) if how else y

    gate, x = Gate(), randn(2, 3)
    calls = [
        ((x,), {}),
        ((x, x), {}),
        ((x,), {}),  # a tensor where None was, and back
        ((x, None), {"flag": True}),
        ((x, None), {"flag": False}),
        ((x,), {"count": 3}),
        ((x,), {"count": 2, "rate": 0.5}),
        ((x,), {"how": "tanh"}),
        ((x, None, x, x), {"k": x}),
        ((x, None, x), {}),
    ]
    original = type(gate).f.rollback()
    for args, kwargs in calls * 2:
        same(gate.f(*args, **kwargs), original(gate, *args, **kwargs))


def test_lists_dtypes_and_ranks_that_change():
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.k = nn.Parameter(neve.full((1,), 2.0))

        @inference(**FAST)
        def f(self, parts, last):
            total = last * self.k
            for p in parts:
                total = total + p
            return total

    m = Sum()
    for count, dtype, shape in (
        (2, "f32", (3,)),
        (3, "f32", (3,)),
        (1, "f32", (2, 3)),
        (2, "f64", (3,)),
        (2, "f32", (3,)),
    ):
        parts = [randn(*shape, seed=k).astype(dtype) for k in range(count)]
        last = randn(*shape, seed=9)
        got, want = m.f(parts, last), sum((array(p) for p in parts), array(last) * 2)
        same(got, want)
        assert got.dtype == dtype
    assert len(m.f.forms) == 4


def test_caches_of_two_layers_do_not_meet(tmp_path):
    """One folder, methods of one name, equal shapes: neither code nor weights are confused, and changed ones are seen."""

    class Doubled(nn.Linear):
        def forward(self, x):
            return super().forward(x) * 2

    x = randn(2, 4)
    for _ in range(2):
        for made in (nn.Linear(4, 4), Doubled(4, 4), nn.Linear(4, 4)):
            want = made(x)
            inference(made, cache_dir=tmp_path, **FAST)
            same(made(x), want)
            with neve.no_grad():
                made.weight.zero_()
            same(made(x), np.broadcast_to(array(made.bias), (2, 4)) * (2 if isinstance(made, Doubled) else 1))


def test_a_hundred_batch_sizes_capture_once():
    region = inference(Backbone().run_blocks, **FAST)
    with neve.no_grad():
        for n in range(1, 101):
            region(randn(n, 3, 8), randn(n, 8), randn(n, 8), None)
    assert len(region.forms) == 1 and region.forms[0].calls == 100


def test_regions_run_and_do_not_train():
    region = inference(Smoothed(4), **FAST)
    x = randn(2, 4)
    assert not region(x).requires_grad
    with pytest.raises(neve.Error, match="Smoothed.forward"):
        region(x.requires_grad_())
