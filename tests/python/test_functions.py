"""Functions and methods of tensors against NumPy, as tables: dtypes, shapes, broadcasting, empty and 0-d tensors, NaN and infinity."""

import math

import neve
import numpy as np
import pytest

INF, NAN = np.inf, np.nan
SHORT = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64, "u8": np.uint8, "bool": np.bool_}
RNG = np.random.default_rng(7)
F = RNG.normal(size=(3, 4)).astype(np.float32)
G = RNG.normal(size=(3, 4)).astype(np.float32)
P = (np.abs(F) + 0.1).astype(np.float32)
U = RNG.uniform(-0.9, 0.9, (3, 4)).astype(np.float32)
N3 = RNG.normal(size=(2, 3, 4)).astype(np.float32)
SQ = RNG.normal(size=(2, 3, 3)).astype(np.float64)
K = RNG.integers(-9, 9, (3, 4)).astype(np.int64)
J = RNG.integers(1, 5, (3, 4)).astype(np.int64)
B = RNG.integers(0, 2, (3, 4)).astype(bool)
C = RNG.integers(0, 2, (3, 4)).astype(bool)
V = RNG.normal(size=5).astype(np.float32)
W = np.array([1.0, NAN, -INF, 0.0, INF, -2.5, 2.5, 0.5], np.float32)
E0 = np.zeros((0, 3), np.float32)
S0 = np.array(1.25, np.float32)


def array(x):
    if isinstance(x, neve.Tensor):
        return np.array(x.detach())
    if isinstance(x, (tuple, list)):
        return [array(e) for e in x]
    return np.asarray(x)


def tensors(x):
    if isinstance(x, np.ndarray):
        return neve.tensor(x)
    if isinstance(x, (list, tuple)) and any(isinstance(e, np.ndarray) for e in x):
        return type(x)(tensors(e) for e in x)
    return x


def same(got, want, rtol=2e-5, atol=2e-6, dtype=True):
    got = array(got)
    if isinstance(got, list):
        assert len(got) == len(want)
        for g, w in zip(got, want):
            same(g, w, rtol, atol, dtype)
        return
    want = np.asarray(want)
    assert got.shape == want.shape
    if dtype:
        floats = got.dtype.kind == "f" and want.dtype.kind == "f"  # integers give f32 here, f64 in NumPy
        assert floats or got.dtype == want.dtype, (got.dtype, want.dtype)
    np.testing.assert_allclose(got.astype(np.float64), want.astype(np.float64), rtol=rtol, atol=atol)


# ---- the same name in NumPy ------------------------------------------------------------------------------------------

UNARY_REAL = "exp expm1 exp2 sin cos tan atan arctan sinh cosh tanh asinh arcsinh floor ceil trunc fix rint abs sign negative positive square cbrt deg2rad rad2deg radians degrees sinc isnan isinf isfinite signbit nan_to_num isposinf isneginf logical_not round".split()
UNARY_POSITIVE = "log log1p log2 log10 sqrt reciprocal".split()
UNARY_UNIT = "asin acos atanh arcsin arccos arctanh".split()
NUMPY = {"asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "asinh": np.arcsinh, "atanh": np.arctanh, "acosh": np.arccosh,
         "atan2": np.arctan2, "pow": np.power, "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal,
         "gt": np.greater, "ge": np.greater_equal, "sub": np.subtract, "mul": np.multiply, "div": np.divide,
         "bitwise_left_shift": np.left_shift, "bitwise_right_shift": np.right_shift, "bitwise_invert": np.invert,
         "bitwise_not": np.invert, "concat": np.concatenate, "permute_dims": np.transpose}  # fmt: skip


def reference(name):
    return NUMPY.get(name) or getattr(np, name)


@pytest.mark.parametrize("name", UNARY_REAL)
@pytest.mark.parametrize(
    "x", [F, F.astype(np.float64), N3[:, :0], S0, W], ids=["f32", "f64", "empty", "0-d", "special"]
)
def test_unary_of_all_numbers(name, x):
    with np.errstate(all="ignore"):
        same(getattr(neve, name)(neve.tensor(x)), reference(name)(x))


@pytest.mark.parametrize("name", UNARY_POSITIVE + ["acosh", "arccosh"])
@pytest.mark.parametrize(
    "x", [P + 1, (P + 1).astype(np.float64), E0, S0, W], ids=["f32", "f64", "empty", "0-d", "special"]
)
def test_unary_of_positive_numbers(name, x):
    with np.errstate(all="ignore"):
        same(getattr(neve, name)(neve.tensor(x)), reference(name)(x))


@pytest.mark.parametrize("name", UNARY_UNIT)
@pytest.mark.parametrize("x", [U, U.astype(np.float64), E0, W], ids=["f32", "f64", "empty", "special"])
def test_unary_of_the_unit(name, x):
    with np.errstate(all="ignore"):
        same(getattr(neve, name)(neve.tensor(x)), reference(name)(x))


@pytest.mark.parametrize("name", "exp sin tanh sqrt log1p sinh".split())
@pytest.mark.parametrize("x", [J, J.astype(np.int32), J.astype(np.uint8), B], ids=["i64", "i32", "u8", "bool"])
def test_integers_become_f32(name, x):
    y = getattr(neve, name)(neve.tensor(x))
    assert y.dtype == "f32"
    same(y, reference(name)(x.astype(np.float32)))


@pytest.mark.parametrize("name", "floor ceil trunc abs negative sign square isnan isfinite".split())
def test_integers_stay(name):
    same(getattr(neve, name)(neve.tensor(K)), reference(name)(K).astype(bool if name[:2] == "is" else np.int64))


BINARY = "add subtract multiply divide true_divide maximum minimum fmax fmin hypot arctan2 atan2 copysign logaddexp logaddexp2 heaviside equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor remainder mod fmod floor_divide eq ne lt le gt ge sub mul div".split()
PAIRS = [(F, G), (F, G[0]), (F[:, :1], G[:1]), (F, S0), (F.astype(np.float64), G), (E0, S0), (N3, F[0]), (S0, S0)]


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("pair", range(len(PAIRS)))
def test_binary(name, pair):
    a, b = PAIRS[pair]
    with np.errstate(all="ignore"):
        want = reference(name)(a, b)
        same(getattr(neve, name)(neve.tensor(a), neve.tensor(b)), want, rtol=1e-4)


@pytest.mark.parametrize(
    "name", "maximum minimum fmax fmin add multiply hypot copysign logaddexp equal less greater_equal heaviside".split()
)
def test_binary_of_special_numbers(name):
    with np.errstate(all="ignore"):
        same(getattr(neve, name)(neve.tensor(W[:, None]), neve.tensor(W)), reference(name)(W[:, None], W))


INTEGER = "add subtract multiply maximum minimum remainder fmod floor_divide bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift equal less pow".split()


@pytest.mark.parametrize("name", INTEGER)
@pytest.mark.parametrize("dtypes", [("i64", "i64"), ("i32", "i64"), ("u8", "i32"), ("u8", "u8"), ("i32", "i32")])
def test_binary_of_integers(name, dtypes):
    a, b = (np.abs(x).astype(SHORT[d]) if d == "u8" else x.astype(SHORT[d]) for x, d in zip((K, J), dtypes))
    with np.errstate(all="ignore"):
        same(getattr(neve, name)(neve.tensor(a), neve.tensor(b)), reference(name)(a, b))


@pytest.mark.parametrize(
    "name", "bitwise_and bitwise_or bitwise_xor logical_and logical_or logical_xor equal not_equal".split()
)
def test_binary_of_bools(name):
    same(getattr(neve, name)(neve.tensor(B), neve.tensor(C)), reference(name)(B, C))


@pytest.mark.parametrize("a, b, want", [
    ("i32", 2, "i32"), ("i32", 2.0, "f32"), ("f32", 2, "f32"), ("f64", 2.5, "f64"), ("bool", 1, "i64"), ("bool", 1.5, "f32"),
    ("u8", True, "u8"), ("f16", 1.5, "f16"), ("bf16", 3, "bf16"), ("i64", np.float64(2), "f32"), ("i8", "u8", "i16"),
    ("f16", "bf16", "f32"), ("i64", "f32", "f32"), ("i32", "i64", "i64"), ("u64", "i8", "f64"), ("f32", "f64", "f64"),
])  # fmt: skip
def test_promotion(a, b, want):
    x = neve.ones(2, dtype=a)
    y = neve.ones(2, dtype=b) if isinstance(b, str) else b
    assert neve.multiply(x, y).dtype == want
    assert neve.multiply(y, x).dtype == want
    assert neve.result_type(x, y) == want


# ---- reductions ------------------------------------------------------------------------------------------------------

REDUCTIONS = "sum prod mean max min amax amin any all std var count_nonzero ptp argmax argmin nansum nanmean nanmax nanmin median".split()
ONE_AXIS = ("argmax", "argmin", "median")


@pytest.mark.parametrize(
    "name, axis",
    [(n, a) for n in REDUCTIONS for a in (None, 0, -1, (0, 2), (1,)) if n not in ONE_AXIS or a in (None, 0, -1)],
)
@pytest.mark.parametrize("keepdims", [False, True])
def test_reduction(name, axis, keepdims):
    want = reference(name)(N3, axis=axis, keepdims=keepdims)
    same(getattr(neve, name)(neve.tensor(N3), axis, keepdims=keepdims), want)
    method = getattr(neve.Tensor, name, None)
    if method is not None:
        same(method(neve.tensor(N3), dim=axis, keepdim=keepdims), want)


@pytest.mark.parametrize("name", "sum prod mean max min any all std var count_nonzero median".split())
@pytest.mark.parametrize(
    "x", [K, K.astype(np.int32), np.abs(K).astype(np.uint8), B, S0, F.astype(np.float64), W], ids=str
)
def test_reduction_of_dtypes(name, x):
    with np.errstate(all="ignore"):
        want = reference(name)(x if name not in ("mean", "std", "var", "median") else x.astype(np.float64))
        same(getattr(neve, name)(neve.tensor(x)), want, rtol=1e-4)


@pytest.mark.parametrize("name, axis", [(n, a) for n in "sum prod any all count_nonzero".split() for a in (None, 0, 1)])
def test_reduction_of_nothing(name, axis):
    same(getattr(neve, name)(neve.tensor(E0), axis), reference(name)(E0, axis=axis))


@pytest.mark.parametrize("name", "cumsum cumprod diff softmax log_softmax logsumexp".split())
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_along_an_axis(name, axis):
    e = np.exp(N3)
    want = {
        "softmax": lambda: e / e.sum(axis, keepdims=True),
        "log_softmax": lambda: np.log(e / e.sum(axis, keepdims=True)),
        "logsumexp": lambda: np.log(e.sum(axis)),
    }.get(name, lambda: reference(name)(N3, axis=axis))()
    same(getattr(neve, name)(neve.tensor(N3), axis=axis), want)
    same(getattr(neve.tensor(N3), name)(axis=axis), want)


@pytest.mark.parametrize("ord", [None, 2, 1, 3, 0, INF, -INF])
@pytest.mark.parametrize("axis", [0, -1])
def test_norm(ord, axis):
    same(neve.norm(neve.tensor(F), ord, axis), np.linalg.norm(F, ord, axis))


@pytest.mark.parametrize("ord", ["fro", 1, -1, INF, -INF])
def test_matrix_norm(ord):
    same(neve.norm(neve.tensor(F), ord), np.linalg.norm(F, ord))
    same(neve.linalg.matrix_norm(neve.tensor(SQ), ord), np.linalg.norm(SQ, ord, (-2, -1)))


# ---- calls that are the same in NumPy, as a table --------------------------------------------------------------------

IDX = np.array([2, 0, -1])
ALONG = np.argsort(F, 1)
CALLS = {
    # creation
    "zeros": [(2, 3)], "ones": [(2, 3)], "full": [((2,), 1.5)], "arange": [(5,), (1, 9, 2), (5, 0, -2), (3, 3)], "eye": [(3,), (2, 4)],
    "linspace": [(0, 1, 5), (2, -1, 4)], "logspace": [(0, 2, 3)], "geomspace": [(1, 8, 4)], "identity": [(3,)], "tri": [(3, 4, 1)],
    "zeros_like": [(K,)], "ones_like": [(F,)], "full_like": [(F, 2.0)], "tril": [(F,), (N3, -1), (SQ, 1)],
    "triu": [(F,), (N3, -1), (SQ, 1)], "diag": [(V,), (V, 2), (V, -1), (F,), (F, 1), (F, -1)],
    "diagonal": [(F,), (N3, 1), (N3, 0, 1, 2)], "meshgrid": [(V, V[:3])], "vander": [(V,), (V, 3)],
    # shape
    "reshape": [(F, (4, 3)), (F, (-1, 2)), (E0, (3, 0)), (S0, (1, 1))], "transpose": [(N3,), (N3, (2, 0, 1)), (S0,)],
    "permute_dims": [(N3, (1, 2, 0))], "swapaxes": [(N3, 0, -1)], "moveaxis": [(N3, 0, -1), (N3, (0, 1), (2, 0))],
    "squeeze": [(F[None],), (F[None, :, None], 0), (F,)], "expand_dims": [(F, 0), (F, (0, -1))],
    "broadcast_to": [(V, (2, 5)), (S0, (2, 2)), (F[:, :1], (3, 7))], "ravel": [(N3.transpose(2, 0, 1),), (E0,), (S0,)],
    "atleast_1d": [(S0,)], "atleast_2d": [(V,)], "atleast_3d": [(V,), (F,)], "concat": [((F, G),), ((F, G), 1), ((E0, E0),)],
    "stack": [((F, G),), ((F, G), -1), ((S0, S0),)], "vstack": [((V, V),)], "hstack": [((V, V),), ((F, G),)], "dstack": [((F, G),)],
    "column_stack": [((V, V),)], "array_split": [(V, 3), (F, [1, 2], 1)], "repeat": [(F, 2), (F, 2, 1), (V, [0, 1, 2, 0, 1], 0)],
    "tile": [(F, (2, 1)), (V, (2, 3)), (N3, (2,))], "roll": [(F, 1), (F, -2, 1), (N3, (1, 2), (0, 2)), (E0, 1)],
    "flip": [(F,), (N3, 1), (N3, (0, -1))], "fliplr": [(F,)], "flipud": [(F,)], "rot90": [(F,), (F, 2), (F, 3), (F, 4)],
    "pad": [(F, 1), (F, (1, 2)), (F, ((1, 0), (0, 2))), (V, 2, "reflect"), (V, 2, "edge"), (V, 2, "wrap")],
    # indexing
    "take": [(F, IDX), (F, IDX, 1), (F, IDX.reshape(3, 1), 0)], "take_along_axis": [(F, ALONG, 1), (F, ALONG[:1] % 3, 0)],
    "nonzero": [(B,), (K,)], "argwhere": [(B,)], "flatnonzero": [(B,)], "compress": [(B[0], F, 1)],
    "sort": [(F,), (F, 0), (W,), (K,)], "argsort": [(F,), (F, 0)], "unique": [(K,), (K, True, True, True), (J, False, False, False, 0)],
    "searchsorted": [(np.sort(V), V), (np.sort(K[0]), K[1])], "digitize": [(F, np.sort(V))], "isin": [(K, J), (F, F[0])],
    "where": [(B, F, G), (B[:, :1], F, 2.0), (B, K, F)], "clip": [(F, -0.5, 0.5), (K, 0, 3), (F, None, 0.1), (W, -1, 1), (F, G[0], None)],
    "choose": [(np.array([0, 1, 1, 0]), (F[0], G[0]))],
    # linear algebra
    "matmul": [(F, G.T), (N3, F.T), (V, V), (N3, F[0]), (F[0], N3.transpose(0, 2, 1)), (K, J.T), (np.zeros((2, 0)), np.zeros((0, 3)))],
    "dot": [(F, G.T), (V, V), (V, S0), (F, N3.transpose(0, 2, 1))], "inner": [(F, G), (V, V)], "vdot": [(F, G)], "outer": [(V, V[:2])],
    "kron": [(F, G[:2]), (V, V[:2])], "cross": [(F[:, :3], G[:, :3])],
    "tensordot": [(N3, F, ([2], [1])), (F, G.T, 1), (F, G, 2), (V, V, 0)],
    "einsum": [("ij,kj->ik", F, G), ("ij->j", F), ("ii->i", SQ[0]), ("bij,bjk->bik", SQ, SQ), ("i,j", V, V), ("...ij->...ji", N3), ("ij,ij->", F, G)],
    "trace": [(F,), (N3, 1), (K,)], "cov": [(F,)], "corrcoef": [(F,)],
    # more
    "quantile": [(F, 0.3), (F, np.array([0.0, 0.25, 1.0]), 1), (W, 0.5)], "percentile": [(F, 30.0)], "average": [(F,), (F, 1, V[:4])],
    "bincount": [(J[0],), (J[0], F[0]), (J[0], None, 9)], "histogram": [(F, 4)], "isclose": [(F, F + 1e-7), (W, W), (F, G)],
    "float_power": [(P, F)], "pow": [(P, F), (P, 2), (K, 2)], "ldexp": [(F, J)], "nan_to_num": [(W,), (W, 1.0, 2.0, 3.0)],
    "round": [(F, 2), (F * 100, -1)], "divmod": [(K, J)], "broadcast_arrays": [(F[:, :1], G[0])], "diff": [(F, 2), (F, 1, 0)], "sum": [(F, ())],
    "array_equal": [(F, F), (F, G), (F, V)], "allclose": [(F, F), (F, G)], "bitwise_invert": [(K,), (B,)],
}  # fmt: skip


@pytest.mark.parametrize(
    "name, args", [(n, a) for n, many in CALLS.items() for a in many], ids=lambda v: v if isinstance(v, str) else ""
)
def test_call(name, args):
    f = NUMPY.get(name) or getattr(np, name)
    given = args
    if name in ("zeros", "ones"):
        given = (args,)
    if name == "einsum":
        want = np.einsum(args[0], *args[1:])
    elif name == "nan_to_num" and len(args) > 1:
        want = np.nan_to_num(args[0], nan=args[1], posinf=args[2], neginf=args[3])
    elif name == "bincount" and len(args) == 3:
        want = np.bincount(args[0], minlength=args[2])
    else:
        with np.errstate(all="ignore"):
            want = f(*given)
    same(getattr(neve, name)(*tensors(tuple(args))), want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["det", "inv"])
def test_square_matrices(name):
    same(getattr(neve, name)(neve.tensor(SQ)), getattr(np.linalg, name)(SQ))


def test_more_linear_algebra():
    t = neve.tensor(SQ)
    same(neve.solve(t, neve.tensor(SQ[0])), np.linalg.solve(SQ, SQ[:1]))
    for n in (-2, 0, 1, 5):
        same(neve.matrix_power(t, n), np.linalg.matrix_power(SQ, n))
    same(neve.slogdet(t), np.linalg.slogdet(SQ))
    same(neve.cdist(neve.tensor(F), neve.tensor(G)), np.linalg.norm(F[:, None] - G, axis=-1))
    same(neve.multi_dot([neve.tensor(F), neve.tensor(G.T), neve.tensor(F)]), F @ G.T @ F)
    same(neve.vecdot(neve.tensor(F), neve.tensor(G)), (F * G).sum(-1))
    same(
        neve.addmm(neve.tensor(G[:, :3]), neve.tensor(F), neve.tensor(G.T), beta=2, alpha=3), 2 * G[:, :3] + 3 * F @ G.T
    )
    same(neve.tensor(F).mv(neve.tensor(F[0])), F @ F[0])
    same(neve.tensor(SQ).bmm(neve.tensor(SQ)), SQ @ SQ)
    same(neve.tensor(F).mm(neve.tensor(G.T)), F @ G.T)


# ---- methods ---------------------------------------------------------------------------------------------------------

METHODS = [
    ("view", (4, 3), lambda x: x.reshape(4, 3)), ("reshape", ((2, -1),), lambda x: x.reshape(2, -1)), ("permute", (1, 0), lambda x: x.T),
    ("transpose", (0, 1), lambda x: x.T), ("unsqueeze", (1,), lambda x: x[:, None]), ("expand", (2, -1, -1), lambda x: np.stack([x, x])),
    ("flatten", (), lambda x: x.ravel()), ("unflatten", (1, (2, 2)), lambda x: x.reshape(3, 2, 2)), ("split", (2,), lambda x: [x[:2], x[2:]]),
    ("split", ([1, 3], 1), lambda x: [x[:, :1], x[:, 1:]]), ("chunk", (3, 1), lambda x: [x[:, :2], x[:, 2:]]), ("unbind", (), list),
    ("narrow", (1, 1, 2), lambda x: x[:, 1:3]), ("select", (1, -1), lambda x: x[:, -1]), ("repeat", (2, 1), lambda x: np.tile(x, (2, 1))),
    ("repeat_interleave", (2, 0), lambda x: np.repeat(x, 2, 0)), ("index_select", (1, IDX), lambda x: x[:, IDX]),
    ("gather", (1, ALONG), lambda x: np.take_along_axis(x, ALONG, 1)), ("gather", (1, ALONG[:2, :2]), lambda x: np.take_along_axis(x[:2], ALONG[:2, :2], 1)),
    ("masked_fill", (B, 9.0), lambda x: np.where(B, 9, x)), ("masked_select", (B,), lambda x: x[B]), ("clamp", (-0.5, 0.5), lambda x: x.clip(-0.5, 0.5)),
    ("add", (G,), lambda x: x + G), ("sub", (2,), lambda x: x - 2), ("mul", (G,), lambda x: x * G), ("div", (G,), lambda x: x / G),
    ("neg", (), lambda x: -x), ("absolute", (), np.abs), ("maximum", (G,), lambda x: np.maximum(x, G)), ("lerp", (G, 0.25), lambda x: x + 0.25 * (G - x)),
    ("addcmul", (G, P), lambda x: x + G * P), ("addcdiv", (G, P), lambda x: x + G / P), ("where", (B, G), lambda x: np.where(B, x, G)),
    ("double", (), lambda x: x.astype("f8")), ("long", (), lambda x: x.astype("i8")), ("int", (), lambda x: x.astype("i4")), ("bool", (), lambda x: x.astype(bool)),
    ("half", (), lambda x: x.astype("f2")), ("to", ("f64",), lambda x: x.astype("f8")), ("new_zeros", (2, 3), lambda x: np.zeros((2, 3), "f4")),
    ("new_ones", (2,), lambda x: np.ones(2, "f4")), ("new_full", ((2,), 3), lambda x: np.full(2, 3, "f4")), ("numel", (), lambda x: np.asarray(x.size)),
    ("dim", (), lambda x: np.asarray(x.ndim)), ("frac", (), lambda x: x - np.trunc(x)), ("rsqrt", (), None), ("sigmoid", (), lambda x: 1 / (1 + np.exp(-x))),
    ("relu", (), lambda x: np.maximum(x, 0)), ("index_fill", (0, [1], 5.0), lambda x: np.where(np.arange(3)[:, None] == 1, 5, x).astype("f4")),
    ("index_add", (0, [0, 0], np.ones((2, 4), "f4")), lambda x: x + np.array([[2], [0], [0]], "f4")),
    ("index_copy", (1, [3], np.ones((3, 1), "f4")), lambda x: np.concatenate([x[:, :3], np.ones((3, 1), "f4")], 1)),
    ("scatter_add", (0, np.zeros((2, 4), int), np.ones((3, 4), "f4")), lambda x: x + np.array([[2], [0], [0]], "f4")),
    ("scatter", (1, np.array([[0], [1], [2]]), 7.0), lambda x: np.where(np.eye(3, 4, dtype=bool), 7, x).astype("f4")),
    ("scatter_reduce", (0, np.zeros((1, 4), int), np.full((1, 4), 9, "f4"), "amax"), lambda x: np.concatenate([np.full((1, 4), 9, "f4"), x[1:]])),
    ("logit", (0.2,), lambda x: (lambda c: np.log(c / (1 - c)))(x.clip(0.2, 0.8))), ("erf", (), None), ("erfc", (), None), ("quantile", (0.5,), lambda x: np.quantile(x, 0.5)),
    ("xlogy", (P,), lambda x: x * np.log(P)), ("reshape_as", (G.T,), lambda x: x.reshape(4, 3)), ("view_as", (G.T,), lambda x: x.reshape(4, 3)),
    ("expand_as", (N3,), lambda x: np.broadcast_to(x, N3.shape)), ("broadcast_to", ((2, 3, 4),), lambda x: np.broadcast_to(x, (2, 3, 4))),
    ("tensor_split", (2, 1), lambda x: [x[:, :2], x[:, 2:]]), ("movedim", (0, 1), lambda x: x.T), ("inner", (G,), lambda x: np.inner(x, G)),
]  # fmt: skip


@pytest.mark.parametrize("name, args, f", METHODS, ids=[m[0] for m in METHODS])
def test_method(name, args, f):
    x = P if f is None else F
    if f is None:
        f = {"rsqrt": lambda x: 1 / np.sqrt(x), "erf": np.vectorize(math.erf), "erfc": np.vectorize(math.erfc)}[name]
    same(getattr(neve.tensor(x), name)(*tensors(args)), f(x), atol=1e-5)


IN_PLACE = [
    ("add_", (1,)), ("sub_", (G,)), ("mul_", (2.5,)), ("div_", (P,)), ("exp_", ()), ("abs_", ()), ("neg_", ()), ("clamp_", (-0.1, 0.1)), ("pow_", (2,)),
    ("floor_", ()), ("round_", ()), ("tanh_", ()), ("sigmoid_", ()), ("relu_", ()), ("masked_fill_", (B, 0.0)), ("tril_", ()), ("cumsum_", (0,)),
    ("maximum_", (G,)), ("remainder_", (2,)), ("lerp_", (G, 0.5)), ("addcmul_", (G, P)), ("square_", ()), ("sqrt_", ()), ("trunc_", ()), ("sign_", ()),
    ("scatter_add_", (0, np.zeros((1, 4), int), np.ones((1, 4), "f4"))), ("index_fill_", (0, [0], 1.0)), ("logit_", (0.1,)), ("atan_", ()), ("copysign_", (G,)),
]  # fmt: skip


@pytest.mark.parametrize("name, args", IN_PLACE, ids=[m[0] for m in IN_PLACE])
def test_in_place(name, args):
    x = neve.tensor(P)
    seen = x[1:]  # a view of the same memory
    before = x._version
    want = np.array(getattr(x.clone(), name[:-1])(*tensors(args)))
    assert getattr(x, name)(*tensors(args)) is x
    same(x, want)
    same(seen, want[1:])
    assert x._version > before


def test_fills():
    x = neve.empty(2, 3)
    same(x.fill_(2.5), np.full((2, 3), 2.5, "f4"))
    same(x.zero_(), np.zeros((2, 3), "f4"))
    x.uniform_(1, 2)
    assert bool(((x >= 1) & (x < 2)).all())
    x.normal_(0, 0)
    same(x, np.zeros((2, 3), "f4"))
    assert set(x.bernoulli_(0.5).reshape(-1).tolist()) <= {0.0, 1.0}
    same(neve.tensor(K).fill_(3), np.full_like(K, 3))


def test_topk_and_descending():
    x = neve.tensor(F)
    values, indices = x.topk(2)
    same(values, -np.sort(-F, 1)[:, :2])
    same(indices, np.argsort(-F, 1, kind="stable")[:, :2])
    same(x.topk(2, 0, largest=False).values, np.sort(F, 0)[:2])
    same(neve.sort(x, 1, descending=True), -np.sort(-F, 1))
    same(neve.argsort(neve.tensor([1, 0, 1, 0])), np.array([1, 3, 0, 2]))


def test_one_hot():
    same(neve.one_hot(neve.tensor([2, 0])), np.array([[0, 0, 1], [1, 0, 0]]))
    same(neve.one_hot([1], 4, dtype="f32"), np.array([[0, 1, 0, 0]], "f4"))


def test_properties():
    x = neve.tensor(N3)
    same(x.T, N3.T)
    same(x.mT, N3.swapaxes(-1, -2))
    assert x.device == "cpu" and x.T.data_ptr() == x.data_ptr() and x.view(-1).data_ptr() == x.data_ptr()
    assert [r.shape for r in x] == [(3, 4), (3, 4)]
    assert 3 in neve.tensor([1, 3]) and 4 not in neve.tensor([1, 3])
    assert f"{neve.tensor(1.5):.2f}" == "1.50"
    same(round(neve.tensor([1.26]), 1), np.array([1.3], "f4"))
    same(divmod(neve.tensor([7]), 2), [np.array([3]), np.array([1])])
    same(neve.tensor([1]) << 3, np.array([8]))
