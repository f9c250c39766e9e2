"""What numbers that tensors or sizes decide are to Python: their types, operators, what they divide and index."""

import math

from capture_cases import program


@program
def type_of_a_number(x):
    n = int(x.sum())
    if type(n) is int:
        return x * 2
    return x


@program(trace=False)  # its comparison with the original finds that
def type_of_a_size(x):
    s = x.shape[0]
    if type(s) is int and isinstance(s, int):
        return x * 2
    return x


@program
def attributes_of_a_number(x):
    n = float(x.sum())
    if hasattr(n, "shape"):
        return x * 2
    return x


@program
def tests_of_a_number(x):
    s = float(x.sum())
    return x, math.isnan(s), math.isinf(s), math.isfinite(s)


@program
def functions_of_a_comprehension(x):
    fns = [lambda v: v * i for i in range(3) if i != 1]  # noqa: B023
    return sum(f(x) for f in fns)


@program
def remainders(x):
    n = int(x.sum())
    return x, -n % 3, divmod(n, 3), divmod(-n, 4), n**2


@program
def power_of_two(x):
    n = int(x.sum())
    return x, 2 ** abs(n)


@program
def bits_of_a_number(x):
    n = int(x.sum())
    return x, n << 1, n >> 1, n & 3, n | 4, n ^ 5, ~n


@program
def rounded(x):
    n = int(x.sum())
    return x, round(n / 3, 1), int(n / 3), int(-n / 3), abs(n), n // 0.7, n % 0.7, float(n), bool(n), not n, +n, -n


@program
def fractions(x):
    f = float(x.sum())
    return x, f // 1, f % 1, f // -0.3, f % -0.3, divmod(f, 0.5), f**2, abs(f) ** 0.5, int(f), round(f), round(f, 2)


@program
def floors(x):
    f = float(x.sum())
    return (
        x,
        math.floor(f),
        math.ceil(f),
        math.trunc(f),
        -f,
        f == f,
        f != 0,
        f > 1,
        max(f, 0.0),
        min(f, 1.0),
        max(0.0, f, 1.5),
    )


@program
def arithmetic_of_a_bool(x):
    b = bool(x.sum() > 0)
    return x, b + b, b * 3, b & True, b | False, b ^ True, not b, -b, b == 1, b > 0, int(b), float(b)


@program
def index_by_a_bool(x):
    b = bool(x.sum() > 0)
    return x, [10, 20][b]


@program
def arithmetic_of_a_size(x):
    n = x.shape[0]
    return (
        x,
        n // 2,
        n % 3,
        -n // 2,
        -n % 4,
        n / 2,
        n**2,
        n << 1,
        n & 1,
        ~n,
        divmod(n, 2),
        round(n / 3),
        n // 0.7,
        float(n),
        bool(n - 1),
        not n - 1,
        max(n, 2),
        abs(n - 3),
        (n - 3) // 2,
        (n - 4) % 3,
    )


@program
def divided_by_a_size(x):
    n = x.shape[0]
    return x, 2**n, 7 // n, 7 % n, 10 / n, n == 3, n != 3, n > 2 and n < 5, math.sqrt(n)


@program
def divided_where_it_can_be(x):
    n = int(x.sum())
    if n != 0:
        y = 10 / n + 10 // n + 10 % n
    else:
        y = -1.0
    return x + y


@program
def divided_by_a_size_that_may_be_0(x):
    n = x.shape[0] - 1
    return x / n if n else x


@program
def powers(x):
    n = int(x.sum())
    return x, 2.5**n, n**0.5 if n >= 0 else 0.0, pow(2, 3), pow(n, 2)


@program(graphs=8)
def size_as_a_key(x):
    return {x.shape[0]: x}


@program(raises="division by zero")
def divided_by_zero(x):
    n = int(x.sum()) * 0
    return x + 10 / n


@program(raises="by zero")
def maybe_divided_by_zero(x):
    n = int(x.shape[0] > 2) * int(x.abs().sum() > 0)
    return x + 10 // n, 10 % n


@program(refused="ask whether it is 0")
def caught_division(x):
    n = int(x.sum())
    try:
        v = 10 / n
    except ZeroDivisionError:
        v = -1.0
    return x + v


@program(refused="asks whether two tensors are one")
def one_tensor_or_another(x):
    y, z = x * 2, x * 3
    b = y if x.sum() > 0 else z
    if b is y:
        return x + 1
    return x - 1


@program
def division_beside_other_handlers(x):
    n = int(x.abs().sum()) + 1
    try:
        v = 10 / n
    except (KeyError, ValueError):
        v = -1.0
    return x + v


@program
def fractions_exactly(x):
    n, passes = 0.0, 0
    while n < 1 and x.abs().sum() > 0:
        n += 0.1
        passes += 1
    y = float((x > 0).any()) + 0.1
    return passes, y == 1.1, y * 3 - 3.3 == 1.1 * 3 - 3.3


@program(raises="math domain error")
def logarithms_where_there_are_some(x):
    return math.log(float(x.sum())) + math.sqrt(x.mean().item())


@program(raises="math range error")
def a_power_that_is_too_large(x):
    return math.exp(float(x.sum()) * 1000)
