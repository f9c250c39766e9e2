"""Running a program on tensors without values, and calling what came of it."""

from __future__ import annotations

import inspect
import sys
import threading
import types
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .. import _neve
from .._base import Tensor, fail, text_of
from ..nn.module import Module
from . import _tree


class Guard(NamedTuple):
    """A decision about sizes that the example's sizes took; calls for which it does not hold are refused."""

    relation: str
    location: str


class _Draws:
    """Random numbers of a captured program: the generator's key and counter are inputs, drawn anew at every call."""

    def __init__(self, capture: Any) -> None:
        self.capture = capture
        self.used: dict[Any, Any] = {}

    def draw(self, generator: Any) -> tuple[Tensor, Tensor]:
        if id(generator) not in self.used:
            n = len(self.used)
            key = self.capture.input(f"random.{n}.key", "i64", (1,), (1,))
            counter = self.capture.input(f"random.{n}.counter", "i64", (1,), (1,))
            self.used[id(generator)] = [generator, key, counter, 0]
        entry = self.used[id(generator)]
        entry[3] += 1
        return entry[1], entry[2] + (entry[3] - 1)


_local = threading.local()


def current_draws() -> _Draws | None:
    """Of the capture of this thread."""
    return getattr(_local, "draws", None)


class CapturedFunction:
    """A captured program; called like the original.

    Sizes may be others than those of the example, as far as `guards` and `model.inputs` say. Parameters are those of the
    original: when they change (training), the next call sees it. Buffers that the program changes are changed by calls.
    """

    def __init__(self, name: str, arguments: Any, results: Any, program: Any, inputs: list[str], generators: list[Any]):
        self.name, self._arguments, self._results = name, arguments, results
        self._program, self._inputs, self._generators = program, inputs, generators
        self._engine: Any = None
        self._lock = threading.Lock()
        self._states = [t for _, t in program.states]
        # What comes after the caller's tensors, in the order of the graph: buffers by name, keys and counters.
        order = {name: k for k, (name, _, _) in enumerate(program.model.inputs)}
        self._places = [order[f"state.{name}"] for name, _ in program.states]
        self._random = [(order[f"random.{n}.key"], order[f"random.{n}.counter"]) for n in range(len(generators))]

    @property
    def guards(self) -> list[Guard]:
        """What was decided by the example's sizes, with the places."""
        return [Guard(*g) for g in self._program.guards]

    @property
    def model(self) -> Any:
        """The graph as a Model: what neve.optimize takes."""
        return self._program.model

    @property
    def graph(self) -> str:
        """The graph as text."""
        return self._program.model.graph

    @property
    def inputs(self) -> list[tuple[str, str, tuple[Any, ...]]]:
        """Name, dtype and shape of every input."""
        return self._program.model.inputs

    def _ready(self) -> Any:
        with self._lock:
            changed = self._program.changed()
            if "" in changed:
                fail(
                    "unsupported",
                    f"{self.name}: a tensor that became a constant of the graph was changed (capture again)",
                )
            if self._engine is None or changed:
                model = self._program.model_again()
                options = {"ranges": [], "tune": False, "gate": False}
                self._engine = model.optimize(options, None)
            return self._engine

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        tensors, _, structure = _tree.flatten((args, kwargs), self.name)
        if structure != self._arguments:
            d = _tree.difference(self._arguments, structure)
            fail("invalid_argument", f"{self.name}: {d} (capture it again for these arguments)")
        if _neve.is_capturing():
            fail("unsupported", f"{self.name}: a captured function inside another capture (capture the original)")
        engine = self._ready()
        inputs: list[Any] = [t.detach() for t in tensors]
        inputs += [None] * (len(self._states) + 2 * len(self._random))
        for place, state in zip(self._places, self._states):
            inputs[place] = state.detach()
        for (key, counter), (generator, draws) in zip(self._random, self._generators):
            inputs[key], inputs[counter] = generator.advance(draws)
        outputs = engine._run(inputs)
        count = len(outputs) - len(self._states)
        for state, value in zip(self._states, outputs[count:]):
            state.detach().copy_(value)
        return _tree.unflatten(self._results, outputs[:count])

    def __repr__(self) -> str:
        return f"<neve.jit.CapturedFunction {self.name}: {len(self.inputs)} inputs, {len(self.guards)} guards>"


def _signature_names(function: Callable[..., Any], args: Sequence[Any]) -> list[str]:
    try:
        target = function.forward if isinstance(function, Module) else function
        names = [
            p.name
            for p in inspect.signature(target).parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):
        names = []
    return [names[i] if i < len(names) else f"arg{i}" for i in range(len(args))]


def name_of(function: Any) -> str:
    """What messages call it."""
    return getattr(function, "__qualname__", None) or type(function).__name__


def modules_of(function: Any) -> dict[str, Module]:
    """The modules whose parameters a function uses, as far as can be told without running it, by a prefix for names."""
    if isinstance(function, Module):
        return {"": function}
    owner = getattr(function, "__self__", None)
    if isinstance(owner, Module):
        return {"": owner}
    target = inspect.unwrap(function)
    if not inspect.isfunction(target):
        return {}
    seen = inspect.getclosurevars(target)
    found = {**seen.globals, **seen.nonlocals}
    return {f"{name}.": m for name, m in found.items() if isinstance(m, Module)}


def capture(
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: dict[str, Any],
    call: str,
    shape_for: Callable[[str, Tensor], Sequence[Any]],
) -> CapturedFunction:
    """Runs `function` once on tensors without values. `shape_for(path, tensor)`: its sizes, numbers or Dims."""
    named = dict(zip(_signature_names(function, args), args))
    tensors, paths, structure = _tree.flatten((tuple(args), dict(kwargs)), call)
    _, paths, _ = _tree.flatten({**named, **kwargs}, call)
    names = [p if p.isidentifier() else p for p in paths]
    run = _neve.Capture()
    outer = current_draws()
    draws = _local.draws = _Draws(run)
    try:
        for prefix, module in modules_of(function).items():
            for name, t in [*module.named_parameters(), *module.named_buffers()]:
                run.name(t, prefix + name)
        inputs = [run.input(n, t.dtype, tuple(shape_for(n, t)), t.shape) for n, t in zip(names, tensors)]
        inner_args, inner_kwargs = _tree.unflatten(structure, inputs)
        returned = function(*inner_args, **inner_kwargs)
        outputs, out_paths, results = _tree.flatten(returned, call)
        if not outputs:
            fail("unsupported", f"{call}: {name_of(function)} returns no tensor ({text_of(returned)})")
        out_names = [f"output.{p}" if p else "output" for p in out_paths]
        program = run.finish([o.detach() for o in outputs], out_names, name_of(function))
    except BaseException:
        run.cancel()
        raise
    finally:
        _local.draws = outer
    generators = [(g, n) for g, _, _, n in draws.used.values()]
    return CapturedFunction(name_of(function), structure, results, program, names, generators)


_HERE = __file__.rsplit("/", 2)[0]


def user_location() -> str:
    """file:line of the innermost frame outside of this package."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame is not None else ""
