"""Compiled regions: the three forms, nested arguments, guards, weights, gradients, threads, memory, the cache on disk."""

import collections
import copy
import dataclasses
import gc
import json
import os
import pathlib
import pickle
import subprocess
import sys
import warnings
import weakref

import neve
import numpy as np
import pytest
from neve import nn
from neve.jit import Region, inference, is_inference_mode, suggest

FAST = {"tune": False, "gate": False}
ROOT = pathlib.Path(__file__).resolve().parents[2]


def randn(*shape):
    return neve.tensor(np.random.default_rng(sum(shape)).standard_normal(shape).astype("f"))


def same(a, b):
    np.testing.assert_allclose(np.array(a), np.array(b), rtol=1e-5, atol=1e-6)


class Net(nn.Module):
    """A pickle of it is found again by its name."""

    def __init__(self, n=4):
        super().__init__()
        self.layer, self.scale = nn.Linear(n, n), 2.0

    def forward(self, x, deep=False):
        y = self.layer(x) * self.scale
        if y.sum() > 0:
            y = y + 1
        return self.layer(y) if deep else y


class Decorated(Net):
    @inference(**FAST)
    def encode(self, x, *more, flag=None, scale=1.0):
        y = self.layer(x) * scale
        for m in more:
            y = y + m
        return y if flag is None else -y

    @inference
    def plain(self, x):
        return self.layer(x)


def test_decorated_methods_belong_to_instances():
    a, b = Decorated(), Decorated()
    x = randn(3, 4)
    same(a.encode(x), a.layer(x).detach())
    same(b.encode(x), b.layer(x).detach())
    assert not np.allclose(np.array(a.encode(x)), np.array(b.encode(x)))
    assert a.encode is a.encode and a.encode is not b.encode and not a.encode(x).requires_grad
    same(a.plain(x), a.layer(x).detach())
    same(a.encode(x, x, x, flag=True, scale=0.5), -(a.layer(x).detach() * 0.5 + x + x))
    assert len(a.encode.forms) == 2 and len(b.encode.forms) == 1
    assert "the first call" in a.encode.explain() and "forms" in Decorated.encode.explain()
    c = copy.deepcopy(a)
    with neve.no_grad():
        c.layer.weight.zero_()
    assert len(c.encode.forms) == 0
    same(c.encode(x), np.broadcast_to(np.array(a.layer.bias.detach()), (3, 4)))


def test_an_instance_takes_its_regions_along():
    gc.collect()
    gc.disable()  # without the collector of cycles
    try:
        a = Decorated()
        a.encode(randn(2, 4))
        form, owner = weakref.ref(a.encode), weakref.ref(a)
        del a
        assert form() is None and owner() is None
        m = inference(Net().eval(), **FAST)
        m(randn(2, 4))
        form, owner = weakref.ref(m.forward), weakref.ref(m)
        del m
        assert form() is None and owner() is None
    finally:
        gc.enable()


def test_a_module_in_place_and_one_method():
    net = Net().eval()
    x = randn(3, 4)
    want, deep = net(x).detach(), net(x, deep=True).detach()
    made = inference(net, **FAST)
    assert made is net and inference(net) is net and is_inference_mode(net) and is_inference_mode(net.forward)
    same(net(x), want)
    same(net(x, deep=True), deep)
    same(net(x, True), deep)
    twin = copy.deepcopy(net)
    with neve.no_grad():
        twin.layer.weight.zero_()
        twin.layer.bias.zero_()
    same(twin(x), np.zeros((3, 4)))
    same(net(x), want)
    again = pickle.loads(pickle.dumps(net))
    assert isinstance(again.forward, Region)
    same(again(x), want)

    other = Net().eval()
    want = other(x).detach()
    other.run = inference(other.forward, **FAST)
    same(other.run(x), want)
    assert not is_inference_mode(other) and is_inference_mode(other.run)
    with pytest.raises(neve.Error, match="inference: 3"):
        inference(3)
    with pytest.raises(TypeError, match="there is no option 'with_trt'"):
        inference(other, with_trt=True)


Pair = collections.namedtuple("Pair", "left right")


@dataclasses.dataclass
class State:
    h: object
    parts: dict
    label: str = "x"


def test_structures_and_guards():
    @inference(**FAST)
    def step(state, pair, names=("a",), n=1, *, use=None):
        h = state.h + pair.left * n
        if use is not None:
            h = h * use["w"]
        return State(h, {"sum": h.sum(), "both": [h, pair.right]}, state.label), Pair(h, h * 2), len(names)

    x, y = randn(2, 3), randn(4)
    s = State(x, {"a": y})
    out, pair, n = step(s, Pair(x, y))
    assert isinstance(out, State) and isinstance(pair, Pair) and n == 1 and out.label == "x"
    same(out.h, x + x)
    same(pair.right, (x + x) * 2)
    assert out.parts["both"][1] is y
    for k in (2, 3, 2, True):
        same(step(s, Pair(x, y), n=k)[0].h, x + x * k)
    same(step(s, Pair(x, y), use={"w": y[:3]})[0].h, (x + x) * y[:3])
    same(step(s, Pair(np.array(x), y), n=2)[0].h, x + x * 2)
    step(State(x, {"a": y}, "z"), Pair(x, y))
    assert len(step.forms) == 6  # n of 1, 2, 3 and True, use, label
    assert "n" in step.explain() and step.forms[1].calls >= 2


def test_forms_are_bounded():
    @inference(max_forms=3, **FAST)
    def times(x, k):
        return x * k

    x = randn(5)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for k in range(8):
            same(times(x, float(k)), x * k)
    assert len(times.forms) == 3 and len(seen) == 1 and "as a tensor" in str(seen[0].message)
    assert "5 calls ran the original: there are max_forms forms already" in times.explain()


def test_what_a_region_reads_beside_its_arguments():
    net = inference(Net().eval(), **FAST)
    x = randn(2, 4)
    base = np.array(net(x))
    net.scale = 4.0
    original = net.forward.rollback()
    with neve.no_grad():
        same(net(x), original(x))
    net.layer = nn.Linear(4, 4)  # another module, other parameters
    with neve.no_grad():
        same(net(x), original(x))
        net.layer.weight = nn.Parameter(randn(4, 4))
        same(net(x), original(x))
    assert not np.allclose(np.array(net(x)), base)
    assert "'scale' of Net changed from 2.0 to 4.0" in net.forward.explain()
    net.train()
    net(x)
    assert "'training' of Net changed" in net.forward.explain()


def test_weights_that_change_are_seen_or_refused():
    net, frozen = inference(Net().eval(), **FAST), inference(Net().eval(), freeze=True, **FAST)
    x = randn(2, 4)
    for m in (net, frozen):
        m(x)
        with neve.no_grad():
            m.layer.weight.mul_(3.0)
    with neve.no_grad():
        same(net(x), net.forward.rollback()(x))
    assert len(net.forward.forms) == 1 and "packed anew" in net.forward.explain()
    with pytest.raises(neve.Error, match=r"layer\.weight was changed, and freeze=True"):
        frozen(x)


def test_gradients_are_refused_by_name():
    net = inference(Net().eval(), **FAST)
    x = randn(2, 4)
    x.requires_grad = True
    with pytest.raises(neve.Error, match=r"0.* \(f32\[2, 4\]\) asks for gradients, and a compiled region"):
        net(x)
    with neve.no_grad():
        assert not net(x).requires_grad
    assert not net(x.detach()).requires_grad  # parameters ask, and the region computes none

    @inference(**FAST)
    def inner(x):
        x.sum().backward()
        return x

    with pytest.raises(neve.Error, match="backward"):
        inner(randn(2))


def test_state_and_random_numbers():
    bn = inference(nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5)).train(), **FAST)
    twin = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5)).train()
    for i in range(3):
        x = randn(8 + i, 4)
        neve.manual_seed(i)
        got = np.array(bn(x))
        neve.manual_seed(i)
        same(got, twin(x).detach())
    for a, b in zip(bn.buffers(), twin.buffers()):
        same(a, b)

    @inference(**FAST)
    def push(x, y):
        x.add_(y)
        return x

    a, b = randn(3), randn(3)
    want = np.array(a) + np.array(b)
    assert push(a, b) is a
    same(a, want)
    push(a, a)  # shared memory: the original
    same(a, 2 * want)


def test_inside_other_captures_and_is_inference_mode():
    @inference(**FAST)
    def f(x):
        return x * 2 if is_inference_mode() else x

    assert not is_inference_mode() and is_inference_mode(f)
    same(f(randn(3)), randn(3) * 2)

    @neve.jit.to_static
    def outer(x):
        return f(x) + 1

    same(outer(randn(3)), randn(3) * 2 + 1)


def test_options_of_optimize():
    net = inference(Net().eval(), ranges="x=1x4..8x4", threads=1, disable_passes=["fuse_loops"])
    same(net(randn(2, 4)), net.forward.rollback()(randn(2, 4)).detach())
    report = net.forward.engines[0].report
    assert report["ranges"]["open"] is False and net.forward.engines[0].threads == 1
    with pytest.raises(neve.Error, match="9"):
        net(randn(9, 4))
    with pytest.raises(neve.Error, match="precision 'int3'"):
        inference(Net().eval(), precision="int3")(randn(2, 4))
    checked = inference(Net().eval())
    checked(randn(3, 4))
    report = checked.forward.engines[0].report
    assert report["ranges"]["open"] is True and any("test data" in o["source"] for o in report["accuracy"]["outputs"])


def test_the_original_serves_while_a_thread_compiles():
    net = Net().eval()
    x = randn(2, 4)
    want = net(x).detach()
    inference(net, blocking=False)
    same(net(x), want)
    assert net.forward.wait(120)
    same(net(x), want)
    # Where the thread is quicker than the first call, that one is served compiled, too.
    served = net.forward.forms[0].calls
    waited = "1 calls ran the original: the engine is being compiled" in net.forward.explain()
    assert served == (1 if waited else 2)

    @inference(blocking=False, control_flow=False)
    def bad(x):
        return x * 2 if float(x.sum()) > 0 else x

    @inference(blocking=False, precision="int3")
    def worse(x):
        return x * 2

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for _ in range(3):
            same(bad(neve.ones(3)), [2, 2, 2])
            same(worse(neve.ones(3)), [2, 2, 2])
            worse.wait(60)
    assert len(seen) == 2 and "the original runs" in str(seen[0].message)
    assert "it did not compile" in bad.explain() and "precision" in worse.explain()


def memory():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_new_batch_sizes_capture_nothing_and_keep_nothing():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10)).eval()
    inference(net, **FAST)
    count = 0
    original = nn.Conv2d.forward

    def counted(self, x):
        nonlocal count
        count += 1
        return original(self, x)

    nn.Conv2d.forward = counted
    try:
        net(randn(2, 3, 8, 8))
        before, sizes = count, []
        for _ in range(4):
            for n in range(3, 103):
                net(neve.ones(n, 3, 8, 8))
            sizes.append(memory())
    finally:
        nn.Conv2d.forward = original
    assert count == before and len(net.forward.forms) == 1
    assert sizes[3] - sizes[1] < 4 << 20


def test_suggest():
    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.big = nn.Sequential(*[nn.Linear(64, 64) for _ in range(6)], nn.ReLU())
            self.small = nn.Linear(64, 2)

        def forward(self, x):
            y = self.big(x)
            y = neve.tensor(np.sort(np.array(y)))  # leaves the graph
            return self.small(y)

    found = suggest(Whole().eval(), randn(8, 64), **FAST)
    names = [c.name for c in [*found.regions, *found.others]]
    assert "" in names and "big" in names
    whole = next(c for c in found.others if c.name == "")
    assert whole.compiled_ms is None and whole.reason
    big = next(c for c in [*found.regions, *found.others] if c.name == "big")
    assert big.compiled_ms is not None and 0 < big.share <= 1
    assert "(the model): Whole" in repr(found) and "big: Sequential" in repr(found)


def test_order_of_keywords():
    def weighted(x, **parts):
        return sum((v * (i + 1) for i, v in enumerate(parts.values())), x)

    region = inference(weighted, **FAST)
    a, b = neve.ones(2), neve.full((2,), 10.0)
    for parts in ({"a": a, "b": b}, {"b": b, "a": a}, {"a": a, "b": b}):
        np.testing.assert_allclose(np.array(region(a, **parts)), np.array(weighted(a, **parts)))


# ---- the cache on disk -----------------------------------------------------------------------------------------------

PROGRAM = """
import sys, numpy as np, neve
from neve import nn

class Net(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.layer = nn.Linear(8, 8)
        with neve.no_grad():
            self.layer.weight.copy_(neve.full((8, 8), k)); self.layer.bias.zero_()
    def forward(self, x):
        return helper(self.layer(x))

def helper(x):
    return x * 2

net = neve.jit.inference(Net(float(sys.argv[2])).eval(), cache_dir=sys.argv[1], gate=False, threads=int(sys.argv[3]))
y = net(neve.ones(3, 8))
assert np.allclose(np.array(y), FACTOR * 8 * float(sys.argv[2])), y
print(net.forward.forms[0].cache)
"""


def start(folder, program, k=1.0, threads=1):
    path = folder.parent / "program.py"
    path.write_text(program)
    return subprocess.Popen(
        [sys.executable, path, folder, str(k), str(threads)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def said(process):
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


def test_the_cache_serves_other_processes(tmp_path):
    folder = tmp_path / "cache"
    program = PROGRAM.replace("FACTOR", "2")
    both = [start(folder, program) for _ in range(2)]  # one makes it, the other waits
    assert sorted(said(p).split()[0] for p in both) == ["found", "made,"]
    assert said(start(folder, program)).startswith("found")
    assert "weight layer.weight" in said(start(folder, program, k=2.0))
    assert "threads: 2 wanted, 1 kept" in said(start(folder, program, threads=2))
    text = said(start(folder, program.replace("x * 2", "x * 3").replace("FACTOR", "3").replace("2 * 8", "3 * 8")))
    assert "source of __main__.helper" in text
    keys = [json.loads(p.read_text()) for p in folder.glob("*.json")]
    assert len(keys) == 4 and all({"version", "isa", "program", "structure"} <= set(k) for k in keys)
    for archive in folder.glob("*.neve"):
        archive.write_bytes(archive.read_bytes()[:-200])
    assert "damaged" in said(start(folder, program))
    assert said(start(folder, program)).startswith("found")
    command = pathlib.Path(os.environ.get("NEVE_BIN", ROOT / "build" / "bin" / "neve"))
    done = subprocess.run([command, "cache", "why-miss", "--regions", folder], capture_output=True, text=True)
    assert done.returncode == 0 and "source of __main__.helper" in done.stdout, done.stdout + done.stderr


def test_the_cache_is_bounded(tmp_path):
    def made(k, most):
        net = Net().eval()
        net.scale = float(k)
        inference(net, cache_dir=tmp_path, cache_bytes=most, **FAST)
        net(randn(2, 4))
        return net.forward.forms[0].cache

    made(1, 1 << 30)
    size = next(tmp_path.glob("*.neve")).stat().st_size
    for k in range(2, 6):
        made(k, int(size * 2.5))
    assert len(list(tmp_path.glob("*.neve"))) == len(list(tmp_path.glob("*.json"))) == 2
    assert "not kept" in made(9, 10)
    assert sum(1 for _ in open(tmp_path / "misses.jsonl")) == 6
    with pytest.raises(neve.Error, match="cache_dir and save_model_dir are the same"):
        inference(cache_dir=tmp_path, save_model_dir=tmp_path)
