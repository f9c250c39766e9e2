"""Layers, losses and functions of neve.nn against golden files made with PyTorch, and what a Module promises."""

import copy
import pickle

import golden_arrays
import neve
import nn_cases
import numpy as np
import pytest
from neve import _neve, nn

GOLDEN = golden_arrays.by_case("nn.npz")
CASES = {nn_cases.key(c): c for c in nn_cases.cases()}
F = nn.functional


def t(a, dtype=None):
    return _neve.tensor(np.asarray(a), dtype=dtype)


def rand(*shape, seed=0):
    return t(np.random.RandomState(seed).standard_normal(shape).astype(np.float32))


def backward(pairs):
    _neve.backward([r for r, _ in pairs], [w for _, w in pairs])


def close(got, want, relative, what):
    assert got.shape == want.shape, f"{what}: shape {got.shape}, PyTorch {want.shape}"
    if want.dtype.kind in "iub":
        np.testing.assert_array_equal(got, want, err_msg=what)
        return
    finite = np.isfinite(want)
    np.testing.assert_array_equal(got[~finite], want[~finite], err_msg=what)
    scale = max(np.abs(want[finite]).max(initial=0.0), 1e-3)
    worst = np.abs(got[finite] - want[finite]).max(initial=0.0)
    assert worst <= relative * scale, f"{what}: off by {worst:.3g} of {scale:.3g}"


@pytest.mark.parametrize("key", list(CASES))
def test_as_pytorch(key):
    got = nn_cases.run(CASES[key], nn, t, lambda x: np.array(x.detach()).copy(), backward)
    want = GOLDEN[key]
    assert set(got) == set(want)
    for what, a in want.items():
        close(got[what], a, 1e-5 if what.startswith(("result", "buffer")) else 1e-4, what)


@pytest.mark.parametrize("key", [k for k, c in CASES.items() if c[1] in ("RNN", "LSTM", "GRU")])
def test_recurrent_layers_without_gradients(key):
    """The whole-sequence op and the steps written out agree."""
    before = _neve.set_grad_enabled(False)
    try:
        got = nn_cases.run(CASES[key], nn, t, lambda x: np.array(x).copy(), backward)
    finally:
        _neve.set_grad_enabled(before)
    for what, a in GOLDEN[key].items():
        if what.startswith("result"):
            close(got[what], a, 1e-5, what)


# ---- Module ----------------------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.norm = nn.BatchNorm1d(4)
        self.rest = nn.Sequential(nn.ReLU(), nn.Linear(4, 2))
        self.scale = nn.Parameter(t(np.float32(2.0)))
        self.register_buffer("seen", t(np.zeros(1, np.float32)), persistent=False)

    def forward(self, x):
        return self.rest(self.norm(self.first(x))) * self.scale


def test_traversal():
    m = Net()
    assert [n for n, _ in m.named_parameters()] == [
        "scale", "first.weight", "first.bias", "norm.weight", "norm.bias", "rest.1.weight", "rest.1.bias",
    ]  # fmt: skip
    assert [n for n, _ in m.named_buffers()] == [
        "seen",
        "norm.running_mean",
        "norm.running_var",
        "norm.num_batches_tracked",
    ]
    assert [n for n, _ in m.named_children()] == ["first", "norm", "rest"]
    assert [n for n, _ in m.named_modules()] == ["", "first", "norm", "rest", "rest.0", "rest.1"]
    assert "seen" not in m.state_dict() and "norm.running_var" in m.state_dict()
    assert m.get_submodule("rest.1") is m.rest[1] and m.get_parameter("rest.1.bias") is m.rest[1].bias


def test_shared_parameters_count_once():
    m = nn.Module()
    m.a, m.b = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
    m.b.weight = m.a.weight
    assert len(list(m.parameters())) == 1
    assert list(m.state_dict()) == ["a.weight", "b.weight"]
    c = copy.deepcopy(m)
    assert c.a.weight is c.b.weight and c.a.weight is not m.a.weight


def test_state_dict_round_trip():
    a, b = Net(), Net()
    x = rand(5, 3)
    a(x)
    result = b.load_state_dict(a.state_dict())
    assert result == ([], [])
    np.testing.assert_array_equal(np.array(a.eval()(x)), np.array(b.eval()(x)))
    for name, v in b.state_dict().items():
        np.testing.assert_array_equal(np.array(v), np.array(a.state_dict()[name]))


def test_load_state_dict_takes_arrays_and_other_dtypes():
    m = nn.Linear(2, 2)
    m.load_state_dict({"weight": np.eye(2), "bias": np.zeros(2)})
    assert m.weight.dtype == "f32" and np.array(m.weight.detach()).tolist() == [[1, 0], [0, 1]]


def test_load_state_dict_lists_what_differs():
    m = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    state = m.state_dict()
    del state["0.bias"]
    state["other"] = state["1.bias"]
    with pytest.raises(neve.Error) as e:
        m.load_state_dict(state)
    assert str(e.value) == (
        "load_state_dict: the dict does not fit Sequential (strict=False ignores missing and unexpected names):\n"
        "  missing: 0.bias\n  unexpected: other"
    )
    assert m.load_state_dict(state, strict=False) == (["0.bias"], ["other"])
    state["1.weight"] = rand(2, 3)
    before = np.array(m[0].weight.detach())
    state["0.weight"] = rand(3, 2, seed=9)
    with pytest.raises(neve.Error) as e:
        m.load_state_dict(state, strict=False)
    assert str(e.value) == (
        "load_state_dict: the dict does not fit Sequential (the same names and shapes):\n"
        "  unequal shape: 1.weight: [2, 3] in the dict, [1, 3] in the module"
    )
    np.testing.assert_array_equal(np.array(m[0].weight.detach()), before)  # nothing was copied


def test_train_eval_apply_and_requires_grad():
    m = Net()
    assert m.training and not m.eval().norm.training and m.train().norm.training
    seen = []
    m.apply(lambda x: seen.append(type(x).__name__))
    assert seen == ["Linear", "BatchNorm1d", "ReLU", "Linear", "Sequential", "Net"]
    m.requires_grad_(False)
    assert not m(rand(4, 3)).requires_grad


def test_hooks():
    m = nn.Linear(2, 2)
    calls = []
    with m.register_forward_pre_hook(lambda mod, args: (args[0] * 2.0,)):
        h = m.register_forward_hook(lambda mod, args, y: calls.append(np.array(args[0])) or y + 1.0)
        y = m(t(np.ones((1, 2), np.float32)))
        h.remove()
    want = np.array(m.weight.detach()).sum(1) * 2 + np.array(m.bias.detach()) + 1
    np.testing.assert_allclose(np.array(y.detach())[0], want, rtol=1e-6)
    assert calls[0].tolist() == [[2.0, 2.0]]
    np.testing.assert_allclose(
        np.array(m(t(np.ones((1, 2), np.float32))).detach())[0],
        want - 1 - np.array(m.weight.detach()).sum(1),
        rtol=1e-5,
    )
    m.register_forward_pre_hook(lambda mod, args, kw: ((kw.pop("y"),), kw), with_kwargs=True)
    assert m(y=rand(3, 2)).shape == (3, 2)


def test_to_dtype():
    m = Net().to("f64")
    assert {p.dtype for p in m.parameters()} == {"f64"} and m.norm.num_batches_tracked.dtype == "i64"
    assert m(rand(4, 3).astype("f64")).dtype == "f64"
    assert isinstance(m.first.weight, nn.Parameter)
    assert {p.dtype for p in m.bfloat16().parameters()} == {"bf16"}


def test_copies_and_pickles():
    m = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    c = copy.deepcopy(m)
    x = rand(2, 3)
    np.testing.assert_array_equal(np.array(c(x).detach()), np.array(m(x).detach()))
    c[0].weight.detach().copy_(0.0)
    assert np.abs(np.array(m[0].weight.detach())).max() > 0
    p = pickle.loads(pickle.dumps(m))
    np.testing.assert_array_equal(np.array(p(x).detach()), np.array(m(x).detach()))


def test_summary():
    m = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(16, 2))
    assert m.summary(rand(2, 1, 4, 4)) == (
        "layer         result        parameters\n"
        "--------------------------------------\n"
        "Sequential    [2, 2]                 -\n"
        "  0: Conv2d   [2, 4, 2, 2]          40\n"
        "  1: Flatten  [2, 16]                -\n"
        "  2: Linear   [2, 2]                34\n"
        "--------------------------------------\n"
        "74 parameters (74 trained, 0 fixed), 0.00 MiB"
    )
    assert m.training


def test_containers():
    s = nn.Sequential({"a": nn.Linear(2, 3), "b": nn.ReLU()})
    assert list(s.state_dict()) == ["a.weight", "a.bias"] and isinstance(s[-1], nn.ReLU) and len(s[:1]) == 1
    s = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    s.append(nn.Linear(2, 1)).insert(0, nn.Identity())
    assert [type(m).__name__ for m in s] == ["Identity", "Linear", "ReLU", "Linear"]
    del s[0]
    assert list(s.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    modules = nn.ModuleList([nn.Linear(1, 1)])
    modules.append(nn.ReLU())
    modules[0] = nn.Tanh()
    assert [type(m).__name__ for m in modules] == ["Tanh", "ReLU"]
    d = nn.ModuleDict({"x": nn.Linear(1, 2)})
    d["y"] = nn.ReLU()
    assert list(d) == ["x", "y"] and "x" in d and len(d) == 2 and isinstance(d.pop("y"), nn.ReLU)
    p = nn.ParameterList([rand(2), rand(3)])
    assert [n for n, _ in p.named_parameters()] == ["0", "1"] and p[1].shape == (3,)
    q = nn.ParameterDict({"w": rand(2)})
    assert list(q.state_dict()) == ["w"] and isinstance(q["w"], nn.Parameter)


# ---- random numbers and initialisation -------------------------------------------------------------------------------


def test_dropout_keeps_the_mean_and_its_gradient_follows():
    x = t(np.ones((100, 100), np.float32))
    x.requires_grad = True
    m = nn.Dropout(0.25)
    y = m(x)
    a = np.array(y.detach())
    assert set(np.unique(a)) <= {np.float32(0), np.float32(1 / 0.75)} and abs((a == 0).mean() - 0.25) < 0.02
    y.backward(t(np.ones((100, 100), np.float32)))
    np.testing.assert_array_equal(np.array(x.grad) == 0, a == 0)
    assert not np.array_equal(np.array(m(x).detach()), a)
    assert m.eval()(x) is x
    planes = np.array(nn.Dropout2d(0.5)(t(np.ones((8, 16, 3, 3), np.float32))))
    assert all(len(np.unique(p)) == 1 for p in planes.reshape(-1, 9)) and 0.3 < (planes == 0).mean() < 0.7
    z = np.array(nn.AlphaDropout(0.3)(rand(200, 200)))
    assert abs(z.mean()) < 0.03 and abs(z.std() - 1) < 0.03


def test_initialisation_has_pytorchs_distributions():
    w = np.array(nn.Linear(400, 300).weight.detach())
    assert abs(w.std() - 1 / np.sqrt(3 * 400)) < 5e-4 and np.abs(w).max() <= 1 / 20
    c = nn.Conv2d(16, 64, 3)
    assert np.abs(np.array(c.weight.detach())).max() <= 1 / 12 and np.abs(np.array(c.bias.detach())).max() <= 1 / 12
    assert abs(np.array(nn.Embedding(100, 100).weight.detach()).std() - 1) < 0.03
    assert np.abs(np.array(nn.LSTM(3, 16).weight_hh_l0.detach())).max() <= 0.25
    m = nn.MultiheadAttention(32, 4)
    assert (
        np.abs(np.array(m.in_proj_weight.detach())).max() <= np.sqrt(6 / 128)
        and not np.array(m.in_proj_bias.detach()).any()
    )


def test_initialisers():
    w = nn.Parameter(rand(64, 32, 3, 3))
    std = {
        "xavier_uniform_": np.sqrt(2 / (96 * 9)), "xavier_normal_": np.sqrt(2 / (96 * 9)), "kaiming_uniform_": np.sqrt(2 / 288),
        "kaiming_normal_": np.sqrt(2 / 288), "trunc_normal_": 0.8796, "normal_": 1.0, "uniform_": np.sqrt(1 / 12),
    }  # fmt: skip
    for name, want in std.items():
        assert getattr(nn.init, name)(w) is w
        assert abs(np.array(w.detach()).std() - want) < 0.02 * want, name
    assert np.abs(np.array(nn.init.trunc_normal_(w, std=2.0, a=-1.0, b=1.5).detach())).max() <= 1.5
    q = np.array(nn.init.orthogonal_(rand(8, 4, 3)), np.float64).reshape(8, 12)
    np.testing.assert_allclose(q @ q.T, np.eye(8), atol=1e-5)
    x = rand(1, 4, 6, 6)
    np.testing.assert_allclose(
        np.array(F.conv2d(x, nn.init.dirac_(rand(4, 4, 3, 3)), padding=1)), np.array(x), rtol=1e-6
    )
    assert np.array(nn.init.eye_(rand(2, 3))).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert ((np.array(nn.init.sparse_(rand(10, 5), 0.3)) == 0).sum(0) == 3).all()
    assert nn.init.calculate_gain("leaky_relu", 0.2) == pytest.approx(np.sqrt(2 / 1.04))


def test_max_unpool_puts_values_back():
    x = rand(2, 3, 6, 8)
    y, at = F.max_pool2d(x, 2, return_indices=True)
    z = np.array(nn.MaxUnpool2d(2)(y, at))
    kept = z != 0
    np.testing.assert_array_equal(z[kept], np.array(x)[kept])
    assert kept.sum() == y.size


def test_norms_and_clipping():
    p = [nn.Parameter(rand(3, 4)), nn.Parameter(rand(5))]
    for k, q in enumerate(p):
        q.grad = rand(*q.shape, seed=k + 1)
    flat = np.concatenate([np.array(q.grad).ravel() for q in p])
    for order in (1.0, 2.0, 3.0, float("inf")):
        assert nn.utils.get_total_norm([q.grad for q in p], order).item() == pytest.approx(
            np.linalg.norm(flat, order), rel=1e-5
        )
    before = nn.utils.clip_grad_norm_(p, 0.5)
    assert before.item() == pytest.approx(np.linalg.norm(flat), rel=1e-5)
    now = np.concatenate([np.array(q.grad).ravel() for q in p])
    np.testing.assert_allclose(now, flat * (0.5 / (np.linalg.norm(flat) + 1e-6)), rtol=1e-5)
    nn.utils.clip_grad_value_(p, 0.05)
    np.testing.assert_allclose(np.concatenate([np.array(q.grad).ravel() for q in p]), np.clip(now, -0.05, 0.05))
    v = nn.utils.parameters_to_vector(p)
    nn.utils.vector_to_parameters(v * 2.0, p)
    np.testing.assert_allclose(np.array(nn.utils.parameters_to_vector(p).detach()), np.array(v.detach()) * 2)


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_second_derivative_of_recurrent_layers(name):
    """The derivative of a gradient's square sum along a direction, against central differences in f64."""
    m = getattr(nn, name)(3, 4, bidirectional=True, dtype="f64")
    x0, direction = (rand(5, 2, 3, seed=s).astype("f64") for s in (1, 2))

    def gradient(x, create_graph):
        y, _ = m(x)
        return _neve.grad([y], [x], [t(np.cos(np.arange(y.size)).reshape(y.shape))], create_graph=create_graph)[0]

    def value(step):
        x = (x0 + direction * step).detach().requires_grad_()
        return float((np.array(gradient(x, False)) ** 2).sum())

    x = x0.detach().requires_grad_()
    g = gradient(x, True)
    (second,) = _neve.grad([g], [x], [g.detach() * 2.0])
    want = (value(1e-5) - value(-1e-5)) / 2e-5
    assert float((np.array(second) * np.array(direction)).sum()) == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("make", [nn.RNN, nn.LSTM, nn.GRU])
def test_both_directions_in_one_call(make, bias):
    """Without gradients a layer's directions are one call; with them they are one each."""
    m = make(3, 4, 2, bias=bias, batch_first=True, bidirectional=True)
    x, h = rand(2, 5, 3), rand(4, 2, 4)
    for state in (None, (h, rand(4, 2, 4, seed=3)) if make is nn.LSTM else h):
        y, last = m(x, state)
        with neve.no_grad():
            z, after = m(x, state)
        assert z.shape == (2, 5, 8)
        np.testing.assert_allclose(np.array(z), np.array(y.detach()), rtol=1e-5, atol=1e-6)
        for a, b in zip(after, last) if make is nn.LSTM else [(after, last)]:
            assert a.shape == (4, 2, 4)
            np.testing.assert_allclose(np.array(a), np.array(b.detach()), rtol=1e-5, atol=1e-6)


def test_sizes_of_a_convolution_in_any_form():
    """What the short way takes, and what it leaves to the checks, comes to the same."""
    x, w, b = rand(2, 4, 9, 8), rand(6, 2, 3, 3, seed=1), rand(6, seed=2)
    want = np.array(F.conv2d(x, w, b, (2, 2), (1, 1), (1, 1), 2))
    for two in (2, [2, 2], np.int64(2), (np.int64(2), 2)):
        np.testing.assert_array_equal(np.array(F.conv2d(x, w, b, two, 1, 1, 2)), want)
    np.testing.assert_array_equal(np.array(F.conv2d(x[0], w, b, 2, 1, 1, 2)), want[0])
    for wrong in (True, 0, -1, 1.5, (1, 2, 3), "2"):
        with pytest.raises(neve.Error, match="conv2d: stride is"):
            F.conv2d(x, w, b, wrong, 1, 1, 2)
    with pytest.raises(neve.Error, match="conv2d: groups is 4 and weight"):
        F.conv2d(rand(2, 8, 9, 8), w, None, 1, 0, 1, 4)


def test_recurrent_weights_changed_before_backward():
    m = nn.GRU(3, 4)
    y, _ = m(rand(5, 2, 3))
    m.weight_hh_l0.detach().copy_(0.0)
    with pytest.raises(neve.Error) as e:
        y.backward(t(np.ones(y.shape, np.float32)))
    assert "backward: an operand of gru was changed in place after it was used (clone() before the change)" in str(
        e.value
    )


def test_a_seed_repeats_initialisation_and_dropout():
    def numbers():
        neve.manual_seed(7)
        m = nn.Sequential(nn.Linear(5, 6), nn.Dropout(0.5))
        return np.array(m(rand(4, 5)).detach()).copy()

    first = numbers()
    np.testing.assert_array_equal(first, numbers())
    neve.manual_seed(8)
    assert not np.array_equal(first, np.array(nn.Linear(5, 6)(rand(4, 5)).detach()))


def test_empty_batches():
    for m, shape, want in (
        (nn.Linear(3, 4), (0, 3), (0, 4)),
        (nn.Conv2d(3, 4, 3), (0, 3, 5, 5), (0, 4, 3, 3)),
        (nn.BatchNorm2d(3), (0, 3, 5, 5), (0, 3, 5, 5)),
        (nn.LayerNorm(3), (0, 3), (0, 3)),
        (nn.MaxPool2d(2), (0, 3, 4, 4), (0, 3, 2, 2)),
        (nn.LSTM(3, 4, 2), (5, 0, 3), (5, 0, 4)),
        (nn.GRU(3, 4), (5, 0, 3), (5, 0, 4)),
        (nn.TransformerEncoderLayer(4, 2, 8), (5, 0, 4), (5, 0, 4)),
    ):
        x = rand(*shape).requires_grad_()
        y = m(x)
        y = y[0] if isinstance(y, tuple) else y
        y.backward(rand(*y.shape))
        assert y.shape == want and x.grad.shape == shape, type(m).__name__


def test_pickle_with_buffers():
    m = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    m(rand(6, 3))
    p = pickle.loads(pickle.dumps(copy.deepcopy(m))).eval()
    np.testing.assert_array_equal(np.array(p(rand(2, 3)).detach()), np.array(m.eval()(rand(2, 3)).detach()))
