"""Which variables may still be read: only those leave a branch or go round a loop."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.GeneratorExp)
_SEES_ALL = ("locals", "vars", "eval", "exec", "dir")


def note_needed(body: list[ast.stmt]) -> None:
    """Gives each `if` of a function `needed`: names that may be read after it; each loop: after it or at a pass's begin.

    The function's exits are flags by now. A statement without the attribute may need every name.
    """
    if any(isinstance(n, ast.Name) and n.id in _SEES_ALL for s in body for n in ast.walk(s)):
        return
    inner = [n for s in body for n in ast.walk(s) if isinstance(n, (*_SCOPES, ast.NamedExpr))]
    # What inner functions read or share is read at times of their own; := assigns through one.
    shared = {m.id for n in inner for m in ast.walk(n) if isinstance(m, ast.Name)}
    declared = [n for s in body for n in ast.walk(s) if isinstance(n, (ast.Nonlocal, ast.Global))]
    _Liveness(frozenset(shared.union(*(n.names for n in declared)))).block(body, frozenset())


def _read(*nodes: Any) -> frozenset[str]:
    """Names that expressions read; an augmented target is read too."""
    return frozenset(
        n.id
        for node in nodes
        if node is not None
        for n in ast.walk(node)
        if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Store)
    )


def _bound(targets: Iterable[ast.expr]) -> frozenset[str]:
    """Names that an assignment to the targets certainly binds."""
    found: set[str] = set()
    for t in targets:
        if isinstance(t, ast.Name):
            found.add(t.id)
        elif isinstance(t, (ast.Tuple, ast.List)):
            found |= _bound(t.elts)
        elif isinstance(t, ast.Starred):
            found |= _bound([t.value])
    return frozenset(found)


class _Liveness:
    """Backwards through the statements: from the names that are live after each to those live before it."""

    def __init__(self, always: frozenset[str]) -> None:
        self.always = always

    def block(self, body: list[ast.stmt], live: frozenset[str]) -> frozenset[str]:
        for s in reversed(body):
            live = self.statement(s, live)
        return live

    def statement(self, s: Any, live: frozenset[str]) -> frozenset[str]:
        if isinstance(s, ast.Assign):
            return (live - _bound(s.targets)) | _read(s.value, *s.targets)
        if isinstance(s, ast.AnnAssign):
            return (live - _bound([s.target] if s.value else [])) | _read(s.value, s.target)
        if isinstance(s, ast.AugAssign):
            return live | _read(s.value, s.target) | _bound([s.target])
        if isinstance(s, ast.If):
            s.needed = live | self.always  # type: ignore[attr-defined]
            return self.block(s.body, live) | self.block(s.orelse, live) | _read(s.test)
        if isinstance(s, ast.While):
            return self.loop(s, live, _read(s.test), frozenset())
        if isinstance(s, ast.For):
            return self.loop(s, live, _read(s.target), _bound([s.target])) | _read(s.iter)
        if isinstance(s, ast.With):
            return self.block(s.body, live) | _read(*(e for i in s.items for e in (i.context_expr, i.optional_vars)))
        if isinstance(
            s, (ast.Expr, ast.Return, ast.Assert, ast.Raise, ast.Delete, ast.Pass, ast.Import, ast.ImportFrom)
        ):
            return live | _read(s)
        if isinstance(s, (ast.FunctionDef, ast.ClassDef)):
            return live | _read(*s.decorator_list)
        return self.others(s, live)

    def loop(self, s: Any, live: frozenset[str], head: frozenset[str], bound: frozenset[str]) -> frozenset[str]:
        round_ = live | head | frozenset(getattr(s, "exits", []))
        while True:
            more = round_ | (self.block(s.body, round_) - bound)
            if more == round_:
                break
            round_ = more
        s.needed = round_ | self.always
        return round_

    def others(self, s: Any, live: frozenset[str]) -> frozenset[str]:
        """try, match and what comes: any part may be left at any place, so that what any of them reads is live in all."""
        live = live | frozenset(n.id for n in ast.walk(s) if isinstance(n, ast.Name))
        for n in ast.walk(s):
            for field in ("body", "orelse", "finalbody"):
                inner = getattr(n, field, None)
                if isinstance(inner, list) and not isinstance(n, (ast.If, ast.While, ast.For, *_SCOPES)):
                    self.block(inner, live)
        return live
