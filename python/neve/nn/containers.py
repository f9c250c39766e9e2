"""Modules made of modules: Sequential, ModuleList, ModuleDict, ParameterList, ParameterDict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ._core import Tensor, fail, text_of, type_error
from .module import Module
from .parameter import Parameter


def _place(call: str, i: int, n: int) -> int:
    if not -n <= i < n:
        fail("invalid_argument", f"{call}: there is no entry {i} (it has {n})")
    return i % n


class _ModulesByNumber(Module):
    def _modules(self) -> list[Module]:
        return [m for k, m in self.__dict__.items() if k.isdigit()]

    def _renumber(self, modules: list[Module]) -> None:
        for k in [k for k in self.__dict__ if k.isdigit()]:
            object.__delattr__(self, k)
        for i, m in enumerate(modules):
            self._check_entry(m)
            object.__setattr__(self, str(i), m)

    def _check_entry(self, m: Any) -> None:
        if not isinstance(m, Module):
            type_error(f"{type(self).__name__}: an entry is {text_of(m)} (an nn.Module)")

    def __len__(self) -> int:
        return len(self._modules())

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules())

    def __getitem__(self, i: int | slice) -> Any:
        modules = self._modules()
        if isinstance(i, slice):
            made = type(self)()
            made._renumber(modules[i])
            return made
        return modules[_place(type(self).__name__, i, len(modules))]

    def __setitem__(self, i: int, m: Module) -> None:
        self._check_entry(m)
        object.__setattr__(self, str(_place(type(self).__name__, i, len(self))), m)

    def __delitem__(self, i: int) -> None:
        modules = self._modules()
        del modules[_place(type(self).__name__, i, len(modules))]
        self._renumber(modules)

    def append(self, m: Module) -> Any:
        self._check_entry(m)
        object.__setattr__(self, str(len(self)), m)
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        for m in modules:
            self.append(m)
        return self

    def insert(self, i: int, m: Module) -> Any:
        modules = self._modules()
        modules.insert(i, m)
        self._renumber(modules)
        return self

    def pop(self, i: int = -1) -> Module:
        m = self[i]
        del self[i]
        return m


class Sequential(_ModulesByNumber):
    """Modules one after another: Sequential(a, b) or Sequential({"first": a, "second": b})."""

    def __init__(self, *modules: Any) -> None:
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, m in modules[0].items():
                self._check_entry(m)
                self.add_module(name, m)
        else:
            self._renumber(list(modules))

    def _modules(self) -> list[Module]:
        return [m for m in self.__dict__.values() if isinstance(m, Module)]

    def _renumber(self, modules: list[Module]) -> None:
        for k in [k for k, m in self.__dict__.items() if isinstance(m, Module)]:
            object.__delattr__(self, k)
        super()._renumber(modules)

    def __setitem__(self, i: int, m: Module) -> None:
        self._check_entry(m)
        names = [k for k, v in self.__dict__.items() if isinstance(v, Module)]
        object.__setattr__(self, names[_place("Sequential", i, len(names))], m)

    def forward(self, x: Any) -> Any:
        for m in self._modules():
            x = m(x)
        return x


class ModuleList(_ModulesByNumber):
    """Modules by number; it has no forward of its own."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self.extend(modules)


class ModuleDict(Module):
    """Modules by name; it has no forward of its own."""

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] = ()) -> None:
        super().__init__()
        self.update(modules)

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        for name, m in modules.items() if isinstance(modules, Mapping) else modules:
            self[name] = m

    def __setitem__(self, name: str, m: Module) -> None:
        if not isinstance(m, Module):
            type_error(f"ModuleDict: '{name}' is {text_of(m)} (an nn.Module)")
        self.add_module(name, m)

    def __getitem__(self, name: str) -> Module:
        m = self.__dict__.get(name)
        if not isinstance(m, Module):
            fail("not_found", f"ModuleDict: there is no '{name}' (it has: {', '.join(self) or 'nothing'})")
        return m

    def __delitem__(self, name: str) -> None:
        self[name]
        object.__delattr__(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def keys(self) -> list[str]:
        return [k for k, m in self.__dict__.items() if isinstance(m, Module)]

    def values(self) -> list[Module]:
        return [self[k] for k in self.keys()]

    def items(self) -> list[tuple[str, Module]]:
        return [(k, self[k]) for k in self.keys()]

    def pop(self, name: str) -> Module:
        m = self[name]
        del self[name]
        return m


def _parameter(call: str, p: Any) -> Parameter:
    if isinstance(p, Parameter):
        return p
    if not isinstance(p, Tensor):
        type_error(f"{call}: an entry is {text_of(p)} (an nn.Parameter or a tensor)")
    return Parameter(p)


class ParameterList(Module):
    """Parameters by number; tensors become parameters."""

    def __init__(self, parameters: Iterable[Tensor] = ()) -> None:
        super().__init__()
        self.extend(parameters)

    def _all(self) -> list[Parameter]:
        return [p for p in self.__dict__.values() if isinstance(p, Parameter)]

    def append(self, p: Tensor) -> ParameterList:
        object.__setattr__(self, str(len(self)), _parameter("ParameterList", p))
        return self

    def extend(self, parameters: Iterable[Tensor]) -> ParameterList:
        for p in parameters:
            self.append(p)
        return self

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self._all())

    def __getitem__(self, i: int) -> Parameter:
        return self._all()[_place("ParameterList", i, len(self))]

    def __setitem__(self, i: int, p: Tensor) -> None:
        object.__setattr__(self, str(_place("ParameterList", i, len(self))), _parameter("ParameterList", p))

    def extra_repr(self) -> str:
        return ", ".join(text_of(p) for p in self)


class ParameterDict(Module):
    """Parameters by name; tensors become parameters."""

    def __init__(self, parameters: Mapping[str, Tensor] = {}) -> None:  # noqa: B006 (it is read only)
        super().__init__()
        for name, p in parameters.items():
            self[name] = p

    def keys(self) -> list[str]:
        return [k for k, p in self.__dict__.items() if isinstance(p, Parameter)]

    def __setitem__(self, name: str, p: Tensor) -> None:
        self.register_parameter(name, _parameter("ParameterDict", p))

    def __getitem__(self, name: str) -> Parameter:
        if name not in self.keys():
            fail("not_found", f"ParameterDict: there is no '{name}' (it has: {', '.join(self.keys()) or 'nothing'})")
        return self.__dict__[name]

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def items(self) -> list[tuple[str, Parameter]]:
        return [(k, self[k]) for k in self.keys()]

    def values(self) -> list[Parameter]:
        return [self[k] for k in self.keys()]
