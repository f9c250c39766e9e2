"""Module: a piece of a model with its parameters, buffers and inner modules."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from ._core import FLOATS, Tensor, fail, no_grad, tensor, text_of, type_error, value_error
from .parameter import Parameter

M = TypeVar("M", bound="Module")


# Set by neve.jit while programs are captured: what is called in the place of a module's forward.
convert_forward: Callable[[Any], Callable[..., Any]] | None = None


class LoadResult(NamedTuple):
    """What load_state_dict(strict=False) could not match."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class RemovableHandle:
    """Takes a hook off again: handle.remove(), or at the end of a `with`."""

    def __init__(self, hooks: dict[int, Any], key: int) -> None:
        self.hooks, self.key = hooks, key

    def remove(self) -> None:
        self.hooks.pop(self.key, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


class Module:
    """Base of all layers and models: write __init__ and forward.

    Parameters, buffers and modules are attributes: a Parameter or Module that is assigned is found by parameters(),
    state_dict() and so on, in the order of assignment; buffers are named by register_buffer. Source: torch.nn.Module.
    """

    training: bool = True
    _buffer_names: dict[str, bool] = {}  # name -> whether it is saved
    _pre_hooks: dict[int, tuple[Callable[..., Any], bool]] = {}
    _hooks: dict[int, tuple[Callable[..., Any], bool]] = {}
    _hook_count: int = 0

    if TYPE_CHECKING:  # parameters, buffers and modules are attributes of any name

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self) -> None:
        pass

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The computation; called by module(...)."""
        fail("unsupported", f"{type(self).__name__}: forward is not written (a subclass of Module defines forward)")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        forward = self.forward if convert_forward is None else convert_forward(self)
        if not self._pre_hooks and not self._hooks:
            return forward(*args, **kwargs)
        for hook, with_kwargs in list(self._pre_hooks.values()):
            if with_kwargs:
                changed = hook(self, args, kwargs)
                if changed is not None:
                    args, kwargs = changed
            else:
                changed = hook(self, args)
                if changed is not None:
                    args = changed if isinstance(changed, tuple) else (changed,)
        y = forward(*args, **kwargs)
        for hook, with_kwargs in list(self._hooks.values()):
            changed = hook(self, args, kwargs, y) if with_kwargs else hook(self, args, y)
            y = y if changed is None else changed
        return y

    # ---- attributes ----

    def __setattr__(self, name: str, value: Any) -> None:
        old = self.__dict__.get(name)
        if old is not None and old is not value:
            what = f"{type(self).__name__}.{name}"
            if isinstance(old, Parameter) and isinstance(value, Tensor) and not isinstance(value, Parameter):
                type_error(
                    f"{what}: a parameter of type {text_of(old)} is replaced by a tensor that is none (nn.Parameter(t), or copy_ under no_grad)"
                )
            if isinstance(old, Module) and not isinstance(value, Module) and value is not None:
                type_error(f"{what}: a module is replaced by {text_of(value)} (a module or None)")
            if name in self._buffer_names and not isinstance(value, Tensor) and value is not None:
                type_error(f"{what}: a buffer is replaced by {text_of(value)} (a tensor or None)")
        object.__setattr__(self, name, value)

    def _check_name(self, call: str, name: str) -> None:
        if not isinstance(name, str) or not name or "." in name:
            value_error(f"{call}: the name is {name!r} (a word without dots)")
        if hasattr(type(self), name):
            value_error(f"{call}: '{name}' is an attribute of {type(self).__name__} already (another name)")

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Adds a parameter; None keeps the place of one that a subclass leaves out."""
        self._check_name("register_parameter", name)
        if param is not None and not isinstance(param, Parameter):
            type_error(f"register_parameter: '{name}' is {text_of(param)} (an nn.Parameter or None)")
        object.__setattr__(self, name, param)

    def register_buffer(self, name: str, value: Tensor | None, persistent: bool = True) -> None:
        """Adds a tensor that is state but not trained; with persistent=False it is not in the state_dict."""
        self._check_name("register_buffer", name)
        if value is not None and not isinstance(value, Tensor):
            type_error(f"register_buffer: '{name}' is {text_of(value)} (a neve.Tensor or None)")
        if "_buffer_names" not in self.__dict__:
            object.__setattr__(self, "_buffer_names", {})
        self._buffer_names[name] = persistent
        object.__setattr__(self, name, value)

    def add_module(self, name: str, module: Module | None) -> None:
        """Adds an inner module under a name."""
        self._check_name("add_module", name)
        if module is not None and not isinstance(module, Module):
            type_error(f"add_module: '{name}' is {text_of(module)} (an nn.Module or None)")
        object.__setattr__(self, name, module)

    register_module = add_module

    # ---- traversal ----

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) of the modules directly inside, each once."""
        seen = set()
        for name, value in self.__dict__.items():
            if isinstance(value, Module) and id(value) not in seen:
                seen.add(id(value))
                yield name, value

    def children(self) -> Iterator[Module]:
        return (m for _, m in self.named_children())

    def named_modules(
        self, prefix: str = "", remove_duplicate: bool = True, _seen: set[int] | None = None
    ) -> Iterator[tuple[str, Module]]:
        """(dotted name, module) of this module and all inside, in order."""
        seen = set() if _seen is None else _seen
        if remove_duplicate and id(self) in seen:
            return
        seen.add(id(self))
        yield prefix, self
        for name, value in list(self.__dict__.items()):
            if isinstance(value, Module):
                yield from value.named_modules(f"{prefix}.{name}" if prefix else name, remove_duplicate, seen)

    def modules(self) -> Iterator[Module]:
        return (m for _, m in self.named_modules())

    def _own(self, kind: str) -> Iterator[tuple[str, Any]]:
        for name, value in self.__dict__.items():
            if value is not None and (
                isinstance(value, Parameter) if kind == "parameter" else name in self._buffer_names
            ):
                yield name, value

    def _named(self, kind: str, prefix: str, recurse: bool, remove_duplicate: bool) -> Iterator[tuple[str, Any]]:
        seen = set()
        modules = self.named_modules(prefix, remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, value in list(module._own(kind)):
                if not remove_duplicate or id(value) not in seen:
                    seen.add(id(value))
                    yield (f"{path}.{name}" if path else name), value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """(dotted name, parameter), each parameter once."""
        return self._named("parameter", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """(dotted name, buffer), each buffer once."""
        return self._named("buffer", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        return (b for _, b in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The module of a dotted name. Raises Error{not_found}."""
        module: Any = self
        for name in target.split(".") if target else []:
            inner = module.__dict__.get(name)
            if not isinstance(inner, Module):
                names = ", ".join(n for n, _ in module.named_children()) or "no modules"
                fail(
                    "not_found",
                    f"get_submodule: {type(module).__name__} has no module '{name}' of '{target}' (it has: {names})",
                )
            module = inner
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter of a dotted name. Raises Error{not_found}."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        value = module.__dict__.get(name)
        if not isinstance(value, Parameter):
            names = ", ".join(n for n, _ in module._own("parameter")) or "no parameters"
            fail("not_found", f"get_parameter: {type(module).__name__} has no parameter '{name}' (it has: {names})")
        return value

    # ---- modes ----

    def train(self: M, mode: bool = True) -> M:
        """Training mode (dropout drops, batch norm measures) for this module and all inside, or evaluation."""
        if not isinstance(mode, bool):
            type_error(f"train: mode is {text_of(mode)} (True or False)")
        for m in self.modules():
            object.__setattr__(m, "training", mode)
        return self

    def eval(self: M) -> M:
        """Evaluation mode: train(False)."""
        return self.train(False)

    def requires_grad_(self: M, on: bool = True) -> M:
        """Whether the parameters ask for gradients."""
        for p in self.parameters():
            p.requires_grad = on
        return self

    def zero_grad(self) -> None:
        """Forgets the gradients of the parameters."""
        for p in self.parameters():
            p.grad = None

    def apply(self: M, fn: Callable[[Module], Any]) -> M:
        """Calls fn on all modules inside, then on this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def to(self: M, dtype: Any) -> M:
        """Parameters and buffers of float dtypes in another float dtype; they become new tensors, so make optimisers afterwards.

        Raises Error{type_mismatch} for a dtype that is no float.
        """
        dtype = str(getattr(dtype, "dtype", dtype)) if isinstance(dtype, Tensor) else tensor([0.0], dtype).dtype
        if dtype not in FLOATS:
            type_error(f"to: dtype is {dtype} (a float dtype: {', '.join(FLOATS)})")
        made: dict[int, Any] = {}
        with no_grad():
            for module in self.modules():
                for kind in ("parameter", "buffer"):
                    for name, value in list(module._own(kind)):
                        if value.dtype not in FLOATS or value.dtype == dtype:
                            continue
                        if id(value) not in made:
                            new = value.astype(dtype)
                            made[id(value)] = (
                                type(value)(new, value.requires_grad) if isinstance(value, Parameter) else new
                            )
                        object.__setattr__(module, name, made[id(value)])
        return self

    def float(self: M) -> M:
        return self.to("f32")

    def double(self: M) -> M:
        return self.to("f64")

    def half(self: M) -> M:
        return self.to("f16")

    def bfloat16(self: M) -> M:
        return self.to("bf16")

    # ---- hooks ----

    def _add_hook(self, kind: str, hook: Callable[..., Any], with_kwargs: bool, prepend: bool) -> RemovableHandle:
        if not callable(hook):
            type_error(f"register_forward_hook: the hook is {text_of(hook)} (a function)")
        if kind not in self.__dict__:
            object.__setattr__(self, kind, OrderedDict())
        object.__setattr__(self, "_hook_count", self._hook_count + 1)
        hooks = self.__dict__[kind]
        hooks[self._hook_count] = (hook, with_kwargs)
        if prepend:
            hooks.move_to_end(self._hook_count, last=False)
        return RemovableHandle(hooks, self._hook_count)

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """hook(module, args) runs before forward and may return other args; with_kwargs: hook(module, args, kwargs) -> (args, kwargs)."""
        return self._add_hook("_pre_hooks", hook, with_kwargs, prepend)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """hook(module, args, result) runs after forward and may return another result; with_kwargs: hook(module, args, kwargs, result)."""
        return self._add_hook("_hooks", hook, with_kwargs, prepend)

    # ---- state ----

    def _state(self) -> Iterator[tuple[str, Module, str, Tensor]]:
        """(dotted name, module, attribute, tensor) of what is saved; a shared module stands under every name."""
        for path, module in self.named_modules(remove_duplicate=False):
            dot = f"{path}." if path else ""
            for name, value in module._own("parameter"):
                yield dot + name, module, name, value
            for name, value in module._own("buffer"):
                if module._buffer_names[name]:
                    yield dot + name, module, name, value

    def state_dict(self, *, prefix: str = "", keep_vars: bool = False) -> dict[str, Tensor]:
        """Name -> tensor of all parameters and saved buffers; the tensors share memory with the module's."""
        return OrderedDict(
            (prefix + name, value if keep_vars else value.detach()) for name, _, _, value in self._state()
        )

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> LoadResult:
        """Copies values by name, casting to the module's dtypes; nothing is copied where something is wrong.

        strict: the names must be the same. Raises Error{invalid_argument} whose text lists missing and unexpected names and
        unequal shapes (unequal shapes are wrong also where strict is False). Values may be arrays.
        """
        if not isinstance(state_dict, Mapping):
            type_error(f"load_state_dict: state_dict is {text_of(state_dict)} (a dict of name: tensor)")
        own = {name: (module, attribute, value) for name, module, attribute, value in self._state()}
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        wrong = []
        for name, value in state_dict.items():
            if (
                name in own
                and tuple(np.shape(value) if not isinstance(value, Tensor) else value.shape) != own[name][2].shape
            ):
                shape = tuple(np.shape(value) if not isinstance(value, Tensor) else value.shape)
                wrong.append(f"{name}: {list(shape)} in the dict, {list(own[name][2].shape)} in the module")
        lists = [("missing", missing), ("unexpected", unexpected)] if strict else []
        lines = [f"\n  {what}: {', '.join(names)}" for what, names in lists if names]
        lines += [f"\n  unequal shape: {w}" for w in wrong]
        if lines:
            hint = (
                "strict=False ignores missing and unexpected names"
                if strict and not wrong
                else "the same names and shapes"
            )
            value_error(f"load_state_dict: the dict does not fit {type(self).__name__} ({hint}):{''.join(lines)}")
        with no_grad():
            for name, (_, _, value) in own.items():
                if name in state_dict:
                    new = state_dict[name]
                    new = new if isinstance(new, Tensor) else tensor(np.asarray(new))
                    value.copy_(new.detach().astype(value.dtype))
        return LoadResult(missing, unexpected)

    # ---- text ----

    def extra_repr(self) -> str:
        """What repr says between the brackets."""
        return ""

    def __repr__(self) -> str:
        lines = [
            f"({name}): " + repr(m).replace("\n", "\n  ") for name, m in self.__dict__.items() if isinstance(m, Module)
        ]
        extra = self.extra_repr()
        if not lines:
            return f"{type(self).__name__}({extra})"
        return f"{type(self).__name__}({extra}\n  " + "\n  ".join(lines) + "\n)"

    def summary(self, *inputs: Any, **kwargs: Any) -> str:
        """A table of layers, shapes of results (where inputs are given) and parameter counts."""
        from .summary import summary

        return summary(self, *inputs, **kwargs)
