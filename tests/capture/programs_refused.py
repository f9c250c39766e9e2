"""What to_static refuses: with the user's line, a caret, the reason and the way out."""

import neve
from capture_cases import program

COUNT = 0


@program(refused="is a generator or coroutine, at line")
def generator(x):
    yield x


@program(refused="global")
def global_write(x):
    global COUNT
    if x.sum() > 0:
        COUNT = 1
    return x


@program(refused="5 keys that may be missing")
def many_keys(x):
    d = {}
    for k in range(5):
        if x.sum() > k:
            d[k] = x
    return d


@program(refused="a comparison of a dict of which tensors decide")
def keys_compared(x):
    d = {}
    if x.sum() > 0:
        d["a"] = 1
    return x if d == {"a": 1} else -x


@program(refused="the text of")
def text_of_a_value(x):
    return {f"{x.sum()}": x}


@program(refused="a raise that tensors decide, inside of a try statement")
def caught(x):
    try:
        if x.sum() > 0:
            raise ValueError("caught")
    except ValueError:
        return -x
    return x


@program(refused="eval")
def evaluated(x):
    return eval("x + 1") if x.sum() > 0 else x


@program(refused="exec")
def executed(x):
    exec("y = 1")
    return x


@program(refused="is unpacked here")
def unpacked(x):
    out = []
    while x.sum() < 3:
        x = x + 1
        out.append(x)
    return neve.maximum(*out)


@program(refused="in a list of tensors")
def mixed_list(x):
    out = [x]
    while x.sum() < 3:
        x = x + 1
        out.append(x.sum())
    return out


@program(refused="is read while the program is captured")
def array_of_a_tensor(x):
    import numpy as np

    return x + float(np.asarray(x).sum())


@program(refused="is read while the program is captured")
def list_of_values(x):
    return neve.tensor(x.tolist())


@program(refused="a size that tensors decide, of a new tensor")
def new_size(x):
    k = int((x > 0).sum()) + 1
    return neve.zeros(k).sum() + x


SEEN: list[int] = []


class Tally:
    total = 0

    def __init__(self):
        self.n = 0

    def add(self, x):
        self.n += 1
        return x * self.n


TALLY = Tally()


def counts_globally(x):
    global COUNT
    COUNT += 1
    return x * COUNT


def grows_a_list(x):
    SEEN.append(1)
    return x * len(SEEN)


def keeps_a_default(x, found=[]):  # noqa: B006
    found.append(1)
    return x * len(found)


def counting():
    n = 0

    def inner(x):
        nonlocal n
        n += 1
        return x * n

    return inner


COUNTER = counting()


@program(refused="changes 'COUNT' of counts_globally", trace=False)
def global_of_a_helper(x):
    return counts_globally(x)


@program(refused="changes 'SEEN' of grows_a_list", trace=False)
def list_of_a_helper(x):
    return grows_a_list(x)


@program(refused="changes 'default 0' of keeps_a_default", trace=False)
def default_of_a_helper(x):
    return keeps_a_default(x)


@program(refused="changes 'total'", trace=False)
def attribute_of_a_class(x):
    Tally.total += 1
    return x * Tally.total


@program(refused="changes 'n' of counting.<locals>.inner", trace=False)
def variable_of_a_closure(x):
    return COUNTER(x)


@program(refused="changes 'n'", trace=False)
def attribute_of_an_object(x):
    return TALLY.add(x)
