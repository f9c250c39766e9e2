"""Nested arguments and results: tensors apart, and what holds them."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

import numpy as np

from .. import _neve
from .._base import Tensor, text_of, type_error


@dataclasses.dataclass(frozen=True)
class Leaf:
    """The place of a tensor; `form`: what a call gives back in its place, of FORMS."""

    index: int
    form: str = ""


@dataclasses.dataclass(frozen=True)
class Node:
    """A container: what makes it anew, its keys, and what it holds."""

    kind: Any
    keys: tuple[Any, ...]
    children: tuple[Any, ...]


@dataclasses.dataclass(frozen=True)
class Switch:
    """A result of several kinds: a tensor (i64[]) says which of the ways it is. With one way: what is no tensor at all."""

    index: int
    ways: tuple[Any, ...]

    @property
    def children(self) -> tuple[Any, ...]:
        """Of its tensors in their order: the one that decides, then those of the ways."""
        return (Leaf(self.index), *self.ways)


@dataclasses.dataclass(frozen=True)
class RowsOf:
    """A list of tuples of this form; in the places of its tensors are lists."""

    form: Any

    @property
    def children(self) -> tuple[Any, ...]:
        """The form."""
        return (self.form,)


class Rows:
    """A list of tuples like `form`, which holds lists in the places of their parts."""

    def __init__(self, form: Any) -> None:
        self.form = form


class Decided:
    """A value that is one of several, as the tensor `index` (i64[]) decides."""

    def __init__(self, index: Tensor, ways: list[Any]) -> None:
        self.index, self.ways = index, ways


@dataclasses.dataclass(frozen=True)
class Constant:
    """A value that is no tensor: part of what a captured program was made for."""

    value: Any

    def __hash__(self) -> int:
        try:
            return hash((type(self.value), self.value))
        except TypeError:
            return id(self.value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Constant) or type(self.value) is not type(other.value):
            return False
        if isinstance(self.value, float):  # 0.0 and -0.0 differ
            return repr(self.value) == repr(other.value)
        same = self.value is other.value or self.value == other.value
        return same if isinstance(same, bool) else False


def is_formed(structure: Any) -> bool:
    """Whether a call gives back a number or list in the place of a tensor."""
    if isinstance(structure, Leaf):
        return bool(structure.form)
    return isinstance(structure, (Switch, RowsOf)) or any(is_formed(c) for c in getattr(structure, "children", ()))


def flatten(value: Any, call: str, path: str = "", *, arrays: bool = True) -> tuple[list[Tensor], list[str], Any]:
    """(tensors, their paths, structure). Arrays of NumPy are tensors; numbers, strings, None are constants."""
    tensors: list[Tensor] = []
    paths: list[str] = []

    def walk(v: Any, at: str) -> Any:
        if isinstance(v, Tensor):
            tensors.append(v)
            paths.append(at)
            return Leaf(len(tensors) - 1, getattr(v, "form", ""))
        if isinstance(v, Rows):
            return RowsOf(walk(v.form, at))
        if isinstance(v, Decided):
            place = walk(v.index, f"{at}.which" if at else "which").index
            return Switch(place, tuple(walk(e, f"{at}.{i}" if at else str(i)) for i, e in enumerate(v.ways)))
        if arrays and isinstance(v, np.ndarray):
            from .._creation import asarray

            return walk(asarray(v), at)
        if isinstance(v, dict):
            return Node(type(v), tuple(v), tuple(walk(e, f"{at}.{k}" if at else str(k)) for k, e in v.items()))
        if isinstance(v, (list, tuple)):
            keys = v._fields if hasattr(v, "_fields") else ()
            return Node(type(v), keys, tuple(walk(e, f"{at}.{i}" if at else str(i)) for i, e in enumerate(v)))
        if dataclasses.is_dataclass(v) and not isinstance(v, type):
            names = tuple(f.name for f in dataclasses.fields(v))
            return Node(type(v), names, tuple(walk(getattr(v, n), f"{at}.{n}" if at else n) for n in names))
        return Constant(v)

    return tensors, paths, walk(value, path)


def unflatten(structure: Any, tensors: list[Any]) -> Any:
    """The reverse of flatten, with other tensors."""
    if isinstance(structure, Leaf):
        return formed(tensors[structure.index], structure.form)
    if isinstance(structure, Constant):
        return structure.value
    if isinstance(structure, Switch):
        return _decided(structure, tensors)
    if isinstance(structure, RowsOf):
        return _rows_of(structure.form, tensors)
    parts = [unflatten(c, tensors) for c in structure.children]
    if issubclass(structure.kind, dict):
        made = structure.kind() if structure.kind is not dict else {}
        made.update(zip(structure.keys, parts))
        return made
    if dataclasses.is_dataclass(structure.kind):
        return cast(Any, structure.kind)(**dict(zip(structure.keys, parts)))
    return structure.kind(*parts) if structure.keys else structure.kind(parts)


def _rows_of(form: Any, tensors: list[Any]) -> list[Any]:
    """The tuples of a list, from the lists of their parts."""
    places = leaves_of(form)
    columns = [formed(tensors[leaf.index], leaf.form) for leaf in places]
    if any(_neve.is_captured(tensors[leaf.index]) for leaf in places if isinstance(tensors[leaf.index], Tensor)):
        from ._state import flatten
        from ._tables import Table

        numbers = [Leaf(j) for j in range(len(places))]
        made = unflatten(_renumbered(form, iter(numbers)), [None] * len(places))
        return [Table(flatten([made])[1][0], [c[0] for c in columns])]
    form = _renumbered(form, iter(Leaf(j) for j in range(len(places))))
    return [unflatten(form, list(parts)) for parts in zip(*columns)]


def leaves_of(structure: Any) -> list[Leaf]:
    """The places of tensors in a structure, in their order."""
    return (
        [structure]
        if isinstance(structure, Leaf)
        else [v for c in getattr(structure, "children", ()) for v in leaves_of(c)]
    )


def _renumbered(structure: Any, numbers: Any) -> Any:
    """A structure of nodes with other leaves."""
    if isinstance(structure, Leaf):
        return next(numbers)
    return dataclasses.replace(structure, children=tuple(_renumbered(c, numbers) for c in structure.children))


def _decided(s: Switch, tensors: list[Any]) -> Any:
    """That of the ways which the tensor says; where it is known only while a program runs, all of them."""
    which = tensors[s.index]
    if isinstance(which, Tensor) and len(s.ways) > 1 and _neve.is_captured(which):
        from ._variants import variant_of

        return variant_of([unflatten(w, tensors) for w in s.ways], which)
    return unflatten(s.ways[int(which.item()) if len(s.ways) > 1 else 0], tensors)


FORMS = ("", "int", "float", "bool", "list", "list of numbers", "tuple", "tuple of numbers",
         "optional", "optional int", "optional float", "optional bool")  # fmt: skip


def formed(t: Any, form: str) -> Any:
    """A result as the number or list that it stands for; an optional one is a list of one element or none."""
    if not form or not isinstance(t, Tensor):
        return t
    if form.startswith("optional"):
        if _neve.is_captured(t):
            from ._values import optional

            return optional(t, form != "optional")
        return formed(t[0], form[len("optional ") :]) if t.shape[0] else None
    if _neve.is_captured(t):
        from ._lists import Spread, TupleSpread
        from ._numbers import number

        if form.startswith("tuple"):
            return [TupleSpread(t, form != "tuple")]
        return [Spread(t, form != "list")] if form.startswith("list") else number(t)
    if form.startswith("tuple"):
        return tuple(formed(t, form.replace("tuple", "list")))
    if form == "list":
        return [t[k] for k in range(t.shape[0])]
    return t.tolist() if form.startswith("list") else {"int": int, "float": float, "bool": bool}[form](t.item())


def count(structure: Any) -> int:
    """How many tensors a structure has."""
    return 1 if isinstance(structure, Leaf) else sum(map(count, getattr(structure, "children", ())))


def constants(structure: Any) -> list[Any]:
    """The values of a structure that are no tensors."""
    if isinstance(structure, Constant):
        return [structure.value]
    return [v for c in getattr(structure, "children", ()) for v in constants(c)]


def difference(expected: Any, got: Any, at: str = "the arguments") -> str:
    """Where two structures differ, in words; "" where they do not."""
    if isinstance(expected, Constant) or isinstance(got, Constant):
        if expected == got:
            return ""
        return f"{at}: {_word(got)} where {_word(expected)} was captured"
    if isinstance(expected, Leaf) or isinstance(got, Leaf):
        return "" if type(expected) is type(got) else f"{at}: {_word(got)} where {_word(expected)} was captured"
    if isinstance(expected, (Switch, RowsOf)) or isinstance(got, (Switch, RowsOf)):
        return "" if expected == got else f"{at}: {_word(got)} where {_word(expected)} was captured"
    if expected.kind is not got.kind or expected.keys != got.keys or len(expected.children) != len(got.children):
        return f"{at}: {_word(got)} where {_word(expected)} was captured"
    names = expected.keys or range(len(expected.children))
    for name, e, g in zip(names, expected.children, got.children):
        if d := difference(e, g, f"{at}[{name!r}]"):
            return d
    return ""


def _word(s: Any) -> str:
    if isinstance(s, Leaf):
        return "a tensor"
    if isinstance(s, Constant):
        return repr(s.value)
    if isinstance(s, RowsOf):
        return "a list of tuples"
    if isinstance(s, Switch):
        return f"one of {len(s.ways)} kinds of values"
    return f"{s.kind.__name__} of {len(s.children)}" + (f" ({', '.join(map(str, s.keys))})" if s.keys else "")


def require_tensors(values: Any, call: str) -> None:
    """Refuses what no captured program can return."""
    for v in values:
        if not isinstance(v, Tensor):
            type_error(f"{call}: the program returns {text_of(v)} (tensors, or nested structures of them)")
