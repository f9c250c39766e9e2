"""neve.linalg against NumPy: values over dtypes, batches and empty matrices; gradients; what is refused."""

import neve
import numpy as np
import pytest
from neve import linalg
from neve.autograd import gradcheck, gradgradcheck

SHAPES = [(3, 3), (5, 3), (2, 4), (2, 4, 4), (2, 1, 3, 5), (1, 1), (0, 3, 3), (40, 40), (60, 30)]
SQUARE = [s for s in SHAPES if s[-1] == s[-2]] + [(0, 0)]


def draw(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def definite(shape, dtype):
    a = draw(shape, dtype)
    return (a @ a.swapaxes(-1, -2) + np.eye(shape[-1]) * 2).astype(dtype)


def near(got, want, dtype, scale=1.0):
    tolerance = (1e-4 if dtype == "float32" else 1e-10) * scale
    assert tuple(got.shape) == np.shape(want) and got.numpy().dtype == dtype
    np.testing.assert_allclose(got.numpy(), want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_rectangular(shape, dtype):
    a = draw(shape, dtype)
    t = neve.tensor(a)
    q, r = linalg.qr(t)
    near(q @ r, a, dtype)
    near(q.mT @ q, np.broadcast_to(np.eye(q.shape[-1]), (*shape[:-2], *[q.shape[-1]] * 2)), dtype)
    np.testing.assert_array_equal(r.numpy(), np.triu(r.numpy()))
    wq, wr = np.linalg.qr(a)
    near(q, wq, dtype, 10)
    u, s, vh = linalg.svd(t)
    near((u * s[..., None, :]) @ vh, a, dtype)
    near(s, np.linalg.svd(a, compute_uv=False), dtype)
    near(linalg.svdvals(t), np.linalg.svd(a, compute_uv=False), dtype)
    for made, want in zip(linalg.svd(t, full_matrices=True), np.linalg.svd(a)):
        assert tuple(made.shape) == want.shape
    q, r = linalg.qr(t, mode="complete")
    near(q @ r, a, dtype)
    assert tuple(q.shape) == (*shape[:-1], shape[-2])
    np.testing.assert_array_equal(linalg.matrix_rank(t).numpy(), np.linalg.matrix_rank(a))
    near(linalg.pinv(t), np.linalg.pinv(a), dtype, 100)
    for ord in ("nuc", 2, -2, "fro", 1, -1, np.inf, -np.inf):
        if a.size or ord not in (1, -1, np.inf, -np.inf):
            near(linalg.matrix_norm(t, ord), np.linalg.norm(a, ord, axis=(-2, -1)), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SQUARE, ids=str)
def test_square(shape, dtype):
    a, d = draw(shape, dtype), definite(shape, dtype)
    t, p = neve.tensor(a), neve.tensor(d)
    near(linalg.cholesky(p), np.linalg.cholesky(d), dtype)
    near(linalg.cholesky(p, upper=True), np.linalg.cholesky(d).swapaxes(-1, -2), dtype)
    w, v = linalg.eigh(p)
    near(w, np.linalg.eigvalsh(d), dtype, 10)
    near(linalg.eigvalsh(p), np.linalg.eigvalsh(d), dtype, 10)
    near((v * w[..., None, :]) @ v.mT, d, dtype, 10)
    sign, log = linalg.slogdet(t)
    for got, want in zip((sign, log), np.linalg.slogdet(a)):
        near(got, want, dtype)
    if shape[-1] < 10:
        near(linalg.det(t), np.linalg.det(a), dtype, 10)
    near(linalg.inv(p), np.linalg.inv(d), dtype)
    b = draw((*shape[:-1], 3), dtype, 1)
    near(linalg.solve(p, neve.tensor(b)), np.linalg.solve(d, b), dtype)
    near(linalg.cholesky_solve(neve.tensor(b), linalg.cholesky(p)), np.linalg.solve(d, b), dtype)
    near(linalg.solve_triangular(p, neve.tensor(b), upper=True), np.linalg.solve(np.triu(d), b), dtype)
    near(linalg.solve_triangular(p, neve.tensor(b), upper=False), np.linalg.solve(np.tril(d), b), dtype)
    unit = np.tril(d, -1) + np.eye(shape[-1], dtype=dtype)
    if shape[-1] < 10:
        near(
            linalg.solve_triangular(p, neve.tensor(b), upper=False, unitriangular=True),
            np.linalg.solve(unit, b),
            dtype,
            1e3,
        )


def test_leading_sizes_broadcast():
    a, b = draw((2, 1, 3, 3), "float64"), draw((4, 3, 2), "float64")
    near(linalg.solve(neve.tensor(a), neve.tensor(b)), np.linalg.solve(a, b), "float64")
    v = draw(3, "float64")
    near(linalg.solve(neve.tensor(a), neve.tensor(v)), np.linalg.solve(a, v), "float64")
    assert linalg.solve(neve.tensor([[2, 0], [0, 4]]), neve.tensor([2, 4])).tolist() == [1, 1]  # integers are f32


@pytest.mark.parametrize("m, n, rank", [(6, 3, 3), (3, 6, 3), (4, 4, 4), (6, 4, 2)])
def test_least_squares(m, n, rank):
    a = draw((m, rank), "float64") @ draw((rank, n), "float64", 1)
    b = draw((m, 2), "float64", 2)
    x, residuals, r, s = linalg.lstsq(neve.tensor(a), neve.tensor(b))
    wx, wr, wrank, ws = np.linalg.lstsq(a, b)
    near(x, wx, "float64")
    near(residuals, wr if wr.size else np.zeros(0), "float64")
    assert r.item() == wrank
    np.testing.assert_allclose(s.numpy(), ws, atol=1e-12)
    near(linalg.lstsq(neve.tensor(a), neve.tensor(b[:, 0])).solution, np.linalg.lstsq(a, b[:, 0])[0], "float64")


def test_extreme_determinants_and_exponentials():
    a = np.eye(300) * 1e3
    assert linalg.slogdet(neve.tensor(a))[1].item() == pytest.approx(300 * np.log(1e3))
    assert [float(t) for t in linalg.slogdet(neve.zeros(2, 2))] == [0.0, -np.inf]
    skew = neve.tensor(np.array([[0.0, 1.0], [-1.0, 0.0]])) * 20
    np.testing.assert_allclose(
        linalg.matrix_exp(skew).numpy(), [[np.cos(20), np.sin(20)], [-np.sin(20), np.cos(20)]], atol=1e-9
    )
    assert linalg.cond(neve.tensor(np.diag([4.0, 2.0]))).item() == 2


GRADIENTS = {
    "cholesky": lambda x: linalg.cholesky(x @ x.mT + neve.eye(3, dtype="f64")),
    "qr": lambda x: linalg.qr(x),
    "qr wide": lambda x: linalg.qr(x[..., :2, :]),
    "qr tall": lambda x: linalg.qr(x[..., :2]),
    "svd": lambda x: [t.abs() for t in linalg.svd(x)],
    "svd wide": lambda x: [t.abs() for t in linalg.svd(x[..., :2, :])],
    "svdvals": linalg.svdvals,
    "eigh": lambda x: [t.abs() for t in linalg.eigh(x + x.mT)],
    "eigvalsh": linalg.eigvalsh,
    "solve": lambda x: linalg.solve(x, x @ x),
    "solve_triangular": lambda x: linalg.solve_triangular(x + 3 * neve.eye(3, dtype="f64"), x, upper=True),
    "slogdet": lambda x: linalg.slogdet(x)[1],
    "pinv": lambda x: linalg.pinv(x[..., :2]),
    "lstsq": lambda x: linalg.lstsq(x[..., :2], x[..., 2:]).solution,
    "nuclear": lambda x: linalg.matrix_norm(x, "nuc"),
    "matrix_exp": linalg.matrix_exp,
    "inv": linalg.inv,
    "det": linalg.det,
}


@pytest.mark.parametrize("name", GRADIENTS)
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3)], ids=str)
def test_gradient(name, shape):
    x = neve.tensor(draw(shape, "float64", 4), requires_grad=True)
    assert gradcheck(GRADIENTS[name], x, atol=1e-4)


@pytest.mark.parametrize("name", ["cholesky", "qr", "svdvals", "eigvalsh", "solve", "slogdet", "inv"])
def test_second_derivative(name):
    x = neve.tensor(draw((3, 3), "float64", 4), requires_grad=True)
    assert gradgradcheck(GRADIENTS[name], x, atol=1e-3)


NAN = np.full((2, 2), np.nan, np.float32)


@pytest.mark.parametrize("call, message", [
    (lambda: linalg.cholesky(neve.tensor([[1.0, 2.0], [2.0, 1.0]])), "cholesky: matrix 0 of f32[2, 2] is not positive definite"),
    (lambda: linalg.solve(neve.ones(3, 2, 2), neve.ones(2)), "solve: matrix 0 of f32[3, 2, 2] is singular"),
    (lambda: linalg.svd(neve.tensor(NAN)), "svd: matrix 0 of f32[2, 2] has elements that are not finite, or its iteration did not converge"),
    (lambda: linalg.eigh(neve.tensor(NAN)), "eigh: matrix 0 of f32[2, 2] has elements that are not finite, or its iteration did not converge"),
    (lambda: linalg.eigh(neve.ones(2, 3)), "eigh: x is f32[2, 3] (square matrices: [.., n, n])"),
    (lambda: linalg.qr(neve.ones(3)), "qr: x is f32[3] (matrices: [.., m, n])"),
    (lambda: linalg.qr(neve.ones(3, 3), mode="full"), "qr: mode is 'full' ('reduced', 'complete' or 'r')"),
    (lambda: linalg.solve(neve.eye(2), neve.ones(3)), "solve: a is f32[2, 2] and b f32[3] ([.., n, n] with [n] or [.., n, k])"),
    (lambda: linalg.matrix_norm(neve.eye(2), 3), "matrix_norm: ord is 3 ('fro', 'nuc', 1, -1, 2, -2, inf or -inf)"),
])  # fmt: skip
def test_refused(call, message):
    with pytest.raises(neve.Error) as caught:
        call()
    assert str(caught.value) == message


@pytest.mark.parametrize("shape", [(4, 2), (2, 4), (2, 5, 3)], ids=str)
def test_full_svd_has_the_gradients_of_the_thin_one(shape):
    a, k = draw(shape, "float64"), min(shape[-2:])
    found = []
    for full in (False, True):
        t = neve.tensor(a, requires_grad=True)
        u, s, vh = linalg.svd(t, full_matrices=full)
        ((u[..., :k] ** 3).sum() + (s**2).sum() + (vh[..., :k, :] ** 3).sum()).backward()
        found.append(t.grad.numpy())
    assert np.isfinite(found[0]).all() and np.abs(found[0]).max() > 0.1
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12)
    t = neve.tensor(draw((4, 2), "float64"), requires_grad=True)
    with pytest.raises(neve.Error, match="qr: mode 'complete' has no gradient for tall matrices"):
        linalg.qr(t, mode="complete")
