"""Products as eager execution runs them: operands that lie transposed are read as they lie, layers are one kernel."""

import itertools

import neve
import numpy as np
import pytest
from neve import ops
from neve.autograd import gradcheck, gradgradcheck
from neve.nn import functional as F


def draw(shape, dtype="float32", seed=0):
    return np.random.default_rng(seed + len(shape)).standard_normal(shape).astype(dtype)


def lying(a, how):
    """A tensor of a's values whose memory is in another order."""
    if how == "plain":
        return neve.tensor(a)
    if how == "turned":  # the last two axes
        return neve.swapaxes(neve.tensor(np.ascontiguousarray(a.swapaxes(-1, -2))), -1, -2)
    if how == "part":
        return neve.tensor(np.concatenate([a, a], -1))[..., : a.shape[-1]]
    order = [*range(1, a.ndim), 0]  # the first axis last in memory, or the axes of a head in the middle
    return neve.permute(neve.tensor(np.ascontiguousarray(a.transpose(order))), tuple(np.argsort(order)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "a, b",
    [
        ((5, 7), (7, 3)),
        ((1, 300), (300, 40)),
        ((20, 64), (64, 33)),
        ((2, 3, 5, 7), (2, 3, 7, 4)),
        ((3, 5, 7), (7, 4)),
        ((5, 7), (2, 7, 4)),
    ],
    ids=str,
)
def test_operands_in_any_order(a, b, dtype):
    x, y = draw(a, dtype), draw(b, dtype, 1)
    for one, other in itertools.product(["plain", "turned", "part", "rolled"], repeat=2):
        got = neve.matmul(lying(x, one), lying(y, other))
        np.testing.assert_allclose(got.numpy(), x @ y, rtol=1e-4, atol=1e-4, err_msg=f"{one} {other}")


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 8, 9, 17, 64])
@pytest.mark.parametrize("k, n", [(1, 1), (7, 30), (300, 65), (0, 3)])
def test_linear_is_the_product_and_the_bias(rows, k, n):
    x, w, b = draw((rows, k)), draw((n, k), seed=1), draw((n,))
    for bias in (None, b, b[:1].reshape(())):
        want = x @ w.T + (0 if bias is None else bias)
        for shape in [(rows, k), (1, rows, k), (rows, 1, 1, k)]:
            got = F.linear(neve.tensor(x.reshape(shape)), neve.tensor(w), None if bias is None else neve.tensor(bias))
            assert got.shape == (*shape[:-1], n)
            np.testing.assert_allclose(got.numpy().reshape(rows, n), want, rtol=1e-4, atol=1e-4)
    one = F.linear(neve.tensor(x[0]), neve.tensor(w), neve.tensor(b))
    np.testing.assert_allclose(one.numpy(), x[0] @ w.T + b, rtol=1e-4, atol=1e-4)


def test_linear_of_nothing():
    w, b = neve.ones((3, 4)), neve.ones(3)
    assert F.linear(neve.ones((0, 4)), w, b).shape == (0, 3)
    assert F.linear(neve.ones((2, 0, 4)), w, b).shape == (2, 0, 3)


def test_weights_that_change_are_seen():
    x, w = neve.ones((2, 300)), neve.ones((5, 300))
    assert F.linear(x, w).numpy()[0, 0] == 300
    w *= 2
    assert F.linear(x, w).numpy()[1, 4] == 600


@pytest.mark.parametrize("ta, tb", list(itertools.product([False, True], repeat=2)))
def test_gradients_of_transposed_operands(ta, tb):
    def leaf(shape, turned, seed):
        t = neve.tensor(draw((*shape[:-2], *shape[-2:][::-1]) if turned else shape, "float64", seed))
        t.requires_grad = True
        return t

    for a, b in [((3, 4), (4, 2)), ((2, 3, 4), (2, 4, 5)), ((2, 1, 3, 4), (3, 4, 2))]:
        operands = [leaf(a, ta, 0), leaf(b, tb, 1)]
        f = lambda x, y: ops.matmul(x, y, transpose_a=ta, transpose_b=tb)  # noqa: E731
        assert gradcheck(f, operands) and gradgradcheck(f, operands)
    operands = [leaf((3, 4), ta, 2), leaf((4, 2), tb, 3), leaf((3, 1), False, 4)]
    f = lambda x, y, z: ops.gemm(x, y, z, alpha=0.5, beta=2.0, transA=ta, transB=tb)  # noqa: E731
    assert gradcheck(f, operands) and gradgradcheck(f, operands)


def test_vectors_are_not_transposed():
    with pytest.raises(neve.Error, match=r"b is f32\[4\] \(transpose_b needs rank 2 or more\)"):
        ops.matmul(neve.ones((3, 4)), neve.ones(4), transpose_b=True)
    with pytest.raises(neve.Error, match=r"the last axis of a and the one before last of b must agree"):
        ops.matmul(neve.ones((3, 4)), neve.ones((4, 3)), transpose_b=True)


def test_an_engine_reads_transposed_operands_where_they_lie():
    @neve.jit.to_static
    def scores(q, k):
        return neve.matmul(q, neve.swapaxes(k, -1, -2)) + neve.matmul(neve.swapaxes(k, -1, -2), q)

    for n in (3, 5, 16):
        q, k = draw((2, n, n)), draw((2, n, n), seed=1)
        want = q @ k.swapaxes(1, 2) + k.swapaxes(1, 2) @ q
        np.testing.assert_allclose(scores(neve.tensor(q), neve.tensor(k)).numpy(), want, rtol=1e-4, atol=1e-4)


def test_views_and_their_errors():
    x = neve.ones((2, 6))
    assert neve.reshape(x, (3, -1)).shape == (3, 4) and x.view(2, 3, 2).shape == (2, 3, 2)
    with pytest.raises(neve.Error, match="12 elements, which do not fit"):
        neve.reshape(x, (5, 2))
    with pytest.raises(neve.Error, match="at most one -1"):
        neve.reshape(x, (-1, -1))
    with pytest.raises(neve.Error, match="at most one -1"):
        neve.reshape(x, (-2, 6))
    assert [p.shape for p in neve.chunk(x, 4, -1)] == [(2, 2)] * 3
    with pytest.raises(neve.Error, match="narrow"):
        neve.narrow(x, 1, 5, 2)
