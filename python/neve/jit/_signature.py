"""Signatures of saved methods as data, and calls brought to the form that they give them."""

from __future__ import annotations

import inspect
import json
import keyword
from collections.abc import Callable
from typing import Any

from .._base import fail
from . import _structure, _tree

_KINDS = {
    "positional_only": inspect.Parameter.POSITIONAL_ONLY,
    "positional_or_keyword": inspect.Parameter.POSITIONAL_OR_KEYWORD,
    "var_positional": inspect.Parameter.VAR_POSITIONAL,
    "keyword_only": inspect.Parameter.KEYWORD_ONLY,
    "var_keyword": inspect.Parameter.VAR_KEYWORD,
}
_MOST = 1000  # parameters


def text(function: Callable[..., Any]) -> str:
    """The parameters of a function as JSON; "" where it does not tell them."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ""
    found = []
    for p in parameters:
        d: dict[str, Any] = {"name": p.name, "kind": p.kind.name.lower()}
        if p.default is not p.empty:
            d["default"] = _structure.default(p.default)
        found.append(d)
    return json.dumps(found)


class Signature:
    """What a method can be called with: every call has one canonical form, in the order of the parameters and with
    their defaults."""

    def __init__(self, encoded: str, classes: dict[Any, Any], where: str) -> None:
        try:
            given = json.loads(encoded)
            plain = [
                inspect.Parameter(
                    _name(d["name"], where),
                    _KINDS[d["kind"]],
                    default=_structure.decoded(d["default"], classes, where) if "default" in d else inspect._empty,
                )
                for d in given[:_MOST]
            ]
            self.of_structures = inspect.Signature(plain)
        except (ValueError, RecursionError, KeyError, TypeError) as error:
            fail("corrupt_file", f"{where}: a signature cannot be read: {error}")
        self.of_values = inspect.Signature(
            [
                p if p.default is p.empty else p.replace(default=_tree.unflatten(p.default, []))
                for p in self.of_structures.parameters.values()
            ]
        )

    def form(self, arguments: Any, where: str) -> tuple[Any, list[int]]:
        """The canonical form of a captured call's structure; for each of its tensors, in order, the place in that."""
        args, kwargs = arguments.children
        try:
            bound = self.of_structures.bind(*args.children, **dict(zip(kwargs.keys, kwargs.children)))
        except TypeError as error:
            fail("corrupt_file", f"{where}: its arguments do not fit its signature: {error}")
        bound.apply_defaults()
        whole = _tree.Node(
            tuple,
            (),
            (
                _tree.Node(tuple, (), tuple(bound.args)),
                _tree.Node(dict, tuple(bound.kwargs), tuple(bound.kwargs.values())),
            ),
        )
        order: list[int] = []
        made = _numbered(whole, order)
        return made, sorted(range(len(order)), key=order.__getitem__)

    def call(self, call: str, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """Arguments in the canonical form. Raises TypeError as Python does for what the signature does not allow."""
        try:
            bound = self.of_values.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{call}() {self._why_not(args, kwargs) or error}") from None
        bound.apply_defaults()
        return bound.args, bound.kwargs

    def _why_not(self, args: Any, kwargs: Any) -> str:
        """In Python's words."""
        parameters = list(self.of_values.parameters.values())
        places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        if len(args) > len(places) and not any(p.kind == p.VAR_POSITIONAL for p in parameters):
            least = sum(p.default is p.empty for p in places)
            most = f"from {least} to {len(places)}" if least < len(places) else f"{len(places)}"
            n, k = len(args), sum(p.kind == p.KEYWORD_ONLY and p.name in kwargs for p in parameters)
            more = f" positional argument{'s' * (n != 1)} (and {k} keyword-only argument{'s' * (k != 1)})" if k else ""
            return f"takes {most} positional argument{'s' * (most != '1')} but {n}{more} {'was' if n == 1 and not k else 'were'} given"
        named = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        for name in kwargs:
            if name in {p.name for p in places[: len(args)]} & named:
                return f"got multiple values for argument '{name}'"
            if name not in named and not any(p.kind == p.VAR_KEYWORD for p in parameters):
                return f"got an unexpected keyword argument '{name}'"
        for kind, missing in (
            ("positional", [p.name for p in places[len(args) :] if p.default is p.empty and p.name not in kwargs]),
            (
                "keyword-only",
                [
                    p.name
                    for p in parameters
                    if p.kind == p.KEYWORD_ONLY and p.default is p.empty and p.name not in kwargs
                ],
            ),
        ):
            if missing:
                names = [repr(n) for n in missing]
                text = " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])}, and {names[-1]}"
                return f"missing {len(names)} required {kind} argument{'s' * (len(names) > 1)}: {text}"
        return ""

    def __str__(self) -> str:
        return str(self.of_values)


def _name(name: Any, where: str) -> str:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name) or len(name) > 1000:
        fail("corrupt_file", f"{where}: {str(name)[:100]!r} is no name of a parameter")
    return name


def _numbered(s: Any, order: list[int]) -> Any:
    """The same with tensors numbered as they come; `order` gets their numbers so far."""
    if isinstance(s, _tree.Leaf):
        order.append(s.index)
        return _tree.Leaf(len(order) - 1, s.form)
    if isinstance(s, _tree.Node):
        return _tree.Node(s.kind, s.keys, tuple(_numbered(c, order) for c in s.children))
    return s


__all__ = ["Signature", "text"]
