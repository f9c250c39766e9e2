"""Modules as files: what save writes, load gives back: methods, structures, tensors, modes, guards."""

import collections
import dataclasses
import json
import warnings
import zipfile

import neve
import numpy as np
import pytest
from neve import nn

Spec = neve.jit.InputSpec
Pair = collections.namedtuple("Pair", "first second")


@dataclasses.dataclass
class Answer:
    logits: neve.Tensor
    extra: dict


@pytest.fixture(autouse=True)
def _own(tmp_path, monkeypatch):
    neve.manual_seed(5)
    monkeypatch.setenv("NEVE_CACHE_DIR", str(tmp_path / "cache"))


def close(a, b, tolerance=1e-5):
    a, b = np.array(a.detach()), np.array(b.detach())
    assert a.shape == b.shape and np.allclose(a, b, rtol=tolerance, atol=tolerance), np.abs(a - b).max()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(4, 8)
        self.norm = nn.BatchNorm1d(8)
        self.drop = nn.Dropout(0.25)
        self.fc2 = nn.Linear(8, 1)
        self.name, self.heads, self.rates, self.flag = "net", 3, [0.5, 1.5], True

    def forward(self, x):
        return self.fc2(self.drop(neve.relu(self.norm(self.fc1(x)))))

    @neve.jit.to_static
    def encode(self, x, scale: float):
        return self.fc1(x) * scale


def saved(tmp_path, target, *args, **kwargs):
    path = tmp_path / "m.neve"
    neve.jit.save(target, path, *args, **kwargs)
    return neve.jit.load(path)


def test_a_module_with_its_methods_tensors_and_attributes(tmp_path):
    net = Net().eval()
    with neve.no_grad():
        net.encode(neve.rand(3, 4), 2.0)
    net.fc1.bias.requires_grad = False
    again = saved(tmp_path, net, [Spec(("batch", 4))])
    assert again.methods == ["encode", "forward"] and not again.training
    assert (again.name, again.heads, again.rates, again.flag) == ("net", 3, [0.5, 1.5], True)
    assert again.fc1.in_features == 4 and type(again.flag) is bool
    assert list(net.state_dict()) == list(again.state_dict())
    trained = {n: p.requires_grad for n, p in net.named_parameters()}
    assert trained == {n: p.requires_grad for n, p in again.named_parameters()} and not trained["fc1.bias"]
    with neve.no_grad():
        for n in (1, 2, 7):
            x = neve.rand(n, 4)
            close(again(x), net(x))
            close(again.encode(x, 2.0), net.encode(x, 2.0))
        with pytest.raises(neve.Error, match="3.0 where 2.0 was captured"):
            again.encode(neve.rand(3, 4), 3.0)
        with pytest.raises(neve.Error, match="input 'x' axis 1 is 5"):
            again(neve.rand(3, 5))
    with pytest.raises(AttributeError, match="its methods: encode, forward"):
        again.decode(1)


def test_both_modes_are_stored_and_switched(tmp_path):
    net = Net()
    with pytest.warns(UserWarning, match="training mode"):
        again = saved(tmp_path, net, {"forward": [Spec(("batch", 4))], "encode": [Spec((None, 4)), 0.5]})
    assert again.training
    x = neve.rand(6, 4)
    with neve.no_grad():
        neve.manual_seed(7)
        want = net(x)
        neve.manual_seed(7)
        close(again(x), want)
        close(again.norm.running_mean, net.norm.running_mean)
        assert int(again.norm.num_batches_tracked) == int(net.norm.num_batches_tracked) == 1
        close(again.eval()(x), net.eval()(x))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        neve.jit.save(net, tmp_path / "quiet.neve", {"forward": [Spec(("batch", 4))], "encode": [Spec((None, 4)), 0.5]})
    assert not neve.jit.load(tmp_path / "quiet.neve").training


def test_fine_tuning_follows_the_original(tmp_path):
    net = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 1))
    with pytest.warns(UserWarning):
        again = saved(tmp_path, net, [Spec(("batch", 3))])
    x, y = neve.rand(16, 3), neve.rand(16, 1)
    losses = []
    for model in (net, again):
        optimiser = neve.optim.SGD(model.parameters(), lr=0.1)
        track = []
        for _ in range(8):
            loss = nn.functional.mse_loss(model(x), y)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            track.append(float(loss))
        losses.append(track)
    np.testing.assert_allclose(*losses, rtol=1e-4)
    assert losses[0][-1] < losses[0][0]
    with neve.no_grad():
        close(again.eval()(x), net.eval()(x), 1e-4)
    third = saved(tmp_path, again)  # and once more, with what was learned
    with neve.no_grad():
        close(third(x), net(x), 1e-4)
        close(third.train()(x), net.train()(x), 1e-4)


def test_structures(tmp_path):
    def program(batch, *, flag=True, names=("a", None)):
        x, (y, z) = batch["x"], batch["rest"]
        return Answer(x + y.first, {"sum": [y.second * 2, (z,)], "n": 3, "none": None, "nan": float("nan")}), Pair(
            x, 1.5
        )

    batch = {"x": neve.rand(2, 3), "rest": (Pair(neve.rand(2, 3), neve.rand(4)), neve.rand(()))}
    with neve.no_grad():
        static = neve.jit.to_static(program)
        static(batch, flag=True)
        again = saved(tmp_path, static)
        answer, pair = again(batch, flag=True)
    want, _ = program(batch)
    close(answer.logits, want.logits)
    close(answer.extra["sum"][0], want.extra["sum"][0])
    close(answer.extra["sum"][1][0], want.extra["sum"][1][0])
    assert answer.extra["n"] == 3 and answer.extra["none"] is None and answer.extra["nan"] != answer.extra["nan"]
    assert type(answer).__name__ == "Answer" and pair._fields == ("first", "second") and pair.second == 1.5
    assert pair.first is batch["x"]  # as the original returns it
    with pytest.raises(neve.Error, match="was captured"):
        again(batch, flag=False)
    with pytest.raises(neve.Error, match="was captured"):
        again({"x": batch["x"], "rest": [1, 2]}, flag=True)

    def odd(x, what):
        return x

    with pytest.raises(neve.Error, match="can be stored"):
        neve.jit.save(odd, tmp_path / "odd.neve", [neve.rand(2), object()])
    assert not (tmp_path / "odd.neve").exists()


def test_guards_and_several_forms(tmp_path):
    @neve.jit.to_static
    def program(x):
        if len(x) in (3, 4):
            return x.reshape(int(x.shape[0]) * 2, -1)
        return x * 2

    with neve.no_grad():
        shapes = ((3, 4), (4, 4), (6, 2))
        for s in shapes:
            program(neve.ones(s))
        again = saved(tmp_path, program)
        for s in (*shapes, (9, 2)):
            close(again(neve.ones(s)), program(neve.ones(s)))


def test_functions_with_captured_parameters(tmp_path):
    net, extra = nn.Linear(3, 3), nn.Parameter(neve.rand(3))

    def program(x):
        return net(x) * extra

    again = saved(tmp_path, program, [Spec(("n", 3))])
    x = neve.rand(2, 3)
    with neve.no_grad():
        close(again(x), program(x))
    assert {"net.weight", "net.bias"} < set(again.state_dict()) and len(list(again.parameters())) == 3
    again(x).sum().backward()
    program(x).sum().backward()
    close(again.net.weight.grad, net.weight.grad)


def test_traced_saved_and_optimised(tmp_path):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).eval()
    x = neve.rand(2, 3, 8, 9)
    with neve.no_grad():
        again = saved(tmp_path, neve.jit.trace(net, x))
        close(again(x), net(x))
        assert list(again.state_dict()) == list(net.state_dict())
        for model in (again, neve.jit.trace(net, x), tmp_path / "m.neve"):
            engine = neve.optimize(model, tune=False)
            np.testing.assert_allclose(engine(x), np.array(net(x)), atol=1e-5)
        assert type(neve.load(tmp_path / "m.neve")).__name__ == "LoadedModule"


def test_optimize_takes_modules_and_functions():
    net = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5))
    x = neve.rand(2, 3)
    with pytest.raises(neve.Error, match="draws random numbers"):
        neve.optimize(net, example=(x,), tune=False)
    net.eval()
    with neve.no_grad():
        want = np.array(net(x))
        for given in ({"example": x}, {"example": (x,)}, {"input_spec": [Spec(("batch", 3))]}):
            np.testing.assert_allclose(neve.optimize(net, tune=False, **given)(x), want, atol=1e-6)
        with pytest.raises(neve.Error, match="was not captured yet"):
            neve.optimize(net)
        static = neve.jit.to_static(lambda x: net(x) + 1)
        static(x)
        np.testing.assert_allclose(neve.optimize(static, tune=False)(x), want + 1, atol=1e-6)


def test_hooks_and_shared_parameters(tmp_path):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(4, 4, bias=False)
            self.b = nn.Linear(4, 4, bias=False)
            self.b.weight = self.a.weight

        def forward(self, x):
            return self.b(neve.relu(self.a(x)))

    net = Tied()
    net.register_forward_hook(lambda m, args, y: y * 3)
    net.a.register_forward_pre_hook(lambda m, args: (args[0] + 1,))
    again = saved(tmp_path, net, [Spec(("n", 4))])
    x = neve.rand(5, 4)
    with neve.no_grad():
        close(again(x), net(x))
        assert again.a.weight is again.b.weight and list(again.state_dict()) == list(net.state_dict())
        again.a.weight.copy_(again.a.weight * 2)
        net.a.weight.copy_(net.a.weight * 2)
        close(again(x), net(x))


def test_loaded_modules_inside_of_programs(tmp_path):
    net = Net().eval()
    again = saved(tmp_path, net, {"forward": [Spec(("batch", 4))], "encode": [Spec((None, 4)), 0.5]})
    x = neve.rand(3, 4)
    with neve.no_grad():

        @neve.jit.to_static
        def program(x):
            y = again(x)
            if y.sum() > 0:
                y = y - again.encode(x, 0.5).sum()
            return y

        y = net(x)
        close(program(x), y - net.encode(x, 0.5).sum() if float(y.sum()) > 0 else y)
        twice = neve.jit.trace(lambda x: again(x) + again(x * 2), x)
        close(twice(neve.ones((7, 4))), net(neve.ones((7, 4))) + net(neve.ones((7, 4)) * 2))
        outer = saved(tmp_path, program)
        close(outer(x), program(x))


def test_weights_for_the_original_class(tmp_path):
    net = Net().eval()
    saved(tmp_path, net, {"forward": [Spec(("batch", 4))], "encode": [Spec((None, 4)), 0.5]})
    state = neve.load_weights(tmp_path / "m.neve")
    other = Net().eval()
    other.load_state_dict(state)
    with neve.no_grad():
        close(other(neve.ones((2, 4))), net(neve.ones((2, 4))))
    assert set(neve.load_weights(tmp_path / "m.neve", names="stored")) >= {"fc1.weight"}


def test_refusals(tmp_path):
    net = Net()
    with pytest.raises(neve.Error, match=r"no captured form of encode.*input_spec") as e:
        neve.jit.save(net.eval(), tmp_path / "m.neve", [Spec((None, 4))])
    assert e.value.code == "not_found"
    with pytest.raises(neve.Error, match="names 'decode'"):
        neve.jit.save(net, tmp_path / "m.neve", {"decode": [Spec((None, 4))]})
    with pytest.raises(neve.Error) as e:
        neve.jit.save(nn.Linear(2, 2), tmp_path / "no" / "m.neve", [Spec((None, 2))])
    assert e.value.code == "io"
    with pytest.raises(neve.Error, match="a Module, a function"):
        neve.jit.save(3, tmp_path / "m.neve")
    assert not (tmp_path / "m.neve").exists()

    class Wrong(nn.Module):
        def forward(self, x):
            return x * len(seen)

    seen = []

    class Counting(nn.Module):  # other results at each call: no graph does that
        def forward(self, x):
            seen.append(1)
            return x * float(len(seen))

    with pytest.raises(neve.Error, match="jit.save|to_static"):
        neve.jit.save(Counting(), tmp_path / "m.neve", [Spec((None, 2))])


def rewritten(path, out, change):
    """The same archive with a changed manifest, and digests that fit."""
    import hashlib

    with zipfile.ZipFile(path) as z:
        members = {n: z.read(n) for n in z.namelist()}
    manifest = json.loads(members["manifest.json"])
    change(manifest, members)
    for name in manifest.get("sha256", {}):
        if name in members:
            manifest["sha256"][name] = hashlib.sha256(members[name]).hexdigest()
    manifest.pop("manifest_sha256")
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    manifest["manifest_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    members["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as z:
        for name, data in members.items():
            z.writestr(name, data)
    return out


HOSTILE = {
    "newer version": (lambda m, _: m.update(format_version=99), "unsupported"),
    "newer op": (lambda m, _: m.update(op_versions={"relu": 9}), "unsupported"),
    "no kind": (lambda m, _: m.pop("kind"), "corrupt_file"),
    "path outside": (lambda m, _: m["methods"]["forward"][0].update(graph="../../etc/passwd"), "corrupt_file"),
    "no methods": (lambda m, _: m.update(methods={}), "corrupt_file"),
    "method of a class": (lambda m, _: m["methods"].update(train=m["methods"]["forward"]), "corrupt_file"),
    "unknown weight": (lambda m, _: m["methods"]["forward"][0]["weights"].append("nothing"), "corrupt_file"),
    "weight left out": (lambda m, _: m["methods"]["forward"][0]["weights"].pop(), "corrupt_file"),
    "tensor twice": (lambda m, _: m["tensors"].append(m["tensors"][0]), "corrupt_file"),
    "tensor in a tensor": (lambda m, _: m["tensors"].append({**m["tensors"][0], "name": "fc1.weight.x"}), "corrupt_file"),
    "tensor over a method": (lambda m, _: m["tensors"].append({**m["tensors"][0], "name": "forward"}), "corrupt_file"),
    "dunder": (lambda m, _: m["tensors"].append({**m["tensors"][0], "name": "__class__"}), "corrupt_file"),
    "deep name": (lambda m, _: m["tensors"].append({**m["tensors"][0], "name": "a." * 5000 + "b"}), "corrupt_file"),
    "huge draws": (lambda m, _: m["methods"]["forward"][0].update(draws=[2**62], own_generator=[False]), "corrupt_file"),
    "golden missing": (lambda m, _: m["methods"]["forward"][0].update(golden=9), "corrupt_file"),
    "passes what is not": (lambda m, _: m["methods"]["forward"][0].update(passed=[[0, 77]]), "corrupt_file"),
    "changes what is not": (lambda m, _: m["methods"]["forward"][0].update(changed_inputs=[7]), "corrupt_file"),
    "cyclic structure": (lambda m, _: m["methods"]["forward"][0].update(arguments='{"t": 5}'), "corrupt_file"),
    "deep structure": (lambda m, _: m["methods"]["forward"][0].update(results='{"list": [' * 90000), "corrupt_file"),
    "class name": (lambda m, _: m["methods"]["forward"][0].update(results='{"namedtuple": "a; b", "fields": ["x"], "items": [{"t": 0}]}'), "corrupt_file"),
    "keyword field": (lambda m, _: m["methods"]["forward"][0].update(results='{"dataclass": "A", "fields": ["class"], "items": [{"t": 0}]}'), "corrupt_file"),
    "properties": (lambda m, _: m.update(properties="[1]"), "corrupt_file"),
    "property object": (lambda m, _: m.update(properties='{"a": {"b": 1}}'), "corrupt_file"),
    "property over a module": (lambda m, _: m.update(properties='{"fc1": 1}'), "corrupt_file"),
    "wrong kinds": (lambda m, _: m.update(tensors="x"), "corrupt_file"),
    "fractions": (lambda m, _: m["op_versions"].update(add=1e308), "corrupt_file"),
    "wrong kind of form": (lambda m, _: m["methods"].update(forward=[3]), "corrupt_file"),
    "graph": (lambda m, f: f.update({"graphs/0.nir": b"graph x("}), "corrupt_file"),
    "trained integers": (lambda m, _: [t.update(trainable=True) for t in m["tensors"]], "corrupt_file"),
    "effects that are none": (lambda m, _: m["methods"]["forward"][0].update(effects={"prints": "[]", "counted": []}), "corrupt_file"),
    "effects of no generator": (lambda m, _: m["methods"]["forward"][0].update(effects={"prints": "", "counted": [0]}), "corrupt_file"),
    "prints": (lambda m, _: m["methods"]["forward"][0].update(effects={"prints": '[{"parts": [1], "end": ""}]', "counted": []}), "corrupt_file"),
    "signature of nothing": (lambda m, _: m["signatures"].update(nothing="[]"), "corrupt_file"),
    "signature": (lambda m, _: m["signatures"].update(forward='[{"name": "x y", "kind": "keyword_only"}]'), "corrupt_file"),
    "signature that does not fit": (lambda m, _: m["signatures"].update(forward='[]'), "corrupt_file"),
    "signature of wrong kinds": (lambda m, _: m["signatures"].update(forward='[{"name": "x", "kind": []}]'), "corrupt_file"),
    "extra member": (lambda m, f: f.update({"evil.py": b"1"}), "corrupt_file"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_manifests(tmp_path, what):
    change, code = HOSTILE[what]
    net = Net().eval()
    saved(tmp_path, net, {"forward": [Spec(("batch", 4))], "encode": [Spec((None, 4)), 0.5]})

    def both(m, members):
        m["methods"].pop("encode"), m["signatures"].pop("encode")
        m["sha256"].pop("graphs/0.nir")
        members.pop("graphs/0.nir")
        for k, f in enumerate(m["methods"]["forward"]):
            f["golden"] = 0
            name = f"graphs/{k + 1}.nir"
            assert f["graph"] == name
        if what == "graph":
            members["graphs/1.nir"] = b"graph x("
            return
        change(m, members)

    with pytest.raises(neve.Error) as e:
        neve.jit.load(rewritten(tmp_path / "m.neve", tmp_path / "bad.neve", both))
    assert e.value.code == code, e.value


@pytest.mark.parametrize("kind", ["module", "engine"])
def test_deep_manifests(tmp_path, kind):
    path = tmp_path / "m.neve"
    start = f'{{"format": "neve", "format_version": 1, "kind": "{kind}", "manifest_sha256": "", "sha256": {{}}, "x": '
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("manifest.json", start + "[" * 100000 + "1" + "]" * 100000 + "}")
    for load in (neve.load, neve.jit.load):
        with pytest.raises(neve.Error, match="its manifest is not one") as e:
            load(path)
        assert e.value.code == "corrupt_file"


def test_names_that_are_no_text_are_told_of(tmp_path):
    path = tmp_path / "m.neve"
    neve.jit.save(nn.Linear(2, 2).eval(), path, [Spec((1, 2))])
    with zipfile.ZipFile(path, "a") as z:
        z.writestr("odd0.nir", "graph")
    path.write_bytes(path.read_bytes().replace(b"odd0.nir", b"odd\xa5.nir"))
    with pytest.raises(neve.Error, match="member 'odd.*nir'") as e:
        neve.jit.load(path)
    assert e.value.code == "corrupt_file"


def test_truncated_and_flipped(tmp_path):
    net = nn.Linear(3, 2).eval()
    saved(tmp_path, net, [Spec(("n", 3))])
    whole = (tmp_path / "m.neve").read_bytes()
    bad = tmp_path / "bad.neve"
    x = neve.rand(2, 3)
    rng = np.random.default_rng(0)
    cuts = [*range(0, len(whole), max(1, len(whole) // 40)), len(whole) - 1]
    for n in cuts:
        bad.write_bytes(whole[:n])
        with pytest.raises((neve.Error, TypeError)):
            neve.jit.load(bad)
    with neve.no_grad():
        want = np.array(net(x))
        for at in rng.integers(0, len(whole), 150):
            data = bytearray(whole)
            data[at] ^= 1 << int(rng.integers(0, 8))
            bad.write_bytes(data)
            try:
                got = neve.jit.load(bad)
            except neve.Error as e:
                assert e.code in ("corrupt_file", "unsupported", "internal"), e
                continue
            np.testing.assert_allclose(np.array(got(x)), want, atol=1e-6)  # it was padding, or a name


def test_calls_as_the_signature_says(tmp_path):
    def program(x, y=None, *more, flag=True, scale=2.0, **named):
        out = x if y is None else x - y
        for m in more:
            out = out * m
        if not flag:
            out = -out
        for v in named.values():
            out = out + v
        return out * scale

    static = neve.jit.to_static(program)
    x, y, z = neve.rand(2, 3), neve.rand(2, 3), neve.rand(2, 3)
    with neve.no_grad():
        static(x)
        static(y=y, x=x)  # tensors in another order than the parameters
        static(x, y, z, flag=False)
        static(x, scale=0.5, last=z)
        again = saved(tmp_path, static)
        for args, kwargs in (
            ((x,), {}),
            ((x, None), {}),
            ((), {"x": x, "y": None, "flag": True}),
            ((x, y), {}),
            ((x,), {"y": y}),
            ((), {"y": y, "x": x}),
            ((x, y), {"scale": 2.0}),
            ((x, y, z), {"flag": False}),
            ((x, None), {"last": z, "scale": 0.5}),
        ):
            close(again(*args, **kwargs), program(*args, **kwargs))
        third = saved(tmp_path, again)
        close(third(y=y, x=x), program(x, y))
        for args, kwargs in (((), {}), ((), {"y": y}), ((x,), {"x": x})):
            with pytest.raises(TypeError) as ours:
                again(*args, **kwargs)
            with pytest.raises(TypeError) as theirs:
                program(*args, **kwargs)
            assert str(ours.value).split("()", 1)[1] == str(theirs.value).split("()", 1)[1]
        with pytest.raises(neve.Error, match=r"(?s)it was saved for\n.*False where True was captured") as e:
            again(x, flag=False)
        assert e.value.code == "invalid_argument"


@pytest.mark.parametrize(
    "args, names",
    [((), ""), ((1,), ""), ((1, 2), ""), ((1, 2, 3), ""), ((1, 2, 3, 4, 5), "key"), ((1, 2), "a key x"), ((1, 2, 3), "a key"), ((1, 2, 3), "key more")],
)  # fmt: skip
def test_errors_of_calls_are_those_of_python(tmp_path, args, names):
    def program(x, y, /, a, b=None, *, key):
        return x + y + a + key

    t = neve.rand(2)
    with neve.no_grad():
        static = neve.jit.to_static(program)
        static(t, t, t, key=t)
        again = saved(tmp_path, static)
        close(again(t, t, key=t, a=t), program(t, t, t, key=t))
    args, kwargs = (t,) * len(args), {n: t for n in names.split()}
    with pytest.raises(TypeError) as theirs:
        program(*args, **kwargs)
    with pytest.raises(TypeError) as ours:
        again(*args, **kwargs)
    if "x" in kwargs:  # positional only: Python has words of its own
        return
    assert str(ours.value).split("()", 1)[1] == str(theirs.value).split("()", 1)[1]


class Scaled(nn.Module):
    """Regions, each with forms that values and modes tell apart."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.drop = nn.Dropout(0.5)

    @neve.jit.inference(tune=False, gate=False)
    def forward(self, x, how=None, *, bias: neve.Tensor | None = None):
        y = self.drop(self.fc(x))
        if how is None:
            return y
        if bias is not None:
            y = y + bias
        return y * (2 if how is True else how if isinstance(how, float) else len(how))

    @neve.jit.inference(tune=False, gate=False)
    def pick(self, x, rows):
        if x.shape[0] == 3:
            return x[rows] * 3
        return x[rows]

    def helper(self, x):
        return neve.jit.is_inference_mode()


def test_regions(tmp_path):
    net = Scaled()
    x, b = neve.rand(3, 4), neve.rand(4)
    rows = neve.asarray([0, 2])
    with neve.no_grad():
        calls = [((x,), {}), ((x, True), {}), ((x, 0.5), {}), ((x, "abc"), {}), ((x, 0.5), {"bias": b})]
        for args, kwargs in calls:
            net(*args, **kwargs)
        for n in (3, 5):
            net.pick(neve.rand(n, 4), rows)
        with pytest.warns(UserWarning, match="training mode"):
            again = saved(tmp_path, net)
        assert again.training and again.methods == ["forward", "pick"]
        big = neve.rand(7, 4)
        for mode in (False, True):
            net.train(mode), again.train(mode)
            for args, kwargs in calls:
                neve.manual_seed(3)
                want = Scaled.__dict__["forward"].rollback()(net, big, *args[1:], **kwargs)
                neve.manual_seed(3)
                close(again(big, *args[1:], **kwargs), want)
        for n in (3, 4, 6):
            y = neve.rand(n, 4)
            close(again.pick(y, rows), net.pick(y, rows))
        with pytest.raises(neve.Error, match=r"(?s)no form of it takes.*saved for\n.*'abcd' where 'abc' was captured"):
            again(x, "abcd")
        with pytest.raises(neve.Error, match=r"(?s)saved for\n.*input 'x' is f64") as e:
            again(x.astype("f64"))
        assert e.value.code == "type_mismatch"
        with pytest.raises(neve.Error, match=r"(?s)'x' axis 1 is 5, not 4") as e:
            again(neve.rand(3, 5))
        assert e.value.code == "shape_mismatch"


def test_regions_that_are_functions(tmp_path):
    net = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5)).eval()
    region = neve.jit.inference(lambda x, n: net(x) + (n if neve.jit.is_inference_mode() else 100), tune=False)
    x = neve.rand(2, 3)
    with pytest.raises(neve.Error, match="not captured yet"):
        neve.jit.save(region, tmp_path / "m.neve")
    with neve.no_grad():
        region(x, 1)
        again = saved(tmp_path, region)
        close(again(x, 1), net(x) + 1)
        region(x, 2)
        again = saved(tmp_path, region)
        close(again(n=2, x=neve.ones((5, 3))), net(neve.ones((5, 3))) + 2)
        close(again.train()(neve.zeros((1, 3)), 1) * 0, neve.zeros((1, 3)))
        np.testing.assert_allclose(neve.optimize(region, tune=False)(x), np.array(net(x) + 2), atol=1e-6)
