"""While and for loops whose end tensors, sizes or plain values decide."""

import neve
from capture_cases import program


@program
def until(x):
    while x.sum() < 10:
        x = x + 1
    return x


@program
def counted(x):
    n = 0
    while x.abs().max() > 0.5:
        x = x / 2
        n += 1
    return x, n


@program
def counter_and_tensor(x):
    i = 0
    while i < 5 and x.sum() < 4:
        x = x + 0.5
        i += 1
    return x * i


@program
def nested_while(x):
    i = 0
    while i < 3:
        j = 0
        while j < i and x.mean() < 1:
            x = x + 0.3
            j += 1
        i += 1
    return x


@program
def while_in_branch(x):
    if x.sum() > 0:
        while x.sum() > 1:
            x = x * 0.6
    else:
        while x.sum() < -1:
            x = x * 0.7
    return x


@program
def branch_in_while(x):
    k = 0
    while k < 4:
        if x.sum() > 0:
            x = x - 0.4
        else:
            x = x * -1
        k += 1
    return x


@program
def while_else(x):
    i = 0
    while i < 4:
        if x.sum() > 8:
            break
        x = x + 0.5
        i += 1
    else:
        x = x * 10
    return x


@program
def for_else(x):
    for i in range(x.shape[0]):
        if x[i].sum() > 1:
            found = x[i]
            break
    else:
        found = x[0] * 0
    return found


@program
def for_over_rows(x):
    s = 0.0
    for row in x:
        s = s + row.max() * row.min()
    return s


@program
def for_over_sizes(x):
    s = 0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            if x[i, j] > 0:
                s = s + x[i, j]
            else:
                s = s + 0.1
    return s


@program
def triangular(x):
    s = 0.0
    for i in range(x.shape[0]):
        for j in range(i):
            s = s + x[i].sum() * x[j].sum()
    return s


@program
def step_ranges(x):
    s = 0.0
    for i in range(0, x.shape[0], 2):
        s = s + x[i].sum()
    for i in range(x.shape[0] - 1, -1, -1):
        s = s * 0.5 + x[i].mean()
    for i in range(1, x.shape[1], 2):
        s = s + x[:, i].max()
    return s


@program
def tensor_bound(x):
    n = (x > 0).sum()
    for i in range(n):
        x = x + i * 0.1
    return x


@program
def int_of_tensor_bound(x):
    for i in range(int((x > 0).sum())):
        x = x - i * 0.05
    return x


@program
def loop_variable_after(x):
    i = -1
    for i in range(x.shape[0]):
        if x[i].sum() > 0:
            break
    return x * i


@program
def row_after(x):
    for row in x:
        if row.sum() > 0:
            break
    return row


@program
def fibonacci(x):
    a, b = x, x + 1
    for _ in range(x.shape[1]):
        a, b = b, a + b * 0.5
    return a


@program
def dtype_grows(x):
    s = 0
    for i in range(x.shape[0]):
        s = s + x[i, 0]
    return s


@program
def best_row(x):
    best = None
    for row in x:
        if best is None or row.sum() > best.sum():
            best = row
    return best


@program
def none_then_sum(x):
    total = None
    for i in range(x.shape[0]):
        total = x[i] if total is None else total + x[i]
    return total


@program
def newton(x):
    a = x.abs() + 1
    r = a
    while (r * r - a).abs().max() > 1e-3:
        r = (r + a / r) / 2
    return r


@program
def sizes_change(x):
    while x.shape[0] > 1:
        x = x[: x.shape[0] // 2] * 2
    return x


@program
def grows_in_loop(x):
    y = x[:1]
    for i in range(1, x.shape[0]):
        y = neve.concat([y, x[i : i + 1] * i])
    return y


@program
def grows_while(x):
    y = x
    while y.sum() < 5 and y.shape[0] < 20:
        y = neve.concat([y, y.abs() + 0.1])
    return y


@program
def long_while(x):
    k = 0
    while True:
        k += 1
        if k > 20:
            break
        if x.sum() > 100:
            break
        x = x * 1.1
    return x, k


@program
def while_true_with_return(x):
    k = 0
    while True:
        k += 1
        x = x + 0.1
        if x.sum() > 3 or k >= 12:
            return x


@program
def inner_loops_without_a_pass(x):
    y, z = x.sum(0), x * 1.0
    for _ in range(x.shape[0]):
        y = neve.concat([y[1:], y[:1]])
        z[0] -= 0.5
        for _ in range(int(x.max()) - 1):
            y = neve.concat([y[1:], y[:1]])
            z[0] += 0.25
    return y, z


@program
def result_of_a_loop_without_a_pass(x):
    k, y = int(x.max()), neve.concat([x[1:], x[:1]])
    while k > 1:
        y = neve.concat([y[1:], y[:1]])
        k -= 1
    return y, k


@program
def number_that_becomes_a_tensor(x):
    s, k = 0.0, int(x.sum()) % 2
    for row in x:
        s = s + row.mean()
        s = float(k) + s
        x = x + s * 0.5
    return x, s + x.sum()


@program
def counter_that_is_known_in_the_first_pass(x):
    count, last = neve.tensor(0), x.sum() * 0.0
    while count < x.shape[0]:
        count += 1
        if 0 < count <= 2:
            continue
        if count > 3:
            break
        last = last + count * x.mean()
    return x, last, count


@program(flags=((True,), (False,)))
def return_that_no_first_pass_comes_to(x, flag):
    count = neve.tensor(0)
    while count < x.shape[0]:
        count += 1
        if 0 < count <= 2:
            continue
        if flag and count > 3:
            break
        return x * 2.0, x.sum(), 3
    return x, x.mean(), 4
