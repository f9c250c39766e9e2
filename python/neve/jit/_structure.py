"""Structures of arguments and results as JSON: data only, so that a file can hold them and nothing is run to read them."""

from __future__ import annotations

import collections
import dataclasses
import json
import keyword
import math
from typing import Any

from .. import _neve
from .._base import fail, text_of
from . import _tree

_PLAIN = (bool, int, float, str, type(None))


class _Opaque:
    """A default that a file cannot hold: it equals nothing but itself."""

    def __repr__(self) -> str:
        return "<a default of the original>"


OPAQUE = _Opaque()
_NUMBERS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def text(structure: Any, call: str) -> str:
    """A structure as text; equal structures have equal texts, also where their classes have only name and fields in common."""
    return json.dumps(_encoded(structure, call))


def _encoded(s: Any, call: str) -> dict[str, Any]:
    if isinstance(s, _tree.Leaf):
        return {"t": s.index, "form": s.form} if s.form else {"t": s.index}
    if isinstance(s, _tree.Constant):
        v = s.value
        if type(v) is float and not math.isfinite(v):
            return {"f": repr(v)}
        if type(v) in _PLAIN:
            return {"c": v}
        if v is OPAQUE:
            return {"opaque": True}
        fail(
            "unsupported",
            f"{call}: {text_of(v)} among the arguments or results (tensors, numbers, texts, None, and lists, tuples, dicts, named tuples and dataclasses of them can be stored)",
        )
    if isinstance(s, _tree.RowsOf):
        return {"rows": _encoded(s.form, call)}
    if isinstance(s, _tree.Switch):
        return {"switch": s.index, "ways": [_encoded(w, call) for w in s.ways]}
    items = [_encoded(c, call) for c in s.children]
    if issubclass(s.kind, dict):
        for k in s.keys:
            if type(k) not in _PLAIN or (type(k) is float and not math.isfinite(k)):
                fail("unsupported", f"{call}: a dict with the key {text_of(k)} (texts and numbers can be stored)")
        return {"dict": [list(e) for e in zip(s.keys, items)]}
    if dataclasses.is_dataclass(s.kind):
        return {"dataclass": str(getattr(s.kind, "__name__", "")), "fields": list(s.keys), "items": items}
    if s.keys:
        return {"namedtuple": s.kind.__name__, "fields": list(s.keys), "items": items}
    return {"list" if issubclass(s.kind, list) else "tuple": items}


def default(v: Any) -> dict[str, Any]:
    """The default of a parameter as data."""
    tensors, _, found = _tree.flatten(v, "jit.save")
    if not tensors:
        try:
            return _encoded(found, "jit.save")
        except _neve.Error:
            pass
    return {"opaque": True}


def decoded(j: Any, classes: dict[Any, Any], where: str) -> Any:
    """The structure of a default."""
    return _tree.Constant(OPAQUE) if j == {"opaque": True} else _decoded(j, classes, where)


def structure(encoded: str, classes: dict[Any, Any], where: str) -> Any:
    """The structure of a text. Named tuples and dataclasses get classes of their own: one for each name and fields."""
    try:
        return _decoded(json.loads(encoded), classes, where)
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        fail("corrupt_file", f"{where}: a structure cannot be read: {error}")


def _decoded(j: Any, classes: dict[Any, Any], where: str) -> Any:
    if "t" in j:
        form = j.get("form", "")
        if form not in _tree.FORMS:
            fail("corrupt_file", f"{where}: {str(form)[:100]!r} is no form of a result")
        return _tree.Leaf(j["t"], form)
    if "c" in j:
        return _tree.Constant(j["c"])
    if "rows" in j:
        return _tree.RowsOf(_decoded(j["rows"], classes, where))
    if "switch" in j:
        return _tree.Switch(j["switch"], tuple(_decoded(w, classes, where) for w in j["ways"]))
    if "f" in j:
        return _tree.Constant(_NUMBERS[j["f"]])
    if "dict" in j:
        return _tree.Node(
            dict, tuple(k for k, _ in j["dict"]), tuple(_decoded(e, classes, where) for _, e in j["dict"])
        )
    for name, kind in (("list", list), ("tuple", tuple)):
        if name in j:
            return _tree.Node(kind, (), tuple(_decoded(e, classes, where) for e in j[name]))
    which = "dataclass" if "dataclass" in j else "namedtuple"
    made = _class_of(which, j[which], tuple(j["fields"]), classes, where)
    return _tree.Node(made, tuple(j["fields"]), tuple(_decoded(e, classes, where) for e in j["items"]))


def _class_of(which: str, name: str, fields: tuple[str, ...], classes: dict[Any, Any], where: str) -> Any:
    for word in (name, *fields):
        if not isinstance(word, str) or not word.isidentifier() or keyword.iskeyword(word) or word.startswith("__"):
            fail("corrupt_file", f"{where}: {str(word)[:100]!r} is no name of a class or field")
    key = (which, name, fields)
    if key not in classes:
        made: Any = (
            dataclasses.make_dataclass(name, fields) if which == "dataclass" else collections.namedtuple(name, fields)  # noqa: PYI024 (its fields are data)
        )
        classes[key] = made
    return classes[key]


def difference(expected: str, got: str) -> str:
    """Where two texts of structures differ, in words."""
    classes: dict[Any, Any] = {}
    return _tree.difference(structure(expected, classes, "jit"), structure(got, classes, "jit"))
