"""Programs as graphs: what trace captures runs as the original does, for other sizes too; what it cannot is refused."""

import pathlib
import sys
import types

import neve
import numpy as np
import pytest
from neve import nn

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "golden"))
import nn_cases  # noqa: E402


def sample(spec, rng):
    kind, shape = spec[0], spec[1]
    if kind == "normal":
        return rng.standard_normal(shape).astype("f")
    if kind == "probability":
        return rng.uniform(0.05, 0.95, shape).astype("f")
    if kind == "int":
        return rng.integers(0, spec[2], shape)
    if kind == "sign":
        return np.where(rng.random(shape) < 0.5, -1, 1).astype("f")
    if kind == "bool":
        return rng.random(shape) < 0.5
    return np.array(shape, dtype=spec[2])


def layer_cases():
    for n, (name, _args, kwargs, inputs, *_) in enumerate(nn_cases.LAYERS):
        if all(s is not None and isinstance(s[0], str) for s in inputs) and "eval" not in kwargs:
            yield pytest.param(n, id=f"{name}-{n}")


@pytest.mark.parametrize("n", list(layer_cases()))
def test_layers(n):
    """trace itself compares with the original, on the example and with every open size grown by one."""
    name, args, kwargs, inputs, *rest = nn_cases.LAYERS[n]
    rng = np.random.default_rng(n)
    layer = getattr(nn, name)(*args, **kwargs)
    given = [neve.tensor(sample(s, rng)) for s in inputs]
    named = {k: neve.tensor(sample(v, rng)) if isinstance(v, tuple) and v and isinstance(v[0], str) else v
             for k, v in (rest[0] if rest else {}).items()}  # fmt: skip
    for mode in (layer.eval, layer.train) if "Norm" in name else (layer.eval,):
        mode()
        captured = neve.jit.trace(layer, *given, **named)
        assert len(captured.inputs) >= len(given) and captured.accepts(
            [*given, *(v for v in named.values() if isinstance(v, neve.Tensor))]
        )


def equal(captured, function, *args, tolerance=1e-6):
    want, got = function(*args), captured(*args)
    want, got = (want, got) if isinstance(want, tuple) else ((want,), (got,))
    for a, b in zip(want, got):
        np.testing.assert_allclose(np.array(b), np.array(a.detach()), rtol=tolerance, atol=tolerance)


def randn(*shape):
    return neve.tensor(np.random.default_rng(sum(shape)).standard_normal(shape).astype("f"))


PROGRAMS = {
    "slices": lambda x: x[1:, ::2] * 2,
    "negative steps": lambda x: x[::-1, 4:1:-1],
    "integers": lambda x: x[0] + x[-1],
    "new axes": lambda x: x[:, None, :, None].sum(axis=(1, 3)),
    "ellipsis": lambda x: x[..., 0] - x[..., -1],
    "sizes as bounds": lambda x: x[: x.shape[0] // 2],
    "sizes as numbers": lambda x: x / x.shape[0] + x.shape[1] * 2 - 1,
    "sizes compared": lambda x: x + 1 if x.shape[0] > 1 else x - 1,
    "mask": lambda x: x[x > 0].sum(),
    "index tensors": lambda x: x[neve.tensor([1, 0, 1]), neve.tensor([2, 2, 0])],
    "broadcast index tensors": lambda x: x[neve.tensor([[0], [1]]), neve.tensor([0, 2])],
    "reshape": lambda x: x.reshape(x.shape[1], -1),
    "flatten": lambda x: x.flatten() @ neve.ones(x.shape[0] * x.shape[1]),
    "arange of a size": lambda x: x * neve.arange(x.shape[1]),
    "zeros of sizes": lambda x: neve.concat([neve.zeros(1, x.shape[1]), x]),
    "stack": lambda x: neve.stack([x, x * 2, -x], axis=1),
    "split": lambda x: neve.concat([x[:, 2:], x[:, :2]], axis=1),
    "expand": lambda x: x[0].expand(4, x.shape[1]),
    "softmax": lambda x: neve.nn.functional.softmax(x, -1),
    "statistics": lambda x: (x - x.mean(axis=1, keepdims=True)) / (x.std(axis=1, keepdims=True) + 1e-3),
    "where": lambda x: neve.where(x > 0, x, neve.exp(x) - 1),
    "argmax": lambda x: x.argmax(axis=1),
    "cumsum": lambda x: x.cumsum(axis=1),
    "matmul with itself": lambda x: x @ x.T,
    "einsum": lambda x: neve.einsum("ij,kj->ik", x, x),
    "loop over a list": lambda x: sum(x * k for k in (1, 2, 3)),
    "roll": lambda x: neve.roll(x, 1, 1),
    "sort": lambda x: neve.sort(x, axis=1),
    "triangle": lambda x: neve.tril(x @ x.T),
    "constants read": lambda x: x * float(neve.tensor([1.0, 2.0]).sum()),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name):
    program = PROGRAMS[name]
    captured = neve.jit.trace(program, randn(3, 6))
    for shape in ((3, 6), (5, 6), (4, 8), (2, 6)):
        equal(captured, program, randn(*shape), tolerance=2e-5)


def in_place(x):
    y = x * 1
    y += 2
    y[0] = 7
    y[1:, 2] = y[1:, 2] * 3
    y[y > 3] = 0
    z = y.clone()
    z *= 2
    return y, z


def test_changes_in_place():
    captured = neve.jit.trace(in_place, randn(3, 4))
    for shape in ((3, 4), (6, 4), (2, 5)):
        equal(captured, in_place, randn(*shape))


def test_changed_views():
    def view_changed(x):
        y = x * 1
        row = y[0:1]
        row += 1
        y.T[1:] *= 2
        y.reshape(-1)[0] = 9
        again = y[:, 1]
        y -= 1
        return y, row, again + y.T[0]

    captured = neve.jit.trace(view_changed, randn(2, 3))
    equal(captured, view_changed, randn(4, 3))

    def base_changed(x):
        y = x * 1
        row = y.T.reshape(-1)  # a copy here, a view of some tensors
        y += 1
        return row * 2

    with pytest.raises(
        neve.Error, match="may or may not share memory with a tensor that was changed in place after it was taken"
    ):
        neve.jit.trace(base_changed, randn(2, 3))


def test_an_input_changed_in_place():
    def program(x):
        x += 1
        return x * 2

    captured = neve.jit.trace(program, randn(2, 3), check=False)
    x, y = randn(3, 3), randn(3, 3)
    np.testing.assert_allclose(np.array(captured(x)), np.array(program(y)), rtol=1e-6)
    np.testing.assert_allclose(np.array(x), np.array(y), rtol=1e-6)


def test_values_are_not_read():
    def branch(x):
        if x.sum() > 0:  # the line that the error names
            return x
        return -x

    line = branch.__code__.co_firstlineno + 1
    with pytest.raises(neve.Error, match=rf"bool: the value of bool\[\] is read[^$]*test_capture.py:{line}"):
        neve.jit.trace(branch, randn(2, 3))
    for program in (
        lambda x: x * x.max().item(),
        lambda x: x * int(x[0, 0]),
        lambda x: x + np.array(x).sum(),
        lambda x: x * x.tolist()[0][0],
    ):
        with pytest.raises(neve.Error, match="is read while the program is captured"):
            neve.jit.trace(program, randn(2, 3))


def test_parameters_are_not_read():
    layer = nn.Linear(3, 3)

    def scaled(x):
        return x * float(layer.bias[0])

    with pytest.raises(neve.Error, match="is read while the program is captured"):
        neve.jit.trace(scaled, randn(2, 3))


def test_guards():
    def program(x):
        return x * 2 if x.shape[0] > 2 else x * 3

    captured = neve.jit.trace(program, randn(4, 3))
    (guard,) = captured.guards
    assert guard.relation == "x_0 >= 3" and guard.location.endswith(
        f"test_capture.py:{program.__code__.co_firstlineno + 1}"
    )
    equal(captured, program, randn(3, 3))
    with pytest.raises(neve.Error, match="x_0 >= 3"):
        captured(randn(2, 3))
    as_number = neve.jit.trace(lambda x: x.reshape(int(x.shape[0]), -1), randn(4, 3))
    assert as_number.inputs == [("x", "f32", (4, "x_1"))]


def test_a_size_that_is_divided_by_one_which_is_fixed_later():
    def program(x):
        if x.shape[0] == 2:
            return x.reshape(-1, x.shape[1] // 2).sum(0)
        return x

    x = randn(2, 6)
    traced = neve.jit.trace(program, x)
    np.testing.assert_allclose(np.array(traced(x)), np.array(program(x)), rtol=1e-5)


def test_named_sizes():
    def program(x, y):
        return neve.concat([x, y], axis=1)

    captured = neve.jit.trace(program, randn(2, 3), randn(2, 4), dynamic={"x": ("n", 3), "y": ("n", "m")})
    assert captured.inputs == [("x", "f32", ("n", 3)), ("y", "f32", ("n", "m"))]
    equal(captured, program, randn(5, 3), randn(5, 1))
    n = neve.jit.Dim("n", min=1, max=8)
    captured = neve.jit.trace(program, randn(2, 3), randn(2, 4), dynamic={"x": (n, 3), "y": (n, 4)})
    with pytest.raises(neve.Error, match="x"):
        captured(randn(9, 3), randn(9, 4))
    captured = neve.jit.trace(
        lambda x, y: x + y, randn(2, 3), randn(2, 3), dynamic={"x": (n, 3), "y": ("m", 3)}, check=False
    )
    equal(captured, lambda x, y: x + y, randn(8, 3), randn(8, 3))
    with pytest.raises(neve.Error):  # what was declared of n holds, though m is open
        captured(randn(9, 3), randn(9, 3))
    with pytest.raises(neve.Error, match=r"dynamic names \['q'\]"):
        neve.jit.trace(program, randn(2, 3), randn(2, 4), dynamic={"q": (1, 2)})
    fixed = neve.jit.trace(program, randn(2, 3), randn(2, 4), dynamic=False)
    assert fixed.inputs == [("x", "f32", (2, 3)), ("y", "f32", (2, 4))]


def test_structures_and_constants():
    def program(batch, scale, flip=False):
        y = batch["a"] * scale + batch["b"][0]
        return {"y": y, "pair": (y.sum(), [-y if flip else y])}

    batch = {"a": randn(2, 3), "b": [randn(2, 3)]}
    captured = neve.jit.trace(program, batch, 2.0, flip=True)
    got, want = captured(batch, 2.0, flip=True), program(batch, 2.0, flip=True)
    assert set(got) == {"y", "pair"} and isinstance(got["pair"], tuple)
    np.testing.assert_allclose(np.array(got["pair"][1][0]), np.array(want["pair"][1][0]), rtol=1e-6)
    with pytest.raises(neve.Error, match="3.0 where 2.0 was captured"):
        captured(batch, 3.0, flip=True)
    with pytest.raises(neve.Error, match="was captured"):
        captured({"a": randn(2, 3)}, 2.0, flip=True)


def test_parameters_are_those_of_the_module():
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    captured = neve.jit.trace(model, randn(3, 4))
    equal(captured, model, randn(5, 4))
    optimizer = neve.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model(randn(6, 4)).square().sum().backward()
        optimizer.step()
        equal(captured, model, randn(5, 4))


def test_statistics_are_updated():
    model, twin = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    captured = neve.jit.trace(model, randn(8, 3))
    for k in range(3):
        x = randn(6 + k, 3)
        np.testing.assert_allclose(np.array(captured(x)), np.array(twin(x).detach()), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(np.array(model.running_var), np.array(twin.running_var), rtol=1e-5)
        assert int(model.num_batches_tracked) == int(twin.num_batches_tracked) == k + 1


def test_random_numbers_are_drawn_anew():
    drop = nn.Dropout(0.5)
    captured = neve.jit.trace(drop, neve.ones(64))
    neve.manual_seed(5)
    eager = [np.array(drop(neve.ones(64))) for _ in range(3)]
    neve.manual_seed(5)
    compiled = [np.array(captured(neve.ones(64))) for _ in range(3)]
    assert all((a == b).all() for a, b in zip(eager, compiled)) and (compiled[0] != compiled[1]).any()


def test_optimize(tmp_path):
    model = neve.models.resnet18(num_classes=10).eval()
    captured = neve.jit.trace(model, randn(1, 3, 32, 32), check=False)
    assert captured.inputs == [("x", "f32", ("x_0", 3, "x_2", "x_3"))]
    engine = neve.optimize(captured, ranges="x=1x3x32x32..4x3x48x32", tune=False)
    engine.save(tmp_path / "r.neve")
    again = neve.load(tmp_path / "r.neve")
    for shape in ((1, 3, 32, 32), (3, 3, 40, 32)):
        x = randn(*shape)
        np.testing.assert_allclose(np.asarray(again(np.asarray(x))), np.array(model(x).detach()), rtol=1e-3, atol=1e-4)


def test_a_capture_that_fails_ends():
    with pytest.raises(ZeroDivisionError):
        neve.jit.trace(lambda x: x / (1 / 0), randn(2))
    assert float(neve.ones(3).sum()) == 3.0
    kept = types.SimpleNamespace()
    neve.jit.trace(lambda x: setattr(kept, "t", x * 2) or x, randn(2), check=False)
    with pytest.raises(neve.Error, match="whose capture has ended|of another capture"):
        np.array(kept.t)
    with pytest.raises(neve.Error, match="of another capture"):
        neve.jit.trace(lambda x: x + kept.t, randn(2))


@pytest.mark.parametrize("step", [2, -1, -2])
def test_rows_of_a_strided_slice(step):
    """Indices that are read count steps of the slice."""

    def program(x, k):
        return neve.take(x[::step] * 2.0, k, 0) * 1.5 + 1

    x, k = randn(8, 3), neve.tensor([0, 3, -1])
    captured = neve.jit.trace(program, x, k)
    for rows, indices in ((8, [1, 2, -3]), (11, [0, 4])):
        x, k = randn(rows, 3), neve.tensor(indices)
        np.testing.assert_allclose(np.array(captured(x, k)), np.array(program(x, k)), rtol=1e-6)


def test_trace_leaves_buffers_as_they_were():
    """Also where the original raises for the sizes that it is checked with."""

    class Counts(neve.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("calls", neve.zeros(1))

        def forward(self, x, y):
            self.calls += 1
            return neve.stack([x[k] for k in range(len(x))]) + y

    model = Counts()
    with neve.no_grad():
        traced = neve.jit.trace(model, neve.ones(3, 4), neve.ones(3, 4))
        assert model.calls.item() == 0
        traced(neve.ones(3, 4), neve.ones(3, 4))
    assert model.calls.item() == 1


SCALE = 2


def test_trace_refuses_what_it_was_not_captured_for():
    """Globals, closures, attributes and modes that the program reads, when they are others than they were."""
    global SCALE

    class Scales(neve.nn.Module):
        def __init__(self):
            super().__init__()
            self.by = 2

        def forward(self, x):
            return x * self.by * (3 if self.training else 1)

    def globally(x):
        return x * SCALE

    def closed(by):
        def inner(x):
            return x * by[0]

        return inner

    model, held = Scales(), [2]
    with neve.no_grad():
        x = neve.ones(2)
        of_model, of_global, of_list = (neve.jit.trace(f, x) for f in (model, globally, closed(held)))
        for traced, value in ((of_model, 6), (of_global, 2), (of_list, 2)):
            assert [traced(x).tolist() for _ in range(3)] == [[value, value]] * 3
        model.eval()
        with pytest.raises(neve.Error, match="'training' of Scales changed"):
            of_model(x)
        model.train()
        assert of_model(x).tolist() == [6, 6]
        model.by = 5
        with pytest.raises(neve.Error, match="'by' of Scales changed from 2 to 5"):
            of_model(x)
        held[0] = 3
        with pytest.raises(neve.Error, match="'by' of .*inner changed"):
            of_list(x)
        SCALE = 4
        try:
            with pytest.raises(neve.Error, match="'SCALE' of .*globally changed from 2 to 4"):
                of_global(x)
        finally:
            SCALE = 2
        assert of_global(x).tolist() == [2, 2]
