"""Functions, methods, closures and what they do: errors, prints, changes in place, random numbers."""

import functools

import neve
from capture_cases import program
from neve import nn

SCALE = 2.0
BOTH = ((True,), (False,))


def halve_to(x, limit):
    while x.abs().max() > limit:
        x = x / 2
    return x


@program
def calls(x):
    return halve_to(x, 0.5) + (halve_to(-x, 1.0) if x.mean() > 0 else x)


@program
def recursion(x):
    def power(v, n):
        if n == 0:
            return v
        return power(v * 1.5 if v.sum() > 0 else v - 1, n - 1)

    return power(x, 4)


@program
def closure(x):
    total = x.sum()

    def add(v):
        return v + total if total > 0 else v - total

    return add(x) * SCALE


@program
def nonlocal_state(x):
    count = 0

    def step(v):
        nonlocal count
        if v.sum() > 0:
            count += 1
            return v - 1
        return v + 0.5

    for _ in range(4):
        x = step(x)
    return x, count


@program
def lambdas(x):
    f = lambda v: v * 2 if v.sum() > 0 else -v  # noqa: E731
    return f(x) + (lambda a, b=3: a * b)(x)


@program(flags=((), (2.0,), (2.0, 3.0)))
def star_arguments(x, *more):
    for m in more:
        if x.sum() > m:
            x = x - m
    return x


@program
def keyword_arguments(x):
    def f(v, *, by=1.0, **rest):
        if v.sum() > 0:
            v = v * by
        for value in rest.values():
            v = v + value
        return v

    return f(x, by=3.0, a=1, b=2)


@program
def partial(x):
    return functools.partial(halve_to, limit=0.3)(x)


def doubled(f):
    @functools.wraps(f)
    def inner(x):
        return f(x) * 2

    return inner


@doubled
def decorated_step(x):
    if x.sum() > 0:
        return x
    return -x


@program
def decorated(x):
    return decorated_step(x)


class Base:
    def step(self, x):
        return x + 1 if x.sum() > 0 else x


class Derived(Base):
    factor = 3

    def step(self, x):
        x = super().step(x)
        if x.max() > self.level:
            x = x / self.factor
        return x

    @property
    def level(self):
        return 0.5


@program
def methods(x):
    return Derived().step(x)


class Walker(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(neve.full((1,), 0.5), requires_grad=False)

    def forward(self, x):
        for _ in range(4):
            if x.norm() > 1:
                x = x * self.scale
            else:
                return x
        return x


WALKER = Walker()


@program
def module(x):
    return WALKER(x)


@program
def asserted(x):
    assert x.abs().max() < 100, "too large"
    assert x.shape[1] > 0
    return x + 1


@program(raises="too large")
def asserted_in_branch(x):
    if x.sum() > 0:
        assert x.max() < 1000, f"too large: {x.shape[0]} rows"
    return x


@program(raises="sum is too large")
def raised(x):
    if x.sum() > 3:
        raise ValueError("the sum is too large")
    return x * 2


@program(raises="row is negative")
def raised_in_loop(x):
    s = 0.0
    for row in x:
        if row.sum() < -4:
            raise RuntimeError("a row is negative")
        s = s + row.sum()
    return s


@program(raises="not that")
def raised_in_callee(x):
    def f(v):
        if v.max() > 4:
            raise ValueError("not that")

    f(x)
    return x


@program
def try_around_plain_code(x):
    try:
        k = {}["missing"]
    except KeyError:
        k = 2
    return x * k if x.sum() > 0 else x


@program
def with_no_grad(x):
    with neve.no_grad():
        if x.sum() > 0:
            x = x * 2
    return x


@program
def changes(x):
    x[0] = 5
    if x.sum() > 4:
        x[1:] *= 2
        x += 1
    return x


@program
def kept_or_new(x):
    y = x * 1
    z = y
    if y.sum() > 0:
        y = y + 1
    y += 2
    return y, z


@program
def view_changed_in_loop(x):
    y = x * 1
    top = y[0]
    for i in range(y.shape[0]):
        if y[i].sum() > 0:
            top += 1
        else:
            y[i] = y[i] * 2
    return y, top


@program
def rows_while_changed(x):
    y = x * 1
    s = 0.0
    for row in y:
        s = s + row.sum()
        y += 1
        if s > 1:
            y = y * 2
    return y, s


@program(trace=False)
def random_in_branch(x):
    if x.sum() > 0:
        x = x + neve.rand(1)
    return x + neve.rand(1)


@program(trace=False)
def random_in_loop(x):
    while x.sum() < 4:
        x = x + neve.rand(1) * 0.5 + 0.1
    return x * neve.rand(1)


@program(flags=BOTH)
def flag_and_calls(x, flag):
    f = halve_to if flag else lambda v, limit: v * limit
    return f(x, 0.7)


@program
def text_of_sizes(x):
    names = {f"rows{k}": k for k in range(3)}
    return x * names["rows2"] if x.sum() > 0 else x


@program
def deleted(x):
    y = x * 2
    if x.sum() > 0:
        z = y + 1
        y = z
        del z
    return y


def powered(v, times):
    if times <= 0:
        return v
    return powered(v * 1.1 + 0.1, times - 1)


@program
def recursion_of_a_function_of_the_module(x):
    if x.sum() > 0:
        return powered(x, 2)
    return powered(x, 3)


@program
def a_list_as_a_condition_beside_others(x):
    rows = []
    for row in x:
        if row.sum() > 0:
            rows.append(row)
    if rows and not x.mean() > 1:
        x = x + rows[0]
    while rows and len(rows) > 1:
        rows.pop()
        x = x * 0.5
    return neve.roll(x, x.shape[1] % 3, 1)


def summed(x, n):
    if n == 0:
        return 0.0
    return x[0].sum() * n + summed(x[1:], n - 1)


def halved(x):
    if len(x) <= 1:
        return x.sum(0)
    h = len(x) // 2
    return halved(x[:h]) + halved(x[h:]) * 0.5


@program(graphs=8)
def recursion_over_sizes(x):
    return summed(x, x.shape[0])


@program(graphs=8)
def recursion_over_halves(x):
    return halved(x)
