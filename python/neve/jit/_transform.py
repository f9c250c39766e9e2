"""Source to source: control flow becomes calls that decide, while the program is captured, between running and staging.

`if`, `while`, `for`, `break`, `continue`, early `return`, `and`, `or`, `not`, comparisons and conditional expressions of a
function are rewritten over the functions of _stage; on plain Python values these do what Python does. Line numbers stay
those of the user's file.
"""

from __future__ import annotations

import ast
import inspect
import os
import sysconfig
import textwrap
import threading
import types
import weakref
from collections.abc import Callable
from typing import Any

from .._base import fail

_S = "__neve_stage__"
_FLAG = "__neve_"
_PLAIN = ("super", "locals", "globals", "vars", "eval", "exec", "dir", "print", "getattr", "hasattr", "type")
_MUTATING = {"append", "extend", "insert", "pop", "remove", "clear", "update", "setdefault", "popitem", "sort", "reverse",
             "add", "discard"}  # fmt: skip


# ---- what a block of statements does with names ----------------------------------------------------------------------


class _Names(ast.NodeVisitor):
    """Names that statements assign or change, not looking into inner functions."""

    def __init__(self) -> None:
        self.stored: dict[str, None] = {}
        self.changed: dict[str, None] = {}
        self.attributes: dict[tuple[str, str], None] = {}
        self.problems: list[tuple[int, str]] = []

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, (ast.Store, ast.Del)):
            self.stored[node.id] = None

    def visit_FunctionDef(self, node: Any) -> None:
        self.stored[node.name] = None

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
        if isinstance(node.func, ast.Attribute) and node.func.attr in _MUTATING:
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

    def visit_Yield(self, node: Any) -> None:
        self.problems.append((node.lineno, "yield"))

    visit_YieldFrom = visit_Await = visit_Yield


def _names(*blocks: Any) -> _Names:
    v = _Names()
    for block in blocks:
        for n in block if isinstance(block, list) else [block]:
            v.visit(n)
    return v


def _has(block: list[Any], kinds: Any, *, loops: bool) -> bool:
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
            if _has([h for h in inner if isinstance(h, (ast.stmt, ast.ExceptHandler))], kinds, loops=loops):
                return True
    return False


# ---- lowering of break, continue and return --------------------------------------------------------------------------


def _expr(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _stmt(text: str, like: ast.AST) -> list[ast.stmt]:
    made = ast.parse(text).body
    for m in made:
        for n in ast.walk(m):
            ast.copy_location(n, like)
    return made


class _Exits:
    """Replaces break, continue and return by flags; what follows them runs under the flags."""

    def __init__(self) -> None:
        self.count = 0

    def function(self, body: list[ast.stmt]) -> list[ast.stmt]:
        nested = any(
            _has([s], ast.Return, loops=True)
            for s in body
            if not isinstance(s, (ast.Return, ast.FunctionDef, ast.ClassDef))
        )
        self.returns = nested
        out = self.block(body, [])
        if nested:
            head = _stmt(f"{_FLAG}returned = False\n{_FLAG}value = {_S}.Undefined('the result')", body[0])
            out = head + out + _stmt(f"return {_S}.result({_FLAG}returned, {_FLAG}value)", body[-1])
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
                assign = _stmt(f"{_FLAG}value = None\n{_FLAG}returned = True", s)
                assign[0].value = value  # type: ignore[attr-defined]
                return out + assign
            if isinstance(s, ast.Break):
                return out + _stmt(f"{loop[0]} = True", s)
            if isinstance(s, ast.Continue):
                return out + _stmt(f"{loop[1]} = True", s)
            flags = self.flags(s, loop)
            out.extend(self.statement(s, loop))
            if flags and rest:
                test = " and ".join(f"not {f}" for f in flags)
                guard = _stmt(f"if {test}: pass", rest[0])[0]
                guard.body = self.block(rest, loop)  # type: ignore[attr-defined]
                return [*out, guard]
        return out

    def flags(self, s: ast.stmt, loop: list[str]) -> list[str]:
        """Those that may be set when the statement has run."""
        found = []
        if loop and _has([s], ast.Break, loops=False):
            found.append(loop[0])
        if loop and _has([s], ast.Continue, loops=False):
            found.append(loop[1])
        if self.returns and _has([s], ast.Return, loops=True):
            found.append(f"{_FLAG}returned")
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
        own = [f"{_FLAG}break{self.count}", f"{_FLAG}continue{self.count}"]
        breaks = _has(s.body, ast.Break, loops=False)
        continues = _has(s.body, ast.Continue, loops=False)
        returns = self.returns and _has(s.body, ast.Return, loops=True)
        out: list[ast.stmt] = []
        body = self.block(s.body, own)
        if continues:
            body = _stmt(f"{own[1]} = False", s) + body
            out += _stmt(f"{own[1]} = False", s)
        if breaks:
            out += _stmt(f"{own[0]} = False", s)
        s.body = body
        orelse, s.orelse = s.orelse, []
        s.exits = [own[0]] * breaks + [f"{_FLAG}returned"] * returns
        out.append(s)
        if orelse:
            again = self.block(orelse, outer)
            if s.exits:
                guard = _stmt("if " + " and ".join(f"not {f}" for f in s.exits) + ": pass", orelse[0])[0]
                guard.body = again  # type: ignore[attr-defined]
                out.append(guard)
            else:
                out += again
        return out


# ---- control flow as calls -------------------------------------------------------------------------------------------

_COMPARE = {ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Is: "is_",
            ast.IsNot: "is_not", ast.In: "in_", ast.NotIn: "not_in"}  # fmt: skip


class _Rewrite(ast.NodeTransformer):
    """One function: its locals are known; statements of control flow become calls over closures."""

    def __init__(self, local: set[str], first: str | None, globals_: set[str], nonlocals: set[str]) -> None:
        self.local, self.first, self.globals, self.nonlocals = local, first, globals_, nonlocals
        self.guarded: dict[str, None] = {}  # variables that a branch or loop assigns: may be undefined
        self.count = 0

    def fresh(self, what: str) -> str:
        self.count += 1
        return f"{_FLAG}{what}{self.count}"

    def block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for s in body:
            made = self.visit(s)
            out.extend(made if isinstance(made, list) else [made])
        return out

    # statements

    def state(self, names: _Names) -> tuple[list[str], list[tuple[str, str]]]:
        found = [n for n in {**names.stored, **names.changed} if n in self.local]
        for n in found:
            self.guarded[n] = None
        found += [n for n in names.stored if n in self.nonlocals]
        for n in names.stored:
            if n in self.globals:
                names.problems.append((self.line, f"the global variable '{n}' is assigned"))
        attributes = [a for a in names.attributes if a[0] not in names.stored]
        return found, attributes

    def closure(self, name: str, body: list[ast.stmt], variables: list[str], like: ast.AST, args: str = "") -> ast.stmt:
        made = _stmt(f"def {name}({args}):\n    pass", like)[0]
        head = _stmt(f"nonlocal {', '.join(variables)}", like) if variables else []
        made.body = head + (body or _stmt("pass", like))  # type: ignore[attr-defined]
        return made

    def access(
        self, variables: list[str], attributes: list[tuple[str, str]], like: ast.AST
    ) -> tuple[list[ast.stmt], str]:
        get, put = self.fresh("get"), self.fresh("set")
        values = [*variables, *(f"{_S}.attribute({o}, {a!r})" for o, a in attributes)]
        tuple_of = "(" + "".join(v + ", " for v in values) + ")"
        targets = [*variables, *(f"{self.fresh('attr')}" for _ in attributes)]
        lines = [f"def {get}():", f"    return {tuple_of}", f"def {put}({_FLAG}new):"]
        if variables:
            lines.append(f"    nonlocal {', '.join(variables)}")
        if targets:
            lines.append("    (" + "".join(t + ", " for t in targets) + f") = {_FLAG}new")
        for (o, a), t in zip(attributes, targets[len(variables) :]):
            lines.append(f"    {_S}.set_attribute({o}, {a!r}, {t})")
        lines.append("    return None")
        names = repr(tuple([*variables, *(f"{o}.{a}" for o, a in attributes)]))
        return _stmt("\n".join(lines), like), f"{get}, {put}, {names}"

    def visit_If(self, node: ast.If) -> Any:
        self.line = node.lineno
        names = _names(node.body, node.orelse)
        variables, attributes = self.state(names)
        test = self.visit(node.test)
        then, other = self.fresh("then"), self.fresh("else")
        out = [
            self.closure(then, self.block(node.body), variables, node),
            self.closure(other, self.block(node.orelse), variables, node),
        ]
        access, arguments = self.access(variables, attributes, node)
        call = _stmt(f"{_S}.if_(None, {then}, {other}, {arguments}, {names.problems!r})", node)[0]
        call.value.args[0] = test  # type: ignore[attr-defined]
        return [*out, *access, call]

    def visit_While(self, node: ast.While) -> Any:
        self.line = node.lineno
        names = _names(node.body, node.test)
        variables, attributes = self.state(names)
        test, body = self.fresh("test"), self.fresh("body")
        condition = self.visit(node.test)
        exits = getattr(node, "exits", [])
        if exits:
            flags = _expr(f"{_S}.and_(" + ", ".join(f"lambda: {_S}.not_({f})" for f in exits) + ", lambda: None)")
            flags.args[-1].body = condition  # type: ignore[attr-defined]
            condition = flags
        tester = self.closure(
            test, [ast.Return(condition)], [v for v in variables if v in _names(node.test).stored], node
        )
        out = [tester, self.closure(body, self.block(node.body), variables, node)]
        access, arguments = self.access(variables, attributes, node)
        return [*out, *access, *_stmt(f"{_S}.while_({test}, {body}, {arguments}, {names.problems!r})", node)]

    def visit_For(self, node: ast.For) -> Any:
        self.line = node.lineno
        item = self.fresh("item")
        assign = _stmt(f"_ = {item}", node)[0]
        assign.targets = [node.target]  # type: ignore[attr-defined]
        names = _names([assign], node.body)
        names.stored.pop(item, None)
        variables, attributes = self.state(names)
        body = self.fresh("body")
        exits = getattr(node, "exits", [])
        iterable = self.visit(node.iter)
        out = [self.closure(body, self.block([assign, *node.body]), variables, node, item)]
        access, arguments = self.access(variables, attributes, node)
        more = "None"
        if exits:
            more = f"lambda: {_S}.and_(" + ", ".join(f"lambda: {_S}.not_({f})" for f in exits) + ")"
        call = _stmt(f"{_S}.for_(None, {body}, {more}, {arguments}, {names.problems!r})", node)[0]
        call.value.args[0] = iterable  # type: ignore[attr-defined]
        return [*out, *access, call]

    def visit_Assert(self, node: ast.Assert) -> Any:
        call = _stmt(f"{_S}.assert_(None, lambda: None)", node)[0]
        call.value.args[0] = self.visit(node.test)  # type: ignore[attr-defined]
        call.value.args[1].body = self.visit(node.msg) if node.msg else ast.Constant(None)  # type: ignore[attr-defined]
        return call

    def visit_Delete(self, node: ast.Delete) -> Any:
        out: list[Any] = []
        for t in node.targets:
            if isinstance(t, ast.Name) and t.id in self.local:
                out += _stmt(f"{t.id} = {_S}.Undefined({t.id!r})", node)
            else:
                out.append(ast.copy_location(ast.Delete([self.visit(t)]), node))
        return out

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        # x += y reads x where it is written to: the target is left alone, a variable must be defined.
        node.value = self.visit(node.value)
        if isinstance(node.target, ast.Name):
            kind = type(node.op).__name__
            made = _stmt(f"{node.target.id} = {_S}.augment({kind!r}, {node.target.id}, None)", node)[0]
            made.value.args[2] = node.value  # type: ignore[attr-defined]
            if node.target.id in self.local:
                self.guarded.setdefault(node.target.id, None)
            return made
        if isinstance(node.target, ast.Subscript):
            made = _stmt(f"{_S}.augment_item({type(node.op).__name__!r}, None, None, None)", node)[0]
            made.value.args[1:] = [  # type: ignore[attr-defined]
                self.visit(node.target.value), self.visit(_index(node.target.slice)), node.value
            ]  # fmt: skip
            for n in ast.walk(made):
                if isinstance(getattr(n, "ctx", None), ast.Store):
                    n.ctx = ast.Load()  # type: ignore[attr-defined]
            return _at(made, node)
        node.target = self.visit(node.target)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        inner = convert_function(node, None)
        inner.decorator_list = [self.visit(d) for d in node.decorator_list]
        return inner

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> Any:
        return node

    # expressions

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        name = "and_" if isinstance(node.op, ast.And) else "or_"
        call = _expr(f"{_S}.{name}()")
        call.args = [ast.Lambda(_no_arguments(), self.visit(v)) for v in node.values]  # type: ignore[attr-defined]
        return _at(call, node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        node.operand = self.visit(node.operand)
        if not isinstance(node.op, ast.Not):
            return node
        call = _expr(f"{_S}.not_()")
        call.args = [node.operand]  # type: ignore[attr-defined]
        return _at(call, node)

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        call = _expr(f"{_S}.choose(None, lambda: None, lambda: None)")
        call.args[0] = self.visit(node.test)  # type: ignore[attr-defined]
        call.args[1].body = self.visit(node.body)  # type: ignore[attr-defined]
        call.args[2].body = self.visit(node.orelse)  # type: ignore[attr-defined]
        return _at(call, node)

    def visit_Compare(self, node: ast.Compare) -> Any:
        values = [self.visit(v) for v in (node.left, *node.comparators)]
        call = _expr(f"{_S}.compare({[_COMPARE[type(o)] for o in node.ops]!r})")
        call.args.append(values[0])  # type: ignore[attr-defined]
        if len(values) == 2:
            call.args.append(values[1])  # type: ignore[attr-defined]
        else:  # the operands after the second are read only if the comparison before holds
            call.args += [ast.Lambda(_no_arguments(), v) for v in values[1:]]  # type: ignore[attr-defined]
        return _at(call, node)

    def visit_Call(self, node: ast.Call) -> Any:
        node.args = [self.visit(a) for a in node.args]
        node.keywords = [self.visit(k) for k in node.keywords]
        if isinstance(node.func, ast.Name) and node.func.id == "super" and not node.args and self.first:
            node.args = [ast.Name("__class__", ast.Load()), ast.Name(self.first, ast.Load())]
            return _at(node, node)
        if isinstance(node.func, ast.Name) and node.func.id in _PLAIN:
            return node
        function = self.visit(node.func)
        call = _expr(f"{_S}.call()")
        call.args = [function]  # type: ignore[attr-defined]
        node.func = _at(call, node)
        return node

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        inner = {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
        hidden = {n: self.guarded.pop(n) for n in list(self.guarded) if n in inner}
        outer = self.local
        self.local = self.local - inner
        node.body = self.visit(node.body)
        self.local = outer
        self.guarded.update(hidden)
        return node


class _Loads(ast.NodeTransformer):
    """Reads of variables that may be undefined go through a check."""

    def __init__(self, guarded: set[str]) -> None:
        self.guarded = guarded

    def visit_Name(self, node: ast.Name) -> Any:
        if isinstance(node.ctx, ast.Load) and node.id in self.guarded:
            return _at(_expr(f"{_S}.read({node.id})"), node)
        return node

    def _scoped(self, node: Any, bound: set[str]) -> Any:
        hidden = self.guarded & bound
        self.guarded = self.guarded - hidden
        self.generic_visit(node)
        self.guarded = self.guarded | hidden
        return node

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        return self._scoped(node, {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)})

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        if node.name.startswith(f"{_FLAG}get") or node.name.startswith(f"{_FLAG}set"):
            return node
        if node.name.startswith(_FLAG):
            return self._scoped(node, set())
        return self._scoped(
            node, {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)} | set(_names(node.body).stored)
        )

    def _comprehension(self, node: Any) -> Any:
        bound = {n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
        return self._scoped(node, bound)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_Call(self, node: ast.Call) -> Any:
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) and node.func.value.id == _S:
            if node.func.attr == "augment":  # its second operand is checked there
                node.args[2] = self.visit(node.args[2])
                return node
            if node.func.attr == "result":
                return node
            if node.func.attr == "compare" and isinstance(node.args[0], ast.List) and len(node.args) == 3:
                kind = node.args[0].elts[0]
                if isinstance(kind, ast.Constant) and kind.value in ("is_", "is_not"):
                    node.args[1:] = [self._raw(a) for a in node.args[1:]]
                    return node
        return self.generic_visit(node)

    def _raw(self, node: Any) -> Any:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in self.guarded:
            return _at(_expr(f"{_S}.raw({node.id})"), node)
        return self.visit(node)

    def visit_Assign(self, node: ast.Assign) -> Any:
        node.targets = [self.visit(t) for t in node.targets]
        node.value = self._raw(node.value)
        return node

    def visit_Return(self, node: ast.Return) -> Any:
        if node.value is not None:
            node.value = self._raw(node.value)
        return node


def _index(node: ast.expr) -> ast.expr:
    """An index as an expression of its own: slices as calls."""
    if isinstance(node, ast.Slice):
        parts = [p or ast.Constant(None) for p in (node.lower, node.upper, node.step)]
        return _at(ast.Call(ast.Name("slice", ast.Load()), parts, []), node)
    if isinstance(node, ast.Tuple):
        return _at(ast.Tuple([_index(e) for e in node.elts], ast.Load()), node)
    return node


def _no_arguments() -> ast.arguments:
    return ast.arguments([], [], None, [], [], None, [])


def _at(node: ast.AST, like: ast.AST) -> Any:
    for n in ast.walk(node):
        if not hasattr(n, "lineno"):
            ast.copy_location(n, like)
    ast.copy_location(node, like)
    return ast.fix_missing_locations(node)


def _parameters(node: ast.FunctionDef) -> list[str]:
    a = node.args
    every = [*a.posonlyargs, *a.args, *a.kwonlyargs, *([a.vararg] if a.vararg else []), *([a.kwarg] if a.kwarg else [])]
    return [p.arg for p in every]


def _own(node: ast.FunctionDef) -> list[ast.AST]:
    """What is in a function, without its inner functions."""
    found: list[ast.AST] = []
    todo: list[ast.AST] = list(node.body)
    while todo:
        n = todo.pop()
        found.append(n)
        if not isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            todo.extend(ast.iter_child_nodes(n))
    return found


def convert_function(node: ast.FunctionDef, first: str | None) -> ast.FunctionDef:
    """A function definition with its control flow as calls."""
    for n in _own(node):
        if isinstance(n, (ast.Yield, ast.YieldFrom, ast.Await)):
            fail(
                "unsupported",
                f"to_static: '{node.name}' is a generator or coroutine, at line {n.lineno} (collect the values in a list)",
            )
    declared = [s for s in _own(node) if isinstance(s, (ast.Global, ast.Nonlocal))]
    globals_ = {n for s in declared if isinstance(s, ast.Global) for n in s.names}
    nonlocals = {n for s in declared if isinstance(s, ast.Nonlocal) for n in s.names}
    parameters = _parameters(node)
    body = _Exits().function(node.body)
    local = (set(_names(body).stored) | set(parameters)) - globals_ - nonlocals
    r = _Rewrite(local, first or (parameters[0] if parameters else None), globals_, nonlocals)
    body = r.block(body)
    guarded = [n for n in r.guarded if n not in parameters]
    loads = _Loads(set(r.guarded))
    body = [loads.visit(s) for s in body]
    # Declarations first: they stand before any use.
    head = [s for s in body if isinstance(s, (ast.Global, ast.Nonlocal))]
    doc = body[:1] if ast.get_docstring(node, clean=False) is not None else []
    rest = [s for s in body[len(doc) :] if s not in head]
    defined = _stmt("\n".join(f"{n} = {_S}.Undefined({n!r})" for n in guarded), node) if guarded else []
    node.body = [*doc, *head, *defined, *rest] or [ast.Pass()]
    node.decorator_list = []
    node.returns = None
    return ast.fix_missing_locations(node)


# ---- whole functions -------------------------------------------------------------------------------------------------

_cache: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
_lock = threading.RLock()
_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_LIBRARIES = tuple(
    os.path.realpath(p) + os.sep
    for p in {
        sysconfig.get_path("stdlib"),
        sysconfig.get_path("platstdlib"),
        sysconfig.get_path("purelib"),
        sysconfig.get_path("platlib"),
    }
    if p
)


def is_user_code(function: Any) -> bool:
    """Whether a function is one to convert: Python, neither of this package nor of an installed library."""
    code = getattr(function, "__code__", None)
    if (
        code is None
        or getattr(function, "__neve_converted__", False)
        or getattr(function, "__neve_not_to_static__", False)
    ):
        return False
    name = code.co_filename
    if name.startswith(_HERE) or name.startswith("<frozen") or not os.path.isfile(name):
        return False
    return not os.path.realpath(name).startswith(_LIBRARIES)


def _tree_of(function: types.FunctionType) -> tuple[ast.FunctionDef, str, int]:
    try:
        lines, first = inspect.getsourcelines(function)
    except (OSError, TypeError):
        fail("unsupported", f"to_static: the source of '{function.__qualname__}' cannot be read (define it in a file)")
    text = textwrap.dedent("".join(lines))
    tree = ast.parse(text)
    node = tree.body[0]
    if not isinstance(node, ast.FunctionDef):
        raise SyntaxError("no function definition")
    ast.increment_lineno(node, max(first, 1) - 1)
    return node, text, first


def transform(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its control flow staged while it is captured; the same function where there is none to convert.

    Bound methods stay bound. Results are kept. Raises Error{unsupported} with the line for what cannot be converted.
    """
    if isinstance(function, types.MethodType):
        inner = transform(function.__func__)
        return function if inner is function.__func__ else types.MethodType(inner, function.__self__)
    if not isinstance(function, types.FunctionType) or getattr(function, "__neve_converted__", False):
        return function
    with _lock:
        known = _cache.get(function)
        if known is None:
            known = _convert(function)
            _cache[function] = known
        return known


def _convert(function: types.FunctionType) -> Callable[..., Any]:
    from . import _stage

    if function.__name__ == "<lambda>":
        return function
    try:
        node, _, _ = _tree_of(inspect.unwrap(function) if hasattr(function, "__wrapped__") else function)
    except SyntaxError:
        return function
    target = inspect.unwrap(function) if hasattr(function, "__wrapped__") else function
    if not isinstance(target, types.FunctionType):
        return function
    made = convert_function(node, None)
    free = list(target.__code__.co_freevars)
    factory = ast.parse(f"def {_FLAG}factory({', '.join([_S, *free])}):\n    pass")
    definition: Any = factory.body[0]
    definition.body = [made, ast.Return(ast.Name(made.name, ast.Load()))]
    ast.fix_missing_locations(factory)
    code = compile(factory, target.__code__.co_filename, "exec")
    outer = next(c for c in code.co_consts if isinstance(c, types.CodeType))
    inner = next(c for c in outer.co_consts if isinstance(c, types.CodeType) and c.co_name == made.name)
    cells = dict(zip(target.__code__.co_freevars, target.__closure__ or ()))
    cells[_S] = types.CellType(_stage)
    closure = tuple(cells[n] if n in cells else types.CellType() for n in inner.co_freevars)
    result = types.FunctionType(inner, target.__globals__, target.__name__, target.__defaults__, closure)
    result.__kwdefaults__ = target.__kwdefaults__
    result.__doc__, result.__qualname__, result.__module__ = target.__doc__, target.__qualname__, target.__module__
    result.__neve_converted__ = True  # type: ignore[attr-defined]
    result.__neve_original__ = target  # type: ignore[attr-defined]
    result.source = ast.unparse(made)  # type: ignore[attr-defined]
    return result
