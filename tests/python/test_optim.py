"""Optimisers and schedules against golden files made with PyTorch; Lamb against its formula; mixed precision."""

import copy
import math

import golden_arrays
import neve
import nn_cases
import numpy as np
import pytest
from neve import _neve, amp, nn, optim

STEPS = golden_arrays.by_case("optim.npz")
RATES = golden_arrays.read("schedules.npz")
SCHEDULES = {nn_cases.key(c): c for c in nn_cases.schedules()}


def t(a, dtype=None):
    return _neve.tensor(np.asarray(a), dtype=dtype)


def array(x):
    return np.array(x.detach()).copy()


@pytest.mark.parametrize("case", nn_cases.OPTIMISERS, ids=repr)
def test_steps_as_pytorch(case):
    got = nn_cases.steps_of(case, optim, t, array, nn.Parameter)
    for what, want in STEPS[nn_cases.key(case)].items():
        np.testing.assert_allclose(got[what], want, rtol=1e-5, atol=1e-6, err_msg=what)


@pytest.mark.parametrize("bias_correction", [True, False])
def test_lamb_is_its_formula(bias_correction):
    random = np.random.RandomState(3)
    shapes = [(4, 3), (5,)]
    w = [random.standard_normal(s) for s in shapes]
    params = [nn.Parameter(t(a.astype(np.float32))) for a in w]
    o = optim.Lamb(params, lr=0.02, betas=(0.9, 0.99), eps=1e-6, weight_decay=0.05, bias_correction=bias_correction)
    m, v = [np.zeros(s) for s in shapes], [np.zeros(s) for s in shapes]
    for step in range(1, 6):
        for k, p in enumerate(params):
            g = random.standard_normal(shapes[k])
            p.grad = t(g.astype(np.float32))
            m[k] = 0.9 * m[k] + 0.1 * g
            v[k] = 0.99 * v[k] + 0.01 * g * g
            mh, vh = (m[k] / (1 - 0.9**step), v[k] / (1 - 0.99**step)) if bias_correction else (m[k], v[k])
            u = mh / (np.sqrt(vh) + 1e-6) + 0.05 * w[k]
            w[k] = w[k] - 0.02 * np.linalg.norm(w[k]) / np.linalg.norm(u) * u
        o.step()
        for p, a in zip(params, w):
            np.testing.assert_allclose(array(p), a, rtol=1e-5, atol=1e-6)


KINDS = [
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("Adam", {"lr": 0.01, "amsgrad": True}),
    ("AdamW", {"lr": 0.01}),
    ("RMSprop", {"lr": 0.01, "momentum": 0.5, "centered": True}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1}),
    ("Lamb", {"lr": 0.01}),
]


def small_model():
    m = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    random = np.random.RandomState(0)
    m.load_state_dict({k: random.standard_normal(v.shape).astype(np.float32) * 0.3 for k, v in m.state_dict().items()})
    return m


def train(m, o, steps):
    x = t(np.random.RandomState(1).standard_normal((16, 3)).astype(np.float32))
    y = x[:, :1] * 2.0
    for _ in range(steps):
        o.zero_grad()
        loss = nn.functional.mse_loss(m(x), y)
        loss.backward()
        o.step()
    return loss.item()


@pytest.mark.parametrize("name,options", KINDS)
def test_state_continues_exactly(name, options):
    a = small_model()
    oa = getattr(optim, name)(a.parameters(), **options)
    first = train(a, oa, 3)
    b = small_model()
    b.load_state_dict(a.state_dict())
    ob = getattr(optim, name)(b.parameters(), lr=123.0)
    ob.load_state_dict(copy.deepcopy({**oa.state_dict(), "state": {}}) | {"state": oa.state_dict()["state"]})
    assert ob.param_groups[0]["lr"] == options["lr"]
    assert train(a, oa, 3) == train(b, ob, 3) < first
    for p, q in zip(a.parameters(), b.parameters()):
        np.testing.assert_array_equal(array(p), array(q))


@pytest.mark.parametrize("name,options", KINDS)
def test_small_dtypes_keep_a_copy_in_f32(name, options):
    m = small_model().bfloat16()
    o = getattr(optim, name)(m.parameters(), **options)
    for p in m.parameters():
        p.grad = t(np.full(p.shape, 0.5, np.float32), "bf16")
    for _ in range(3):
        o.step()
    assert {p.dtype for p in m.parameters()} == {"bf16"}
    assert o.state[m[0].weight]["master"].dtype == "f32"


def test_groups_and_zero_grad():
    a, b = nn.Linear(2, 2), nn.Linear(2, 2)
    o = optim.SGD([{"params": a.parameters(), "lr": 1.0}, {"params": [b.weight]}], lr=0.0)
    o.add_param_group({"params": b.bias, "weight_decay": 0.1})
    assert [g["lr"] for g in o.param_groups] == [1.0, 0.0, 0.0] and o.param_groups[2]["weight_decay"] == 0.1
    wa, wb = array(a.weight).copy(), array(b.weight).copy()
    for p in [*a.parameters(), *b.parameters()]:
        p.grad = t(np.ones(p.shape, np.float32))
    assert o.step(lambda: 7) == 7
    np.testing.assert_allclose(array(a.weight), wa - 1, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(array(b.weight), wb)
    o.zero_grad(set_to_none=False)
    assert not array(a.weight.grad).any()
    o.zero_grad()
    assert a.weight.grad is None
    o.step()  # nothing has a gradient


@pytest.mark.parametrize("key", list(SCHEDULES))
def test_rates_as_pytorch(key):
    params = [nn.Parameter(t(np.zeros(2, np.float32))) for _ in range(2)]
    got = nn_cases.rates_of(SCHEDULES[key], optim, optim.lr_scheduler, params)
    np.testing.assert_allclose(got, RATES[key], rtol=1e-9, atol=1e-12)


def test_warmup():
    o = optim.SGD([nn.Parameter(t(np.zeros(2, np.float32)))], lr=1.0)
    s = optim.lr_scheduler.WarmupLR(o, 4, 12, decay="cosine")
    rates = []
    for _ in range(13):
        rates += s.get_last_lr()
        s.step()
    want = [0, 0.25, 0.5, 0.75] + [(1 + math.cos(math.pi * k / 8)) / 2 for k in range(9)]
    np.testing.assert_allclose(rates, want, atol=1e-12)


@pytest.mark.parametrize("key", list(SCHEDULES)[:11])
def test_schedules_resume(key):
    name, args, kw = SCHEDULES[key]
    made = []
    for _ in range(2):
        o = optim.SGD([nn.Parameter(t(np.zeros(2, np.float32)))], lr=0.5, momentum=0.9)
        made.append((o, getattr(optim.lr_scheduler, name)(o, *args, **kw)))
    (oa, a), (ob, b) = made
    for _ in range(5):
        a.step()
    ob.load_state_dict(oa.state_dict())
    b.load_state_dict(a.state_dict())
    for _ in range(5):
        a.step()
        b.step()
        assert a.get_last_lr() == b.get_last_lr()


# ---- mixed precision -------------------------------------------------------------------------------------------------


def test_autocast():
    m = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3))
    x = t(np.random.RandomState(0).standard_normal((5, 1, 4, 4)).astype(np.float32))
    target = t(np.array([0, 1, 2, 0, 1]))
    full = nn.functional.cross_entropy(m(x), target)
    with amp.autocast("bf16"):
        y = m(x)
        loss = nn.functional.cross_entropy(y, target)
        with amp.autocast(enabled=False):
            assert m(x).dtype == "f32"
        assert m[0](x).dtype == "bf16"
    assert m[0](x).dtype == "f32"
    assert y.dtype == "bf16" and loss.dtype == "f32" and loss.item() == pytest.approx(full.item(), rel=0.05)
    loss.backward()
    assert {p.grad.dtype for p in m.parameters()} == {"f32"}
    assert amp.autocast("f16")(lambda: m(x).dtype)() == "f16"
    y, _ = amp.autocast()(nn.LSTM(3, 4).forward)(t(np.zeros((2, 1, 3), np.float32)))
    assert y.dtype == "bf16"


def test_grad_scaler():
    p = nn.Parameter(t(np.ones(2, np.float32)))
    o = optim.SGD([p], lr=0.5)
    s = amp.GradScaler(init_scale=8.0, growth_interval=2)
    for k in range(2):
        o.zero_grad()
        s.scale((p * 2.0).__getitem__(0)).backward()
        assert array(p.grad).tolist() == [16.0, 0.0]
        s.step(o)
        s.update()
        assert array(p).tolist() == [1.0 - (k + 1), 1.0]
    assert s.get_scale() == 16.0
    p.grad = t(np.array([np.inf, 0], np.float32))
    s.unscale_(o)
    s.step(o)
    s.update()
    assert array(p).tolist() == [-1.0, 1.0] and s.get_scale() == 8.0
    other = amp.GradScaler()
    other.load_state_dict(s.state_dict())
    assert other.get_scale() == 8.0
    with pytest.raises(neve.Error):
        s.update()
