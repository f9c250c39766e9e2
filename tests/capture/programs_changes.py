"""What functions and methods change that a branch or loop calls: variables around them, lists, dicts, objects."""

import collections

from capture_cases import program


class Counter:
    def __init__(self):
        self.count, self.items, self.last = 0, [], None

    def step(self, v):
        self.count += 1
        self.last = v

    def add(self, v):
        self.items.append(v)
        return self


def put(d, v):
    d["k"] = v


@program
def nonlocal_in_a_branch(x):
    n, m = 0, 0

    def inc(by):
        nonlocal n, m
        n += by
        if n > 2:
            m = m + 1
            n = 0

    if x.sum() > 0:
        inc(1)
    else:
        inc(2)
        if x.max() > 0.5:
            inc(1)
    return x + n, m


@program
def nonlocal_in_a_loop(x):
    n, best = 0, None

    def see(v):
        nonlocal n, best
        n += 1
        if best is None or v.sum() > best.sum():
            best = v
        return n > 4

    while x.abs().max() > 0.2:
        x = x / 2
        if see(x[0]):
            break
    return x, n, x[0] if best is None else best


@program
def closure_over_a_list(x):
    out = []

    def add(v):
        out.append(v)

    for row in x:
        if row.sum() > 0:
            add(row.sum())
    return x.sum() + len(out), sum(out, x.max())


@program
def dict_that_a_function_changes(x):
    d, e = {"k": 0, "v": x.sum()}, {"k": 2}
    if x.sum() > 0:
        put(d, 1)
        if x.max() > 1:
            put(e, 7)
    return x + d["k"], e["k"]


@program
def object_that_its_methods_change(x):
    c = Counter()
    c.last = x[0]
    for row in x:
        if row.mean() > 0.1:
            c.step(row)
    if c.count > 1:
        c.add(c.count).add(1)
    return c.count, c.last, len(c.items)


@program
def setattr_in_a_branch(x):
    c = Counter()
    if x.sum() > 0:
        setattr(c, "count", 3)  # noqa: B010
    return x + c.count


@program
def bound_method_in_a_variable(x):
    out = [1]
    add = out.append
    if x.sum() > 0:
        add(2)
    return x + len(out)


@program
def default_that_changes(x):
    def seen(v, kept=[0]):  # noqa: B006
        kept[0] += 1
        return v * kept[0]

    y = seen(x)
    if x.sum() > 0:
        y = seen(x)
    return y + seen(x)


@program
def conditional_expression_with_effects(x):
    d = {"k": 1}

    def up(v):
        d["k"] += 1
        return v + d["k"]

    y = up(x) if x.mean() > 0 else x
    z = x.sum() > 1 and up(x).sum() > 2
    return y, z, d["k"]


@program(refused="a set is changed inside of a branch or loop over tensors")
def set_in_a_branch(x):
    found = {1}
    if x.sum() > 0:
        found.add(2)
    return x + len(found)


@program(refused="from outside goes on inside of a branch or loop over tensors")
def iterator_in_a_branch(x):
    it = iter([1.0, 2.0, 3.0])
    a = next(it)
    if x.sum() > 0:
        a = next(it)
    return x + a + next(it)


class Slotted:
    __slots__ = ("count", "last")

    def __init__(self):
        self.count = 0

    def step(self, v):
        self.count += 1
        self.last = v


@program
def object_with_slots(x):
    c = Slotted()
    for row in x:
        if row.mean() > 0.1:
            c.step(row)
    return c.count + x, x[0] if c.count < 1 else c.last


@program
def counter_of_the_library(x):
    c = collections.Counter(a=0)
    for row in x:
        if row.sum() > 0:
            c["a"] += 1
    return x + c["a"]


@program
def nonlocal_of_a_function_made_in_a_branch(x):
    n = 1
    if x.sum() > 0:

        def inner():
            nonlocal n
            n += 1

        inner()
    n -= 2
    return x * n


@program
def nonlocal_of_functions_made_in_passes(x):
    n, total = 0, x.sum()

    def outer(row):
        if row.sum() > 0:

            def add(v, n=3):  # its own n
                nonlocal total

                def more():
                    nonlocal n
                    n += 1

                more()
                total = total + v * n

            add(row[0])
        return total

    for row in x:

        def inner(t):
            nonlocal n
            n += 1
            return t * 0.5

        x = inner(x)
        outer(row)
    return x * n, total
