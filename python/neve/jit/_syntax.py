"""What parts of the syntax mean for the rewriting: tests, targets, slices, handlers."""

from __future__ import annotations

import ast

from ._names import placed


def may_catch_divisions(handler: ast.ExceptHandler) -> bool:
    """Whether a handler may be for ZeroDivisionError, as far as its words tell."""
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    others = (
        "KeyError",
        "ValueError",
        "IndexError",
        "LookupError",
        "TypeError",
        "AttributeError",
        "RuntimeError",
        "AssertionError",
    )
    return any(getattr(k, "id", "") not in others for k in kinds)


def mark_test(test: ast.expr) -> None:
    """Says to `and` and `or` that only their truth is asked for."""
    if isinstance(test, ast.BoolOp):
        test.is_test = True  # type: ignore[attr-defined]
        for v in test.values:
            mark_test(v)


def targets(target: ast.expr) -> list[ast.expr]:
    """What an assignment to it assigns."""
    if isinstance(target, (ast.Tuple, ast.List)):
        return [t for e in target.elts for t in targets(e)]
    return targets(target.value) if isinstance(target, ast.Starred) else [target]


def count(targets: list[ast.expr]) -> int | None:
    """How many values an assignment takes apart; None where a star takes what is left."""
    found = next(t for t in targets if isinstance(t, (ast.Tuple, ast.List)))
    return None if any(isinstance(e, ast.Starred) for e in found.elts) else len(found.elts)


def around_star(targets: list[ast.expr]) -> tuple[int, int] | None:
    """How many targets stand before a star and after it; None where there is none."""
    found = next(t for t in targets if isinstance(t, (ast.Tuple, ast.List)))
    place = next((k for k, e in enumerate(found.elts) if isinstance(e, ast.Starred)), None)
    return None if place is None else (place, len(found.elts) - place - 1)


def is_plain_target(target: ast.expr) -> bool:
    parts = target.elts if isinstance(target, ast.Tuple) else [target]
    return all(isinstance(p, ast.Name) for p in parts)


def index_of_slice(node: ast.expr) -> ast.expr:
    """An index as an expression of its own: slices as calls."""
    if isinstance(node, ast.Slice):
        parts = [p or ast.Constant(None) for p in (node.lower, node.upper, node.step)]
        return placed(ast.Call(ast.Name("slice", ast.Load()), parts, []), node)
    if isinstance(node, ast.Tuple):
        return placed(ast.Tuple([index_of_slice(e) for e in node.elts], ast.Load()), node)
    return node


def no_arguments() -> ast.arguments:
    return ast.arguments([], [], None, [], [], None, [])
