"""to_static: a function or module that runs captured, a specialisation for every kind of call."""

from __future__ import annotations

import collections
import copy
import functools
import threading
import types
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from .. import _neve
from .._base import Tensor, fail, text_of, type_error
from ..nn._core import autocast as _autocast
from ..nn.module import Module
from . import _tree
from ._capture import CapturedFunction, Options, capture
from ._convert import is_user_code, transform
from ._errors import locate
from ._spec import InputSpec, Signature

_enabled = True
_MOST = 128  # specialisations of one function, and reasons why originals ran
_NAMED = 16  # of those dropped, how many explain() names


class Specialisation:
    """One captured form, and why it was made."""

    def __init__(self, captured: CapturedFunction, reason: str) -> None:
        self.captured, self.reason = captured, reason
        self.used = 0  # the number of the call of the function that took it last
        self.slow = 0  # calls that came through Python
        self.quick: Any = None  # a _neve.Call for those that need not
        self._runner: Any = None  # that it calls
        self._counted = 0  # of its calls, when `used` was set
        self.original = ""  # why the original runs where gradients are asked for

    @property
    def calls(self) -> int:
        """Calls that it served."""
        return self.slow + (0 if self.quick is None else int(self.quick.calls))

    def hasten(self, dispatch: Any, mode: Any) -> None:
        """Lets calls like the one that was served go straight to the runner, until the weights are packed anew."""
        c = self.captured
        if self._runner is c._engine:
            return
        if self.quick is not None:
            dispatch.remove(self.quick)
            self.slow, self.quick = self.calls, None
        self._runner, self._counted = c._engine, 0
        self.quick = None if c._environment is None else c.quick_call(c._environment.watch, mode)
        if self.quick is not None:
            dispatch.add(self.quick)

    def was_used(self, number: int) -> None:
        """Notes calls that Python has not seen."""
        if self.quick is not None and self.quick.calls != self._counted:
            self.used, self._counted = number, self.quick.calls

    def __repr__(self) -> str:
        own = len(self.captured._inputs)
        ports = ", ".join(f"{n}: {d}[{', '.join(map(str, s))}]" for n, d, s in self.captured.inputs[:own])
        if more := len(self.captured.inputs) - own:
            ports += f", and {more} buffers and random keys"
        return f"({ports}), {self.calls} calls: {self.reason}"


class StaticFunction:
    """A function that runs captured. Calls that differ in structure, constants, dtypes, ranks or the modules' modes have
    specialisations of their own; sizes do not, unless the program decided by them. 128 are kept: that which was not used
    for longest goes, and a warning says so once.

    Where gradients are asked for, forward and backward run compiled; what has no captured gradient runs as the original,
    and explain() says why.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        input_spec: Sequence[Any] | None = None,
        options: Options | None = None,
    ) -> None:
        if input_spec is not None and not isinstance(input_spec, (list, tuple)):
            type_error(
                f"to_static: input_spec is {text_of(input_spec)} (a list with an InputSpec or a value for each argument)"
            )
        self.options = options or Options()
        functools.update_wrapper(self, function, updated=())
        self.__name__: str = getattr(function, "__name__", type(function).__name__)
        self.__qualname__: str = getattr(function, "__qualname__", type(function).__name__)
        self._function, self._spec = function, tuple(input_spec) if input_spec is not None else None
        self._signature: Signature | None = None  # what _spec says, once there is a call
        self._table: dict[Any, list[Specialisation]] = {}
        self._uses = 0
        self._dropped: collections.deque[str] = collections.deque(maxlen=_NAMED)
        self._drops = 0
        self._eager: dict[str, int] = {}
        self._dispatch = _neve.Dispatch()
        self._last: Specialisation | None = None  # None: that which the dispatch called last
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
        if _enabled:
            try:
                result = self._dispatch(args, kwargs, (_autocast.dtype, _neve.is_grad_enabled()))
            except _neve.Error:  # said again below, or the original says it
                result = NotImplemented
            if result is not NotImplemented:
                self._last = None
                return result
        return self._slow(args, kwargs)

    def _slow(self, args: Any, kwargs: Any) -> Any:
        """A call that no compiled form takes as it is."""
        inner = _neve.is_capturing()
        if inner and self._spec is None:
            return self._inside(args, kwargs)
        tensors, _, structure = _tree.flatten((args, kwargs), self.__qualname__, arrays=not inner)
        if not _enabled:
            return self._original("enable_to_static(False)", args, kwargs)
        specs = self._specs(structure, tensors)
        if self._spec is not None:
            if any(s is not None and s.stop_gradient for s in specs):
                tensors = [t.detach() if s is not None and s.stop_gradient else t for s, t in zip(specs, tensors)]
                args, kwargs = _tree.unflatten(structure, tensors)
            if inner:
                return self._inside(args, kwargs)
        grad = bool(_neve.is_grad_enabled())
        key = (structure, tuple((t.dtype, t.ndim) for t in tensors), grad, _autocast.dtype)
        shared = any(t._shares(u) for i, t in enumerate(tensors) for u in tensors[:i])
        chosen = self._last = self._specialisation(key, tensors, specs, args, kwargs)
        if chosen.original and grad and chosen.captured.is_trained(tensors):
            return self._original(chosen.original, args, kwargs)
        if shared and chosen.captured.changed_inputs:
            return self._original("inputs that share memory are changed in place", args, kwargs)
        chosen.slow += 1
        try:
            returned = chosen.captured.slowly(args, kwargs)
        except _neve.Error as error:
            if error.code == "shape_mismatch":
                return self._instead(f"sizes: {error}", args, kwargs)
            if error.code != "unsupported" or not grad or not chosen.captured.is_trained(tensors):
                raise
            returned = self._instead(f"no gradient: {error}", args, kwargs)
            chosen.original = f"no gradient: {error}"
            return returned
        with self._lock:
            if any(s is chosen for s in self._table.get(key, ())):
                chosen.hasten(self._dispatch, (_autocast.dtype, _neve.is_grad_enabled()))
        return returned

    def _inside(self, args: Any, kwargs: Any) -> Any:
        """A call inside of what is captured."""
        from ._calls import active
        from ._statements import for_plain_code

        returned = _converted(self._function)(*args, **kwargs)
        return returned if active() else for_plain_code(returned, self.__qualname__)

    def _instead(self, reason: str, args: Any, kwargs: Any) -> Any:
        """What the original returns where the graph refuses; what it raises says where, and is no reason to stay with it."""
        try:
            returned = self._function(*args, **kwargs)
        except Exception as error:
            locate(error)
            raise error from None
        self._count(reason)
        return returned

    def _original(self, reason: str, args: Any, kwargs: Any) -> Any:
        self._count(reason)
        return self._function(*args, **kwargs)

    def _count(self, reason: str) -> None:
        if reason not in self._eager and len(self._eager) >= _MOST:
            reason = "other reasons"
        self._eager[reason] = self._eager.get(reason, 0) + 1

    def _said(self) -> Signature:
        if self._signature is None:
            self._signature = Signature(self._spec, self._function, self.__qualname__)
        return self._signature

    def shapes(self, structure: Any, tensors: Sequence[Tensor], paths: Sequence[str]) -> tuple[Any, list[str | None]]:
        """The sizes (numbers, or Dims where they are open) and names that the tensors of a call are captured with."""
        specs = self._specs(structure, tensors)
        return [self._shape(*of) for of in zip(specs, tensors, paths)], [s.name if s else None for s in specs]

    def _specs(self, structure: Any, tensors: Sequence[Tensor]) -> Sequence[InputSpec | None]:
        """What input_spec says of each tensor of a call."""
        return [None] * len(tensors) if self._spec is None else self._said().match(structure, tensors)

    def _shape(self, spec: InputSpec | None, t: Tensor, path: str) -> Sequence[Any]:
        if spec is None:
            return tuple(_neve.Dim(f"{path}_{axis}") for axis in range(t.ndim))
        return self._said().shape(spec, path)

    def _specialisation(
        self, key: Any, tensors: list[Tensor], specs: Sequence[InputSpec | None], args: Any, kwargs: Any
    ) -> Specialisation:
        with self._lock:
            self._uses += 1
            for s in self._table.get(key, ()):
                if s.captured.accepts(tensors):
                    s.used = self._uses
                    return s
            made = self._capture(specs, args, kwargs)
            known = self._table.get(key, [])
            if known:
                reason = known[-1].captured.why_not(tensors)
                if reason == "other sizes":
                    reason += (
                        f" than {'; '.join(g.relation + ' at ' + g.location for g in known[-1].captured.guards[:4])}"
                    )
            else:
                reason = "other arguments, dtypes, ranks or modes" if self._table else "the first call"
            found = Specialisation(made, reason)
            found.used = self._uses
            self._table.setdefault(key, []).append(found)
            if len(self.specialisations) > _MOST:
                self._drop()
            return found

    def _drop(self) -> None:
        """The specialisation that was not used for longest goes."""
        for s in self.specialisations:
            s.was_used(self._uses)
        key, oldest = min(((k, s) for k, group in self._table.items() for s in group), key=lambda e: e[1].used)
        self._table[key].remove(oldest)
        if oldest.quick is not None:
            self._dispatch.remove(oldest.quick)
        if not self._table[key]:
            del self._table[key]
        if not self._drops:
            warnings.warn(
                f"{self.__qualname__}: more than {_MOST} specialisations: those not used for longest are dropped, and "
                "captured again when they are called (explain() says why each exists)",
                RuntimeWarning,
                stacklevel=4,
            )
        self._drops += 1
        self._dropped.append(repr(oldest))

    def _capture(self, specs: Sequence[InputSpec | None], args: Any, kwargs: Any) -> CapturedFunction:
        said = iter(specs)
        names = [s.name if s else None for s in specs]
        made = capture(
            self._function,
            args,
            kwargs,
            "to_static",
            lambda path, t: self._shape(next(said), t, path),
            convert=True,
            names=names,
        )
        made.options = self.options
        return made

    @property
    def last(self) -> Specialisation | None:
        """That which the last call took."""
        if self._last is None and (first := self._dispatch.first) is not None:
            return next((s for s in self.specialisations if s.quick is first), None)
        return self._last

    @property
    def specialisations(self) -> list[Specialisation]:
        """All captured forms so far."""
        return [s for group in self._table.values() for s in group]

    @property
    def code(self) -> str:
        """The source that is captured: control flow as calls."""
        return getattr(_converted(getattr(self._function, "__func__", self._function)), "source", "")

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
        if self._drops:
            lines.append(f"  {self._drops} were dropped for others; the last of them:")
            lines += [f"    {text}" for text in self._dropped]
        return "\n".join(lines)


def _converted(function: Callable[..., Any]) -> Callable[..., Any]:
    return transform(function) if is_user_code(getattr(function, "__func__", function)) else function


def to_static(function: Any = None, input_spec: Sequence[Any] | None = None, *, options: Options | None = None) -> Any:
    """Makes a function, method or Module run captured; as a decorator with or without arguments.

    `if`, `while`, `for` and what leaves them become part of the graph where tensors or open sizes decide them. A Module is
    changed in place (its forward) and returned. The first call of a kind captures and compiles; new sizes do not. Where
    gradients are asked for, forward and backward run compiled. options: what may be done while it is built.

    input_spec: a list with an entry for each argument: an InputSpec, a list, tuple, dict or dataclass of them, or a value
    that is no tensor and the same at every call. Calls that are otherwise raise Error{type_mismatch | shape_mismatch |
    invalid_argument}.
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


__all__ = ["Specialisation", "StaticFunction", "enable_to_static", "not_to_static", "to_static"]
