"""Control flow over tensors, sizes and plain values: captured as one graph, with the results of the original."""

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


def branch(x):
    if x.sum() > 0:
        y = x * 2
    else:
        y = x - 1
    return y


def until(x):
    while x.sum() < 10:
        x = x + 1
    return x


def rows(x):
    s = 0
    for i in range(x.shape[0]):
        if x[i].sum() < 0:
            continue
        if s > 3:
            break
        s = s + x[i].sum()
    return s * x


def early(x):
    if x.max() > 2:
        return x * 3
    y = x + 1
    if y.min() < -1:
        return y
    return y * y


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


def best_row(x):
    best = None
    for row in x:
        if best is None or row.sum() > best.sum():
            best = row
    return best


def nested(x):
    count = 0
    i = 0
    while i < 5:
        i += 1
        if x.mean() > 0.5:
            x = x / 2
            count += 1
        elif x.mean() < -0.5:
            break
        else:
            for j in range(2):
                x = x + j * 0.1
                if x.sum() > 3:
                    break
            else:
                count += 10
    return x, count


def changes(x):
    x[0] = 5
    if x.sum() > 4:
        x[1:] *= 2
        x += 1
    return x


def kept_or_new(x):
    y = x * 1
    z = y
    if y.sum() > 0:
        y = y + 1
    y += 2  # of z too, where the branch did not run
    return y, z


def rows_while_changed(x):
    y = x * 1
    s = 0.0
    for row in y:
        s = s + row.sum()
        y += 1  # the next rows see it, until y is another tensor
        if s > 1:
            y = y * 2
    return y, s


def state(x):
    d = {"total": 0.0, "seen": [x.sum(), 0]}
    for i in range(x.shape[1]):
        if x[:, i].mean() > 0:
            d["total"] = d["total"] + x[:, i].max()
            d["seen"][1] = d["seen"][1] + 1
    return d["total"], d["seen"][0], d["seen"][1]


def helper(x, limit):
    while x.abs().max() > limit:
        x = x / 2
    return x


def calls(x):
    return helper(x, 0.5) + (helper(-x, 1.0) if x.mean() > 0 else x)


def chains(x):
    a = -1 < x.mean() < 1 and not x.max() > 2
    b = x.sum() > 0 or x.min() < -1
    return (x if a else -x) * (2 if b else 3)


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


PROGRAMS = [branch, until, rows, early, lists, sizes, best_row, nested, changes, kept_or_new, rows_while_changed, state,
            calls, chains, counts, asserted]  # fmt: skip


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


REFUSED = {}


def refused(text):
    def add(f):
        REFUSED[f.__name__] = (f, text)
        return f

    return add


@refused("is a generator or coroutine, at line")
def generator(x):
    yield x


@refused("global")
def global_write(x):
    global WRITTEN
    if x.sum() > 0:
        WRITTEN = 1
    return x


@refused("the same rank in both")
def ranks(x):
    if x.sum() > 0:
        y = x
    else:
        y = x.sum()
    return y


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    function, text = REFUSED[name]
    with pytest.raises(neve.Error, match=text):
        static(function, neve.ones(2, 2))
    assert float(neve.ones(2).sum()) == 2  # and the capture has ended
