"""match over tensors, sizes and Python values: patterns of every kind, guards, what they bind."""

import collections
import dataclasses
import enum
import typing

import neve
from capture_cases import program

MODES = (("relu",), ("tanh",), ("half",), (None,), (2,), (True,))


class Kind(enum.Enum):
    UP = 1
    DOWN = 2


class Point(typing.NamedTuple):
    a: neve.Tensor
    b: float


@dataclasses.dataclass
class Box:
    size: int
    value: neve.Tensor


class Wrong:
    __match_args__ = ("value",)

    def __init__(self, value):
        self.value = value


@program
def value_of_a_tensor(x):
    match (x > 0).sum():
        case 0:
            return x
        case 1 | 2 | 3:
            return x * 2
        case 4:
            x = x + 1
        case _:
            x = -x
    return x - 1


@program
def value_of_a_number(x):
    match int(x.sum()) % 4:
        case 0:
            y = x
        case 1 | -1:
            y = x + 1
        case k if k > 2:
            y = x * k
        case k:
            y = x - k
    return y, k if x.shape[0] < 0 else 0


@program(flags=MODES)
def plain_values(x, mode):
    match mode:
        case "relu" | "lrelu":
            x = neve.relu(x)
        case "tanh" if x.sum() > 0:
            x = neve.tanh(x)
        case str() as name:
            x = x * len(name)
        case None:
            x = x + 1
        case True:
            x = x + 2
        case int(n):
            x = x * n
    return x


@program
def sizes(x):
    match x.shape:
        case (2, _):
            x = x * 2
        case (n, m) if n == m:
            x = x + n
        case (n, m):
            x = x * n - m
    return x


@program
def guard_keeps_what_was_bound(x):
    s = None
    match x.mean():
        case s if s > 0.1:
            x = x * 2
        case t if t < -0.1:
            x = x - t
        case _:
            x = x + s
    return x * s


@program
def guards_of_refutable_patterns(x):
    pair = (int((x > 0).sum()), x.sum())
    match pair:
        case (0, v):
            return v
        case (1 | 2 | 3 as k, v) if v > 0:
            return v * k
        case (4, v) if v < 1:
            return v - 1
        case (k, v):
            return v + k


@program
def in_a_loop(x):
    total, left = x.sum(), 0
    for k in range(6):
        match (k % 3, total > 0):
            case (0, _):
                total = total + 1
                continue
            case (1, True):
                total = -total
            case (2, _) if total > 3:
                break
            case _:
                left += 1
        match left:
            case 2:
                return x, left
    else:
        x = x * 0.5
    return x + total, left


@program
def in_a_loop_over_tensors(x):
    state, count = "start", 0
    while x.abs().max() > 0.2:
        match state:
            case "start" if x.sum() > 0:
                state = "down"
            case "start":
                state = "up"
            case "down" | "up":
                x = x / 2
                count += 1
                if count > 4:
                    break
    return x, count


@program(flags=(([1],), ([],), ((1, 2, 3),), ("text",), (range(4),), (collections.deque([5, 6]),), ({1: 2},)))
def sequences(x, values):
    match values:
        case []:
            return x
        case [k]:
            return x + k
        case [a, *rest, b] if x.sum() > 0:
            return x * a + b, len(rest)
        case [_, *rest]:
            return x - sum(rest), len(rest)
        case str():
            return x * 2
        case _:
            return -x


@program(flags=(({"kind": "add", "by": 2, "more": 1},), ({"kind": "scale"},), ({},), ({"by": [1, 2]},)))
def mappings(x, options):
    match options:
        case {"kind": "add", "by": int(k), **rest}:
            return x + k if x.sum() > 0 else x - k, rest
        case {"kind": ("scale" | "shrink") as how} if x.mean() > 0:
            return x * len(how), {}
        case {"by": [a, b]}:
            return x * a + b
        case {**rest}:
            return x, {}


@program
def mapping_of_tensors(x):
    d = {"n": int((x > 0).sum()), "v": x}
    match d:
        case {"n": 0 | 1 | 2, "v": v}:
            d["v"] = v * 2
        case {"n": 3}:
            d["n"] = 7
        case {"missing": _}:
            d = {}
        case {"n": n, **rest}:
            d = {"n": n + 1, **rest}
    return d


@program(flags=((0,), (1,), (2,), (3,)))
def classes(x, k):
    things = (Point(x.sum(), 0.5), Box(3, x.max()), Wrong(x.min()), Kind.UP)
    match things[k]:
        case Point(a, b) if a > 0:
            return a * b
        case Point(b=b):
            return x.sum() * b
        case Box(size=3, value=neve.Tensor() as v):
            return v if v > 1 else -v
        case Wrong(value):
            return value
        case Kind.UP:
            return x


@program
def attributes_of_tensors(x):
    y = x.sum(0) if x.shape[0] > 2 else x[0]
    match y:
        case neve.Tensor(ndim=2):
            return x
        case neve.Tensor(ndim=1, shape=(3,)):
            return y * 2
        case neve.Tensor() as t:
            return t + 1


@program
def none_or_a_tensor(x):
    best = None
    for row in x:
        match best:
            case None:
                if row.sum() > 0:
                    best = row
            case neve.Tensor() if row.max() > best.max():
                best = row * 2
    match (best, x.shape[0]):
        case (None, _):
            return x[0]
        case (b, 3):
            return b
        case (b, n):
            return b * n


@program
def bools(x):
    flag = bool(x.sum() > 0)
    match flag:
        case True:
            x = x + 1
        case False:
            x = x - 1
    match (flag, x.shape[0] > 2):
        case (True, True) | (False, False):
            x = x * 2
    return x


@program
def alternatives_that_bind(x):
    match (int((x > 0).sum()) % 3, x.mean(), x.max()):
        case (0, v, _) | (1, _, v):
            return x + v
        case (_, v, w):
            return x - v * w


@program
def list_that_tensors_make(x):
    rows = []
    for row in x:
        if row.sum() > 0:
            rows.append(row)
    match rows:
        case []:
            return x[0]
        case [row]:
            return row * 2
        case [first, *_, last]:
            return first - last


@program
def nested(x):
    def name_of(v):
        match v > 0:
            case True:
                return "never: a tensor is no bool"
        match v:
            case 0:
                return "zero"
            case _ if v > 0:
                return "positive"
        return "negative"

    match name_of(x.sum()):
        case "positive":
            x = x * 2
        case "negative":
            match x.shape[0] % 2:
                case 0:
                    x = -x
                case 1:
                    x = x / 2
    return x


@program(raises="accepts 0 positional sub-patterns (1 given)", trace=False)
def too_many_parts(x):
    match x.sum():
        case neve.Tensor(v):
            return v
    return x


@program(refused="a pattern looks into an element of a list whose length tensors decide")
def elements_of_an_open_list(x):
    rows = []
    for row in x:
        rows.append(row)
    match rows:
        case [neve.Tensor(ndim=1), *_]:
            return x
    return -x


@program
def inside_of_try(x):
    k = 0
    while x.abs().max() > 0.5:
        try:
            match (x > 0).sum():
                case 0 | 1:
                    k += 2
                case n if n > 3:
                    k += 1
            x = x / 2
        finally:
            k += 1
    return x, k
