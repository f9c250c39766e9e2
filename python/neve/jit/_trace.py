"""trace: one run of a program, kept as a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import _neve
from .._base import Tensor, as_tensor, fail, text_of
from ..autograd import enable_grad, no_grad
from . import _tree
from ._capture import CapturedFunction, Options, capture, code_of, name_of
from ._errors import locate


def trace(
    function: Callable[..., Any],
    *args: Any,
    dynamic: bool | dict[str, Sequence[Any]] = True,
    check: bool = True,
    check_inputs: Sequence[Sequence[Any]] = (),
    relative_tolerance: float = 1e-4,
    absolute_tolerance: float = 1e-5,
    options: Options | None = None,
    **kwargs: Any,
) -> CapturedFunction:
    """Captures what `function` (or a Module) does with tensors like these.

    Every size is open, unless the program itself fixes it: a channel count that a weight has, a size that is used as a
    number. Reading the value of a tensor (bool, int, item, a branch) is an error with the line: what followed would hold
    for that value only.

    dynamic: False keeps the sizes of the example; {"x": ("batch", 3, None)} says them by input: a number is fixed, a name
    or a Dim is open, None is fixed to the example's; equal names are equal sizes.
    check: runs the original and the captured program on the example, on other numbers, and on other sizes where the
    program allows them, and compares; check_inputs adds argument tuples of your own.

    Raises Error{unsupported} with the line for what cannot be captured; Error{internal} naming the output that differs.
    """
    call = "trace"
    names: dict[str, Any] = {}

    def shape_for(path: str, t: Tensor) -> Sequence[Any]:
        if dynamic is False:
            return t.shape
        given = dynamic.get(path) if isinstance(dynamic, dict) else None
        if given is None and isinstance(dynamic, dict):
            return t.shape
        if given is None:
            return tuple(_neve.Dim(f"{path}_{axis}") for axis in range(t.ndim))
        if len(given) != t.ndim:
            fail("shape_mismatch", f"trace: dynamic[{path!r}] is {tuple(given)} for {text_of(t)} (one entry an axis)")
        shape = []
        for axis, d in enumerate(given):
            if isinstance(d, str):
                d = names.setdefault(d, _neve.Dim(d))
            shape.append(t.shape[axis] if d is None else d)
        return shape

    if not callable(function):
        fail("type_mismatch", f"trace: {text_of(function)} (a function, a method or a Module)")
    if isinstance(dynamic, dict):
        unknown = set(dynamic) - set(_paths(function, args, kwargs))
        if unknown:
            fail(
                "not_found", f"trace: dynamic names {sorted(unknown)} (the inputs are {_paths(function, args, kwargs)})"
            )
    try:
        with enable_grad():  # where the program stops gradients is a part of it
            captured = capture(function, args, kwargs, call, shape_for)
    except (_neve.Error, TypeError) as error:
        if len(args) == 1 and isinstance(args[0], tuple) and not kwargs and error.args:
            hint = "the example is one tuple; arguments stand by themselves here: trace(function, x, y)"
            error.args = (f"{error.args[0]}\n  hint: {hint}", *error.args[1:])
        raise
    captured.options = options or captured.options
    if check:
        example, *others = _samples(captured, args, kwargs)
        try:
            for sample in [example, *((tuple(s), {}) for s in check_inputs)]:
                _compare(captured, function, *sample, relative_tolerance, absolute_tolerance, must=True)
            for sample in others:
                _compare(captured, function, *sample, relative_tolerance, absolute_tolerance)
        except _neve.Error as error:
            locate(error, code_of(function))
            raise
    return captured


def _paths(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> list[str]:
    from ._capture import _signature_names

    return _tree.flatten({**dict(zip(_signature_names(function, args), args)), **kwargs}, "trace")[1]


def _samples(captured: CapturedFunction, args: Sequence[Any], kwargs: dict[str, Any]) -> list[tuple[Any, Any]]:
    """The example, and the example with sizes grown where they are open: axes of one name alike."""
    tensors, _, structure = _tree.flatten((tuple(args), dict(kwargs)), "trace")
    shapes = [shape for _, _, shape in captured.inputs[: len(tensors)]]
    grown = []
    for t, shape in zip(tensors, shapes):
        a = np.array(t.detach())
        for axis, name in enumerate(shape):
            if isinstance(name, str) and name.replace(".", "_").isidentifier() and a.shape[axis]:
                a = np.concatenate([a, np.take(a, [0], axis)], axis)
        grown.append(as_tensor(a, "trace").astype(t.dtype))
    samples = [(tuple(args), dict(kwargs))]
    if any(g.shape != t.shape for g, t in zip(grown, tensors)):
        samples.append(_tree.unflatten(structure, grown))
    return samples


def _copied(arguments: Any) -> Any:
    """The same with tensors of their own: the program may change its inputs."""
    tensors, _, structure = _tree.flatten(arguments, "trace")
    return _tree.unflatten(structure, [t.detach().clone() for t in tensors])


def _compare(
    captured: CapturedFunction,
    function: Any,
    args: Any,
    kwargs: Any,
    relative: float,
    absolute: float,
    call: str = "trace",
    *,
    must: bool = False,
) -> bool:
    """Whether the original allows these arguments, and a guard does not refuse them; raises Error where results differ.
    must: what the original raises is raised."""
    kept = [(t, t.detach().clone()) for t in captured._states]
    states = [g.get_state() for g, _ in captured._generators]

    def restore() -> None:
        for t, value in kept:
            t.detach().copy_(value)
        for (g, _), s in zip(captured._generators, states):
            g.set_state(s)

    with no_grad():
        try:
            want = function(*_copied(args), **_copied(kwargs))
        except Exception as error:  # not a call that the original allows
            if must:
                locate(error)
                raise
            return False
        finally:
            restore()
        if not captured.accepts(_tree.flatten((args, kwargs), "trace")[0]):
            return False  # sizes that a guard refuses
        try:
            got = captured(*_copied(args), **_copied(kwargs))
        finally:
            restore()
    a, paths, _ = _tree.flatten(want, "trace")
    b, _, _ = _tree.flatten(got, "trace")
    sizes = ", ".join(text_of(t) for t in _tree.flatten((args, kwargs), "trace")[0])
    for path, x, y in zip(paths, a, b):
        p, q = (
            np.array(x.detach().astype("f64") if x.dtype == "bf16" else x.detach()),
            np.array(y.astype("f64") if y.dtype == "bf16" else y),
        )
        if p.shape != q.shape or p.dtype != q.dtype:
            fail(
                "internal",
                f"{call}: output {path or '0'} of {name_of(function)} is {text_of(y)} where it should be {text_of(x)} for ({sizes})",
            )
        if p.size and p.dtype.kind in "fc":
            bound = relative * np.nanmax(np.abs(np.where(np.isfinite(p), p, 0))) + absolute
            if not np.allclose(p, q, rtol=0, atol=bound, equal_nan=True):
                worst = np.nanmax(np.abs(p - q))
                fail(
                    "internal",
                    f"{call}: output {path or '0'} of {name_of(function)} differs from the original by {worst:.3g} for ({sizes})",
                )
        elif not np.array_equal(p, q):
            fail(
                "internal",
                f"{call}: output {path or '0'} of {name_of(function)} differs from the original for ({sizes})",
            )
    return True
