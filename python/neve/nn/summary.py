"""A model as a table: layers, shapes of their results, numbers of parameters."""

from __future__ import annotations

from typing import Any

from ._core import Tensor, no_grad, text_of
from .module import Module


def _shapes(y: Any) -> str:
    if isinstance(y, Tensor):
        return str(list(y.shape))
    if isinstance(y, (tuple, list)):
        return ", ".join(_shapes(e) for e in y if e is not None)
    if isinstance(y, dict):
        return ", ".join(f"{k}: {_shapes(e)}" for k, e in y.items())
    return text_of(y)


def summary(model: Module, *inputs: Any, **kwargs: Any) -> str:
    """The table as text. With inputs the model runs once, in evaluation mode and without recording, and shapes are shown.

    The parameters of a row are those of the layer itself, without the layers inside it; a shared one counts once.
    Cost: one forward where inputs are given.
    """
    shapes: dict[int, str] = {}
    modules = list(model.named_modules())
    if inputs or kwargs:
        handles = [m.register_forward_hook(lambda m, _, y: shapes.__setitem__(id(m), _shapes(y))) for _, m in modules]
        modes = [(m, m.training) for _, m in modules]
        try:
            with no_grad():
                model.eval()(*inputs, **kwargs)
        finally:
            for h in handles:
                h.remove()
            for m, mode in modes:
                object.__setattr__(m, "training", mode)
    rows, seen = [], set()
    trained = fixed = size = 0
    for path, module in modules:
        count = 0
        for _, p in module._own("parameter"):
            if id(p) in seen:
                continue
            seen.add(id(p))
            count += p.size
            size += p.nbytes
            trained, fixed = (trained + p.size, fixed) if p.requires_grad else (trained, fixed + p.size)
        depth = path.count(".") + 1 if path else 0
        name = "  " * depth + (path.rpartition(".")[2] + ": " if path else "") + type(module).__name__
        rows.append((name, shapes.get(id(module), "-"), f"{count:,}" if count else "-"))
    head = ("layer", "result", "parameters")
    widths = [max(len(r[i]) for r in [head, *rows]) for i in range(3)]

    def line(r: tuple[str, str, str]) -> str:
        return f"{r[0]:<{widths[0]}}  {r[1]:<{widths[1]}}  {r[2]:>{widths[2]}}"

    rule = "-" * (sum(widths) + 4)
    total = f"{trained + fixed:,} parameters ({trained:,} trained, {fixed:,} fixed), {size / 2**20:.2f} MiB"
    return "\n".join([line(head), rule, *map(line, rows), rule, total])
