"""Numbers whose type tensors decide, and numbers in the place of scalar tensors: results have the types that eager gives."""

import neve
from capture_cases import program


@program
def int_or_float(x):
    n = 0
    if x.sum() > 0:
        n = 1.5
    print(n, f"{n} {n!r} {n:.2f}")
    return n, [n], {"n": n}


@program
def arithmetic_of_either(x):
    n = 2
    if x.sum() > 0:
        n = 1.5
    rest = n - 0.5, 3 - n, n**2, n**-1, 2**n, n % 2, n // 2, n / 2, divmod(n, 2)
    return n + 1, n * 2, -n, +n, abs(n), n > 1, round(n), round(n, 1), int(n), float(n), bool(n), rest


@program
def bool_or_int(x):
    f = False
    if x.sum() > 0:
        f = 7
    g = f | 8
    return f, f + 1, -f, not f, f or 3, f and True, g, x[int(f) % 2]


@program
def operators_that_give_operands(x):
    return bool(x.sum() > 0) or 7, (x.sum() > 0).item() and 2.5, max(float(x.sum()), 0), min(x.mean().item(), 0, True)


@program
def asked_for_its_type(x):
    n = 0
    if x.sum() > 0:
        n = 1.5
    elif x.max() > 1:
        n = True
    a = 1 if isinstance(n, float) else 2 if isinstance(n, bool) else 3
    return a, type(n) is int, isinstance(n, (int, float)), x * a


@program
def beside_tensors(x):
    n = 2
    if x.sum() > 0:
        n = 1.5
    mask = x > 0
    return x * n, mask.astype("i64") * n, n - mask.astype("i32"), mask.sum() * n


@program
def not_a_size_nor_an_index(x):
    n = 1
    if x.sum() > 100:
        n = 0.5
    return x[n], [x, -x][n], (1, 2)[n]


@program
def of_a_list_of_numbers(x):
    return [1, 2.5, True][int(x.sum() > 0)], (0.5, 2)[(x.sum() > 0).item()]


@program
def number_or_scalar(x):
    total = 0
    for row in x:
        if row.sum() > 1:
            total = total + row.sum()
    print(total, f"{total}")
    return total, total + 1, total * 2, -total, abs(total), x + total, total / 2


@program
def scalar_or_a_number_as_a_divisor(x):
    t = 2
    if x.sum() > 0:
        t = x.abs().sum()
    counts = (x > 0).sum(0)
    return x / t, 1 / t, t / t, t // 3, counts * t, 0.1 + t, float(t), int(t), t > 1


@program
def asked_whether_it_is_a_tensor(x):
    n = 0.1
    if x.sum() > 0:
        n = x.sum()
    if isinstance(n, neve.Tensor):
        return n + 1
    return x * n, float(n), n * 10


@program
def changed_in_place(x):
    a = x.sum()
    t = 0
    if x.sum() > 0:
        t = a
    t += 1
    t += x.mean()
    return a, t


@program
def kinds_that_join_in_a_loop(x):
    best, n, flag = None, 0, False
    for row in x:
        if best is None or row.sum() > best:
            best = row.sum() if row.max() > 1 else 0
        elif row.max() > 1.5:
            n += 0.5
            flag = flag or 3
    return best, n, flag


@program
def of_a_while(x):
    n, s = 0, x.sum()
    while s < 3:
        s = s + 1
        n = n + 0.5
    return n, s


@program
def in_containers(x):
    d, s = {"n": 0, "m": 1}, (0, 0.0, False)
    for row in x:
        if row.sum() > 0:
            d["n"] = d["n"] + row.mean()
            d["m"] = d["m"] * 0.5
            s = (s[0] + 0.5, s[1], 2)
    return d, s


@program
def early_returns(x):
    if x.sum() > 3:
        return 1
    if x.sum() > 0:
        return 2.5
    if x.max() > 1:
        return True
    if x.min() < -1:
        return x.shape[0]
    return x.sum()


def clipped(v):
    if v > 1:
        return v
    return 0


@program
def of_a_helper(x):
    return clipped(x.sum()), clipped(x.mean()) + 1, clipped(float(x.sum()))


@program
def size_or_fraction(x):
    n = x.shape[0]
    if x.sum() > 0:
        n = 0.5
    m = None
    if x.mean() > 0.1:
        m = 1
    elif x.mean() > 0:
        m = 0.5
    elif x.max() > 1:
        m = x.max()
    return n, m, n * 2


@program
def as_an_index(x):
    n = 0
    if x.sum() > 0:
        n = x[0].argmax()
    y = x.clone()
    y[0, n] = 5.0
    return x[0][n], x[0, n], x[:, n], x[:1, n:], y


@program
def filled_with_numbers(x):
    n, k = float(x.sum()), int((x > 0).sum())
    full = neve.full([2, x.shape[0]], n), neve.full(x.shape, k), neve.full([3], n > 0)
    like = neve.full_like(x, n), neve.full_like(x, 2), neve.full([2, 1], x.max()), neve.full_like(x, x.sum())
    return full, like, neve.full([1], k, dtype="f32"), neve.full([2], x.shape[1]), neve.full([2], 1.5)
