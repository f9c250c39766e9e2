"""Variables and results that are of one kind in some ways and of another elsewhere: ranks, dtypes, texts, tuples, None."""

import enum

import neve
from capture_cases import program


class Color(enum.Enum):
    RED = 1
    BLUE = 2


@program
def results_that_are_no_tensors(x):
    if x.sum() > 1:
        return 3
    if x.mean() > -0.1:
        return None
    return "low"


@program
def tuples_of_constants(x):
    if x.sum() > 0:
        return (1, "a", True)
    return (2, "b", None)


@program
def nothing_but_a_change_in_place(x):
    for row in x:
        if row.sum() > 0:
            row += 1


@program(raises="large")
def nothing_but_an_error(x):
    if x.abs().max() > 2:
        raise ValueError("large")
    return True


@program
def ranks(x):
    if x.sum() > 0:
        y = x
    else:
        y = x.sum()
    z = y * 2 + x
    return y, z, y.ndim, neve.tanh(y), 1 - y


@program
def early_returns_of_other_kinds(x):
    if x.sum() > 3:
        return x.sum(), "big"
    elif x.sum() > 0:
        return x
    for k, row in enumerate(x):
        if row.sum() > 0:
            return row
        if row.mean() < -0.6:
            return [row, k]
    return None


@program
def dtypes(x):
    y = x
    if x.sum() > 0:
        y = x > 0
    n = (x > 0).sum()
    if x.mean() > 0.2:
        n = 0.5
    return y, y.sum(), n * 2


@program
def mask_or_number(x):
    keep = x > 0
    if x.sum() > 0:
        keep = 2
    for row in x:
        best = 3 if row.sum() > 0 else keep
    return x * keep, best


@program
def none_or_a_tuple(x):
    best = None
    for k, row in enumerate(x):
        if row.sum() > 0:
            best = (row, k)
            if row.max() > 1.5:
                break
    if best is None:
        return x.sum()
    row, k = best
    return row.sum() + k + best[0].mean()


@program
def texts(x):
    t = "a"
    if x.sum() > 0:
        t = "bb"
    u = t + "c" if t == "bb" else t.upper()
    if t.startswith("b") and len(t) > 1 and "b" in t:
        x = x + len(u)
    print(f"{t:>4}|{u}")
    return x * {"a": 1.0, "bb": 2.0}[t], u, t * 2, t[0], [t, u], {"k": t}, t in ("a", "c")


@program
def members_of_an_enum(x):
    c = Color.RED
    if x.sum() > 0:
        c = Color.BLUE
    if c is Color.BLUE:
        x = x + 1
    elif c == Color.RED and x.max() > 1:
        c = None
    return (x if c is None else x * c.value), c


@program
def text_in_a_loop(x):
    mode = "start"
    for row in x:
        if mode == "start" and row.sum() > 0:
            mode = "up"
        elif mode == "up" and row.sum() < 0:
            mode = None
            continue
        x = x + (0.5 if mode is None else len(mode))
    return x, mode


@program
def pieces_of_many_kinds(x):
    v = 0
    if x.sum() > 2:
        v = x
    elif x.sum() > 0:
        v = (x.sum(), x[0])
    elif x.max() > 1:
        v = "text"
    elif x.min() < -1:
        v = None
    if isinstance(v, tuple):
        return v[0] + v[1].sum()
    if isinstance(v, str):
        return v, len(v)
    if v is None:
        return x.shape[0]
    return v + 1


def halves(v):
    if v.shape[0] < 3:
        return None
    if v.sum() > 0:
        return v[:1], v[1:]
    return v


@program
def result_of_a_function(x):
    parts = halves(x)
    if parts is None:
        return x
    if isinstance(parts, tuple):
        a, b = parts
        return a.sum() - b.sum()
    return neve.relu(parts)


@program
def changed_in_place(x):
    a, b = x * 1.0, x.sum() * 1.0
    y = a if x.sum() > 0 else b
    y += 1
    y *= 2
    return a, b, y


@program
def gone_through(x):
    v = [1.0, 2.0] if x.sum() > 0 else (x[0], x[1], 3.0)
    s = x.mean()
    for e in v:
        s = s + e
    return s


class Box:
    def __init__(self, value):
        self.value = value
        self.count = 0

    def add(self, v):
        self.value = self.value + v
        self.count += 1


@program
def one_of_two_objects(x):
    a, b = Box(x.sum()), Box(x.mean())
    c = a if x.sum() > 0 else b
    c.value = c.value + 1
    c.add(x.max())
    if c is a:
        b.count += 10
    return a.value, b.value, c.value, a.count, b.count, c.count


@program
def an_object_or_none(x):
    a = Box(x.sum())
    best = None
    for row in x:
        if row.sum() > 0:
            best = a
        if best is not None:
            best.add(row.sum())
    return a.value, a.count, best is None


@program
def formatted_texts(x):
    label = ["neg", "pos"][int(x.sum() > 0)]
    kind = ["a", "b", None][int(x[0, 0] > 0) + int(x.sum() > 0)]
    name = f"{label}:{kind!r:>4}"
    print(name, f"{label}")
    return f"{label}" if kind is None else label + "!", name, {"neg: 'b'": 2}.get(name, 0)
