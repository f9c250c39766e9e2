"""Lists whose length or order tensors decide: sorted, max and min with keys, elements that are inserted and deleted."""

import neve
from capture_cases import program


def all_rows(x):
    out = []
    for row in x:
        if row.sum() > -5:
            out.append(row)
    return out


@program
def deleted_first(x):
    out = all_rows(x)
    del out[0]
    return x, len(out)


@program
def window(x):
    out = []
    for row in x:
        out.append(row)
        if len(out) > 2:
            del out[0]
    return neve.stack(out)


@program
def sorted_numbers(x):
    n = [int(r.sum()) for r in x if r.sum() > 0]
    return x, sorted(n)


@program
def sort_in_place(x):
    n = [int(r.sum()) for r in x if r.sum() > 0]
    n.sort()
    return x, n


@program
def largest_by_key(x):
    out = all_rows(x)
    return max(out, key=lambda r: r.sum())


@program
def inserted(x):
    out = all_rows(x)
    if out:
        out.pop(0)
    out.insert(0, x[0] * 2)
    out.insert(1, x[0] * 3)
    out.insert(-1, x[0] * 4)
    out.insert(len(out), x[0])
    out.insert(100, x[-1])
    out.pop(1)
    out.pop(-2)
    return neve.stack(out)


@program
def popped_inside(x):
    out = all_rows(x)
    i = 0
    while i < len(out):
        if out[i].max() < 0.5:
            out.pop(i)
        else:
            i += 1
    return out, i


@program
def on_both_sides(x):
    n = []
    for v in x[0]:
        if v > 0:
            n.insert(0, v)
        else:
            n.append(v)
    return neve.stack(n)


@program
def largest_or_default(x):
    return x, max([float(r.sum()) for r in x if r.sum() > 1], default=0.5)


@program
def sorted_rows(x):
    rows = sorted([r for r in x], key=lambda r: r.sum())
    return neve.stack(rows), rows[0]


@program
def sorted_tensors_changed(x):
    rows = sorted([x[0], x[-1], x.mean(0)], key=lambda r: float(r.sum()), reverse=True)
    rows[0] += 1
    return rows


@program
def sorted_and_cut(x):
    n = [int(v) for v in x[0]]
    n.sort(reverse=True)
    del n[1:]
    return x, n


@program
def deleted_by_branch(x):
    d = {"a": x, "b": x}
    items = [x, x * 2, x * 3]
    if x.sum() > 0:
        del items[0]
    else:
        del items[-1]
    del d["a"]
    return items, d


@program
def median_of_three(x):
    a, b, c = sorted([float(x.sum()), 0.0, float(x.max())])
    return x * b, a, c


@program
def sorted_then_cut(x):
    rows = [r for r in x]
    rows.sort(key=lambda r: -r.sum())
    out = []
    for r in rows:
        if r.max() < 0:
            break
        out.append(r)
    return out, len(rows)


@program
def largest_is_changed(x):
    best = max([x[i] for i in range(len(x))], key=lambda r: r.abs().sum())
    best += 1
    return x


def count(*rows):
    return len(rows)


@program
def counted(x):
    n = [int(v) for v in x[0] if v > 0]
    return x, n.count(1)


@program(refused="is unpacked here")
def one_by_one(x):
    return x * count(*all_rows(x))


@program(refused="is unpacked here")
def tuple_of_parts(x):
    return (*all_rows(x), x[0])


@program(refused="whose length tensors decide is given to set")
def made_a_set(x):
    return x * len(set([int(row.sum()) for row in x if row.sum() > 0]))


@program(refused="max of tensors of rank 1")
def largest_of_rows(x):
    return max(all_rows(x))
