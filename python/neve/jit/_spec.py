"""InputSpec: what the inputs of a captured function may be, and whether the arguments of a call are that."""

from __future__ import annotations

import dataclasses
import inspect
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from .. import _neve
from .._base import Tensor, dtype_name, fail, text_of, type_error
from .._creation import asarray
from . import _tree

_SIZES = (5, 3, 7, 4, 6, 11, 9, 13)  # of open axes, where only an InputSpec says what comes
_OPEN = "a number, None, -1, a name or a neve.jit.Dim"


class InputSpec:
    """What an input may be: a shape of numbers, None or -1 (open), names or Dims (equal names are equal sizes), a dtype.

    name: what the graph calls the input; without one it is named by its place among the arguments. stop_gradient: no
    gradient flows into the input, whatever the caller's tensor asks for. Raises Error{type_mismatch} for a shape that is
    no list or tuple, Error{invalid_argument} for a size that is none. Source: paddle.static.InputSpec.
    """

    def __init__(
        self, shape: Sequence[Any], dtype: Any = "f32", name: str | None = None, stop_gradient: bool = False
    ) -> None:
        if not isinstance(shape, (list, tuple)):
            type_error(f"InputSpec: the shape is {text_of(shape)} (a list or tuple of sizes)")
        self.shape = tuple(_size(n, axis) for axis, n in enumerate(shape))
        self.dtype, self.name, self.stop_gradient = dtype_name(dtype), name, bool(stop_gradient)

    @classmethod
    def from_tensor(cls, t: Tensor, name: str | None = None) -> InputSpec:
        """The shape and dtype of a tensor."""
        if not isinstance(t, Tensor):
            type_error(f"InputSpec.from_tensor: {text_of(t)} (a tensor)")
        return cls(tuple(t.shape), t.dtype, name)

    @classmethod
    def from_numpy(cls, a: Any, name: str | None = None) -> InputSpec:
        """The shape and dtype of an array."""
        if not isinstance(a, np.ndarray):
            type_error(f"InputSpec.from_numpy: {text_of(a)} (an array of NumPy)")
        return cls(a.shape, a.dtype, name)

    def batch(self, size: Any) -> InputSpec:
        """With one more axis in front, of this size (whatever a shape may hold)."""
        return InputSpec((size, *self.shape), self.dtype, self.name, self.stop_gradient)

    def unbatch(self) -> InputSpec:
        """Without the first axis."""
        if not self.shape:
            fail("shape_mismatch", "InputSpec.unbatch: the shape is () (one axis or more)")
        return InputSpec(self.shape[1:], self.dtype, self.name, self.stop_gradient)

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"

    def __repr__(self) -> str:
        return (
            f"InputSpec(shape={self.shape}, dtype={self.dtype!r}, name={self.name!r}, "
            f"stop_gradient={self.stop_gradient})"
        )


def _size(n: Any, axis: int) -> Any:
    if n is None or isinstance(n, _neve.Dim) or (isinstance(n, str) and n):
        if isinstance(n, _neve.Dim) and not str(n).isidentifier() and not str(n).startswith('"'):
            fail("unsupported", f"InputSpec: axis {axis} is the expression {n} ({_OPEN})")
        return n
    try:
        size = -2 if isinstance(n, (bool, str)) else operator.index(n)
    except TypeError:
        size = -2
    if size < -1:
        fail("invalid_argument", f"InputSpec: axis {axis} is {text_of(n)} ({_OPEN})")
    return None if size == -1 else size


class Example(NamedTuple):
    """One kind of call: arguments, the sizes of their tensors, numbers or Dims, in order, and their names, if any.

    sizes: those that were made up, by the hashes of their Dims; again: makes it with others.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    shapes: list[tuple[Any, ...]]
    names: list[str | None]
    sizes: dict[int, int]
    again: Callable[[dict[int, int]], Example] | None = None


class Signature:
    """What an input_spec says of the arguments of a function. Raises Error{type_mismatch} for what is no list,
    Error{invalid_argument} where it does not fit the function, or says two things of one name."""

    def __init__(self, spec: Any, function: Any, call: str) -> None:
        if not isinstance(spec, (list, tuple)):
            type_error(f"{call}: input_spec is {text_of(spec)} (a list with an InputSpec or a value for each argument)")
        self.call = call
        self._examples, _, structure = _tree.flatten(tuple(spec), call)
        self._entries: Sequence[Any] = structure.children
        self._names, self._defaults = self._parameters(function)
        self._dims: dict[str, Any] = {}
        self._open: dict[str, Any] = {}
        taken: dict[str, str] = {}
        for at, s in self._leaves(_tree.Node(tuple, tuple(self._path(i) for i in range(len(spec))), self._entries), ""):
            if isinstance(s, _tree.Leaf):
                continue
            self._once(taken, s.value.name or at, at)
            for n in s.value.shape:
                if isinstance(n, _neve.Dim) and hash(self._dims.setdefault(_name(n), n)) != hash(n):
                    fail("invalid_argument", f"{call}: input_spec has two Dims named '{n}' (one Dim in both places)")
        for _, s in self._leaves(structure, ""):
            for n in () if isinstance(s, _tree.Leaf) else s.value.shape:
                if isinstance(n, str):  # after all Dims: a name may stand for one of them
                    self._dims.setdefault(n, _neve.Dim(n))

    def _once(self, taken: dict[str, str], name: str, at: str) -> None:
        if name in taken:
            fail(
                "invalid_argument",
                f"{self.call}: input_spec names both {taken[name]} and {at} '{name}' (a name of its own for each)",
            )
        taken[name] = at

    def _parameters(self, function: Any) -> tuple[list[str], dict[str, Any]]:
        """Names of the parameters that come by position, and the defaults of those that entries say something of."""
        try:
            signature = inspect.signature(getattr(function, "forward", function))
        except (TypeError, ValueError):
            return [], {}
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        known = [p for p in signature.parameters.values() if p.kind in kinds]
        more = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in signature.parameters.values())
        n, words = len(self._entries), f"{self.call}: input_spec has {len(self._entries)} entries"
        if n > len(known) and not more:
            names = ", ".join(p.name for p in known)
            fail("invalid_argument", f"{words} for {len(known)} arguments ({names}) (one for each)")
        if missing := [p.name for p in known[n:] if p.default is p.empty]:
            fail("invalid_argument", f"{words} and says nothing of '{missing[0]}' (one for each without a default)")
        return [p.name for p in known], {p.name: p.default for p in known[:n] if p.default is not p.empty}

    def _path(self, i: int) -> str:
        return self._names[i] if i < len(self._names) else f"arg{i}"

    def _leaves(self, s: Any, at: str) -> list[tuple[str, Any]]:
        """Where tensors are to be: InputSpecs, and tensors that stand for themselves."""
        if isinstance(s, _tree.Leaf) or (isinstance(s, _tree.Constant) and isinstance(s.value, InputSpec)):
            return [(at, s)]
        names = getattr(s, "keys", ()) or range(len(getattr(s, "children", ())))
        pairs = zip(names, getattr(s, "children", ()))
        return [leaf for k, c in pairs for leaf in self._leaves(c, f"{at}.{k}" if at else str(k))]

    def match(self, structure: Any, tensors: Sequence[Tensor]) -> list[InputSpec | None]:
        """What is said of each tensor of a call, whose arguments have this structure.

        Raises Error{type_mismatch | shape_mismatch | invalid_argument} naming input, axis and rule. Sizes that are open
        because an outer program is captured are not compared.
        """
        found: list[InputSpec | None] = [None] * len(tensors)
        sizes: dict[str, tuple[str, int, int]] = {}
        args, kwargs = structure.children
        given = {self._path(i): a for i, a in enumerate(args.children)}
        given.update(zip(kwargs.keys, kwargs.children))
        for i, entry in enumerate(self._entries):
            name = self._path(i)
            if name in given:
                self._walk(entry, given[name], name, tensors, found, sizes)
            elif name in self._defaults:
                _, _, default = _tree.flatten(self._defaults[name], self.call)
                self._walk(entry, default, name, (), [], sizes)
        return found

    def _walk(
        self,
        entry: Any,
        given: Any,
        at: str,
        tensors: Sequence[Tensor],
        found: list[InputSpec | None],
        sizes: dict[str, tuple[str, int, int]],
    ) -> None:
        if isinstance(entry, _tree.Node):
            if not isinstance(given, _tree.Node) or (entry.kind, entry.keys, len(entry.children)) != (
                given.kind,
                given.keys,
                len(given.children),
            ):
                self._refuse("type_mismatch", f"'{at}'", f"is {_a(given)}", _a(entry))
            names = entry.keys or range(len(entry.children))
            for k, e, g in zip(names, entry.children, given.children):
                self._walk(e, g, f"{at}.{k}", tensors, found, sizes)
            return
        spec = self._spec_of(entry)
        if spec is None:
            if entry != given:
                self._refuse("invalid_argument", f"'{at}'", f"is {_tree._word(given)}", _tree._word(entry))
            return
        if not isinstance(given, _tree.Leaf):
            self._refuse("type_mismatch", f"'{at}'", f"is {_a(given)}", f"a tensor, {spec}")
        if tensors:
            found[given.index] = spec
            self._compare(spec, tensors[given.index], at, sizes)

    def _spec_of(self, entry: Any) -> InputSpec | None:
        if isinstance(entry, _tree.Leaf):  # an example: its sizes are open
            t = self._examples[entry.index]
            return InputSpec((None,) * t.ndim, t.dtype)
        return entry.value if isinstance(entry, _tree.Constant) and isinstance(entry.value, InputSpec) else None

    def _compare(self, spec: InputSpec, t: Tensor, at: str, sizes: dict[str, tuple[str, int, int]]) -> None:
        where = f"'{at}'" if spec.name in (None, at) else f"'{spec.name}' ({at})"
        if t.dtype != spec.dtype:
            self._refuse("type_mismatch", where, f"is {text_of(t)}", spec.dtype)
        if t.ndim != len(spec.shape):
            self._refuse("shape_mismatch", where, f"is {text_of(t)}", f"{len(spec.shape)} axes, {spec}")
        for axis, (n, size) in enumerate(zip(spec.shape, t.shape)):
            if n is None or not isinstance(size, int):
                continue
            if isinstance(n, int):
                if size != n:
                    self._refuse("shape_mismatch", where, f"axis {axis} is {size}", str(n))
                continue
            name = _name(n)
            low, high, multiple = self._dims[name].bounds
            if not low <= size <= high or size % multiple:
                self._refuse("shape_mismatch", where, f"axis {axis} is {size}", _range(name, low, high, multiple))
            first, its_axis, known = sizes.setdefault(name, (at, axis, size))
            if known != size:
                rule = f"{name}, which is {known} in '{first}' axis {its_axis}"
                self._refuse("shape_mismatch", where, f"axis {axis} is {size}", rule)

    def _refuse(self, code: str, where: str, what: str, rule: str) -> NoReturn:
        fail(code, f"{self.call}: input {where} {what} (the input_spec says {rule})")

    def shape(self, spec: InputSpec, path: str) -> tuple[Any, ...]:
        """The sizes that a tensor is captured with: numbers where they are fixed, Dims where they are open."""
        name = spec.name or path
        return tuple(
            self._open.setdefault(f"{name}_{a}", _neve.Dim(f"{name}_{a}"))
            if n is None
            else n
            if isinstance(n, int)
            else self._dims[_name(n)]
            for a, n in enumerate(spec.shape)
        )

    def example(self, given: dict[int, int] | None = None) -> Example:
        """The arguments that the InputSpecs stand for; tensors and other values among them stand for themselves.
        given: open sizes, where they are known."""
        sizes: dict[int, int] = dict(given or {})
        made: list[Any] = []
        shapes: list[tuple[Any, ...]] = []
        names: list[str | None] = []

        def fill(s: Any, at: str) -> Any:
            spec = self._spec_of(s)
            if spec is None:
                if not isinstance(s, _tree.Node):
                    return s
                keys = s.keys or range(len(s.children))
                return dataclasses.replace(s, children=tuple(fill(c, f"{at}.{k}") for k, c in zip(keys, s.children)))
            shape = self.shape(spec, at)
            shapes.append(shape)
            names.append(spec.name)
            if isinstance(s, _tree.Leaf):
                made.append(self._examples[s.index])
            else:
                made.append(numbers([n if isinstance(n, int) else _size_of(n, sizes) for n in shape], spec.dtype))
            return _tree.Leaf(len(made) - 1)

        filled = [fill(s, self._path(i)) for i, s in enumerate(self._entries)]
        return Example(tuple(_tree.unflatten(s, made) for s in filled), {}, shapes, names, sizes, self.example)


def _name(n: Any) -> str:
    """Of a Dim: that which it was made with."""
    return str(n).strip('"')


def _a(s: Any) -> str:
    word = _tree._word(s)
    return word if not isinstance(s, _tree.Node) else f"a {word}"


def _range(name: str, low: int, high: int, multiple: int) -> str:
    words = f"{name}, {low} to {high}" if high < 2**46 else f"{name}, {low} or more"
    return f"{words}, a multiple of {multiple}" if multiple > 1 else words


def _size_of(n: Any, sizes: dict[int, int]) -> int:
    """An example of an open size: another for every Dim."""
    if hash(n) not in sizes:
        low, high, multiple = n.bounds
        wanted = _SIZES[len(sizes) % len(_SIZES)]
        sizes[hash(n)] = min(max(wanted, low), high) if multiple == 1 else max(multiple, -(-low // multiple) * multiple)
    return sizes[hash(n)]


def numbers(shape: Sequence[int], dtype: str) -> Tensor:
    """Fixed random ones: fractions, or 0 and 1, which index what has two rows."""
    drawn = np.random.default_rng(0).random(shape)
    return asarray(drawn if dtype[0] in "fbc" and dtype != "bool" else drawn.round()).astype(dtype)


def example_of(spec: Any, call: str, function: Callable[..., Any] | None = None) -> Example:
    """The arguments that an input_spec stands for."""
    return Signature(spec, function, call).example()
