"""Texts with sizes, tensors and numbers that tensors decide: printed as eager prints them, by one graph."""
# ruff: noqa: UP031

from capture_cases import program


@program
def containers_in_texts(x):
    n = int((x > 0).sum())
    print(x.shape, [x.shape[0], 1], {"n": x.shape[1]}, (n,), [(n, 1.5), {"k": [n]}], x.shape[0] > 2)
    print(f"shape {x.shape} {x.shape!r} {x.shape[0]!r:>4} {[n]}", [x.sum() > 0])
    return x


@program
def texts_of_sizes_and_numbers(x):
    n = int((x > 0).sum())
    t = str(x.shape) + " " + str((1, x.shape[0])) + repr(n)
    print(t, "rows " + str(x.shape[0]), str([n]))
    print(repr(x.shape[0]), format(x.shape[0], "03d"), format(n, "5d"))
    print("{0:>4} {n} {0!r} {1[0]}".format(x.shape[0], (n, 2), n=x.shape) if n > 3 else f"{n} {3:>4}")
    print(", ".join([str(n), "b"]), "x".join(str(k) for k in x.shape))
    return x


@program
def percent_of_sizes_and_numbers(x):
    n = int((x > 0).sum())
    print("%d of %s: %.2f%%" % (n, x.shape[0], 1.5), "%s" % n, "%s" % (x.shape,), "%5d|%05d|%-4d|" % (n, n, n))
    print("%r %+d" % (n, n), "%s" % "text", "%8.3f" % float(n))
    return x


@program
def percent_by_names(x):
    n, one, two = int((x > 0).sum()), "%s", "%s and %s"
    named = "%(n)d of %(all)s, %(half).1f%%"
    print(named % {"n": n, "all": x.shape[0], "half": 0.5, "other": n})
    try:
        print(two % (n,))
    except TypeError as e:
        print(e)
    try:
        print(one % (n, n))
    except TypeError as e:
        print(e)
    return x


@program
def texts_of_either_kind(x):
    n, v = 0, None
    if x.sum() > 0:
        n, v = 1.5, 2
    print([n], (n, "a"), f"{[n, x.shape]}", {"v": v}, "%s" % n, f"{v}")
    return x


@program
def sizes_in_errors(x):
    if x.shape[0] > 100:
        raise ValueError("bad " + str(x.shape) + f" {x.shape}")
    assert x.shape[0] < 100, f"bad {x.shape}"
    return x
