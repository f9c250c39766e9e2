"""What a branch or a loop may change: variables as leaves, and how leaves of two ways become one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

from .. import _neve
from .._base import Tensor
from ._aliases import Same
from ._align import Grown, Leaf, fits, refuse_lists, text_of
from ._choices import Choice, index_of, is_constant, options_of
from ._effects import Text, current
from ._kinds import TENSOR, Scalar, kinds_in, which_of
from ._lists import Spread, gathered, is_spread, of_tensors, spread, widened
from ._numbers import DTYPES, Kinds, Number, of_kinds
from ._tables import Columns, Table
from ._values import (
    Lost,
    Maybe,
    Undefined,
    common,
    is_absent_value,
    is_number,
    lift,
    placeholder,
    same,
    tensor_of,
)
from ._variants import Entry, Unset, Variant, variant


def grow(grown: Grown, state: Sequence[Any]) -> None:
    """Makes the list of the state hold its elements as one tensor."""
    x = objects_of(state).get(grown.path)
    if not isinstance(x, list):
        refuse_lists(grown.name)
    if is_spread(x):
        x[:] = [_with_tensors(gathered(x), grown)]
        return
    if grown.name == "__neve_value":
        x[:] = _given(x)
    spread(x, grown.of)


def _with_tensors(whole: Spread, grown: Grown) -> Spread:
    """A list of numbers as one of tensors, so that tensors can join; the same for the columns of tuples."""
    if isinstance(whole, Table) and isinstance(grown.of, Columns):
        wider = [c.is_of_numbers and not of[2] for c, of in zip(whole.columns, grown.of.types)]
        if any(wider):
            made = [of_tensors(c, of[0]) if w else c for w, c, of in zip(wider, whole.columns, grown.of.types)]
            return Table(whole.form, made)
    elif not isinstance(whole, Table) and not isinstance(grown.of, Columns):
        if whole.is_of_numbers and not grown.of[2]:
            return of_tensors(whole, grown.of[0])
        if whole.is_of_numbers and grown.of[2]:
            return widened(whole, grown.of[0])
    refuse_lists(grown.name)


def _given(elements: Sequence[Any]) -> list[Any]:
    """Of what a return gave, which is read only where there was one."""
    return [v.value if isinstance(v, Maybe) and isinstance(v.absent, Undefined) else v for v in elements]


def with_wholes(state: Sequence[Any], wholes: dict[tuple[Any, ...], Any], names: Sequence[str]) -> Any:
    """The state where these lists hold their elements as one tensor: copies of those that a return gives."""
    given = {p: of for p, of in wholes.items() if names[p[0]] == "__neve_value"}
    with_wholes_in(state, {p: of for p, of in wholes.items() if p not in given})
    wholes = given

    def walk(v: Any, at: tuple[Any, ...]) -> Any:
        if at in wholes and isinstance(v, list) and not is_spread(v):
            made = _given(v)
            spread(made, wholes[at])
            return made
        if at in wholes and _is_of_numbers(v, wholes[at]):
            return [widened(gathered(v), wholes[at][0])]
        if not any(p[: len(at)] == at for p in wholes) or is_spread(v):
            return v
        parts = [walk(p, (*at, i)) for i, p in enumerate(parts_of(v))]
        if isinstance(v, dict):
            return type(v)(zip(v, parts)) if type(v) is dict else v
        if isinstance(v, tuple):
            return type(v)(*parts) if hasattr(v, "_fields") else type(v)(parts)
        return parts if type(v) is list else v

    return tuple(walk(v, (i,)) for i, v in enumerate(state)) if wholes else state


def is_gone(x: Any) -> bool:
    """Whether a list is one of an open length that is not there."""
    if not is_spread(x):
        return False
    whole = gathered(x)
    return is_absent_value(whole.columns[0].data if isinstance(whole, Table) else whole.data)


def with_wholes_in(state: Any, wholes: dict[tuple[Any, ...], Any]) -> Any:
    """The state, after these lists of it were made to hold their elements as one tensor."""
    there = objects_of(state) if wholes else {}
    for path, of in wholes.items():
        if isinstance(v := there.get(path), list) and not is_spread(v):
            v[:] = _given(v)
            spread(v, of)
        elif v is not None and _is_of_numbers(v, of):
            v[:] = [widened(gathered(v), of[0])]
    return state


def _is_of_numbers(v: Any, of: Any) -> bool:
    """Whether this is a list of an open length that has to hold numbers of a type."""
    if not is_spread(v) or isinstance(of, Columns) or not of[2]:
        return False
    whole = gathered(v)
    return not isinstance(whole, Table) and whole.is_of_numbers and isinstance(whole.data, Tensor)


class _Box:
    """A list, dict or object as it was, to be put back."""

    def __init__(self, container: Any) -> None:
        self.container = container
        self.content = list(container) if isinstance(container, list) else dict(_dict_of(container))

    def is_changed(self) -> bool:
        """Whether it holds other things than it did."""
        now: Any = self.container if isinstance(self.container, list) else _dict_of(self.container)
        if isinstance(now, dict) and [*now] != [*self.content]:
            return True
        there, then = (v.values() if isinstance(v, dict) else v for v in (now, self.content))
        return len(there) != len(then) or any(a is not b for a, b in zip(there, then))

    def restore(self) -> None:
        """Puts back what was there."""
        if isinstance(self.container, list):
            self.container[:] = self.content
        else:
            held = _dict_of(self.container)
            held.clear()
            held.update(self.content)


def _dict_of(v: Any) -> dict[str, Any]:
    return v if isinstance(v, dict) else vars(v)


def is_record(v: Any) -> bool:
    """Whether a value is an object of a dataclass."""
    return dataclasses.is_dataclass(v) and not isinstance(v, type) and hasattr(v, "__dict__")


def boxes_of(values: Iterable[Any], found: dict[int, _Box] | None = None) -> dict[int, _Box]:
    """What the containers hold now, by identity."""
    found = {} if found is None else found
    for v in values:
        if isinstance(v, (list, dict)) or is_record(v):
            if id(v) not in found:
                found[id(v)] = _Box(v)
                boxes_of(v if isinstance(v, list) else _dict_of(v).values(), found)
        elif isinstance(v, (tuple, Variant, Entry)):
            boxes_of(parts_of(v), found)
    return found


def objects_of(values: Sequence[Any], at: tuple[Any, ...] = (), found: Any = None) -> dict[tuple[Any, ...], Any]:
    """The containers that can change, by where they are."""
    found = {} if found is None else found
    for k, v in enumerate(values):
        if isinstance(v, (list, dict)) or is_record(v):
            found[(*at, k)] = v
        if not is_spread(v):
            objects_of(parts_of(v), (*at, k), found)
    return found


def flatten(values: Sequence[Any]) -> tuple[list[Any], Any]:
    """(leaves, structure): containers apart. A structure is None for a leaf, or (class, keys, parts)."""
    leaves: list[Any] = []

    def walk(v: Any) -> Any:
        if is_spread(v):
            whole = gathered(v)
            if isinstance(whole, Table):
                leaves.extend(c.data for c in whole.columns)
                return (Table, whole.key, [None] * len(whole.columns))
            leaves.append(whole.data)
            return (type(whole), whole.is_of_numbers, [None])
        if isinstance(v, Variant):
            return (Variant, v._labels, [walk(e) for e in parts_of(v)])
        if isinstance(v, Entry):
            return (Entry, None, [walk(e) for e in parts_of(v)])
        if isinstance(v, Text):
            around = [p if isinstance(p, str) else p[1:] for p in v.parts]
            return (Text, around, [walk(e) for e in parts_of(v)])
        if isinstance(v, (list, tuple)):
            return (type(v), getattr(type(v), "_fields", None), [walk(e) for e in v])
        if isinstance(v, dict):
            return (type(v), list(v), [walk(e) for e in v.values()])
        if is_record(v):
            return (
                type(v),
                [f.name for f in dataclasses.fields(v)],
                [walk(getattr(v, f.name)) for f in dataclasses.fields(v)],
            )
        leaves.append(v)
        return None

    return leaves, [walk(v) for v in values]


def parts_of(v: Any) -> list[Any]:
    """What a container holds, in the order of its structure."""
    if isinstance(v, Variant):
        return [v._tag, *v._ways]
    if isinstance(v, Entry):
        return [v.flag, v.value]
    if isinstance(v, Text):
        return [p[0] for p in v.parts if isinstance(p, tuple)]
    if isinstance(v, dict):
        return list(v.values())
    if is_record(v):
        return [getattr(v, f.name) for f in dataclasses.fields(v)]
    return list(v) if isinstance(v, (list, tuple)) else []


def _build(structure: Any, leaves: Iterator[Any], at: tuple[Any, ...], kept: dict[Any, Any]) -> Any:
    """Containers anew; one that is the same object in every way stays that object."""
    if structure is None:
        return next(leaves)
    kind, keys, parts = structure
    old = kept.get(at)
    if isinstance(old, Same):
        _build(structure, leaves, (), {})
        return old.container
    made: Any
    if kind is Table:
        made = [Table(keys[0], [Spread(next(leaves), is_of_numbers) for is_of_numbers in keys[1]])]
    elif issubclass(kind, Spread):
        made = [kind(next(leaves), keys)]
    else:
        made = [_build(p, leaves, (*at, i), kept) for i, p in enumerate(parts)]
    if kind is Variant:
        return variant(keys, made[1:], made[0])
    if kind is Entry:
        return Entry(*made)
    if kind is Text:
        values = iter(made)
        return Text([p if isinstance(p, str) else (next(values), *p) for p in keys])
    if issubclass(kind, (Spread, list)):
        if old is None:
            return made if kind is list or issubclass(kind, Spread) else kind(made)
        old[:] = made
        return old
    if issubclass(kind, dict):
        new = kind() if old is None else old
        new.clear()
        for k, v in zip(keys, made):  # a Counter's update counts
            if not isinstance(v, Entry) or v.flag is not False:
                new[k] = v.value if isinstance(v, Entry) and v.flag is True else v
        return new
    if dataclasses.is_dataclass(kind):
        new = object.__new__(cast(Any, kind)) if old is None else old
        for name, value in zip(keys, made):
            object.__setattr__(new, name, value)
        return new
    return kind(*made) if keys else kind(made)


def unflatten(structure: Any, leaves: Sequence[Any], kept: dict[Any, Any] | None = None) -> list[Any]:
    """The values that have these leaves; `kept`: containers that stay the objects that they are."""
    it = iter(leaves)
    return [_build(s, it, (i,), kept or {}) for i, s in enumerate(structure)]


def paths_of(names: Sequence[str], structure: Any) -> list[str]:
    """What messages call the leaves."""
    found: list[str] = []

    def walk(s: Any, at: str) -> None:
        if s is None:
            found.append(at)
            return
        keys = s[1] if s[1] and not issubclass(s[0], (Spread, Text)) else range(len(s[2]))
        for i, p in enumerate(s[2]):
            walk(p, at if s[0] in (Variant, Entry) else f"{at}[{keys[i]!r}]")

    for n, s in zip(names, structure):
        walk(s, n)
    return found


def container(v: Any) -> Any:
    """v, if it holds what may be changed; else None."""
    return v if isinstance(v, (list, dict, tuple)) or is_record(v) else None


class Merge:
    """How a leaf leaves a branch or goes round a loop: as a tensor, with a flag where it may be absent."""

    def __init__(
        self, dtype: str, like: Any, absent: Any, number: bool = False, options: list[Any] | None = None,
        kinds: Iterable[int] = (),
    ) -> None:  # fmt: skip
        self.dtype, self.like, self.absent = dtype, like, absent  # like: (dtype, shape) for placeholders
        self.is_number, self.options = number, options
        self.kinds = frozenset(kinds)  # of scalars: what they may be
        self.lost = ""

    @property
    def key(self) -> Any:
        """What must be the same in two passes over a loop."""
        return self.dtype, self.absent is None, self.is_number, len(self.options or ()), bool(self.lost), self.kinds

    @property
    def _numbers(self) -> list[int]:
        """The kinds of number that it may be."""
        return sorted(self.kinds - {TENSOR})

    @property
    def _is_scalar(self) -> bool:
        """Whether it may be a tensor or a number."""
        return TENSOR in self.kinds and len(self.kinds) > 1

    def outputs(self, v: Any) -> list[Tensor]:
        """A value as tensors of the graph."""
        if self.lost or isinstance(v, Unset):
            return self.placeholders()
        if self.absent is None:
            return self._present(v)
        value, flag = (v.value, v.flag) if isinstance(v, Maybe) else (v, not self._is_absent(v))
        return [*(self._nothing() if self._is_absent(value) else self._present(value)), tensor_of(flag)]

    @property
    def count(self) -> int:
        """Of outputs()."""
        if self.lost:
            return 0
        return 1 + 2 * self._is_scalar + (len(self._numbers) > 1) + (self.absent is not None)

    def placeholders(self) -> list[Tensor]:
        """Tensors of the types of outputs(), where the value is not there."""
        if self.lost:
            return []
        return self._nothing() + ([] if self.absent is None else [_neve.tensor(False)])

    def _nothing(self) -> list[Tensor]:
        """Those of the value alone."""
        return [placeholder(self.like), *self._kind_of(_neve.tensor(0))]

    def _present(self, v: Any) -> list[Tensor]:
        """A value that is there."""
        return [self._lifted(v), *self._kind_of(v)]

    def _kind_of(self, v: Any) -> list[Tensor]:
        """Whether it is a tensor and the number in the place of one, and of which kind a number is, where that differs."""
        out: list[Tensor] = []
        value, is_one = (v.number, v.flag) if isinstance(v, Scalar) else (v, not is_number(v))
        value = value if is_number(value) else 0  # never read
        if self._is_scalar:
            out += [tensor_of(is_one), lift(value, DTYPES[self._numbers[-1]])]
        if len(self._numbers) > 1:
            out.append(which_of(value))
        return out

    def _is_absent(self, v: Any) -> bool:
        return isinstance(v, Undefined) if self.options else is_absent_value(v)

    def _lifted(self, v: Any) -> Tensor:
        if self.options is None:
            t = lift(v, self.dtype)
            return _neve.unrelated(t) if is_number(v) else t
        return index_of(v, self.options)

    def take(self, results: Iterator[Tensor]) -> Any:
        """A value from tensors of the graph."""
        if self.lost:
            return Lost(self.lost)
        value: Any = next(results)
        if self.options is not None:
            value = Choice(self.options, Number(value))
        else:
            value = self._take_scalar(value, results)
        return value if self.absent is None else Maybe(value, next(results), self.absent.value)

    def _take_scalar(self, value: Tensor, results: Iterator[Tensor]) -> Any:
        """A tensor or number from tensors of the graph."""
        flag, plain = (next(results), next(results)) if self._is_scalar else (None, value)
        which = next(results) if len(self._numbers) > 1 else None
        kinds = Kinds(which, tuple(self._numbers)) if which is not None else None
        if self.is_number:
            return of_kinds(value, kinds)
        made = value if flag is None else Scalar(value, flag, of_kinds(plain, kinds))
        current().merged[id(made)] = made
        return made


def returned(paths: Sequence[str], plan: Sequence[Merge | None]) -> list[int]:
    """Which tensors of the outputs are what the function returns: nothing of the function changes them any more."""
    found: list[int] = []
    at = 0
    for path, m in zip(paths, plan):
        count = m.count if m is not None else 0
        found += range(at, at + count) if path.startswith("__neve_value") else ()
        at += count
    return found


def lost(text: str) -> Merge:
    """A variable that is not to be read."""
    made = Merge("bool", ("bool", ()), None)
    made.lost = text
    return made


class Absence:
    """That a value may not be there, and what stands for it then."""

    def __init__(self, value: Any) -> None:
        self.value = value


def is_fixed(v: Any) -> bool:
    """Whether a leaf is a plain constant: the same whatever tensors decide."""
    return v is None or isinstance(v, (bool, int, float, Undefined)) or (is_constant(v) and not isinstance(v, Choice))


def merge(path: str, x: Leaf, y: Leaf) -> Merge | None:
    """How a leaf leaves an `if` whose ways make x and y of it; None where both are the same."""
    a, b = x.value, y.value
    if same(a, b):
        return None
    return joined(path, x, y, "in one way of an 'if' over a tensor and", "in the other")


def joined(path: str, x: Leaf, y: Leaf, one: str, other: str) -> Merge | None:
    """How a value that is x or y is held; None where it is never there."""
    a, b = x.value, y.value
    if isinstance(a, Unset) or isinstance(
        b, Unset
    ):  # as it is where it is of this kind: a constant is no matter of the way
        x = y = y if isinstance(a, Unset) else x
        a = b = x.value
        if is_fixed(a):
            return None
    if gone := next((v for v in (a, b) if isinstance(v, Lost)), None):
        return lost(gone.text)
    inner: list[Any] = [v.inner if isinstance(v.value, Maybe) else v for v in (x, y)]
    maybe = [v.absent for v in (a, b) if isinstance(v, Maybe)]
    values = [v.value for v in inner if not isinstance(v.value, Undefined)]
    if not all(fits(v, w) for v in values for w in values):  # e.g. begins as one kind, and is another after a pass
        return lost(f"to_static: '{path}' is {text_of(a)} {one} {text_of(b)} {other} (one kind of value in both)")
    if any(is_constant(v) for v in values):  # texts, functions, None: which of them is a number
        undefined = next((v for v in (a, b, *maybe) if isinstance(v, Undefined)), None)
        none = [None] if any(v is None for v in maybe) else []
        return Merge("i64", ("i64", ()), undefined and Absence(undefined), False, options_of([*values, *none]))
    absent = [v for v in (a, b) if is_absent_value(v)] + maybe
    values = [v for v in values if v is not None]
    if not values:
        return None
    dtype, is_a_number = common(values[0], values[-1])
    like = next((v.type for v in inner if v.type), None) or (dtype, ())
    # Of None and nothing at all None wins: reading nothing is an error of the original, whatever stands there.
    nothing = None if any(v is None for v in absent) else next(iter(absent), None)
    kinds = {k for v in values for k in kinds_in(v)}
    return Merge(dtype, (dtype, like[1]), Absence(nothing) if absent else None, is_a_number, kinds=kinds)


def either(a: Any, b: Any) -> Any:
    """What a variable is where two ways leave it with nothing to merge: None rather than not assigned."""
    return b if isinstance(a, Unset) or (isinstance(a, Undefined) and b is None) else a
