"""What wrong calls of layers, losses and optimisers say: tests/errors/layers.calls, compared whole.

A call stands behind `>>>`, its message below. `python tests/python/test_nn_errors.py --write` writes what is said now: read it.
"""

import pathlib
import sys

import neve
import numpy as np
import pytest
from neve import _neve, nn, optim

FILE = pathlib.Path(__file__).resolve().parents[1] / "errors" / "layers.calls"


def f(*shape):
    """Zeros, f32."""
    return _neve.tensor(np.zeros(shape, np.float32))


def i(*shape):
    """Zeros, i64."""
    return _neve.tensor(np.zeros(shape, np.int64))


def calls():
    """[(call, message)]."""
    out = []
    for block in FILE.read_text().split(">>> ")[1:]:
        call, _, message = block.rstrip("\n").partition("\n")
        out.append((call, message))
    return out


def said(call):
    sgd = optim.SGD([nn.Parameter(f(2))], lr=0.1)
    names = {"nn": nn, "F": nn.functional, "optim": optim, "neve": neve, "np": np, "f": f, "i": i, "sgd": sgd}
    try:
        eval(call, names)
    except neve.Error as e:
        assert e.code, call
        return f"{e.code}: {e}"
    return "nothing was wrong"


@pytest.mark.parametrize("call,message", calls() if FILE.exists() else [], ids=lambda v: v if "\n" not in v else "")
def test_message(call, message):
    assert said(call) == message
    assert message != "nothing was wrong" and "(" in message


if __name__ == "__main__":
    if "--write" in sys.argv:
        FILE.write_text("".join(f">>> {c}\n{said(c)}\n\n" for c, _ in calls()))
