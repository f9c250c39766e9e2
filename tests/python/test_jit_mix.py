"""Captured programs inside of captured programs, and models of files inside of them."""

import pathlib

import neve
import numpy as np
import pytest
from neve import nn

HERE = pathlib.Path(__file__).resolve().parent
SMALL = HERE.parent / "golden" / "small_models"


@pytest.fixture(autouse=True)
def _seed():
    neve.manual_seed(11)


def close(a, b, tolerance=1e-5):
    a, b = np.array(a), np.array(b)
    assert a.shape == b.shape and np.allclose(a, b, rtol=tolerance, atol=tolerance), np.abs(a - b).max()


def test_traced_inside_traced_shares_the_weights():
    net = nn.Linear(4, 4)
    with neve.no_grad():
        inner = neve.jit.trace(net, neve.rand(2, 4))
        outer = neve.jit.trace(lambda x: neve.relu(inner(x)) + inner(2 * x), neve.rand(3, 4))
        for n in (1, 5):
            x = neve.rand(n, 4)
            close(outer(x), neve.relu(net(x)) + net(2 * x))
        net.weight.copy_(net.weight * 2)  # seen, since there is one tensor
        x = neve.rand(3, 4)
        close(outer(x), neve.relu(net(x)) + net(2 * x))


def test_traced_inside_to_static_and_the_reverse():
    net = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 1))
    with neve.no_grad():
        inner = neve.jit.trace(net, neve.rand(2, 4))

        @neve.jit.to_static
        def program(x, k: int):
            y = inner(x)
            while y.sum() < 10:
                y = y.abs() + inner(x).abs() + 1
                k = k + 1
            return y if k > 3 else -y

        def plain(x, k):
            y = net(x)
            while y.sum() < 10:
                y = y.abs() + net(x).abs() + 1
                k = k + 1
            return y if k > 3 else -y

        for n in (1, 2, 7):
            x = neve.rand(n, 4)
            close(program(x, 0), plain(x, 0))
        outer = neve.jit.trace(lambda x: program(x, 0) * 2, neve.rand(2, 4), check=False)
        close(outer(neve.ones((2, 4))), 2 * plain(neve.ones((2, 4)), 0))


def test_regions_are_taken_over():
    @neve.jit.to_static
    def inner(x):
        if x.sum() > 0:
            y = x * 2
        else:
            y = x - 1
        total = neve.zeros(())
        for i in range(x.shape[0]):
            total = total + y[i].sum() * i
        return y, total

    with neve.no_grad():
        inner(neve.rand(3, 2))
        captured = inner.specialisations[0].captured
        outer = neve.jit.trace(lambda x: [t + 1 for t in captured(x)], neve.rand(3, 2))
        assert "loop" in outer.graph and " if(" in outer.graph
        for x in (neve.rand(4, 2), -neve.rand(1, 2)):
            for a, b in zip(outer(x), inner(x)):
                close(a, b + 1)


def test_guards_come_along():
    def by_size(x):
        return x * 2 if x.shape[0] > 3 else x * 3

    with neve.no_grad():
        inner = neve.jit.trace(by_size, neve.rand(5, 2))
        outer = neve.jit.trace(lambda x: inner(x) + 1, neve.rand(6, 2))
        assert any("test_jit_mix" in g.location for g in outer.guards)
        close(outer(neve.ones((4, 2))), neve.full((4, 2), 3.0))
        with pytest.raises(neve.Error, match="captured for sizes where"):
            outer(neve.ones((2, 2)))
        with pytest.raises(neve.Error, match="it must be that"):
            neve.jit.trace(lambda x: inner(x) + 1, neve.rand(2, 2))
        fixed = neve.jit.trace(lambda x: x + 1, neve.rand(3, 2), dynamic=False)
        with pytest.raises(neve.Error, match="input 'x' axis 0|input 'arg0' axis 0|a size of an input"):
            neve.jit.trace(lambda x: fixed(x), neve.rand(4, 2))


def test_buffers_and_random_numbers_of_the_inner_program():
    net = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5))
    with neve.no_grad():
        inner = neve.jit.trace(net, neve.rand(4, 3))
        x = neve.rand(6, 3)
        start = {k: v.clone() for k, v in net.state_dict().items()}
        outer = neve.jit.trace(lambda x: inner(x) + inner(x + 1), neve.rand(4, 3))
        net.load_state_dict(start)
        neve.manual_seed(3)
        want = net(x) + net(x + 1)
        after = {k: v.clone() for k, v in net.state_dict().items()}
        net.load_state_dict(start)
        neve.manual_seed(3)
        close(outer(x), want)
        for k, v in net.state_dict().items():
            close(v, after[k])


def test_inputs_changed_in_place():
    def push(x, y):
        old = x.sum(0)
        x += y
        return old, x.reshape(-1)

    with neve.no_grad():
        inner = neve.jit.trace(push, neve.rand(2, 3), neve.rand(2, 3))

        def program(x, y):
            z = x * 2
            old, flat = inner(z, y)
            return old, flat, z

        outer = neve.jit.trace(program, neve.rand(2, 3), neve.rand(2, 3))
        x, y = neve.rand(4, 3), neve.rand(4, 3)
        old, flat, z = outer(x, y)
        close(old, (2 * x).sum(0))
        close(z, 2 * x + y)
        close(flat, (2 * x + y).reshape(-1))


@pytest.mark.parametrize(
    "name", ["audio.script17.onnx", "gpt.script17.onnx", "loops.script17.onnx", "lstm_tagger.script17.onnx"]
)
def test_an_onnx_model_inside(name):
    model = neve.load(SMALL / name)
    generator = np.random.default_rng(0)

    def draw(dtype, shape):
        sizes = [n if isinstance(n, int) else 3 for n in shape]
        if dtype in ("i64", "i32"):
            return neve.asarray(generator.integers(0, 2, sizes).astype(dtype.replace("i", "int")))
        return neve.asarray(generator.random(sizes, dtype="f4"))

    inputs = [draw(dtype, shape) for _, dtype, shape in model.inputs]
    want = model(*inputs)
    want = want if isinstance(want, tuple) else (want,)

    def program(*args):
        out = model(*args)
        out = out if isinstance(out, tuple) else (out,)
        return [o * 2 if o.dtype == "f32" else o for o in out]

    with neve.no_grad():
        captured = neve.jit.trace(program, *inputs, dynamic=False, check=False)
        for w, g in zip(want, captured(*inputs)):
            close(np.array(g), w * 2 if w.dtype == np.float32 else w, 1e-4)


def test_to_static_over_a_model_of_a_file(tmp_path):
    model = neve.load(HERE.parents[1] / "examples" / "digits" / "digits.onnx")
    x = neve.rand(3, 1, 8, 8)
    with neve.no_grad():
        static = neve.jit.to_static(model)
        for n in (3, 5):
            close(static(neve.rand(n, 1, 8, 8) * 0 + 1), model(np.ones((n, 1, 8, 8), "f4")))
        assert len(static.specialisations) == 1

        @neve.jit.to_static
        def program(x):
            scores = model(x)
            if scores.sum() > 0:
                scores = scores * 2
            return scores.argmax(-1), scores

        want = model(np.array(x))
        close(program(x)[1], want * 2 if want.sum() > 0 else want, 1e-4)
        neve.jit.save(program, tmp_path / "digits.neve")
        close(neve.jit.load(tmp_path / "digits.neve")(x)[1], program(x)[1])
        engine = neve.optimize(model, tune=False)
        outer = neve.jit.trace(lambda x: engine(x) + 1, x)
        close(outer(neve.rand(4, 1, 8, 8) * 0 + 1), model(np.ones((4, 1, 8, 8), "f4")) + 1, 1e-4)


def _sum_of_some_rows(x):
    total = 0
    for row in x:
        if row.sum() > 0:
            total = total + row * row
    return total, x * total


def test_a_tensor_or_a_number(tmp_path):
    """What is a number where tensors chose none comes back from a file, inside of a capture, and with gradients."""
    neve.jit.save(_sum_of_some_rows, tmp_path / "m.neve", input_spec=[neve.jit.InputSpec((None, 3))])
    again = neve.jit.load(tmp_path / "m.neve")
    inside = neve.jit.to_static(lambda x: again(x)[0] + x)
    for x in (neve.ones(2, 3), -neve.ones(4, 3)):
        want, product = _sum_of_some_rows(x)
        with neve.no_grad():
            got, other = again(x)
            assert type(want) is type(got) and np.array_equal(np.array(want), np.array(got))
            assert np.array_equal(np.array(product), np.array(other))
            assert np.array_equal(np.array(inside(x)), np.array(want + x))
        for f in (again, neve.jit.to_static(_sum_of_some_rows)):
            leaves = [neve.tensor(np.array(x)).requires_grad_() for _ in range(2)]
            for g, leaf in zip((_sum_of_some_rows, f), leaves):
                g(leaf)[1].sum().backward()
            assert np.array_equal(np.array(leaves[0].grad), np.array(leaves[1].grad))
