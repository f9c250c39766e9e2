"""What statements do with names, and the lowering of break, continue and return to flags."""

from __future__ import annotations

import ast
from typing import Any

STAGE = "__neve_stage__"
FLAG = "__neve_"
MUTATING = {"append", "extend", "insert", "pop", "remove", "clear", "update", "setdefault", "popitem", "sort", "reverse",
             "add", "discard"}  # fmt: skip


class Names(ast.NodeVisitor):
    """Names that statements assign or change; of inner functions those alone that they assign outside of themselves."""

    def __init__(self) -> None:
        self.stored: dict[str, None] = {}
        self.declared: dict[str, None] = {}  # nonlocal
        self.outside: dict[str, None] = {}  # assigned by inner functions
        self.changed: dict[str, None] = {}
        self.attributes: dict[tuple[str, str], None] = {}
        self.problems: list[tuple[int, str]] = []

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, (ast.Store, ast.Del)):
            self.stored[node.id] = None

    def visit_FunctionDef(self, node: Any) -> None:
        self.stored[node.name] = None
        inner = names_of(node.body)
        own = {*inner.stored, *parameters_of(node.args)} - inner.declared.keys()
        self.outside.update((n, None) for n in inner.stored if n in inner.declared)
        self.outside.update((n, None) for n in inner.outside if n not in own)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.stored[node.name] = None

    def visit_Lambda(self, node: ast.Lambda) -> None:
        pass

    def _comprehension(self, node: Any) -> None:  # its targets are its own; walrus targets are not
        for n in ast.walk(node):
            if isinstance(n, ast.NamedExpr) and isinstance(n.target, ast.Name):
                self.stored[n.target.id] = None
            elif isinstance(n, ast.Call):
                self._call(n)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_Import(self, node: Any) -> None:
        for a in node.names:
            self.stored[(a.asname or a.name).split(".")[0]] = None

    visit_ImportFrom = visit_Import

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.stored[node.name] = None
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.ctx, (ast.Store, ast.Del)):
            self._base(node.value)
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.ctx, (ast.Store, ast.Del)):
            if isinstance(node.value, ast.Name) and isinstance(node.ctx, ast.Store):
                self.attributes[(node.value.id, node.attr)] = None
            else:
                self.problems.append((node.lineno, f"'{ast.unparse(node)}' is assigned"))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        self._call(node)
        self.generic_visit(node)

    def _call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute) and node.func.attr in MUTATING:
            self._base(node.func.value)

    def _base(self, node: ast.AST) -> None:
        while isinstance(node, ast.Subscript):
            node = node.value
        if isinstance(node, ast.Name):
            self.changed[node.id] = None
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            self.attributes[(node.value.id, node.attr)] = None

    def visit_Global(self, node: ast.Global) -> None:
        self.problems.append((node.lineno, f"global {', '.join(node.names)}"))

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self.declared.update(dict.fromkeys(node.names))

    def visit_Yield(self, node: Any) -> None:
        self.problems.append((node.lineno, "yield"))

    visit_YieldFrom = visit_Await = visit_Yield


def parameters_of(a: ast.arguments) -> list[str]:
    """The names of all parameters."""
    every = [*a.posonlyargs, *a.args, *a.kwonlyargs, *([a.vararg] if a.vararg else []), *([a.kwarg] if a.kwarg else [])]
    return [p.arg for p in every]


def names_of(*blocks: Any) -> Names:
    v = Names()
    for block in blocks:
        for n in block if isinstance(block, list) else [block]:
            v.visit(n)
    return v


def has(block: list[Any], kinds: Any, *, loops: bool) -> bool:
    """Whether a statement of these kinds is in the block: in inner loops only with `loops`, never in inner functions."""
    for s in block:
        if isinstance(s, kinds):
            return True
        if isinstance(s, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        for field in ("body", "orelse", "finalbody", "handlers"):
            inner = getattr(s, field, None)
            if not isinstance(inner, list):
                continue
            if not loops and isinstance(s, (ast.For, ast.While)) and field == "body":
                continue
            if has([h for h in inner if isinstance(h, (ast.stmt, ast.ExceptHandler))], kinds, loops=loops):
                return True
    return False


def always_leaves(block: list[ast.stmt]) -> bool:
    """Whether every way through the block ends in a return or an exception, as far as its words tell."""
    for s in block:
        if isinstance(s, (ast.Return, ast.Raise)):
            return True
        if isinstance(s, ast.If) and always_leaves(s.body) and always_leaves(s.orelse):
            return True
        if isinstance(s, ast.With) and always_leaves(s.body):
            return True
        if isinstance(s, ast.Try) and (
            always_leaves(s.finalbody)
            or always_leaves(s.body + s.orelse)
            and all(always_leaves(h.body) for h in s.handlers)
        ):
            return True
        if isinstance(s, ast.While) and isinstance(s.test, ast.Constant) and s.test.value:
            if not has(s.body, ast.Break, loops=False):
                return True
    return False


def expression(text: str) -> ast.expr:
    """An expression that has no place yet: who uses it gives it one."""
    made = ast.parse(text, mode="eval").body
    for n in ast.walk(made):
        if hasattr(n, "lineno"):
            del n.lineno, n.col_offset, n.end_lineno, n.end_col_offset  # type: ignore[attr-defined]
    return made


class Blocks(ast.NodeTransformer):
    """A transformer whose visits of statements may give several."""

    def block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for s in body:
            made = self.visit(s)
            out.extend(made if isinstance(made, list) else [made])
        return out


def statements(text: str, like: ast.AST) -> list[ast.stmt]:
    made = ast.parse(text).body
    for m in made:
        for n in ast.walk(m):
            ast.copy_location(n, like)
    return made


def placed(node: ast.AST, like: ast.AST) -> Any:
    """A node that was made, where what it stands for is."""
    for n in ast.walk(node):
        if not hasattr(n, "lineno"):
            ast.copy_location(n, like)
    ast.copy_location(node, like)
    return ast.fix_missing_locations(node)


class Exits:
    """Replaces break, continue and return by flags; what follows them runs under the flags."""

    def __init__(self) -> None:
        self.count = 0

    def function(self, body: list[ast.stmt]) -> list[ast.stmt]:
        nested = any(
            has([s], ast.Return, loops=True)
            for s in body
            if not isinstance(s, (ast.Return, ast.FunctionDef, ast.ClassDef))
        )
        self.returns = nested
        always = always_leaves(body)  # before the returns are replaced
        out = self.block(body, [])
        if nested:
            head = statements(f"{FLAG}returned = False\n{FLAG}value = {STAGE}.Undefined('the result')", body[0])
            out = head + out + statements(f"return {STAGE}.result({FLAG}returned, {FLAG}value, {always})", body[-1])
        return out

    def block(self, body: list[ast.stmt], loop: list[str]) -> list[ast.stmt]:
        """`loop`: [break flag, continue flag] of the loop around, or nothing."""
        out: list[ast.stmt] = []
        for i, s in enumerate(body):
            rest = body[i + 1 :]
            if isinstance(s, ast.Return):
                if not self.returns:
                    out.append(s)
                    return out
                value = s.value or ast.Constant(None)
                assign = statements(f"{FLAG}value = None\n{FLAG}returned = True", s)
                assign[0].value = value  # type: ignore[attr-defined]
                return out + assign
            if isinstance(s, ast.Break):
                return out + statements(f"{loop[0]} = True", s)
            if isinstance(s, ast.Continue):
                return out + statements(f"{loop[1]} = True", s)
            flags = self.flags(s, loop)
            out.extend(self.statement(s, loop))
            if flags and rest:
                test = " and ".join(f"not {f}" for f in flags)
                guard = statements(f"if {test}: pass", rest[0])[0]
                guard.body = self.block(rest, loop)  # type: ignore[attr-defined]
                return [*out, guard]
        return out

    def flags(self, s: ast.stmt, loop: list[str]) -> list[str]:
        """Those that may be set when the statement has run."""
        found = []
        if loop and has([s], ast.Break, loops=False):
            found.append(loop[0])
        if loop and has([s], ast.Continue, loops=False):
            found.append(loop[1])
        if self.returns and has([s], ast.Return, loops=True):
            found.append(f"{FLAG}returned")
        return found

    def statement(self, s: ast.stmt, loop: list[str]) -> list[ast.stmt]:
        if isinstance(s, (ast.For, ast.While)):
            return self.loop(s, loop)
        for field in ("body", "orelse", "finalbody"):
            inner = getattr(s, field, None)
            if (
                isinstance(inner, list)
                and inner
                and not isinstance(s, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            ):
                setattr(s, field, self.block(inner, loop) or [ast.copy_location(ast.Pass(), s)])
        for h in getattr(s, "handlers", []):
            h.body = self.block(h.body, loop) or [ast.copy_location(ast.Pass(), s)]
        return [s]

    def loop(self, s: Any, outer: list[str]) -> list[ast.stmt]:
        self.count += 1
        own = [f"{FLAG}break{self.count}", f"{FLAG}continue{self.count}"]
        breaks = has(s.body, ast.Break, loops=False)
        continues = has(s.body, ast.Continue, loops=False)
        returns = self.returns and has(s.body, ast.Return, loops=True)
        out: list[ast.stmt] = []
        body = self.block(s.body, own)
        if continues:
            body = statements(f"{own[1]} = False", s) + body
            out += statements(f"{own[1]} = False", s)
        if breaks:
            out += statements(f"{own[0]} = False", s)
        s.body = body
        orelse, s.orelse = s.orelse, []
        s.exits = [own[0]] * breaks + [f"{FLAG}returned"] * returns
        out.append(s)
        if orelse:
            again = self.block(orelse, outer)
            if s.exits:
                guard = statements("if " + " and ".join(f"not {f}" for f in s.exits) + ": pass", orelse[0])[0]
                guard.body = again  # type: ignore[attr-defined]
                out.append(guard)
            else:
                out += again
        return out
