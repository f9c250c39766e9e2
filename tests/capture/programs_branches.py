"""Branches over tensors, sizes and plain values."""

import neve
from capture_cases import program

BOTH = ((True,), (False,))


@program
def simple(x):
    if x.sum() > 0:
        y = x * 2
    else:
        y = x - 1
    return y


@program
def without_else(x):
    if x.mean() > 0.1:
        x = x / 2
    return x


@program
def chain(x):
    m = x.mean()
    if m > 0.5:
        y = x - 1
    elif m > 0:
        y = x * 2
    elif x.max() > 2:
        y = -x
    else:
        y = x + 1
    return y


@program(flags=BOTH)
def tensor_in_plain(x, flag):
    if flag:
        if x.sum() > 0:
            x = x + 1
        else:
            x = x - 1
    elif x.max() > 1:
        x = x * 3
    return x


@program(flags=BOTH)
def plain_in_tensor(x, flag):
    if x.sum() > 0:
        if flag:
            x = x + 1
        elif x.shape[0] > 3:
            x = x - 1
    return x


@program
def three_deep(x):
    if x.sum() > 0:
        if x.max() > 1:
            if x.min() < -1:
                x = x * 0.5
            else:
                x = x + 3
        else:
            x = x - 2
    return x


@program
def new_sizes(x):
    if x.sum() > 0:
        y = x[: x.shape[0] // 2 + 1]
    else:
        y = x[1:]
    return y * 2


@program
def several_variables(x):
    a, b, c = 1, 2.0, x
    if x.sum() > 0:
        a, b = 5, x.mean()
    else:
        c = x * 2
        a = a + 1
    return c * a + b


@program
def a_number_or_a_tensor(x):
    if x.sum() > 0:
        s = x.sum()
    else:
        s = 0
    return x + s


@program
def none_or_a_tensor(x):
    y = None
    if x.sum() > 0:
        y = x * 2
    if y is None:
        y = x - 1
    return y


@program
def assigned_where_it_is_used(x):
    big = x.max() > 1
    if big:
        y = x.max()
    if big:
        x = x / y
    return x


@program
def swapped(x):
    a, b = x, x * 2
    if x.sum() > 0:
        a, b = b, a
    return a - 2 * b


@program(flags=(("add",), ("mul",), ("neither",)))
def by_text(x, mode):
    if mode == "add" and x.sum() > 0:
        x = x + 1
    elif mode == "mul" or x.sum() > 1:
        x = x * 2
    return x


@program
def text_by_tensor(x):
    mode = "small"
    if x.sum() > 0:
        mode = "large"
    return x * 2 if mode == "large" else x - 1


@program
def function_by_tensor(x):
    if x.sum() > 0:
        f = neve.tanh
    else:
        f = neve.exp
    return f(x)


@program
def bool_by_tensor(x):
    found = False
    if x.max() > 1:
        found = True
    if not found:
        x = x + 1
    return x


@program
def int_by_tensor(x):
    k = 1
    if x.sum() > 0:
        k = 3
    if k == 3:
        x = x + k
    return x * k


@program
def tuple_by_tensor(x):
    if x.sum() > 0:
        p = (x, 1)
    else:
        p = (x * 2, 4)
    a, k = p
    return a * k


@program
def same_branch_twice(x):
    for _ in range(2):
        if x.sum() > 0:
            x = x - 1
        else:
            x = x + 0.7
    return x


@program
def by_an_element(x):
    if x[0, 0] > 0:
        return x[0]
    return x[1]


@program
def by_any_and_all(x):
    if (x > 2).any():
        x = x.clip(-2, 2)
    if (x > -3).all():
        x = x + 3
    return x


@program
def integer_condition(x):
    n = (x > 0).sum()
    if n:
        x = x / n
    return x


@program
def conditional_reuse(x):
    y = x * 1
    if x.sum() > 0:
        z = y + 1
        y = z * 2
    else:
        z = y
    return y, z


@program
def pass_only(x):
    if x.sum() > 0:
        pass
    else:
        pass
    return x + 1


@program
def shapes_are_compared_whole(x):
    if x.shape == (2, 3):
        return x.sum() * 2
    if x.shape != (x.shape[1], 3):
        x = x + 1
    if [int(x.sum()), 1] == [2, 1] or (x.shape[0], 5) != (3, 5):
        x = x * 3
    return x.sum()


@program
def walrus_in_a_while_that_is_left(x):
    c = 0
    while (q := x.abs().max()) > 0.9:
        x = x * 0.6 - q * 0.05
        c += 1
        if c > 2:
            break
    return x, c, q


@program(graphs=3)
def another_rank_for_some_sizes(x):
    if x.shape == (2, 3):
        return x.reshape(-1)
    return x.sum() if x.shape[0] == 4 else x


@program
def truth_of_an_int(x):
    n = 1
    for row in x:
        if not n:
            n = 5
        else:
            n += 2
        if row.sum() > 0:
            n = n - 3
    return x * n, n


@program
def int_that_is_not_zero(x):
    n = int(x.sum())
    if n:
        n = n * 2
    return x + n, n


@program
def truth_of_a_float(x):
    n = float(x.sum()) if x.sum() > 1 else 0.0
    if not n:
        y = x + n
    elif n and x.sum() > 2:
        y = x * n
    else:
        y = x - n
    return y, n, not n


@program
def while_an_int(x):
    n = int(x.sum())
    while n:
        n = n - 1 if n > 0 else n + 1
        x = x * 0.9 + n * 0.01
    return x, n


@program
def int_or_another(x):
    n = int(x.sum())
    m = n or 7
    k = n and n + 3
    b = bool(n)
    if b:
        m = m + n
    return x, m, k, b
