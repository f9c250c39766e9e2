"""Lists of tuples whose length tensors decide: a column for each place of a tuple, held as a list of tensors or numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from .._base import fail
from ._lists import Spread, TensorList, gathered, is_spread, spread


class Columns(NamedTuple):
    """The type of a list's elements: how a tuple is made, and the types of what it holds."""

    form: Any
    types: list[Any]
    is_of_numbers: bool = False


class Table(Spread):
    """As the only element of a list: what the list holds are tuples of this form over the rows of the columns."""

    def __init__(self, form: Any, columns: Sequence[Spread]) -> None:
        self.form, self.columns, self.is_of_numbers = form, [*columns], False

    @property
    def data(self) -> Any:  # type: ignore[override]
        """Refused: there is no one tensor."""
        refuse()

    @property
    def key(self) -> Any:
        """What must be the same of two tables that become one."""
        return self.form, [c.is_of_numbers for c in self.columns]

    def rows(self) -> Any:
        return self.columns[0].rows()


def refuse() -> NoReturn:
    """Raises Error{unsupported}."""
    fail(
        "unsupported",
        "to_static: this asks for one tensor of a list of tuples whose length tensors decide (go through it, or make a list for each part)",
    )


def spread_tuples(values: list[Any], of: Columns) -> None:
    """Makes a list of tuples hold them by columns."""
    from ._state import flatten

    every = [flatten([v])[0] for v in values]
    columns: list[list[Any]] = [[leaves[j] for leaves in every] for j in range(len(of.types))]
    for column, kind in zip(columns, of.types):
        spread(column, kind)
    values[:] = [Table(of.form, [gathered(c) for c in columns])]


class TupleList(TensorList):
    """The operations of such a list."""

    def __init__(self, of: list[Any]) -> None:
        whole: Any = gathered(of)
        self.list, self.form, self.is_of_numbers = of, whole.form, False
        self.columns = [TensorList([c]) for c in whole.columns]

    def _done(self) -> None:
        self.list[:] = [Table(self.form, [gathered(c.list) for c in self.columns])]

    def _tuple(self, leaves: Sequence[Any]) -> Any:
        from ._state import unflatten

        return unflatten([self.form], leaves)[0]

    @property  # type: ignore[misc]
    def data(self) -> Any:
        refuse()

    @property
    def length(self) -> Any:
        return self.columns[0].length

    def _leaves(self, v: Any) -> list[Any]:
        from ._state import flatten

        leaves, structure = flatten([v])
        if structure != [self.form]:
            fail(
                "unsupported",
                f"to_static: a {type(v).__name__} in a list of tuples whose length tensors decide (tuples of one form)",
            )
        return leaves

    def append(self, v: Any) -> None:
        for column, leaf in zip(self.columns, self._leaves(v)):
            column.append(leaf)
        self._done()

    def extend(self, values: Any) -> None:
        if not is_spread(values):
            for v in values:
                self.append(v)
            return
        more: Any = gathered(values)
        if not isinstance(more, Table) or more.form != self.form:
            fail("unsupported", "to_static: lists of different things become one list whose length tensors decide")
        for column, c in zip(self.columns, more.columns):
            column.extend([c])
        self._done()

    def pop(self, index: Any = -1) -> Any:
        made = self._tuple([c.pop(index) for c in self.columns])
        self._done()
        return made

    def insert(self, index: Any, v: Any) -> None:
        for column, leaf in zip(self.columns, self._leaves(v)):
            column.insert(index, leaf)
        self._done()

    def __delitem__(self, index: Any) -> None:
        for c in self.columns:
            del c[index]
        self._done()

    def clear(self) -> None:
        for c in self.columns:
            c.clear()
        self._done()

    def copy(self) -> list[Any]:
        return [Table(self.form, [gathered(c.copy()) for c in self.columns])]

    def reverse(self) -> None:
        for c in self.columns:
            c.reverse()
        self._done()

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [Table(self.form, [gathered(c[index]) for c in self.columns])]
        return self._tuple([c[index] for c in self.columns])

    def rest(self, before: int, after: int) -> list[Any]:
        return [Table(self.form, [gathered(c.rest(before, after)) for c in self.columns])]

    def __setitem__(self, index: Any, v: Any) -> None:
        if isinstance(index, slice):
            refuse()
        for column, leaf in zip(self.columns, self._leaves(v)):
            column[index] = leaf
        self._done()
