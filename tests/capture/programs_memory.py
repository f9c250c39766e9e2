"""Variables that share memory: after branches and loops, changed in place through any of their names."""

from capture_cases import program


@program
def view_of_a_way(x):
    if x.sum() > 0:
        y = x[1:]
    else:
        y = x[:1]
    y += 1
    return y, x


@program
def view_and_owner(x):
    if x.sum() > 0:
        y = x * 2
        z = y[0]
    else:
        y = x * 1
        z = x[0] * 1
    y[0] = 5.0
    return z, y


@program
def view_and_owner_of_a_pass(x):
    y = x * 1
    z = x[0] * 1
    for _ in range(x.shape[0]):
        y = y * 2
        z = y[0]
    y[0] = 5.0
    return z, y


@program
def through_the_view_of_a_pass(x):
    y = x * 1
    z = x[0] * 1
    for _ in range(x.shape[0]):
        y = y * 2
        z = y[0]
    z += 1
    return z, y


@program
def two_names(x):
    if x.sum() > 0:
        y = x * 2
        z = y
    else:
        y = x * 1
        z = x * 3
    y[0] = 5.0
    z = z + 1
    y += z
    return z, y


@program
def kept_of_a_pass(x):
    y = x * 1
    z = x * 1
    for _ in range(x.shape[0]):
        y = y * 2
        if y.sum() > 3:
            z = y
    y += 1
    return z, y


@program
def best_row_is_a_view(x):
    best = x[0]
    for row in x:
        if row.sum() > best.sum():
            best = row
    best *= 0.5
    return x, best


@program
def turned_in_passes(x):
    y = x
    for _ in range(x.shape[0]):
        y = y[::-1]
        if y[0].sum() > 0:
            y[0] -= 0.25
    y[-1] += 1
    return x, y


@program
def reshaped_or_not(x):
    y = x.reshape(-1)
    if x.mean() > 0:
        y = y.reshape(-1)
    y[0] = 9.0
    x += 1
    return y, x


@program
def smaller_in_one_way(x):
    y = x * 1
    if x.sum() > 0:
        y = y[: x.shape[0] // 2 + 1] * 2
    y[0] = 7.0
    x[0] = 1.0
    return y


@program
def old_name_in_a_branch(x):
    old = x
    if x.sum() > 0:
        x = x * 2
    old += 1
    return x, old


@program
def swapped(x):
    a, b = x * 1, x * 2
    for _ in range(x.shape[0]):
        a, b = b, a
        if a.sum() > 0:
            a[0] += 1
    b += 1
    return a, b


@program
def buffer_of_the_way(x):
    a, b = x * 1, x * 2
    c = a if x.sum() > 0 else b
    c += 1
    d = c if x.sum() > 1 else a
    d[0] = 0
    return a, b, c, d


@program
def rows_changed_in_place(x):
    for row in x:
        row += 1
        if row.sum() > 2:
            row *= 0.5
    return x


@program
def changed_after_a_generator(x):
    s = sum(x[i] for i in range(x.shape[0]))
    x[0] = 1.0
    return s, x


@program
def dead_views(x):
    s = x.sum() * 0
    for _ in range(x.shape[0]):
        first, last = x[0], x[-1]
        s = s + (first * last).sum()
        x[0] = x[0] * 0.5
    return s, x


@program
def read_inside_and_after(x):
    y = x * 1
    z = y if x.sum() > 0 else x * 3
    y += 1
    w = z.sum() if x.mean() > 1 else z.sum() * 2
    return z, w


@program
def changed_by_passes(x):
    y = x * 1
    z = y if x.sum() > 0 else x * 3
    for _ in range(x.shape[0]):
        y += 1
        z -= 0.5
        if z.sum() > 3:
            y = y * 0.5
    return z, y


@program
def row_changed_by_passes(x):
    y = x * 1
    z = y[0] if x.sum() > 0 else x[1] * 3
    for _ in range(x.shape[0]):
        y[0] += 1
        if y.mean() > 1:
            z = z * 1 + z.sum() * 0
        y[0] *= 0.5
    return z, y
