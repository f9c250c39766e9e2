"""Lambdas: as the program itself, at the top level of a module, several in a line, with defaults and closures."""

import functools

import neve
from capture_cases import program

sign, double = lambda v: v if v.sum() > 0 else -v, lambda v: v * 2 if v.max() > 1 else v
both = (lambda v, w=1.5, *, k=2: v * w if v.mean() > 0 and not v.min() > 0 else v - k), (lambda v, w=2.5: v * w)
rows = lambda v: [r.sum() for r in v if r.max() > 0.5]  # noqa: E731
folded = lambda v: (  # noqa: E731
    v.sum() if v.shape[0] > 3 else (lambda v: v.max() if v.min() < -1 else v.mean())(v)
)
TABLE = {"relu": lambda v: v * (v > 0), "steps": lambda v: v * k if (k := int(v.sum())) > 1 else v - k}


def adder(n, scale=1.0):
    return lambda v: v + n if (v * scale).sum() > 0 else v - n


alone = lambda x: x if x.sum() > 0 else -x  # noqa: E731
alone.__name__ = "a_lambda"
program(alone)
closed = adder(2, 0.5)
closed.__name__ = "a_lambda_with_a_closure"
program(closed)
chained = lambda x, k=3: x.sum() if 0 < x.mean() < 1 or x.max() > k else (x / k).max()  # noqa: E731
chained.__name__ = "a_lambda_with_defaults"
program(chained, flags=((), (2,)))


@program
def several_in_a_line(x):
    return sign(double(x)), double(sign(x)), both[0](x), both[1](x), both[0](x, 0.5, k=1)


@program
def lambdas_from_outside(x):
    return neve.stack(rows(x)).sum() if rows(x) else folded(x), folded(x), TABLE["relu"](x), TABLE["steps"](x)


@program(flags=(("relu",), ("steps",)))
def chosen_by_a_key(x, name):
    return TABLE[name](x)


@program
def given_to_library_functions(x):
    values = [row.sum() for row in (x[0], x[1], -x[0])]
    low = functools.reduce(lambda a, b: a if a < b else b, values)
    high = max(values, key=lambda v: v * v if v > 0 else -v)
    some = list(filter(lambda v: v > 0.5, values))
    return (
        low,
        high,
        list(map(sign, values)),
        sum(some, x.sum()),
        neve.stack([adder(k)(v) for k, v in enumerate(values)]),
    )


@program
def map_and_filter_over_open_sizes(x):
    kept = list(filter(lambda row: row.sum() > 0, x))
    return sum(map(lambda row: row.max() if row.max() > 1 else row.min(), x)), len(kept), sum(map(rows, (x, -x)), [])


@program
def kept_in_a_variable(x):
    f = (lambda v: v + 1) if x.sum() > 0 else (lambda v: v - 1 if v.max() > 0 else v)
    g = lambda v, f=f: f(f(v))  # noqa: E731
    return g(x)


@program
def in_a_loop(x):
    step = lambda v: v / 2 if v.abs().max() > 1 else v - 0.25  # noqa: E731
    count = 0
    while (lambda v: v.abs().max() > 0.5)(x):
        x = step(x)
        count += 1
        if (lambda n: n > 5)(count):
            break
    return x, count
