"""to_static: decorators, specialisations, modules, and what stays as it is."""

import warnings

import neve
import numpy as np
import pytest
from neve import nn
from neve.jit import to_static


def randn(*shape):
    return neve.tensor(np.random.default_rng(sum(shape)).standard_normal(shape).astype("f"))


@to_static
def halve(x, limit=1.0):
    while x.abs().max() > limit:
        x = x / 2
    return x


def test_sizes_share_a_specialisation():
    original = halve.rollback()
    for shape in ((2, 3), (5, 4), (1, 7)):
        np.testing.assert_allclose(np.array(halve(randn(*shape) * 9)), np.array(original(randn(*shape) * 9)), rtol=1e-6)
    assert len(halve.specialisations) == 1 and halve.specialisations[0].calls == 3
    halve(randn(2, 3), limit=0.5)
    halve(randn(2))
    assert len(halve.specialisations) == 3
    assert "the first call" in halve.explain() and "while_" in halve.code and "loop(" in halve.graph


def test_modules_in_place():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.drop = nn.Linear(4, 4), nn.Dropout(0.5)

        def forward(self, x, deep=False):
            y = self.drop(self.layer(x))
            if deep and y.sum() > 0:
                y = self.layer(y)
            return y

    net = to_static(Net().eval())
    with neve.no_grad():
        for flag in (False, True):
            for n in (2, 5):
                want = net.forward.rollback()(randn(n, 4), flag)
                np.testing.assert_allclose(np.array(net(randn(n, 4), flag)), np.array(want), rtol=1e-5, atol=1e-6)
        assert len(net.forward.specialisations) == 2
        net.train()
        net(randn(2, 4))
        assert len(net.forward.specialisations) == 3
    net(randn(2, 4)).sum().backward()
    assert net.layer.weight.grad is not None


def test_methods_belong_to_instances():
    class Scale(nn.Module):
        def __init__(self, k):
            super().__init__()
            self.k = nn.Parameter(neve.full((3,), float(k)), requires_grad=False)

        @to_static
        def apply_to(self, x):
            return x * self.k if x.sum() > 0 else x

    two, three = Scale(2), Scale(3)
    x = neve.ones(2, 3)
    assert float(two.apply_to(x)[0, 0]) == 2 and float(three.apply_to(x)[0, 0]) == 3
    two.k.detach().copy_(neve.full((3,), 5.0))
    assert float(two.apply_to(x)[0, 0]) == 5 and len(two.apply_to.specialisations) == 1


def test_guards_make_specialisations():
    @to_static
    def by_number(x):
        return x * sum(range(x.shape[0].__index__()))

    for n in (2, 3, 2):
        np.testing.assert_allclose(np.array(by_number(neve.ones(n))), np.full(n, sum(range(n))))
    assert len(by_number.specialisations) == 2 and "other sizes than x_0 == 2" in by_number.explain()


def test_switches():
    neve.jit.enable_to_static(False)
    try:
        before = len(halve.specialisations)
        halve(randn(3, 3, 3))
        assert len(halve.specialisations) == before and "enable_to_static(False)" in halve.explain()
    finally:
        neve.jit.enable_to_static(True)

    @neve.jit.not_to_static
    def plain(x):
        return x if x.sum() > 0 else -x

    @to_static
    def caller(x):
        return plain(x)

    with pytest.raises(neve.Error, match="is read while the program is captured"):
        caller(randn(2))
    with pytest.raises(neve.Error, match="to_static: 3"):
        to_static(3)


FACTOR = 2.0


def test_what_is_read_beside_the_arguments():
    global FACTOR

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.k = 1.0

        def forward(self, x):
            return x * self.k

    net = to_static(Net())
    assert float(net(neve.ones(1))) == 1
    net.k = 3.0
    assert float(net(neve.ones(1))) == 3
    net.k = 1.0
    assert float(net(neve.ones(1))) == 1 and len(net.forward.specialisations) == 2

    scale = 1.0

    @to_static
    def f(x):
        return x * FACTOR * scale

    assert float(f(neve.ones(1))) == 2
    FACTOR = 5.0
    assert float(f(neve.ones(1))) == 5
    scale = 2.0
    assert float(f(neve.ones(1))) == 10
    FACTOR = 2.0

    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.n = 0

        def forward(self, x):
            self.n += 1
            return x + self.n

    with pytest.raises(neve.Error, match="changes 'n' of Counts, from 0 to 1"):
        to_static(Counts())(neve.ones(1))


def test_modes_and_gradients_of_what_is_outside():
    drops = [nn.Dropout(0.5).eval()]
    layers = [nn.Linear(3, 3)]
    w = neve.ones(3, requires_grad=True)

    @to_static
    def dropped(x):
        return drops[0](x)

    @to_static
    def layered(x):
        return layers[0](x)

    @to_static
    def weighted(x):
        return x * w

    x = neve.ones(4, 3)
    assert (np.array(dropped(x)) == 1).all()
    drops[0].train()
    assert (np.array(dropped(x)) != 1).all()
    assert layered(x).requires_grad and weighted(x).requires_grad
    with neve.no_grad():
        assert not layered(x).requires_grad

    @to_static
    def mode(x):
        return x + 1 if neve._neve.is_grad_enabled() else x - 1

    with neve.no_grad():
        assert float(mode(neve.ones(1))) == 0
    assert float(mode(neve.ones(1))) == 2


def test_identity_of_inputs_and_results():
    @to_static
    def changes(x, y):
        x += 1
        return y * 1

    x = neve.zeros(2)
    assert (np.array(changes(x, x)) == 1).all()

    @to_static
    def same(x):
        return x

    assert same(x).is_same(x)

    @to_static
    def divided(x, k):
        return x / k

    @to_static
    def signed(x):
        zero = 0.0
        if x.sum() > 0:
            zero = -0.0
        return 1 / (x / x * zero)

    for v in (2.0, -2.0):
        assert float(signed(neve.full((1,), v))) == float(signed.rollback()(neve.full((1,), v)))

    assert float(divided(neve.ones(1), 0.0)) == np.inf and float(divided(neve.ones(1), -0.0)) == -np.inf


def test_copies_and_lifetimes():
    import copy
    import gc
    import weakref

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)

        @to_static
        def run(self, x):
            return self.layer(x)

    net = Net()
    with neve.no_grad():
        net.run(neve.ones(1, 2))
    twin = copy.deepcopy(to_static(nn.Linear(2, 2)))
    assert twin(neve.ones(1, 2)).shape == (1, 2)
    gone = weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None


def test_containers_objects_and_chance():
    import random

    seen = []
    table = {"k": 2.0}

    @to_static
    def appends(x):
        seen.append(1)
        return x

    @to_static
    def reads(x):
        return x * table["k"]

    class Options:
        k = 1.0

        def __init__(self):
            self.k = 2.0

    @to_static
    def takes(x, o):
        return x * o.k

    @to_static
    def draws(x):
        return x * random.random()

    with pytest.raises(neve.Error, match=r"changes 'seen' of .*appends, from \[\] to \[1\]"):
        appends(neve.ones(1))
    assert float(reads(neve.ones(1))) == 2
    table["k"] = 3.0
    assert float(reads(neve.ones(1))) == 3
    o = Options()
    assert float(takes(neve.ones(1), o)) == 2
    o.k = 4.0
    assert float(takes(neve.ones(1), o)) == 4

    @to_static
    def writes(x, o):
        o.k = o.k + 1
        return x * o.k

    with pytest.raises(neve.Error, match="changes 'k' of Options, from 4.0 to 5.0"):
        writes(neve.ones(1), o)
    with pytest.raises(neve.Error, match=r"random\(\) gives another value at each call"):
        draws(neve.ones(1))

    @to_static
    def named_alike(x, /, **k):
        return x + k["x"]

    assert float(named_alike(neve.ones(1), x=neve.ones(1))) == 2


def test_the_table_is_bounded(monkeypatch):
    """The least recently used goes, with all that it holds; what is called again is captured again."""
    import gc
    import warnings
    import weakref

    from neve.jit import _static

    @to_static
    def f(x, k):
        return x * k

    x, most = neve.ones(3), 8
    monkeypatch.setattr(_static, "_MOST", most)
    with neve.no_grad():
        f(x, 0), f(x, 1)
        first, second = (weakref.ref(s.captured) for s in f.specialisations)
        for k in range(2, most):
            f(x, k)
        f(x, 0)  # used again
        assert len(f.specialisations) == most and second() is not None
        assert "dropped" not in f.explain()
        with pytest.warns(RuntimeWarning, match=rf"f: more than {most} specialisations: those not used for longest"):
            f(x, most)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # it is said once
            for k in range(most + 1, most + 4):
                f(x, k)
        gc.collect()
        assert len(f.specialisations) == len(f._table) == most
        assert first() is not None and second() is None
        assert "\n  4 were dropped for others; the last of them:\n    (x: f32[x_0]), 1 calls: other" in f.explain()
        assert float(f(x, 1).sum()) == 3 and f.specialisations[-1].calls == 1
        assert len(f.explain().splitlines()) == 1 + most + 1 + 5


def test_reasons_are_bounded():
    from neve.jit import _static

    f = to_static(lambda x: x)
    for k in range(2 * _static._MOST):
        f._original(f"reason {k}", (neve.ones(1),), {})
    assert len(f._eager) == _static._MOST + 1 and f._eager["other reasons"] == _static._MOST


def test_calls_without_gradients_skip_python():
    """They find their form and run in one call of the library; whatever could make them wrong sends them back."""
    net, factor = nn.Linear(3, 2), [2.0]

    @to_static
    def program(x, *, twice=False):
        y = net(x) * factor[0]
        return {"y": y + y if twice else y}

    x = neve.rand(4, 3)

    def expected(x):
        return np.asarray(net(x).detach()) * factor[0]

    with neve.no_grad():
        for _ in range(3):
            np.testing.assert_allclose(program(x)["y"], expected(x), rtol=1e-5)
        form = program.specialisations[0]
        assert form.quick.calls == 2 and form.calls == 3 and program.last is form
        np.testing.assert_allclose(program(neve.rand(9, 3)[:5])["y"].shape, (5, 2))
        assert form.quick.calls == 3, "another size"
        np.testing.assert_allclose(program(x, twice=True)["y"], 2 * expected(x), rtol=1e-5)
        assert len(program.specialisations) == 2 and program.last is not form
        program(x)
        assert program.last is form
        np.testing.assert_allclose(program(np.asarray(x))["y"], expected(x), rtol=1e-5)
        for k in range(4):  # weights are packed anew, then read at each call
            net.weight.add_(float(k))
            np.testing.assert_allclose(program(x)["y"], expected(x), rtol=1e-5)
            np.testing.assert_allclose(program(x)["y"], expected(x), rtol=1e-5)
        factor[0] = 3.0
        np.testing.assert_allclose(program(x)["y"], expected(x), rtol=1e-5)
        np.testing.assert_allclose(program(x)["y"], expected(x), rtol=1e-5)
    assert program(x)["y"].requires_grad, "gradients are asked for"
    with neve.no_grad():
        assert not program(x)["y"].requires_grad
    assert program(x)["y"].requires_grad


def test_forms_that_skip_python_are_kept():
    """A form whose calls Python does not see is not taken for one that is not used."""

    @to_static
    def program(x, n):
        return x + n

    x = neve.ones(2)
    program(x, 0)
    for n in range(1, 130):
        program(x, 0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program(x, n)
    assert len(program.specialisations) == 128
    assert program.specialisations[0].calls == 130 and "0" in repr(program.specialisations[0])


def test_calls_of_traced_functions_skip_python():
    net = nn.Linear(3, 2)
    x = neve.rand(4, 3)
    traced = neve.jit.trace(lambda x: neve.relu(net(x)), x)

    def check(x):
        np.testing.assert_allclose(np.asarray(traced(x)), np.maximum(np.asarray(net(x).detach()), 0), rtol=1e-5)

    with neve.no_grad():
        for shape in ((4, 3), (4, 3), (7, 3)):
            check(neve.rand(*shape))
        served = traced._quick.calls
        assert served >= 2
        for k in range(4):
            net.weight.mul_(1.0 + k)
            check(x)
            check(x)
        with pytest.raises(neve.Error, match="captured for|rank|x"):
            traced(neve.rand(4, 5))
        check(x)
    assert traced(x).requires_grad


def test_a_result_that_every_way_gives_is_a_plain_one():
    """No way leads past both returns: nothing is checked when it runs, and no axis tells whether there is a result."""

    @to_static
    def both(x):
        if x.sum() > 0:
            return x * 2
        return x * 3

    @to_static
    def one(x):
        if x.sum() > 0:
            return x * 2

    for sign in (1.0, -1.0):
        x = neve.full((2, 3), sign)
        np.testing.assert_array_equal(np.array(both(x)), np.full((2, 3), 2.0 if sign > 0 else -3.0))
        assert (one(x) is None) == (sign < 0)
    assert "unsqueeze" not in str(both.graph) and "fail" not in str(both.graph)
    assert "unsqueeze" in str(one.graph)
