"""Reads of variables that may have no value: a check where the value is used, none where it is only handed on."""

from __future__ import annotations

import ast
from typing import Any

from ._names import FLAG, STAGE, expression, names_of, placed


class Loads(ast.NodeTransformer):
    """Reads of variables that may be undefined go through a check."""

    def __init__(self, guarded: set[str]) -> None:
        self.guarded = guarded

    def visit_Name(self, node: ast.Name) -> Any:
        if isinstance(node.ctx, ast.Load) and node.id in self.guarded:
            return placed(expression(f"{STAGE}.read({node.id})"), node)
        return node

    def _scoped(self, node: Any, bound: set[str]) -> Any:
        hidden = self.guarded & bound
        self.guarded = self.guarded - hidden
        self.generic_visit(node)
        self.guarded = self.guarded | hidden
        return node

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        hidden = self.guarded & {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
        node.args = self.visit(node.args)
        self.guarded = self.guarded - hidden
        node.body = self._raw(node.body)
        self.guarded = self.guarded | hidden
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        if node.name.startswith((f"{FLAG}get", f"{FLAG}set", f"{FLAG}put_")):
            return node
        if node.name.startswith(FLAG):
            return self._scoped(node, set())
        return self._scoped(
            node, {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)} | set(names_of(node.body).stored)
        )

    def _comprehension(self, node: Any) -> Any:
        bound = {n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
        return self._scoped(node, bound)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_Call(self, node: ast.Call) -> Any:
        stage = stage_name(node)
        if stage in ("raw_of", "result", "matches", "bound"):  # as it is, defined or not
            return node
        if stage == "match":
            node.args[1] = self.visit(node.args[1])
            return node
        if stage == "augment":  # its second operand is checked there
            node.args[2] = self._raw(node.args[2])
            return node
        if stage is None and not _is_staged_call(node.func):
            return self.generic_visit(node)
        node.func = self.visit(node.func)
        node.args = [self._raw(a) for a in node.args]
        for k in node.keywords:
            k.value = self._raw(k.value)
        return node

    def _raw(self, node: Any) -> Any:
        """An expression whose value is only handed on."""
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in self.guarded:
            return placed(expression(f"{STAGE}.raw({node.id})"), node)
        return self.visit(node)

    def _elements(self, node: Any) -> Any:
        if isinstance(node.ctx, ast.Load):
            node.elts = [self._raw(e) for e in node.elts]
        return self.generic_visit(node) if not isinstance(node.ctx, ast.Load) else node

    visit_Tuple = visit_List = _elements

    def visit_Dict(self, node: ast.Dict) -> Any:
        node.keys = [k and self.visit(k) for k in node.keys]
        node.values = [self._raw(v) for v in node.values]
        return node

    def _operand(self, node: Any) -> Any:
        """What is computed with must be there, also where no variable holds it."""
        node = self.visit(node)
        if isinstance(node, ast.Call) and stage_name(node) != "read":
            made: Any = expression(f"{STAGE}.read()")
            made.args = [node]
            return placed(made, node)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        node.left, node.right = self._operand(node.left), self._operand(node.right)
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        node.operand = self._operand(node.operand)
        return node

    def visit_Assign(self, node: ast.Assign) -> Any:
        node.targets = [self.visit(t) for t in node.targets]
        node.value = self._raw(node.value)
        return node

    def visit_Return(self, node: ast.Return) -> Any:
        if node.value is not None:
            node.value = self._raw(node.value)
        return node


def stage_name(node: ast.Call) -> str | None:
    """Which function of _stage is called; None for others."""
    f = node.func
    is_one = isinstance(f, ast.Attribute) and isinstance(f.value, ast.Name) and f.value.id == STAGE
    return f.attr if is_one else None  # type: ignore[attr-defined]


def _is_staged_call(f: ast.expr) -> bool:
    """Whether what is called came through _stage, which knows values that may not be there, or keeps a variable."""
    if isinstance(f, ast.Name):
        return f.id.startswith(f"{FLAG}put_")
    return isinstance(f, ast.Lambda) or (isinstance(f, ast.Call) and stage_name(f) == "call")
