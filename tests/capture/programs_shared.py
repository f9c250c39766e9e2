"""Lists and dicts that several names hold, and elements of lists whose length tensors decide: who else has them sees changes."""

import neve
from capture_cases import program


@program
def twice_in_a_list(x):
    a = x * 1.0
    one = [a, a]
    a = x + 1
    if x.sum() > 0:
        one.append(a)
    one[0] += 1
    return one[1].sum() + one[-1].sum()


@program
def copies(x):
    one = [x * 1.0, x * 2.0]
    if x.sum() > 0:
        one.append(x * 3.0)
    two = list(one)
    k = one[:]
    j = one.copy()
    two[0] += 1
    k[1] *= 2
    j[0] -= 3
    return neve.stack(one).sum(), two[0], k[1]


@program
def a_copy_that_becomes_longer(x):
    one = [x * 1.0]
    if x.sum() > 0:
        one.append(x * 3.0)
    two = one[:]
    two.append(x + 1)
    two[0] += 1
    one[0] *= 2
    if x.mean() > 0:
        two[-1] -= 1
    return neve.stack(one).sum(), neve.stack(two).sum(), one[0], two[0]


@program
def a_copy_in_one_way(x):
    one = [x * 1.0, x * 2]
    two = one
    if x.sum() > 0:
        one.append(x * 3.0)
        two = list(one)
    two[0] += 1
    return neve.stack(one).sum(), neve.stack(two).sum()


@program
def turned_around(x):
    one = [x * 1.0, x * 2.0]
    if x.sum() > 0:
        one.append(x * 3.0)
    a = one[0]
    one.reverse()
    one[0] += 1
    a += 2
    r = list(reversed(one))
    r[0] += 5
    return neve.stack(one).sum(), r[0], a


@program
def an_element_with_two_names(x):
    a = x * 1.0
    one = [a]
    if x.sum() > 0:
        one.append(x * 2)
    e = one[0]
    e += 1
    return a, one[0], neve.stack(one).sum()


@program
def elements_changed_in_a_loop(x):
    a = x * 1.0
    one = [a]
    if x.sum() > 0:
        one.append(x * 2)
    for e in one:
        e += 1
    return a, one[0], neve.stack(one).sum()


@program
def in_two_lists(x):
    a = x * 1.0
    one, two = [a], [a, x * 3]
    if x.sum() > 0:
        one.append(x * 2)
        two.append(x)
    one[0] += 1
    two[0] *= 2
    return neve.stack(one).sum(), neve.stack(two).sum()


@program
def in_two_lists_of_a_loop(x):
    one, two = [], []
    for row in x:
        t = row * 1.0
        if row.sum() > 0:
            one.append(t)
        two.append(t)
    if len(one) > 0:
        one[0] += 10
        one[-1] *= 2
    s = x.sum() * 0
    for t in two:
        s = s + t.sum()
    return s, len(one)


@program
def rows_of_a_matrix(x):
    x = x * 1.0
    one = []
    for row in x:
        if row.sum() > 0:
            one.append(row)
    for r in one:
        r += 1
    return x, len(one)


@program
def taken_over_by_others(x):
    one, two = [x * 1.0], [x + 1]
    if x.sum() > 0:
        one.append(x * 2)
    two.extend(one)
    two += one
    two[1] += 1
    one[0] *= 2
    n = one + two
    n[0] += 3
    return neve.stack(one).sum(), neve.stack(two).sum(), neve.stack(n).sum()


@program
def chosen_by_a_comprehension(x):
    one = [x * 1.0]
    if x.sum() > 0:
        one.append(x * 2)
    two = [t for t in one if t.sum() > -100]
    two[0] += 1
    return neve.stack(one).sum(), neve.stack(two).sum()


@program
def taken_out_of_one(x):
    one = [x * 1.0, x * 2]
    if x.sum() > 0:
        one.append(x * 3)
    two = list(one)
    a = one.pop()
    a += 1
    return neve.stack(two).sum(), neve.stack(one).sum(), a


@program
def put_in_and_changed(x):
    a = x * 1.0
    one = [x * 2, x * 3]
    if x.sum() > 0:
        one.append(x * 3)
    one[0] = a
    a += 1
    one[0] *= 2
    return neve.stack(one).sum(), a


@program
def lists_in_a_dict(x):
    d = {"one": [x * 1.0]}
    if x.sum() > 0:
        d["one"].append(x * 2)
    e = d["one"]
    e[0] += 1
    d2 = dict(d)
    d2["one"][-1] *= 2
    return neve.stack(d["one"]).sum(), len(e)


@program
def lists_in_a_list(x):
    a = x * 1.0
    one = [[a], [a, a]]
    if x.sum() > 0:
        one[0].append(a)
    one[0][0] += 1
    return neve.stack(one[1]).sum(), neve.stack(one[0]).sum(), a


@program
def appended_twice(x):
    one = [x * 1.0]
    one.append(one[0])
    if x.sum() > 0:
        one.append(x + 1)
    one[0] += 1
    return one[1].sum(), one[0].sum()


@program
def rebound_in_a_loop(x):
    a = x * 1.0
    one = [a]
    while a.sum() < 3 and len(one) < 4:
        one.append(a)
        a = a + 1
    one[0] += 1
    one[-1] *= 2
    return neve.stack(one).sum(), a.sum(), len(one)


@program
def in_one_of_two_lists(x):
    one, two = [], []
    for row in x:
        t = row * 1.0
        two.append(t)
        if row.sum() > 0:
            one.append(t)
    if len(one):
        one[0] += 10
    return neve.stack(two).sum()


@program
def one_of_two_lists(x):
    a, b = [x.sum()], [x.mean()]
    c = a if x.sum() > 0 else b
    c.append(x.max())
    return sum(a), sum(b), len(a)


@program
def a_dict_that_is_another_in_one_way(x):
    a = {"k": x.sum()}
    b = {"k": x.mean()}
    if x.sum() > 0:
        b = a
    b["k"] = b["k"] + 1
    return a["k"], b["k"]


@program
def changed_and_then_rebound(x):
    values = [x.sum()]
    same = values
    if x.mean() > 0:
        values[0] = x.max()
        values = [x.min()]
    return same[0] + values[0]


@program
def rebound_in_one_way(x):
    values = [x.sum()]
    same = values
    if x.mean() > 0:
        values = [x.min()]
    values[0] = values[0] + 1
    values.append(x.max())
    return same[0] + values[0], len(same), len(values)


@program
def appended_to_one_of_two_lists(x):
    out, rest = [], []
    for row in x:
        t = out if row.sum() > 0 else rest
        t.append(row.sum())
    return x.sum() * 0 + sum(out) - sum(rest), len(out), len(rest)


@program
def a_list_or_none(x):
    a = [x.sum()]
    c = a if x.sum() > 0 else None
    if c is not None:
        c.append(x.max())
    return sum(a), len(a)


def helper(out, v):
    if v.sum() > 0:
        out.append(v.sum())
    return out


@program
def a_helper_that_appends(x):
    a = [x.mean()]
    b = helper(a, x)
    b.append(x.max())
    return sum(a), len(a), len(b)


def pick(a, b, x):
    if x.sum() > 0:
        return a
    return b


@program
def a_helper_that_gives_one_of_two_lists(x):
    a, b = [x.mean()], [x.max()]
    pick(a, b, x).append(x.min())
    c = pick(a, b, x)
    c[0] = c[0] * 2
    return sum(a), sum(b), len(a)


@program
def swapped_lists(x):
    a, b = [x.mean()], [x.max(), x.min()]
    if x.sum() > 0:
        a, b = b, a
    a.append(x.sum())
    b[0] = b[0] * 2
    return sum(a), sum(b), len(a)


@program
def one_of_the_lists_of_a_list(x):
    g = [[x.sum(), 0], [x.mean(), 1]]
    row = g[0]
    if x.sum() > 0:
        row = g[1]
    row[1] += 5
    return g[0][0] + g[1][0], g[0][1], g[1][1]


@program
def goes_on_over_one_of_two_lists(x):
    counts = [1, 0, 2]
    same = counts
    for row in x:
        if row.sum() > 0:
            counts = [c + 1 for c in counts]
            counts[0] += 2
    return x * sum([c * 2 for c in counts]), same, [c for c in counts if c > 1]
