"""Captured programs that are differentiated: the same numbers, losses and gradients as immediate execution."""

import neve
import numpy as np
import pytest
from neve import nn, optim
from neve.jit import enable_to_static, to_static, trace
from neve.nn import functional as F
from test_capture import layer_cases, nn_cases, sample

rng = np.random.default_rng(5)


def arrays(*shapes):
    return [rng.standard_normal(s).astype(np.float32) for s in shapes]


def gradients(function, inputs, seed=3):
    """Outputs and gradients of all inputs of a weighted sum of the outputs."""
    xs = [neve.tensor(a, requires_grad=a.dtype.kind == "f") for a in inputs]
    neve.manual_seed(seed)
    y = function(*xs)
    ys = y if isinstance(y, (tuple, list)) else [y]
    sum(((t * neve.cos(t)).sum() * (k + 1) for k, t in enumerate(ys)), neve.tensor(0.0)).backward()
    return [np.array(t.detach()) for t in ys], [x.grad for x in xs]


def same(function, *inputs, original=False, tolerance=1e-5):
    want, want_grad = gradients(function, inputs)
    static = to_static(function)
    for _ in range(2):
        got, got_grad = gradients(static, inputs)
        for a, b in zip(got, want):
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
        for a, b in zip(got_grad, want_grad):
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_allclose(np.array(a), np.array(b), rtol=10 * tolerance, atol=10 * tolerance)
    assert ("no gradient" in static.explain()) == original, static.explain()
    return static


def branch(x):
    if x.sum() > 0:
        y = x * 3
        z = y + x
    else:
        y = neve.sin(x)
        z = x
    return y * z


def branch_in_branch(x, w):
    y = x @ w
    if y.mean() > 0:
        if x[0, 0] > 0:
            y = y * y
        y = y + w.sum()
    elif x[0, 1] > 0:
        y = neve.exp(-y)
    return y


def for_loop(x):
    h = x[0]
    for i in range(x.shape[0]):
        h = neve.tanh(h * x[i] + 0.1)
    return h


def while_loop(x):
    n = 0
    while neve.abs(x).max() > 0.1:
        x = x * 0.7 + 0.01 * neve.sin(x)
        n += 1
    return x + n


def nested_loops(x, w):
    out = neve.zeros(w.shape[1])
    for i in range(x.shape[0]):
        if x[i].sum() > 0:
            out = out + neve.matmul(x[i], w)
        else:
            for j in range(i):
                out = out * 0.9 + neve.matmul(x[j], w) * neve.matmul(x[i], w)
                if out.sum() > 4:
                    break
    return out


def early_return(x):
    for i in range(x.shape[0]):
        if x[i].sum() < -1:
            return x[i] * 2, x
        x = x * 1.1
    return x[0], x * x


def stopped(x):
    with neve.no_grad():
        m = x.mean()
    return (x - m) * x.detach() + neve.relu(x)


def in_place(x):
    y = x * 2
    y[1:] += x[:-1]
    y.mul_(x)
    y[0] = x.sum()
    return y


@pytest.mark.parametrize(
    "function, shapes",
    [
        (branch, [(5, 4)]),
        (branch_in_branch, [(5, 4), (4, 3)]),
        (for_loop, [(5, 4)]),
        (while_loop, [(5, 4)]),
        (nested_loops, [(5, 4), (4, 4)]),
        (early_return, [(5, 4)]),
        (stopped, [(5, 4)]),
        (in_place, [(5, 4)]),
    ],
)
def test_gradients_of_programs(function, shapes):
    for sign in (1, -1):
        for _ in range(3):
            same(function, *(np.abs(a) * sign if sign < 0 else a for a in arrays(*shapes)))


def test_one_capture_for_all_sizes():
    static = to_static(nested_loops)
    for n in (1, 2, 3, 7):
        inputs = arrays((n, 4), (4, 4))
        want = gradients(nested_loops, inputs)
        got = gradients(static, inputs)
        for a, b in zip(got[1], want[1]):
            np.testing.assert_allclose(np.array(a), np.array(b), rtol=1e-4, atol=1e-4)
    assert len(static.specialisations) == 1


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(2, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        self.drop, self.head = nn.Dropout(0.3), nn.Linear(6, 5)

    def forward(self, x, doubled=False):
        y = F.relu(self.norm(self.conv(x))).mean((2, 3))
        y = self.head(self.drop(y))
        return y * 2 if doubled else y


def train(net, steps, static, **call):
    neve.manual_seed(11)
    g = np.random.default_rng(1)
    update = optim.AdamW(net.parameters(), lr=1e-2)
    losses = []
    for k in range(steps):
        n = (4, 6, 3)[k % 3]
        x, y = neve.tensor(g.standard_normal((n, 2, 8, 8)).astype(np.float32)), neve.tensor(g.integers(0, 5, n))
        update.zero_grad()
        loss = F.cross_entropy(net(x, doubled=k % 2 == 1, **call), y)
        loss.backward()
        update.step()
        losses.append(loss.item())
        if k % 5 == 4:  # evaluation in between
            net.eval()
            with neve.no_grad():
                losses.append(net(x).sum().item())
            net.train()
    return losses


def test_a_module_trains_as_before():
    """Buffers, dropout, flags, sizes and modes in turn, on the same parameters."""
    neve.manual_seed(0)
    net = Small()
    twin = Small()
    twin.load_state_dict(net.state_dict())
    want = train(net, 20, False)
    got = train(to_static(twin), 20, True)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    for (name, a), b in zip(net.state_dict().items(), twin.state_dict().values()):
        np.testing.assert_allclose(np.array(b), np.array(a), rtol=1e-3, atol=1e-4, err_msg=name)
    # (train, eval without gradients) by flag
    assert len(twin.forward.specialisations) == 3 and "no gradient" not in twin.forward.explain()


def test_frozen_parameters():
    net = to_static(Small())
    net.conv.weight.requires_grad_(False)
    x = neve.tensor(arrays((2, 2, 8, 8))[0])
    net(x).sum().backward()
    assert net.conv.weight.grad is None and net.head.weight.grad is not None
    net.conv.weight.requires_grad_(True)
    net(x).sum().backward()
    assert net.conv.weight.grad is not None


def test_autocast_and_gradient_scaling():
    def run(net):
        neve.manual_seed(2)
        update = optim.SGD(net.parameters(), lr=0.05)
        scaler = neve.amp.GradScaler(init_scale=256.0)
        losses = []
        for _ in range(6):
            x = neve.randn(4, 2, 8, 8)
            update.zero_grad()
            with neve.amp.autocast("bf16"):
                loss = (net(x) ** 2).mean()
            scaler.scale(loss).backward()
            scaler.step(update)
            scaler.update()
            losses.append(loss.item())
        return losses

    neve.manual_seed(0)
    net, twin = Small(), Small()
    twin.load_state_dict(net.state_dict())
    np.testing.assert_allclose(run(to_static(twin)), run(net), rtol=2e-2, atol=1e-3)
    assert "no gradient" not in twin.forward.explain()


@pytest.mark.parametrize("bidirectional", [False, True])
def test_lstm(bidirectional):
    net = nn.LSTM(3, 4, 2, batch_first=True, bidirectional=bidirectional)
    x = neve.tensor(arrays((2, 5, 3))[0], requires_grad=True)

    def grads(call):
        net.zero_grad()
        x.grad = None
        y, (h, c) = call(x)
        ((y * y).sum() + h.sum() + (c * c).sum()).backward()
        return [np.array(p.grad) for p in net.parameters()] + [np.array(x.grad)]

    want = grads(net)
    static = to_static(lambda x: net(x))
    for a, b in zip(grads(static), want):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert "no gradient" not in static.explain()


class Doubled(neve.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 7


def test_what_has_no_captured_gradient_runs_as_before():
    static = same(lambda x: Doubled.apply(neve.sin(x)) + 1, arrays((3, 2))[0], original=True)
    assert "'Doubled' has a gradient of its own" in static.explain()
    # Without gradients it is captured all the same.
    with neve.no_grad():
        np.testing.assert_allclose(np.array(static(neve.ones(2))), 2 * np.sin(1.0) + 1, rtol=1e-6)


def test_traced_programs_have_gradients():
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    traced = trace(net, neve.randn(3, 4))
    x = neve.randn(5, 4).requires_grad_()
    (net(x) ** 2).sum().backward()
    want = [np.array(p.grad) for p in net.parameters()] + [np.array(x.grad)]
    net.zero_grad()
    x.grad = None
    (traced(x) ** 2).sum().backward()
    for a, p in zip(want, [*net.parameters(), x]):
        np.testing.assert_allclose(np.array(p.grad), a, rtol=1e-5, atol=1e-6)


def test_mistakes_are_named():
    static = to_static(lambda x: neve.exp(x) * 2)
    x = neve.randn(3).requires_grad_()
    (g,) = neve.autograd.grad(static(x).sum(), [x], create_graph=False)
    np.testing.assert_allclose(np.array(g), 2 * np.exp(np.array(x.detach())), rtol=1e-5)
    with pytest.raises(neve.Error, match="cannot be differentiated again"):
        neve.autograd.grad(static(x).sum(), [x], create_graph=True)
    y = static(x).sum()
    y.backward()
    with pytest.raises(neve.Error, match="was freed by an earlier backward"):
        y.backward()
    w = neve.randn(3).requires_grad_()
    z = to_static(lambda x: x * w)(x)
    with neve.no_grad():
        w.mul_(2)
    with pytest.raises(neve.Error, match="changed in place after the call"):
        z.sum().backward()


def test_an_error_of_the_program_is_no_reason_to_give_up():
    @to_static
    def f(x):
        assert x.sum() < 10, "too large"
        return x * 2

    x = neve.ones(3, requires_grad=True)
    for _ in range(2):
        f(x).sum().backward()
        with pytest.raises(AssertionError, match="too large"):
            f(x * 100)
    assert "ran the original" not in f.explain() and f.specialisations[0].calls == 4


def classified(x, target):
    return nn.functional.cross_entropy(x, target) + nn.functional.nll_loss(nn.functional.log_softmax(x, 1), target)


def smoothed(x, target):
    return nn.functional.cross_entropy(x, target, label_smoothing=0.1, reduction="none")


@pytest.mark.parametrize("loss", [classified, smoothed])
def test_losses_with_classes_inside(loss):
    """Eager looks at the classes; a captured program does when it runs, -1 included, which is an index elsewhere."""
    x, target = arrays((6, 4))[0], np.arange(6) % 4
    static = to_static(loss)
    for n in (6, 3):
        a, b = (neve.tensor(x[:n], requires_grad=True) for _ in range(2))
        got, want = static(a, neve.tensor(target[:n])), loss(b, neve.tensor(target[:n]))
        np.testing.assert_allclose(np.array(got.detach()), np.array(want.detach()), rtol=1e-5)
        got.sum().backward()
        want.sum().backward()
        np.testing.assert_allclose(np.array(a.grad), np.array(b.grad), rtol=1e-4, atol=1e-6)
    assert len(static.specialisations) == 1 and "ran the original" not in static.explain()
    with neve.no_grad():
        for wrong in (-1, 4):
            with pytest.raises(neve.Error, match=r"target holds what is no class \(classes 0\.\."):
                static(neve.tensor(x), neve.tensor(np.where(target == 2, wrong, target)))
        ignored = neve.tensor(np.where(target == 2, -100, target))
        np.testing.assert_allclose(
            np.array(static(neve.tensor(x), ignored)), np.array(loss(neve.tensor(x), ignored)), rtol=1e-5
        )


def test_probabilities_inside():
    p, q = neve.full((3,), 0.3), neve.full((3,), 0.6)
    static = to_static(lambda p, q: nn.functional.binary_cross_entropy(p, q))
    assert float(static(p, q)) == pytest.approx(float(nn.functional.binary_cross_entropy(p, q)))
    with pytest.raises(neve.Error, match="binary_cross_entropy: input holds other numbers"):
        static(p + 1, q)


def test_switched_off():
    net = to_static(Small())
    enable_to_static(False)
    try:
        net(neve.randn(2, 2, 8, 8)).sum().backward()
        assert "enable_to_static(False)" in net.forward.explain()
    finally:
        enable_to_static(True)


def flat(y):
    return [t for part in y for t in flat(part)] if isinstance(y, (tuple, list)) else [] if y is None else [y]


def layer_gradients(call, layer, given, named):
    tensors = [t for t in [*given, *named.values()] if isinstance(t, neve.Tensor) and t.dtype == "f32"]
    for t in tensors:
        t.requires_grad_(True)
        t.grad = None
    layer.zero_grad()
    neve.manual_seed(4)
    total = neve.tensor(0.0)
    for t in flat(call(*given, **named)):
        if t.requires_grad:
            total = total + (t * neve.sin(t + 1)).sum()
    total.backward()
    return [None if t.grad is None else np.array(t.grad) for t in [*tensors, *layer.parameters()]]


@pytest.mark.parametrize("n", list(layer_cases()))
def test_layers(n):
    name, args, kwargs, inputs, *rest = nn_cases.LAYERS[n]
    rng = np.random.default_rng(n)
    layer = getattr(nn, name)(*args, **kwargs)
    given = [neve.tensor(sample(s, rng)) for s in inputs]
    named = {k: neve.tensor(sample(v, rng)) if isinstance(v, tuple) and v and isinstance(v[0], str) else v
             for k, v in (rest[0] if rest else {}).items()}  # fmt: skip
    want = layer_gradients(layer, layer, given, named)
    static = to_static(layer.forward)
    got = layer_gradients(static, layer, given, named)
    assert "no gradient" not in static.explain(), static.explain()
    for a, b in zip(got, want):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * max(1, np.abs(b).max(initial=0)))


def test_sizes_that_tensors_decide():
    def program(x, k):
        if x.sum() > 0:
            k = k + 1
        return x * x[: k % x.shape[0] + 1].sum()

    static = to_static(program)
    for values in ([1.0, 2.0, 3.0, 4.0], [-1.0, -2.0, -3.0]):
        a, b = (neve.tensor(values, requires_grad=True) for _ in range(2))
        program(a, 1).sum().backward()
        static(b, 1).sum().backward()
        np.testing.assert_allclose(np.array(b.grad), np.array(a.grad), rtol=1e-6)
    assert "original" not in static.explain()


def test_options_are_seen_and_measured():
    function = to_static(branch, options=neve.jit.Options(in_place=False, recompute=False))
    x = neve.randn(5, 4).requires_grad_()
    function(x).sum().backward()
    text = function.explain(measure=True)
    assert "in_place: off" in text and "recompute: off" in text and "trained: " in text
    for name in ("fuse_loops", "reuse_memory", "merge_products"):
        assert f"{name}: " in text and " ms with, " in text
    # More is kept where nothing is computed anew.
    kept = [
        to_static(lambda x: neve.exp(x * 2) * neve.sin(x), options=neve.jit.Options(recompute=r)) for r in (True, False)
    ]
    for f in kept:
        f(x).sum().backward()
    fewer, more = (int(f.explain().split(" tensors kept")[0].split()[-1]) for f in kept)
    assert fewer < more


def test_where_gradients_stop_is_saved(tmp_path):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, x):
            with neve.no_grad():
                y = self.a(x)
            return self.b(y) * self.a.bias.detach()

    net = Net()
    neve.jit.save(net, tmp_path / "net.neve", input_spec=[neve.jit.InputSpec(("n", 3))])
    again = neve.jit.load(tmp_path / "net.neve")
    x = neve.randn(4, 3)
    with neve.no_grad():
        traced = trace(net, x)
    net(x).sum().backward()
    want = np.array(net.b.weight.grad)
    for call, module in ((again, again), (traced, net)):
        module.zero_grad()
        call(x).sum().backward()
        assert module.a.weight.grad is None or not np.any(np.array(module.a.weight.grad))
        assert module.a.bias.grad is None or not np.any(np.array(module.a.bias.grad))
        np.testing.assert_allclose(np.array(module.b.weight.grad), want, rtol=1e-5, atol=1e-6)


def test_what_is_kept_for_the_gradient_lies_as_kernels_like_it():
    neve.manual_seed(1)
    net = nn.Sequential(
        nn.Conv2d(3, 20, 3, padding=1), nn.BatchNorm2d(20), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
        nn.Conv2d(20, 33, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(33), nn.ReLU(),
        nn.Conv2d(33, 450, 3, padding=1), nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(450, 5),
    )  # fmt: skip
    twin = nn.Sequential(*[m for m in net.children()])
    start = {k: np.array(v) for k, v in net.state_dict().items()}
    static = to_static(lambda x: twin(x))
    for size in [(4, 17, 13), (1, 32, 40), (7, 9, 9), (4, 17, 13)]:
        x = neve.tensor(rng.standard_normal((size[0], 3, *size[1:])).astype(np.float32), requires_grad=True)
        runs = []
        for f in (net, static):
            net.load_state_dict({k: neve.tensor(v) for k, v in start.items()})
            net.zero_grad()
            x.grad = None
            (f(x) ** 2).sum().backward()
            runs.append([np.array(t) for t in (x.grad, *(p.grad for p in net.parameters()), *net.buffers())])
        for a, b in zip(*runs):
            np.testing.assert_allclose(b, a, rtol=1e-3, atol=1e-4 * max(1.0, np.abs(a).max()))
