"""InputSpec and Dim: what inputs may be, in every structure; what is otherwise is an error that names input, axis and rule."""

import dataclasses
import re
import typing

import neve
import numpy as np
import pytest
from neve import nn
from neve.jit import Dim, InputSpec, to_static


def randn(*shape):
    return neve.tensor(np.random.default_rng(sum(shape)).standard_normal(shape).astype("f"))


def message(call, *args, **kwargs):
    with pytest.raises(neve.Error) as e:
        call(*args, **kwargs)
    return f"{e.value.code}: " + re.sub(r"test_\w+\.<locals>\.", "", str(e.value))


def test_making():
    x = InputSpec([None, -1, 3, "n"], "float32", "x")
    assert x.shape == (None, None, 3, "n") and x.dtype == "f32" and not x.stop_gradient
    assert repr(x) == "InputSpec(shape=(None, None, 3, 'n'), dtype='f32', name='x', stop_gradient=False)"
    assert InputSpec((3,)).batch(8).shape == (8, 3) and InputSpec((3,)).batch(-1).shape == (None, 3)
    assert InputSpec((8, 3), "i64", "y", True).unbatch().__dict__ == InputSpec((3,), "int64", "y", True).__dict__
    t = InputSpec.from_tensor(neve.zeros(2, 3, dtype="i32"), name="t")
    assert (t.shape, t.dtype, t.name) == ((2, 3), "i32", "t")
    a = InputSpec.from_numpy(np.zeros((4,)))
    assert (a.shape, a.dtype, a.name) == ((4,), "f64", None)
    rule = "(a number, None, -1, a name or a neve.jit.Dim)"
    assert message(InputSpec, (2, -3)) == f"invalid_argument: InputSpec: axis 1 is -3 {rule}"
    assert message(InputSpec, (2.5,)) == f"invalid_argument: InputSpec: axis 0 is 2.5 {rule}"
    assert message(InputSpec, (True,)) == f"invalid_argument: InputSpec: axis 0 is True {rule}"
    assert message(InputSpec, ("",)) == f"invalid_argument: InputSpec: axis 0 is '' {rule}"
    assert message(InputSpec, (Dim("n") * 2,)) == f"unsupported: InputSpec: axis 0 is the expression 2*n {rule}"
    assert message(InputSpec, 3) == "type_mismatch: InputSpec: the shape is 3 (a list or tuple of sizes)"
    assert message(InputSpec, (3,), "float31").startswith("type_mismatch: ")
    assert message(InputSpec(()).unbatch) == ("shape_mismatch: InputSpec.unbatch: the shape is () (one axis or more)")
    assert message(InputSpec.from_tensor, 3) == "type_mismatch: InputSpec.from_tensor: 3 (a tensor)"
    assert message(InputSpec.from_numpy, [3]) == "type_mismatch: InputSpec.from_numpy: [3] (an array of NumPy)"


def test_sizes_at_calls():
    @to_static(input_spec=[InputSpec(["n", 3], "f32", "x"), InputSpec([None, 3])])
    def both(x, y):
        return neve.concat([x, y])

    assert both(randn(2, 3), randn(4, 3)).shape == (6, 3)
    assert both(randn(5, 3), y=randn(1, 3)).shape == (6, 3)
    assert both(y=randn(1, 3), x=np.zeros((2, 3), "f")).shape == (3, 3)
    said = "the input_spec says"
    assert message(both, randn(2, 4), randn(2, 3)) == f"shape_mismatch: both: input 'x' axis 1 is 4 ({said} 3)"
    assert message(both, randn(2, 3), y=randn(2, 4)) == f"shape_mismatch: both: input 'y' axis 1 is 4 ({said} 3)"
    assert message(both, randn(2, 3).astype("i64"), randn(2, 3)) == (
        f"type_mismatch: both: input 'x' is i64[2, 3] ({said} f32)"
    )
    assert message(both, randn(2), randn(2, 3)) == (
        f"shape_mismatch: both: input 'x' is f32[2] ({said} 2 axes, f32[n, 3])"
    )
    assert message(both, 3.0, randn(2, 3)) == (f"type_mismatch: both: input 'x' is 3.0 ({said} a tensor, f32[n, 3])")
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'y'"):
        both(randn(2, 3))
    assert len(both.specialisations) == 3  # positions and keywords are kinds of calls


def test_dims_with_bounds():
    batch = Dim("batch", min=4, max=64, multiple_of=4)

    @to_static(input_spec=[InputSpec((batch, "n")), InputSpec((batch,), name="scale"), InputSpec(("n", None))])
    def f(x, k, w):
        return (x * k[:, None]) @ w

    def call(x, k, w):
        return f(randn(*x), randn(*k), randn(*w))

    for n, m, o in ((4, 3, 2), (64, 1, 5), (8, 9, 1)):
        assert call((n, m), (n,), (m, o)).shape == (n, o)
    assert len(f.specialisations) == 1
    rule = "(the input_spec says batch, 4 to 64, a multiple of 4)"
    assert message(call, (0, 3), (0,), (3, 1)) == f"shape_mismatch: f: input 'x' axis 0 is 0 {rule}"
    assert message(call, (68, 3), (68,), (3, 1)) == f"shape_mismatch: f: input 'x' axis 0 is 68 {rule}"
    assert message(call, (6, 3), (6,), (3, 1)) == f"shape_mismatch: f: input 'x' axis 0 is 6 {rule}"
    assert message(call, (4, 3), (8,), (3, 1)) == (
        "shape_mismatch: f: input 'scale' (k) axis 0 is 8 (the input_spec says batch, which is 4 in 'x' axis 0)"
    )
    assert message(call, (4, 3), (4,), (2, 1)) == (
        "shape_mismatch: f: input 'w' axis 0 is 2 (the input_spec says n, which is 3 in 'x' axis 1)"
    )
    assert [n for n, _, _ in f.specialisations[0].captured.inputs] == ["x", "scale", "w"]
    assert "batch" in f.graph
    at_least = to_static(lambda x: x + 1, input_spec=[InputSpec((Dim("n", min=3),))])
    assert (
        message(at_least, randn(2))
        == "shape_mismatch: <lambda>: input 'x' axis 0 is 2 (the input_spec says n, 3 or more)"
    )
    # A name stands for the Dim of that name.
    named = to_static(lambda x, y: x + y, input_spec=[InputSpec(("n",)), InputSpec((Dim("n", max=3),))])
    assert named(randn(3), randn(3)).shape == (3,)
    assert message(named, randn(4), randn(4)) == (
        "shape_mismatch: <lambda>: input 'x' axis 0 is 4 (the input_spec says n, 0 to 3)"
    )


@dataclasses.dataclass
class Batch:
    tokens: typing.Any
    mask: typing.Any = None


class Pair(typing.NamedTuple):
    left: typing.Any
    right: typing.Any


def test_structures():
    spec = [
        [InputSpec(("n", 4), name="first"), InputSpec((4,))],
        {"bias": InputSpec((4,)), "deep": (InputSpec(("n", None)), 2)},
        Batch(InputSpec(("n", "length"), "i64"), None),
        Pair(InputSpec(()), "mean"),
    ]

    @to_static(input_spec=spec)
    def f(inputs, infos, batch, pair):
        y = inputs[0] * inputs[1] + infos["bias"] + infos["deep"][0].sum() * infos["deep"][1]
        y = y + batch.tokens.sum(1, keepdims=True) * pair.left
        return getattr(y, pair.right)(0)

    def arguments(n=3, length=5, **other):
        made = {
            "inputs": [randn(n, 4), randn(4)],
            "infos": {"bias": randn(4), "deep": (randn(n, 2), 2)},
            "batch": Batch(neve.ones(n, length, dtype="i64")),
            "pair": Pair(neve.ones(()), "mean"),
        }
        return {**made, **other}

    for n, length in ((3, 5), (1, 7)):
        a = arguments(n, length)
        want = f.rollback()(**a)
        np.testing.assert_allclose(np.array(f(*a.values())), np.array(want), rtol=1e-5)
        np.testing.assert_allclose(np.array(f(**a)), np.array(want), rtol=1e-5)

    def said(**other):
        return message(f, **arguments(**other))

    assert said(inputs=(randn(3, 4), randn(4))) == (
        "type_mismatch: f: input 'inputs' is a tuple of 2 (the input_spec says a list of 2)"
    )
    assert said(inputs=[randn(3, 4)]) == (
        "type_mismatch: f: input 'inputs' is a list of 1 (the input_spec says a list of 2)"
    )
    assert said(inputs=[randn(3, 5), randn(4)]) == (
        "shape_mismatch: f: input 'first' (inputs.0) axis 1 is 5 (the input_spec says 4)"
    )
    assert said(inputs=[randn(3, 4), randn(5)]) == (
        "shape_mismatch: f: input 'inputs.1' axis 0 is 5 (the input_spec says 4)"
    )
    assert said(infos={"bias": randn(4)}) == (
        "type_mismatch: f: input 'infos' is a dict of 1 (bias) (the input_spec says a dict of 2 (bias, deep))"
    )
    assert said(infos={"bias": randn(4), "deep": (randn(2, 2), 2)}) == (
        "shape_mismatch: f: input 'infos.deep.0' axis 0 is 2 (the input_spec says n, which is 3 in 'inputs.0' axis 0)"
    )
    assert said(infos={"bias": randn(4), "deep": (randn(3, 2), 3)}) == (
        "invalid_argument: f: input 'infos.deep.1' is 3 (the input_spec says 2)"
    )
    assert said(batch=Batch(neve.ones(3, 2, dtype="i32"))) == (
        "type_mismatch: f: input 'batch.tokens' is i32[3, 2] (the input_spec says i64)"
    )
    assert said(batch=Batch(neve.ones(3, 2, dtype="i64"), neve.ones(3))) == (
        "invalid_argument: f: input 'batch.mask' is a tensor (the input_spec says None)"
    )
    assert said(pair=Pair(neve.ones(()), "sum")) == (
        "invalid_argument: f: input 'pair.right' is 'sum' (the input_spec says 'mean')"
    )
    assert said(pair=(neve.ones(()), "mean")) == (
        "type_mismatch: f: input 'pair' is a tuple of 2 (the input_spec says a Pair of 2 (left, right))"
    )


def test_structures_in_files(tmp_path):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 2)

        def forward(self, batch, twice=False):
            y = self.layer(batch["x"][0]) + batch["x"][1]
            return y * 2 if twice else y

    net = Net().eval()
    spec = [{"x": [InputSpec(("n", 4)), InputSpec((2,))]}, True]
    neve.jit.save(net, tmp_path / "net.neve", input_spec=spec)
    again = neve.jit.load(tmp_path / "net.neve")
    for n in (1, 6):
        given = {"x": [randn(n, 4), randn(2)]}
        np.testing.assert_allclose(
            np.array(again(given, True).detach()), np.array(net(given, True).detach()), rtol=1e-5
        )
    with pytest.raises(neve.Error, match="twice|False where True was captured"):
        again({"x": [randn(2, 4), randn(2)]}, False)
    to_static(net, input_spec=spec)
    neve.jit.save(net, tmp_path / "again.neve")
    assert neve.jit.load(tmp_path / "again.neve")({"x": [randn(3, 4), randn(2)]}, True).shape == (3, 2)


def test_constants():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(10, 3)

        def forward(self, x, use_act=False, how="tanh"):
            y = self.layer(x)
            return getattr(neve, how)(y) if use_act else y

    x = randn(2, 10)
    # What the spec leaves out may differ from call to call.
    free = to_static(Net(), input_spec=[InputSpec((None, 10), name="x")])
    for flag in (True, False, True):
        want = free.forward.rollback()(x, flag)
        np.testing.assert_allclose(np.array(free(x, flag).detach()), np.array(want.detach()), rtol=1e-5)
    assert len(free.forward.specialisations) == 2
    fixed = to_static(Net(), input_spec=[InputSpec((None, 10), name="x"), True])
    assert fixed(x, True).shape == (2, 3) and fixed(x, use_act=True).shape == (2, 3)
    assert message(fixed, x, False) == (
        "invalid_argument: Net.forward: input 'use_act' is False (the input_spec says True)"
    )
    assert message(fixed, x) == "invalid_argument: Net.forward: input 'use_act' is False (the input_spec says True)"
    assert (
        message(fixed, x, x) == "invalid_argument: Net.forward: input 'use_act' is a tensor (the input_spec says True)"
    )


def test_specs_that_contradict_the_function():
    x = randn(2, 3)

    def f(x, y, z=1):
        return x + y * z

    one = InputSpec((None, 3))
    assert message(to_static(f, input_spec=[one]), x, x) == (
        "invalid_argument: f: input_spec has 1 entries and says nothing of 'y' (one for each without a default)"
    )
    assert message(to_static(f, input_spec=[one] * 4), x, x) == (
        "invalid_argument: f: input_spec has 4 entries for 3 arguments (x, y, z) (one for each)"
    )
    assert message(to_static(f, input_spec=[InputSpec((3,), name="a"), InputSpec((3,), name="a")]), x, x) == (
        "invalid_argument: f: input_spec names both x and y 'a' (a name of its own for each)"
    )
    assert message(to_static(f, input_spec=[InputSpec((3,), name="y"), InputSpec((3,))]), x, x) == (
        "invalid_argument: f: input_spec names both x and y 'y' (a name of its own for each)"
    )
    assert message(to_static(f, input_spec=[InputSpec((Dim("n"),)), InputSpec((Dim("n"),))]), x, x) == (
        "invalid_argument: f: input_spec has two Dims named 'n' (one Dim in both places)"
    )
    rule = "(a list with an InputSpec or a value for each argument)"
    assert message(to_static, f, input_spec=one) == f"type_mismatch: to_static: input_spec is InputSpec {rule}"
    assert message(neve.jit.save, f, "f.neve", input_spec=one) == (
        f"type_mismatch: jit.save: input_spec is InputSpec {rule}"
    )
    assert message(neve.jit.save, f, "f.neve", input_spec=[one]) == (
        "invalid_argument: jit.save: input_spec has 1 entries and says nothing of 'y' (one for each without a default)"
    )
    # The program itself needs other sizes than the spec allows.
    narrow = to_static(lambda x: x @ neve.ones(4, 2), input_spec=[InputSpec((None, 3))])
    assert message(narrow, x).startswith("shape_mismatch: matmul")


def test_more_positions():
    @to_static(input_spec=[InputSpec(("n",)), InputSpec(("n",)), InputSpec(("n",))])
    def total(first, *rest):
        return first + sum(rest)

    assert float(total(neve.ones(2), neve.ones(2), neve.ones(2)).sum()) == 6
    assert message(total, neve.ones(2), neve.ones(2), neve.ones(3)) == (
        "shape_mismatch: total: input 'arg2' axis 0 is 3 (the input_spec says n, which is 2 in 'first' axis 0)"
    )


def test_examples_in_a_spec():
    f = to_static(lambda x: x * 2, input_spec=[randn(2, 3)])
    assert f(randn(5, 7)).shape == (5, 7) and len(f.specialisations) == 1
    assert message(f, neve.ones(2, 3, dtype="i64")) == (
        "type_mismatch: <lambda>: input 'x' is i64[2, 3] (the input_spec says f32)"
    )


def test_stop_gradient():
    net = nn.Linear(3, 1)

    def f(x, y):
        return net(x) * y

    def gradients(static):
        x, y = randn(2, 3).requires_grad_(), neve.ones(2, 1, requires_grad=True)
        net.weight.grad = None
        static(x, y).sum().backward()
        return x.grad, y.grad, net.weight.grad

    for stop in (False, True):
        static = to_static(f, input_spec=[InputSpec((None, 3), stop_gradient=stop), InputSpec((None, 1))])
        x, y, w = gradients(static)
        want = gradients(f)
        assert (x is None) == stop
        np.testing.assert_allclose(np.array(y), np.array(want[1]), rtol=1e-5)
        np.testing.assert_allclose(np.array(w), np.array(want[2]), rtol=1e-5)
        # In another program, too.
        outer = to_static(lambda x, y, static=static: static(x, y) * 2)
        x, y, _ = gradients(outer)
        assert (x is None) == stop
        np.testing.assert_allclose(np.array(y), 2 * np.array(want[1]), rtol=1e-5)


def test_inside_of_another_program():
    @to_static(input_spec=[InputSpec((None, 3)), 2])
    def inner(x, k):
        return x * k

    outer = to_static(lambda x, k: inner(x, k) + 1)
    assert float(outer(neve.ones(1, 3), 2).sum()) == 9
    with pytest.raises(neve.Error, match=r"inner: input 'k' is 3 \(the input_spec says 2\)"):
        outer(neve.ones(1, 3), 3)
    with pytest.raises(
        neve.Error, match=r"inner: input 'x' is f32\[.*\] \(the input_spec says 2 axes, f32\[None, 3\]\)"
    ):
        outer(neve.ones(3), 2)


def test_optimize_by_names():
    engine = neve.optimize(
        lambda x, y: x + y,
        input_spec=[InputSpec(("n",), name="left"), InputSpec(("n",), name="right")],
        ranges=[neve.Range(min={"left": (1,), "right": (1,)}, max={"left": (9,), "right": (9,)})],
    )
    assert engine(left=np.ones(3, "f"), right=np.ones(3, "f")).shape == (3,)


@pytest.mark.parametrize(
    "program, shape, want",
    [
        (nn.Linear(16, 3), (None, None), ("x_0", 16)),
        (nn.Sequential(nn.Linear(6, 11), nn.Linear(11, 2)), ("n", None), ("n", 6)),
        (nn.BatchNorm1d(7).eval(), (None, None), ("x_0", 7)),
        (nn.Conv2d(3, 4, 3), (None,) * 4, ("x_0", 3, "x_2", "x_3")),
        (lambda x: x @ neve.ones(4, 2), (None, "m"), ("x_0", 4)),
    ],
)
def test_open_axes_that_the_program_fixes(program, shape, want, tmp_path):
    """Nothing is called before it is saved: the sizes that stand for open axes are those that the program wants."""
    neve.jit.save(program, tmp_path / "m.neve", input_spec=[InputSpec(shape)])
    loaded = neve.jit.load(tmp_path / "m.neve")
    ((_, _, got),) = loaded._jit_methods["forward"][0].captured.inputs
    assert tuple(n if isinstance(n, int) else "x" for n in got) == tuple(n if isinstance(n, int) else "x" for n in want)
    x = randn(*(n if isinstance(n, int) else 9 for n in want))
    np.testing.assert_allclose(np.array(loaded(x).detach()), np.array(program(x).detach()), rtol=1e-4, atol=1e-5)


def test_open_axes_without_an_example(tmp_path):
    assert message(
        neve.jit.save, lambda x: x + neve.ones(9, 8), tmp_path / "m.neve", input_spec=[InputSpec((-1, -1))]
    ) == (
        "invalid_argument: jit.save: <lambda> does not run with the sizes that stand for open axes, 'x' f32[5, 3] "
        "(a tensor in the place of an InputSpec says some that it runs with)"
    )
