"""Lists, dicts, tuples, records and numbers through branches and loops; sizes as numbers; conditions of all kinds."""

import dataclasses
import math
from typing import NamedTuple

import neve
from capture_cases import program


class Pair(NamedTuple):
    a: neve.Tensor
    b: int


@dataclasses.dataclass
class State:
    h: neve.Tensor
    steps: int = 0


@program
def list_fixed(x):
    out = []
    for k in range(3):
        if k % 2 == 0 and x.sum() > k:
            x = x * 1.5
        out.append(x)
    return neve.stack(out)


@program
def list_open(x):
    out = []
    while x.sum() < 6:
        x = x + 0.7
        out.append(x)
    return sum(out) + x, len(out)


@program
def list_over_rows(x):
    out = []
    for row in x:
        if row.sum() > 0:
            out.append(row * 2)
        else:
            out.append(row)
    return neve.stack(out), neve.concat(out)


@program
def list_filtered(x):
    out = [x[0]]
    for row in x:
        if row.max() > 1:
            out.append(row)
    return neve.stack(out, axis=1), len(out), out[-1]


@program
def list_of_numbers(x):
    counts = []
    for i in range(x.shape[0]):
        if x[i].sum() > 0:
            counts.append(i)
    return sum(counts), len(counts), x


@program
def list_returned(x):
    out = []
    for row in x:
        out.append(row.sum())
    return out


@program
def list_popped(x):
    stack = [x, x * 2]
    while x.sum() < 3:
        x = x + 1
        stack.append(x)
    last = stack.pop()
    return last, len(stack), stack[0]


@program
def list_alias(x):
    out = []
    same = out
    for row in x:
        out.append(row.mean())
    return len(same), neve.stack(same)


@program
def list_indexed(x):
    parts = [x, x * 2, x * 3]
    k = 0
    if x.sum() > 0:
        k = 2
    return parts[k]


@program
def list_of_functions(x):
    steps = [neve.tanh, neve.exp, neve.abs]
    k = 0
    if x.sum() > 0:
        k = 1
    return steps[k](x)


@program
def dict_state(x):
    d = {"total": 0.0, "seen": [x.sum(), 0]}
    for i in range(x.shape[1]):
        if x[:, i].mean() > 0:
            d["total"] = d["total"] + x[:, i].max()
            d["seen"][1] = d["seen"][1] + 1
    return d["total"], d["seen"][0], d["seen"][1]


@program
def dict_by_key(x):
    table = {"up": 1.0, "down": -1.0}
    key = "up" if x.sum() > 0 else "down"
    return x * table[key]


@program
def named_tuple_state(x):
    p = Pair(x, 0)
    while p.a.sum() < 4 and p.b < 9:
        p = Pair(p.a + 0.5, p.b + 1)
    return p


@program
def record_state(x):
    s = State(x)
    for _ in range(4):
        if s.h.sum() > 1:
            s.h = s.h * 0.5
            s.steps += 1
    return s.h, s.steps


@program
def record_made_anew(x):
    s = State(x)
    while s.h.sum() < 2 and s.steps < 9:
        s = State(s.h + 0.4, s.steps + 1)
    return s


@program
def tuple_state(x):
    pair = (x, 0)
    while pair[0].sum() < 3:
        pair = (pair[0] + 1, pair[1] + 2)
    return pair


@program
def rebound_list_leaves_the_old(x):
    a = [x, 1]
    b = a
    if x.sum() > 0:
        a = [x * 2, 2]
    return a[0], a[1], b[0], b[1]


@program
def comprehension_over_rows(x):
    return neve.stack([row * 2 if row.sum() > 0 else row for row in x])


@program
def comprehension_with_test(x):
    kept = [row.max() for row in x if row.sum() > 0]
    return len(kept), sum(kept) + x


@program
def comprehension_over_sizes(x):
    return sum([x[i].sum() * i for i in range(x.shape[0])]), neve.stack([x[:, j] for j in range(x.shape[1])])


@program
def generator_in_any(x):
    if any(row.sum() > 2 for row in x):
        x = x / 2
    if all(x[i, 0] > -5 for i in range(x.shape[0])):
        x = x + 1
    return x


@program
def size_arithmetic(x):
    n, m = x.shape
    k = (n * m + 1) // 2 - n % 3
    return x * k + n / m + max(n, m) - min(n, 3) + abs(n - m)


@program
def size_decides(x):
    n = x.shape[0]
    if n > 3:
        x = x + n
    elif n == 3 and x.shape[1] != 4:
        x = x * n
    else:
        x = x - n
    return x


@program
def size_halved(x):
    n = x.shape[0]
    k = 0
    while n > 1:
        n = n // 2
        k += 1
    return x * k, k


@program
def size_roots(x):
    return x / math.sqrt(x.shape[1]) + math.log(x.shape[0] + 1) * math.floor(x.shape[0] / 2)


@program
def sizes_returned(x):
    return x.shape[0], x.shape[0] / 2, x.shape[0] > 3, len(x) * 2, x


@program
def size_as_new_shape(x):
    n = x.shape[0]
    return neve.zeros(n + 1, 2) + n, x.reshape(x.shape[1], n), neve.arange(n * 2)


@program
def numbers_returned(x):
    k, big, level = 0, False, 1.5
    if x.sum() > 0:
        k, big, level = 4, True, 2.25
    return k, big, level, k / 2, k // 3, -k, k == 4, not big


@program
def int_and_float_of_tensors(x):
    return int(x.sum()), float(x.max()), bool(x.sum() > 0), x.mean().item(), round(float(x.sum()) * 2)


@program
def number_beside_half(x):
    k = 3
    if x.sum() > 0:
        k = 5
    return x.astype("f16") * k, x.astype("f16") + k / 2


@program
def chains(x):
    a = -1 < x.mean() < 1 and not x.max() > 2
    b = x.sum() > 0 or x.min() < -1
    return (x if a else -x) * (2 if b else 3)


@program
def walrus(x):
    if (m := x.mean()) > 0.2 and (k := x.max()) > 1:
        return x * m + k
    y = [w for row in x if (w := row.sum()) > 0.1]
    return x - m + len(y)


@program
def and_or_give_operands(x):
    n = x.shape[0] - 3
    k = n or 7
    j = n and 5
    return x * k + j


@program
def ternary_chain(x):
    return x * (1 if x.sum() > 2 else 2 if x.sum() > 0 else 3)


@program
def tensor_in_tuple(x):
    k = 1
    if x.sum() > 0:
        k = 3
    return x if k in (2, 3) else -x


@program
def not_tensor(x):
    flag = not x.sum() > 0
    return flag, x if flag else x * 2


@program
def enumerate_rows(x):
    s = 0.0
    for i, row in enumerate(x):
        s = s + row.sum() * i
    return s


@program
def zip_rows(x):
    s = x.sum() * 0
    for a, b in zip(x, x * 2):
        if a.sum() > 0:
            s = s + (a * b).sum()
    return s


@program
def reversed_rows(x):
    s = x[0] * 0
    for row in reversed(x):
        s = s * 0.5 + row
    for i in reversed(range(x.shape[0])):
        s = s - x[i] * i
    return s
