"""How tensors are printed: NumPy's form, with options of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from . import _neve
from ._base import Tensor, value_error

_OPTIONS: dict[str, Any] = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 100, "sci_mode": None}
_PLAIN = ("f32", "i64", "bool")
_native = _neve.Tensor.__repr__


def set_printoptions(**options: Any) -> None:
    """precision, threshold (elements above which the middle is left out), edgeitems, linewidth, sci_mode (None: as needed)."""
    for name in options:
        if name not in _OPTIONS:
            value_error(f"set_printoptions: there is no option {name!r} ({', '.join(_OPTIONS)})")
    _OPTIONS.update(options)


def get_printoptions() -> dict[str, Any]:
    """The options in force."""
    return dict(_OPTIONS)


@contextlib.contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Options within a `with` block."""
    before = dict(_OPTIONS)
    set_printoptions(**options)
    try:
        yield
    finally:
        _OPTIONS.update(before)


def _corners(t: Tensor) -> Tensor:
    """A tensor with the elements that are shown of a long one, and one between them in each axis that is cut."""
    edge = _OPTIONS["edgeitems"]
    for axis, n in enumerate(t.shape):
        if n > 2 * edge + 1:
            lead = (slice(None),) * axis
            parts = (t[(*lead, slice(0, edge + 1))], t[(*lead, slice(n - edge, None))])
            t = _neve.Op("concat")(*parts, axis=axis)
    return t


def _array_text(t: Tensor) -> str:
    o = _OPTIONS
    cut = t.size > o["threshold"]
    t = _corners(t) if cut else t
    a = np.array(t.astype("f32") if t.dtype == "bf16" else t)
    form: Any = {"float_kind": lambda v: f"{v:.{o['precision']}e}"} if o["sci_mode"] else None
    return np.array2string(
        a,
        precision=o["precision"],
        threshold=0 if cut else a.size + 1,
        edgeitems=o["edgeitems"],
        max_line_width=o["linewidth"],
        suppress_small=True if o["sci_mode"] is False else None,
        separator=", ",
        prefix="tensor(",
        formatter=form,
    )


def tensor_repr(t: Tensor) -> str:
    """tensor([[1., 2.]], dtype=f64, requires_grad=True): the dtype where it is none of f32, i64, bool."""
    if _neve.is_captured(t):
        return _native(t)
    d = t.detach()
    if d.size:
        text = "tensor(" + _array_text(d)
    else:
        text = "tensor([]" + (f", shape={t.shape}" if t.shape != (0,) else "")
    if t.dtype not in _PLAIN:
        text += f", dtype={t.dtype}"
    if t.requires_grad:
        text += ", requires_grad=True" if t.is_leaf else _function_of(t)
    return text + ")"


def _function_of(t: Tensor) -> str:
    native = _native(t)  # the C++ side knows the name; it leaves out the middle of long tensors as well
    at = native.rfind(", grad_fn=<")
    return native[at:-1] if at >= 0 else ""
