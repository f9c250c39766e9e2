"""Each function over all dtypes, empty and 0-d tensors, strided views, negative axes, NaN and infinity, against NumPy."""

# ruff: noqa: B023
import copy
import pickle
import warnings

import neve
import numpy as np
import pytest
from test_functions import CALLS, METHODS, NUMPY, array, tensors

DTYPES = {"f64": "f8", "f32": "f4", "f16": "f2", "i64": "i8", "i32": "i4", "i16": "i2", "i8": "i1", "u8": "u1", "u16": "u2",
          "u32": "u4", "u64": "u8", "bool": "?"}  # fmt: skip
SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1, -1, 1e30, -1e30, 1e-30, 0.5, 1e4])
RNG = np.random.default_rng(11)
LINE = neve.get_printoptions()["linewidth"]


def draw(shape, kind, low=0, high=5):
    return RNG.integers(low, 2 if kind == "?" else high, shape).astype(kind)


def agree(f, g, *, rtol=1e-5, floats=False):
    """f() equals NumPy's g(), or both refuse; floats: NumPy's float dtype may stand against an integer one of ours."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of empty slices, mostly
            want = g()
    except (ValueError, TypeError):
        with pytest.raises((neve.Error, ValueError, TypeError)):
            f()
        return
    got = array(f())
    wants, gots = (v if isinstance(v, (list, tuple)) else [v] for v in (want, got))
    assert len(wants) == len(gots)
    for w, h in zip(wants, gots):
        w = np.asarray(w)
        assert w.shape == h.shape
        assert w.dtype == h.dtype or (w.dtype.kind == "f" and (floats or h.dtype.kind == "f")), (w.dtype, h.dtype)
        coarse = "f" in (w.dtype.kind, h.dtype.kind) and min(w.dtype.itemsize, h.dtype.itemsize) < 4
        t = 4e-3 if coarse else rtol
        np.testing.assert_allclose(h.astype(np.float64), w.astype(np.float64), rtol=t, atol=t)


TO_FLOAT = """exp expm1 exp2 sin cos tan atan sinh cosh tanh asinh cbrt deg2rad rad2deg sinc log log1p log2 log10 sqrt asin acos atanh
acosh reciprocal""".split()
UNARY = (
    TO_FLOAT
    + """floor ceil trunc rint abs sign negative positive square isnan isinf isfinite signbit logical_not round
nan_to_num""".split()
)
REFUSED_BOOL = (
    "sign",
    "negative",
    "positive",
    "round",
    "square",
    "signbit",
)  # NumPy refuses bools, or makes integers or f16


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_unary(name, dtype):
    if dtype == "bool" and name in REFUSED_BOOL:
        return
    f, g, x = getattr(neve, name), NUMPY.get(name) or getattr(np, name), draw((3, 4), DTYPES[dtype])
    y = x.astype("f4") if name in TO_FLOAT and x.dtype.kind != "f" else x  # integers are f32 here
    t = neve.tensor(x)
    for a, b in (
        (t, y),
        (t[:0], y[:0]),
        (t[1, 1], y[1, 1]),
        (t.T[::2], y.T[::2]),
        (t[::-1, ::-2], y[::-1, ::-2]),
        (t[1:2, None], y[1:2, None]),
    ):
        agree(lambda a=a: f(a), lambda b=b: g(b), floats=name == "rint")  # rint of integers is integer here  # fmt: skip


@pytest.mark.parametrize("kind", ["f4", "f8", "f2"])
@pytest.mark.parametrize("name", UNARY)
def test_unary_of_special_numbers(name, kind):
    with np.errstate(all="ignore"):
        x = SPECIAL.astype(kind)
    agree(lambda: getattr(neve, name)(neve.tensor(x)), lambda: (NUMPY.get(name) or getattr(np, name))(x))


REDUCE = "sum prod mean max min any all std var count_nonzero ptp argmax argmin nansum nanmean nanmax nanmin median cumsum cumprod".split()
AXIS_NEEDED = ("cumsum", "cumprod")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", REDUCE)
def test_reduction(name, dtype):
    if dtype == "bool" and name == "ptp":
        return
    f, g, x = getattr(neve, name), getattr(np, name), draw((2, 3, 4), DTYPES[dtype])
    y = x.astype("f8") if (name in ("mean", "std", "var", "median", "nanmean") and x.dtype.kind in "iub") or (dtype == "f16" and name not in AXIS_NEEDED) else x  # fmt: skip
    t = neve.tensor(x)
    for axis in (None, 0, 1, -1, -3, 3):
        if axis is not None or name not in AXIS_NEEDED:
            agree(lambda axis=axis: f(t, axis), lambda axis=axis: g(y, axis), rtol=1e-4)
    agree(lambda: f(t.T[::-1, 1:], 0), lambda: g(y.T[::-1, 1:], 0), rtol=1e-4)
    agree(lambda: f(t[:0], 1), lambda: g(y[:0], 1))
    if name not in AXIS_NEEDED:
        agree(lambda: f(t[0, 0, 0]), lambda: g(y[0, 0, 0]))
        agree(lambda: f(t[:0], 1, keepdims=True), lambda: g(y[:0], 1, keepdims=True))
    if name != "median":  # of nothing: NaN in NumPy, refused here
        agree(lambda: f(t[:0], 0), lambda: g(y[:0], 0))


@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("name", REDUCE)
def test_reduction_of_special_numbers(name, kind):
    x = np.array([[1, np.nan, 2], [np.inf, -np.inf, 0], [np.inf, 1, 2], [np.nan] * 3], kind)
    for axis in (None, 0, 1):
        if axis is not None or name not in AXIS_NEEDED:
            with np.testing.suppress_warnings() as quiet:
                quiet.filter(RuntimeWarning)
                agree(
                    lambda axis=axis: getattr(neve, name)(neve.tensor(x), axis),
                    lambda axis=axis: getattr(np, name)(x, axis),
                )


BINARY = """add subtract multiply divide maximum minimum fmax fmin hypot atan2 copysign logaddexp equal not_equal less greater_equal logical_and
logical_xor remainder fmod floor_divide pow""".split()
BINARY_FLOAT = "divide hypot atan2 copysign logaddexp".split()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BINARY)
def test_binary(name, dtype):
    f, g = getattr(neve, name), NUMPY.get(name) or getattr(np, name)
    for other, kind in DTYPES.items():
        if "bool" in (dtype, other) and name in "subtract floor_divide remainder fmod pow".split():
            continue
        a, b = draw((3, 1, 4), DTYPES[dtype]), draw((2, 4), kind, 1, 4)
        both = neve.promote(dtype, other)
        if name in BINARY_FLOAT:
            x, y = (v.astype("f4") if v.dtype.kind != "f" else v for v in (a, b))
        else:
            x, y = a.astype(DTYPES[both]), b.astype(DTYPES[both])
        agree(lambda: f(neve.tensor(a), neve.tensor(b)), lambda: g(x, y), rtol=1e-4)
        agree(
            lambda: f(neve.tensor(a)[..., ::-2], neve.tensor(b)[1, ::2]), lambda: g(x[..., ::-2], y[1, ::2]), rtol=1e-4
        )


@pytest.mark.parametrize("name", BINARY)
def test_binary_of_special_numbers_and_nothing(name):
    f, g = getattr(neve, name), NUMPY.get(name) or getattr(np, name)
    for kind in ("f4", "f8"):
        x = SPECIAL.astype(kind)
        agree(lambda: f(neve.tensor(x[:, None]), neve.tensor(x)), lambda: g(x[:, None], x), rtol=1e-4)
    for a, b in (((0, 3), (3,)), ((0, 3), ()), ((), ()), ((2, 0), (1, 1)), ((0,), (1,)), ((2, 3), (2,)), ((0,), (2,))):
        agree(lambda: f(neve.ones(a), neve.ones(b)), lambda: g(np.ones(a, "f4"), np.ones(b, "f4")))


def strided(x):
    """The same values as a tensor whose elements are not side by side, in Fortran's order."""
    if not isinstance(x, np.ndarray) or not x.ndim:
        return tensors(x)
    wide = np.zeros([2 * n + 1 for n in x.shape[::-1]], x.dtype)
    wide[tuple(slice(1, None, 2) for _ in x.shape)] = x.T
    return neve.tensor(wide)[tuple(slice(1, None, 2) for _ in x.shape)].T


def strided_all(args):
    if isinstance(args, np.ndarray):
        return strided(args)
    if isinstance(args, (tuple, list)) and any(isinstance(a, np.ndarray) for a in args):
        return type(args)(strided_all(a) for a in args)
    return args


@pytest.mark.parametrize(
    "name, args", [(n, a) for n, many in CALLS.items() for a in many], ids=lambda v: v if isinstance(v, str) else ""
)
def test_call_of_strided_tensors(name, args):
    whole, parts = (
        array(getattr(neve, name)(*tensors(tuple(args)))),
        array(getattr(neve, name)(*strided_all(tuple(args)))),
    )
    for a, b in zip(whole, parts) if isinstance(whole, list) else [(whole, parts)]:
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
        assert a.dtype == b.dtype and a.shape == b.shape


@pytest.mark.parametrize("name, args, f", METHODS, ids=[m[0] for m in METHODS])
def test_method_of_strided_tensors(name, args, f):
    if name in ("view", "view_as"):  # of such a tensor there is none
        return
    x = np.abs(RNG.normal(size=(3, 4))).astype("f4") + 0.1
    whole, parts = (
        array(getattr(neve.tensor(x), name)(*tensors(args))),
        array(getattr(strided(x), name)(*strided_all(args))),
    )
    for a, b in zip(whole, parts) if isinstance(whole, list) else [(whole, parts)]:
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


MOVES = {
    "reshape": lambda m, x: x.reshape(4, 3), "T": lambda m, x: x.T, "flip": lambda m, x: m.flip(x, -1), "roll": lambda m, x: m.roll(x, 1, -2),
    "stack": lambda m, x: m.stack([x, x], -1), "concat": lambda m, x: m.concat([x, x], -2), "tile": lambda m, x: m.tile(x, (2, 1)),
    "repeat": lambda m, x: m.repeat(x, 2, -1), "tril": lambda m, x: m.tril(x), "where": lambda m, x: m.where(x > 1, x, m.flip(x, 0)),
    "take": lambda m, x: m.take(x, m.asarray([1, 0]), -1), "sort": lambda m, x: m.sort(x, -1), "argsort": lambda m, x: m.argsort(m.ravel(x)[:1]),
    "expand_dims": lambda m, x: m.expand_dims(x, -1), "squeeze": lambda m, x: m.squeeze(x[:1], -2), "moveaxis": lambda m, x: m.moveaxis(x, -1, 0),
    "broadcast_to": lambda m, x: m.broadcast_to(x, (2, 3, 4)), "unique": lambda m, x: m.unique(x), "diag": lambda m, x: m.diag(x), "pad": lambda m, x: m.pad(x, 1),
    "index": lambda m, x: x[::-1, [0, 2]], "mask": lambda m, x: x[x > 1], "clip": lambda m, x: m.clip(x, 1, 3), "eq": lambda m, x: x == m.flip(x, 0),
    "empty": lambda m, x: m.concat([x[:0], x[:0]], 0), "split": lambda m, x: m.split(x, [1], -1) if m is np else m.array_split(x, [1], -1),
    "nonzero": lambda m, x: m.nonzero(x), "zeros_like": lambda m, x: m.zeros_like(x), "full_like": lambda m, x: m.full_like(x, 1), "isin": lambda m, x: m.isin(x, x[0]),
}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MOVES)
def test_moves(name, dtype):
    if dtype == "bool" and name in ("clip",):
        return
    x = draw((3, 4), DTYPES[dtype])
    agree(lambda: MOVES[name](neve, neve.tensor(x)), lambda: MOVES[name](np, x))


# ---- indices ---------------------------------------------------------------------------------------------------------


def random_index(shape, draw):
    """An index that NumPy takes, as NumPy has it."""
    index, advanced = [], draw.random() < 0.5
    count = None
    for n in shape[: draw.integers(0, len(shape) + 1)]:
        kind = draw.integers(0, 6)
        if kind == 0 and n:
            index.append(int(draw.integers(-n, n)))
        elif kind == 1 and advanced and n:
            if count is None:
                count = int(draw.integers(1, 4))
            index.append(draw.integers(-n, n, count))
        elif kind == 2 and advanced and count is None and not any(isinstance(i, np.ndarray) for i in index):
            mask = draw.random(n) < 0.5
            count = int(mask.sum())
            index.append(mask)
        else:
            ends = [None if draw.random() < 0.4 else int(draw.integers(-n - 2, n + 3)) for _ in range(2)]
            index.append(slice(*ends, int(draw.choice([1, 1, 2, -1, -2, 3]))))
        if draw.random() < 0.15:
            index.append(None)
    if draw.random() < 0.3:
        index.append(Ellipsis)
    return tuple(index)


@pytest.mark.parametrize("seed", range(40))
def test_random_indices(seed):
    draw = np.random.default_rng(seed)
    for _ in range(25):
        shape = tuple(draw.integers(0, 5, draw.integers(1, 5)))
        x = draw.integers(0, 1000, shape).astype(draw.choice(["f4", "i8", "u1"]))
        index = random_index(shape, draw)
        try:
            want = x[index]
        except (IndexError, ValueError):
            with pytest.raises((neve.Error, IndexError)):
                neve.tensor(x)[tensors(index)]
            continue
        ours = tuple(neve.tensor(i) if isinstance(i, np.ndarray) and draw.random() < 0.5 else i for i in index)
        got = neve.tensor(x)[ours]
        np.testing.assert_array_equal(array(got), want, err_msg=f"{shape} {index}")
        value = draw.integers(0, 99, want.shape).astype(x.dtype) if draw.random() < 0.7 else x.dtype.type(7)
        if any(
            isinstance(i, np.ndarray) and i.dtype != bool and len(set((i % max(n, 1)).tolist())) < i.size
            for i, n in zip([i for i in index if i is not None and i is not Ellipsis], shape)
        ):
            continue  # places that are written twice  # fmt: skip
        a, t = x.copy(), neve.tensor(x)
        a[index] = value
        t[ours] = neve.tensor(value) if isinstance(value, np.ndarray) else int(value)
        np.testing.assert_array_equal(array(t), a, err_msg=f"{shape} {index}")


# ---- the protocols ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_protocols(dtype):
    x = draw((3, 4), DTYPES[dtype])
    t = neve.tensor(x)
    for a, b in ((t, x), (t[::-1, ::2], x[::-1, ::2]), (t[:0], x[:0]), (t[0, 0], x[0, 0])):
        for made in (np.asarray(a), np.array(a), np.from_dlpack(a), np.asarray(memoryview(a)) if dtype != "f16" else b, pickle.loads(pickle.dumps(a)).numpy(), copy.deepcopy(a).numpy(), copy.copy(a).numpy()):  # fmt: skip
            np.testing.assert_array_equal(made, b)
            assert made.dtype == x.dtype and made.shape == np.shape(b)
    view = memoryview(t)
    assert view.shape == (3, 4) and not view.readonly and view.c_contiguous and view.nbytes == t.nbytes
    assert bytes(t[1:]) == x[1:].tobytes() and memoryview(t[:, 1]).tobytes() == x[:, 1].tobytes()
    again = neve.from_dlpack(np.asarray(t))
    np.testing.assert_array_equal(again.numpy(), x)
    shared = np.asarray(t)
    shared[0, 0] = 1
    assert t[0, 0].item() == 1 and not np.shares_memory(np.array(t), shared)


def test_buffer_is_guarded():
    x = neve.ones(3, requires_grad=True)
    with pytest.raises(BufferError, match="takes part in gradients"):
        memoryview(x)
    with pytest.raises(BufferError, match="dtype that Python does not know"):
        memoryview(neve.ones(2, dtype="bf16"))
    with pytest.raises(BufferError, match="takes part in gradients"):
        np.from_dlpack(x)
    assert memoryview(x.detach()).tolist() == [1, 1, 1] and x.__dlpack_device__() == (1, 0)
    assert np.asarray(neve.ones(2, dtype="bf16")).tolist() == [1, 1]


@pytest.mark.parametrize("dtype", ["f64", "f32", "f16", "i64", "i32", "i8", "u8", "u64", "bool"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0), (2, 2, 2), (1, 1, 1, 1), (1200,), (40, 40)], ids=str)
def test_printed_like_numpy(dtype, shape):
    x = draw(shape, DTYPES[dtype], 0, 100) if dtype[0] != "f" else (RNG.normal(size=shape) * 100).astype(DTYPES[dtype])
    text = repr(neve.tensor(x))
    if not shape and dtype[0] == "f":
        assert float(text[7:].split(",")[0].rstrip(")")) == pytest.approx(float(x), rel=1e-3)
        return
    body = np.array2string(np.asarray(x), separator=", ", prefix="tensor(", precision=4, max_line_width=LINE)
    assert text.startswith("tensor(" + (body if x.size else "[]")), text
    rest = text[len("tensor(" + (body if x.size else "[]")) :]
    assert (f"dtype={dtype}" in rest) == (dtype not in ("f32", "i64", "bool")) and rest.endswith(")")


@pytest.mark.parametrize(
    "values",
    [[np.nan, np.inf, -np.inf, 1.0], [1e-20, 1.0], [1e20, 1.0], [0.1, 100000.5], [-0.0, 0.0], [1e-5], [123456789.0]],
)
def test_floats_are_printed_like_numpy(values):
    for kind in ("f4", "f8"):
        x = np.array(values, kind)
        assert repr(neve.tensor(x)).startswith(
            "tensor(" + np.array2string(x, separator=", ", prefix="tensor(", precision=4, max_line_width=LINE)
        )
