"""Running a program on tensors without values, and calling what came of it."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import threading
import time
import types
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _neve
from .._base import FLOATS, Tensor, fail, refusals
from ..autograd import enable_grad
from ..nn.module import Module
from . import _signature, _tree
from ._effects import Effects, NeedsGenerator, checked, memory, replay, set_current
from ._environment import PLAIN, Environment, Seen, name_of, note_module, put_back, seen_by
from ._environment import changed as changed_places
from ._errors import begin, locate, stores
from ._numbers import Number, number
from ._options import Options
from ._values import Recursion, sizes


class Guard(NamedTuple):
    """A decision about sizes that the example's sizes took; calls for which it does not hold are refused."""

    relation: str
    location: str


class _Draws:
    """Random numbers of a captured program: the generator's key and counter are inputs, drawn anew at every call."""

    def __init__(self, capture: Any, effects: Effects) -> None:
        self.capture, self.effects = capture, effects
        self.used: dict[Any, Any] = {}

    def draw(self, generator: Any, count: Any = 1) -> tuple[Tensor, Tensor]:
        """Key and counter for so many draws, one after another."""
        if id(generator) not in self.used:
            if _neve.capture_depth() > 0:
                raise NeedsGenerator(generator)
            self.add(generator)
        _, key, counter, k = self.used[id(generator)]
        before = self.effects.counts[k]
        self.effects.counts[k] = before + count
        return key, counter + (before.raw if isinstance(before, Tensor) else before)

    def add(self, generator: Any) -> None:
        """Makes a generator's key and counter inputs."""
        n = len(self.used)
        key = self.capture.input(f"random.{n}.key", "i64", (1,), (1,))
        counter = self.capture.input(f"random.{n}.counter", "i64", (1,), (1,))
        self.used[id(generator)] = (generator, key, counter, n)
        self.effects.counts.append(0)


_local = threading.local()


def current_draws() -> _Draws | None:
    """Of the capture of this thread."""
    return getattr(_local, "draws", None)


def _advance(generator: Any, draws: int) -> Any:
    return generator.advance(draws)


class CapturedFunction:
    """A captured program; called like the original.

    Sizes may be others than those of the example, as far as `guards` and `model.inputs` say. Parameters are those of the
    original: when they change (training), the next call sees it. Buffers that the program changes are changed by calls.
    """

    def __init__(self, name: str, arguments: Any, results: Any, program: Any, inputs: list[str], generators: list[Any]):
        self.name, self._arguments, self._results = name, arguments, results
        self._program, self._inputs, self._generators = program, inputs, generators
        self._passed: dict[int, int] = {}  # outputs that are inputs
        self._hidden: dict[Any, int] = {}  # outputs that are no results: "log", or a generator's number: draws
        self._prints: list[Any] = []
        self._environment: Environment | None = None  # what it read beside its arguments
        self._signature = ""  # the parameters of the original, as data
        self._samples: list[Tensor] = []  # what it was captured with
        self._modules: dict[str, Module] = {}  # whose tensors it was told the names of, by prefix
        self.options = Options()  # how it is built; to be set before the first call
        self._engine: Any = None
        self._repacked = 0  # times that the weights had changed
        self._training: Any = None
        self._lock = threading.Lock()
        self._dispatch, self._quick, self._quick_engine = _neve.Dispatch(), None, None
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

    @property
    def is_direct(self) -> bool:
        """Whether a call does nothing but compute tensors from tensors."""
        effects = self._states or self._generators or self._passed or self._hidden or self.changed_inputs
        return not effects and not _tree.is_formed(self._results)

    def _run(self, inputs: list[Any]) -> list[Any]:
        """The outputs of the graph, without gradients. Weights are packed until they have changed twice; from then on
        they are read at each call."""
        with self._lock:
            changed = self._program.changed()
            if "" in changed:
                fail(
                    "unsupported",
                    f"{self.name}: a tensor that became a constant of the graph was changed (capture again)",
                )
            if changed:
                self._program.note_versions()
                self._engine = None
                self._repacked += 1
            if self._repacked < 2 and self._engine is None:
                self._engine = _neve.Runner(self._program, inputs, self.options.build())
            engine = self._engine
        return self._called(engine or self._training_part(), inputs)

    def _called(self, part: Any, inputs: list[Any]) -> list[Any]:
        try:
            outputs: list[Any] = part(inputs)
        except _neve.Error as error:
            if error.code != "shape_mismatch" or not self.guards or "captured for sizes" in str(error):
                raise
            why = "; ".join(f"{g.relation}, decided at {g.location}" for g in self.guards[:4])
            fail(error.code, f"{self.name}: {error}\n  captured for sizes where {why}")
        return outputs

    def quick_call(self, watch: Any, mode: Any) -> Any:
        """A _neve.Call with the engine that there is, for calls that need no Python; None where all do."""
        if self._engine is None or not self.is_direct:
            return None
        return _neve.Call(self._program, self._engine, watch, self._arguments, self._results, mode, None, True, True)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            result = self._dispatch(args, kwargs, None)
        except _neve.Error:  # said again below
            result = NotImplemented
        if result is not NotImplemented:
            return result
        result = self.slowly(args, kwargs)
        with self._lock:
            if self._quick_engine is not self._engine:  # the weights were packed anew
                if self._quick is not None:
                    self._dispatch.remove(self._quick)
                watch = _neve.Watch() if self._environment is None else self._environment.watch
                self._quick, self._quick_engine = self.quick_call(watch, None), self._engine
                if self._quick is not None:
                    self._dispatch.add(self._quick)
        return result

    def slowly(self, args: Any, kwargs: Any) -> Any:
        """A call through Python."""
        tensors, _, structure = _tree.flatten((args, kwargs), self.name)
        if structure != self._arguments:
            d = _tree.difference(self._arguments, structure)
            fail("invalid_argument", f"{self.name}: {d} (capture it again for these arguments)")
        if self._environment is not None and not self._environment.same():
            fail(
                "unsupported", f"{self.name}: {self._environment.difference()} since it was captured (capture it again)"
            )
        return self.on(tensors)

    def on(self, tensors: list[Tensor]) -> Any:
        """A call with the tensors of arguments whose structure is the captured one."""
        if _neve.is_capturing():
            return self._replayed(tensors)
        if self.is_trained(tensors):
            return self._returned(tensors, self._trained(tensors))
        inputs: list[Any] = [t.detach() for t in tensors]
        return self._returned(tensors, self._run(self._with_own(inputs, [s.detach() for s in self._states], _advance)))

    def _with_own(self, inputs: list[Any], states: list[Tensor], draw: Callable[..., Any]) -> list[Any]:
        """The inputs of the graph: the caller's, then buffers, keys and counters."""
        inputs += [None] * (len(states) + 2 * len(self._random))
        for place, state in zip(self._places, states):
            inputs[place] = state
        for (key, counter), (generator, draws) in zip(self._random, self._generators):
            inputs[key], inputs[counter] = draw(generator, draws)
        return inputs

    def _returned(self, tensors: list[Tensor], outputs: list[Any]) -> Any:
        """What a call returns, of the graph's outputs; what it changes is changed."""
        count = len(outputs) - len(self._states)
        for state, value in zip(self._states, outputs[count:]):
            state.detach().copy_(value.detach())
        changed = self._program.changed_inputs
        count -= len(changed)
        for i, value in zip(changed, outputs[count:]):
            (tensors[i] if _neve.is_capturing() or value.requires_grad else tensors[i].detach()).copy_(value)
        for k, i in self._passed.items():
            outputs[k] = tensors[i]
        if self._hidden:
            self._do_effects(outputs)
        return _tree.unflatten(self._results, outputs[:count])

    def _do_effects(self, outputs: list[Any]) -> None:
        """Prints what the program printed, and passes over the random numbers that it drew."""
        draws = current_draws()
        for k, i in self._hidden.items():
            if k == "log":
                if _neve.is_captured(outputs[i]):
                    fail(
                        "unsupported",
                        f"{self.name}: a captured function that prints inside another capture (capture the original)",
                    )
                replay(np.array(outputs[i].detach()), self._prints)
            elif draws is not None:
                draws.draw(self._generators[k][0], number(outputs[i]))
            else:
                self._generators[k][0].advance(int(outputs[i].item()))

    def _replayed(self, tensors: list[Tensor]) -> Any:
        """The call op by op: recorded for gradients, or as a part of what this thread captures."""
        draws = current_draws()
        inputs = self._with_own(list(tensors), self._states, draws.draw if draws else _advance)
        return self._returned(tensors, self._program.replay(inputs))

    def _training_part(self) -> Any:
        if self._training is None:
            with self._lock:
                if self._training is None:
                    model = self._program.model
                    rest = len(self._states) + len(self._program.changed_inputs)
                    self._training = _neve.Training(
                        self.name, self._program, len(model.outputs) - rest, self.options.build()
                    )
        return self._training

    def _trained(self, tensors: list[Any]) -> list[Any]:
        """The outputs, recorded for gradients. What has none is refused, and nothing was drawn then."""
        if self._program.changed_inputs:
            fail("unsupported", f"{self.name}: gradients where inputs are changed in place (clone() them first)")
        if any(s.requires_grad for s in self._states):
            fail(
                "unsupported",
                f"{self.name}: the program changes a tensor in place that asks for gradients (a buffer would do)",
            )
        drawn = [(g, g.get_state()) for g, _ in self._generators]
        try:
            given = self._with_own(list(tensors), [s.detach() for s in self._states], _advance)
            outputs = self._called(self._training_part(), given)
        except _neve.Error:
            for generator, state in drawn:
                generator.set_state(state)
            raise
        return outputs

    def accepts(self, tensors: Sequence[Tensor]) -> bool:
        """Whether the sizes of these tensors are among those that it was captured for, and what the program read beside
        its arguments (attributes of modules, globals, closures, the modules' modes) is as it was."""
        if not self._program.accepts([t.shape for t in tensors]):
            return False
        return self._environment is None or self._environment.same()

    def trained(self) -> list[str]:
        """What was built for gradients, a line for each choice of what asks for them."""
        if self._training is None:
            return []
        return [
            f"trained: {forward} nodes forward, {backward} backward, {kept} tensors kept between, built in {seconds:.2f} s"
            for forward, backward, kept, seconds in self._training.built()
        ]

    def measure(self) -> dict[str, tuple[float, float]]:
        """Milliseconds of a call (with its gradient, where one was asked for) with and without each of the options that
        are on, on the inputs that it was captured with. Builds the program anew for each: seconds."""
        found = {}
        for field in dataclasses.fields(Options):
            if getattr(self.options, field.name):
                without = self._timed(dataclasses.replace(self.options, **{field.name: False}))
                found[field.name] = (self._timed(self.options), without)
        return found

    def _timed(self, options: Options) -> float:
        rest = len(self._states) + len(self._program.changed_inputs)
        count = len(self._program.model.outputs) - rest

        def inputs() -> list[Any]:
            still = [g.get_state() for g, _ in self._generators]
            given = self._with_own([t.detach() for t in self._samples], [s.detach() for s in self._states], _advance)
            for (g, _), s in zip(self._generators, still):
                g.set_state(s)
            return given

        if self._training is not None and any(backward for _, backward, _, _ in self._training.built()):
            part = _neve.Training(self.name, self._program, count, options.build())
            leaves = [p for m in self._environment_modules() for p in m.parameters(recurse=False) if p.requires_grad]

            def once() -> None:
                given = inputs()
                extra = [] if leaves else [t.requires_grad_() for t in given[: len(self._samples)] if t.dtype in FLOATS]
                with enable_grad():
                    made = [y for y in part(given)[:count] if y.requires_grad]
                _neve.grad(made, [*leaves, *extra], [_like(y) for y in made], allow_unused=True)

        else:
            runner = _neve.Runner(self._program, inputs(), options.build())

            def once() -> None:
                runner(inputs())

        once()
        once()
        times: list[float] = []
        while len(times) < 5 or (sum(times) < 0.1 and len(times) < 100):
            start = time.perf_counter()
            once()
            times.append(time.perf_counter() - start)
        return min(times) * 1e3  # the least that others on this machine left

    def _environment_modules(self) -> list[Module]:
        found = [m() for m, _ in self._environment.sizes] if self._environment is not None else []
        return [m for m in found if m is not None]

    def why_not(self, tensors: Sequence[Tensor]) -> str:
        """What is not as it was captured, for people; "" where it accepts these."""
        if not self._program.accepts([t.shape for t in tensors]):
            return "other sizes"
        return "" if self._environment is None else self._environment.difference()

    def is_trained(self, tensors: Sequence[Tensor]) -> bool:
        """Whether a call with these tensors is recorded: one of them, or a parameter, asks for gradients."""
        return bool(_neve.is_grad_enabled()) and bool(self._training_part().wanted(list(tensors)))

    @property
    def changed_inputs(self) -> list[int]:
        """Numbers of the tensors that it changes in place."""
        return list(self._program.changed_inputs)

    def __repr__(self) -> str:
        return f"<neve.jit.CapturedFunction {self.name}: {len(self.inputs)} inputs, {len(self.guards)} guards>"


def _like(y: Tensor) -> Tensor:
    return y.detach() * 0 + 1


def _signature_names(function: Callable[..., Any], args: Sequence[Any]) -> list[str]:
    try:
        if isinstance(function, (_neve.Model, _neve.Engine)):
            return [*function.input_names, *(f"arg{i}" for i in range(len(function.input_names), len(args)))][
                : len(args)
            ]
        target = function.forward if isinstance(function, Module) else function
        names = [
            p.name
            for p in inspect.signature(target).parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):
        names = []
    return [names[i] if i < len(names) else f"arg{i}" for i in range(len(args))]


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


def _stage() -> Any:
    from . import _stage as module

    return module


def _transform(function: Any) -> Any:
    from ._convert import is_user_code, transform

    return transform(function) if is_user_code(getattr(function, "__func__", function)) else function


def code_of(function: Any) -> Any:
    """What a function, or a Module's forward, runs."""
    target = inspect.unwrap(function.forward if isinstance(function, Module) else function)
    return getattr(getattr(target, "__func__", target), "__code__", None)


def _changer(seen: Seen, key: Any, name: str) -> str:
    """Where a name of an owner is changed, as far as it can be seen."""
    functions = [seen.functions[key]] if key in seen.functions else []
    functions += [seen.others[key]] if key in seen.others else []
    functions += [*seen.functions.values(), *seen.others.values()]
    functions += [seen.modules[key].forward] if key in seen.modules else []
    return next((place for f in functions if (code := code_of(f)) and (place := stores(code, name))), "")


def _hidden(effects: Effects, nothing: Tensor) -> dict[Any, Tensor]:
    """What a call does beside its results: the log of what it prints, and how often it draws where tensors decide."""
    found: dict[Any, Tensor] = {}
    if effects.log is not nothing:
        found["log"] = effects.log
    for k, n in enumerate(effects.counts):
        if isinstance(n, Tensor):
            found[k] = n.raw if isinstance(n, Number) else n
    return found


def capture(
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: dict[str, Any],
    call: str,
    shape_for: Callable[[str, Tensor], Sequence[Any]],
    *,
    convert: bool = False,
    names: Sequence[str | None] = (),
) -> CapturedFunction:
    """Runs `function` once on tensors without values. `shape_for(path, tensor)`: its sizes, numbers or Dims.

    convert: control flow of the user's functions becomes part of the graph where tensors decide it. names: of the
    graph's inputs, where these are not their places among the arguments.
    """
    named = dict(zip(_signature_names(function, args), args))
    tensors, _, structure = _tree.flatten((tuple(args), dict(kwargs)), call)
    _, paths, _ = _tree.flatten({**named, **{f"{k}_" if k in named else k: v for k, v in kwargs.items()}}, call)
    shapes = [tuple(shape_for(n, t)) for n, t in zip(paths, tensors)]
    called = [(names[i] if i < len(names) else None) or p for i, p in enumerate(paths)]
    program_function = _transform(function) if convert else function
    generators: list[Any] = []
    sizes.open = sizes.decided = False
    sizes.branches = []
    follow_lists = deep = fixed = False
    memory.off = memory.used = False
    for _ in range(8):
        run = _neve.Capture(follow_lists)
        try:
            return _run(run, function, program_function, called, tensors, structure, shapes, call, convert, generators)
        except NeedsGenerator as need:
            run.cancel()
            generators.append(need.generator)
        except BaseException as error:
            # Sizes that the program itself fixed before it failed: known from the start, they may make it whole.
            learned = run.learned()
            error.__neve_missed__ = run.missed()  # type: ignore[attr-defined]
            met_listed = run.met_listed()
            run.cancel()
            if met_listed and getattr(error, "code", "") == "unsupported":
                follow_lists = True  # tensors that lists hold are changed in place: more nodes, for that alone
                continue
            if memory.used and not memory.off and isinstance(error, Exception):
                memory.off = True  # made once more, and nothing is expected of branches and loops
                continue
            deep = deep or isinstance(error, Recursion) or "dim: an expression of more than" in str(error)
            if deep and sizes.decided and not fixed:
                fixed, shapes = True, [tuple(t.shape) for t in tensors]  # recursion over parts: for these sizes alone
                continue
            if deep and not sizes.decided:
                sizes.decided = True
                continue
            same = len(learned) != len(shapes) or [hash(tuple(s)) for s in learned] == [hash(s) for s in shapes]
            if same and sizes.open and not sizes.decided and getattr(error, "code", "") == "unsupported":
                sizes.decided = True  # not both ways in one graph: a graph for each
                continue
            if same or not isinstance(error, (_neve.Error, TypeError, ValueError)):
                if isinstance(error, (_neve.Error, TypeError)):
                    locate(error, code_of(function))
                raise
            shapes = [tuple(s) for s in learned]
    fail("internal", f"internal: {call}: the sizes of {name_of(function)} do not settle")


def _run(
    run: Any,
    function: Callable[..., Any],
    program_function: Callable[..., Any],
    names: list[str],
    tensors: list[Tensor],
    structure: Any,
    shapes: list[tuple[Any, ...]],
    call: str,
    convert: bool,
    generators: list[Any],
) -> CapturedFunction:
    outer = current_draws()
    effects = Effects()
    outer_refusals, refusals.found = refusals.found, []
    outer_effects = set_current(effects)
    draws = _local.draws = _Draws(run, effects)
    seen = Seen()
    outer_seen = seen_by(seen)
    outer_code = begin(code_of(function))
    for owner in modules_of(function).values():
        for m in owner.modules():
            note_module(m)
    base = inspect.unwrap(function.forward if isinstance(function, Module) else function)
    target, bound = inspect.unwrap(getattr(base, "__func__", base)), getattr(base, "__self__", None)
    if inspect.isfunction(target):
        seen.began += seen.reached_from(target if bound is None else types.MethodType(target, bound))
        for called in [] if convert else seen.called_by(target):
            seen.began += seen.reached_from(called, is_called=False)
    for thing in _tree.constants(structure):
        if not isinstance(thing, (*PLAIN, Module)) and hasattr(thing, "__dict__"):
            seen.objects[id(thing)] = thing
        elif isinstance(thing, Module):
            for m in thing.modules():
                note_module(m)
    before = seen.values()
    try:
        for prefix, module in modules_of(function).items():
            for name, t in [*module.named_parameters(), *module.named_buffers()]:
                run.name(t, prefix + name)
        inputs = [run.input(n, t.dtype, s, t.shape) for n, t, s in zip(names, tensors, shapes)]
        for g in generators:
            draws.add(g)
        effects.begin_log()
        nothing = effects.log
        inner_args, inner_kwargs = _tree.unflatten(structure, inputs)
        with _stage().activated() if convert else contextlib.nullcontext():
            try:
                returned = program_function(*inner_args, **inner_kwargs)
            except RecursionError:
                fail(
                    "unsupported",
                    f"{call}: {name_of(function)} calls itself without end while it is captured: tensors or open sizes decide when it stops (a while statement, or a depth that is a plain int)",
                )
        if refusals.found and not convert:
            error = refusals.found[0]
            first, *more = str(error).split("\n")
            first += " (the program caught this error, and would go on so in the graph alone)"
            error.args = ("\n".join([first, *more]),)
            raise error
        returned = _stage().as_results(returned)
        outputs, out_paths, results = _tree.flatten(returned, call)
        if not outputs:  # a graph has an output, if only for what it raises and changes
            outputs, out_paths, results = _tree.flatten(_tree.Decided(_neve.tensor(0), [returned]), call)
        out_names = [f"output.{p}" if p else "output" for p in out_paths]
        passed = {k: i for k, o in enumerate(outputs) for i, x in enumerate(inputs) if o.is_same(x)}
        outputs[0] = checked(outputs[0])
        hidden = _hidden(effects, nothing)
        for key, changed, then, now in changed_places([*before, *seen.began]):
            said = f"'{changed}' of {seen.owner(key)}, from {Seen.shown(then)} to {Seen.shown(Seen.text(now))}"
            fail(
                "unsupported",
                f"{call}: {name_of(function)} changes {said}: calls of the graph would not (return the value; a buffer of a Module that is changed in place is kept){_changer(seen, key, changed)}",
            )
        program = run.finish(
            [*outputs, *hidden.values()], [*out_names, *(f"effects.{k}" for k in hidden)], name_of(function)
        )
    except BaseException:
        put_back([*before, *seen.began])
        raise
    finally:
        refusals.found = outer_refusals
        _local.draws = outer
        seen_by(outer_seen)
        begin(outer_code)
        set_current(outer_effects)
    drawn = [(g, n) for (g, _, _, _), n in zip(draws.used.values(), effects.counts)]
    drawn = [(g, 0 if isinstance(n, Tensor) else n) for g, n in drawn]
    made = CapturedFunction(name_of(function), structure, results, program, names, drawn)
    made._hidden = {k: len(outputs) + i for i, k in enumerate(hidden)}
    made._prints = effects.prints
    made._signature = _signature.text(function.forward if isinstance(function, Module) else function)
    made._passed, made._environment = passed, Environment(seen, modules_of(function).values())
    made._samples, made._modules = [t.detach().clone() for t in tensors], modules_of(function)
    return made
