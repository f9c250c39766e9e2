"""load: a file of captured methods as a Module."""

from __future__ import annotations

import inspect
import json
import os
from typing import Any, NamedTuple, NoReturn

from .. import _neve
from .._base import Tensor, fail, text_of
from ..nn._core import autocast as _autocast
from ..nn.module import Module
from ..nn.parameter import Parameter
from ..random import Generator, default_generator
from . import _signature, _structure, _tree
from ._capture import CapturedFunction, Guard
from ._effects import prints_of


class Form(NamedTuple):
    """One captured form of a method."""

    captured: CapturedFunction
    canonical: str  # structure of the arguments as text, as the method's signature has it
    order: list[int]  # for each tensor that it takes, which one it is of the canonical form
    mode: str  # "train", "eval", or "" for both
    autocast: str
    samples: list[list[Tensor]]

    def ordered(self, tensors: list[Tensor]) -> list[Tensor]:
        """The tensors of a canonical call as this form takes them."""
        return [tensors[k] for k in self.order]

    def __repr__(self) -> str:
        text = ", ".join(f"{n}: {d}[{', '.join(map(str, s))}]" for n, d, s in self.captured.inputs[: len(self.order)])
        values = _tree.constants(self.captured._arguments)
        parts = [text, *([f"values {tuple(values)}"] if values else []), *([self.mode] if self.mode else [])]
        return f"({'; '.join(parts + ([f'autocast {self.autocast}'] if self.autocast else []))})"


class LoadedPart(Module):
    """A module inside of a loaded one: its tensors and attributes; only the whole can be called."""


class LoadedMethod:
    """A method of a loaded module: callable as the original was."""

    def __init__(self, module: LoadedModule, name: str) -> None:
        self._module, self.__name__ = module, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._module._call(self.__name__, args, kwargs)

    @property
    def forms(self) -> list[CapturedFunction]:
        """The captured forms: by mode, structure and sizes of the arguments."""
        return [f.captured for f in self._module._jit_methods[self.__name__]]

    @property
    def guards(self) -> list[Guard]:
        """What was decided by sizes, of all forms."""
        return [g for f in self.forms for g in f.guards]

    @property
    def __signature__(self) -> inspect.Signature:
        """The parameters of the original."""
        signature = self._module._jit_signatures.get(self.__name__)
        if signature is None:
            raise ValueError(f"the file does not say the parameters of {self.__name__}")
        return signature.of_values

    def __repr__(self) -> str:
        return f"<method {self.__name__} of a loaded {self._module._jit_type}: {len(self.forms)} forms>"


class LoadedModule(Module):
    """What neve.jit.load gives: methods, parameters, buffers and plain attributes of the module that was saved.

    train() and eval() choose among the stored modes. Parameters are seen by all methods; changing them changes what the
    next call computes, and gradients flow to them.
    """

    def __init__(self, type_name: str) -> None:
        super().__init__()
        object.__setattr__(self, "_jit_type", type_name)
        object.__setattr__(self, "_jit_methods", {})
        object.__setattr__(self, "_jit_signatures", {})

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The computation that was saved."""
        return self._call("forward", args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name in self.__dict__.get("_jit_methods", {}):
            return LoadedMethod(self, name)
        names = ", ".join(self.__dict__.get("_jit_methods", {}))
        raise AttributeError(
            f"a loaded {self.__dict__.get('_jit_type', 'module')} has no '{name}' (its methods: {names})"
        )

    @property
    def methods(self) -> list[str]:
        """Names of the methods that were saved."""
        return list(self._jit_methods)

    def extra_repr(self) -> str:
        return f"{self._jit_type}, methods: {', '.join(self._jit_methods)}"

    def _call(self, method: str, args: Any, kwargs: Any) -> Any:
        call = f"{self._jit_type}.{method}"
        forms: list[Form] = self._jit_methods.get(method, [])
        if not forms:
            fail("not_found", f"{call}: it was not saved (saved were: {', '.join(self._jit_methods)})")
        if (signature := self._jit_signatures.get(method)) is not None:
            args, kwargs = signature.call(call, args, kwargs)
        tensors, _, structure = _tree.flatten((args, kwargs), call)
        text = _structure.text(structure, call)
        mode = "train" if self.training else "eval"
        fits = [f for f in forms if f.canonical == text and f.mode in ("", mode)]
        now = _autocast.dtype or ""
        fits = [f for f in fits if f.autocast == now] or fits
        typed = [f for f in fits if not _other_types(f, tensors)]
        if _neve.is_capturing() and typed:
            return _first_that_fits(typed, tensors)
        for f in typed:
            if f.captured.accepts(f.ordered(tensors)):
                return f.captured.on(f.ordered(tensors))
        _refuse(call, forms, text, tensors, mode)


def _other_types(f: Form, tensors: list[Tensor]) -> str:
    for t, (name, dtype, shape) in zip(f.ordered(tensors), f.captured.inputs):
        if t.dtype != dtype:
            return f"input '{name}' is {t.dtype}"
        if t.ndim != len(shape):
            return f"input '{name}' is of {t.ndim} {'axis' if t.ndim == 1 else 'axes'}"
    return ""


def _why_not(f: Form, text: str, tensors: list[Tensor], mode: str) -> tuple[int, str, str]:
    """How many of its guards held, the kind of error, and the first guard of a form that a call does not keep."""
    if f.mode not in ("", mode):
        return 0, "unsupported", f"the mode is {mode}"
    if f.canonical != text:
        return 1, "invalid_argument", _structure.difference(f.canonical, text)
    if why := _other_types(f, tensors):
        return 2, "type_mismatch" if "axis" not in why and "axes" not in why else "shape_mismatch", why
    if _neve.is_capturing():
        return 3, "shape_mismatch", "other sizes"
    return 3, "shape_mismatch", f.captured._program.difference(f.ordered(tensors))


def _refuse(call: str, forms: list[Form], text: str, tensors: list[Tensor], mode: str) -> NoReturn:
    """Says of every form why it does not take a call."""
    reasons = [_why_not(f, text, tensors, mode) for f in forms]
    lines = [f"\n  {f!r}: {why}" for f, (_, _, why) in zip(forms[:16], reasons)]
    lines += [f"\n  and {len(forms) - 16} more"] * (len(forms) > 16)
    _, code, _ = max(reasons, key=lambda r: r[0])
    given = ", ".join(text_of(t) for t in tensors)
    fail(
        code,
        f"{call}: no form of it takes ({given}) and the values beside them in {mode} mode; it was saved for{''.join(lines)}",
    )


def _first_that_fits(forms: list[Form], tensors: list[Tensor]) -> Any:
    """Inside of a capture sizes are symbols: a form that does not fit says so before it does anything."""
    for f in forms[:-1]:
        try:
            return f.captured.on(f.ordered(tensors))
        except _neve.Error as error:
            if error.code not in ("shape_mismatch", "type_mismatch"):
                raise
    return forms[-1].captured.on(forms[-1].ordered(tensors))


def _place(root: LoadedModule, name: str, where: str) -> tuple[Module, str]:
    """The module that holds a dotted name, made if need be, and the last word."""
    *path, last = name.split(".")
    module: Module = root
    for word in [*path, last]:
        if not word or len(name) > 4096 or len(path) > 100 or hasattr(LoadedModule, word) or word.startswith("_jit_"):
            fail("corrupt_file", f"{where}: '{name[:200]}' is no name of a tensor or attribute")
    for word in path:
        inner = module.__dict__.get(word)
        if inner is None:
            inner = LoadedPart()
            object.__setattr__(module, word, inner)
        if not isinstance(inner, Module):
            fail("corrupt_file", f"{where}: '{name[:200]}' lies inside of something that is no module")
        module = inner
    if last in module.__dict__:
        fail("corrupt_file", f"{where}: '{name[:200]}' is there twice")
    return module, last


def _add_tensors(root: LoadedModule, saved: Any, where: str) -> None:
    made: dict[str, Tensor] = {}
    for name, key, tensor, parameter, persistent in saved.tensors():
        module, last = _place(root, name, where)
        if key not in made:
            made[key] = Parameter(tensor, tensor.requires_grad) if parameter else tensor
            if parameter:
                saved.replace(name, made[key])
        if isinstance(made[key], Parameter):
            object.__setattr__(module, last, made[key])
            continue
        if "_buffer_names" not in module.__dict__:
            object.__setattr__(module, "_buffer_names", {})
        module._buffer_names[last] = persistent
        object.__setattr__(module, last, made[key])


def _add_properties(root: LoadedModule, text: str, where: str) -> None:
    try:
        properties = json.loads(text)
    except (ValueError, RecursionError):
        properties = None
    if not isinstance(properties, dict):
        fail("corrupt_file", f"{where}: its properties are no map")
    for name, v in properties.items():
        for e in v if isinstance(v, list) else [v]:
            if type(e) not in (int, float, bool, str):
                fail("corrupt_file", f"{where}: property '{name[:200]}' is {type(e).__name__}")
        module, last = _place(root, name, where)
        object.__setattr__(module, last, v)


def made_of(saved: Any, where: str) -> LoadedModule:
    """A module of what a file holds."""
    root = LoadedModule(saved.type)
    _add_tensors(root, saved, where)
    _add_properties(root, saved.properties, where)
    classes: dict[Any, Any] = {}
    for method, count in saved.methods().items():
        if method != "forward" and (
            not method.isidentifier() or hasattr(LoadedModule, method) or method in root.__dict__
        ):
            fail("corrupt_file", f"{where}: '{method[:200]}' is no name of a method")
        forms = []
        generators: dict[int, Generator] = {}
        if encoded := saved.signature(method):
            root._jit_signatures[method] = _signature.Signature(encoded, classes, where)
        for k in range(count):
            d, program = saved.form(method, k), saved.program(method, k)
            used = [
                (generators.setdefault(n, Generator(n)) if own else default_generator, draws)
                for n, (own, draws) in enumerate(zip(d["own_generator"], d["draws"]))
            ]
            arguments = _structure.structure(d["arguments"], classes, where)
            results = _structure.structure(d["results"], classes, where)
            names = [name for name, _, _ in program.model.inputs]
            captured = CapturedFunction(f"{saved.type}.{method}", arguments, results, program, names, used)
            captured._passed = dict(d["passed"])
            captured._prints = prints_of(d["prints"])
            hidden = (["log"] if d["prints"] else []) + d["counted"]
            captured._hidden = {k: _tree.count(results) + i for i, k in enumerate(hidden)}
            captured._signature = encoded
            canonical, order = arguments, list(range(_tree.count(arguments)))
            if encoded:
                canonical, order = root._jit_signatures[method].form(arguments, where)
            text = _structure.text(canonical, where)
            forms.append(Form(captured, text, order, d["mode"], d["autocast"], d["samples"]))
        root._jit_methods[method] = forms
    root.train(saved.training)
    return root


def load(path: str | os.PathLike[str]) -> LoadedModule:
    """Reads what neve.jit.save, or neve::jit::save of C++, wrote: a Module without the source of the original.

    It is called as the original: by position or by name, with its defaults; values beside the tensors are those that it
    was saved for. It returns what the original returned (named tuples and dataclasses as classes with the same fields). Other methods that were saved are its methods; state_dict() has the
    original's names; train() and eval() choose among the stored modes; parameters can be trained, and all be saved again.

    Raises Error{corrupt_file} for a file that is not as it was written, Error{unsupported} for one of a newer version,
    Error{not_found}, Error{io}. Nothing in a file is run but graphs of Neve's ops; samples are checked once a machine.
    """
    path = os.fspath(path)
    return made_of(_neve.load_module(path), f"load: '{path}'")


__all__ = ["Form", "LoadedMethod", "LoadedModule", "LoadedPart", "load", "made_of"]
