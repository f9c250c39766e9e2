"""Programs as users of other frameworks know them, written for Neve: training captured, saving, loading, going on."""

import warnings

import neve
import numpy as np
import pytest
from neve import nn
from neve.jit import InputSpec, to_static

PIXELS, CLASSES, BATCH = 36, 4, 8


def randn(*shape, seed=0):
    return neve.tensor(np.random.default_rng(sum(shape) + seed).standard_normal(shape).astype("f"))


def same(got, want, tolerance=1e-5):
    np.testing.assert_allclose(np.array(got.detach()), np.array(want.detach()), rtol=tolerance, atol=tolerance)


class Pictures(neve.data.Dataset):
    def __init__(self, count):
        rng = np.random.default_rng(3)
        self.images = rng.random((count, PIXELS), dtype="f")
        self.labels = rng.integers(0, CLASSES, count)

    def __getitem__(self, i):
        return self.images[i], self.labels[i]

    def __len__(self):
        return len(self.images)


class LinearNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(PIXELS, CLASSES)

    def forward(self, x):
        return self.linear(x)


class StaticLinearNet(LinearNet):
    forward = to_static(LinearNet.forward)


def train(model, epochs=3):
    """The losses of some epochs, with the same batches each time."""
    neve.manual_seed(11)
    loss_of = nn.CrossEntropyLoss()
    adam = neve.optim.Adam(model.parameters(), lr=0.01)
    loader = neve.data.DataLoader(Pictures(32), batch_size=BATCH, shuffle=True, drop_last=True)
    losses = []
    for _ in range(epochs):
        for image, label in loader:
            loss = loss_of(model(image), label)
            loss.backward()
            adam.step()
            adam.zero_grad()
            losses.append(float(loss.detach()))
    return losses


def twin(model, kind=LinearNet):
    made = kind()
    made.load_state_dict(model.state_dict())
    return made


def test_training_by_decorator_and_by_call():
    first = LinearNet()
    want = train(twin(first))
    decorated, called = twin(first, StaticLinearNet), to_static(twin(first))
    for model in (decorated, called):
        np.testing.assert_allclose(train(model), want, rtol=1e-4)
        assert len(model.forward.specialisations) == 1 and "trained: " in model.forward.explain()
        assert "ran the original" not in model.forward.explain()
    assert want[-1] < want[0]


def test_a_loss_inside_of_forward():
    """With a label the loss, without one the answer; a label of one element is asked for its value in other frameworks."""

    class Net(LinearNet):
        @to_static
        def forward(self, x, label=None):
            out = self.linear(x)
            if label is not None:
                return out, nn.functional.cross_entropy(out, label).mean()
            return out

    net = Net()
    x, label = randn(BATCH, PIXELS), neve.tensor(np.arange(BATCH) % CLASSES)
    plain = twin(net)
    for _ in range(2):
        same(net(x), plain(x))
        out, loss = net(x, label)
        same(out, plain(x))
        same(loss, nn.functional.cross_entropy(plain(x), label))
    loss.backward()
    nn.functional.cross_entropy(plain(x), label).backward()
    same(net.linear.weight.grad, plain.linear.weight.grad)
    assert len(net.forward.specialisations) == 2


def test_save_load_and_go_on(tmp_path):
    net = to_static(LinearNet())
    train(net)
    neve.jit.save(net, tmp_path / "linear.neve")
    loaded = neve.jit.load(tmp_path / "linear.neve")
    x = randn(1, PIXELS)
    same(loaded.eval()(x), net(x))
    # Going on with the loaded one is going on with the original.
    np.testing.assert_allclose(train(loaded.train()), train(net), rtol=1e-4)
    neve.jit.save(loaded, tmp_path / "tuned.neve", input_spec=[x])
    same(neve.jit.load(tmp_path / "tuned.neve")(x), net(x))
    # Only the numbers, for the original class.
    other = StaticLinearNet()
    other.load_state_dict(neve.load_weights(tmp_path / "tuned.neve"))
    same(other.eval()(x), net(x))


def test_dynamic_training_then_a_spec(tmp_path):
    net = LinearNet()
    train(net)
    net.eval()
    neve.jit.save(net, tmp_path / "linear.neve", input_spec=[InputSpec([None, PIXELS], "float32", "x")])
    loaded = neve.jit.load(tmp_path / "linear.neve")
    for n in (1, 5):
        same(loaded(randn(n, PIXELS)), net(randn(n, PIXELS)))
    x = randn(2, PIXELS)
    loaded(x)
    assert x.shape == (2, PIXELS) and not x.requires_grad  # nothing happens to what is given


def test_a_model_saved_while_it_trains(tmp_path):
    """Both ways to run are in the file, whichever it was in, and what is trained stays so."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.drop, self.head = nn.Linear(6, 8), nn.Dropout(0.5), nn.Linear(8, 2)
            self.body.bias.requires_grad = False

        def forward(self, x):
            return self.head(self.drop(self.body(x)))

    net, x = Net(), randn(4, 6)
    for trains in (True, False):
        net.train(trains)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            neve.jit.save(net, tmp_path / "m.neve", input_spec=[InputSpec((None, 6))])
        assert ["training mode" in str(w.message) for w in seen] == [True] * trains
        loaded = neve.jit.load(tmp_path / "m.neve")
        assert loaded.training == trains
        same(loaded.eval()(x), net.eval()(x))
        neve.manual_seed(1)
        want = net.train()(x)
        neve.manual_seed(1)
        same(loaded.train()(x), want)
        assert [n for n, p in loaded.named_parameters() if not p.requires_grad] == ["body.bias"]


def test_functions_and_several_methods(tmp_path):
    def squash(inputs):
        return neve.tanh(inputs)

    x = randn(3, 6)
    neve.jit.save(squash, tmp_path / "f.neve", input_spec=[InputSpec([None, 6], name="x")])
    same(neve.jit.load(tmp_path / "f.neve")(x), squash(x))

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.other = nn.Linear(6, 2), nn.Linear(6, 3)

        @to_static(input_spec=[InputSpec(shape=[None, 6])])
        def forward(self, x):
            return self.linear(x)

        @to_static(input_spec=[InputSpec(shape=[None, 6])])
        def another(self, x):
            return self.other(x)

    called, never = Two(), Two()
    called(x), called.another(x)
    for net in (called, never):
        neve.jit.save(net, tmp_path / "two.neve")
        loaded = neve.jit.load(tmp_path / "two.neve")
        assert loaded.methods == ["another", "forward"]
        same(loaded(x), net(x))
        same(loaded.another(randn(1, 6)), net.another(randn(1, 6)))


class Pair(nn.Module):
    """Arguments in one of three forms."""

    def __init__(self, form):
        super().__init__()
        self.linear, self.form = nn.Linear(10, 3), form

    def forward(self, x, y=None):
        if self.form == "list":
            x, y = x[0], x[1]
        elif self.form == "dict":
            y = y["x"]
        return self.linear(x) + y


@pytest.mark.parametrize("form", ["plain", "list", "dict"])
def test_specs_nested_as_the_arguments(form, tmp_path):
    a, b = InputSpec([None, 10], name="x"), InputSpec([3], name="bias")
    spec = {"plain": [a, b], "list": [[a, b]], "dict": [a, {"x": b}]}[form]
    if form == "list":
        spec.append(None)  # y, which stays None
    net = to_static(Pair(form), input_spec=spec)
    neve.jit.save(net, tmp_path / "m.neve")
    loaded = neve.jit.load(tmp_path / "m.neve")
    x, y = randn(2, 10), randn(3)
    arguments = {"plain": (x, y), "list": ([x, y], None), "dict": (x, {"x": y})}[form]
    same(loaded(*arguments), net.linear(x) + y)
    same(net(*arguments), net.linear(x) + y)
    assert sorted(n for n, _, _ in loaded._jit_methods["forward"][0].captured.inputs) == ["bias", "x"]


def test_an_argument_that_is_no_tensor(tmp_path):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.relu = nn.Linear(10, 3), nn.ReLU()

        def forward(self, x, use_act=False):
            out = self.linear(x)
            if use_act:
                out = self.relu(out)
            return out

    x = randn(4, 10)
    for spec, given, act in (([InputSpec([None, 10])], (), False), ([InputSpec([None, 10]), True], (True,), True)):
        net = to_static(Net(), input_spec=spec)
        neve.jit.save(net, tmp_path / "m.neve")
        same(neve.jit.load(tmp_path / "m.neve")(x, *given), net.forward.rollback()(x, act))

    # Every other step with it: both forms train the same parameters.
    static, plain = Net(), Net()
    plain.load_state_dict(static.state_dict())
    to_static(static)
    for model in (static, plain):
        sgd = neve.optim.SGD(model.parameters(), lr=0.1)
        for step in range(6):
            loss = (model(randn(4, 10, seed=step), use_act=step % 2 == 0) ** 2).mean()
            sgd.zero_grad()
            loss.backward()
            sgd.step()
    for p, q in zip(static.parameters(), plain.parameters()):
        same(p, q)
    assert len(static.forward.specialisations) == 2


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, padding=1),
            nn.BatchNorm2d(8),
        )
        self.skip, self.head = nn.Conv2d(3, 8, 1), nn.Linear(8, CLASSES)

    def forward(self, x):
        y = nn.functional.relu(self.body(x) + self.skip(x))
        return self.head(y.mean((2, 3)))


def follow(model, steps=4, amp=False):
    sgd = neve.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    scaler = neve.amp.GradScaler()
    losses = []
    for k in range(steps):
        image, label = randn(4 + k % 2, 3, 8, 8, seed=k), neve.tensor(np.arange(4 + k % 2) % CLASSES)
        with neve.amp.autocast("bf16", enabled=amp):
            loss = nn.functional.cross_entropy(model(image), label)
        scaler.scale(loss).backward()
        scaler.step(sgd)
        scaler.update()
        sgd.zero_grad()
        losses.append(float(loss.detach()))
    return losses


def test_how_the_graph_is_built():
    """Sums into gradients in place, and elementwise work fused: on or off, the numbers are the same, and it is said."""
    first = Small()
    want = follow(twin(first, Small))
    for on in (True, False):
        options = neve.jit.Options(in_place=on, fuse_epilogues=on, fuse_loops=on)
        model = to_static(twin(first, Small), options=options)
        np.testing.assert_allclose(follow(model), want, rtol=1e-3)
        assert ("fuse_loops: off" in model.forward.explain()) != on
        same(model.body[1].running_mean, model.body[1].running_mean)
    with pytest.raises(TypeError, match="fuse_all"):
        neve.jit.Options(fuse_all=True)


def test_mixed_precision():
    first = Small()
    want = follow(twin(first, Small), amp=True)
    model = to_static(twin(first, Small))
    np.testing.assert_allclose(follow(model, amp=True), want, rtol=2e-2)
    assert len(model.forward.specialisations) == 1 and "ran the original" not in model.forward.explain()


def test_what_is_captured_can_be_taken_back():
    import copy

    net = to_static(LinearNet())
    x = randn(2, PIXELS)
    want = net(x)
    other = copy.deepcopy(net)
    assert isinstance(net.forward, neve.jit.StaticFunction) and isinstance(other.forward, neve.jit.StaticFunction)
    with neve.no_grad():
        other.linear.weight.zero_()
    same(net(x), want)
    same(other(x), other.linear(x))
    net.forward = net.forward.rollback()
    same(net(x), want)
    assert not isinstance(net.forward, neve.jit.StaticFunction)


def test_outputs_keep_what_they_are(tmp_path):
    """Names of a dict in their order, one tensor twice, and what is no tensor; hooks of the module are in it."""

    class Net(LinearNet):
        def forward(self, x):
            y = self.linear(x)
            return {"z": y, "a": [y, x.sum()], "kind": "scores", "count": 3, "none": None}

    net = to_static(Net())
    net.register_forward_hook(lambda module, args, out: {**out, "hooked": out["z"] * 2})
    x = randn(2, PIXELS)
    net(x)
    neve.jit.save(net, tmp_path / "m.neve")
    loaded = neve.jit.load(tmp_path / "m.neve")
    for model in (net, loaded):
        out = model(x)
        assert list(out) == ["z", "a", "kind", "count", "none", "hooked"]
        assert (out["kind"], out["count"], out["none"]) == ("scores", 3, None)
        same(out["a"][0], net.linear(x))
        same(out["hooked"], net.linear(x) * 2)


def test_all_forms_are_saved(tmp_path):
    """Not only the one that was called last."""

    class Net(LinearNet):
        def forward(self, x, times=1):
            return self.linear(x) * times

    net, x = to_static(Net()), randn(3, PIXELS)
    for k in (1, 2, 3):
        net(x, k)
    neve.jit.save(net, tmp_path / "m.neve")
    loaded = neve.jit.load(tmp_path / "m.neve")
    for k in (3, 1, 2):
        same(loaded(x, k), net.linear(x) * k)
