"""Source to source: control flow becomes calls that decide, while the program is captured, between running and staging.

`if`, `while`, `for`, `break`, `continue`, early `return`, `and`, `or`, `not`, comparisons and conditional expressions of a
function are rewritten over the functions of _stage; on plain Python values these do what Python does. Line numbers stay
those of the user's file.
"""

from __future__ import annotations

import ast
import copy
from typing import Any, NamedTuple

from .._base import fail
from ._errors import at
from ._liveness import WHOLE, note_needed
from ._lower_match import LowerMatch, is_of_match
from ._names import FLAG, STAGE, Blocks, Exits, Names, expression, names_of, parameters_of, placed, statements
from ._own import own_names
from ._reads import Loads, stage_name
from ._syntax import (
    around_star,
    count,
    index_of_slice,
    is_plain_target,
    mark_test,
    may_catch_divisions,
    no_arguments,
    targets,
)

_PLAIN = ("super", "locals", "globals", "vars", "dir")
_COMPARE = {ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Is: "is_",
            ast.IsNot: "is_not", ast.In: "in_", ast.NotIn: "not_in"}  # fmt: skip


class _State(NamedTuple):
    """What goes through a branch or loop."""

    names: list[str]
    held: list[str]  # read no more, but the list or dict that it holds is changed, and may be known elsewhere
    attributes: list[tuple[str, str]]


class _Rewrite(Blocks):
    """One function: its locals are known; statements of control flow become calls over closures."""

    def __init__(self, local: set[str], first: str | None, globals_: set[str], nonlocals: set[str], file: str) -> None:
        self.file = file
        self.local, self.first, self.globals, self.nonlocals = local, first, globals_, nonlocals
        self.walrus: dict[str, None] = {}  # variables that := assigns, maybe inside of a lambda
        self.guarded: dict[str, None] = {}  # variables that a branch or loop assigns: may be undefined
        self.handed: dict[str, None] = {}  # variables that take over what may not be there
        self.count = 0
        self.own: frozenset[str] = frozenset()  # variables whose containers nothing else holds

    def fresh(self, what: str) -> str:
        self.count += 1
        return f"{FLAG}{what}{self.count}"

    # statements

    def state(self, names: Names, node: ast.AST) -> tuple[list[str], _State]:
        """What a statement assigns or changes: all names, and what of it may be read later."""
        found = [n for n in {**names.stored, **names.changed, **names.outside} if n in self.local]
        for n in found:
            self.guarded[n] = None
        around = {**{n: None for n in names.stored if n in self.nonlocals}, **names.outside}
        found += [n for n in around if n not in self.local]
        for n in names.stored:
            if n in self.globals:
                names.problems.append((self.line, f"the global variable '{n}' is assigned"))
        attributes = [a for a in names.attributes if a[0] not in names.stored]
        needed = getattr(node, "needed", found)
        # A pass of a loop that begins without reading a variable changes only what it has assigned itself.
        is_pass = isinstance(node, (ast.For, ast.While)) and hasattr(node, "needed")
        # What a branch binds before it reads it changes nothing that was there: that may be a loop's, which has ended.
        begin = getattr(node, "begin", found)
        held = [] if is_pass else [n for n in names.changed if n in found and n not in needed and n in begin]
        # What a case found is used where it is assigned.
        return found, _State([n for n in found if n in needed and not is_of_match(n)], held, attributes)

    def closure(self, name: str, body: list[ast.stmt], variables: list[str], like: ast.AST, args: str = "") -> ast.stmt:
        made = statements(f"def {name}({args}):\n    pass", like)[0]
        head = statements(f"nonlocal {', '.join(variables)}", like) if variables else []
        made.body = head + (body or statements("pass", like))  # type: ignore[attr-defined]
        return made

    def access(self, state: _State, like: ast.AST) -> tuple[list[ast.stmt], str]:
        """Functions that read and write the state, which stand before the statement, and the arguments that say so."""
        get, put = self.fresh("get"), self.fresh("set")
        objects = [self.fresh("held") for _ in state.held]
        values = [*state.names, *objects, *(f"{STAGE}.attribute({o}, {a!r})" for o, a in state.attributes)]
        attributes = [self.fresh("attr") for _ in state.attributes]
        targets = [*state.names, *(self.fresh("same") for _ in objects), *attributes]
        lines = [f"{o} = {STAGE}.container({STAGE}.raw_of(lambda: {n}))" for o, n in zip(objects, state.held)]
        own = tuple(n for n in state.names if n in self.own)
        lines += [
            f"def {get}({f'*, {FLAG}own={own!r}' if own else ''}):",
            f"    return ({''.join(v + ', ' for v in values)})",
            f"def {put}({FLAG}new):",
        ]
        if state.names:
            lines.append(f"    nonlocal {', '.join(state.names)}")
        if targets:
            lines.append(f"    ({''.join(t + ', ' for t in targets)}) = {FLAG}new")
        lines += [f"    {STAGE}.set_attribute({o}, {a!r}, {t})" for (o, a), t in zip(state.attributes, attributes)]
        lines.append("    return None")
        names = repr((*state.names, *state.held, *(f"{o}.{a}" for o, a in state.attributes)))
        return statements("\n".join(lines), like), f"{get}, {put}, {names}"

    def visit_If(self, node: ast.If) -> Any:
        self.line = node.lineno
        mark_test(node.test)
        names = names_of(node.body, node.orelse)
        variables, state = self.state(names, node)
        test = self.visit(node.test)
        then, other = self.fresh("then"), self.fresh("else")
        # What is not read later is each branch's own: both begin with what it was before.
        own = [v for v in variables if v in self.local and v not in state.names]
        args = ", ".join(["*", *(f"{v}={STAGE}.raw_of(lambda: {v})" for v in own)]) if own else ""
        shared = [v for v in variables if v not in own]
        out = [
            self.closure(then, self.block(node.body), shared, node, args),
            self.closure(other, self.block(node.orelse), shared, node, args),
        ]
        access, arguments = self.access(state, node)
        call = statements(f"{STAGE}.if_(None, {then}, {other}, {arguments}, {names.problems!r})", node)[0]
        call.value.args[0] = test  # type: ignore[attr-defined]
        return [*out, *access, call]

    def visit_While(self, node: ast.While) -> Any:
        self.line = node.lineno
        mark_test(node.test)
        names = names_of(node.body, node.test)
        variables, state = self.state(names, node)
        test, body = self.fresh("test"), self.fresh("body")
        condition = self.visit(node.test)
        exits = getattr(node, "exits", [])
        if exits:
            assigned = self.walrus_state([node.test])
            flags = expression(
                f"{STAGE}.and_("
                + ", ".join(f"lambda: {STAGE}.not_({f})" for f in exits)
                + f", lambda: None, {assigned + ', ' if assigned else ''}test=True)"
            )
            flags.args[-1].body = condition  # type: ignore[attr-defined]
            condition = flags
        tester = self.closure(
            test, [ast.Return(condition)], [v for v in variables if v in names_of(node.test).stored], node
        )
        out = [tester, self.closure(body, self.block(node.body), variables, node)]
        access, arguments = self.access(state, node)
        return [*out, *access, *statements(f"{STAGE}.while_({test}, {body}, {arguments}, {names.problems!r})", node)]

    def visit_For(self, node: ast.For) -> Any:
        self.line = node.lineno
        item = self.fresh("item")
        assign = statements(f"_ = {item}", node)[0]
        assign.targets = [node.target]  # type: ignore[attr-defined]
        names = names_of([assign], node.body)
        names.stored.pop(item, None)
        variables, state = self.state(names, node)
        body = self.fresh("body")
        exits = getattr(node, "exits", [])
        iterable = self.visit(node.iter)
        out = [self.closure(body, self.block([assign, *node.body]), variables, node, item)]
        access, arguments = self.access(state, node)
        more = "None"
        if exits:
            more = f"lambda: {STAGE}.and_(" + ", ".join(f"lambda: {STAGE}.not_({f})" for f in exits) + ")"
        call = statements(f"{STAGE}.for_(None, {body}, {more}, {arguments}, {names.problems!r})", node)[0]
        call.value.args[0] = iterable  # type: ignore[attr-defined]
        return [*out, *access, call]

    def visit_Assert(self, node: ast.Assert) -> Any:
        mark_test(node.test)
        call = statements(f"{STAGE}.assert_(None, lambda: None, {self.place(node)!r})", node)[0]
        call.value.args[0] = self.visit(node.test)  # type: ignore[attr-defined]
        call.value.args[1].body = self.visit(node.msg) if node.msg else ast.Constant(None)  # type: ignore[attr-defined]
        return call

    def place(self, node: Any) -> str:
        return f"{self.file}:{node.lineno}"

    def visit_Raise(self, node: ast.Raise) -> Any:
        if node.exc is None:
            return node
        call = statements(f"{STAGE}.raise_(None, {self.place(node)!r})", node)[0]
        call.value.args[0] = self.visit(node.exc)  # type: ignore[attr-defined]
        return call

    def visit_Try(self, node: ast.Try) -> Any:
        self.generic_visit_blocks(node)
        if node.handlers:
            around = statements(
                f"with {STAGE}.trying({any(map(may_catch_divisions, node.handlers))}):\n    pass", node
            )[0]
            around.body = node.body  # type: ignore[attr-defined]
            node.body = [around]
            first = statements(f"try: pass\nexcept {STAGE}.passing(): raise", node)[0]
            node.handlers.insert(0, first.handlers[0])  # type: ignore[attr-defined]
        return node

    def generic_visit_blocks(self, node: Any) -> None:
        """Blocks of a statement that is no control flow of tensors."""
        for name in ("body", "orelse", "finalbody"):
            if getattr(node, name, None):
                setattr(node, name, self.block(getattr(node, name)))
        for h in node.handlers:
            h.body = self.block(h.body)

    def visit_Assign(self, node: ast.Assign) -> Any:
        target = node.targets[0]
        if len(node.targets) == 1 and isinstance(target, ast.Subscript):
            call: Any = statements(f"{STAGE}.set_item(None, None, None)", node)[0]
            parts = node.value, target.value, index_of_slice(target.slice)
            call.value.args = [self.visit(p) for p in parts]
            return placed(call, node)
        if any(isinstance(t, ast.Subscript) for target in node.targets for t in targets(target)):
            return self.one_by_one(node)
        if not isinstance(node.value, (ast.Constant, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Lambda, ast.JoinedStr)):
            self.handed |= {n: None for n in names_of(*node.targets).stored if n in self.local}
        node = self.generic_visit(node)  # type: ignore[assignment]
        if any(isinstance(t, (ast.Tuple, ast.List)) for t in node.targets) and not isinstance(node.value, ast.Tuple):
            made: Any = expression(f"{STAGE}.unpacked(None, {count(node.targets)}, {around_star(node.targets)})")
            made.args[0] = node.value
            node.value = placed(made, node.value)
        return node

    def one_by_one(self, node: ast.Assign) -> list[ast.stmt]:
        """Several targets of which one is an element: each gets its value by a statement of its own, in their order."""
        out: list[ast.stmt] = []

        def assign(target: ast.expr, value: ast.expr) -> None:
            made = placed(ast.Assign([target], value), node)
            if not isinstance(target, (ast.Tuple, ast.List)):
                out.append(self.visit_Assign(made))
                return
            names = [self.fresh("part") for _ in target.elts]
            parts: list[ast.expr] = [ast.Name(n, ast.Store()) for n in names]
            for k, t in enumerate(target.elts):
                if isinstance(t, ast.Starred):
                    parts[k] = ast.Starred(parts[k], ast.Store())
            made.targets = [placed(ast.Tuple(parts, ast.Store()), target)]
            out.append(self.visit_Assign(made))
            for n, t in zip(names, target.elts):
                assign(t.value if isinstance(t, ast.Starred) else t, ast.Name(n, ast.Load()))

        if len(node.targets) == 1:
            assign(node.targets[0], node.value)
            return out
        whole = self.fresh("part")
        assign(ast.Name(whole, ast.Store()), node.value)
        for target in node.targets:
            assign(target, ast.Name(whole, ast.Load()))
        return out

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        if node.value is None or not isinstance(node.target, ast.Name):
            return self.generic_visit(node)
        return self.visit_Assign(ast.copy_location(ast.Assign([node.target], node.value), node))

    def visit_Delete(self, node: ast.Delete) -> Any:
        out: list[Any] = []
        for t in node.targets:
            if isinstance(t, ast.Name) and t.id in self.local:
                out += statements(f"{t.id} = {STAGE}.Undefined({t.id!r})", node)
            elif isinstance(t, ast.Subscript):
                call = statements(f"{STAGE}.del_item(None, None)", node)[0]
                call.value.args = [self.visit(t.value), self.visit(index_of_slice(t.slice))]  # type: ignore[attr-defined]
                out.append(placed(call, node))
            else:
                out.append(ast.copy_location(ast.Delete([self.visit(t)]), node))
        return out

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        # x += y reads x where it is written to: the target is left alone, a variable must be defined.
        node.value = self.visit(node.value)
        if isinstance(node.target, ast.Name):
            kind = type(node.op).__name__
            made = statements(f"{node.target.id} = {STAGE}.augment({kind!r}, {node.target.id}, None)", node)[0]
            made.value.args[2] = node.value  # type: ignore[attr-defined]
            if node.target.id in self.local:
                self.guarded.setdefault(node.target.id, None)
            return made
        if isinstance(node.target, ast.Subscript):
            made = statements(f"{STAGE}.augment_item({type(node.op).__name__!r}, None, None, None)", node)[0]
            made.value.args[1:] = [  # type: ignore[attr-defined]
                self.visit(node.target.value), self.visit(index_of_slice(node.target.slice)), node.value
            ]  # fmt: skip
            return placed(made, node)
        node.target = self.visit(node.target)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        inner = convert_function(node, None, self.file)
        inner.decorator_list = [self.visit(d) for d in node.decorator_list]
        return inner

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> Any:
        return node

    # expressions

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        name = "and_" if isinstance(node.op, ast.And) else "or_"
        state = self.walrus_state(node.values[1:])
        is_test = getattr(node, "is_test", False)  # only whether it is true matters
        call = expression(f"{STAGE}.{name}({', '.join([state] * bool(state) + ['test=True'] * is_test)})")
        call.args = [ast.Lambda(no_arguments(), self.visit(v)) for v in node.values]  # type: ignore[attr-defined]
        return placed(call, node)

    def walrus_state(self, later: list[ast.expr]) -> str:
        """An argument for operands that may not run and assign variables: their state."""
        found = {n.target.id: None for v in later for n in ast.walk(v) if isinstance(n, ast.NamedExpr)}
        if not found:
            return ""
        for n in found:
            self.guarded[n] = self.walrus[n] = None
        gets = "".join(f"{STAGE}.raw_of(lambda: {n}), " for n in found)
        puts = "".join(f"{FLAG}put_{n}({FLAG}new[{k}]), " for k, n in enumerate(found))
        return f"state=(lambda: ({gets}), lambda {FLAG}new: ({puts}), {tuple(found)!r})"

    def visit_NamedExpr(self, node: ast.NamedExpr) -> Any:
        self.walrus[node.target.id] = self.guarded[node.target.id] = None
        call = expression(f"{FLAG}put_{node.target.id}()")
        call.args = [self.visit(node.value)]  # type: ignore[attr-defined]
        return placed(call, node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, ast.Not):
            mark_test(node.operand)
        node.operand = self.visit(node.operand)
        if not isinstance(node.op, ast.Not):
            return node
        call = expression(f"{STAGE}.not_()")
        call.args = [node.operand]  # type: ignore[attr-defined]
        return placed(call, node)

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        mark_test(node.test)
        state = self.walrus_state([node.body, node.orelse])
        call = expression(f"{STAGE}.choose(None, lambda: None, lambda: None{', ' + state if state else ''})")
        call.args[0] = self.visit(node.test)  # type: ignore[attr-defined]
        call.args[1].body = self.visit(node.body)  # type: ignore[attr-defined]
        call.args[2].body = self.visit(node.orelse)  # type: ignore[attr-defined]
        return placed(call, node)

    def visit_Compare(self, node: ast.Compare) -> Any:
        values = [self.visit(v) for v in (node.left, *node.comparators)]
        call = expression(f"{STAGE}.compare({[_COMPARE[type(o)] for o in node.ops]!r})")
        call.args.append(values[0])  # type: ignore[attr-defined]
        if len(values) == 2:
            call.args.append(values[1])  # type: ignore[attr-defined]
        else:  # the operands after the second are read only if the comparison before holds
            call.args += [ast.Lambda(no_arguments(), v) for v in values[1:]]  # type: ignore[attr-defined]
        return placed(call, node)

    def visit_Call(self, node: ast.Call) -> Any:
        for a in node.args:
            if isinstance(a, ast.GeneratorExp):
                a.consumed = True  # type: ignore[attr-defined]
                a.whole = isinstance(node.func, ast.Name) and node.func.id in WHOLE  # type: ignore[attr-defined]
        node.args = [self.visit(a) for a in node.args]
        node.keywords = [self.visit(k) for k in node.keywords]
        if stage_name(node) is not None:  # of what came before this
            return node
        if isinstance(node.func, ast.Name) and node.func.id == "super" and not node.args and self.first:
            node.args = [ast.Name("__class__", ast.Load()), ast.Name(self.first, ast.Load())]
            return placed(node, node)
        if isinstance(node.func, ast.Name) and node.func.id in _PLAIN:
            return node
        function = self.visit(node.func)
        call = expression(f"{STAGE}.call()")
        call.args = [function]  # type: ignore[attr-defined]
        node.func = placed(call, node)
        return node

    def visit_Starred(self, node: ast.Starred) -> Any:
        """One by one: lists whose length tensors decide have no such elements. [*a, b] is a list that has it as well."""
        node.value = self.visit(node.value)
        if isinstance(node.ctx, ast.Load):
            made: Any = expression(f"{STAGE}.starred({'in_list=True' if getattr(node, 'in_list', False) else ''})")
            made.args = [node.value]
            node.value = placed(made, node)
        return node

    def visit_List(self, node: ast.List) -> Any:
        for e in node.elts:
            e.in_list = True  # type: ignore[attr-defined]
        return self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        if not isinstance(node.ctx, ast.Load):
            return self.generic_visit(node)
        call = expression(f"{STAGE}.item()")
        call.args = [self.visit(node.value), self.visit(index_of_slice(node.slice))]  # type: ignore[attr-defined]
        return placed(call, node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> Any:
        parts: list[Any] = []
        for v in node.values:
            if isinstance(v, ast.FormattedValue):
                spec = self.visit(v.format_spec) if v.format_spec is not None else ast.Constant("")
                conversion = ast.Constant("" if v.conversion < 0 else chr(v.conversion))
                parts.append(ast.Tuple([self.visit(v.value), conversion, spec], ast.Load()))
            else:
                parts.append(v)
        call = expression(f"{STAGE}.text()")
        call.args = parts  # type: ignore[attr-defined]
        return placed(call, node)

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        node = self.generic_visit(node)  # type: ignore[assignment]
        if not isinstance(node.op, ast.Mod) or isinstance(getattr(node.left, "value", None), (int, float)):
            return node
        call: Any = expression(f"{STAGE}.percent()")
        call.args = [node.left, node.right]
        return placed(call, node)

    def visit_ListComp(self, node: ast.ListComp) -> Any:
        return self.comprehension(node, ast.ListComp)

    def visit_DictComp(self, node: ast.DictComp) -> Any:
        return self.comprehension(node, ast.DictComp)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> Any:
        return self.comprehension(node, ast.GeneratorExp)

    def comprehension(self, node: Any, kind: Any) -> Any:
        """A list as calls where what it goes through, or its tests, may be tensors; plain where they are not."""
        bound = {n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
        for g in node.generators:
            for test in g.ifs:
                mark_test(test)
        hidden = {n: self.guarded.pop(n) for n in list(self.guarded) if n in bound}
        outer, self.local = self.local, self.local - bound
        state = self.walrus_state([node])
        self.state_of_list = f", {state}" if state else ""
        node = self.generic_visit(node)
        self.local = outer
        self.guarded.update(hidden)
        simple = all(not g.is_async and is_plain_target(g.target) for g in node.generators)
        simple = simple and not isinstance(
            node.value if kind is ast.DictComp else node.elt, ast.Lambda
        )  # sees the variables as they are after the last one
        if not simple:
            return node
        out, first = self.fresh("list"), self.fresh("rows")
        consumed = ", True" if getattr(node, "consumed", False) else ""
        name = "mapped" if kind is ast.DictComp else "listed"
        made = expression(f"{STAGE}.{name}(lambda {out}: None{consumed})")
        copied = copy.deepcopy(node)
        copied.generators[0].iter = ast.Name(first, ast.Load())
        made.args[0].body = self.collected(copied, 0, out)  # type: ignore[attr-defined]
        if (kind is not ast.GeneratorExp or getattr(node, "whole", False)) and any(g.ifs for g in node.generators):
            whole = expression(f"(lambda {first}: None)(None)")
            whole.func.body = made  # type: ignore[attr-defined]
        else:
            whole = expression(f"(lambda {first}: None if {STAGE}.is_open({first}) else None)(None)")
            whole.func.body.body = made  # type: ignore[attr-defined]
            native = copy.deepcopy(node)
            native.generators[0].iter = ast.Name(first, ast.Load())
            whole.func.body.orelse = native  # type: ignore[attr-defined]
        whole.args = [node.generators[0].iter]  # type: ignore[attr-defined]
        return placed(whole, node)

    def collected(self, node: Any, k: int, out: str) -> Any:
        """The part of a comprehension from its k-th `for` on."""
        if k == len(node.generators) and isinstance(node, ast.DictComp):
            call = expression(f"{STAGE}.set_item(None, {out}, None)")
            call.args[0], call.args[2] = node.value, node.key  # type: ignore[attr-defined]
            return call
        if k == len(node.generators):
            call = expression(f"{STAGE}.call({out}.append)(None)")
            call.args = [node.elt]  # type: ignore[attr-defined]
            return call
        g = node.generators[k]
        inner = self.collected(node, k + 1, out)
        for test in reversed(g.ifs):
            call = expression(f"{STAGE}.when({out}, None, lambda: None{self.state_of_list})")
            call.args[1], call.args[2].body = test, inner  # type: ignore[attr-defined]
            inner = call
        v = self.fresh("value")
        names = [n.id for n in ast.walk(g.target) if isinstance(n, ast.Name)]
        star = "*" if isinstance(g.target, ast.Tuple) else ""
        call = expression(
            f"{STAGE}.collect({out}, None, lambda {v}: (lambda {', '.join(names)}: None)({star}{v}){self.state_of_list})"
        )
        call.args[1] = g.iter  # type: ignore[attr-defined]
        call.args[2].body.func.body = inner  # type: ignore[attr-defined]
        return call

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        inner = {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
        hidden = {n: self.guarded.pop(n) for n in list(self.guarded) if n in inner}
        outer = self.local
        self.local = self.local - inner
        node.body = self.visit(node.body)
        self.local = outer
        self.guarded.update(hidden)
        return node


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


def convert_function(node: ast.FunctionDef | ast.AsyncFunctionDef, first: str | None, file: str) -> ast.FunctionDef:
    """A function definition with its control flow as calls."""
    if isinstance(node, ast.AsyncFunctionDef):
        fail(
            "unsupported",
            f"to_static: '{node.name}' is a coroutine (await what it needs outside, and give it the values){at(file, node.lineno)}",
        )
    for n in _own(node):
        if isinstance(n, (ast.Yield, ast.YieldFrom, ast.Await)):
            fail(
                "unsupported",
                f"to_static: '{node.name}' is a generator or coroutine, at line {n.lineno} (collect the values in a list){at(file, n.lineno)}",
            )
    declared = [s for s in _own(node) if isinstance(s, (ast.Global, ast.Nonlocal))]
    globals_ = {n for s in declared if isinstance(s, ast.Global) for n in s.names}
    nonlocals = {n for s in declared if isinstance(s, ast.Nonlocal) for n in s.names}
    parameters = parameters_of(node.args)
    lowered = LowerMatch()
    doc = node.body[:1] if ast.get_docstring(node, clean=False) is not None else []
    body = Exits().function(lowered.block(node.body[len(doc) :] or statements("pass", node)))
    note_needed(body)
    local = (set(names_of(body).stored) | set(parameters)) - globals_ - nonlocals
    r = _Rewrite(local, first or (parameters[0] if parameters else None), globals_, nonlocals, file)
    r.own = own_names(body, local - set(parameters))
    body = r.block(body)
    guarded = [n for n in r.guarded if n not in parameters]
    loads = Loads({*r.guarded, *r.handed, *parameters} - {"self"})
    body = [loads.visit(s) for s in body]
    # Declarations first: they stand before any use.
    head = [s for s in body if isinstance(s, (ast.Global, ast.Nonlocal))]
    rest = [s for s in body if s not in head]
    lines = [f"{n} = {STAGE}.Undefined({n!r})" for n in guarded]
    for w in r.walrus:
        lines += [
            f"def {FLAG}put_{w}({FLAG}new):",
            f"    nonlocal {w}",
            f"    {w} = {FLAG}new",
            f"    return {FLAG}new",
        ]
    defined = statements("\n".join(lines), node) if lines else []
    node.body = [*doc, *head, *defined, *rest] or [ast.Pass()]
    node.decorator_list = []
    node.returns = None
    return ast.fix_missing_locations(node)
