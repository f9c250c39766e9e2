"""Variables that share memory: after branches and loops, changed in place through any of their names."""

import neve
import numpy as np
from capture_cases import program


def squares():
    for seed in range(8):
        yield np.random.default_rng(seed).standard_normal((3, 3)).astype("f")


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


@program(inputs=squares)
def each_shows_the_other_in_one_way(x):
    y = x.flip(0) * 1.5 - 0.2
    if x.sum() > 0:
        a = x * 2
        b = a[0:2]
    else:
        b = y * 3
        a = b[0:2]
    a += 1
    b *= 2
    a[0] = 7
    return a, b


@program(inputs=squares)
def views_of_what_no_variable_holds(x):
    y = x.flip(0) * 1.5 - 0.2
    if x.sum() > 0:
        t = x * 2
        a, b = t[0:2], t[1:]
    else:
        a, b = y * 1, x * 3
    a += 1
    b *= 2
    a[0] = 7
    b[0] = 9
    return a, b


@program(inputs=squares)
def three_that_overlap(x):
    y = x.flip(0) * 1.5 - 0.2
    a, b, c = x * 1, y * 1, x * 2
    if x.sum() > 0:
        t = x * 2
        a, b, c = t[0:2], t[1:], t[1:3, 1:]
    elif x[0, 0] > -1:
        t = y * 2
        a, c = t, t.T if x.shape[0] == x.shape[1] else t
    c += 1
    a *= 2
    b[0] = 9
    c[0] = 7
    return a, b, c


@program(inputs=squares)
def views_of_what_a_pass_made(x):
    y = x.flip(0) * 1.5 - 0.2
    a, b, k = x[0] * 1, x[1] * 1, 0
    while x.sum() < 9:
        x = x + 2
        if k % 2 == 0:
            t = x * 2
            a, b = t[0], t[0]
        elif k == 3:
            b = y[0] * 1
        a += k
        b *= 2
        a[0] = 7
        k += 1
    b += 1
    return a, b, k


@program(inputs=squares)
def elements_of_what_some_passes_made(x):
    y = x.flip(0) * 1.5 - 0.2
    a, b, k = x[0] * 1, x[1] * 1, 0
    while k < 5:
        if x[k % 3, 0] > 0.5:
            t = x * 2
            a, b = t[k % 3], t[1]
        if x[k % 3, 1] > 0.5:
            a = y[k % 3] * k
        b += 1
        a *= 2
        k += 1
    b += 1
    return a, b, k


@program(inputs=squares)
def kept_from_pass_to_pass(x):
    y = x.flip(0) * 1.5 - 0.2
    xs, last, k = x, None, 0
    while k < 5:
        xs = xs * 0.9
        last = xs[k % 3]
        if xs[k % 3, 0] > 0.5:
            old = xs[0:2]
            xs = y * k
        else:
            old = xs
        if x[k % 3, 1] > 0.5:
            old = old * 2
        old += 1
        xs[1] *= 2
        last -= 1
        k += 1
    last += 3
    return xs, last, old, k


@program(inputs=squares)
def view_of_what_may_show_another(x):
    y = x.flip(0) * 1.5 - 0.2
    r = x * 2
    a = y * 3
    if x.sum() > 0:
        a = r
    v = a[0]
    r += 1
    w = v + 0
    v *= 2
    r[1] = 4
    return v, w, a, r


@program(inputs=squares)
def views_of_a_view_of_a_way(x):
    y = x.flip(0) * 1.5 - 0.2
    r = x * 2
    a = y * 3
    if x.sum() > 0:
        a = r[:2]
    v = a[0]
    q = v[1:]
    r *= 3
    w = q + 0
    q *= 2
    return v, w, a, r, q


@program
def what_a_helper_gave_in_a_dict(x):
    def chosen(v, w):
        if v.sum() > w.sum():
            return v
        return w * 1.0

    a, d = x * 1.0, {}
    d["m"] = chosen(a, x * 2.0)
    d["m"] += 0.5
    return a, d["m"]


@program
def list_of_each_pass(x):
    b = x * 1.0
    for _ in range(x.shape[0]):
        a = b * 0.5
        for k in range(x.shape[1]):
            both = [a, b]
            both[k % 2] += 0.25
    return a, b


@program
def elements_changed_in_a_list_of_any_length(x):
    rows = []
    for row in x:
        rows.append(row * 2)
        if row.sum() > 0:
            rows[-1] += 1
        rows[0] *= 0.5
    rows[-1].add_(1)
    for k, row in enumerate(rows):
        row -= k
    return neve.stack(rows)


@program
def listed_then_changed(x):
    rows = []
    y = x * 1
    for _ in range(x.shape[0]):
        y = y * 2
        rows.append(y)
    y += 1
    return neve.stack(rows), y


@program
def held_by_a_list_that_changes_it(x):
    rows, h = [], x[0] * 1
    for row in x:
        h = h + row
        rows.append(h)
        rows[-1] += 1
    return h, neve.stack(rows)
