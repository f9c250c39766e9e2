"""Two ways of a branch, or the begin and the end of a pass, under one structure of containers."""

from __future__ import annotations

import threading
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from .._base import Tensor, fail
from ._choices import is_constant
from ._lists import Spread, TupleSpread, is_scalar, wider
from ._numbers import Dim, Number
from ._tables import Columns, Table
from ._values import Lost, Maybe, Undefined, dtype_of, is_number, weak_dtype
from ._variants import UNSET, Entry, Unset, Variant

Path = tuple[Any, ...]
_MOST = 8  # kinds of one value


class Grown(BaseException):
    """A list that is longer in one way, or after a pass: it must hold its elements as one tensor from before on."""

    def __init__(self, path: Path, of: Any, name: str) -> None:
        super().__init__(name)
        self.path, self.of, self.name = path, of, name


class Leaf:
    """What a branch makes of a leaf, seen in a trial run."""

    def __init__(self, v: Any) -> None:
        self.value = v
        self.type = (v.dtype, v.shape) if isinstance(v, Tensor) else None
        self.inner = Leaf(v.value) if isinstance(v, Maybe) else None


def refuse_lists(name: str) -> NoReturn:
    """Raises Error{unsupported}."""
    fail(
        "unsupported",
        f"to_static: '{name.removeprefix('__neve_')}' holds other things in the two ways of an 'if' over a tensor, or before and after a pass of a loop "
        "(the same containers and keys, or a list of tensors of one type that is appended to)",
    )


def text_of(v: Any) -> str:
    """What messages call a leaf."""
    if isinstance(v, Tensor) and not isinstance(v, Number):
        return f"a tensor of {v.dtype} and rank {v.ndim}"
    return (
        "not assigned"
        if isinstance(v, Undefined)
        else repr(v)
        if isinstance(v, (bool, int, float, Dim)) or v is None
        else "a number"
        if is_number(v)
        else f"a {type(v).__name__}"
    )


def count_of(structure: Any) -> int:
    """How many leaves a structure has."""
    return 1 if structure is None else sum(map(count_of, structure[2]))


def _value(leaf: Any) -> Any:
    return leaf.value if isinstance(leaf, Leaf) else leaf


def fits(a: Any, b: Any) -> bool:
    """Whether one leaf can be both: as a tensor of one type, a number, one of several constants, or what may be absent."""
    a, b = (v.value if isinstance(v, Maybe) else v for v in (a, b))
    if a is b or any(isinstance(v, (Undefined, Lost)) for v in (a, b)):
        return True
    if is_constant(a) or is_constant(b):
        return all(v is None or is_constant(v) for v in (a, b))
    if a is None or b is None:
        return True
    if is_number(a) and is_number(b):
        return True
    if not all(is_number(v) or isinstance(v, Tensor) for v in (a, b)):
        return False
    if is_number(a) or is_number(b):
        t, n = (b, a) if is_number(a) else (a, b)
        return t.ndim == 0 and bool(weak_dtype(t.dtype, dtype_of(n)) == t.dtype)
    return bool(a.ndim == b.ndim and a.dtype == b.dtype)


def _is_known(v: Any) -> bool:
    """Whether a value of this kind can be held beside others."""
    return is_constant(v) or is_number(v) or isinstance(v, (Tensor, Undefined, Lost, Maybe))


def _label(structure: Any, leaves: Iterable[Any]) -> str:
    """The kind of a value: values of one kind fit leaf by leaf."""
    if structure is None:
        v = _value(next(iter(leaves)))
        v = v.value if isinstance(v, Maybe) else v
        if v is None:
            return "None"
        if is_number(v):
            return "number"
        return f"{v.dtype}[{v.ndim}]" if isinstance(v, Tensor) else "constant" if is_constant(v) else "?"
    it = iter(leaves)
    keys = "" if structure[0] in (Spread, TupleSpread) else structure[1]
    parts = [_label(p, [next(it) for _ in range(count_of(p))]) for p in structure[2]]
    return f"{structure[0].__module__}.{structure[0].__qualname__}{keys or ''}({', '.join(parts)})"


class Aligned:
    """Leaves of two ways, and their structure. What only one way has a place for is UNSET in the other.

    moved: by way, where containers of it have gone.
    """

    def __init__(
        self, names: Sequence[str], one: Any, two: Any, wrap: Any = Leaf, exact: Iterable[Path] = (),
        apart: Apart | None = None,
    ) -> None:  # fmt: skip
        """one, two: with leaves and structure. exact: containers that have to stay what they are."""
        self._wrap, self._exact = wrap, exact
        self._known: Sequence[Mapping[Path, str]] = apart.labels if apart else ({}, {})
        self._apart: Container[Path] = apart.paths if apart else ()
        self.moved: tuple[dict[Path, Path], dict[Path, Path]] = ({}, {})
        self.a: list[Any] = []
        self.b: list[Any] = []
        self.structure: list[Any] = []
        self._mixed: set[int] = set()
        at_a = at_b = 0
        for i, (name, x, y) in enumerate(zip(names, one.structure, two.structure)):
            n, m = count_of(x), count_of(y)
            self._name = name
            of_x, of_y = one.leaves[at_a : at_a + n], two.leaves[at_b : at_b + m]
            s, oa, ob = self._pair(x, of_x, y, of_y, (i,), (i,), (i,))
            at_a, at_b = at_a + n, at_b + m
            self.structure.append(s)
            self.a += oa
            self.b += ob

    def mixed(self, names: Sequence[str]) -> str:
        """A variable, but no result, that is of a kind in one way which it is not in the other; "" where none is."""
        return next((names[i] for i in sorted(self._mixed) if names[i] != "__neve_value"), "")

    def _pair(self, x: Any, a: Any, y: Any, b: Any, pa: Path, pb: Path, at: Path) -> Any:
        if pa != at:
            self.moved[0][pa] = at
        if pb != at:
            self.moved[1][pb] = at
        if _is_variant(x) or _is_variant(y) or at in self._apart:
            return self._variant(x, a, y, b, pa, pb, at)
        if x and y and x[0] is y[0] and x[0] in (Spread, TupleSpread) and x[1] and y[1] and len(a) == len(b) == 1:
            types = [t for s, leaves in ((x, a), (y, b)) if (t := element_type(s, leaves)) is not None]
            if len({t[0] for t in types}) > 1:  # of ints in one way, of floats in the other
                raise Grown(at, _widest(types, self._name), self._name)
        if x is None and y is None and fits(_value(a[0]), _value(b[0])):
            return None, a, b
        if gone := self._lost(x, a, y, b):
            return gone
        if x is None or y is None:
            leaf, other = (_value(a[0]), y) if x is None else (_value(b[0]), x)
            if isinstance(leaf, (Undefined, Lost)):
                parts = [self._wrap(leaf) for _ in range(count_of(other))]
                return (other, parts, b) if x is None else (other, a, parts)
        elif x[0] is y[0] and x[1] == y[1] and len(x[2]) == len(y[2]) and not any(map(_is_entry, (*x[2], *y[2]))):
            return self._parts(x, a, y, b, pa, pb, at)
        elif (found := self._dicts(x, a, y, b, pa, pb, at)) is not None:
            return found
        elif _is_list(x) and _is_list(y) and TupleSpread not in (x[0], y[0]):
            types = [element_type(s, leaves) for s, leaves in ((x, a), (y, b)) if leaves]
            found = [o for o in types if o is not None]
            if found and (at in self._exact or len(found) == len(types)):
                raise Grown(at, _widest(found, self._name), self._name)
        return self._variant(x, a, y, b, pa, pb, at)

    def _parts(self, x: Any, a: Any, y: Any, b: Any, pa: Path, pb: Path, at: Path) -> Any:
        parts, out_a, out_b, na, nb = [], [], [], 0, 0
        for i, (p, q) in enumerate(zip(x[2], y[2])):
            n, m = count_of(p), count_of(q)
            s, oa, ob = self._pair(p, a[na : na + n], q, b[nb : nb + m], (*pa, i), (*pb, i), (*at, i))
            na, nb = na + n, nb + m
            parts.append(s)
            out_a += oa
            out_b += ob
        return (x[0], x[1], parts), out_a, out_b

    def _dicts(self, x: Any, a: Any, y: Any, b: Any, pa: Path, pb: Path, at: Path) -> Any:
        """Two dicts of other keys as one with all of them, where one has those of the other, or they are one dict."""
        if x[0] is not y[0] or not issubclass(x[0], dict):
            return None
        if at not in self._exact and not ({*x[1]} <= {*y[1]} or {*y[1]} <= {*x[1]}):
            return None
        first, second = (y[1], x[1]) if {*x[1]} <= {*y[1]} else (x[1], y[1])
        keys = [*first, *(k for k in second if k not in first)]
        sides = [_by_key(s, leaves, path) for s, leaves, path in ((x, a, pa), (y, b, pb))]
        parts, out_a, out_b = [], [], []
        for i, k in enumerate(keys):
            p, oa, ob = self._entry(sides[0].get(k), sides[1].get(k), (*at, i))
            parts.append(p)
            out_a += oa
            out_b += ob
        return (x[0], keys, parts), out_a, out_b

    def _entry(self, one: Any, two: Any, at: Path) -> Any:
        """What two dicts have for a key: structure, leaves and path of each; None where it is missing."""
        if one and two and not _is_entry(one[0]) and not _is_entry(two[0]):
            return self._pair(one[0], one[1], two[0], two[1], one[2], two[2], at)
        flags, inner = [], []
        for k, side in enumerate((one, two)):
            if side and _is_entry(side[0]):
                flags.append(side[1][0])
                inner.append((side[0][2][1], side[1][1:], (*side[2], 1)))
                self.moved[k][side[2]] = at
            else:
                flags.append(self._wrap(bool(side)))
                inner.append(side)
        x, y = inner
        if x and y:
            s, oa, ob = self._pair(x[0], x[1], y[0], y[1], x[2], y[2], (*at, 1))
        else:
            s, leaves, path = x or y
            self.moved[0 if x else 1][path] = (*at, 1)
            nothing = [self._wrap(UNSET) for _ in leaves]
            oa, ob = (leaves, nothing) if x else (nothing, leaves)
        return (Entry, None, [None, s]), [flags[0], *oa], [flags[1], *ob]

    def _variant(self, x: Any, a: Any, y: Any, b: Any, pa: Path, pb: Path, at: Path) -> Any:
        """A value of another kind in each way."""
        if at in self._exact:
            refuse_lists(self._name)
        self._mixed.add(at[0])
        (tag_a, ways_a), (tag_b, ways_b) = self._ways(x, a, pa, 0), self._ways(y, b, pb, 1)
        labels = sorted({*ways_a, *ways_b})
        if len(labels) > _MOST:
            refuse_lists(self._name)
        structures, out_a, out_b = [], [tag_a], [tag_b]
        for k, label in enumerate(labels):
            place = (*at, 1 + k)
            one, two = ways_a.get(label), ways_b.get(label)
            if one and two:
                s, oa, ob = self._pair(one[0], one[1], two[0], two[1], one[2], two[2], place)
            else:
                s, leaves, path = one or two  # type: ignore[misc]
                self.moved[0 if one else 1][path] = place
                nothing = [self._wrap(UNSET) for _ in leaves]
                oa, ob = (leaves, nothing) if one else (nothing, leaves)
            structures.append(s)
            out_a += oa
            out_b += ob
        return (Variant, labels, [None, *structures]), out_a, out_b

    def _lost(self, x: Any, a: Any, y: Any, b: Any) -> Any:
        """What is to be read no more: an object that is no container, where another thing is in the other way."""
        for s, leaves in ((x, a), (y, b)):
            if s is None and (v := _value(leaves[0])) is not None and not _is_known(v):
                other = text_of(_value((b if leaves is a else a)[0])) if x is None and y is None else "a container"
                text = f"to_static: '{self._name}' is a {type(v).__name__} in one way of an 'if' over a tensor, or before a loop over tensors, and {other} in the other, or after a pass (tensors, numbers, texts, None and containers of them can differ)"
                leaf = self._wrap(Lost(text))
                return None, [leaf], [leaf]
        return None

    def _ways(self, s: Any, leaves: Any, path: Path, side: int) -> tuple[Any, dict[str, Any]]:
        """(tag, structure, leaves and path of each kind by its label) of a value."""
        if not _is_variant(s):
            if s is None and isinstance(_value(leaves[0]), (Undefined, Lost)):
                return leaves[0], {}
            label = _label(s, leaves) + self._known[side].get(path, "")
            return self._wrap(label), {label: (s, leaves, path)}
        found, at = {}, 1
        for k, (label, part) in enumerate(zip(s[1], s[2][1:])):
            found[label] = (part, leaves[at : at + count_of(part)], (*path, 1 + k))
            at += count_of(part)
        return leaves[0], found


class Flat(NamedTuple):
    """Values as leaves and what holds them."""

    leaves: Sequence[Any]
    structure: Any


class _Loops(threading.local):
    known: Mapping[int, Any] | None = None  # containers from before the outermost loop that is being made


_loops = _Loops()


class looping:
    """While passes of a loop are tried: containers that they make are others each time."""

    def __init__(self, known: Mapping[int, Any]) -> None:
        self._known = known

    def __enter__(self) -> None:
        self._before = _loops.known
        _loops.known = self._known if self._before is None else self._before

    def __exit__(self, *_: object) -> None:
        _loops.known = self._before


class Apart:
    """Containers of two ways that stay what they are, where a value may be one or another of them."""

    def __init__(self, ways: Sequence[Mapping[Path, Any]], known: Mapping[int, Any], own: Container[Path]) -> None:
        self._known = known
        stays = known if _loops.known is None else _loops.known
        self.labels = [{p: f" #{id(o)}" for p, o in w.items() if id(o) in stays} for w in ways]
        one, two = ways
        self.paths = {
            p for p, o in one.items()
            if p in two and two[p] is not o and (p in self.labels[0] or p in self.labels[1]) and p not in own
            and not _is_nothing(o) and not _is_nothing(two[p])
        }  # fmt: skip

    def elsewhere(self, structure: Any) -> dict[Path, Any]:
        """By where they are under a structure: those that stay."""
        found: dict[Path, Any] = {}

        def walk(s: Any, at: Path) -> None:
            for i, part in enumerate(s[2] if s is not None else ()):
                label = s[1][i - 1] if s[0] is Variant and i else ""
                known = self._known.get(int(label.rpartition(" #")[2])) if " #" in label else None
                if known is not None:
                    found[(*at, i)] = known
                else:
                    walk(part, (*at, i))

        for i, s in enumerate(structure):
            walk(s, (i,))
        return found


def _is_nothing(container: Any) -> bool:
    """Whether it stands for a list of an open length that is not there yet, or may not be."""
    parts = [v.data for v in container if isinstance(v, Spread)] if isinstance(container, list) else []
    return any(isinstance(v.absent if isinstance(v, Maybe) else v, Undefined) for v in parts)


def relocated(objects: dict[Path, Any], moved: dict[Path, Path]) -> dict[Path, Any]:
    """Containers by where they are now."""

    def place(p: Path) -> Path:
        n = next((n for n in range(len(p), 0, -1) if p[:n] in moved), 0)
        return (*moved[p[:n]], *p[n:]) if n else p

    return {place(p): o for p, o in objects.items()} if moved else objects


def _is_entry(structure: Any) -> bool:
    return structure is not None and structure[0] is Entry


def _by_key(structure: Any, leaves: Any, path: Path) -> dict[Any, Any]:
    """(structure, leaves, path) of what a dict has."""
    found, at = {}, 0
    for i, (k, part) in enumerate(zip(structure[1], structure[2])):
        found[k] = part, leaves[at : at + count_of(part)], (*path, i)
        at += count_of(part)
    return found


def _is_variant(structure: Any) -> bool:
    return structure is not None and structure[0] is Variant


def _is_list(structure: Any) -> bool:
    return issubclass(structure[0], (Spread, list))


def _widest(types: Sequence[Any], name: str) -> Any:
    """The type of a list that has elements of all these types: of tensors before of numbers."""
    if not any(isinstance(t, Columns) for t in types):
        if all(t[2] for t in types):
            return wider(*(t[0] for t in types)), (), True
        return min(types, key=lambda t: t[2])
    if not all(isinstance(t, Columns) and t.form == types[0].form for t in types):
        refuse_lists(name)
    return Columns(types[0].form, [_widest(of, name) for of in zip(*(t.types for t in types))])


def _columns(tuples: Sequence[Any], leaves: Sequence[Any]) -> Columns | None:
    """The type of tuples of one form, where what stands at each place is of one type."""
    n = count_of(tuples[0])
    if any(t != tuples[0] or not _is_of_tuples(t) for t in tuples):
        return None
    kind = list, None, [None] * len(tuples)
    types = [element_type(kind, [leaves[i * n + j] for i in range(len(tuples))]) for j in range(n)]
    return None if any(t is None for t in types) else Columns(tuples[0], types)


def _is_of_tuples(structure: Any) -> bool:
    return structure is None or (issubclass(structure[0], tuple) and all(map(_is_of_tuples, structure[2])))


def element_type(structure: Any, leaves: Sequence[Any]) -> Any:
    """(dtype, shape, whether numbers) of the elements of a list, where one tensor can hold them; Columns of tuples."""
    leaves = [v if isinstance(v, Leaf) else Leaf(v) for v in leaves]
    if structure[0] is Table:
        form, numbers = structure[1]
        if any(v.type is None for v in leaves):
            return None
        return Columns(form, [(v.type[0], v.type[1][1:], n) for v, n in zip(leaves, numbers)])
    if leaves and structure[2][0] is not None and structure[0] is not Spread:
        return _columns(structure[2], leaves)
    if structure[0] in (Spread, TupleSpread):
        if leaves[0].type is None:  # not there in this way
            return None
        dtype, shape = leaves[0].type
        return dtype, shape[1:], structure[1]
    if not leaves or any(p is not None for p in structure[2]):
        return None
    if all(is_number(v.value) for v in leaves):
        return max((dtype_of(v.value) for v in leaves), key=["bool", "i64", "f64"].index), (), True
    types = [v.type for v in leaves if v.type is not None and not isinstance(v.value, Number)]
    numbers = [v for v in leaves if is_number(v.value)]
    if (
        len(types) + len(numbers) < len(leaves)
        or (numbers and not is_scalar(*types[0]))
        or any(d != types[0][0] or len(s) != len(types[0][1]) for d, s in types)
    ):
        return None
    return types[0][0], types[0][1], False


__all__ = ["Aligned", "Flat", "Grown", "Leaf", "Unset", "count_of", "element_type", "fits", "refuse_lists", "relocated"]
