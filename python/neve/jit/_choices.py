"""Constants that are no numbers (texts, functions, None), of which a tensor decides one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from .. import _neve
from .._base import Tensor, fail
from .._shape import stack
from ._numbers import Dim, Number, number
from ._values import Maybe, SizeCondition, Undefined, same


class Choice:
    """One of `options`, that with the number `index`."""

    def __init__(self, options: list[Any], index: Number) -> None:
        self._options, self._index = options, index

    def table(self, f: Callable[[Any], Any]) -> Any:
        """A bool of each option, looked up: a bool where all are alike."""
        answers = [bool(f(o)) for o in self._options]
        if len(set(answers)) == 1:
            return answers[0]
        return number(_neve.tensor(answers)[self._index.raw])

    def table_of(self, f: Callable[[Any], Any]) -> Any:
        """Like table, for answers that tensors decide."""
        answers = [f(o) for o in self._options]
        flags = [_neve.tensor(a) if isinstance(a, bool) else a.raw for a in answers]
        return number(stack(flags)[self._index.raw])

    def __eq__(self, other: object) -> Any:
        return self.table(lambda o: o == other)

    def __ne__(self, other: object) -> Any:
        return self.table(lambda o: o != other)

    __hash__ = None  # type: ignore[assignment]

    def _refused(self, what: str) -> NoReturn:
        names = ", ".join(repr(o) for o in self._options[:4])
        fail(
            "unsupported",
            f"to_static: {what} of a value that is one of {names}, as tensors decide (compare it with ==, or use it inside of the branch)",
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return self._refused(f"'{name}'")

    def truth(self) -> Any:
        """Of the option that it is."""
        answer = self.table(bool)
        return answer.raw if isinstance(answer, Number) else answer

    def __bool__(self) -> bool:
        self._refused("the truth")

    def __str__(self) -> str:
        self._refused("the text")

    def __index__(self) -> int:
        self._refused("the number")


def is_constant(v: Any) -> bool:
    """Whether a value is neither a tensor nor a number, and is there."""
    if v is None or isinstance(v, (Tensor, bool, int, float, Dim, SizeCondition, Undefined, Maybe)):
        return False
    return isinstance(v, (Choice, str, bytes)) or callable(v) or not hasattr(v, "__dict__")


def options_of(values: Sequence[Any]) -> list[Any]:
    """The constants that these are, each once."""
    found: list[Any] = []
    for v in values:
        for o in v._options if isinstance(v, Choice) else [v]:
            if not any(same(o, f) for f in found):
                found.append(o)
    return found


def index_of(v: Any, options: list[Any]) -> Tensor:
    """The number of a value among the options, as a tensor."""
    places = [
        next(k for k, f in enumerate(options) if same(o, f)) for o in (v._options if isinstance(v, Choice) else [v])
    ]
    return _neve.tensor(places)[v._index.raw] if isinstance(v, Choice) else _neve.tensor(places[0])
