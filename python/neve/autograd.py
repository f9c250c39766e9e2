"""Gradients: recording on and off, backward and grad, functions of one's own, checkpoints, anomalies, checks."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from . import _neve
from . import random as _random
from ._base import FLOATS, Tensor, as_tensor, shape_error, text_of, type_error, value_error

__all__ = [
    "Function", "backward", "checkpoint", "detect_anomaly", "enable_grad", "grad", "gradcheck", "gradgradcheck",
    "hessian", "inference_mode", "is_grad_enabled", "jacobian", "no_grad", "set_detect_anomaly", "set_grad_enabled",
]  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])
is_grad_enabled = _neve.is_grad_enabled


class _Mode:
    """A context manager that is a decorator as well, of functions and of generators."""

    def __init__(self, on: bool) -> None:
        self._on, self._before = on, []  # type: tuple[bool, list[bool]]

    def _new(self) -> _Mode:
        return _Mode(self._on)

    def __enter__(self) -> None:
        self._before.append(_neve.set_grad_enabled(self._on))

    def __exit__(self, *_: object) -> None:
        _neve.set_grad_enabled(self._before.pop())

    def __call__(self, f: F) -> F:
        if inspect.isgeneratorfunction(f):

            @functools.wraps(f)
            def steps(*args: Any, **kwargs: Any) -> Iterator[Any]:
                made = f(*args, **kwargs)
                sent = None
                while True:
                    try:
                        with self._new():
                            got = made.send(sent)
                    except StopIteration as stop:
                        return stop.value
                    sent = yield got

            return steps  # type: ignore[return-value]

        @functools.wraps(f)
        def called(*args: Any, **kwargs: Any) -> Any:
            with self._new():
                return f(*args, **kwargs)

        return called  # type: ignore[return-value]


class no_grad(_Mode):
    """Operations inside are not recorded: `with no_grad():`, or `@no_grad()` before a function."""

    def __new__(cls, f: Any = None) -> Any:
        return super().__new__(cls) if f is None else cls()(f)

    def __init__(self, f: Any = None) -> None:
        super().__init__(False)


class enable_grad(_Mode):
    """Operations inside are recorded, within no_grad too."""

    def __new__(cls, f: Any = None) -> Any:
        return super().__new__(cls) if f is None else cls()(f)

    def __init__(self, f: Any = None) -> None:
        super().__init__(True)


inference_mode = no_grad


class set_grad_enabled(_Mode):
    """Recording on or off from here on, or within a `with` block. Called as a decorator it leaves the mode alone."""

    def __init__(self, mode: bool) -> None:
        super().__init__(bool(mode))
        self._outer = _neve.set_grad_enabled(self._on)

    def __enter__(self) -> None:
        self._before.append(self._outer)
        _neve.set_grad_enabled(self._on)

    def __call__(self, f: F) -> F:
        _neve.set_grad_enabled(self._outer)
        return super().__call__(f)


def _listed(x: Any) -> list[Any]:
    return list(x) if isinstance(x, (tuple, list)) else [x]


def backward(
    outputs: Tensor | Sequence[Tensor],
    gradients: Any = None,
    *,
    retain_graph: bool = False,
    create_graph: bool = False,
) -> None:
    """Adds the gradients of the outputs to `.grad` of the leaves they were computed from.

    gradients: one for each output; none for outputs of one element. create_graph records the walk, for higher derivatives.
    Raises Error{invalid_argument} for an output of more elements without gradient, for a graph that an earlier walk freed,
    for a tensor that was changed in place after it was saved. Cost: about twice the forward computation.
    """
    given = None if gradients is None else _listed(gradients)
    _neve.backward(_listed(outputs), given, retain_graph or create_graph, create_graph)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    *,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Any, ...]:
    """The gradients of outputs by inputs, as a tuple; `.grad` stays as it is.

    Inputs that have no part in the outputs: None with allow_unused, else Error{invalid_argument}. Source: torch.autograd.grad.
    """
    given = None if grad_outputs is None else _listed(grad_outputs)
    keep = create_graph if retain_graph is None else retain_graph
    return tuple(_neve.grad(_listed(outputs), _listed(inputs), given, keep, create_graph, allow_unused))


# ---- functions of one's own ------------------------------------------------------------------------------------------


class Context:
    """What a Function's forward keeps for its backward: any attributes, and tensors by save_for_backward."""

    needs_input_grad: tuple[bool, ...] = ()

    def __init__(self) -> None:
        self._saved: list[Any] = []
        self._versions: list[int] = []
        self._unmarked: list[Tensor] = []
        self._name = ""

    def save_for_backward(self, *tensors: Any) -> None:
        """Keeps tensors (or None), and notices if one is changed in place before backward."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                type_error(f"save_for_backward: {text_of(t)} was given (tensors; other things are attributes of ctx)")
        self._saved = list(tensors)
        self._versions = [t._version if t is not None else 0 for t in tensors]

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Outputs that get no gradient."""
        self._unmarked = list(tensors)

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The tensors that save_for_backward kept. Raises Error{invalid_argument} if one was changed in place since."""
        for k, (t, version) in enumerate(zip(self._saved, self._versions)):
            if t is not None and t._version != version:
                value_error(
                    f"{self._name}: saved tensor {k}, {text_of(t)}, was changed in place after it was saved (version {version}, "
                    f"now {t._version}; clone() before the change)"
                )
        return tuple(self._saved)


class Function:
    """A function with a gradient of one's own: static forward(ctx, *args) and backward(ctx, *gradients); called by apply.

    forward runs unrecorded; backward returns one gradient for each argument (None where there is none). With
    create_graph backward is recorded. Source: torch.autograd.Function.
    """

    @staticmethod
    def forward(ctx: Context, *args: Any) -> Any:
        raise NotImplementedError("Function: forward(ctx, *args) is to be defined")

    @staticmethod
    def backward(ctx: Context, *gradients: Any) -> Any:
        raise NotImplementedError("Function: backward(ctx, *gradients) is to be defined")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Calls forward, and records backward as its gradient."""
        ctx = Context()
        ctx._name = cls.__name__
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        with no_grad():
            made = cls.forward(ctx, *args)
        outputs = _listed(made)
        for y in outputs:
            if not isinstance(y, Tensor):
                type_error(f"{cls.__name__}: forward returned {text_of(y)} (tensors)")
        if not (is_grad_enabled() and (any(ctx.needs_input_grad) or _neve.is_capturing())):
            return made
        # What is saved and is an output must not be held by the graph that the output holds; an input returned as it is
        # gets a name of its own.
        ctx._saved = [
            t.detach() if t is not None and any(t.is_same(y) for y in outputs) and not any(t is a for a in args) else t
            for t in ctx._saved
        ]
        outputs = [y.detach() if any(y is a for a in args) else y for y in outputs]
        shapes = [(y.shape, y.dtype) for y in outputs]
        places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]

        def gradients(given: list[Any]) -> list[Any]:
            from ._creation import zeros

            full = [zeros(s, dtype=d) if g is None and d in FLOATS else g for g, (s, d) in zip(given, shapes)]
            back = cls.backward(ctx, *full)
            back = back if isinstance(back, (tuple, list)) else (back,)
            if len(back) != len(args):
                value_error(
                    f"{cls.__name__}: backward returned {len(back)} gradients for {len(args)} arguments (one for each, or None)"
                )
            wanted = []
            for i in places:
                g = back[i]
                if g is not None and g.shape != args_shapes[i]:
                    shape_error(
                        f"{cls.__name__}: backward returned {text_of(g)} for argument {i} (the shape of the argument, {args_shapes[i]})"
                    )
                wanted.append(g if ctx.needs_input_grad[i] else None)
            return wanted

        args_shapes = {i: args[i].shape for i in places}
        unmarked = [any(y.is_same(u) for u in ctx._unmarked) for y in outputs]
        ctx._unmarked = []
        recorded = _neve.custom(cls.__name__, [args[i] for i in places], outputs, gradients)
        recorded = [y.detach() if plain else y for y, plain in zip(recorded, unmarked)]
        return type(made)(recorded) if isinstance(made, (tuple, list)) else recorded[0]


def checkpoint(function: Callable[..., Any], *args: Any, preserve_rng_state: bool = True, **kwargs: Any) -> Any:
    """function(*args, **kwargs) without keeping what its gradient needs: it is run once more during backward.

    Gradients reach tensors among args by both backward and grad; leaves that the function holds (the weights of a
    module) by backward alone. Random draws are repeated as they were, with preserve_rng_state. Cost: one more forward.
    Source: torch.utils.checkpoint.
    """
    if not is_grad_enabled() or _neve.is_capturing():
        return function(*args, **kwargs)
    state = _random.get_state() if preserve_rng_state else None
    with no_grad():
        made = function(*args, **kwargs)
    outputs = _listed(made)
    places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
    # Always recorded: the function may hold weights that ask for gradients where no argument does.
    recorder = _neve.tensor(np.zeros((), dtype=np.float32), requires_grad=True)

    def gradients(given: list[Any]) -> list[Any]:
        now = _random.get_state()
        if state is not None:
            _random.set_state(state)
        try:
            again = list(args)
            for i in places:
                again[i] = args[i].detach()
                if args[i].requires_grad:
                    again[i].requires_grad = True
            with enable_grad():
                fresh = _listed(function(*again, **kwargs))
        finally:
            if state is not None:
                _random.set_state(now)
        pairs = [(y, g) for y, g in zip(fresh, given) if g is not None and y.requires_grad]
        if pairs:
            _neve.backward([y for y, _ in pairs], [g for _, g in pairs])
        return [*(again[i].grad if again[i].requires_grad else None for i in places), None]

    tensors = [y for y in outputs if isinstance(y, Tensor)]
    recorded = iter(_neve.custom("checkpoint", [*(args[i] for i in places), recorder], tensors, gradients))
    outputs = [next(recorded) if isinstance(y, Tensor) else y for y in outputs]
    return type(made)(outputs) if isinstance(made, (tuple, list)) else outputs[0]


# ---- anomalies -------------------------------------------------------------------------------------------------------

_neve.set_package_folder(os.path.dirname(os.path.abspath(__file__)) + os.sep)


def set_detect_anomaly(on: bool) -> None:
    """Anomaly mode: a NaN that arises in backward is an Error that names the line of the forward operation."""
    _neve.set_anomaly_mode(bool(on))


class detect_anomaly:
    """Anomaly mode within a `with` block: each gradient is checked for NaN."""

    def __enter__(self) -> None:
        self._before = _neve.anomaly_mode()
        _neve.set_anomaly_mode(True)

    def __exit__(self, *_: object) -> None:
        _neve.set_anomaly_mode(self._before)


# ---- derivatives of functions ----------------------------------------------------------------------------------------


def jacobian(f: Callable[[Tensor], Tensor], x: Tensor, *, create_graph: bool = False) -> Tensor:
    """d f(x) / d x: shape of f(x), then that of x. Cost: one backward for each element of f(x)."""
    with enable_grad():
        at = x if create_graph and x.requires_grad else x.detach()
        at.requires_grad = True
        y = f(at)
        rows = []
        for k in range(y.size):
            seed = np.zeros(y.size)
            seed[k] = 1
            unit = _neve.tensor(seed.reshape(y.shape), dtype=y.dtype)
            (row,) = grad(y, at, unit, retain_graph=True, create_graph=create_graph, allow_unused=True)
            rows.append(row if row is not None else as_tensor(np.zeros(x.shape), "jacobian").astype(x.dtype))
        from ._shape import reshape, stack

        return reshape(stack(rows), (*y.shape, *x.shape))


def hessian(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The second derivatives of a function of one element: shape of x twice."""

    def slope(v: Tensor) -> Tensor:
        y = f(v)
        if y.size != 1:
            shape_error(f"hessian: the function gave {text_of(y)} (one element)")
        return grad(y, v, create_graph=True)[0]

    return jacobian(slope, x)


def gradcheck(
    f: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Whether gradients agree with central differences, for every element of every input that asks for gradients.

    Inputs must be f64. Raises Error{invalid_argument} that names the element where they differ, unless raise_exception
    is false. Cost: two calls of f for each element of the inputs, one backward for each element of the outputs.
    """
    args = _listed(inputs)
    asked = [i for i, a in enumerate(args) if isinstance(a, Tensor) and a.requires_grad]
    if not asked:
        value_error("gradcheck: no input asks for gradients (requires_grad=True)")
    for i in asked:
        if args[i].dtype != "f64":
            type_error(f"gradcheck: input {i} is {text_of(args[i])} (f64: differences need its precision)")

    def outputs(values: list[Any]) -> list[Tensor]:
        return [y for y in _listed(f(*values)) if isinstance(y, Tensor) and y.dtype in FLOATS]

    for i in asked:
        base = np.array(args[i].detach().contiguous())
        columns = []
        for k in range(base.size):
            sides = []
            for sign in (1, -1):
                moved = base.copy()
                moved.reshape(-1)[k] += sign * eps
                values = [a.detach() if isinstance(a, Tensor) else a for a in args]
                values[i] = _neve.tensor(moved)
                for k2 in asked:
                    values[k2].requires_grad = True  # f may ask for gradients itself
                sides.append([np.array(y.detach()).astype(np.float64).reshape(-1) for y in outputs(values)])
            columns.append([(p - m) / (2 * eps) for p, m in zip(*sides)])
        made = outputs(args)
        for j, y in enumerate(made):
            for e in range(y.size):
                seed = np.zeros(y.size)
                seed[e] = 1
                got = None
                if y.requires_grad:
                    unit = _neve.tensor(seed.reshape(y.shape), dtype=y.dtype)
                    got = grad(y, args[i], unit, retain_graph=True, allow_unused=True)[0]
                by_tape = np.zeros(base.size) if got is None else np.array(got.detach().contiguous()).reshape(-1)
                for k in range(base.size):
                    want = columns[k][j][e]
                    if not abs(by_tape[k] - want) <= atol + rtol * abs(want):
                        if not raise_exception:
                            return False
                        value_error(
                            f"gradcheck: output {j}[{e}] by input {i}[{k}]: the gradient is {by_tape[k]:.9g}, differences give {want:.9g} (they must agree within {atol} + {rtol} of it)"
                        )
    return True


def gradgradcheck(f: Callable[..., Any], inputs: Tensor | Sequence[Any], **options: Any) -> bool:
    """gradcheck of the gradients of f: second derivatives."""
    args = _listed(inputs)
    asked = [i for i, a in enumerate(args) if isinstance(a, Tensor) and a.requires_grad]

    def slopes(*values: Any) -> tuple[Any, ...]:
        made = [y for y in _listed(f(*values)) if y.requires_grad]
        seeds = [_neve.tensor(np.cos(np.arange(y.size, dtype=np.float64)).reshape(y.shape)) for y in made]
        d = grad(made, [values[i] for i in asked], seeds, create_graph=True, allow_unused=True)
        return tuple(g for g in d if g is not None)

    return gradcheck(slopes, args, **options)
