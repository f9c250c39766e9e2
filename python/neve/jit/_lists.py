"""Lists whose length tensors decide, and what can be gone through without knowing how long it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .. import _neve
from .._base import Tensor, fail
from ._numbers import DTYPES, Dim, Number, as_number, number, require
from ._values import SizeCondition, dtype_of, is_number, is_program, lift, placeholder, read, same

_SEPARATE, _ELEMENT = range(2)  # kinds of parts of a list's rows


class Spread:
    """As the only element of a list: what the list holds is the rows of `data`."""

    def __init__(self, data: Tensor, is_of_numbers: bool) -> None:
        self.data, self.is_of_numbers = data, is_of_numbers
        if not is_of_numbers and isinstance(data, Tensor) and not _neve.follows_lists():
            _neve.note_listed(data)  # what its rows are is not known: they are not to be changed in place

    def rows(self) -> Any:
        """How many it stands for."""
        return self.data.shape[0]


class TupleSpread(Spread):
    """What tuple() makes of such a list: given back as a tuple."""


def is_spread(x: Any) -> bool:
    """Whether tensors decide how long this list is."""
    return isinstance(x, list) and any(isinstance(v, Spread) for v in x)


def gathered(x: list[Any]) -> Spread:
    """What such a list holds, as one; the list object stays, with what was appended taken in."""
    if len(x) > 1:
        first = next(v for v in x if isinstance(v, Spread))
        parts, whole = list(x), TensorList([first])
        whole = TensorList(whole[:0])
        for v in parts:
            whole.extend([v]) if isinstance(v, Spread) else whole.append(v)
        x[:] = whole.list
    made: Spread = x[0]
    return made


def is_scalar(dtype: str, shape: Any) -> bool:
    """Whether elements are such that numbers can be among them, held as tensors as well."""
    return not shape and dtype in ("f32", "f64", "f16", "bf16")


def sized(rows: Tensor, shape: Any) -> Tensor:
    """Rows that join those of this shape: while there are none, that is theirs."""
    if all(same(n, m) for n, m in zip(rows.shape[1:], shape)):
        return rows
    count, none = rows.shape[0], (rows.dtype, (0, *shape))
    if isinstance(count, int):
        return rows if count else placeholder(none)
    made: Tensor = _neve.stage_if(lift(count, "i64") > 0, lambda _: [rows], lambda _: [placeholder(none)])[0]
    return made


def widened(numbers: Spread, dtype: str) -> Spread:
    """A list of numbers as one that holds those of another dtype as well."""
    wide = wider(numbers.data.dtype, dtype)
    return numbers if numbers.data.dtype == wide else type(numbers)(numbers.data.astype(wide), True)


def wider(*dtypes: str) -> str:
    """Of dtypes of numbers that which holds all."""
    return max(dtypes, key=DTYPES.index)


def of_tensors(numbers: Spread, dtype: str) -> Spread:
    """A list of numbers as one of tensors."""
    return Spread(numbers.data.astype(dtype), False)


class TensorList:
    """The operations of a list of tensors of one type (or of numbers), held as one tensor with an axis more in front."""

    def __new__(cls, of: list[Any]) -> TensorList:
        from ._tables import Table, TupleList

        return object.__new__(TupleList if isinstance(gathered(of), Table) else cls)

    def __init__(self, of: list[Any]) -> None:
        self.list = of
        self.is_of_numbers = gathered(of).is_of_numbers

    @property
    def data(self) -> Tensor:
        """The elements, stacked."""
        return gathered(self.list).data

    @data.setter
    def data(self, value: Tensor) -> None:
        self.list[:] = [Spread(value, self.is_of_numbers)]

    @property
    def length(self) -> Any:
        """len() of it."""
        return self.data.shape[0]

    def _element(self, v: Any) -> Tensor:
        v = read(v)
        if is_scalar(self.data.dtype, self.data.shape[1:]) and is_number(v) and not self.is_of_numbers:
            return lift(v, self.data.dtype)
        if isinstance(v, Tensor) and not is_number(v):
            self._admit(v.dtype, v.shape)
        if is_number(v) != self.is_of_numbers or not (is_number(v) or isinstance(v, Tensor)):
            fail(
                "unsupported",
                f"to_static: a {type(v).__name__} in a list of {'numbers' if self.is_of_numbers else 'tensors'} whose length tensors decide (elements of one kind)",
            )
        if self.is_of_numbers:
            self.list[:] = [widened(gathered(self.list), dtype_of(v))]
        t = lift(v, self.data.dtype) if self.is_of_numbers else v
        if not isinstance(self.list, Consumed) and not _neve.follows_lists():
            _neve.note_listed(t)
        if t.dtype != self.data.dtype or t.ndim != self.data.ndim - 1:
            fail(
                "unsupported",
                f"to_static: a tensor of {t.dtype} and rank {t.ndim} in a list of tensors of {self.data.dtype} and rank {self.data.ndim - 1} whose length tensors decide (elements of one type)",
            )
        return t

    def _admit(self, dtype: str, shape: Any) -> None:
        """Before tensors of this type join: numbers become tensors too."""
        if self.is_of_numbers and is_scalar(dtype, shape):
            self.list[:] = [of_tensors(gathered(self.list), dtype)]
            self.is_of_numbers = False

    def _rows(self, more: Spread) -> Tensor:
        if not more.is_of_numbers:
            self._admit(more.data.dtype, more.data.shape[1:])
        elif not self.is_of_numbers and is_scalar(self.data.dtype, self.data.shape[1:]):
            more = of_tensors(more, self.data.dtype)
        if more.is_of_numbers != self.is_of_numbers:
            fail(
                "unsupported",
                "to_static: numbers and tensors in one list whose length tensors decide (elements of one kind)",
            )
        if self.is_of_numbers:
            self.list[:] = [widened(gathered(self.list), more.data.dtype)]
            more = widened(more, self.data.dtype)
        return more.data

    def _made(self, t: Tensor) -> Any:
        return number(t) if self.is_of_numbers else t

    def append(self, v: Any) -> None:
        """As list.append."""
        from .._shape import concat

        element = self._element(v)  # first: it may make the list one of tensors
        data = sized(self.data, element.shape)
        self.data = concat([data, _neve.unrelated(element).unsqueeze(0)])
        self._follow([data, element], [_ELEMENT, _SEPARATE if is_number(read(v)) else _ELEMENT])

    def _follow(self, parts: list[Tensor], kinds: list[int]) -> None:
        """Says what the rows are, where changes of that in place are followed."""
        if _neve.follows_lists() and not self.is_of_numbers and not isinstance(self.list, Consumed):
            _neve.relate_rows(self.data, parts, kinds)

    def extend(self, values: Any) -> None:
        """As list.extend."""
        from .._shape import concat

        if is_spread(values):
            rows = self._rows(gathered(values))
            data = sized(self.data, rows.shape[1:])
            rows = sized(rows, data.shape[1:])
            self.data = concat([data, rows])
            self._follow([data, rows], [_ELEMENT, _ELEMENT])
            return
        for v in values:
            self.append(v)

    def pop(self, index: Any = -1) -> Any:
        """As list.pop."""
        v = self._made(self.data[index.raw if isinstance(index, Number) else index])
        if type(index) is int and index in (0, -1):
            self.data = self.data[1:] if index == 0 else self.data[:-1]
            return v
        k = self._place(index)
        self._join([self.data[:k], self.data[k + 1 :]], [_ELEMENT, _ELEMENT])
        return v

    def insert(self, index: Any, v: Any) -> None:
        """As list.insert."""
        element = self._element(v)
        kind = _SEPARATE if is_number(read(v)) else _ELEMENT
        self._join([self.data[:index], element, self.data[index:]], [_ELEMENT, kind, _ELEMENT])

    def count(self, v: Any) -> Any:
        """As list.count, of numbers."""
        n = as_number(v.number() if isinstance(v, SizeCondition) else v)
        if self.data.ndim != 1 or n is None:
            fail("unsupported", "to_static: 'count' of tensors in a list whose length tensors decide (numbers)")
        return number((self.data == n.beside(self.data.dtype)).sum())

    def __delitem__(self, index: Any) -> None:
        if not isinstance(index, slice):
            self.pop(index)
            return
        if index.step not in (None, 1) or (index.start is not None and index.stop is not None):
            fail(
                "unsupported",
                "to_static: del of an inner part of a list whose length tensors decide (pop, or a list of what stays)",
            )
        self.data = self.data[index.stop :] if index.start is None else self.data[: index.start]
        if index.start is None and index.stop is None:
            self.clear()

    def _place(self, index: Any) -> Any:
        """The number of an element, from the first."""
        if isinstance(index, Number):
            return number((index.raw + self.length) % self.length)
        return index + self.length if isinstance(index, int) and index < 0 else index

    def _join(self, parts: list[Tensor], kinds: list[int]) -> None:
        """Makes these rows, and single elements, the list."""
        from .._shape import concat

        rank = self.data.ndim
        self.data = concat([p if p.ndim == rank else _neve.unrelated(p).unsqueeze(0) for p in parts])
        self._follow(parts, kinds)

    def clear(self) -> None:
        """As list.clear."""
        self.data = self.data[:0]

    def copy(self) -> list[Any]:
        """As list.copy."""
        return [Spread(self.data, self.is_of_numbers)]

    def reverse(self) -> None:
        """As list.reverse."""
        self.data = self.data[::-1]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [type(gathered(self.list))(self.data[index], self.is_of_numbers)]
        return self._made(self.data[index])

    def rest(self, before: int, after: int) -> list[Any]:
        """As what a star takes between so many elements and so many."""
        return [Spread(self.data[before : -after if after else None], self.is_of_numbers)]

    def _set_part(self, part: slice, values: Any) -> None:
        if part.step not in (None, 1) or any(b is not None and type(b) is not int for b in (part.start, part.stop)):
            fail(
                "unsupported",
                "to_static: a part of a list whose length tensors decide, with a step or bounds that are not plain, is assigned (del and extend)",
            )
        first, last = part.start or 0, part.stop
        if last is not None and (first < 0) != (last < 0):
            fail(
                "unsupported",
                "to_static: a part from one end to the other of a list whose length tensors decide is assigned (both bounds from one end)",
            )
        new = TensorList([Spread(self.data[:0], self.is_of_numbers)])
        new.extend(values)
        after = [] if last is None else [self.data[max(first, last) :]]
        kinds = [_ELEMENT] * (2 + len(after))
        self._join([self.data[:first], self._rows(gathered(new.list)), *after], kinds)

    def __setitem__(self, index: Any, v: Any) -> None:
        if isinstance(index, slice):
            self._set_part(index, v)
            return
        element, data = self._element(v), self.data
        changed = data.clone()
        changed[index] = element
        self.data = changed
        if _neve.follows_lists() and not self.is_of_numbers:
            k = self._place(index)
            kind = _SEPARATE if is_number(read(v)) else _ELEMENT
            self._follow([data[:k], element, data[k + 1 :]], [_ELEMENT, kind, _ELEMENT])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return fail(
            "unsupported",
            f"to_static: '{name}' of a list whose length tensors decide (append, extend, insert, pop, indices, stack and concat are there)",
        )


def spread(values: list[Any], of: Any) -> None:
    """Makes a list of tensors or numbers hold them as one tensor; of: (dtype, shape, whether numbers), or Columns of tuples."""
    from .._shape import stack
    from ._tables import Columns, spread_tuples

    if isinstance(of, Columns):
        spread_tuples(values, of)
        return
    dtype, shape, numbers = of
    values[:] = map(read, values)
    if values:
        for v in values if not isinstance(values, Consumed) and not _neve.follows_lists() else ():
            _neve.note_listed(lift(v, dtype))
        data = stack([_neve.unrelated(lift(v, dtype) if is_number(v) else v) for v in values])
    else:
        data = placeholder((dtype, (0, *shape)))
    if _neve.follows_lists() and not numbers and not isinstance(values, Consumed) and values:
        kinds = [_SEPARATE if is_number(v) else _ELEMENT for v in values]
        _neve.relate_rows(data, [lift(v, dtype) for v in values], kinds)
    values[:] = [Spread(data, numbers)]


def repeated(values: list[Any], count: Any) -> Any:
    """values * count, for a count that tensors or sizes decide: passes of a loop where it is no size."""
    from ._align import element_type
    from ._state import flatten
    from ._statements import collect

    leaves, structure = flatten([values])
    of = element_type(structure[0], leaves) if values else None
    if of is None or len(of) < 3 or not isinstance(of[0], str):
        return (
            NotImplemented
            if isinstance(count, Dim)
            else fail(
                "unsupported",
                "to_static: a list of different things, as often as tensors decide (elements of one kind)",
            )
        )
    whole: list[Any] = list(values)
    spread(whole, of)
    once = gathered(whole)
    if not isinstance(count, Dim):
        out: list[Any] = []
        collect(
            out, open_range(count), lambda _: TensorList(out).extend(whole) if is_spread(out) else out.extend(whole)
        )
        return out
    data, rest = once.data, once.data.shape[1:]
    sizes = [Dim.max(count, 0), *data.shape]
    return [Spread(data.unsqueeze(0).expand(sizes).reshape((sizes[0] * data.shape[0], *rest)), once.is_of_numbers)]


class Consumed(list[Any]):
    """What a generator gives to the call that it is an argument of: nothing sees these elements change."""


class Open:
    """What a for statement goes through as a loop of the graph: how many passes (i64[]), and what each gets. most: no
    more than so many, each made by itself: plain things are gone through beside it."""

    bounds: tuple[Any, ...] = ()  # of a range

    def __init__(self, trips: Any, item: Callable[[Any], Any], most: int | None = None) -> None:
        self.trips, self.item, self.most = trips, item, most

    def passes(self, k: int) -> Any:
        """Whether there is a pass with this number, of one that has `most`."""
        return number(self.trips > k)

    def __getitem__(self, index: Any) -> Any:
        """As of a range. Raises Error{unsupported} for parts; an element that is not there is an error at run time."""
        n = None if self.most is not None else as_number(index)
        if n is None:
            fail("unsupported", "to_static: a part of what tensors or open sizes make so long (a list of it)")
        place = number(n.as_int().raw + self.trips * (n.raw < 0).astype("i64"))
        there = (place.raw >= 0) & (place.raw < self.trips)
        return self.item(require(place, there, IndexError("range object index out of range")))

    def __iter__(self) -> Iterator[Any]:
        fail(
            "unsupported",
            "to_static: what tensors or open sizes make so long is gone through outside of a for statement or a comprehension (use one of them)",
        )


def open_of(x: Any) -> Open | None:
    """x as what a loop of the graph goes through; None for what plain Python does."""
    if isinstance(x, Open):
        return x
    if isinstance(x, dict) and x and _neve.is_capturing():
        from ._gaps import rows

        return rows(x)
    if is_spread(x):
        whole = TensorList(x)
        return Open(lift(whole.length, "i64"), lambda k: whole[k.raw])
    if is_program(x) and x.ndim and isinstance(x.shape[0], Dim):
        return Open(_neve.dim_tensor(x.shape[0]), lambda k: x[k.raw])
    return None


def open_range(*bounds: Any) -> Open:
    """range() whose bounds are tensors or open sizes."""
    made = _open_range(*((0, bounds[0], 1) if len(bounds) == 1 else (*bounds, 1)[:3]))
    made.bounds = (0, bounds[0]) if len(bounds) == 1 else bounds
    return made


def _open_range(first: Any, last: Any, step: Any) -> Open:
    from .._elementwise import floor_divide, maximum, sign

    if type(step) is int and step == 1:  # nothing to divide; for a pass, nothing to multiply
        b = lift(last, "i64").reshape(())
        if type(first) is int and first == 0:
            return Open(maximum(b, _neve.tensor(0)), lambda k: number(k.raw))
        begin = lift(first, "i64").reshape(())
        return Open(maximum(b - begin, _neve.tensor(0)), lambda k: number(k.raw + begin))
    a, b, s = [lift(v, "i64").reshape(()) for v in (first, last, step)]
    trips = maximum(floor_divide(b - a + s - sign(s), s), _neve.tensor(0))
    return Open(trips, lambda k: number(k.raw * s + a))
