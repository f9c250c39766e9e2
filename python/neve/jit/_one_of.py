"""Values that are one of several, as tensors decide: what is done with such a value is done with each that it may be."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from .. import _neve
from .._base import Error, Tensor, fail
from ._effects import Raised
from ._errors import error_place
from ._numbers import Number, number
from ._values import is_number

Way = tuple[Callable[[], Any], Any]


class OneOf:
    """Operators, attributes and items are those of what the value is."""

    __hash__ = None  # type: ignore[assignment]

    def ways(self) -> list[Way]:
        """What it may be, each with what asks whether it is that; the last is it where no other is."""
        raise NotImplementedError

    def looked_up(self, f: Callable[[Any], Any]) -> Any:
        """f of a constant, where f changes nothing; each(self, f) where that is no constant."""
        return each(self, f)

    def __getattr__(self, name: str) -> Any:
        """A method is chosen where it is called."""
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        if not any(callable(getattr(w, name, None)) for _, w in self.ways()):
            return self.looked_up(lambda w: getattr(w, name))

        def method(*args: Any, **kwargs: Any) -> Any:
            from ._calls import call

            return over(self, (*args, *kwargs.values()), lambda w: call(getattr(w, name))(*args, **kwargs))

        return method

    def __setattr__(self, name: str, value: Any) -> None:
        from ._aliases import require_one

        if name.startswith("_"):
            object.__setattr__(self, name, value)
            return

        def change(v: Any) -> None:
            require_one(v)
            setattr(v, name, value)

        each(self, change)

    def __getitem__(self, index: Any) -> Any:
        from ._statements import item

        return item(self, index)

    def truth(self) -> Any:
        """Of what it is: a bool, or bool[]."""
        from ._logic import truth

        answer = self.looked_up(truth)
        return answer.raw if isinstance(answer, Number) else answer

    def refused(self, what: str) -> NoReturn:
        """Raises Error{unsupported}."""
        names = ", ".join(_text(w) for _, w in self.ways()[:4])
        fail(
            "unsupported",
            f"to_static: {what} of a value that is one of {names}, as tensors decide (compare it with ==, or use it inside of the branch)",
        )

    def __bool__(self) -> bool:
        self.refused("the truth")

    def __iter__(self) -> Any:
        self.refused("going through the elements outside of a for statement")

    def __str__(self) -> str:
        self.refused("the text")

    def __index__(self) -> int:
        self.refused("the number")


def _text(v: Any) -> str:
    if hasattr(v, "__dict__") and not isinstance(v, Tensor) and not callable(v):
        return f"a {type(v).__name__}"
    return f"a tensor of {v.dtype} and rank {v.ndim}" if isinstance(v, Tensor) else repr(v)


def each(v: OneOf, f: Callable[[Any], Any]) -> Any:
    """f of what a value is, in a branch for each that it may be. What f raises there is an error of that way."""
    from ._logic import choose

    ways = v.ways()

    def own(value: Any) -> Any:
        try:
            return f(value)
        except (Error, TypeError, AttributeError, LookupError, ValueError, ZeroDivisionError) as e:
            if len(ways) == 1 or getattr(e, "code", "") in ("unsupported", "internal"):
                raise
            raise Raised(f"{type(e).__name__}: {e}{error_place(e)}") from e

    def way(k: int) -> Any:
        test, value = ways[k]
        return own(value) if k == len(ways) - 1 else choose(test(), lambda: own(value), lambda: way(k + 1))

    return way(0)


def over(v: OneOf, others: Sequence[Any], f: Callable[[Any], Any]) -> Any:
    """f of what a value is; without branches where that is a constant, and `others`, what else f takes, are."""
    plain = all(o is None or isinstance(o, (str, slice)) or is_number(o) and not isinstance(o, Tensor) for o in others)
    return v.looked_up(f) if plain else each(v, f)


def applied(f: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """f of arguments of which some, or elements of lists and tuples among them, are one of several values."""
    places = _places(args, kwargs)
    found = next((p for p in places if isinstance(_at(args, kwargs, p), OneOf)), None)
    if found is None:
        return f(*args, **kwargs)
    others = [_at(args, kwargs, p) for p in places if p != found]
    return over(_at(args, kwargs, found), others, lambda v: applied(f, *_with(args, kwargs, found, v)))


def _places(args: Sequence[Any], kwargs: dict[str, Any]) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for k, v in (*enumerate(args), *kwargs.items()):
        found += [(k, i) for i in range(len(v))] if type(v) in (list, tuple) else [(k,)]
    return found


def _at(args: Sequence[Any], kwargs: dict[str, Any], place: tuple[Any, ...]) -> Any:
    v = args[place[0]] if isinstance(place[0], int) else kwargs[place[0]]
    return v[place[1]] if len(place) > 1 else v


def _with(args: Sequence[Any], kwargs: dict[str, Any], place: tuple[Any, ...], value: Any) -> tuple[Any, Any]:
    key = place[0]
    if len(place) > 1:
        old = args[key] if isinstance(key, int) else kwargs[key]
        value = type(old)([value if i == place[1] else e for i, e in enumerate(old)])
    if isinstance(key, int):
        return [value if i == key else a for i, a in enumerate(args)], kwargs
    return args, {**kwargs, key: value}


def _binary(f: Callable[[Any, Any], Any], reflected: bool) -> Callable[[OneOf, Any], Any]:
    return lambda self, other: over(self, (other,), lambda w: f(other, w) if reflected else f(w, other))


def _unary(f: Callable[[Any], Any]) -> Callable[[OneOf], Any]:
    return lambda self: self.looked_up(f)


def _comparison(kind: str) -> Callable[[Any, Any], Any]:
    def g(self: Any, other: Any) -> Any:
        from ._logic import compare

        return compare([kind], self, other)

    return g


for _name in "add sub mul truediv floordiv mod pow matmul and_ or_ xor lshift rshift".split():
    setattr(OneOf, f"__{_name.strip('_')}__", _binary(getattr(operator, _name), False))
    setattr(OneOf, f"__r{_name.strip('_')}__", _binary(getattr(operator, _name), True))
for _name in "iadd isub imul itruediv ifloordiv imod ipow imatmul iand ior ixor ilshift irshift".split():
    setattr(OneOf, f"__{_name}__", _binary(getattr(operator, _name), False))
for _name in "neg pos abs invert".split():
    setattr(OneOf, f"__{_name}__", _unary(getattr(operator, _name)))
for _name in "eq ne lt le gt ge".split():
    setattr(OneOf, f"__{_name}__", _comparison(_name))


class _Known(threading.local):
    """In the branches that this thread captures: which of the values with an index are possible, by the index."""

    def __init__(self) -> None:
        self.possible: dict[int, tuple[Any, list[bool]]] = {}


_known = _Known()


class knowing:
    """A branch that runs only where what a test asked of a value that is one of several has this answer."""

    def __init__(self, test: Any, answer: bool) -> None:
        self._asked, self._answer = getattr(test, "asked", None), answer

    def __enter__(self) -> None:
        self._before = _known.possible
        if self._asked is not None:
            index, answers = self._asked
            old = possible(index, len(answers))
            new = [o and a == self._answer for o, a in zip(old, answers)]
            if any(new):
                _known.possible = {**_known.possible, id(index): (index, new)}

    def __exit__(self, *_: object) -> None:
        _known.possible = self._before


def possible(index: Any, count: int) -> list[bool]:
    """Which of so many values are possible here."""
    known = _known.possible.get(id(index))
    return [True] * count if known is None else known[1]


def asked(made: Any, index: Any, answers: Sequence[bool]) -> Any:
    """A bool that tensors decide, and for which of the values it holds: known in the branches that it decides."""
    made.asked = index, [*answers]
    return made


def asked_of(c: Any, test: Any, negated: bool = False) -> Any:
    """A condition as a bool of the program that knows what its test asked."""
    made: Any = number(c)
    if not isinstance(test, Number):
        return made
    made.of = test, negated
    if hasattr(test, "asked"):
        index, answers = test.asked
        return asked(made, index, [a != negated for a in answers])
    return made


def answered(values: tuple[Any, ...], test: Any, answer: bool) -> tuple[Any, ...]:
    """Variables where a test has this answer: bools that are the test, or what it negates, are known."""
    flag, negated = getattr(test, "of", (test, False))
    known = {id(flag): answer != negated, id(test): answer}
    return tuple(known.get(id(v), v) if isinstance(v, Number) and v.dtype == "bool" else v for v in values)


def looked_up_number(answers: Sequence[Any], index: Any) -> Any:
    """The number of these that has the index; a plain one where all are alike; None where they are not numbers of a kind."""
    if len({type(a) for a in answers}) > 1 or type(answers[0]) not in (bool, int, float):
        return None
    if all(repr(a) == repr(answers[0]) for a in answers):
        return answers[0]
    table = _neve.tensor([*answers], "f64") if type(answers[0]) is float else _neve.tensor([*answers])
    made = number(table[index.raw])
    return asked(made, index, answers) if type(answers[0]) is bool else made
