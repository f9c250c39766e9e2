"""What a program does beside computing: errors that tensors decide, texts that it prints, random numbers that it draws.

Each is a value that goes through branches and loops like a variable of the program.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Sequence
from typing import Any

from .. import _neve
from .._base import Tensor, fail, ops
from ._numbers import Dim, Number, as_number

_HIDDEN = "__neve_effects"
_local = threading.local()


class Raised(BaseException):
    """Inside of a branch: the program's own error ends this way through it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class NeedsGenerator(BaseException):
    """Random numbers are first drawn inside of a branch or loop: the capture is begun again with the generator."""

    def __init__(self, generator: Any) -> None:
        super().__init__("a random generator is used inside of a branch or loop")
        self.generator = generator


class Memory(threading.local):
    """Whether what was found of branches and loops is expected when they are made again, and whether it was."""

    off = False
    used = False


memory = Memory()


class Effects:
    """Of one capture."""

    def __init__(self) -> None:
        self.token: Any = True  # false nowhere: computing it is what raises
        self.log: Any = None  # f64[any]: what was printed, entry by entry
        self.counts: list[Any] = []  # draws so far, by generator
        self.prints: list[tuple[list[Any], str, str]] = []  # what stands around the values, by the number of the print
        self.dtypes: list[list[str]] = []
        self.trying = 0
        self.dividing = 0  # of these, statements with handlers for divisions by 0
        self.has_raised = False
        self.maybe_one: dict[int, Any] = {}  # containers of which two may be one
        self.places: dict[Any, list[Any]] = {}  # what branches and loops change without naming it, by their code
        self.settled: dict[Any, Any] = {}  # what loops carry, by their code and what they begin with
        self.merged: dict[int, Any] = {}  # tensors that are one of two, as tensors decide, by identity

    def get(self) -> Any:
        """The state that a region may change."""
        return (self.token, self.log, tuple(self.counts))

    def put(self, state: Any) -> None:
        """Puts it in place of the present one."""
        self.token, self.log = state[0], state[1]
        self.counts[:] = state[2]

    def begin_log(self) -> None:
        """Before the program: regions add to a tensor that is there."""
        self.log = _neve.tensor([], "f64")


def current() -> Effects:
    """Of this thread's capture."""
    effects: Effects | None = getattr(_local, "effects", None)
    return effects if effects is not None else Effects()


def set_current(effects: Effects | None) -> Effects | None:
    """Returns the one before."""
    before = getattr(_local, "effects", None)
    _local.effects = effects
    return before


def with_effects(get: Any, put: Any, names: Sequence[str]) -> tuple[Any, Any, tuple[str, ...]]:
    """The state of a branch or loop with that of the effects."""
    effects = current()

    def get_all() -> tuple[Any, ...]:
        return (*get(), effects.get())

    def put_all(values: tuple[Any, ...]) -> None:
        put(values[:-1])
        effects.put(values[-1])

    return get_all, put_all, (*names, _HIDDEN)


def raised_token(text: str) -> Tensor:
    """A flag whose computation is the error."""
    return ops.fail(ops.shape(_neve.tensor(True)), message=text, dtype="bool")


def checked(output: Tensor) -> Tensor:
    """A result that is there only if nothing was raised."""
    token = current().token
    if token is True:
        return output
    flag = token.raw if isinstance(token, Number) else token
    return _neve.stage_if(
        flag,
        lambda _: [ops.identity(output)],
        lambda _: [ops.fail(ops.shape(output), message="raised", dtype=output.dtype)],
    )[0]


# ---- print -----------------------------------------------------------------------------------------------------------


class Text:
    """A text with values that are known when the program runs: an f-string."""

    def __init__(self, parts: list[Any]) -> None:
        self.parts = parts  # str, or (value, conversion, format)

    def __str__(self) -> str:
        """Where plain code asks: sizes become numbers, with a guard; tensors are refused."""
        return "".join(p if isinstance(p, str) else _plain(p) for p in self.parts)

    def __repr__(self) -> str:
        return repr(str(self))

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __hash__(self) -> int:
        return hash(str(self))

    def __eq__(self, other: object) -> bool:
        return str(self) == (str(other) if isinstance(other, Text) else other)

    def __add__(self, other: Any) -> Any:
        return Text([*self.parts, *(other.parts if isinstance(other, Text) else [other])])

    def __radd__(self, other: Any) -> Any:
        return Text([other, *self.parts])


def message(v: Any) -> str:
    """A text for an error that may come when the program runs: sizes and tensors by what they are."""
    if isinstance(v, Text):
        return "".join(p if isinstance(p, str) else message(p[0]) for p in v.parts)
    return f"<{v}>" if isinstance(v, Dim) else f"<{_what(v)}>" if is_open(v) else str(v)


def _plain(part: tuple[Any, str, str]) -> str:
    value, conversion, spec = part
    if isinstance(value, Dim):
        value = int(value)
    if is_open(value):
        fail(
            "unsupported",
            f"to_static: the text of {_what(value)} is used as a value (print it, or return the value and make the text outside)",
        )
    return formatted(value, conversion, spec)


def _what(v: Any) -> str:
    return f"a number ({v.form})" if isinstance(v, Number) else f"a tensor of {v.dtype}"


def formatted(value: Any, conversion: str, spec: str) -> str:
    """As an f-string does it."""
    as_text: dict[str, Any] = {"r": repr, "s": str, "a": ascii}
    return format(as_text[conversion](value) if conversion else value, spec)


def is_open(v: Any) -> bool:
    """Whether a value is known only when the program runs."""
    return isinstance(v, Dim) or (isinstance(v, Tensor) and _neve.is_captured(v))


def printed(values: Sequence[Any], sep: str, end: str) -> None:
    """A print whose values are known only when the program runs: an entry of the log, written out after the call."""
    from .._shape import concat

    effects = current()
    parts: list[Any] = []
    pieces: list[Tensor] = [_neve.tensor([float(len(effects.prints))], "f64")]
    dtypes: list[str] = []
    for k, v in enumerate(values):
        parts += [sep] * (k > 0)
        for part in v.parts if isinstance(v, Text) else [(v, "s", "")]:
            value = part[0] if isinstance(part, tuple) else part
            if not isinstance(part, tuple) or not is_open(value):
                parts.append(part if isinstance(part, str) else formatted(*part))
                continue
            n = as_number(value)
            t = n.raw if n is not None else value
            parts.append((len(dtypes), n.form if n is not None else t.dtype, part[1], part[2]))
            dtypes.append(t.dtype)
            pieces += [ops.shape(t).astype("f64"), t.reshape(-1).astype("f64")]
            parts[-1] = (*parts[-1], t.ndim if n is None else -1)
    effects.prints.append((parts, sep, end))
    effects.log = concat([effects.log, *pieces])


def prints_as_text(prints: Sequence[tuple[list[Any], str, str]]) -> str:
    """What stands around the values, as JSON; src/jit/print.h says what is in it."""
    return json.dumps(
        [
            {
                "parts": [
                    p if isinstance(p, str) else {"form": p[1], "conversion": p[2], "spec": p[3], "rank": p[4]}
                    for p in parts
                ],
                "end": end,
            }
            for parts, _, end in prints
        ]
    )


def prints_of(text: str) -> list[tuple[list[Any], str, str]]:
    """The reverse, of a text that was checked."""

    def value(p: Any) -> Any:
        return p if isinstance(p, str) else (0, p["form"], p["conversion"], p["spec"], p["rank"])

    return [([value(p) for p in e["parts"]], "", e["end"]) for e in json.loads(text or "[]")]


def replay(log: Any, prints: Sequence[tuple[list[Any], str, str]]) -> None:
    """Prints the entries of a log."""
    at = 0
    while at < len(log):
        parts, _, end = prints[int(log[at])]
        at += 1
        text = ""
        for p in parts:
            if isinstance(p, str):
                text += p
                continue
            _, form, conversion, spec, rank = p
            shape = tuple(int(n) for n in log[at : at + max(rank, 0)])
            at += len(shape)
            count = 1
            for n in shape:
                count *= n
            values = log[at : at + count]
            at += count
            if rank < 0:
                value: Any = {"int": int, "float": float, "bool": bool}[form](values[0])
            else:
                value = _neve.tensor(values).astype(form).reshape(shape)
            text += formatted(value, conversion, spec)
        sys.stdout.write(text + end)
