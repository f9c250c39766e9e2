"""Parts of tensors that may be empty for some sizes, and branches that ask for it: one graph for all sizes."""

import neve
import numpy as np
from capture_cases import program


def with_one_row():
    """Batches of 1, 2, 3 and 6."""
    for k, shape in enumerate([(3, 4), (1, 5), (2, 2), (6, 3), (1, 1)]):
        yield (np.random.default_rng(k).standard_normal(shape) * (1 + k % 3)).astype("f")


@program(inputs=with_one_row)
def mean_of_the_rest(x):
    w = x[1:]
    if w.shape[0] == 0:
        return x.sum()
    return x.sum() + w.mean()


@program(inputs=with_one_row)
def max_of_the_rest(x):
    w = x[1:]
    if len(w) > 0:
        return x.sum() + w.max()
    return x.sum()


@program(inputs=with_one_row)
def max_of_every_second(x):
    w = x[1::2]
    if w.shape[0] == 0:
        return x.sum()
    return x.sum() + w.max()


@program(inputs=with_one_row)
def size_and_mean(x):
    w = x[1:]
    s = x.sum()
    if w.size and w.mean() > 0:
        s = s + w.mean()
    return s


@program(inputs=with_one_row)
def halves(x):
    a, b = x[: len(x) // 2], x[len(x) // 2 :]
    if a.size == 0:
        return b.max()
    return neve.maximum(a.max(), b.max()) + a.min()


@program(inputs=with_one_row)
def max_of_a_mask(x):
    v = x[x > 0]
    if v.shape[0] > 0:
        return v.max() + v.mean()
    return x.sum()


@program(inputs=with_one_row)
def max_of_what_follows(x):
    for i in range(len(x)):
        r = x[i + 1 :]
        if len(r) == 0:
            break
        if r.max() > 1:
            return x[i] * 2
    return x[0]


@program(inputs=with_one_row)
def statistics_of_one_row(x):
    return neve.var(x), x.std(), neve.var(x, correction=1), x.std(axis=0), x[1:].mean(), neve.logsumexp(x[1:])


@program(inputs=with_one_row, raises="is empty")
def max_of_nothing(x):
    v = x[x > 100]
    return v.max()
