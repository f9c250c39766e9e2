"""and, or, not, comparisons and conditional expressions: over plain values as Python, over tensors as conditions."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

from .. import _neve
from .._base import Tensor, fail
from ._branches import if_
from ._effects import current
from ._lists import Open, gathered, is_spread
from ._numbers import Dim, Number, as_number, number
from ._one_of import OneOf, asked_of, over
from ._tables import Table
from ._values import Lost, Maybe, SizeCondition, SizeConditions, Undefined, always, condition, read, tensor_of
from ._variants import Variant

_SIZES = {"eq", "ne", "lt", "le", "gt", "ge"}


def compare(kinds: Sequence[str], left: Any, *rest: Any) -> Any:
    """left OP right, and chains of them."""
    if len(kinds) > 1:
        result: Any = True
        values = [left]
        right = rest[0]()
        values.append(right)
        result = compare([kinds[0]], left, right)
        for kind, thunk in zip(kinds[1:], rest[1:]):
            if isinstance(result, bool) and not result:
                return result
            right = thunk()
            result = and_(always(result), functools.partial(compare, [kind], values[-1], right))
            values.append(right)
        return result
    (kind,), (right,) = kinds, rest
    if kind in ("is_", "is_not") and isinstance(left, Variant) and right is None:
        if not any(isinstance(w, Maybe) for _, w in left.ways()):
            return left.table(lambda v: (v is right) == (kind == "is_"))
    if isinstance(left, OneOf):
        return over(left, _operands(right), lambda v: compare([kind], v, right))
    if isinstance(right, OneOf):
        return over(right, _operands(left), lambda v: compare([kind], left, v))
    if kind in ("is_", "is_not"):
        return _identity(kind, left, right)
    if isinstance(left, Maybe) or isinstance(right, Maybe):
        return _of_maybe(kind, left, right)
    if kind in ("in_", "not_in"):
        found = _contains(right, left)
        return found if kind == "in_" else not_(found)
    if kind in ("eq", "ne") and type(left) is type(right) in (tuple, list) and _is_open((left, right)):
        same = _of_sequences(left, right)
        return same if kind == "eq" else not_(same)
    left, right = (v.number() if isinstance(v, SizeCondition) else v for v in (left, right))
    if kind in _SIZES and (isinstance(left, Dim) or isinstance(right, Dim)):
        if not isinstance(left, (Dim, int)) or not isinstance(right, (Dim, int)):
            a, b = (v if n is None else n for v, n in ((left, as_number(left)), (right, as_number(right))))
            return getattr(operator, kind)(a, b)
        known = _neve.prove_sizes(kind, left, right)
        return SizeCondition(kind, left, right) if known is None else known
    if isinstance(left, dict) and isinstance(right, dict):
        from ._gaps import has_gaps, refuse

        if has_gaps(left) or has_gaps(right):
            refuse("a comparison")
    if is_spread(left) or is_spread(right):
        fail("unsupported", "to_static: a list whose length tensors decide is compared (stack it)")
    return getattr(operator, kind)(left, right)


def _is_bool(v: Any) -> bool:
    """Whether a value is one of Python's two bools, maybe one that tensors or sizes decide."""
    return isinstance(v, (bool, SizeCondition)) or (isinstance(v, Number) and v.dtype == "bool")


def _identity(kind: str, left: Any, right: Any) -> Any:
    """left is right, or is not."""
    if left is None:
        left, right = right, left
    if isinstance(left, Maybe) and right is None:
        found = left.is_none()
    elif isinstance(left, Maybe) and _is_bool(right):
        found = and_(always(not_(left.is_none())), lambda: _identity("is_", left.value, right))
    elif _is_bool(left) and _is_bool(right):
        return compare(["eq" if kind == "is_" else "ne"], left, right)
    else:
        merged = current().merged
        if (
            left is not right
            and isinstance(left, Tensor)
            and isinstance(right, Tensor)
            and {id(left), id(right)} & {*merged}
        ):
            fail(
                "unsupported",
                "to_static: 'is' asks whether two tensors are one, of which tensors decided one (a flag that the branches set)",
            )
        return getattr(operator, kind)(left, right)
    return found if kind == "is_" else not_(found)


def _of_maybe(kind: str, left: Any, right: Any) -> Any:
    """A comparison with what may be None, which equals nothing but None."""
    if kind not in ("eq", "ne"):
        return compare([kind], read(left), read(right))
    if not isinstance(left, Maybe):
        left, right = right, left
    if left.absent is not None:
        return compare([kind], read(left), right)
    if kind == "ne":
        return not_(_of_maybe("eq", left, right))
    if right is None:
        return left.is_none()
    if isinstance(right, Maybe) and right.absent is None:
        both = functools.partial(and_, left.is_none, right.is_none)
        return or_(both, lambda: and_(lambda: not_(right.is_none()), lambda: _of_maybe("eq", left, right.value)))
    return and_(lambda: not_(left.is_none()), lambda: compare(["eq"], left.value, read(right)))


def _is_open(v: Any) -> bool:
    """Whether tensors or sizes are among what a value holds."""
    if isinstance(v, (tuple, list)) and not is_spread(v):
        return any(map(_is_open, v))
    return isinstance(v, (Dim, Number, SizeCondition, OneOf, Maybe))


def _of_sequences(left: Any, right: Any) -> Any:
    """left == right for tuples or lists: of all their elements."""
    if len(left) != len(right):
        return False
    answers: list[Any] = [True if a is b else compare(["eq"], a, b) for a, b in zip(left, right)]
    if any(a is False for a in answers):
        return False
    answers = [a for a in answers if a is not True]
    if len(answers) > 1 and all(isinstance(a, SizeCondition) for a in answers):
        return SizeConditions(answers)
    if not answers or (len(answers) == 1 and isinstance(answers[0], SizeCondition)):
        return answers[0] if answers else True
    c = condition(and_(*map(always, answers)))
    return c if isinstance(c, bool) else number(tensor_of(c))


def _operands(v: Any) -> Any:
    """What a comparison looks at: of a container that of which it asks."""
    return [*v] if type(v) in (tuple, list, set, frozenset, dict) and not is_spread(v) else [v]


def _in_range(v: Any, first: Any, last: Any, step: Any = 1) -> Any:
    if type(step) is not int:
        fail("unsupported", "to_static: 'in' a range with a step that tensors decide (compare with its bounds)")
    ends = ("ge", "lt") if step > 0 else ("le", "gt")
    tests: list[Callable[[], Any]] = [
        functools.partial(compare, [kind], v, end) for kind, end in zip(ends, (first, last))
    ]
    if abs(step) != 1 or not (isinstance(v, (int, Dim)) or (isinstance(v, Number) and v.form != "float")):
        tests.append(lambda: compare(["eq"], (v - first) % step, 0))
    return and_(*tests)


def _contains(values: Any, v: Any) -> Any:
    """v in values, for what tensors or sizes decide by comparing with each."""
    if is_spread(values) and not isinstance(gathered(values), Table) and gathered(values).data.ndim == 1:
        n = as_number(v.number() if isinstance(v, SizeCondition) else v)
        data = gathered(values).data
        return number((data == (n.beside(data.dtype) if n is not None else v)).any())
    if isinstance(values, dict) and not isinstance(v, (Number, Dim, SizeCondition)):
        from ._gaps import contains

        return contains(values, v)
    is_open = isinstance(v, (Number, Dim, SizeCondition))
    values = tuple(values) if isinstance(values, dict) and is_open else values
    if isinstance(values, (tuple, list, set, frozenset)) and (
        is_open or any(isinstance(e, (Number, Dim, OneOf, Maybe)) for e in values)
    ):
        if is_spread(values):
            fail("unsupported", "to_static: 'in' a list whose length tensors decide (compare with its stack)")
        return or_(*[functools.partial(compare, ["eq"], v, e) for e in values]) if values else False
    if isinstance(values, Open) and values.bounds:
        return _in_range(v, *values.bounds)
    if isinstance(values, range) and is_open:
        return _in_range(v, values.start, values.stop, values.step)
    return v in values


def not_(x: Any) -> Any:
    """not x."""
    c = condition(x)
    if isinstance(c, SizeCondition):
        return c.opposite()
    return asked_of(~c, x, negated=True) if isinstance(c, Tensor) else not c


def and_(*parts: Callable[[], Any], state: Any = None, test: bool = False) -> Any:
    """The first of the values that is false, else the last; later parts are asked only if need be. test: only whether
    it is true matters."""
    return _logic(parts, True, state, test)


def or_(*parts: Callable[[], Any], state: Any = None, test: bool = False) -> Any:
    """The first of the values that is true, else the last."""
    return _logic(parts, False, state, test)


def _logic(parts: Sequence[Callable[[], Any]], go_on: bool, state: Any, test: bool) -> Any:
    value = parts[0]()
    if len(parts) == 1:
        return truth(value) if test else value
    c = condition(value)
    if isinstance(c, bool):
        return _logic(parts[1:], go_on, state, test) if c == go_on else c if test else value

    # The later parts may be right only where the first allows: they run in a branch.
    def later() -> Any:
        return _logic(parts[1:], go_on, state, test)

    is_bool = isinstance(value, SizeCondition) or (isinstance(value, Number) and value.dtype == "bool")
    if not test and not is_bool:
        return choose(value, later, lambda: value, state) if go_on else choose(value, lambda: value, later, state)
    t = asked_of(tensor_of(c), value)
    return choose(t, later, lambda: False, state) if go_on else choose(t, lambda: True, later, state)


def truth(value: Any) -> Any:
    """Whether a value is true, as one of the program."""
    c = condition(value)
    return number(c) if isinstance(c, Tensor) else c


def choose(test: Any, then: Callable[[], Any], other: Callable[[], Any], state: Any = None) -> Any:
    """then() if test else other(): a conditional expression. state: (get, put, names) of variables that it assigns."""
    c = condition(test)
    if isinstance(c, bool):
        return then() if c else other()
    box: list[Any] = [Undefined("the value")]

    def run(f: Callable[[], Any]) -> Callable[[], None]:
        def inside() -> None:
            box[0] = f()

        inside.of = f  # type: ignore[attr-defined]
        return inside

    get_more, put_more, names = state or (lambda: (), lambda _: None, ())

    def put(v: tuple[Any, ...]) -> None:
        box[0] = v[0]
        put_more(v[1:])

    if_(test, run(then), run(other), lambda: (box[0], *get_more()), put, ("the conditional expression", *names))
    return read(box[0]) if isinstance(box[0], Lost) else box[0]
