"""Lists and dicts that several names hold, whose elements change in place, whose keys and counts are decided late."""

import neve
from capture_cases import program


@program
def elements_changed_through_both(x):
    sums, rows, acc, t = [], [], x[0].sum() * 0.5, x[0] * 1.0
    for row in x:
        sums.append(acc)
        rows.append(row)
        rows.append(t)
        if row.sum() > 0.3:
            acc += 1.0
        acc = acc * 0.5
        t = t + row if row.mean() > 0 else t + 1.0
        t *= 0.9
    x[0] += 5.0
    t += 1.0
    if len(sums) > 1:
        sums[0] *= 3.0
        rows[-1] -= 2.0
    u = sums[-1]
    u += 7.0
    stacked = neve.stack(rows)
    stacked *= 2.0
    rows[0][0] = 9.0
    return neve.stack(sums), neve.stack(rows), acc, t, stacked


@program
def read_from_a_list_that_has_it_twice(x):
    rows, t = [], x[0] * 1.0
    for row in x:
        rows.append(t)
        t += 1.0
        if row.sum() > 0:
            rows.append(row * 2)
            t = row * 3
    return neve.stack(rows), t


@program(refused="may show another tensor")
def one_tensor_twice_in_a_list(x):
    rows, t = [], x[0] * 1.0
    for row in x:
        rows.append(t)
        if row.sum() > 0:
            rows.append(row * 2)
            t = row * 3
    rows[0] += 1.0
    return neve.stack(rows), t


@program
def one_list_in_every_way(x):
    if x.sum() > 0:
        a = [x[0]]
        b = a
    else:
        a = [x[1]]
        b = a
    a.append(x[-1])
    for row in x:
        c = [row]
        d = c
        e = {"k": c}
    c.append(x[0])
    e["k"].append(x[1])
    return neve.stack(b).sum(), len(b), len(d), len(c), len(e["k"])


def added(values, v):
    if v > 0:
        values.append(v)
        return values
    values.append(v * 2)
    return values


@program
def a_list_that_a_function_gives_back(x):
    values = [x[0, 0], x[1, 0]]
    same = added(values, x.sum())
    same.append(x.mean())
    other = [x[0, 1]]
    other = other + [x.max()] if x[0, 1] > 0 else other
    other.append(x.min())
    values += other
    return neve.stack(values), len(same) > 2


@program
def maybe_one_list(x):
    a, b = [x[0]], [x[1]]
    c = a if x.sum() > 0 else b
    c.append(x[0])
    return len(a), len(b), neve.stack(c)


@program
def keys_that_tensors_decide(x):
    mode, k = "a", 0
    d = {"a": 0.5, "b": 1.5}
    rows = {0: x[0], 1: x[1], 2: x[0] * 2}
    for row in x:
        if row.sum() > 0:
            mode = "b"
            k += 1
    s = d[mode] + d.get(mode, 3) + {"c": 2.0}.get(mode, 1.0)
    d[mode] = 9.0
    d[mode] += 1.0
    k = k % 3
    t = rows[k] + rows.get(k)
    rows[k] = t
    found = k in rows or mode in d
    d["a"] += sum(v * 0.5 for v in [1.0, 2.0])
    return s, d["a"], d["b"], t, rows[0], rows[2], found, x.shape[0] in rows, rows.get(x.shape[0], rows[0])


@program
def elements_as_targets(x):
    a, i, n = [1, 2, 3, 4], 0, x.shape[0]
    i, a[i] = 2, 9
    b = a[1] = n
    (a[2], *c), d = (5, 6, 7), 8
    a[n % 4], a[0] = a[0], a[n % 4]
    if x.sum() > 0:
        a[0], x[0], t = a[1], x[1], 3
    else:
        t = 4
    return x, a[0], a[1], a[2], a[3], i, b, sum(c), d, t


@program
def lists_as_often_as_sizes_and_tensors_say(x):
    n, m = x.shape
    k = int(x.sum() > 0) + 1
    a = [x[0].sum()] * n
    b = neve.stack([x[0]] * n) + x
    c, d = [1, 2] * (m - 1), k * [0.5, 1.5]
    bits = (n << 1) + (n >> 1) + (n & 1) + (n | 4) + ~n + (1 << n)
    return sum(a), b, sum(c), sum(d), len(d), bits, n in c, 2 in d


@program
def a_list_made_in_a_pass(x):
    k, rows = 0, [1, 2, 3]
    for row in x:
        counts = [0, 0, 0]
        counts[k % 3] += 2
        k = k + 1 if row.sum() > 0 else k
        if k > 1:
            return x * 0.5, counts[0], counts[1], rows
    return x, k, counts[2], rows


@program
def zipped_with_lists(x):
    n, s = x.shape[0], 0.0
    for i, v in zip(range(n), [1, 2.5, x.sum()]):
        s = s + i * v
        if s > 4:
            break
    for row, b, name in zip(x, range(0, 9, 3), ("a", "b", "c", "d")):
        s = s + row.sum() * b * (1 if name == "b" else 2)
    for i, (row, b) in enumerate(zip(x, [0.5, 1.5, 2.5])):
        if row.sum() > 0:
            continue
        s = s + row.max() * b * i
    t = [v * w for v, w in zip([1.0, 2.0], x)]
    return s, neve.stack(t) + sum(v.sum() * w for v, w in zip(x, (1, 2, 3)))


@program
def a_list_that_was_empty_is_a_condition(x):
    rows, k, mode, y, j = [], 0, "a", x[:0], 0
    for row in x:
        if rows:
            k += 1
        if len(rows) > 2:
            mode = "b"
        if y.shape[0] > 1:
            j += 1
        y = neve.concat([y, x[:1]])
        if row.sum() > -5:
            rows.append(row.sum())
    return x, k, mode == "b", j


@program
def list_that_is_long_enough(x):
    r = []
    for i in range(x.shape[0]):
        r.append(i)
        if len(r) > 3:
            return r
    return r


@program
def list_until_a_sum(x):
    r = [x[0]]
    for row in x:
        r.append(row)
        if row.sum() > 1:
            return r
    return r


@program
def list_and_tensor_returned_early(x):
    r = []
    for row in x:
        r.append(row)
        if row.sum() > 1:
            return r, x
    return r, x


@program
def another_list_returned_early(x):
    r = []
    for row in x:
        if row.sum() > 1:
            return [row]
        r.append(row)
    return r


@program
def list_of_pairs_returned_early(x):
    r = []
    for i in range(x.shape[0]):
        for j in range(i):
            if x[i, 0] > x[j, 0]:
                r.append(i * 10 + j)
                break
        if len(r) > 3:
            return r, x
    return r, x * 2


def _alike(x):
    """Of x's shape, which no proof shows."""
    return (x * 2.0)[x > -99.0].reshape(x.shape[0], -1)


@program
def elements_from_two_tensors(x):
    y, out = _alike(x), []
    for row in x:
        if row.sum() > 0:
            out.append(row)
        else:
            out.append(y[0])
    return sum(out), neve.stack(out)


@program
def elements_of_sizes_that_are_made_in_a_pass(x):
    y, out, k = _alike(x), [], 0
    while k < x.shape[0]:
        k += 1
        rows = []
        for row in x[:k]:
            if row.sum() > 0:
                rows.append((row, y[0]))
            if row[0] > 0:
                rows.append((y[0], row))
        for a, b in rows:
            out.append(a - b)
        if y.mean() > 0.2:
            break
    return neve.stack(out).sum(0) if out else y[0]


@program
def lists_from_two_tensors_are_joined(x):
    y, out, more = _alike(x), [], []
    for row in y:
        if row.sum() > 0:
            more.append(row)
    for row in x:
        if row[0] > 0:
            out.extend(more)
            out.append(row)
    out += more
    return len(out), sum(out) + x[0]


@program
def sum_of_a_list_that_may_be_empty(x):
    few, none = [], []
    for row in x:
        if row.sum() > 1.0:
            few.append(row)
        if row.sum() > 100.0:
            none.append(row)
    return sum(few), sum(none), x.sum() + sum(none), sum(few, x[0])


@program
def a_star_of_an_open_list(x):
    out = [x[0]]
    for row in x:
        if row.sum() > 0:
            out.append(row)
    first, *rest = out
    s = first
    for r in rest:
        s = s + r
    *most, last = out
    return s, len(rest), last, rest, most


@program
def parts_of_an_open_list_assigned(x):
    out = []
    for row in x:
        if row.sum() > 0:
            out.append(row.sum())
    out[:1] = [x.sum(), x.mean()]
    out[1:] = [x.max()]
    out[1:2] = out
    out[-1:] = []
    return out


@program
def elements_of_open_ranges(x):
    n = int((x > 0).sum()) + 2
    r = range(n)
    return r[-1], len(r), r[0], r[1], range(1, n)[1], range(n, 0, -1)[-1]


@program
def elements_of_ranges_over_sizes(x):
    return range(x.shape[0])[-1], list(range(x.shape[0]))[-1], range(0, x.shape[1], 2)[-1], range(x.shape[0])[0]


@program
def in_open_ranges(x):
    n = int((x > 0).sum())
    return (
        3 in range(n),
        n in range(2, 6),
        x.shape[0] in range(3),
        2 in range(0, x.shape[0]),
        4 in range(0, n, 2),
        n not in range(n),
    )


@program
def a_tuple_of_an_open_list(x):
    out = []
    for row in x:
        if row.sum() > 0:
            out.append(row.sum())
    t = 0.0
    for v in tuple(out):
        t = t + v
    return t, len(tuple(out))


@program
def an_open_tuple_as_a_result(x):
    out = []
    for row in x:
        if row.sum() > 0:
            out.append(row.sum())
    return tuple(out), x


@program
def an_open_tuple_of_numbers(x):
    return tuple(int(row.sum() > 0) for row in x if row.max() > 1)


@program
def an_open_tuple_in_branches(x):
    kept = ()
    if x.sum() > 0:
        kept = tuple(row for row in x if row.sum() > 0)
    both = tuple(row.sum() for row in x if row.max() > 0)
    if x.mean() > 0.1:
        both = both[1:]
    return kept, both, isinstance(both, tuple), len(kept)


@program(raises="out of range")
def an_element_that_no_range_has(x):
    return range(int((x > 1).sum()))[2]


@program
def fractions_in_lists_of_ints(x):
    later = [2 for row in x if row.sum() > 0]
    later.append(0.5)
    later.append(True)
    first = [int(row.sum() > 0) for row in x]
    first[0] = 0.5
    more = [1 for row in x if row.sum() > 0]
    more.insert(0, 0.25)
    more.extend([0.75, 2])
    return sum(later), sum(first), sum(more), later[-2], more[0]


@program
def fractions_that_some_passes_append(x):
    out, s = [1], x.sum()
    for row in x:
        if row.sum() > 0:
            out.append(0.5)
    if x.mean() > 0.1:
        out.append(0.25)
    while s < 3:
        s = s + 1
        out.append(0.125 if len(out) > 2 else 1)
    return sum(out) + 0.5, len(out)


@program
def the_same_name_in_a_loop_that_returns_and_behind_it(x):
    for i in range(0, x.shape[1], 2):
        parts = []
        for row in x:
            parts.append(row * 0.5 + i)
        if len(parts) > 1 and x.sum() > 0:
            return x + neve.concat(parts, 0).sum()
        found = {"a": x[0] * 2}
        found["b"] = found["a"] + i
        if x.max() > 0.9:
            return found["b"]
    parts = []
    for j in range(x.shape[1]):
        parts.append(x[:, j])
    found = {"a": sum(parts)}
    if x.min() < -0.5:
        found["a"] = found["a"] * 3
    return found["a"] - x.sum()
