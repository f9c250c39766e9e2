"""What is None in some ways and a tensor in others: handed on, compared, given to functions, held in containers; bools."""

import dataclasses

import neve
from capture_cases import program


def positive(v):
    if v.sum() > 0:
        return v
    return None


def scaled(v, by=None):
    if by is None:
        return v
    return v * by


@dataclasses.dataclass
class Pair:
    first: object
    second: object


@program
def function_that_gives_none(x):
    y = positive(x)
    if y is not None:
        x = y + 1
    return x


@program
def function_that_ends(x):
    def large(v):
        if v.max() > 1:
            return v * 2

    y = large(x)
    if y is None:
        return x - 1
    return y


@program
def conditional_expression(x):
    y = x if x.sum() > 0 else None
    if y is not None:
        return y + 1
    return x


@program
def handed_on(x):
    best = None
    if x.sum() > 0:
        best = x
    y = best
    z = y
    if z is not None:
        return neve.tanh(y) + z.mean()
    return x


@program
def in_containers(x):
    best = None
    if x.sum() > 0:
        best = x.sum(0)
    d, values, of = {"best": best}, [best, 1], Pair(best, 2)
    a, b = values
    if d["best"] is not None:
        x = x + d["best"]
    if values[0] is None:
        x = x - 1
    if of.first is not None and of.first[0] > 0:
        x = x * of.second
    return -x if a is None else a + b + x


@program
def given_to_functions(x):
    best = None
    for row in x:
        if best is None or row.sum() > best.sum():
            best = row
    scale = None
    if best.sum() > 1:
        scale = best
    return scaled(x, scale), scaled(x, by=scale), isinstance(scale, neve.Tensor), isinstance(scale, type(None))


@program
def equal_to_none(x):
    n = None
    if x.sum() > 0:
        n = int(x.sum())
    a = 1 if n == 2 else 2
    b = 1 if n != None else 2  # noqa: E711
    return x * a + b, n == 1, n is None, not n


@program
def truth(x):
    n = None
    if x.sum() > 0:
        n = int(x.sum())
    if n:
        x = x + n
    y = n or 3
    return x * y if n and n > 2 else x - y


@program
def bools_are_compared_by_identity(x):
    flag = bool(x.sum() > 0)
    wide = x.shape[1] > 3
    if flag is True:
        x = x + 1
    if flag is not False and wide is True:
        x = x * 2
    return x, flag is wide, (x.sum() > 0) is True


@program
def none_in_a_loop(x):
    last = found = None
    for row in x:
        found = positive(row) if found is None else found
        if found is not None and last is None:
            last = found.sum()
    return x if last is None else x * last


@program
def a_tuple_of_none(x):
    def parts(v):
        if v.sum() > 0:
            return v, None
        return None, v.sum()

    a, b = parts(x)
    return b if a is None else a.sum()


@program
def none_or_what_is_changed_in_place(x):
    x, best = x * 1.0, None
    for row in x:
        if row.sum() > 0:
            best = row
    y = best
    if y is not None:
        y[0] = 7
        y *= 2
    return x, x.max() if best is None else best.sum()


@program
def result_of_a_function_changed_in_place(x):
    def half(v):
        if v.sum() > -4:
            return v * 0.5
        return v + 1

    def pick(v):
        for row in v:
            if row.sum() > 0:
                return row
        return None

    x = half(x)
    x[0] += 0.5
    r = pick(x)
    if r is not None:
        r[1] = 5
        r += 1
    return x


@program
def printed(x):
    name, best = "a", None
    if x.sum() > 0:
        name, best = "bb", x.shape[0]
    print(f"{name:>4} {best}", name, best)
    return x


@program
def in_a_list_for_a_function(x):
    y = None
    while x.abs().max() > 0.5:
        x = x / 2
        y = x * 3
    if y is None:
        y = x
    best = x if x.sum() > 0 else None
    if best is not None:
        x = neve.stack([best, x]).mean(0) + neve.concat([y, best])[: x.shape[0]]
    return x


def first_positive(x):
    for row in x:
        if row.sum() > 0:
            return row, None
        z = None
    return x[0], z


def none_first(x):
    if x.sum() > 0:
        pass
    else:
        return x, None
    return x, x[0]


@program
def none_before_a_tensor_is_returned(x):
    a, b = first_positive(x), none_first(x)
    for row in x:
        last = None
        if row.sum() > 0:
            last = row
    return a[0], a[1], b[0], b[1] is None, last


@program
def an_error_of_a_way_that_is_not_taken(x):
    scores = [1.0, 2.0]
    if x.abs().max() > 1e6:
        x = x + scores[5]
    return x * (2 if x.shape[0] % 2 == 1 or x.abs().max() < 1e6 or unknown > 1 else 3)  # noqa: F821


@program(raises="cannot access local variable 'last'")
def a_result_that_a_loop_may_not_have_set(x):
    for k in range(x.shape[0] - 3):
        last = k
    if x.sum() > 0:
        return last
    return x.shape[0]


@program(raises="cannot access local variable 'found'")
def handed_on_without_a_value(x):
    for row in x:
        if row.sum() > 2:
            found = row
    other = found
    return x, other


class Notes:
    pass


@program
def attributes_that_some_ways_set(x):
    h = Notes()
    for row in x:
        if row.sum() > 0:
            h.n = getattr(h, "n", 0) + 1
    x = x * h.n if hasattr(h, "n") else x
    return x, getattr(h, "n", -1)


@program(raises="has no attribute 'a'")
def an_attribute_that_is_not_there(x):
    h = Notes()
    if x.sum() > 0:
        h.a = x
    return h.a
