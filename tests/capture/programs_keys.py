"""Dicts of which tensors decide what keys they have: keys that some ways add or take away."""

from collections import Counter, defaultdict

import neve
from capture_cases import program


@program
def a_key_of_one_way(x):
    d = {"a": x}
    if x.sum() > 0:
        d["b"] = x * 2
    return d


@program
def a_key_that_is_asked_for(x):
    d = {}
    if x.sum() > 0:
        d["b"] = 2.0
    return x * d.get("b", 1.0), len(d), d.get("c"), d.get("b")


@program
def a_key_that_is_read_where_it_is(x):
    d = {}
    if x.sum() > 0:
        d["b"] = x * 2
    if "b" in d:
        return d["b"]
    return x


@program(raises="k")
def a_key_that_is_read_where_it_may_not_be(x):
    d = {}
    for row in x:
        if row.sum() > 0:
            d["k"] = row
    return d["k"] * 2


@program
def lists_of_a_defaultdict(x):
    d = defaultdict(list)
    for row in x:
        if row.sum() > 0:
            d["p"].append(row.sum())
        else:
            d["n"].append(row.mean())
    return len(d["p"]), len(d["n"])


@program
def counts_of_a_counter(x):
    c = Counter()
    for row in x:
        if row.sum() > 0:
            c["p"] += 1
    return c["p"], c["q"], len(c)


@program
def setdefault_of_lists(x):
    d = {}
    for row in x:
        if row.sum() > 0:
            d.setdefault("p", []).append(row.sum())
    return len(d.get("p", [])), "p" in d


@program
def setdefault_of_numbers(x):
    d = {}
    for row in x:
        d.setdefault("s", 0)
        d["s"] = d["s"] + row.sum()
    return d


@program
def a_tuple_of_one_way(x):
    d = {}
    if x.sum() > 0:
        d["t"] = (x.sum(), 2, "a")
    if "t" in d:
        a, b, c = d["t"]
        return a * b
    return x


@program
def a_list_of_one_way(x):
    d = {"l": [x]}
    if x.sum() > 0:
        d["m"] = [x, x + 1]
    out = x
    if "m" in d:
        for v in d["m"]:
            out = out + v
    return out, d


@program
def none_is_a_value(x):
    d = {}
    if x.sum() > 0:
        d["n"] = None
    return d, "n" in d, d.get("n", 3)


@program
def gone_through_by_keys_and_values(x):
    d = {"a": x.sum()}
    if x.sum() > 0:
        d["b"] = x.mean()
    if x.max() > 1:
        d["c"] = x.max()
    t = 0.0
    for k, v in d.items():
        t = t + v * len(k)
    for v in d.values():
        t = t + v
        if t > 3:
            break
    s = sum(d.values())
    m = max(d.values())
    return t, s, m, {k: v * 2 for k, v in d.items()}, bool(d), any(k == "b" for k in d)


@program
def lists_of_the_values(x):
    d = {"a": x.sum()}
    if x.sum() > 0:
        d["b"] = x.mean()
    return [v for v in d.values()], neve.stack([v for v in d.values()])


@program
def update_with_keys_that_may_be_missing(x):
    a = {"p": 1.0, "q": 2.0}
    b = {}
    if x.sum() > 0:
        b["q"] = x.sum()
    a.update(b)
    c = {**a}
    c.update(r=3)
    return a, c, b


@program
def pop_of_keys(x):
    d = {"a": 1, "b": 2}
    if x.sum() > 0:
        d["c"] = 3
    v = d.pop("c", 0)
    w = d.pop("z", None)
    u = d.pop("a")
    return v, w, u, d


@program
def early_returns_of_dicts(x):
    out = {}
    if x.sum() > 1:
        out["big"] = x.sum()
        return out
    if x.max() > 1:
        out["max"] = x.max()
    return out


@program
def a_key_that_a_while_adds(x):
    d = {"n": 0}
    s = x.sum()
    while s < 2:
        s = s + 1
        d["n"] += 1
        if s > 1:
            d["last"] = s
    return d


@program
def keys_of_an_inner_dict(x):
    d = {"in": {}}
    for row in x:
        if row.sum() > 0:
            d["in"]["k"] = row.sum()
    return d


@program
def asked_whether_they_are_there(x):
    seen = {}
    for i, row in enumerate(x):
        if row.sum() > 0 and "first" not in seen:
            seen["first"] = i
        elif "first" in seen:
            seen["after"] = seen["first"] + 1
    return seen


@program
def lengths_of_dicts(x):
    d = {}
    if x.sum() > 0:
        d["k"] = 1
    return len(d) == 0, not d


@program
def keys_that_are_numbers(x, n=3):
    d = {}
    for i in range(n):
        if x.sum() > i:
            d[i] = x * i
    t = x
    for k in d:
        t = t + d[k] + k
    return t


@program
def keys_that_a_loop_adds(x):
    d = {}
    for row in x:
        if row.sum() > 0:
            d["pos"] = d.get("pos", 0) + 1
        else:
            d["neg"] = row
    return sorted(d.items(), key=lambda p: p[0]) if False else d.get("pos"), d.get("neg")


@program
def a_key_that_sizes_decide(x):
    d = {}
    if x.shape[0] > 3:
        d["big"] = x.shape[0]
    return d


@program
def del_in_one_way(x):
    d = {"a": x, "b": x + 1}
    if x.sum() > 0:
        del d["a"]
    return d


@program
def a_dict_that_a_helper_fills(x):
    def f(d, v):
        if v.sum() > 0:
            d["v"] = v
        return d

    return f({"u": 1}, x)


@program
def comprehensions_of_dicts(x):
    d = {"a": x.sum(), "b": x.mean(), "c": x.max()}
    return (
        {k: v for k, v in d.items() if v > 0},
        {k: i for i, k in enumerate("ab")},
        {i: x[i].sum() for i in range(2) if x[i].sum() > 0},
    )


@program
def comprehensions_of_dicts_in_dicts(x):
    return {k: {j: x * j for j in range(2)} for k in ("u", "v")}
