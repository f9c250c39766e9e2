"""Neve: a saved model in, a checked, fast engine with dynamic shapes out.

import neve
model = neve.load("model.onnx")
engine = neve.optimize(model, ranges=[neve.Range(min={"x": (1, 3, 224, 224)}, max={"x": (10, 3, 224, 224)})])
y = engine(x)
engine.save("model.neve")
"""

import dataclasses
import json
import operator
import os
import sys
import time

from . import _neve, autograd, linalg, ops, random
from ._deterministic import deterministic, is_deterministic
from ._functions import *  # noqa: F403 (zeros, exp, sum, ...: the functions over tensors; they hide Python's own in this file)
from ._functions import __all__ as _function_names
from ._neve import Engine, Error, Model, Session, Tensor, get_num_threads, promote, set_num_threads
from .autograd import enable_grad, grad, is_grad_enabled, no_grad, set_grad_enabled
from .random import bernoulli, manual_seed, multinomial, normal, rand, randint, randn, randperm

__all__ = [
    "Engine",
    "Error",
    "Model",
    "Range",
    "Session",
    "amp",
    "data",
    "load",
    "load_weights",
    "machine_peak",
    "models",
    "nn",
    "optim",
    "optimize",
    "save",
]
__all__ += [
    "Tensor", "autograd", "bernoulli", "deterministic", "is_deterministic", "enable_grad", "get_num_threads", "grad", "is_grad_enabled", "linalg", "manual_seed",
    "multinomial", "no_grad", "normal", "ops", "promote", "rand", "randint", "randn", "random", "randperm", "set_grad_enabled",
    "set_num_threads", *_function_names,
]  # fmt: skip
__version__ = _neve.version()


@dataclasses.dataclass
class Range:
    """Sizes that an engine serves.

    min, max: {input name: shape}; opts: points that kernels are chosen for, each like min. For every axis min <= opt <= max. Without opts
    one point between min and max is taken. Inputs that are left out keep the sizes that the model states.
    """

    min: dict
    max: dict
    opts: list = dataclasses.field(default_factory=list)


def load(path, *, input_shapes=None, input_values=None, sequence_lengths=None, opset=None):
    """Reads a model: .onnx, or .neve with its engine. Returns a Model or an Engine; both are called alike, with arrays.
    A .neve file that neve.jit.save wrote gives what neve.jit.load gives: a Module.

    The options say what an ONNX file leaves unsaid, or says otherwise than you want:
    input_shapes: {name: axes}; a number fixes an axis, a name opens it (equal names are equal sizes, those of the file
    included), "past + sequence" ties it to others, None or "?" keeps what the file says.
    input_values: {name: array} of inputs that are the same at every call; they leave the signature.
    sequence_lengths: {name: n} elements of inputs that are sequences (0 or 1 of optionals); they become inputs
    "name.0", "name.1", ...
    opset: version of the default operator set, instead of what the file says.

    Raises Error. A .neve file is checked: digests on every load, its self-test once a machine.
    """
    import numpy

    plain = input_shapes is None and input_values is None and sequence_lengths is None and opset is None
    if plain and _neve.is_module_archive(os.fspath(path)):
        return jit.load(path)
    values = {name: numpy.asarray(v) for name, v in (input_values or {}).items()}
    model = _neve.load(os.fspath(path), input_shapes or {}, values, sequence_lengths or {}, opset or 0)
    return model.engine() if model.has_engine else model


def _checked_range(value):
    if isinstance(value, str):
        return value
    if not isinstance(value, Range):
        raise TypeError(
            f"optimize: {value!r} is no range (neve.Range(min=..., max=...), or a text such as 'x=1x8..4x8')"
        )
    for what, named in [("min", value.min), ("max", value.max), *[("opts", o) for o in value.opts]]:
        for name, shape in dict(named).items():
            try:
                [operator.index(n) for n in shape]
            except TypeError:
                raise TypeError(
                    f"range: {what} of input {name!r} is {shape!r} (a tuple of sizes would be right)"
                ) from None
    return value


class _Progress:
    """A bar on a terminal for what takes over a second."""

    def __init__(self):
        self.start, self.bar = time.monotonic(), None

    def __call__(self, done, phase):
        if not sys.stderr.isatty() or time.monotonic() - self.start < 1:
            return
        if self.bar is None:
            from tqdm import tqdm  # type: ignore[import-untyped]

            self.bar = tqdm(total=100, bar_format="{desc:<28.28} {percentage:3.0f}%|{bar}| {elapsed}", leave=False)
        self.bar.n = int(100 * done + 0.5)  # round is a function of tensors here
        self.bar.set_description_str(phase, refresh=True)

    def close(self):
        if self.bar is not None:
            self.bar.close()


def optimize(
    model,
    *,
    ranges=(),
    precision="fp32",
    test_data=(),
    calib_data=(),
    warmup_data=(),
    disable_passes=(),
    disable_ops=(),
    float_ops=(),
    disable_kernels=(),
    tactic="",
    min_region=1,
    threads=0,
    tune=True,
    use_tactic_cache=True,
    gate=True,
    accept_inaccurate=False,
    relative_tolerance=1e-4,
    absolute_tolerance=1e-6,
    memory_budget=0,
    dump_ir="",
    progress=None,
    example=None,
    input_spec=None,
):
    """Makes a checked, fast engine for a model (or the path of one): of a file, captured, to_static, loaded, a Module.

    example, input_spec: arguments of a Module or function that was not captured yet, as a tuple of tensors or
    neve.jit.InputSpecs. A to_static function gives the form that was used last.

    ranges: Range objects, or texts such as "x=1x3x224x224..10x3x224x224"; none: every size that the model allows, or those of warmup_data.
    test_data, warmup_data: samples, each a dict of arrays by input name, a tuple of arrays by position, or one array.
    threads: 0 takes what affinity and the CPU quota allow. tune: time kernels on this machine (results are cached).
    tactic: a kernel that is taken wherever it accepts ("native.winograd4", "loop", "reference"; "onednn.conv.1" is one variant
    of it); elsewhere the usual choice. report["partition"]["tactic"] says where it was taken, and why it refused elsewhere.
    gate: compare with the unfused model at min, opt and max of each range and on test_data; a difference above
    relative_tolerance * max|y| + absolute_tolerance is an Error, unless accept_inaccurate (which the report records).
    Kernels that round more than sums in f32 (Winograd's, Strassen's, AMX) are offered up to a tenth of relative_tolerance; where
    they add up to more than the whole, the engine is made again without them, with a warning.
    progress: called with (share done, phase).

    Returns an Engine. Raises Error; KeyboardInterrupt when interrupted.
    """
    options = {k: v for k, v in locals().items() if k not in ("model", "progress", "example", "input_spec")}
    if isinstance(model, (str, os.PathLike)):
        model = _neve.load(os.fspath(model), {}, {}, {}, 0)
    model = jit.model_of(model, example, input_spec)
    if isinstance(model, Engine):
        raise TypeError("optimize: this is an Engine already (load the model that it was made from)")
    if isinstance(options["ranges"], (Range, str)):
        options["ranges"] = [options["ranges"]]
    options["ranges"] = [_checked_range(r) for r in options["ranges"]]
    options["dump_ir"] = os.fspath(dump_ir)
    shown = progress or _Progress()
    try:
        return model.optimize(options, shown)
    finally:
        if progress is None:
            shown.close()


def _report(engine):
    return json.loads(engine.report_json())


def _ports_text(ports):
    return ", ".join(f"{name}: {dtype}[{', '.join(map(str, shape))}]" for name, dtype, shape in ports)


def _repr(self):
    kind = type(self).__name__
    return f"neve.{kind}({_ports_text(self.inputs)} -> {_ports_text(self.outputs)})"


def _session_profile(self, runs, *inputs, **named):
    """Times every instruction over `runs` runs with these inputs, and counts its work: a list of dicts in the order of
    the plan, {"name", "ops", "kernel", "location", "ms", "calls", "threads", "flops", "bytes", "weight_bytes",
    "best_ms", "exact", "margin", "tactics", "refusals"}. best_ms is what machine_peak() allows at best; margin how many
    times as long the next best kernel took when they were compared."""
    return json.loads(self._profile(runs, *inputs, **named))


def _session_trace(self, path, *inputs, runs=1, **named):
    """Writes what every thread does in `runs` runs with these inputs, as JSON for Perfetto or chrome://tracing."""
    text = self._trace(runs, *inputs, **named)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _profile(self, *inputs, sizes=None, runs=10):
    """Times every instruction, as Session.profile does. Without inputs: with generated ones, of these sizes
    ({name: shape}) or those that kernels were chosen for first."""
    if inputs:
        if sizes is not None:
            raise TypeError("profile: takes inputs or sizes, not both")
        return self.session().profile(runs, *inputs)
    return json.loads(self._profile({name: list(shape) for name, shape in (sizes or {}).items()}, runs))


def _trace(self, path, *inputs, runs=1, **named):
    """As Session.trace, with a session of its own."""
    self.session().trace(path, *inputs, runs=runs, **named)


def _warm(self, shapes, *, background=False):
    """Makes everything that depends on these sizes, a list of {name: shape}, ahead of the first call, for all sessions.

    background: in a thread of low priority, while calls go on. Returns a Warming then: wait(), done(), error, cancel(). It ends
    early when neither the engine nor the Warming is left."""
    shapes = [{name: list(shape) for name, shape in sizes.items()} for sizes in shapes]
    if background:
        return self._warm_in_background(shapes)
    return self._warm(shapes)


def machine_peak(threads=0, *, again=False):
    """What this machine reaches at most, measured once and kept in the cache folder (`again` measures anew): a dict with
    "gflops" (f32, all threads) and "gflops_one", "levels" (bytes a second by level of memory, nearest first),
    "triad_gb_per_s", "cpu", "isa", "threads" (0: those this process may use), "measured"."""
    return json.loads(_neve.machine_peak(threads, again))


_save = Engine.save


def _save_path(self, path):
    """Writes one .neve archive: to a temporary file first, then renamed."""
    _save(self, os.fspath(path))


Engine.save = _save_path  # type: ignore[method-assign]
Engine.report = property(_report, doc="What was done and why: the report as a dict, schema neve.report/1.")  # type: ignore[attr-defined]
Engine.profile, Engine.trace, Engine.warm = _profile, _trace, _warm  # type: ignore[attr-defined]
Session.profile, Session.trace = _session_profile, _session_trace  # type: ignore[attr-defined]
Engine.__repr__ = _repr  # type: ignore[method-assign]
Model.__repr__ = _repr  # type: ignore[method-assign]

from . import amp, data, jit, models, nn, optim  # noqa: E402 (they use what is above)
from ._io import load_weights, save  # noqa: E402
