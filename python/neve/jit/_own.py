"""Variables whose list or dict nothing else holds, as far as the words of a function tell."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ._liveness import WHOLE
from ._names import FLAG

_COPIES = {*WHOLE, "print", "range", "zip", "enumerate", "reversed", "isinstance", "int", "float", "bool", "str", "abs",
           "round", "dict", "set", "map", "filter", "repr", "divmod"}  # fmt: skip
_FRESH = (ast.List, ast.ListComp, ast.Dict, ast.DictComp, ast.Set, ast.SetComp, ast.Constant, ast.Compare, ast.BinOp,
          ast.UnaryOp, ast.JoinedStr)  # fmt: skip


def own_names(body: Iterable[ast.stmt], local: Iterable[str]) -> frozenset[str]:
    """Of these names those that only get what is made for them, and hand it to nobody. Returns are the last of a value."""
    found = _Escapes()
    for s in body:
        found.visit(s)
    return frozenset(local) - found.shared


class _Escapes(ast.NodeVisitor):
    """Names that may share what they hold. visit: an expression whose value goes somewhere; look: one that is only read."""

    def __init__(self) -> None:
        self.shared: set[str] = set()

    def look(self, node: ast.AST | None) -> None:
        """An expression of which nothing is kept."""
        if node is None or isinstance(node, ast.Name):
            return
        if isinstance(node, (ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.IfExp, ast.Starred, ast.Tuple, ast.Compare)):
            for part in ast.iter_child_nodes(node):
                self.look(part)
        else:
            self.visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        self.shared.add(node.id)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self.look(node.value)
        self.look(node.slice)

    def visit_Slice(self, node: ast.Slice) -> None:
        for part in (node.lower, node.upper, node.step):
            self.look(part)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.look(node.value)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self.look(node)

    visit_UnaryOp = visit_Compare = visit_BinOp  # type: ignore[assignment]

    def visit_FormattedValue(self, node: ast.FormattedValue) -> None:
        self.look(node.value)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.look(node.test)
        self.visit(node.body)
        self.visit(node.orelse)

    def visit_Starred(self, node: ast.Starred) -> None:
        self.look(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        f = node.func
        root = f
        while isinstance(root, ast.Attribute):
            root = root.value
        copies = isinstance(f, ast.Name) and f.id in _COPIES
        copies = copies or (isinstance(f, ast.Attribute) and isinstance(root, ast.Name) and root.id in ("neve", "math"))
        copies = copies or (isinstance(f, ast.Attribute) and f.attr in ("extend", "index", "count"))
        if isinstance(f, ast.Attribute):
            self.look(f.value)
        for a in (*node.args, *(k.value for k in node.keywords)):
            (self.look if copies else self.visit)(a)

    def visit_Assign(self, node: ast.Assign) -> None:
        for t in node.targets:
            self._bind(t, node.value if len(node.targets) == 1 else None)
        is_result = (
            len(node.targets) == 1 and isinstance(node.targets[0], ast.Name) and node.targets[0].id == f"{FLAG}value"
        )
        (self.look if is_result else self.visit)(node.value)

    def _bind(self, target: ast.expr, value: ast.expr | None) -> None:
        if isinstance(target, ast.Name):
            if value is None or not _is_fresh(value):
                self.shared.add(target.id)
        elif isinstance(target, (ast.Tuple, ast.List)):
            parts = value.elts if isinstance(value, ast.Tuple) and len(value.elts) == len(target.elts) else None
            for k, t in enumerate(target.elts):
                self._bind(t, parts[k] if parts else None)
        elif isinstance(target, ast.Starred):
            self._bind(target.value, None)
        else:
            self.visit(target)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._bind(node.target, node.value)
        if node.value is not None:
            self.visit(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.look(node.target)
        self.look(node.value)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._bind(node.target, None)
        self.visit(node.value)

    def visit_For(self, node: ast.For) -> None:
        self._bind(node.target, None)
        self.look(node.iter)
        for s in (*node.body, *node.orelse):
            self.visit(s)

    def visit_If(self, node: ast.If) -> None:
        self.look(node.test)
        for s in (*node.body, *node.orelse):
            self.visit(s)

    visit_While = visit_If  # type: ignore[assignment]

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self._bind(node.target, None)
        self.look(node.iter)
        for test in node.ifs:
            self.look(test)

    def visit_Return(self, node: ast.Return) -> None:
        self.look(node.value)

    visit_Expr = visit_Return  # type: ignore[assignment]

    def visit_Try(self, node: ast.Try) -> None:
        for h in node.handlers:
            self.look(h.type)
            self.shared |= {h.name} if h.name else set()
        for s in (*node.body, *(s for h in node.handlers for s in h.body), *node.orelse, *node.finalbody):
            self.visit(s)

    def visit_withitem(self, node: ast.withitem) -> None:
        self.visit(node.context_expr)
        if node.optional_vars is not None:
            self._bind(node.optional_vars, None)

    def visit_Assert(self, node: ast.Assert) -> None:
        self.look(node.test)

    def visit_Delete(self, node: ast.Delete) -> None:
        for t in node.targets:
            self.look(t)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._all(node)

    visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = visit_FunctionDef  # type: ignore[assignment]

    def _all(self, node: ast.AST) -> None:
        """What is not looked into: all that it mentions."""
        self.shared |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        self.shared |= {n.name for n in ast.walk(node) if isinstance(n, (ast.FunctionDef, ast.ClassDef))}

    visit_Match = visit_Import = visit_ImportFrom = visit_Global = visit_Nonlocal = _all


def _is_fresh(value: ast.expr) -> bool:
    """Whether a value is made here, or is no container."""
    if isinstance(value, ast.IfExp):
        return _is_fresh(value.body) and _is_fresh(value.orelse)
    if isinstance(value, ast.Subscript):
        return isinstance(value.slice, ast.Slice)
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id in (
            "list",
            "dict",
            "sorted",
            "int",
            "float",
            "bool",
            "len",
            "sum",
        )
    return isinstance(value, _FRESH)
