"""Reads the packed golden files of tests/golden/make_nn_golden.py."""

import ast
import pathlib
import sys

import numpy as np

GOLDEN = pathlib.Path(__file__).parent.parent / "golden"
sys.path.insert(0, str(GOLDEN))


def read(name):
    """{key: array} of a packed file."""
    with np.load(GOLDEN / name) as z:
        data = {k: z[k] for k in z.files}
    out = {}
    for key, dtype, start, shape in ast.literal_eval(str(data["index"])):
        out[key] = data["data" + dtype][start : start + int(np.prod(shape))].reshape(shape)
    return out


def by_case(name):
    """{case: {what: array}}."""
    cases = {}
    for key, a in read(name).items():
        case, _, what = key.rpartition("|")
        cases.setdefault(case, {})[what] = a
    return cases
