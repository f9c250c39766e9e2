"""Which variables may still be read: only those leave a branch or go round a loop."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from ._names import parameters_of

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.GeneratorExp)
WHOLE = ("sum", "any", "all", "max", "min", "list", "tuple", "sorted", "len")  # take all of a generator at once
_SEES_ALL = ("locals", "vars", "eval", "exec", "dir")


def note_needed(body: list[ast.stmt]) -> None:
    """Gives each `if` of a function `needed`: names that may be read after it; each loop: after it or at a pass's begin.

    An `if` has `begin` as well: names that a branch may read, or what follows, as they were before it.

    The function's exits are flags by now. A statement without the attribute may need every name.
    """
    if any(isinstance(n, ast.Name) and n.id in _SEES_ALL for s in body for n in ast.walk(s)):
        return
    # What inner functions read or share is read at times of their own; := assigns through one.
    at_once = {id(a) for s in body for n in ast.walk(s) if isinstance(n, ast.Call) for a in _consumed(n)}
    every = [n for s in body for n in ast.walk(s)]
    shared = {n.target.id for n in every if isinstance(n, ast.NamedExpr) and isinstance(n.target, ast.Name)}
    for n in every:
        if isinstance(n, _SCOPES) and id(n) not in at_once:
            shared |= _free(n)
        elif isinstance(n, (ast.Nonlocal, ast.Global)):
            shared.update(n.names)
    _Liveness(frozenset(shared)).block(body, frozenset())


def _consumed(call: ast.Call) -> list[ast.expr]:
    """Generator expressions that a call goes through before it returns."""
    known = isinstance(call.func, ast.Name) and call.func.id in WHOLE
    return [a for a in call.args if known and isinstance(a, ast.GeneratorExp)]


def _lets_out(manager: ast.expr) -> bool:
    """Whether a context manager is known to end no exception."""
    f = manager.func if isinstance(manager, ast.Call) else manager
    return getattr(f, "attr", getattr(f, "id", "")) in ("no_grad", "enable_grad", "autocast", "nullcontext")


def _free(scope: Any) -> set[str]:
    """Names of a function around that an inner one mentions, or may mention."""
    mentioned = {n.id for n in ast.walk(scope) if isinstance(n, ast.Name)}
    if not isinstance(scope, (ast.FunctionDef, ast.Lambda)):
        return mentioned
    # A name that is a parameter here may be one from around in a default.
    outside = {
        n.id
        for e in (*scope.args.defaults, *scope.args.kw_defaults)
        if e
        for n in ast.walk(e)
        if isinstance(n, ast.Name)
    }
    return (mentioned - {*parameters_of(scope.args)}) | outside


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
        self.caught: frozenset[str] = frozenset()  # read where an exception of the statement goes

    def block(self, body: list[ast.stmt], live: frozenset[str]) -> frozenset[str]:
        for s in reversed(body):
            live = self.statement(s, live)
        return live

    def statement(self, s: Any, live: frozenset[str]) -> frozenset[str]:
        return self.inner(s, live | self.caught) | self.caught

    def inner(self, s: Any, live: frozenset[str]) -> frozenset[str]:
        if isinstance(s, ast.Try):
            return self.try_(s, live)
        if isinstance(s, ast.Assign):
            return (live - _bound(s.targets)) | _read(s.value, *s.targets)
        if isinstance(s, ast.AnnAssign):
            return (live - _bound([s.target] if s.value else [])) | _read(s.value, s.target)
        if isinstance(s, ast.AugAssign):
            return live | _read(s.value, s.target) | _bound([s.target])
        if isinstance(s, ast.If):
            s.needed = live | self.always  # type: ignore[attr-defined]
            begin = self.block(s.body, live) | self.block(s.orelse, live)
            s.begin = begin | self.always  # type: ignore[attr-defined]
            return begin | _read(s.test)
        if isinstance(s, ast.While):
            return self.loop(s, live, _read(s.test), frozenset())
        if isinstance(s, ast.For):
            return self.loop(s, live, _read(s.target), _bound([s.target])) | _read(s.iter)
        if isinstance(s, ast.With):
            around = self.caught
            if not all(_lets_out(i.context_expr) for i in s.items):
                self.caught = around | live
            inside = self.block(s.body, live)
            self.caught = around
            return inside | _read(*(e for i in s.items for e in (i.context_expr, i.optional_vars)))
        if isinstance(
            s, (ast.Expr, ast.Return, ast.Assert, ast.Raise, ast.Delete, ast.Pass, ast.Import, ast.ImportFrom)
        ):
            return live | _read(s)
        if isinstance(s, (ast.FunctionDef, ast.ClassDef)):
            return live | _read(*s.decorator_list)
        return self.others(s, live)

    def try_(self, s: ast.Try, live: frozenset[str]) -> frozenset[str]:
        """Any part may be left at any statement, for a handler or for `finally`."""
        around = self.caught
        live = self.block(s.finalbody, live | around)  # once: what it notes is for both ways out of it
        self.caught = around | live
        handled = [self.block(h.body, live) | _read(h.type) for h in s.handlers]
        live = self.block(s.orelse, live)
        self.caught = self.caught.union(*handled)
        live = self.block(s.body, live)
        self.caught = around
        return live

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
