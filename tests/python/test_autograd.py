"""Gradients from Python: rules of the functions against differences, modes, functions of one's own, checkpoints, errors."""

import copy
import pickle
import threading

import neve
import numpy as np
import pytest
from neve.autograd import Function, checkpoint, detect_anomaly, gradcheck, gradgradcheck, hessian, jacobian

RNG = np.random.default_rng(3)


def leaf(*shape, low=0.2, high=0.9):
    return neve.tensor(RNG.uniform(low, high, shape), requires_grad=True)


UNARY = "exp expm1 exp2 log log1p log2 log10 sqrt rsqrt reciprocal erf erfc sin cos tan asin acos atan sinh cosh tanh asinh atanh sigmoid relu square cbrt abs frac deg2rad rad2deg sinc logit negative".split()
BINARY = "add subtract multiply divide maximum minimum fmax fmin atan2 pow hypot logaddexp logaddexp2 copysign xlogy fmod remainder".split()
REDUCE = "sum prod mean max min std var logsumexp median norm cumsum cumprod softmax log_softmax ptp nansum nanmean diff".split()
CALLS = {
    "reshape": lambda x: x.reshape(3, 2), "transpose": lambda x: x.T, "expand": lambda x: x.expand(4, 2, 3), "flip": lambda x: x.flip(1),
    "roll": lambda x: x.roll(1, 0), "repeat": lambda x: neve.repeat(x, 2, 1), "tile": lambda x: x.tile((2, 1)), "pad": lambda x: neve.pad(x, 1),
    "tril": neve.tril, "diag": neve.diag, "diagonal": neve.diagonal, "trace": neve.trace, "split": lambda x: neve.split(x, 2, 1)[0] * 2, "stack": lambda x: neve.stack([x, x * x], 1),
    "concat": lambda x: neve.concat([x, x * x], 1), "take": lambda x: neve.take(x, [1, 0, 1], 1), "gather": lambda x: x.gather(1, neve.tensor([[2, 2], [0, 1]])),
    "index": lambda x: x[:, ::2] * x[1:, None, 1], "where": lambda x: neve.where(x > 0.5, x * x, x), "clip": lambda x: x.clip(0.3, 0.7),
    "masked_fill": lambda x: x.masked_fill(x > 0.5, 2.0), "masked_select": lambda x: x.masked_select(x > 0.5), "topk": lambda x: x.topk(2).values,
    "sort": lambda x: neve.sort(x, 1), "scatter": lambda x: x.scatter(1, neve.tensor([[0], [1]]), x[:, 1:2] * 3), "matmul": lambda x: x @ x.T,
    "einsum": lambda x: neve.einsum("ij,kj->ik", x, x * x), "tensordot": lambda x: neve.tensordot(x, x, 2), "outer": lambda x: neve.outer(x[0], x[1]),
    "kron": lambda x: neve.kron(x, x), "det": lambda x: (x @ x.T).det(), "inv": lambda x: (x @ x.T + neve.eye(2, dtype="f64")).inv(),
    "cross": lambda x: neve.cross(x, x * x), "cdist": lambda x: neve.cdist(x, x * x), "quantile": lambda x: x.quantile(0.3), "index_add": lambda x: x.index_add(0, [0, 0], x * x),
    "lerp": lambda x: x.lerp(x * x, 0.3), "astype": lambda x: (x.astype("f64") * 2).to("f64"), "unbind": lambda x: x.unbind(1)[0] * x.unbind(1)[2],
    "matrix_power": lambda x: (x @ x.T).matrix_power(3), "average": lambda x: neve.average(x, 1, weights=neve.tensor([1.0, 2.0, 3.0])),
}  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
def test_gradient_of_unary(name):
    assert gradcheck(getattr(neve, name), leaf(2, 3))


@pytest.mark.parametrize("name", BINARY)
def test_gradient_of_binary(name):
    assert gradcheck(getattr(neve, name), [leaf(2, 3), leaf(3, low=1.1, high=1.9)])


@pytest.mark.parametrize("name", REDUCE)
def test_gradient_of_reduction(name):
    assert gradcheck(lambda x: getattr(neve, name)(x, axis=1), leaf(2, 3))


@pytest.mark.parametrize("name", CALLS)
def test_gradient_of_call(name):
    assert gradcheck(CALLS[name], leaf(2, 3))


@pytest.mark.parametrize("name", "exp log sin tanh sqrt sigmoid square reciprocal".split())
def test_second_derivative(name):
    assert gradgradcheck(getattr(neve, name), leaf(3))


def test_gradcheck_sees_a_wrong_gradient():
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g * 3

    x = neve.tensor(np.array([2.0]), requires_grad=True)
    assert not gradcheck(Wrong.apply, x, raise_exception=False)
    with pytest.raises(
        neve.Error, match=r"gradcheck: output 0\[0\] by input 0\[0\]: the gradient is 3, differences give 4"
    ):
        gradcheck(Wrong.apply, x)


def test_modes():
    x = neve.tensor([1.0], requires_grad=True)
    with neve.no_grad():
        assert not (x * 2).requires_grad
        with neve.enable_grad():
            assert (x * 2).requires_grad
    with neve.set_grad_enabled(False):
        assert not neve.is_grad_enabled()
    assert neve.is_grad_enabled()
    neve.set_grad_enabled(False)
    assert not neve.is_grad_enabled()
    neve.set_grad_enabled(True)

    @neve.no_grad()
    def f():
        return (x * 2).requires_grad

    @neve.no_grad
    def g():
        yield (x * 2).requires_grad
        yield neve.is_grad_enabled()

    assert not f() and list(g()) == [False, False] and neve.is_grad_enabled()
    with pytest.raises(ZeroDivisionError), neve.no_grad():
        raise ZeroDivisionError
    assert neve.is_grad_enabled()


class Scale(Function):
    @staticmethod
    def forward(ctx, x, factor, y):
        ctx.factor = factor
        ctx.save_for_backward(x, y)
        return x * y * factor, x + y

    @staticmethod
    def backward(ctx, a, b):
        x, y = ctx.saved_tensors
        assert ctx.needs_input_grad == (True, False, True)
        return a * y * ctx.factor + b, None, a * x * ctx.factor + b


def test_function():
    x, y = leaf(3), leaf(3)
    assert gradcheck(lambda a, b: Scale.apply(a, 2.0, b), [x, y])
    assert gradgradcheck(lambda a, b: Scale.apply(a, 2.0, b)[0], [x, y])
    Scale.apply(x, 2.0, y)[0].sum().backward()  # the other output has no influence
    np.testing.assert_allclose(x.grad.numpy(), 2 * y.detach().numpy())


def test_function_notices_a_change():
    x, y = leaf(3), leaf(3)
    h = x * 1
    made = Scale.apply(h, 2.0, y)[0].sum()
    with neve.no_grad():
        h.add_(1)
    with pytest.raises(neve.Error, match=r"Scale: saved tensor 0, f64\[3\], was changed in place after it was saved"):
        made.backward()


def test_checkpoint():
    x, w = leaf(4), leaf(4)
    neve.manual_seed(5)

    def f(v):
        return neve.sin(v * w) * neve.random.dropout_mask((4,), 0.5, dtype="f64")

    want = neve.grad(f(x).sum(), [x, w])
    neve.manual_seed(5)
    y = checkpoint(f, x).sum()
    state = neve.random.get_state()
    neve.rand(3)
    y.backward()
    assert neve.random.get_state() == (state[0], state[1] + 1)
    np.testing.assert_array_equal(x.grad.numpy(), want[0].numpy())
    np.testing.assert_array_equal(w.grad.numpy(), want[1].numpy())


def test_anomaly_names_the_line():
    x = neve.tensor([-1.0], requires_grad=True)
    with detect_anomaly():
        y = neve.sqrt(x).sum()  # this line
        with pytest.raises(neve.Error, match=r"test_autograd\.py:\d+") as caught:
            y.backward()
    with open(__file__) as lines:
        number = next(i for i, line in enumerate(lines, 1) if "# this line" in line)
    assert f"test_autograd.py:{number}" in str(caught.value)


def test_jacobian_and_hessian():
    x = neve.tensor([1.0, 2.0])
    np.testing.assert_allclose(jacobian(lambda v: v * v, x).numpy(), np.diag([2.0, 4.0]))
    np.testing.assert_allclose(hessian(lambda v: (v**3).sum(), x).numpy(), np.diag([6.0, 12.0]))


def test_pickle_and_deepcopy():
    for dtype in ("f64", "f32", "f16", "bf16", "i64", "u8", "bool"):
        t = neve.tensor([[1, 0], [2, 3]]).astype(dtype)
        for again in (pickle.loads(pickle.dumps(t)), copy.deepcopy(t)):
            assert again.dtype == dtype and again.tolist() == t.tolist() and not again.is_same(t)
    x = neve.tensor([1.0, 2.0], requires_grad=True)
    (x * 3).sum().backward()
    y = copy.deepcopy({"a": x, "b": x})
    assert y["a"] is y["b"] and y["a"].requires_grad and y["a"].grad.tolist() == [3, 3]
    assert pickle.loads(pickle.dumps(x)).requires_grad


def test_numpy_protocols():
    a, t = np.arange(3.0, dtype=np.float32), neve.tensor([1.0, 2.0, 3.0])
    for y in (a + t, t + a, np.add(a, t), np.float32(2) * t, np.exp(t), a @ t, a < t, np.sqrt(t)):
        assert isinstance(y, neve.Tensor)
    assert (a + t).tolist() == [1, 3, 5]
    a += t
    assert isinstance(a, np.ndarray) and a.tolist() == [1, 3, 5]
    assert np.frexp(t)[0].tolist() == [0.5, 0.5, 0.75]  # what Neve has not runs in NumPy
    assert np.add.reduce(t).item() == 6
    x = neve.tensor([1.0, 2.0], requires_grad=True)
    np.exp(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp([1, 2]), rtol=1e-6)
    shared = neve.from_numpy(a)
    a[0] = 9
    assert shared[0].item() == 9
    assert np.from_dlpack(t).tolist() == [1, 2, 3] and neve.from_dlpack(np.arange(3)).tolist() == [0, 1, 2]


def test_printing():
    x = neve.tensor([[1.0, 2.5], [3.0, 4.0]])
    assert repr(x) == "tensor([[1. , 2.5],\n        [3. , 4. ]])"
    assert repr(neve.tensor([1.0], requires_grad=True)) == "tensor([1.], requires_grad=True)"
    assert repr(neve.tensor([1.0], requires_grad=True) * 2) == "tensor([2.], grad_fn=<mul>)"
    assert repr(neve.zeros(0, 3)) == "tensor([], shape=(0, 3))"
    assert repr(neve.arange(2000)) == "tensor([   0,    1,    2, ..., 1997, 1998, 1999])"
    assert repr(neve.ones(2, dtype="bf16")) == "tensor([1., 1.], dtype=bf16)"
    with neve.printoptions(precision=1, sci_mode=True):
        assert repr(neve.tensor([1234.5])) == "tensor([1.2e+03])"
    assert repr(neve.tensor([1234.5])) == "tensor([1234.5])"
    big = neve.zeros(200, 300)
    assert repr(big) == "tensor(" + np.array2string(big.numpy(), separator=", ", prefix="tensor(", threshold=1000) + ")"


# ---- random numbers --------------------------------------------------------------------------------------------------


def test_same_seed_same_numbers_on_any_thread_count():
    made = []
    threads = neve.get_num_threads()
    try:
        for n in (1, 2):
            neve.set_num_threads(n)
            neve.manual_seed(11)
            made.append([f().numpy() for f in (lambda: neve.rand(300, 300), lambda: neve.randn(100001), lambda: neve.randint(0, 9, (99,)), lambda: neve.randperm(50), lambda: neve.bernoulli(0.3, (1000,)))])  # fmt: skip
    finally:
        neve.set_num_threads(threads)
    for a, b in zip(*made):
        np.testing.assert_array_equal(a, b)


def test_distributions():
    neve.manual_seed(1)
    u = neve.rand(100000).numpy()
    assert 0 <= u.min() and u.max() < 1 and abs(u.mean() - 0.5) < 0.01
    n = neve.normal(2.0, 3.0, (100000,)).numpy()
    assert abs(n.mean() - 2) < 0.05 and abs(n.std() - 3) < 0.05
    k = neve.randint(-3, 4, (10000,)).numpy()
    assert sorted(set(k.tolist())) == [-3, -2, -1, 0, 1, 2, 3]
    assert sorted(neve.randperm(100).tolist()) == list(range(100))
    assert abs(neve.bernoulli(0.25, (100000,)).mean().item() - 0.25) < 0.01
    assert abs(neve.random.dropout_mask((100000,), 0.25, dtype="f32").mean().item() - 0.75) < 0.01
    m = neve.multinomial(neve.tensor([1.0, 0.0, 3.0]), 40000, replacement=True).numpy()
    np.testing.assert_allclose(np.bincount(m, minlength=3) / 40000, [0.25, 0, 0.75], atol=0.02)
    rows = neve.multinomial(neve.tensor([[1.0, 0.0, 3.0], [1.0, 1.0, 1.0]]), 2).numpy()
    assert sorted(rows[0]) == [0, 2] and len(set(rows[1])) == 2
    assert abs(neve.random.exponential(2.0, (100000,)).mean().item() - 2) < 0.05
    assert set(neve.random.choice(neve.tensor([5, 7]), (20,)).tolist()) == {5, 7}
    assert sorted(neve.random.choice(4, (4,), replace=False).tolist()) == [0, 1, 2, 3]


def test_generators():
    g = neve.random.Generator(3)
    first = neve.rand(4, generator=g).tolist()
    state = g.get_state()
    second = neve.rand(4, generator=g).tolist()
    assert first != second
    again = pickle.loads(pickle.dumps(g))
    g.set_state(state)
    assert neve.rand(4, generator=g).tolist() == second
    assert again.get_state() == g.get_state() and g.counter == 2 and g.initial_seed() == 3
    neve.random.Generator(2**64 - 1).draw()
    draws = []
    workers = [
        threading.Thread(target=lambda: draws.extend(int(g.draw()[1].item()) for _ in range(100))) for _ in range(4)
    ]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert sorted(draws) == list(range(2, 402))


def test_in_place_is_recorded():
    x = neve.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    y.mul_(3).add_(x).pow_(2).clamp_(0, 100).sqrt_()
    y.sum().backward()
    assert x.grad.tolist() == [7.0, 0.0]  # the second is beyond 100
    h = x * 1
    z = (h * h).sum()
    h.add_(1)
    with pytest.raises(neve.Error, match="was changed in place by 'add_' after it was saved for the gradient"):
        z.backward()
