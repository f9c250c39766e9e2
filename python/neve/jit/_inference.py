"""Compiled regions: a method, a function or a whole Module inside of dynamic code that runs as an optimised engine."""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import threading
import types
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .. import _neve
from .._base import FLOATS, Tensor, fail, text_of
from ..autograd import no_grad
from ..nn._core import autocast as _autocast
from ..nn.module import Module
from . import _region_cache, _tree
from ._capture import CapturedFunction, _advance, capture
from ._convert import transform
from ._static import StaticFunction, _converted

_local = threading.local()
_enabled = True  # off: the originals run
_MOST_KEPT = 2**16  # bytes of an argument of floats
_OPTIMISE = (
    "ranges", "precision", "test_data", "warmup_data", "disable_passes", "disable_ops", "float_ops", "disable_kernels",
    "tactic", "min_region", "threads", "tune", "use_tactic_cache", "gate", "accept_inaccurate", "relative_tolerance",
    "absolute_tolerance", "memory_budget",
)  # fmt: skip


class inside_region:  # noqa: N801 (a context, used like a function)
    """While this is open, this thread is inside of a region."""

    def __enter__(self) -> None:
        _local.depth = getattr(_local, "depth", 0) + 1

    def __exit__(self, *_: object) -> None:
        _local.depth -= 1


@contextlib.contextmanager
def originals() -> Iterator[None]:
    """While this is open, regions run as what they were made of, in this process."""
    global _enabled
    before, _enabled = _enabled, False
    try:
        yield
    finally:
        _enabled = before


def is_inference_mode(target: Any = None) -> bool:
    """Whether this thread is inside of a region, that is captured or run; of a function or Module: whether it is one."""
    if target is None:
        return getattr(_local, "depth", 0) > 0
    return isinstance(target, Region) or isinstance(getattr(target, "forward", None), Region)


def _sees_order(function: Callable[..., Any]) -> bool:
    """Whether a function can tell in which order keyword arguments were given: it has **kwargs."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(p.kind is p.VAR_KEYWORD for p in parameters)


class RegionForm:
    """One compiled form of a region, and why it was made."""

    def __init__(self, captured: CapturedFunction, reason: str, tensors: Sequence[Tensor]) -> None:
        self.captured, self.reason = captured, reason
        # For jit.save: copies of what it was captured with, of large numbers shape and dtype.
        small = [t.dtype not in FLOATS or t.nbytes <= _MOST_KEPT for t in tensors]
        self.samples = [t.detach().clone() if s else (t.shape, t.dtype) for t, s in zip(tensors, small)]
        self.engine: Any = None
        self.call: Any = None
        self.cache = ""  # what the cache on disk had to say
        self.seconds = 0.0
        self.running = False  # a thread compiles it
        self.error: Exception | None = None

    @property
    def calls(self) -> int:
        """Calls that it served."""
        return 0 if self.call is None else int(self.call.calls)

    def run(self, tensors: list[Tensor]) -> Any:
        """A call of a program that changes something, or hands an input through."""
        c = self.captured
        inputs = c._with_own([t.detach() for t in tensors], [s.detach() for s in c._states], _advance)
        return c._returned(tensors, self.engine._run(inputs))

    def __repr__(self) -> str:
        ports = ", ".join(f"{n}: {d}[{', '.join(map(str, s))}]" for n, d, s in self.captured.inputs)
        state = (
            f"failed: {self.error}" if self.error else "compiling" if self.engine is None else f"{self.seconds:.2f} s"
        )
        return f"({ports}), {self.calls} calls, {state}: {self.reason}"


class Region:
    """Dynamic code that runs as engines. Made by neve.jit.inference.

    Calls that differ in structure, plain arguments (None, bool, numbers, texts), dtypes, ranks or modes have forms of their
    own, `max_forms` at most; other sizes do not, unless the program decides by them.
    """

    def __init__(self, function: Callable[..., Any], options: dict[str, Any], owner: Any = None) -> None:
        functools.update_wrapper(self, function, updated=())
        self.__name__: str = getattr(function, "__name__", type(function).__name__)
        self.__qualname__: str = getattr(function, "__qualname__", type(function).__name__)
        # With an owner, `function` is unbound, and the owner is not kept alive by what compiled it.
        self._plain, self._owner = function, None if owner is None else weakref.ref(owner)
        self._options = options
        self._ordered = _sees_order(function)
        self._dispatch = _neve.Dispatch()
        self._table: dict[Any, list[RegionForm]] = {}
        self._eager: dict[str, int] = {}
        self._errors: dict[Any, Exception] = {}
        self._events: list[str] = []
        self._warned = False
        self._instances: weakref.WeakKeyDictionary[Any, Region] = weakref.WeakKeyDictionary()
        self._lock = threading.RLock()

    # ---- what it is bound to ----

    @property
    def _function(self) -> Callable[..., Any]:
        if self._owner is None:
            return self._plain
        owner = self._owner()
        if owner is None:
            fail("invalid_argument", f"{self.__qualname__}: the Module of this region is gone (keep a reference to it)")
        return types.MethodType(self._plain, owner)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self._function)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        made = self._instances.get(instance)
        if made is None:
            with self._lock:
                made = self._instances.get(instance)
                if made is None:
                    made = self._instances[instance] = Region(self._plain, self._options, instance)
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Region:
        if self._owner is None:
            return Region(copy.deepcopy(self._plain, memo), self._options)
        return Region(self._plain, self._options, copy.deepcopy(self._owner(), memo))

    def __reduce__(self) -> Any:
        if self._owner is None:
            return Region, (self._plain, self._options)
        return Region, (self._plain, self._options, self._owner())

    # ---- calls ----

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not _enabled:
            with inside_region(), no_grad():
                return self._function(*args, **kwargs)
        result = self._dispatch(args, kwargs, _autocast.dtype)
        return self._slow(args, kwargs) if result is NotImplemented else result

    def _slow(self, args: Any, kwargs: Any) -> Any:
        """A call that no compiled form takes as it is."""
        if _neve.is_capturing():
            with inside_region():
                return _converted(self._function)(*args, **kwargs)
        function = self._function
        tensors, paths, structure = _tree.flatten((args, kwargs), self.__qualname__)
        self._refuse_gradients(tensors, paths)
        args, kwargs = _tree.unflatten(structure, list(tensors))  # arrays are tensors from here
        if not self._ordered:
            kwargs = dict(sorted(kwargs.items()))
        tensors, _, structure = _tree.flatten((args, kwargs), self.__qualname__)
        form, why = self._form(function, tensors, structure, args, kwargs)
        if form is not None and any(t._shares(u) for i, t in enumerate(tensors) for u in tensors[:i]):
            if form.captured.changed_inputs:
                form, why = None, "inputs that share memory are changed in place"
        if form is None:
            self._eager[why] = self._eager.get(why, 0) + 1
            with inside_region(), no_grad():
                return function(*args, **kwargs)
        result = self._dispatch(args, kwargs, _autocast.dtype)
        if result is NotImplemented:
            fail("internal", f"internal: {self.__qualname__}: a form that was made for a call does not take it")
        return result

    def _refuse_gradients(self, tensors: Sequence[Tensor], paths: Sequence[str]) -> None:
        if not _neve.is_grad_enabled():
            return
        for t, path in zip(tensors, paths):
            if t.requires_grad:
                fail(
                    "unsupported",
                    f"{self.__qualname__}: argument {path.split('.', 1)[-1]} ({text_of(t)}) asks for gradients, and a compiled "
                    "region computes none (call it under neve.no_grad(), hand it x.detach(), or use neve.jit.to_static)",
                )

    def _form(
        self, function: Any, tensors: list[Tensor], structure: Any, args: Any, kwargs: Any
    ) -> tuple[RegionForm | None, str]:
        """The form for a call, ready to run; or None, and why the original must run."""
        mode = _autocast.dtype
        key = (structure, tuple((t.dtype, t.ndim) for t in tensors), mode)
        with self._lock:
            if key in self._errors:
                return None, f"it did not compile: {self._errors[key]}"
            known = self._table.get(key, [])
            form = next((f for f in known if f.captured.accepts(tensors)), None)
            if form is None:
                if sum(map(len, self._table.values())) >= self._options["max_forms"]:
                    return None, self._full(key)
                reason = self._reason(key, known, tensors)
                try:
                    with inside_region(), no_grad():
                        captured = capture(
                            function,
                            args,
                            kwargs,
                            self.__qualname__,
                            open_sizes,
                            convert=self._options["control_flow"],
                        )
                except Exception as error:
                    return None, self._failed(key, error)
                captured._samples, captured._modules = [], {}  # not kept alive by what it compiled
                form = RegionForm(captured, reason, tensors)
                self._table.setdefault(key, []).append(form)
            elif form.engine is not None and not self._refresh(form):
                return form, ""
            if form.error is not None:
                return None, f"it did not compile: {form.error}"
            if form.engine is None and not form.running:
                self._start(form, tensors, mode, key)
            if form.error is not None:
                return None, f"it did not compile: {form.error}"
            return (form, "") if form.engine is not None else (None, "the engine is being compiled")

    def _refresh(self, form: RegionForm) -> bool:
        """Whether the weights are others than those of the engine: it is made anew then."""
        changed = form.captured._program.changed()
        if not changed:
            return False
        if self._options["freeze"]:
            names = ", ".join(sorted(n or "a constant of the graph" for n in changed)[:4])
            fail(
                "unsupported",
                f"{self.__qualname__}: {names} was changed, and freeze=True was asked for (freeze=False follows changes)",
            )
        if "" in changed:
            self._drop(form)
            fail(
                "unsupported",
                f"{self.__qualname__}: a tensor that became a constant of the graph was changed (it is captured again at the next call)",
            )
        self._dispatch.remove(form.call)
        form.engine, self._events = (
            None,
            [
                *self._events[-15:],
                f"weights changed ({sorted(changed)[0]}{', ...' if len(changed) > 1 else ''}): packed anew",
            ],
        )
        return True

    def _drop(self, form: RegionForm) -> None:
        self._dispatch.remove(form.call)
        for group in self._table.values():
            if form in group:
                group.remove(form)

    def _full(self, key: Any) -> str:
        text = f"there are {self._options['max_forms']} forms already (max_forms)"
        other = next((k for k in reversed(self._table) if k != key), None)
        if other is not None and (d := _tree.difference(other[0], key[0])):
            text += f"; the last one differs in {d}: hand in as a tensor what differs from call to call"
        if not self._warned:
            self._warned = True
            warnings.warn(f"{self.__qualname__}: {text}; the original runs", stacklevel=5)
        return "there are max_forms forms already"

    def _reason(self, key: Any, known: list[RegionForm], tensors: list[Tensor]) -> str:
        if known:
            why = known[-1].captured.why_not(tensors)
            guards = "; ".join(f"{g.relation} at {g.location}" for g in known[-1].captured.guards[:4])
            return f"{why} than {guards}" if why == "other sizes" else why
        if not self._table:
            return "the first call"
        last = next(reversed(self._table))
        return _tree.difference(last[0], key[0]) or "other dtypes, ranks or modes"

    def _failed(self, key: Any, error: Exception) -> str:
        """What did not work: raised where calls wait for it, said once where they do not."""
        if self._options["blocking"]:
            raise error
        self._errors[key] = error
        warnings.warn(f"{self.__qualname__}: it is not compiled, the original runs: {error}", stacklevel=6)
        return f"it did not compile: {error}"

    # ---- engines ----

    def _start(self, form: RegionForm, tensors: list[Tensor], mode: Any, key: Any) -> None:
        samples = _samples(form.captured, tensors, copies=not self._options["blocking"])
        if self._options["blocking"]:
            try:
                self._compile(form, samples, mode)
            except BaseException:
                if form.captured in [f.captured for f in self._table.get(key, [])]:
                    self._table[key].remove(form)
                raise
            return
        form.running = True
        threading.Thread(target=self._background, args=(form, samples, mode), name=f"neve {self.__qualname__}").start()

    def _background(self, form: RegionForm, samples: list[Any], mode: Any) -> None:
        try:
            self._compile(form, samples, mode)
        except _Ends:
            pass
        except Exception as error:
            form.error = error
            warnings.warn(f"{self.__qualname__}: it is not compiled, the original runs: {error}", stacklevel=1)
        finally:
            form.running = False

    def _compile(self, form: RegionForm, samples: list[Any], mode: Any) -> None:
        """Makes or finds the engine of a form, and lets calls take it."""
        import time

        begin, c = time.monotonic(), form.captured
        assert c._environment is not None
        c._program.note_versions()
        model = c.model
        options = {k: self._options[k] for k in _OPTIMISE if k in self._options}
        if form.call is not None:  # the graph was checked; only the weights are others
            options["gate"] = False
        names = [name for name, _, _ in c.inputs]
        if not options.get("ranges") and not options.get("warmup_data"):
            from .. import Range

            options["ranges"] = [Range({}, {}, [{n: s.shape for n, s in zip(names, samples)}])]
        if options.get("gate", True):
            options["test_data"] = [dict(zip(names, samples)), *options.get("test_data", ())]
        cache = self._options["cache_dir"]
        if cache is None:
            form.engine = _optimise(model, options)
        else:
            parts = _region_cache.key_of(self.__qualname__, c, model, self._options, mode)
            form.engine, form.cache = _region_cache.engine_for(
                cache, parts, lambda: _optimise(model, options), self._options["cache_bytes"]
            )
        form.seconds = time.monotonic() - begin
        call = _neve.Call(
            c._program, form.engine, c._environment.watch, c._arguments, c._results, mode,
            None if c.is_direct else form.run, self._ordered,
        )  # fmt: skip
        call.calls = form.calls
        form.call = call
        self._dispatch.add(call)

    # ---- what it says of itself ----

    @property
    def forms(self) -> list[RegionForm]:
        """All compiled forms."""
        return [f for group in self._table.values() for f in group]

    @property
    def engines(self) -> list[Any]:
        """The engines that are ready."""
        return [f.engine for f in self.forms if f.engine is not None]

    @property
    def code(self) -> str:
        """The source that is captured: control flow as calls."""
        return getattr(
            transform(self._plain if self._owner else getattr(self._plain, "__func__", self._plain)), "source", ""
        )

    def wait(self, seconds: float | None = None) -> bool:
        """Waits until nothing is being compiled; whether that came true in time."""
        import time

        end = None if seconds is None else time.monotonic() + seconds
        while any(f.running for f in self.forms):
            if end is not None and time.monotonic() > end:
                return False
            time.sleep(0.005)
        return True

    def rollback(self) -> Callable[..., Any]:
        """The original function."""
        return self._function

    def explain(self) -> str:
        """What exists and why, as text."""
        lines = [f"{self.__qualname__}: {len(self.forms)} forms"]
        for f in self.forms:
            lines.append(f"  {f!r}")
            lines += [f"    guard {g.relation} at {g.location}" for g in f.captured.guards]
            if f.cache:
                lines.append(f"    cache: {f.cache}")
        lines += [f"  {event}" for event in self._events]
        lines += [f"  {n} calls ran the original: {reason}" for reason, n in self._eager.items()]
        lines += [
            f"  {len(r.forms)} forms for one of {len(self._instances)} instances" for r in self._instances.values()
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<neve.jit.Region {self.__qualname__}: {len(self.forms)} forms>"


class _Ends(BaseException):
    """The program ends while an engine is being compiled."""


def _optimise(model: Any, options: dict[str, Any]) -> Any:
    from .. import optimize

    def progress(done: float, phase: str) -> None:
        if not threading.main_thread().is_alive():
            raise _Ends

    in_main = threading.current_thread() is threading.main_thread()
    return optimize(model, **options, **({} if in_main else {"progress": progress}))


def open_sizes(path: str, t: Tensor) -> Sequence[Any]:
    """A Dim for each axis."""
    return tuple(_neve.Dim(f"{path}_{axis}") for axis in range(t.ndim))


def _samples(c: CapturedFunction, tensors: list[Tensor], *, copies: bool) -> list[Any]:
    """What the graph's inputs are at this call. Drawing for it draws nothing from the caller."""
    states = [(g, g.get_state()) for g, _ in c._generators]
    inputs = c._with_own([t.detach() for t in tensors], [s.detach() for s in c._states], _advance)
    for g, state in states:
        g.set_state(state)
    return [i.clone() if copies and isinstance(i, Tensor) else i for i in inputs]


def _defaults(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a region, checked by name."""
    own = {
        "freeze": False,
        "blocking": True,
        "control_flow": True,
        "max_forms": 64,
        "cache_dir": None,
        "cache_bytes": 4 << 30,
    }
    if "save_model_dir" in options:
        if options.get("cache_dir") is not None:
            fail("invalid_argument", "inference: cache_dir and save_model_dir are the same (one of them)")
        options["cache_dir"] = options.pop("save_model_dir")
    for name in options:
        if name not in own and name not in _OPTIMISE:
            raise TypeError(f"inference: there is no option '{name}' (there are: {', '.join([*own, *_OPTIMISE])})")
    made = {**own, **options}
    if not isinstance(made["max_forms"], int) or made["max_forms"] < 1:
        fail("invalid_argument", f"inference: max_forms is {made['max_forms']!r} (1 or more)")
    if made["cache_dir"] is not None:
        made["cache_dir"] = _region_cache.folder_of(made["cache_dir"])
    if "ranges" in made and (isinstance(made["ranges"], str) or hasattr(made["ranges"], "opts")):
        made["ranges"] = [made["ranges"]]
    for name in ("test_data", "warmup_data", "ranges"):
        if name in made:
            made[name] = list(made[name])
    return made


def inference(target: Any = None, **options: Any) -> Any:
    """Compiles what is called often inside of code that stays dynamic; for running, not for training.

    `@inference` or `@inference(...)` on a method (each instance has engines of its own) or function; `inference(module)`
    changes the Module in place (its forward) and returns it; `inference(module.method)` makes a new callable.

    Arguments and results are nested structures of tensors (list, tuple, dict, named tuple, dataclass); None, bool, numbers
    and texts among them make forms of their own. Every size is open from the first call on. Results ask for no gradients;
    an argument that does is an error while gradients are recorded; parameters may.

    options, beside those of neve.optimize (ranges, precision, tune, gate, threads, ...; the first call's arguments are the
    point that kernels are chosen for, and the gate runs them):
    freeze: a weight that changes is an error; otherwise the next call sees it and packs anew.
    blocking: False lets the original serve while a thread compiles; its errors are warned of once, and told by explain().
    control_flow: False captures without converting `if`, `while`, `for`; what tensors decide is refused then.
    max_forms: so many forms, later ones run as the original.
    cache_dir (or save_model_dir): a folder that keeps engines for other processes, or True for the folder of the cache;
    cache_bytes: so many at most, the ones used longest ago go.

    Source: paddle.incubate.jit.inference.
    """
    if target is None:
        made = _defaults(options)
        return lambda f: inference(f, **made)
    made = _defaults(options)
    if isinstance(target, Region):
        return target
    if isinstance(target, Module):
        f = target.forward
        if not isinstance(f, Region):
            f = f.rollback() if isinstance(f, StaticFunction) else f
            own = f.__func__ if isinstance(f, types.MethodType) and f.__self__ is target else None
            object.__setattr__(target, "forward", Region(f, made) if own is None else Region(own, made, target))
        return target
    if isinstance(target, StaticFunction):
        target = target.rollback()
    if not callable(target):
        fail("type_mismatch", f"inference: {text_of(target)} (a function, a method or a Module)")
    return Region(target, made)


__all__ = ["Region", "RegionForm", "inference", "is_inference_mode"]
