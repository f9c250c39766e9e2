"""Programs as users of other frameworks know them, written for Neve: tracing, and where others bake, refuse or go wrong."""

import dataclasses

import neve
import numpy as np
import pytest
from neve import nn
from neve.jit import to_static, trace


def randn(*shape, seed=0):
    return neve.tensor(np.random.default_rng(sum(shape) + seed).standard_normal(shape).astype("f"))


def leaves(v):
    if isinstance(v, dict):
        return [e for x in v.values() for e in leaves(x)]
    if isinstance(v, (tuple, list)):
        return [e for x in v for e in leaves(x)]
    return [v]


def same(got, want, tolerance=1e-5):
    a, b = leaves(got), leaves(want)
    assert len(a) == len(b)
    for p, q in zip(a, b):
        p, q = (np.array(v.detach() if isinstance(v, neve.Tensor) else v, dtype="f8") for v in (p, q))
        assert p.shape == q.shape
        np.testing.assert_allclose(p, q, rtol=tolerance, atol=tolerance)


def agrees(program, *calls):
    """to_static makes one graph of it, with the original's results."""
    static = to_static(program)
    with neve.no_grad():
        for arguments in calls:
            same(static(*arguments), program(*arguments))
    assert len(static.specialisations) == 1, static.explain()
    return static


class Cell(nn.Module):
    def __init__(self, gate=None):
        super().__init__()
        self.gate = gate if gate is not None else nn.Identity()
        self.linear = nn.Linear(4, 4)

    def forward(self, x, h):
        new = neve.tanh(self.gate(self.linear(x)) + h)
        return new, new


class Gate(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return x
        else:
            return -x


class Loop(nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def forward(self, xs):
        h, y = neve.zeros(3, 4), neve.zeros(3, 4)
        for i in range(xs.shape[0]):
            y, h = self.cell(xs[i], h)
        return y, h


def both_signs(length, seed):
    """Steps of which some take one way through the gate, and some the other."""
    return neve.tensor(np.random.default_rng(seed).standard_normal((length, 3, 4)).astype("f") * 2)


def test_a_cell_is_traced():
    cell = Cell()
    traced = trace(cell, randn(3, 4), randn(3, 4, seed=1))
    for n in (3, 1, 8):
        x, h = randn(n, 4), randn(n, 4, seed=2)
        same(traced(x, h), cell(x, h))
    a, b = traced(randn(3, 4), randn(3, 4))
    assert a.is_same(b) or np.array_equal(np.array(a.detach()), np.array(b.detach()))
    assert "tanh" in traced.graph and [n for n, _, _ in traced.inputs] == ["x", "h"]


def test_a_branch_is_never_baked():
    """A trace of a gate follows the one way that the example takes: it is refused, with the line; captured, both are there."""
    with pytest.raises(neve.Error) as e:
        trace(Cell(Gate()), randn(3, 4), randn(3, 4))
    assert "if x.sum() > 0:" in str(e.value) and "test_familiar_tracing.py:" in str(e.value)
    assert "bool" in str(e.value) and "^" in str(e.value)
    static = to_static(Gate())
    with neve.no_grad():
        for x in (randn(3, 4), -randn(3, 4)):
            same(static(x), Gate()(x))
    assert len(static.forward.specialisations) == 1 and "if" in static.forward.graph


def test_traced_and_captured_parts_mix():
    """A captured gate inside of a traced cell inside of a captured loop."""
    plain = Loop(Cell(Gate()))
    inner = Cell(to_static(Gate()))
    inner.load_state_dict(plain.cell.state_dict())
    loop = to_static(Loop(trace(inner, randn(3, 4), randn(3, 4))))
    other = to_static(Loop(Cell(Gate())))
    other.load_state_dict(plain.state_dict())
    with neve.no_grad():
        for length, seed in ((5, 0), (1, 1), (7, 2), (4, 3)):
            xs = both_signs(length, seed)
            same(loop(xs), plain(xs))
            same(other(xs), plain(xs))
    assert len(loop.forward.specialisations) == len(other.forward.specialisations) == 1
    assert "test_" not in loop.forward.code and "for" in loop.forward.code


@dataclasses.dataclass
class Output:
    scores: neve.Tensor
    parts: list


def test_any_structure_goes_in_and_out():
    def program(pair, table, last):
        (a, b), c = pair
        picked = table["rows"][1:]
        return Output(a @ b + c, [picked[0], {"sum": sum(picked), "none": None}, (last, "text", 3)])

    given = (((randn(2, 3), randn(3, 2)), randn(2)), {"rows": [randn(2), randn(2, seed=1), randn(2, seed=2)]}, randn(1))
    for captured in (trace(program, *given), to_static(program)):
        got, want = captured(*given), program(*given)
        assert type(got) is Output and got.parts[1]["none"] is None and got.parts[2][1:] == ("text", 3)
        same(got.scores, want.scores)
        same(
            [got.parts[0], got.parts[1]["sum"], got.parts[2][0]],
            [want.parts[0], want.parts[1]["sum"], want.parts[2][0]],
        )


def test_mode_and_state_are_not_frozen():
    """Another mode, another attribute and new weights are seen by calls of what was captured, or refused."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.drop, self.norm, self.scale = nn.Linear(4, 4), nn.Dropout(0.5), nn.BatchNorm1d(4), 1.0

        def forward(self, x):
            return self.norm(self.drop(self.layer(x))) * self.scale

    static, plain, x = Net(), Net(), randn(16, 4)
    plain.load_state_dict(static.state_dict())
    to_static(static)
    for train, scale in ((True, 1.0), (False, 1.0), (True, 2.0), (False, 3.0), (True, 1.0)):
        for net in (static, plain):
            net.train(train)
            net.scale = scale
            neve.manual_seed(5)
            with neve.no_grad():
                net.layer.weight.mul_(1.5)
                net.out = net(x)
        same(static.out, plain.out)
        same(static.norm.running_mean, plain.norm.running_mean)


def test_what_decides_is_lazy():
    def program(x):
        if x.shape[0] > 1 and x[1].sum() > 0 or x[0, 0] > 0:
            return x * 2
        return x if x.mean() > 0 and (1 / x.abs().sum() < 1e9) else -x

    static = to_static(program)
    with neve.no_grad():
        for n in (1, 2, 5, 1):
            for sign in (1, -1):
                same(static(randn(n, 3) * sign), program(randn(n, 3) * sign))


def test_recursion():
    def halves(x, depth):
        if depth == 0:
            return x
        return halves(x / 2, depth - 1) + (halves(x + 1, depth - 1) if x.sum() > 0 else x)

    static = to_static(halves)
    with neve.no_grad():
        for depth in (0, 3, 1):
            for sign in (1, -1):
                same(static(randn(2, 3) * sign, depth), halves(randn(2, 3) * sign, depth))


def test_none_until_first_assigned():
    """Whether a state is there yet must be known in each pass, not only in the first."""

    def program(xs):
        state, best = None, None
        for i in range(xs.shape[0]):
            state = xs[i] if state is None else state * 0.5 + xs[i]
            if xs[i].sum() > 0:
                best = xs[i] if best is None else neve.maximum(best, xs[i])
        return state if best is None else state + best

    agrees(program, *((both_signs(n, n)[:, 0],) for n in (3, 1, 6)), (-neve.ones(4, 4),))


def test_a_size_in_a_loop_is_that_of_its_pass():
    def program(x):
        total = 0
        while x.shape[0] > 1:
            total = total + x.shape[0]
            x = x[: x.shape[0] // 2] + 1
        return x * total

    static = to_static(program)
    with neve.no_grad():
        for n in (1, 2, 5, 9, 16):
            same(static(randn(n, 3)), program(randn(n, 3)))


def test_lists_and_dicts_in_loops_over_tensors():
    def collects(x):
        rows = []
        while x.abs().max() > 0.5:
            x = x / 2
            rows.append(x)
        last = rows[-1] if len(rows) > 0 else x
        return last, neve.stack([*rows, x]).sum(0)

    def replaces(x):
        state = {"h": [x, x * 2], "n": 0}
        for i in range(x.shape[0]):
            if x[i].sum() > 0:
                state["h"][0] = state["h"][0] + state["h"][1]
                state["n"] = state["n"] + 1
            a, *rest = state["h"]
            state["h"] = [rest[0], a]
        return state["h"][0], state["n"]

    def forgets(x):
        parts = [x, x + 1, x + 2, x + 3]
        del parts[1]
        parts[1:] = [parts[-1] * 2]
        if x.sum() > 0:
            parts[0] = -parts[0]
        return neve.stack(parts)

    for program in (replaces, forgets):
        agrees(program, *((randn(n, 3, seed=s),) for n in (1, 2, 5) for s in range(3)))
    agrees(collects, (randn(2, 3) * 8,), (randn(5, 2),), (randn(1, 1) * 0.1,))


def test_a_batch_of_one_is_like_others():
    static = to_static(nn.Sequential(nn.Linear(4, 4), nn.Flatten(), nn.Softmax(-1)))
    with neve.no_grad():
        for n in (1, 7, 1, 64, 2):
            same(static(randn(n, 4)), static.forward.rollback()(randn(n, 4)))
    assert len(static.forward.specialisations) == 1


def test_without_source(tmp_path):
    """Functions that were typed in, not read from a file, are captured where no tensor decides, and refused where one does."""
    space = {"neve": neve}
    exec("def plain(x):\n    return x * 2\n\ndef decides(x):\n    return x if x.sum() > 0 else -x\n", space)
    same(to_static(space["plain"])(neve.ones(2)), neve.full((2,), 2.0))
    with pytest.raises(neve.Error, match="bool: the value of bool.* is read while the program is captured"):
        to_static(space["decides"])(neve.ones(2))


def test_an_example_as_one_tuple_gets_a_hint():
    """PyTorch's trace takes the arguments as a tuple; a function that itself takes a tuple is none of it."""
    with pytest.raises(neve.Error, match=r"input is \(tensor.*\n(.*\n)*  hint: the example is one tuple"):
        neve.jit.trace(neve.nn.Linear(3, 4), (neve.ones((2, 3)),))
    traced = neve.jit.trace(lambda pair: pair[0] + pair[1], (neve.ones((2,)), neve.ones((2,))))
    assert traced((neve.ones((2,)), neve.ones((2,)))).tolist() == [2, 2]
