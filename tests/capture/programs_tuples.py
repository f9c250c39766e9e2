"""Lists of tuples whose length tensors decide."""

import collections

import neve
from capture_cases import program

Found = collections.namedtuple("Found", "place value")  # noqa: PYI024 (its fields are data)


@program
def pairs(x):
    out = []
    for i, row in enumerate(x):
        if row.sum() > 0:
            out.append((row.sum(), i))
    s = x.sum() * 0
    for v, i in out:
        s = s + v * i
    return s, len(out), out


@program
def pairs_in_one_way(x):
    out = []
    if x.sum() > 0:
        out.append((x, 1))
    if x.mean() > 0.1:
        out.append((x * 2, 2))
    for t, k in out:
        x = x + t * k
    return x, [k for _, k in out]


@program
def tuples_in_tuples(x):
    seen = [(x[0], (0, x.mean()))]
    k = 0
    while x.abs().max() > 0.5:
        x = x / 2
        k += 1
        seen.append((x[0] * k, (k, x.mean())))
    last = seen[-1]
    (row, (place, mean)) = seen[0]
    return last[0] + row, last[1][0] + place, mean, len(seen), seen


@program
def named(x):
    found = []
    for k, row in enumerate(x):
        if row.max() > 0.5:
            found.append(Found(k, row * 1.0))
        elif row.min() < -2:
            break
    if not found:
        return None
    best = found[0]
    for f in found:
        if f.value.sum() > best.value.sum():
            best = f
    return best.place, best.value, found[-1].place


@program
def changed(x):
    queue = [(x.sum(), 1)]
    for row in x:
        if row.sum() > 0:
            queue.append((row.sum(), 2))
            queue[0] = (queue[0][0] + 1, queue[0][1] * 2)
        else:
            queue.extend([(row.mean(), 3), (row.max(), 4)])
    v, k = queue.pop()
    rest = queue[1:]
    rest.reverse()
    return v * k, len(queue), rest, queue[0][1]


@program
def stacked_by_a_comprehension(x):
    out = []
    for row in x:
        if row.sum() > 0:
            out.append((row, row.sum()))
    if len(out) > 1:
        return neve.stack([r for r, _ in out]), sum([s for _, s in out])
    return x


@program
def put_in_between_and_taken_out(x):
    out = [(x.sum(), 0)]
    for k, row in enumerate(x):
        if row.sum() > 0:
            out.insert(0, (row.sum(), k))
        elif len(out) > 1:
            del out[0]
    first = out.pop(0)
    return first, len(out), out
