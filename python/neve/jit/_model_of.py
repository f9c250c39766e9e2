"""What neve.optimize takes, as a Model."""

from __future__ import annotations

from typing import Any

from .. import _neve
from .._base import fail
from ..nn.module import Module
from ._capture import CapturedFunction, name_of
from ._inference import Region
from ._load import LoadedModule
from ._save import capture_checked
from ._spec import example_of
from ._static import StaticFunction


def _captured(x: Any, spec: Any, call: str) -> CapturedFunction:
    if isinstance(x, CapturedFunction):
        return x
    if isinstance(x, LoadedModule):
        forms = x._jit_methods.get("forward") or next(iter(x._jit_methods.values()))
        return next((f for f in forms if f.mode != "train"), forms[0]).captured
    static = x.forward if isinstance(x, Module) and isinstance(x.forward, (StaticFunction, Region)) else x
    if spec is None and isinstance(static, Region) and static.forms:
        return static.forms[-1].captured
    if spec is None and isinstance(static, StaticFunction):
        if static.last is not None:
            return static.last.captured
        spec = static._spec
    if spec is None:
        fail(
            "invalid_argument",
            f"{call}: {name_of(x)} was not captured yet (call it once, or give example=(x, ...) or input_spec=[...])",
        )
    function = static._function if isinstance(static, (StaticFunction, Region)) and not isinstance(x, Module) else x
    return capture_checked(function, example_of(spec, call, function), call)


def model_of(x: Any, example: Any = None, input_spec: Any = None) -> Any:
    """A Model of what was captured, is made by to_static, was loaded, or can be captured; anything else as it is.

    Raises Error{unsupported} for a program that changes buffers or inputs, draws random numbers or prints: an engine cannot.
    """
    if isinstance(x, (_neve.Model, _neve.Engine)) or not callable(x):
        return x
    spec = input_spec if input_spec is not None else example
    if spec is not None and not isinstance(spec, (list, tuple)):
        spec = (spec,)
    captured = _captured(x, spec, "optimize")
    if captured._states or captured._random or captured.changed_inputs or captured._hidden:
        fail(
            "unsupported",
            f"optimize: {captured.name} changes buffers or inputs, draws random numbers or prints, which an engine cannot (eval() first, and capture then)",
        )
    if "" in captured._program.changed():
        fail(
            "unsupported",
            f"optimize: {captured.name}: a tensor that became a constant of the graph was changed (capture again)",
        )
    return captured.model
