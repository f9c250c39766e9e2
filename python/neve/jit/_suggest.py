"""suggest: where a model spends its time, and which of its modules gain by being compiled."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Any

from ..autograd import no_grad
from ..nn.module import Module
from . import _tree
from ._inference import Region, _defaults


@dataclasses.dataclass
class Candidate:
    """A module as a region: milliseconds of a call as it is and compiled, and what a run of the model gains."""

    name: str
    kind: str
    calls: int
    eager_ms: float  # of all its calls in a run
    share: float  # of the run
    compiled_ms: float | None = None  # of all its calls, compiled; None where it was not compiled
    reason: str = ""  # why not

    @property
    def gain_ms(self) -> float:
        """What a run of the model would gain."""
        return 0.0 if self.compiled_ms is None else max(self.eager_ms - self.compiled_ms, 0.0)


@dataclasses.dataclass
class Suggestion:
    """What suggest found: `regions` are worth compiling, best first; `others` are not, with the reason."""

    total_ms: float
    regions: list[Candidate]
    others: list[Candidate]

    def __repr__(self) -> str:
        lines = [
            f"one run: {self.total_ms:.3g} ms",
            f"{'module':<32} {'calls':>5} {'share':>6} {'eager ms':>9} {'compiled':>9} {'gain':>6}",
        ]
        for c in [*self.regions, *self.others]:
            compiled = "-" if c.compiled_ms is None else f"{c.compiled_ms:.3g}"
            name = f"{c.name or '(the model)'}: {c.kind}"
            lines.append(
                f"{name:<32} {c.calls:>5} {c.share:>6.0%} {c.eager_ms:>9.3g} {compiled:>9} {c.gain_ms / self.total_ms:>6.0%}"
                + (f"  {c.reason}" if c.reason else "")
            )
        lines += [
            f"neve.jit.inference(model{'.' + c.name if c.name else ''})  # saves {c.gain_ms:.3g} of {self.total_ms:.3g} ms"
            for c in self.regions
        ]
        return "\n".join(lines)


class _Profile:
    """Times of all modules in a run, and the arguments of their first call."""

    def __init__(self, model: Module) -> None:
        self.names = {id(m): (name, m) for name, m in model.named_modules()}
        self.seconds: dict[int, list[float]] = {}
        self.arguments: dict[int, tuple[Any, Any]] = {}
        self._open: list[tuple[int, float]] = []
        self._handles: list[Any] = []

    def __enter__(self) -> _Profile:
        for _, m in self.names.values():
            self._handles.append(m.register_forward_pre_hook(self._before, prepend=True, with_kwargs=True))
            self._handles.append(m.register_forward_hook(self._after, with_kwargs=True))
        return self

    def __exit__(self, *_: object) -> None:
        for h in self._handles:
            h.remove()

    def _before(self, module: Any, args: Any, kwargs: Any) -> None:
        if id(module) not in self.arguments:
            tensors, _, structure = _tree.flatten((args, kwargs), "suggest")
            self.arguments[id(module)] = _tree.unflatten(structure, [t.detach().clone() for t in tensors])
        self._open.append((id(module), time.perf_counter()))

    def _after(self, module: Any, args: Any, kwargs: Any, result: Any) -> None:
        key, begin = self._open.pop()
        self.seconds.setdefault(key, []).append(time.perf_counter() - begin)


def suggest(
    model: Module, inputs: Any, *, top: int = 3, runs: int = 5, least_share: float = 0.05, **options: Any
) -> Suggestion:
    """Runs the model, and compiles the modules where the time goes, to say which are worth being regions.

    inputs: the arguments of a call, a tuple or one tensor. The largest module that can be compiled is taken, those inside of
    it only where it cannot; `top` are compiled at most, none with less than `least_share` of the time. options: as for
    inference. The model is not changed; buffers that a run changes are. Gains are measured on this machine.
    """
    args = inputs if isinstance(inputs, tuple) else (inputs,)
    made = _defaults(dict(options))
    with no_grad():
        model(*args)
        total = _median(lambda: model(*args), runs)
        profile = _Profile(model)
        with profile:
            for _ in range(runs):
                model(*args)
        regions: list[Candidate] = []
        others: list[Candidate] = []
        queue: list[Module] = [model]
        compiled = 0
        while queue:
            queue.sort(key=lambda m: sum(profile.seconds.get(id(m), ())))
            module = queue.pop()
            times = profile.seconds.get(id(module))
            name = profile.names[id(module)][0]
            if not times:  # not called itself, as a list of modules is not
                queue += module.children()
                continue
            # Parts and whole are of the same runs; what the hooks cost is not in `total`.
            share = sum(times) / sum(profile.seconds[id(model)])
            c = Candidate(name, type(module).__name__, len(times) // runs, share * total, share)
            if c.share < least_share:
                continue
            if compiled >= top:
                c.reason = f"not tried: top={top}"
                others.append(c)
                continue
            compiled += _try(c, module, profile.arguments[id(module)], made, runs)
            if c.compiled_ms is None:
                queue += module.children()
            (regions if c.gain_ms > 0.02 * total else others).append(c)
            if c.compiled_ms is not None and c not in regions:
                c.reason = "compiled, it is not faster"
    regions.sort(key=lambda c: -c.gain_ms)
    return Suggestion(total, regions, others)


def _try(c: Candidate, module: Module, arguments: Any, options: dict[str, Any], runs: int) -> bool:
    """Compiles a module and measures it beside the original. Whether it could."""
    args, kwargs = arguments
    forward = module.forward
    if isinstance(forward, Region):
        c.reason = "it is a region already"
        return False
    region = Region(forward, {**options, "blocking": True, "freeze": False})
    try:
        region(*args, **kwargs)
    except Exception as error:
        c.reason = str(error).splitlines()[0]
        return False
    eager = _median(lambda: forward(*args, **kwargs), runs)
    fast = _median(lambda: region(*args, **kwargs), runs)
    c.compiled_ms = c.eager_ms * fast / eager
    return True


def _median(call: Callable[[], Any], runs: int) -> float:
    """Milliseconds."""
    found = []
    for _ in range(max(runs, 3)):
        begin = time.perf_counter()
        call()
        found.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(found)


__all__ = ["Candidate", "Suggestion", "suggest"]
