"""to_static: a function or module that runs captured, a specialisation for every kind of call."""

from __future__ import annotations

import copy
import functools
import threading
import types
from collections.abc import Callable, Sequence
from typing import Any

from .. import _neve
from .._base import Tensor, dtype_name, fail, text_of
from ..nn._core import autocast as _autocast
from ..nn.module import Module
from . import _tree
from ._capture import CapturedFunction, Options, capture
from ._convert import is_user_code, transform

_enabled = True
_MOST = 64


class InputSpec:
    """What an input may be: a shape of numbers, None or -1 (open), names or Dims (equal names are equal sizes), a dtype.

    Source: paddle.static.InputSpec.
    """

    def __init__(self, shape: Sequence[Any], dtype: Any = "f32", name: str | None = None) -> None:
        self.shape = tuple(None if n == -1 and isinstance(n, int) else n for n in shape)
        self.dtype, self.name = dtype_name(dtype), name

    @classmethod
    def from_tensor(cls, t: Tensor, name: str | None = None) -> InputSpec:
        """The shape and dtype of a tensor."""
        return cls(t.shape, t.dtype, name)

    @classmethod
    def from_numpy(cls, a: Any, name: str | None = None) -> InputSpec:
        """The shape and dtype of an array."""
        return cls(a.shape, a.dtype, name)

    def batch(self, size: Any) -> InputSpec:
        """With one more axis in front."""
        return InputSpec((size, *self.shape), self.dtype, self.name)

    def unbatch(self) -> InputSpec:
        """Without the first axis."""
        if not self.shape:
            fail("shape_mismatch", "InputSpec.unbatch: the shape is () (one axis or more)")
        return InputSpec(self.shape[1:], self.dtype, self.name)

    def __repr__(self) -> str:
        return f"InputSpec(shape={self.shape}, dtype={self.dtype!r}, name={self.name!r})"

    def check(self, t: Tensor, name: str, call: str) -> None:
        """Raises Error{type_mismatch | shape_mismatch} where a tensor is none of these."""
        if t.dtype != self.dtype:
            fail("type_mismatch", f"{call}: input '{name}' is {text_of(t)} (the InputSpec says {self.dtype})")
        if t.ndim != len(self.shape):
            fail(
                "shape_mismatch", f"{call}: input '{name}' is {text_of(t)} (the InputSpec says {len(self.shape)} axes)"
            )
        for axis, n in enumerate(self.shape):
            if isinstance(n, int) and t.shape[axis] != n:
                fail(
                    "shape_mismatch", f"{call}: input '{name}' axis {axis} is {t.shape[axis]} (the InputSpec says {n})"
                )


class Specialisation:
    """One captured form, and why it was made."""

    def __init__(self, captured: CapturedFunction, reason: str) -> None:
        self.captured, self.reason, self.calls = captured, reason, 0
        self.original = ""  # why the original runs where gradients are asked for

    def __repr__(self) -> str:
        own = len(self.captured._inputs)
        ports = ", ".join(f"{n}: {d}[{', '.join(map(str, s))}]" for n, d, s in self.captured.inputs[:own])
        if more := len(self.captured.inputs) - own:
            ports += f", and {more} buffers and random keys"
        return f"({ports}), {self.calls} calls: {self.reason}"


class StaticFunction:
    """A function that runs captured. Calls that differ in structure, constants, dtypes, ranks or the modules' modes have
    specialisations of their own; sizes do not, unless the program decided by them.

    Where gradients are asked for, forward and backward run compiled; what has no captured gradient runs as the original,
    and explain() says why.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        input_spec: Sequence[InputSpec] | None = None,
        options: Options | None = None,
    ) -> None:
        self.options = options or Options()
        functools.update_wrapper(self, function, updated=())
        self.__name__: str = getattr(function, "__name__", type(function).__name__)
        self.__qualname__: str = getattr(function, "__qualname__", type(function).__name__)
        self._function, self._spec = function, tuple(input_spec) if input_spec is not None else None
        self._table: dict[Any, list[Specialisation]] = {}
        self._eager: dict[str, int] = {}
        self.last: Specialisation | None = None  # that the last call took
        self._lock = threading.RLock()

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        place = f"_static_{self.__name__}"  # lives and dies with its instance
        with self._lock:
            made = instance.__dict__.get(place)
            if made is None or made._function.__func__ is not self._function:
                made = StaticFunction(types.MethodType(self._function, instance), self._spec, self.options)
                object.__setattr__(instance, place, made)
            return made

    def __deepcopy__(self, memo: dict[int, Any]) -> StaticFunction:
        return StaticFunction(copy.deepcopy(self._function, memo), self._spec, self.options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if _neve.is_capturing():
            return _converted(self._function)(*args, **kwargs)
        tensors, _, structure = _tree.flatten((args, kwargs), self.__qualname__)
        if not _enabled:
            return self._original("enable_to_static(False)", args, kwargs)
        if self._spec is not None:
            for i, (spec, t) in enumerate(zip(self._spec, tensors)):
                spec.check(t, spec.name or str(i), self.__qualname__)
        grad = bool(_neve.is_grad_enabled())
        key = (structure, tuple((t.dtype, t.ndim) for t in tensors), grad, _autocast.dtype)
        shared = any(t._shares(u) for i, t in enumerate(tensors) for u in tensors[:i])
        chosen = self.last = self._specialisation(key, tensors, args, kwargs)
        if chosen.original and grad and chosen.captured.is_trained(tensors):
            return self._original(chosen.original, args, kwargs)
        if shared and chosen.captured.changed_inputs:
            return self._original("inputs that share memory are changed in place", args, kwargs)
        chosen.calls += 1
        try:
            return chosen.captured(*args, **kwargs)
        except _neve.Error as error:
            if error.code != "unsupported" or not grad or not chosen.captured.is_trained(tensors):
                raise
            chosen.original = f"no gradient: {error}"
            return self._original(chosen.original, args, kwargs)

    def _original(self, reason: str, args: Any, kwargs: Any) -> Any:
        self._eager[reason] = self._eager.get(reason, 0) + 1
        return self._function(*args, **kwargs)

    def _specialisation(self, key: Any, tensors: list[Tensor], args: Any, kwargs: Any) -> Specialisation:
        with self._lock:
            known = self._table.setdefault(key, [])
            for s in known:
                if s.captured.accepts(tensors):
                    return s
            if len(known) >= _MOST:
                fail(
                    "unsupported",
                    f"{self.__qualname__}: more than {_MOST} specialisations for one kind of call; the program decides by its sizes each time: {known[-1].captured.guards[:3]}",
                )
            made = self._capture(args, kwargs)
            if known:
                reason = known[-1].captured.why_not(tensors)
                if reason == "other sizes":
                    reason += (
                        f" than {'; '.join(g.relation + ' at ' + g.location for g in known[-1].captured.guards[:4])}"
                    )
            else:
                reason = "the first call" if len(self._table) == 1 else "other arguments, dtypes, ranks or modes"
            known.append(Specialisation(made, reason))
            return known[-1]

    def _capture(self, args: Any, kwargs: Any) -> CapturedFunction:
        names: dict[str, Any] = {}
        count = iter(range(1 << 30))

        def shape_for(path: str, t: Tensor) -> Sequence[Any]:
            i = next(count)
            spec = self._spec[i] if self._spec is not None and i < len(self._spec) else None
            if spec is None:
                return tuple(_neve.Dim(f"{path}_{axis}") for axis in range(t.ndim))
            shape = []
            for axis, n in enumerate(spec.shape):
                if isinstance(n, str):
                    n = names.setdefault(n, _neve.Dim(n))
                shape.append(_neve.Dim(f"{path}_{axis}") if n is None else n)
            return shape

        made = capture(self._function, args, kwargs, "to_static", shape_for, convert=True)
        made.options = self.options
        return made

    @property
    def specialisations(self) -> list[Specialisation]:
        """All captured forms so far."""
        return [s for group in self._table.values() for s in group]

    @property
    def code(self) -> str:
        """The source that is captured: control flow as calls."""
        inner = transform(getattr(self._function, "__func__", self._function))
        return getattr(inner, "source", "")

    @property
    def graph(self) -> str:
        """The graph of the last specialisation."""
        if not self.specialisations:
            fail("not_found", f"{self.__qualname__}: nothing has been captured yet (call it first)")
        return self.specialisations[-1].captured.graph

    def rollback(self) -> Callable[..., Any]:
        """The original function."""
        return self._function

    def explain(self, measure: bool = False) -> str:
        """What exists and why, as text. measure: also what each option is worth, in milliseconds of a call of the size
        that was captured; takes seconds."""
        lines = [f"{self.__qualname__}: {len(self.specialisations)} specialisations"]
        for s in self.specialisations:
            lines.append(f"  {s!r}")
            lines += [f"    guard {g.relation} at {g.location}" for g in s.captured.guards]
            lines += [f"    {text}" for text in s.captured.trained()]
            lines += [f"    {name}: off" for name, on in vars(s.captured.options).items() if not on]
            for name, (on, off) in s.captured.measure().items() if measure else ():
                lines.append(f"    {name}: {on:.3f} ms with, {off:.3f} ms without ({off - on:+.3f} ms)")
        lines += [f"  {n} calls ran the original: {reason}" for reason, n in self._eager.items()]
        return "\n".join(lines)


def _converted(function: Callable[..., Any]) -> Callable[..., Any]:
    return transform(function) if is_user_code(getattr(function, "__func__", function)) else function


def to_static(
    function: Any = None, input_spec: Sequence[InputSpec] | None = None, *, options: Options | None = None
) -> Any:
    """Makes a function, method or Module run captured; as a decorator with or without arguments.

    `if`, `while`, `for` and what leaves them become part of the graph where tensors or open sizes decide them. A Module is
    changed in place (its forward) and returned. The first call of a kind captures and compiles; new sizes do not. Where
    gradients are asked for, forward and backward run compiled. options: what may be done while it is built.
    """
    if function is None:
        return functools.partial(to_static, input_spec=input_spec, options=options)
    if isinstance(function, Module):
        if not isinstance(function.forward, StaticFunction):
            object.__setattr__(function, "forward", StaticFunction(function.forward, input_spec, options))
        return function
    if isinstance(function, StaticFunction):
        return function
    if not callable(function):
        fail("type_mismatch", f"to_static: {text_of(function)} (a function, a method or a Module)")
    return StaticFunction(function, input_spec, options)


def not_to_static(function: Callable[..., Any]) -> Callable[..., Any]:
    """Leaves a function as it is: its control flow runs as Python while a caller is captured."""
    function.__neve_not_to_static__ = True  # type: ignore[attr-defined]
    return function


def enable_to_static(on: bool = True) -> None:
    """Whether functions made by to_static run captured, in this process; off, the originals run."""
    global _enabled
    _enabled = bool(on)


__all__ = ["InputSpec", "Specialisation", "StaticFunction", "enable_to_static", "not_to_static", "to_static"]
