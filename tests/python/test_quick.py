"""The plainest calls of functions of tensors, which C++ takes whole: the same results, gradients and errors as the functions written out."""

import neve
import numpy as np
import pytest
from neve import _neve

X = np.arange(48, dtype=np.float32).reshape(2, 3, 8)
PLAIN = [  # method or function, arguments behind the tensor, what is named
    ("view", (6, 8), {}), ("view", (-1,), {}), ("view", ((2, 24),), {}), ("view", ([48],), {}),
    ("reshape", (4, -1), {}), ("reshape", ((3, 16),), {}), ("reshape", (48,), {}),
    ("permute", (2, 0, 1), {}), ("permute", ((-1, 0, 1),), {}),
    ("transpose", (0, 2), {}), ("transpose", (-1, -2), {}), ("swapaxes", (0, 1), {}), ("swapaxes", (-1, 0), {}),
    ("split", (2,), {}), ("split", (3, 2), {}), ("split", (5, -1), {}), ("split", (4,), {"dim": 2}),
    ("chunk", (2,), {}), ("chunk", (3, 2), {}), ("chunk", (3,), {"dim": -1}), ("chunk", (100, 1), {}),
    ("unsqueeze", (0,), {}), ("unsqueeze", (-1,), {}), ("unsqueeze", (3,), {}),
    ("softmax", (), {}), ("softmax", (0,), {}), ("softmax", (), {"dim": 1}),
]  # fmt: skip
WRONG = [
    ("view", (5, 5)), ("view", (-1, -1)), ("view", ("many",)), ("reshape", (7, -1)), ("reshape", (2.5,)), ("permute", (0, 1)),
    ("permute", (0, 0, 1)), ("transpose", (0, 3)), ("transpose", (0, -4)), ("swapaxes", (0, 9)), ("split", (0,)), ("split", (2, 5)),
    ("split", ([1, 2],)), ("chunk", (0,)), ("chunk", (2, 3)), ("unsqueeze", (4,)), ("unsqueeze", (-5,)), ("squeeze", (1,)),
    ("squeeze", (3,)), ("softmax", (3,)), ("matmul", (7,)),
]  # fmt: skip


def written_out(name):
    """The function in Python, without its quick way."""
    f = getattr(neve, name)
    assert getattr(f, "_quick", None) is not None
    return f.__wrapped__


def tensors(y):
    return list(y) if isinstance(y, tuple) else [y]


def same(y, want):
    assert len(tensors(y)) == len(tensors(want))
    for a, b in zip(tensors(y), tensors(want)):
        assert a.dtype == b.dtype and a.shape == b.shape and a.strides == b.strides
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def called(f, *args, **kwargs):
    try:
        return f(*args, **kwargs)
    except (neve.Error, TypeError) as e:
        return f"{type(e).__name__} {getattr(e, 'code', '')} {str(e).splitlines()[0]}"


@pytest.mark.parametrize("name, args, kwargs", PLAIN)
def test_it_is_taken_and_gives_the_same(name, args, kwargs):
    x = neve.tensor(X)
    quick = getattr(neve, name)._quick
    assert quick((x, *args), kwargs) is not None, "the quick way does not take this call"
    want = written_out(name)(x, *args, **{"axis" if k == "dim" else k: v for k, v in kwargs.items()})
    same(quick((x, *args), kwargs), want)
    same(getattr(x, name)(*args, **kwargs), want)


@pytest.mark.parametrize("name, args, kwargs", PLAIN)
def test_gradients_go_through_it(name, args, kwargs):
    def gradient(f):
        x = neve.tensor(X, requires_grad=True)
        total = None
        for k, part in enumerate(tensors(f(x))):
            term = (part * part * (k + 1)).sum()
            total = term if total is None else total + term
        total.backward()
        return x.grad

    named = {"axis" if k == "dim" else k: v for k, v in kwargs.items()}
    y = getattr(neve.tensor(X, requires_grad=True), name)(*args, **kwargs)
    assert all(t.requires_grad for t in tensors(y))
    np.testing.assert_allclose(
        np.asarray(gradient(lambda x: getattr(x, name)(*args, **kwargs))),
        np.asarray(gradient(lambda x: written_out(name)(x, *args, **named))),
        rtol=1e-6,
    )


@pytest.mark.parametrize("name, args", WRONG)
def test_what_is_wrong_is_told_in_the_functions_words(name, args):
    x = neve.tensor(X)
    told = called(getattr(x, name), *args)
    assert isinstance(told, str) and told == called(written_out(name), x, *args)


def test_views_share_memory_and_copies_do_not():
    x = neve.tensor(X)
    for y in [x.view(48), x.reshape(6, 8), x.permute(2, 1, 0), x.transpose(0, 1), *x.chunk(2, 1), x.unsqueeze(0)]:
        assert y._shares(x)
    assert not x.transpose(0, 2).reshape(48)._shares(x)
    with pytest.raises(neve.Error, match="view: .* has no view as"):
        x.transpose(0, 2).view(48)
    same(x.transpose(0, 2).view(8, 3, 2), x.transpose(0, 2))
    x.view(48)[0] = 7.0
    assert x[0, 0, 0].item() == 7.0


def test_concat():
    a, b = neve.tensor(X), neve.tensor(X + 1)
    for args, kwargs in [(((a, b),), {}), (([a, b], 1), {}), (([a, b, a], -1), {}), (([a],), {"axis": 2})]:
        quick = neve.concat._quick(args, kwargs)
        assert quick is not None
        same(quick, written_out("concat")(*args, **kwargs))
    same(neve.cat([a, neve.tensor([1, 2])[:, None, None].expand(2, 3, 8)], 0), neve.cat([a, a * 0 + neve.tensor([1.0, 2.0])[:, None, None]], 0))  # fmt: skip
    same(neve.cat([a, X]), neve.cat([a, neve.tensor(X)]))  # an array: not the plainest kind
    for wrong in [([a, b[:, :2]], 0), ([], 0), ([a, b], 3), ([a, None], 0)]:
        assert called(neve.concat, *wrong) == called(written_out("concat"), *wrong)


def test_matmul():
    a, b = neve.tensor(X), neve.tensor(X.transpose(0, 2, 1).copy())
    assert neve.matmul._quick((a, b), {}) is not None
    same(neve.matmul(a, b), written_out("matmul")(a, b))
    same(neve.matmul(a, neve.tensor(np.arange(8))), a @ neve.tensor(np.arange(8, dtype=np.float32)))  # it promotes
    for wrong in [(a, a), (a, neve.tensor(1.0)), (a, neve.tensor([1.0, 2.0]))]:
        assert called(neve.matmul, *wrong) == called(written_out("matmul"), *wrong)


def test_empty_tensors_and_scalars():
    e = neve.zeros((0, 4))
    same(e.view(4, 0), written_out("reshape")(e, 4, 0))
    same(e.split(2), written_out("split")(e, 2))
    same(e.chunk(3), written_out("chunk")(e, 3))
    s = neve.tensor(3.0)
    assert s.view(1, 1).shape == (1, 1) and s.unsqueeze(0).shape == (1,) and s.view(()).shape == ()
    assert called(s.softmax, 0) == called(written_out("softmax"), s, 0)


def test_subclasses_and_other_numbers_are_taken_as_before():
    x = neve.tensor(X)
    assert x.view(np.int64(6), 8).shape == (6, 8)
    assert x.transpose(np.int32(0), 1).shape == (3, 2, 8)
    assert neve.nn.Parameter(x).view(6, 8).requires_grad
    assert x.view("i32").dtype == "i32"


def test_it_does_not_hide_a_program_that_is_captured():
    @neve.jit.to_static
    def f(x):
        a, b = x.view(6, 8).transpose(0, 1).chunk(2, dim=1)
        return neve.cat([a, b], 0).softmax(-1)

    x = neve.tensor(X)
    a, b = x.view(6, 8).transpose(0, 1).chunk(2, 1)
    np.testing.assert_allclose(np.asarray(f(x)), np.asarray(neve.cat([a, b], 0).softmax(-1)), rtol=1e-6)


def test_dim_is_taken_for_axis_everywhere():
    x = neve.tensor(X)
    for f in [
        lambda x: neve.cat([x, x], dim=1), lambda x: neve.softmax(x, dim=1), lambda x: neve.chunk(x, 2, dim=2)[1] * 1.0,
        lambda x: neve.unsqueeze(x, dim=1) * 1.0, lambda x: neve.split(x, 4, dim=2)[1] * 1.0, lambda x: x.chunk(2, dim=-1)[0] * 1.0,
        lambda x: neve.squeeze(x[:, :1], dim=1) * 1.0, lambda x: x.chunk(3, dim=2)[2] * 1.0,
    ]:  # fmt: skip
        want = np.asarray(f(x))
        captured = neve.jit.to_static(f)
        np.testing.assert_allclose(np.asarray(captured(x)), want, rtol=1e-6)
        y = neve.tensor(np.concatenate([X, X + 1], 2))  # another size
        np.testing.assert_allclose(np.asarray(captured(y)), np.asarray(f(y)), rtol=1e-6)


def test_recurrent_weights_are_in_the_ops_order():
    rng = np.random.default_rng(3)
    h, k = 5, 3
    for mode, order, gates in [("lstm", (0, 3, 1, 2), 4), ("gru", (1, 0, 2), 3), ("tanh", (0,), 1)]:
        each = [
            [neve.tensor(rng.normal(size=s).astype(np.float32)) for s in ((gates * h, k), (gates * h, h), (gates * h,), (gates * h,))]
            for _ in range(2)
        ]  # fmt: skip
        each[1][0] = neve.tensor(np.asarray(each[1][0]).T.copy()).transpose(0, 1)  # its memory in another order
        w, r, b = _neve.recurrent_weights(mode, each)

        def moved(t, order=order, gates=gates):
            a = np.asarray(t)
            return a.reshape(gates, h, *a.shape[1:])[list(order)].reshape(a.shape)

        np.testing.assert_array_equal(np.asarray(w), np.stack([moved(d[0]) for d in each]))
        np.testing.assert_array_equal(np.asarray(r), np.stack([moved(d[1]) for d in each]))
        np.testing.assert_array_equal(np.asarray(b), np.stack([np.concatenate([moved(d[2]), moved(d[3])]) for d in each]))  # fmt: skip
        assert _neve.recurrent_weights(mode, [(*each[0][:2], None, None)])[2] is None
        for which, wrong in [(0, neve.zeros((gates * h, k + 1))), (1, neve.zeros((gates * h + gates, h))), (2, neve.zeros((gates * h + 1,))),
                         (3, None), (3, neve.zeros((1,))), (0, each[0][0].astype("f64")), (2, neve.zeros((gates * h, 1)))]:  # fmt: skip
            other = list(each[1])
            other[which] = wrong
            with pytest.raises(neve.Error):
                _neve.recurrent_weights(mode, [each[0], other])
        if gates > 1:
            with pytest.raises(neve.Error, match="rows for"):
                _neve.recurrent_weights(mode, [(neve.zeros((gates * h + 1, k)), each[0][1], None, None)])


def test_none_is_no_tensor():
    x = neve.tensor([1.0, 2.0])
    assert (x == None) is False and (x != None) is True and x is not None  # noqa: E711
    for f in [
        lambda: x + None, lambda: None * x, lambda: x @ None, lambda: x < None, lambda: x // None, lambda: x.copy_(None),
        lambda: neve.cat([x, None]), lambda: neve.matmul(None, x), lambda: neve.stack([None, x]), lambda: neve.softmax(None),
        lambda: neve.nn.functional.conv2d(None, x), lambda: neve.nn.functional.linear(x, None),
        lambda: _neve.recurrent_weights("lstm", []), lambda: _neve.recurrent_weights("lstm", [(None,) * 4]),
    ]:  # fmt: skip
        with pytest.raises((neve.Error, TypeError)):
            f()


def test_chunks_of_an_open_size_are_those_of_eager():
    chunks, parts = (neve.jit.to_static(f) for f in (lambda x: [t * 1.0 for t in x.chunk(3, dim=1)], lambda x: [t * 1.0 for t in x.split(3, 1)]))  # fmt: skip
    for n in (7, 9, 4, 2, 1, 5, 3, 8):  # of 4, 2 and 1 there are fewer than three
        x = neve.tensor(np.arange(2.0 * n, dtype=np.float32).reshape(2, n))
        for captured, want in [(chunks, x.chunk(3, 1)), (parts, x.split(3, 1))]:
            got = captured(x)
            assert len(got) == len(want)
            for a, b in zip(got, want):
                np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
