"""Texts with values that are known when the program runs: f-strings, str, format, join, and what they show of containers."""

from __future__ import annotations

import builtins
import re
import string
from collections.abc import Callable, Iterable
from typing import Any

from .._base import fail
from ._choices import Choice, is_constant
from ._effects import Text, formatted, is_open
from ._lists import is_spread
from ._one_of import OneOf
from ._state import is_fixed
from ._values import Maybe, SizeCondition, read

_PERCENT = re.compile(
    r"%(?:%|(?:\((?P<name>[^()]*)\))?(?P<flags>[-+ 0#]*)(?P<width>\d*)(?P<digits>\.\d+)?(?P<kind>[diouxXeEfFgGsra]))"
)


def holds_open(v: Any) -> bool:
    """Whether the text of a value is known only when the program runs."""
    if isinstance(v, (list, tuple)):
        return is_spread(v) or any(map(holds_open, v))
    if type(v) is dict:
        return any(map(holds_open, v.values()))
    return is_open(v) or isinstance(v, (Text, OneOf, Maybe, SizeCondition))


def parts_of_text(value: Any, conversion: str = "", spec: str = "") -> list[Any]:
    """What a value gives to a text: containers by what they hold."""
    if isinstance(value, str) or not holds_open(value):
        return [value if isinstance(value, str) and not conversion and not spec else formatted(value, conversion, spec)]
    if is_spread(value):
        fail(
            "unsupported", "to_static: the text of a list whose length tensors decide (stack it, or print its elements)"
        )
    value = _known(value)
    if isinstance(value, Text) and conversion in ("", "s") and not spec:
        return value.parts
    if type(value) not in (list, tuple, dict) or spec:
        return [(value, conversion, spec)]
    is_tuple, is_dict = type(value) is tuple, type(value) is dict
    out: list[Any] = ["(" if is_tuple else "{" if is_dict else "["]
    for k, v in enumerate(value):
        out += [", "] * (k > 0) + (
            [f"{v!r}: ", *parts_of_text(value[v], "r")] if type(value) is dict else parts_of_text(v, "r")
        )
    return [*out, ("," * (len(value) == 1) + ")") if is_tuple else "}" if is_dict else "]"]


def _known(v: Any) -> Any:
    v = read(v) if isinstance(v, Maybe) and v.absent is not None else v
    return v.number() if isinstance(v, SizeCondition) else v


def text(*parts: Any) -> Any:
    """An f-string: parts are texts or (value, conversion, format)."""
    made = [p if isinstance(p, str) else (_known(p[0]), p[1], str(p[2])) for p in parts]
    values = [p[0] for p in made if not isinstance(p, str)]
    if any(isinstance(v, Choice) for v in values) and all(is_constant(v) or is_fixed(v) for v in values):
        k = next(i for i, p in enumerate(made) if not isinstance(p, str) and isinstance(p[0], Choice))
        chosen: Any = made[k]
        return chosen[0].looked_up(lambda o: text(*made[:k], (o, *chosen[1:]), *made[k + 1 :]))
    flat = [q for p in made for q in ([p] if isinstance(p, str) else parts_of_text(*p))]
    return "".join(flat) if all(isinstance(p, str) for p in flat) else Text(flat)


def as_text(conversion: str) -> Callable[..., Any]:
    """str or repr."""
    plain: Any = {"s": str, "r": repr}[conversion]

    def f(*args: Any) -> Any:
        if len(args) != 1 or not holds_open(args[0]):
            return plain(*args)
        return args[0] if isinstance(args[0], Text) and conversion == "s" else text((args[0], conversion, ""))

    return f


def format_value(value: Any, spec: str = "") -> Any:
    """format(value, spec)."""
    return text((value, "", spec)) if holds_open(value) else builtins.format(value, spec)


def joined(separator: str, values: Iterable[Any]) -> Any:
    """separator.join(values)."""
    if is_spread(values):
        fail("unsupported", "to_static: join of a list whose length tensors decide (one text for each, or print them)")
    values = [*values]
    if not any(isinstance(v, (Text, OneOf)) for v in values):
        return separator.join(values)
    return text(*(p for k, v in enumerate(values) for p in ([separator] * (k > 0) + [(v, "", "")])))


class _Fields(string.Formatter):
    """The fields of a template that str.format fills."""

    def parts(self, template: str, args: Any, kwargs: Any) -> list[Any]:
        out: list[Any] = []
        count = 0
        for literal, name, spec, conversion in self.parse(template):
            out.append(literal)
            if name is None:
                continue
            if not name or name[0] in ".[":
                name, count = f"{count}{name}", count + 1
            spec = self.vformat(spec or "", args, kwargs)
            out.append((self.get_field(name, args, kwargs)[0], conversion or "", spec))
        return out


def from_template(template: str, *args: Any, **kwargs: Any) -> Any:
    """template.format(...)."""
    if not any(map(holds_open, (*args, *kwargs.values()))):
        return template.format(*args, **kwargs)
    return text(*_Fields().parts(template, args, kwargs))


def percent(template: Any, values: Any) -> Any:
    """template % values, of a text or of anything else."""
    if not isinstance(template, str) or not holds_open(values):
        return template % values
    given = [*values] if isinstance(values, tuple) else [values]
    count, at = 0, 0
    out: list[Any] = []
    for m in _PERCENT.finditer(template):
        out.append(_literal(template[at : m.start()]))
        at = m.end()
        if m[0] == "%%":
            out.append("%")
            continue
        if m["name"] is not None:
            value = values[m["name"]]
        elif count < len(given):
            value, count = given[count], count + 1
        else:
            raise TypeError("not enough arguments for format string")
        if not holds_open(value):
            out.append(m[0] % (values if m["name"] is not None else (value,)))
            continue
        is_text = m["kind"] in "sra"
        kind = "" if is_text else "d" if m["kind"] in "iu" else m["kind"]
        side = "<" if "-" in m["flags"] else ">" if is_text and m["width"] else ""
        signs = "" if is_text else m["flags"].replace("-", "")
        order = "".join(f for f in "+ #0" if f in signs)
        out.append((value, m["kind"] if is_text else "", f"{side}{order}{m['width']}{m['digits'] or ''}{kind}"))
    if count < len(given) and not isinstance(values, dict):
        raise TypeError("not all arguments converted during string formatting")
    out.append(_literal(template[at:]))
    return text(*out)


def _literal(part: str) -> str:
    """What stands between the fields of a template for %."""
    if "%" in part:
        fail("unsupported", f"to_static: the field in {part!r} of a text with values known at run time (an f-string)")
    return part
