"""Variables that begin as a plain number and become tensors with axes, where tensors or sizes decide whether they do."""

import neve
from capture_cases import program


@program
def sum_of_rows(x):
    total = 0
    for row in x:
        total = total + row
    return total


@program
def sum_of_some_rows(x):
    total, n = 0, 0
    for row in x:
        if row.sum() > 0:
            total = total + row
            n += 1
    return x + total, total, n


@program
def mean_of_some_rows(x):
    d = {"s": 0, "n": 0}
    for row in x:
        if row.mean() > 0:
            d["s"] = d["s"] + row
            d["n"] += 1
    if d["n"] > 0:
        d["s"] = d["s"] / d["n"]
    return x - d["s"], d["n"]


@program
def in_place_sum(x):
    total = 0
    for i in range(x.shape[0]):
        if i % 2:
            continue
        total += x[i] * i
    return total * 2


@program
def product_until_small(x):
    acc = 1
    while x.abs().max() > 1:
        x = x * 0.5
        acc = acc * x
    return x + acc


@program
def two_of_them(x):
    a, b = 0, 0.0
    for row in x:
        if row.sum() > 0:
            a = a + row
        else:
            b = b - row
    return a, b, a - b, a * b + 1


@program
def one_way(x):
    acc = 0
    if x.sum() > 0:
        acc = x * 2
    print(acc)
    print(f"acc {acc}")
    return x - acc


@program
def written_with_it(x):
    acc = 0
    if x.sum() > 0:
        acc = x * 2
    x += acc
    y = x.clone()
    y[:] = acc
    return x, y


@program
def asked_for_its_type(x):
    acc = 0
    for row in x:
        if row.sum() > 0:
            acc += row
    if isinstance(acc, int):
        return x
    return x * acc


@program
def number_again(x):
    acc = 0
    for row in x:
        if row.sum() > 0:
            acc = row
        elif row.max() > 0:
            acc = 0
    return acc


def with_more(acc, row):
    if row.sum() > 0:
        return acc + row
    return acc


@program
def through_a_function(x):
    acc = 0
    for row in x:
        acc = with_more(acc, row)
    y = 5 - acc
    return x + y, x + x.shape[0] * acc, neve.maximum(x, acc), neve.where(x > 0, x, acc)


@program
def left_early(x):
    acc = 0
    for row in x:
        acc = acc + row
        if acc.sum() > 1:
            return acc * 2
    return acc


@program
def in_a_list(x):
    acc = [0, 0]
    for i, row in enumerate(x):
        acc[i % 2] = acc[i % 2] + row
    return acc[0] + x


@program
def kept_each_pass(x):
    acc, out = 0, []
    for row in x:
        acc = acc * 0.5 + row
        out.append(acc)
    return neve.stack(out), acc.sum(), acc.shape[0], acc[0]


@program
def bits(x):
    seen = False
    for row in x:
        seen = seen | (row > 0)
    return seen


@program
def compared(x):
    acc = 0
    for row in x:
        if row.sum() > 0:
            acc = row
    if acc is None:
        return x > 0
    return acc == 0


@program
def another_number_each_pass(x):
    acc = 0
    for row in x:
        if row.sum() > 0:
            acc = row
        else:
            acc = acc + 1
    return acc
