"""Control flow beside the programs of tests/capture: helpers, modules, assertions, variables without a value."""

import neve
import numpy as np
import pytest
from neve.jit._capture import capture


def static(function, *args):
    with neve.no_grad():
        return capture(
            function,
            args,
            {},
            "to_static",
            lambda p, t: tuple(neve.jit.Dim(f"{p}_{i}") for i in range(t.ndim)),
            convert=True,
        )


def leaves(v):
    if isinstance(v, dict):
        return [e for x in v.values() for e in leaves(x)]
    if isinstance(v, (tuple, list)):
        return [e for x in v for e in leaves(x)]
    return [np.array(v.detach() if isinstance(v, neve.Tensor) else v, dtype="f8")]


def inputs(count=10):
    for k in range(count):
        r = np.random.default_rng(k)
        yield (r.standard_normal((2 + k % 4, 3 + k % 3)) * (0.3 + k % 3)).astype("f")


def same(want, got):
    a, b = leaves(want), leaves(got)
    assert len(a) == len(b)
    for p, q in zip(a, b):
        assert p.shape == q.shape
        np.testing.assert_allclose(q, p, rtol=2e-3, atol=2e-4)


def lists(x, n=3):
    out = []
    for k in range(n):
        if k % 2 == 0 and x.sum() > k:
            x = x * 1.5
        out.append(x)
    return neve.stack(out)


def sizes(x):
    n = x.shape[0]
    if n > 3:
        x = x + n
    else:
        x = x - n
    k = 0
    while n > 1:
        n = n // 2
        k += 1
    return x * k


def helper(x, limit):
    while x.abs().max() > limit:
        x = x / 2
    return x


def calls(x):
    return helper(x, 0.5) + (helper(-x, 1.0) if x.mean() > 0 else x)


def counts(x):
    n = 0
    for i in range(int(x.shape[0])):
        for _ in range(i):
            n += 1
    return x * n + len(x) + max(x.shape[0], 3) + min(x.shape)


def asserted(x):
    assert x.abs().max() < 100, "too large"
    assert x.shape[1] > 0
    return x + 1


class Walker(neve.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = neve.nn.Linear(3, 3)

    def forward(self, x):
        for _ in range(4):
            if x.norm() > 1:
                x = self.layer(x)
            else:
                return x
        return x


PROGRAMS = [lists, sizes, calls, counts, asserted]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_programs(program):
    captured = static(program, neve.ones(3, 4))
    for x in inputs():
        mine, theirs = neve.tensor(x), neve.tensor(x)
        same(program(theirs), captured(mine))
        np.testing.assert_allclose(np.array(mine), np.array(theirs), rtol=1e-5)  # changed alike, or not at all


def test_modules():
    walker = Walker().eval()
    captured = static(walker, neve.ones(2, 3))
    for k in range(6):
        x = neve.tensor(np.random.default_rng(k).standard_normal((1 + k, 3)).astype("f") * (k + 0.1))
        same(walker(x).detach(), captured(x))


def test_assertions():
    captured = static(asserted, neve.ones(2, 2))
    with pytest.raises(neve.Error, match="AssertionError: too large"):
        captured(neve.full((2, 2), 1000.0))


def test_undefined_in_one_way():
    def program(x):
        if x.sum() > 0:
            y = x * 2
        if x.sum() > 0:
            return y
        return x

    captured = static(program, neve.ones(2))
    for v in (1.0, -1.0):
        x = neve.full((3,), v)
        same(program(x), captured(x))

    def wrong(x):
        if x.sum() > 0:
            y = x * 2
        return y

    captured = static(wrong, neve.ones(2))
    same(wrong(neve.ones(3)), captured(neve.ones(3)))
    with pytest.raises(neve.Error, match="cannot access local variable 'y'"):
        captured(-neve.ones(3))
