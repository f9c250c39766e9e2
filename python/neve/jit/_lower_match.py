"""match statements as chains of if: patterns become data that stage.match compares, bindings become assignments.

This comes before all else, so that branches of a match leave loops and functions like those of an if.
"""

from __future__ import annotations

import ast
from typing import Any

from ._names import FLAG, STAGE, Blocks, expression, placed, statements


class LowerMatch(Blocks):
    """The match statements of one function; inner functions have their turn when they are converted."""

    def __init__(self) -> None:
        self.count = 0

    def visit_FunctionDef(self, node: Any) -> Any:
        return node

    visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = visit_FunctionDef

    def visit_Match(self, node: ast.Match) -> Any:
        self.generic_visit(node)
        self.count += 1
        subject = f"{FLAG}subject{self.count}"
        assign: Any = statements(f"{subject} = None", node)[0]
        assign.value = node.subject
        rest: list[ast.stmt] = []
        for k, case in reversed(list(enumerate(node.cases))):
            rest = self._case(case, subject, f"{FLAG}match{self.count}_{k}", rest)
        return [assign, *rest]

    def _case(self, case: ast.match_case, subject: str, name: str, rest: list[ast.stmt]) -> list[ast.stmt]:
        """The case, with what comes where it does not match."""
        captures = _captures(case.pattern)
        if not _is_refutable(case.pattern):
            bind = statements("\n".join(f"{c} = {subject}" for c in captures), case.pattern)
            return bind + (_if(case.guard, case.body, rest) if case.guard else case.body)
        out: list[Any] = statements(f"{name} = {STAGE}.match({subject}, None)", case.pattern)
        out[0].value.args[1] = _pattern(case.pattern)
        ast.fix_missing_locations(out[0])
        test = placed(expression(f"{STAGE}.matches({name})"), case.pattern)
        bind = statements("\n".join(f"{c} = {STAGE}.bound({name}, {c!r})" for c in captures), case.pattern)
        if case.guard is None:
            return out + _if(test, bind + case.body, rest)
        if not captures:
            both = ast.copy_location(ast.BoolOp(ast.And(), [test, case.guard]), case.pattern)
            return out + _if(both, case.body, rest)
        # What a pattern binds stays bound where the guard fails: the branch only says whether the case is taken.
        taken = f"{name}_taken"
        out += statements(f"{taken} = False", case.pattern)
        out += _if(test, bind + _if(case.guard, statements(f"{taken} = True", case.guard), []), [])
        return out + _if(placed(expression(taken), case.pattern), case.body, rest)


def is_of_match(name: str) -> bool:
    """Whether a variable holds a subject, or what came of a pattern."""
    return name.startswith((f"{FLAG}subject", f"{FLAG}match")) and not name.endswith("_taken")


def _if(test: Any, body: list[ast.stmt], orelse: list[ast.stmt]) -> list[ast.stmt]:
    return [ast.copy_location(ast.If(test, body, orelse), test)]


def _is_refutable(pattern: ast.pattern) -> bool:
    if isinstance(pattern, ast.MatchAs):
        return pattern.pattern is not None and _is_refutable(pattern.pattern)
    return not isinstance(pattern, ast.MatchOr) or all(_is_refutable(p) for p in pattern.patterns)


def _captures(pattern: ast.pattern) -> list[str]:
    """Names that a pattern binds."""
    found: dict[str, None] = {}
    for n in ast.walk(pattern):
        name = n.name if isinstance(n, (ast.MatchAs, ast.MatchStar)) else getattr(n, "rest", None)
        if name is not None:
            found[name] = None
    return list(found)


def _pattern(p: Any) -> ast.expr:
    """A pattern as an expression: a tuple of its kind and its parts, as stage.match takes it."""
    like: Any = p

    def of(kind: str, *parts: Any) -> ast.expr:
        return ast.copy_location(ast.Tuple([ast.Constant(kind), *map(made, parts)], ast.Load()), like)

    def made(part: Any) -> ast.expr:
        if isinstance(part, list):
            return ast.copy_location(ast.Tuple([made(e) for e in part], ast.Load()), like)
        if isinstance(part, ast.pattern):
            return _pattern(part)
        return part if isinstance(part, ast.expr) else ast.copy_location(ast.Constant(part), like)

    if isinstance(p, ast.MatchValue):
        return of("value", p.value)
    if isinstance(p, ast.MatchSingleton):
        return of("is", p.value)
    if isinstance(p, ast.MatchSequence):
        return of("sequence", p.patterns)
    if isinstance(p, ast.MatchStar):
        return of("star", p.name)
    if isinstance(p, ast.MatchMapping):
        return of("mapping", p.keys, p.patterns, p.rest)
    if isinstance(p, ast.MatchClass):
        return of("class", p.cls, p.patterns, p.kwd_attrs, p.kwd_patterns)
    if isinstance(p, ast.MatchOr):
        return of("or", p.patterns)
    return of("as", p.pattern, p.name)
