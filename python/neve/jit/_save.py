"""save: a module or function as one file of captured methods, tensors and samples."""

from __future__ import annotations

import contextlib
import json
import math
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .. import _neve
from .._base import Tensor, fail, text_of, type_error
from .._creation import asarray
from ..autograd import enable_grad, no_grad
from ..nn._core import autocast as _autocast
from ..nn.module import Module
from ..random import default_generator
from . import _static, _structure, _trace, _tree
from ._capture import CapturedFunction, capture, modules_of, name_of
from ._effects import prints_as_text
from ._inference import Region, inside_region, open_sizes, originals
from ._load import LoadedModule
from ._spec import Example, example_of, numbers
from ._static import StaticFunction

_MOST_TRIES = 32  # of sizes for open axes, where only an InputSpec says what comes
_MOST_GOLDEN = 2**24  # bytes of samples for one form


def _seen(static: StaticFunction | Region) -> list[tuple[CapturedFunction, list[Tensor]]]:
    """What was captured so far, with tensors that it was, or may be, called with."""
    if isinstance(static, StaticFunction):
        return [(s.captured, s.captured._samples) for s in static.specialisations]
    return [(f.captured, [t if isinstance(t, Tensor) else numbers(*t) for t in f.samples]) for f in static.forms]


def _examples(static: StaticFunction | Region, spec: Any, call: str) -> list[Example]:
    """The kinds of calls that a function made by to_static, or a region, has seen, or those that its input_spec says."""
    if spec is not None:
        return [example_of(spec, call, static._function)]
    found: dict[Any, Example] = {}
    for c, samples in _seen(static):
        args, kwargs = _tree.unflatten(c._arguments, list(samples))
        shapes: Any = [open_sizes(path, t) for path, t in zip(c._inputs, samples)]
        names: list[str | None] = [None] * len(samples)
        if isinstance(static, StaticFunction):
            shapes, names = static.shapes(c._arguments, samples, c._inputs)
        key = (_structure.text(c._arguments, call), tuple((d, s) for _, d, s in c.inputs), tuple(c.guards))
        found.setdefault(key, Example(args, kwargs, shapes, names, {}))
    if not found and isinstance(static, StaticFunction) and static._spec is not None:
        return [example_of(static._spec, call, static._function)]
    return list(found.values())


@contextlib.contextmanager
def _mode(modules: Sequence[Module], training: dict[Module, bool] | None) -> Iterator[None]:
    """All modules in a mode: None is evaluation."""
    before = {m: m.training for m in modules}
    try:
        for m in modules:
            object.__setattr__(m, "training", training[m] if training is not None else False)
        yield
    finally:
        for m, was in before.items():
            object.__setattr__(m, "training", was)


@contextlib.contextmanager
def _originals() -> Iterator[None]:
    before = _static._enabled
    _static.enable_to_static(False)
    try:
        with originals():
            yield
    finally:
        _static.enable_to_static(before)


def capture_checked(
    function: Callable[..., Any], example: Example, call: str, *, convert: bool = True
) -> CapturedFunction:
    """Captures, and compares with the original on the example and on other sizes."""
    with enable_grad():  # where the program stops gradients is a part of it
        made, example = _captured(function, example, call, convert)
    with no_grad(), _originals():
        compared = [
            _trace._compare(made, function, args, kwargs, 1e-4, 1e-5, call, must=k == 0 and not example.sizes)
            for k, (args, kwargs) in enumerate(_trace._samples(made, example.args, example.kwargs))
        ]
    if example.sizes and not compared[0]:
        given = ", ".join(f"'{n}' {text_of(t)}" for n, t in zip(made._inputs, made._samples))
        fail(
            "invalid_argument",
            f"{call}: {made.name} does not run with the sizes that stand for open axes, {given} (a tensor in the place of an InputSpec says some that it runs with)",
        )
    return made


def _captured(
    function: Callable[..., Any], example: Example, call: str, convert: bool
) -> tuple[CapturedFunction, Example]:
    """The captured program, and the example with sizes that suit it: those that were made up become what the program
    fixes, or compares them with."""
    tried: list[dict[int, int]] = []
    while True:
        tried.append(example.sizes)
        count, shapes = iter(range(1 << 30)), example.shapes
        made, failed = None, None
        try:
            made = capture(
                function,
                example.args,
                example.kwargs,
                call,
                lambda _, t: shapes[next(count) % len(shapes)],  # noqa: B023 (called before the next turn)
                convert=convert,
                names=example.names,
            )
            others = [_fixed(made, example)]
        except Exception as error:
            failed = error
            others = [{hash(d): n} for d, n in getattr(error, "__neve_missed__", ()) if hash(d) in example.sizes]
        better = [sizes for o in others if (sizes := {**example.sizes, **o}) not in tried]
        if example.again is not None and better and len(tried) < _MOST_TRIES:
            example = example.again(better[0])
        elif failed is not None:
            raise failed
        elif made is not None:
            return made, example


def _fixed(made: CapturedFunction, example: Example) -> dict[int, int]:
    """Sizes that were made up and that the program fixes otherwise."""
    found = {}
    for said, (_, _, shape), t in zip(example.shapes, made.inputs, made._samples):
        for d, n, size in zip(said, shape, t.shape):
            if isinstance(n, int) and n != size and isinstance(d, _neve.Dim) and hash(d) in example.sizes:
                found[hash(d)] = n
    return found


def _golden(captured: CapturedFunction, samples: Sequence[Tensor]) -> list[Any]:
    """Inputs and outputs of the graph."""
    if not samples and captured.inputs and not captured._states and not captured._random:
        return []
    with no_grad():

        def draw(generator: Any, n: int) -> Any:
            return asarray([1234]).astype("i64"), asarray([0]).astype("i64")

        inputs = captured._with_own([t.detach() for t in samples], [s.detach().clone() for s in captured._states], draw)
        outputs = captured._run(inputs)
    size = sum(t.nbytes for t in [*inputs, *outputs])
    return [(inputs, outputs)] if size <= _MOST_GOLDEN else []


def _add_form(saved: Any, method: str, captured: CapturedFunction, mode: str, autocast: str, samples: Any) -> None:
    call = f"jit.save: method '{method}'"
    saved.set_signature(method, captured._signature)
    saved.add_form(
        method,
        captured._program,
        {
            "arguments": _structure.text(captured._arguments, call),
            "results": _structure.text(captured._results, call),
            "mode": mode,
            "autocast": autocast,
            "draws": [n for _, n in captured._generators],
            "own_generator": [g is not default_generator for g, _ in captured._generators],
            "passed": captured._passed,
            "prints": prints_as_text(captured._prints) if "log" in captured._hidden else "",
            "counted": [k for k in captured._hidden if k != "log"],
        },
        [g for s in samples for g in _golden(captured, s)],
    )


def _is_property(v: Any) -> bool:
    if isinstance(v, list):
        return len(v) <= 10000 and all(not isinstance(e, list) and _is_property(e) for e in v)
    return type(v) in (int, float, bool, str) and not (isinstance(v, float) and not math.isfinite(v))


def _properties(module: Module) -> dict[str, Any]:
    """Plain attributes of the modules, by dotted name."""
    return {
        f"{path}.{name}" if path else name: v
        for path, m in module.named_modules()
        for name, v in vars(m).items()
        if not name.startswith("_") and name != "training" and _is_property(v)
    }


def _add_tensors(saved: Any, modules: Mapping[str, Module]) -> None:
    """Every tensor under all its names."""
    for prefix, module in modules.items():
        known = set()
        for path, m in module.named_modules(remove_duplicate=False):
            dot = prefix + (f"{path}." if path else "")
            for kind in ("parameter", "buffer"):
                for name, t in m._own(kind):
                    if dot + name in known:
                        continue
                    known.add(dot + name)
                    for part in (dot + name).split("."):
                        if hasattr(LoadedModule, part):
                            fail(
                                "unsupported",
                                f"jit.save: '{dot + name}' has a name that a loaded module uses itself: '{part}'",
                            )
                    saved.add_tensor(dot + name, t, kind == "parameter", kind == "parameter" or m._buffer_names[name])


def _statics(module: Module) -> dict[str, StaticFunction | Region]:
    """Methods made by to_static or inference, by name."""
    kinds = (StaticFunction, Region)
    names = {n for c in type(module).__mro__ for n, v in vars(c).items() if isinstance(v, kinds)}
    names |= {n for n, v in vars(module).items() if isinstance(v, kinds) and not n.startswith("_static_")}
    return {n: getattr(module, n) for n in sorted(names)}


def _save_method(
    saved: Any, name: str, static: StaticFunction | Region, target: Any, spec: Any, roots: Sequence[Module], call: str
) -> bool:
    """All forms of one method, in both modes of its modules where that makes a difference; whether it does."""
    modules = [m for root in roots for m in root.modules()]
    train = {m: m.training if root.training else True for root in roots for m in root.modules()}
    apart = False
    for example in _examples(static, spec, call):
        made = {}
        for mode, flags in (("eval", None), ("train", train)) if modules else (("eval", None),):
            with _mode(modules, flags), contextlib.ExitStack() as inside:
                if isinstance(static, Region):
                    inside.enter_context(inside_region())
                convert = not isinstance(static, Region) or static._options["control_flow"]
                made[mode] = capture_checked(target, example, call, convert=convert)
        samples, autocast = [made["eval"]._samples], _autocast.dtype or ""
        if "train" not in made or made["eval"].graph == made["train"].graph:
            _add_form(saved, name, made["eval"], "", autocast, samples)
            continue
        apart = True
        for mode, captured in made.items():
            _add_form(saved, name, captured, mode, autocast, samples)
    return apart


def _warn_of_modes(what: str, apart: Sequence[str]) -> None:
    warnings.warn(
        f"jit.save: {what} is in training mode, and {', '.join(sorted(apart))} differs in evaluation (dropout, batch normalisation): both modes are stored, and the file opens in training mode (call eval() first to have it the other way)",
        stacklevel=4,
    )


def _save_module(saved: Any, module: Module, input_spec: Any) -> None:
    call = "jit.save"
    statics = _statics(module)
    specs = dict(input_spec) if isinstance(input_spec, Mapping) else {"forward": input_spec}
    if "forward" not in statics and specs.get("forward") is not None:
        statics["forward"] = StaticFunction(module.forward)
    for name in specs:
        if name not in statics and specs[name] is not None:
            if not callable(getattr(module, name, None)):
                fail("not_found", f"{call}: input_spec names '{name}' (a method of {type(module).__name__})")
            statics[name] = StaticFunction(getattr(module, name))
    apart: list[str] = []
    for name, static in statics.items():
        if name != "forward" and hasattr(LoadedModule, name):
            fail("unsupported", f"{call}: a loaded module has a method '{name}' of its own (another name)")
        target = module if name == "forward" else static._function  # with its hooks
        if _save_method(saved, name, static, target, specs.get(name), [module], f"{call}: method '{name}'"):
            apart.append(name)
    missing = [n for n in statics if n not in saved.methods()]
    if missing or not statics:
        fail(
            "not_found",
            f"{call}: {type(module).__name__} has no captured form of {', '.join(missing) or 'forward'} (call it once, or give input_spec=[...], or a dict of them by method)",
        )
    if apart and module.training:
        _warn_of_modes(type(module).__name__, apart)


def _save_function(saved: Any, target: Any, owner: Any, input_spec: Any) -> None:
    static = target if isinstance(target, (StaticFunction, Region)) else StaticFunction(target)
    function = static._function
    saved.type = name_of(static)
    modules = {"": owner} if isinstance(owner, Module) else modules_of(function)
    saved.training = any(m.training for m in modules.values())
    _add_tensors(saved, modules)
    apart = _save_method(saved, "forward", static, function, input_spec, list(modules.values()), "jit.save")
    if not saved.methods():
        fail("not_found", f"jit.save: {saved.type} was not captured yet (call it once, or give input_spec=[...])")
    if apart and saved.training:
        _warn_of_modes(f"what {saved.type} calls", [saved.type])


def _save_loaded(saved: Any, module: LoadedModule) -> None:
    for name, forms in module._jit_methods.items():
        for f in forms:
            _add_form(saved, name, f.captured, f.mode, f.autocast, f.samples)


def save(target: Any, path: str | os.PathLike[str], input_spec: Any = None) -> None:
    """Writes a Module or function as one .neve file that runs without its source, in Python and C++.

    All methods that to_static or inference made are in it, as they were called so far or as input_spec says: a list with an InputSpec,
    or an example, for each argument of forward, or a dict of such lists by method. Stored are graphs in both modes where
    these differ, parameters and buffers under their names with what is trained, plain attributes (int, float, bool, str
    and lists of them), the structure of arguments and results, relations of sizes, hooks of the module, and samples that
    loading is tested with. Each graph is compared with the original first, on other sizes too where they are open. What
    neve.jit.trace made is stored as it is; a module that was loaded is stored again.

    Raises Error{internal} where a graph differs from the original, Error{not_found} where nothing says how a method is
    called, Error{unsupported} for what cannot be captured or stored, Error{io}. The file is whole or not there.
    """
    saved = _neve.SavedModule()
    path = os.fspath(path)
    owner = getattr(getattr(target, "_function", target), "__self__", None)
    if isinstance(target, LoadedModule):
        saved.type, saved.training = target._jit_type, target.training
        _add_tensors(saved, {"": target})
        saved.properties = json.dumps(_properties(target))
        _save_loaded(saved, target)
    elif isinstance(target, Module):
        saved.type, saved.training = type(target).__name__, target.training
        _add_tensors(saved, {"": target})
        saved.properties = json.dumps(_properties(target))
        _save_module(saved, target, input_spec)
    elif isinstance(target, CapturedFunction):
        saved.type = target.name
        _add_tensors(saved, target._modules)
        _add_form(saved, "forward", target, "", "", [target._samples])
    elif callable(target) and not isinstance(target, type):
        _save_function(saved, target, owner, input_spec)
    else:
        type_error(f"jit.save: {text_of(target)} (a Module, a function, or what neve.jit.trace or to_static made)")
    saved.save(path)
