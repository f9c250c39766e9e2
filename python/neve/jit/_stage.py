"""What control flow of converted functions calls: plain values do what Python does, tensors of a capture become nodes."""

from __future__ import annotations

import builtins
import functools
import operator
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from .. import _neve
from .._base import Error, Tensor, fail, kind
from ._transform import is_user_code, transform

Dim = _neve.Dim


# ---- values that may not be there ------------------------------------------------------------------------------------


class Undefined:
    """A variable before its first assignment."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name} is not assigned yet>"


class Maybe:
    """A variable that is a tensor where `flag` holds and `absent` (Undefined or None) elsewhere."""

    def __init__(self, value: Any, flag: Tensor, absent: Any) -> None:
        self.value, self.flag, self.absent = value, flag, absent


def read(value: Any) -> Any:
    """A variable's value. Raises UnboundLocalError where it has none; where only some calls give it one, the captured
    program checks that when it runs."""
    if isinstance(value, Undefined):
        raise UnboundLocalError(f"cannot access local variable '{value.name}' where it is not associated with a value")
    return _checked(value) if isinstance(value, Maybe) else value


def raw(value: Any) -> Any:
    """A variable's value where it is only handed on, or compared with None."""
    return read(value) if isinstance(value, Undefined) else value


def _checked(m: Maybe) -> Any:
    if not isinstance(m.value, Tensor):
        return m.value
    name = m.absent.name if isinstance(m.absent, Undefined) else None
    text = (
        f"cannot access local variable '{name}' where it is not associated with a value"
        if name
        else "a variable that is None, as tensors chose, is used as a tensor"
    )
    from .._base import ops

    def absent(_: list[Tensor]) -> list[Tensor]:
        return [ops.fail(ops.shape(m.value), message=text, dtype=m.value.dtype)]

    return _neve.stage_if(m.flag, lambda _: [ops.identity(m.value)], absent)[0]


# ---- conditions ------------------------------------------------------------------------------------------------------


class SizeCondition:
    """A comparison of sizes that no proof settles: a condition of the graph, or the example's answer as a guard."""

    def __init__(self, kind: str, a: Any, b: Any) -> None:
        self.kind, self.a, self.b = kind, a, b

    def decide(self) -> bool:
        return bool(getattr(operator, self.kind)(self.a, self.b))

    __bool__ = decide

    def tensor(self) -> Tensor:
        a, b = (_neve.dim_tensor(v) if isinstance(v, Dim) else _neve.tensor(v) for v in (self.a, self.b))
        return getattr(operator, self.kind)(a, b)


def _is_program(x: Any) -> bool:
    return isinstance(x, Tensor) and _neve.is_captured(x)


def _condition(x: Any) -> Any:
    """A bool, or a captured bool[] (or SizeCondition) to stage by."""
    if isinstance(x, SizeCondition):
        return x
    if isinstance(x, Dim):
        return compare(["ne"], x, 0)
    if isinstance(x, Maybe):
        return x.flag if x.absent is None else bool(read(x))
    if isinstance(x, Tensor) and _neve.is_capturing():
        t = x
        if t.ndim and (t.size != 1):
            raise Error(f"bool: {t.dtype}{list(t.shape)} has several elements (one would do: any(), all())")
        known = _neve.known_content(t)
        if known is not None:
            return bool(known.item())
        if t.ndim:
            t = t.reshape(())
        return t if t.dtype == "bool" else t != 0
    return bool(x)


def _tensor_of(c: Any) -> Tensor:
    return c.tensor() if isinstance(c, SizeCondition) else _neve.tensor(c) if isinstance(c, bool) else c


def _always(value: Any) -> Callable[[], Any]:
    return lambda: value


_SIZES = {"eq", "ne", "lt", "le", "gt", "ge"}


def compare(kinds: Sequence[str], left: Any, *rest: Any) -> Any:
    """left OP right, and chains of them."""
    if len(kinds) > 1:
        result: Any = True
        values = [left]
        right = rest[0]()
        values.append(right)
        result = compare([kinds[0]], left, right)
        for kind, thunk in zip(kinds[1:], rest[1:]):
            if isinstance(result, bool) and not result:
                return result
            right = thunk()
            result = and_(_always(result), functools.partial(compare, [kind], values[-1], right))
            values.append(right)
        return result
    (kind,), (right,) = kinds, rest
    if kind in ("is_", "is_not"):
        if isinstance(left, Maybe) and right is None and left.absent is None:
            return left.flag if kind == "is_not" else ~left.flag
        return getattr(operator, kind)(left, right)
    if kind == "in_":
        return left in right
    if kind == "not_in":
        return left not in right
    left, right = (v.tensor() if isinstance(v, SizeCondition) else v for v in (left, right))
    if kind in _SIZES and (isinstance(left, Dim) or isinstance(right, Dim)):
        if not isinstance(left, (Dim, int)) or not isinstance(right, (Dim, int)):
            left, right = (
                _neve.dim_tensor(v) if isinstance(v, Dim) and isinstance(o, float) else v
                for v, o in ((left, right), (right, left))
            )
            if isinstance(left, Dim) or isinstance(right, Dim):
                return getattr(operator, kind)(left, right)
            return getattr(operator, kind)(left, right)
        known = _neve.prove_sizes(kind, left, right)
        return SizeCondition(kind, left, right) if known is None else known
    return getattr(operator, kind)(left, right)


def not_(x: Any) -> Any:
    """not x."""
    c = _condition(x)
    if isinstance(c, SizeCondition):
        opposite = {"eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "gt": "le", "le": "gt"}
        return SizeCondition(opposite[c.kind], c.a, c.b)
    return ~c if isinstance(c, Tensor) else not c


def and_(*parts: Callable[[], Any]) -> Any:
    """The first of the values that is false, else the last; later parts are asked only if need be."""
    return _logic(parts, True)


def or_(*parts: Callable[[], Any]) -> Any:
    """The first of the values that is true, else the last."""
    return _logic(parts, False)


def _logic(parts: Sequence[Callable[[], Any]], go_on: bool) -> Any:
    value = parts[0]()
    if len(parts) == 1:
        return value
    c = _condition(value)
    if isinstance(c, bool):
        return value if c != go_on else _logic(parts[1:], go_on)
    t = _tensor_of(c)
    if isinstance(value, Tensor) and value.dtype != "bool":
        return choose(
            value,
            (lambda: _logic(parts[1:], go_on)) if go_on else (lambda: value),
            (lambda: value) if go_on else (lambda: _logic(parts[1:], go_on)),
        )

    # The later parts may be right only where the first allows: they run in a branch.
    def later() -> Any:
        return _logic(parts[1:], go_on)

    return choose(t, later, lambda: False) if go_on else choose(t, lambda: True, later)


# ---- state: variables as leaves --------------------------------------------------------------------------------------


class _Box:
    """A list or dict as it was, to be put back."""

    def __init__(self, container: Any) -> None:
        self.container = container
        self.content = list(container) if isinstance(container, list) else dict(container)

    def restore(self) -> None:
        if isinstance(self.container, list):
            self.container[:] = self.content
        else:
            self.container.clear()
            self.container.update(self.content)


def _boxes(values: Iterable[Any], found: dict[int, _Box] | None = None) -> dict[int, _Box]:
    found = {} if found is None else found
    for v in values:
        if isinstance(v, (list, dict)):
            if id(v) not in found:
                found[id(v)] = _Box(v)
                _boxes(v if isinstance(v, list) else v.values(), found)
        elif isinstance(v, tuple):
            _boxes(v, found)
    return found


def _flatten(values: Sequence[Any]) -> tuple[list[Any], Any]:
    """(leaves, structure): containers apart."""
    leaves: list[Any] = []

    def walk(v: Any) -> Any:
        if isinstance(v, (list, tuple)):
            return (type(v), getattr(type(v), "_fields", None), [walk(e) for e in v])
        if isinstance(v, dict):
            return (dict, list(v), [walk(e) for e in v.values()])
        leaves.append(v)
        return None

    return leaves, [walk(v) for v in values]


def _build(structure: Any, leaves: Iterator[Any], old: Any) -> Any:
    """Containers anew; a list or dict that the variable held before keeps being that object."""
    if structure is None:
        return next(leaves)
    kind, keys, parts = structure
    before = list(old.values()) if isinstance(old, dict) else list(old) if isinstance(old, (list, tuple)) else []
    made = [_build(p, leaves, before[i] if i < len(before) else None) for i, p in enumerate(parts)]
    if kind is dict:
        if isinstance(old, dict):
            old.clear()
            old.update(zip(keys, made))
            return old
        return dict(zip(keys, made))
    if issubclass(kind, list):
        if isinstance(old, list):
            old[:] = made
            return old
        return kind(made)
    return kind(*made) if keys else kind(made)


def _unflatten(structure: Any, leaves: Sequence[Any], old: Sequence[Any]) -> list[Any]:
    it = iter(leaves)
    return [_build(s, it, o) for s, o in zip(structure, old)]


def _paths(names: Sequence[str], structure: Any) -> list[str]:
    found: list[str] = []

    def walk(s: Any, at: str) -> None:
        if s is None:
            found.append(at)
            return
        for i, p in enumerate(s[2]):
            walk(p, f"{at}[{(s[1] or range(len(s[2])))[i]!r}]")

    for n, s in zip(names, structure):
        walk(s, n)
    return found


def _is_number(v: Any) -> bool:
    return isinstance(v, (bool, int, float)) or isinstance(v, (Dim, SizeCondition))


def _same(a: Any, b: Any) -> bool:
    """Whether a leaf needs no node: one object, or equal constants."""
    if a is b:
        return True
    if isinstance(a, Undefined) and isinstance(b, Undefined):
        return True
    if isinstance(a, (Tensor, Maybe, Dim, SizeCondition)) or isinstance(b, (Tensor, Maybe, Dim, SizeCondition)):
        return isinstance(a, Dim) and isinstance(b, Dim) and _neve.prove_sizes("eq", a, b) is True
    if type(a) is not type(b):
        return False
    if isinstance(a, float):  # 0.0 and -0.0 differ, NaN is NaN
        return repr(a) == repr(b)
    try:
        return bool(a == b)
    except Exception:
        return False


def _dtype(v: Any) -> str:
    if isinstance(v, Tensor):
        return v.dtype
    if isinstance(v, (bool, SizeCondition)):
        return "bool"
    return "f32" if isinstance(v, float) else "i64"


def _common(a: Any, b: Any) -> str:
    """The dtype of a value that is one or the other: numbers are weak beside tensors."""
    ta, tb = isinstance(a, Tensor), isinstance(b, Tensor)
    x, y = _dtype(a), _dtype(b)
    if x == y:
        return x
    if ta != tb:
        tensor, number = (x, y) if ta else (y, x)
        return tensor if kind(tensor) >= kind(number) else number
    return _neve.promote(x, y)


def _lift(v: Any, dtype: str) -> Tensor:
    if isinstance(v, SizeCondition):
        v = v.tensor()
    elif isinstance(v, Dim):
        v = _neve.dim_tensor(v)
    elif not isinstance(v, Tensor):
        v = _neve.tensor(v)
    return v if v.dtype == dtype else v.astype(dtype)


def _absent(v: Any) -> bool:
    return v is None or isinstance(v, Undefined)


def _placeholder(like: Any) -> Tensor:
    """Zeros of a type, where a value is not there: never read."""
    sizes = [n if isinstance(n, int) or _neve.is_stated(n) else 0 for n in like[1]]
    from .._creation import zeros

    return zeros(tuple(sizes), dtype=like[0])


# ---- if --------------------------------------------------------------------------------------------------------------


def _stageable(condition: Any, problems: Sequence[tuple[int, str]], what: str) -> None:
    if problems:
        line, text = problems[0]
        fail(
            "unsupported",
            f"to_static: {text} at line {line}, inside {what} over tensors (only one of the ways runs; assign to a local variable)",
        )


class _Leaf:
    """What a branch makes of a leaf, seen in a trial run."""

    def __init__(self, v: Any) -> None:
        self.value = v
        self.type = (v.dtype, v.shape) if isinstance(v, Tensor) else None
        self.inner = _Leaf(v.value) if isinstance(v, Maybe) else None


def if_(
    test: Any,
    then: Callable[[], None],
    other: Callable[[], None],
    get: Callable[[], tuple[Any, ...]],
    put: Callable[[tuple[Any, ...]], None],
    names: tuple[str, ...],
    problems: Sequence[tuple[int, str]] = (),
) -> None:
    """An if statement."""
    c = _condition(test)
    if isinstance(c, bool):
        (then if c else other)()
        return
    if isinstance(c, SizeCondition):
        state = get()
        boxes = _boxes(state)
        try:
            _stage_if(c.tensor(), then, other, get, put, names, problems)
        except (Error, UnboundLocalError, TypeError):  # not both ways as one graph: the example's, and a guard
            for b in boxes.values():
                b.restore()
            put(state)
            (then if c.decide() else other)()
        return
    _stage_if(c, then, other, get, put, names, problems)


def _stage_if(
    test: Tensor,
    then: Callable[[], None],
    other: Callable[[], None],
    get: Callable[[], tuple[Any, ...]],
    put: Callable[[tuple[Any, ...]], None],
    names: tuple[str, ...],
    problems: Sequence[tuple[int, str]],
) -> None:
    _stageable(test, problems, "a branch")
    before = get()
    boxes = _boxes(before)

    def run(body: Callable[[], None]) -> tuple[list[Any], Any]:
        for b in boxes.values():
            b.restore()
        put(before)
        body()
        return _flatten(get())

    seen: list[tuple[list[_Leaf], Any]] = []

    def branch(body: Callable[[], None]) -> Any:
        def inside(_: list[Tensor]) -> list[Tensor]:
            leaves, structure = run(body)
            seen.append(([_Leaf(v) for v in leaves], structure))
            return []

        try:
            return _neve.stage_open(inside)
        finally:
            for box in boxes.values():
                box.restore()
            put(before)

    one, two = branch(then), branch(other)
    (a, sa), (b, sb) = seen
    if sa != sb:
        a, b, sa = _align(names, a, sa, b, sb)
    paths = _paths(names, sa)
    plan = [_merge(p, x, y) for p, x, y in zip(paths, a, b)]
    # A variable that one way keeps and the other makes anew: a change in place after it is one of the old tensor too.
    old, shape = _flatten(before)
    originals = [v if isinstance(v, Tensor) and _neve.is_captured(v) else None for v in old] if shape == sa else []
    kept = [
        (i, o) for i, (o, p) in enumerate(zip(originals, plan)) if o is not None and p is not None and p.absent is None
    ]

    def end(leaves: list[_Leaf]) -> Callable[[list[Tensor]], list[Tensor]]:
        def inside(_: list[Tensor]) -> list[Tensor]:
            out = [t for leaf, p in zip(leaves, plan) if p is not None for t in p.outputs(leaf.value)]
            return out + [_flag_of(leaves[i].value, o, i, may) for i, o in kept]

        return inside

    may: set[int] = set()

    results = iter(_neve.stage_close(test, one, two, end(a), end(b)))
    merged = [x.value if p is None else p.take(results) for x, p in zip(a, plan)]
    for i, o in kept:
        flag = next(results)
        if i in may:
            _neve.set_alias(merged[i], o, flag)
    put(tuple(_unflatten(sa, merged, before)))


def _flag_of(value: Any, original: Tensor, number: int = 0, may: set[int] | None = None) -> Tensor:
    """bool[]: whether a variable is the tensor that it was; notes the number of one that may be."""
    same = _neve.alias(value, original) if isinstance(value, Tensor) else False
    if same is not False and may is not None:
        may.add(number)
    return _neve.tensor(same) if isinstance(same, bool) else same


def _spread(leaf: Any, structure: Any) -> list[Any]:
    """A variable that holds nothing, as a container of as many places that hold nothing."""
    if structure is None:
        return [leaf]
    return [v for part in structure[2] for v in _spread(leaf, part)]


def _align(
    names: Sequence[str], a: list[Any], sa: Any, b: list[Any], sb: Any, wrap: Any = None
) -> tuple[list[Any], list[Any], Any]:
    """Leaves of two ways under one structure: what is not there in one has the containers of the other."""
    wrap = wrap or _Leaf
    ia, ib = iter(a), iter(b)
    out_a: list[Any] = []
    out_b: list[Any] = []

    def walk(x: Any, y: Any, name: str) -> Any:
        if x is None and y is None:
            out_a.append(next(ia))
            out_b.append(next(ib))
            return None
        if x is None or y is None:
            leaf, structure = (next(ia), y) if x is None else (next(ib), x)
            value = leaf.value if isinstance(leaf, _Leaf) else leaf
            if _absent(value):
                spread = [wrap(value) for _ in _spread(value, structure)]
                whole = [next(ib if x is None else ia) for _ in spread]
                (out_a if x is None else out_b).extend(spread)
                (out_b if x is None else out_a).extend(whole)
                return structure
        elif x[0] is y[0] and x[1] == y[1] and len(x[2]) == len(y[2]):
            return (x[0], x[1], [walk(p, q, name) for p, q in zip(x[2], y[2])])
        fail(
            "unsupported",
            f"to_static: '{name.removeprefix('__neve_')}' holds other things in the two ways of an 'if' over a tensor, or before and after a pass of a loop "
            "(the same containers and keys would do: assign parts, write into a tensor of the final size, or loop over a list)",
        )

    return out_a, out_b, [walk(x, y, n) for n, x, y in zip(names, sa, sb)]


class _Merge:
    """How a leaf leaves a branch or goes round a loop: as a tensor, with a flag where it may be absent."""

    def __init__(self, dtype: str, like: Any, absent: Any) -> None:
        self.dtype, self.like, self.absent = dtype, like, absent  # like: (dtype, shape) for placeholders

    @property
    def count(self) -> int:
        return 1 if self.absent is None else 2

    def outputs(self, v: Any) -> list[Tensor]:
        if self.absent is None:
            return [_lift(v, self.dtype)]
        value, flag = (v.value, v.flag) if isinstance(v, Maybe) else (v, not _absent(v))
        t = _placeholder(self.like) if _absent(value) else _lift(value, self.dtype)
        return [t, _tensor_of(flag)]

    def take(self, results: Iterator[Tensor]) -> Any:
        value = next(results)
        return value if self.absent is None else Maybe(value, next(results), self.absent.value)


class _Absence:
    def __init__(self, value: Any) -> None:
        self.value = value


def _merge(path: str, x: _Leaf, y: _Leaf) -> _Merge | None:
    a, b = x.value, y.value
    if _same(a, b):
        return None
    absent = next((v for v in (a, b) if _absent(v)), None) if _absent(a) or _absent(b) else None
    is_absent = _absent(a) or _absent(b)
    maybe = [v for v in (a, b) if isinstance(v, Maybe)]
    if _absent(a) and _absent(b):  # None in one, nothing in the other
        fail(
            "unsupported",
            f"to_static: '{path}' is None in one way of an 'if' over a tensor and not assigned in the other",
        )
    inner: list[Any] = [v.inner if isinstance(v.value, Maybe) else v for v in (x, y)]
    values = [v.value for v in inner if not _absent(v.value)]
    for v in values:
        if not isinstance(v, Tensor) and not _is_number(v):
            fail(
                "unsupported",
                f"to_static: '{path}' is {_text(a)} in one way of an 'if' over a tensor and {_text(b)} in the other (tensors and numbers can differ)",
            )
    dtype = _common(values[0], values[-1])
    ranks = {v.ndim if isinstance(v, Tensor) else 0 for v in values}
    if len(ranks) > 1:
        fail(
            "unsupported",
            f"to_static: '{path}' is {_text(a)} in one way of an 'if' over a tensor and {_text(b)} in the other (the same rank in both)",
        )
    like = next((v.type for v in inner if v.type), None) or (dtype, ())
    if maybe:
        absent, is_absent = maybe[0].absent, True
    return _Merge(dtype, (dtype, like[1]), _Absence(absent) if is_absent else None)


def _text(v: Any) -> str:
    if isinstance(v, Tensor):
        return f"a tensor of {v.dtype} and rank {v.ndim}"
    return (
        "not assigned"
        if isinstance(v, Undefined)
        else repr(v)
        if _is_number(v) or v is None
        else f"a {type(v).__name__}"
    )


def choose(test: Any, then: Callable[[], Any], other: Callable[[], Any]) -> Any:
    """then() if test else other(): a conditional expression."""
    c = _condition(test)
    if isinstance(c, bool):
        return then() if c else other()
    box: list[Any] = [Undefined("the value")]

    def run(f: Callable[[], Any]) -> Callable[[], None]:
        def inside() -> None:
            box[0] = f()

        return inside

    def put(v: tuple[Any, ...]) -> None:
        box[0] = v[0]

    if_(c, run(then), run(other), lambda: (box[0],), put, ("the conditional expression",))
    return box[0]


# ---- loops -----------------------------------------------------------------------------------------------------------


def while_(
    test: Callable[[], Any],
    body: Callable[[], None],
    get: Callable[[], tuple[Any, ...]],
    put: Callable[[tuple[Any, ...]], None],
    names: tuple[str, ...],
    problems: Sequence[tuple[int, str]] = (),
) -> None:
    """A while statement: runs as Python while its condition is a plain bool, then as a loop of the graph."""
    passes = 0
    while True:
        c = _condition(test())
        if isinstance(c, bool):
            if not c:
                return
            body()
            passes += 1
            if passes > 100000 and _neve.is_capturing():
                fail(
                    "unsupported",
                    "to_static: a while loop over plain Python values ran 100000 times while it was captured",
                )
            continue
        break
    _stage_loop(c, None, None, lambda _: body(), test, get, put, names, problems)


def _stage_loop(
    first: Any,
    trips: Tensor | None,
    item: Callable[[Tensor], Any] | None,
    body: Callable[[Any], None],
    test: Callable[[], Any] | None,
    get: Callable[[], tuple[Any, ...]],
    put: Callable[[tuple[Any, ...]], None],
    names: tuple[str, ...],
    problems: Sequence[tuple[int, str]],
) -> None:
    _stageable(first, problems, "a loop")
    before = get()
    boxes = _boxes(before)
    start, structure = _flatten(before)
    paths = _paths(names, structure)
    carried: dict[int, _Merge] = {}

    def kept() -> list[int]:
        """Carried variables that are tensors from before: until they are made anew, a change in place is one of those."""
        return [
            i
            for i in sorted(carried)
            if carried[i].absent is None and isinstance(start[i], Tensor) and _neve.is_captured(start[i])
        ]

    def begin(parameters: Iterator[Tensor]) -> list[Any]:
        for b in boxes.values():
            b.restore()
        leaves = [carried[i].take(parameters) if i in carried else v for i, v in enumerate(start)]
        for i in kept():
            _neve.set_alias(leaves[i], start[i], next(parameters))
        put(tuple(_unflatten(structure, leaves, before)))
        return leaves

    def once(counter: Tensor) -> Any:
        body(item(counter) if item else None)
        return _condition(test()) if test else True

    def initial() -> list[Tensor]:
        out: list[Tensor] = []
        for i, m in sorted(carried.items()):
            out += m.outputs(start[i])
        return out + [_neve.tensor(True) for _ in kept()]

    # What changes from pass to pass is found by trying.
    for _ in range(64):
        found: list[tuple[int, _Leaf, Any]] = []
        shape: list[Any] = []

        def trial(
            parameters: list[Tensor], found: Any = found, shape: Any = shape, structure: Any = structure
        ) -> list[Tensor]:
            found.clear()
            shape.clear()
            leaves = begin(iter(parameters[1:]))
            once(parameters[0])
            after, s = _flatten(get())
            if s != structure:  # e.g. nothing before the first pass, a tuple after it
                _, _, s = _align(names, leaves, structure, after, s, wrap=lambda v: v)
            shape.append(s)
            if s == structure:
                found.extend((i, _Leaf(x), v) for i, (x, v) in enumerate(zip(after, leaves)))
            return []

        _neve.stage_probe([_neve.tensor(0), *initial()], trial)
        for b in boxes.values():
            b.restore()
        put(before)
        if shape[0] != structure:
            start = _align(names, start, structure, [None] * _count(shape[0]), shape[0], wrap=lambda v: v)[0]
            structure = shape[0]
            paths = _paths(names, structure)
            carried.clear()
            continue
        changed = False
        for i, leaf, was in found:
            m = _carry(paths[i], start[i], was, leaf, carried.get(i))
            if m is not None and (
                i not in carried or (m.dtype, m.absent is None) != (carried[i].dtype, carried[i].absent is None)
            ):
                carried[i] = m
                changed = True
        if not changed:
            break
    order = sorted(carried)

    def final(parameters: list[Tensor]) -> list[Tensor]:
        begin(iter(parameters[2:]))
        go_on = once(parameters[0])
        after, _ = _flatten(get())
        out = [_tensor_of(go_on)]
        for i in order:
            out += carried[i].outputs(after[i])
        return out + [_flag_of(after[i], start[i]) for i in kept()]

    results = iter(_neve.stage_loop(trips, _tensor_of(first), initial(), final))
    for b in boxes.values():
        b.restore()
    leaves = [carried[i].take(results) if i in carried else v for i, v in enumerate(start)]
    for i in kept():
        _neve.set_alias(leaves[i], start[i], next(results))
    put(tuple(_unflatten(structure, leaves, before)))


def _count(structure: Any) -> int:
    return sum(len(_spread(None, s)) for s in structure)


def _carry(path: str, start: Any, was: Any, leaf: _Leaf, known: _Merge | None) -> _Merge | None:
    """How a variable goes round, from its value before the loop, at the start of a pass and at its end."""
    now = leaf.value
    if known is None and _same(was, now):
        return None
    inner = leaf.inner if isinstance(now, Maybe) else leaf
    value = inner.value if inner else now
    if _absent(value):
        if known is not None or not _absent(start):
            fail(
                "unsupported",
                f"to_static: '{path}' becomes {_text(value)} in a loop over tensors (a tensor or number would do)",
            )
        return None
    begin = start.value if isinstance(start, Maybe) else start
    for v in (value, begin):
        if not isinstance(v, Tensor) and not _is_number(v) and not _absent(v):
            fail(
                "unsupported",
                f"to_static: '{path}' changes from {_text(start)} to {_text(now)} in a loop over tensors (tensors and numbers can change)",
            )
    dtype = _dtype(value) if _absent(begin) else _common(begin, value)
    if known is not None:
        dtype = _neve.promote(dtype, known.dtype) if dtype != known.dtype else dtype
    if isinstance(begin, Tensor) and begin.dtype != dtype:
        fail(
            "unsupported",
            f"to_static: '{path}' is {_text(begin)} before a loop over tensors and of {dtype} after a pass (astype before the loop)",
        )
    rank = value.ndim if isinstance(value, Tensor) else 0
    if not _absent(begin) and (begin.ndim if isinstance(begin, Tensor) else 0) != rank:
        fail(
            "unsupported",
            f"to_static: '{path}' is {_text(begin)} before a loop over tensors and {_text(value)} after a pass (the same rank)",
        )
    like = inner.type if inner and inner.type else (dtype, ())
    absence = start.absent if isinstance(start, Maybe) else start if _absent(start) else None
    is_absent = isinstance(start, Maybe) or _absent(start) or (known is not None and known.absent is not None)
    if known is not None and known.absent is not None:
        absence = known.absent.value
    return _Merge(dtype, (dtype, like[1]), _Absence(absence) if is_absent else None)


class TensorRange:
    """range() whose bounds are tensors or open sizes."""

    def __init__(self, *bounds: Any) -> None:
        self.start, self.stop, self.step = (0, bounds[0], 1) if len(bounds) == 1 else (*bounds, 1)[:3]

    def trips(self) -> Tensor:
        from .._elementwise import maximum

        a, b, s = (_lift(v, "i64") for v in (self.start, self.stop, self.step))
        distance = b - a
        return maximum((distance + s - _sign(s)) // s, _neve.tensor(0))

    def item(self, counter: Tensor) -> Any:
        return counter * _lift(self.step, "i64") + _lift(self.start, "i64")


def _sign(t: Tensor) -> Tensor:
    from .._elementwise import sign

    return sign(t)


def for_(
    iterable: Any,
    body: Callable[[Any], None],
    more: Callable[[], Any] | None,
    get: Callable[[], tuple[Any, ...]],
    put: Callable[[tuple[Any, ...]], None],
    names: tuple[str, ...],
    problems: Sequence[tuple[int, str]] = (),
) -> None:
    """A for statement: over plain Python values pass by pass, over open sizes as a loop of the graph."""
    trips: Any = None
    item: Any = None
    if isinstance(iterable, TensorRange):
        trips, item = iterable.trips(), iterable.item
    elif _is_program(iterable):
        if iterable.ndim == 0:
            raise TypeError("iteration over a tensor of rank 0")
        n = iterable.shape[0]
        if isinstance(n, Dim):
            trips, item = _neve.dim_tensor(n), (lambda k: iterable[k])
        else:
            iterable = [iterable[k] for k in builtins.range(n)]
    if trips is not None:
        first = True if more is None else _condition(more())
        if first is False:
            return
        _stage_loop(first, trips, item, body, more, get, put, names, problems)
        return
    for value in iterable:
        c = True if more is None else _condition(more())
        if isinstance(c, bool):
            if not c:
                return
            body(value)
        else:
            if_(c, functools.partial(body, value), lambda: None, get, put, names, problems)


# ---- the rest --------------------------------------------------------------------------------------------------------


def result(returned: Any, value: Any) -> Any:
    """What a function with early returns gives."""
    c = _condition(returned)
    if isinstance(c, bool):
        return value if c else None
    if isinstance(value, Maybe):
        value = value.value
    if isinstance(value, (tuple, list, dict)):
        leaves, structure = _flatten([value])
        leaves = [v.value if isinstance(v, Maybe) else v for v in leaves]
        value = _unflatten(structure, leaves, [None])[0]
    if isinstance(value, Tensor):
        from .._base import ops

        text = "the function ended without a return in a way that tensors chose (return a tensor in every way)"
        return _neve.stage_if(
            c, lambda _: [ops.identity(value)], lambda _: [ops.fail(ops.shape(value), message=text, dtype=value.dtype)]
        )[0]
    return value


def as_tensors(value: Any) -> Any:
    """Results with sizes and conditions as tensors."""
    leaves, structure = _flatten([value])
    made = [_returned(v) for v in leaves]
    return _unflatten(structure, made, [None])[0]


def _returned(v: Any) -> Any:
    if isinstance(v, Dim):
        return _neve.dim_tensor(v)
    if isinstance(v, SizeCondition):
        return v.tensor()
    return read(v)


_IN_PLACE = {"Add": "iadd", "Sub": "isub", "Mult": "imul", "Div": "itruediv", "FloorDiv": "ifloordiv", "Mod": "imod",
             "Pow": "ipow", "LShift": "ilshift", "RShift": "irshift", "BitOr": "ior", "BitXor": "ixor", "BitAnd": "iand",
             "MatMult": "imatmul"}  # fmt: skip


def augment_item(kind: str, owner: Any, index: Any, value: Any) -> None:
    """owner[index] OP= value."""
    value = value.tensor() if isinstance(value, SizeCondition) else value
    if isinstance(owner, Tensor) and _neve.is_capturing():  # no view is needed: the result is put in its place
        owner[index] = getattr(
            operator, _IN_PLACE[kind][1:] if kind not in ("BitOr", "BitAnd") else _IN_PLACE[kind][1:] + "_"
        )(owner[index], value)
        return
    owner[index] = getattr(operator, _IN_PLACE[kind])(owner[index], value)


def augment(kind: str, target: Any, value: Any) -> Any:
    """target OP= value."""
    target = read(target)
    if isinstance(target, SizeCondition):
        target = target.tensor()
    if isinstance(value, SizeCondition):
        value = value.tensor()
    return getattr(operator, _IN_PLACE[kind])(target, value)


def assert_(test: Any, message: Callable[[], Any]) -> None:
    """An assert statement; over tensors it is checked when the program runs, before there are results."""
    c = _condition(test)
    if isinstance(c, SizeCondition):
        c = c.decide()
    if isinstance(c, bool):
        if not c:
            raise AssertionError(message())
        return
    from ._capture import current_asserts

    if _neve.capture_depth() > 0:
        fail(
            "unsupported",
            "to_static: an assert over tensors inside a branch or a loop over tensors (assert before or after it)",
        )
    current_asserts().append((c, f"AssertionError: {message() or 'assertion failed'}"))


def attribute(owner: Any, name: str) -> Any:
    """owner.name, or that it is not there yet."""
    return getattr(owner, name, Undefined(name))


def set_attribute(owner: Any, name: str, value: Any) -> None:
    """owner.name = value."""
    if isinstance(value, Undefined):
        if hasattr(owner, name):
            delattr(owner, name)
        return
    if getattr(owner, name, None) is not value:
        setattr(owner, name, value)


def _range(*bounds: Any) -> Any:
    if any(isinstance(b, (Tensor, Dim)) for b in bounds):
        known = [int(b) if isinstance(b, int) else _known_int(b) for b in bounds]
        if all(k is not None for k in known):
            return builtins.range(*known)  # type: ignore[arg-type]
        return TensorRange(*bounds)
    return builtins.range(*bounds)


def _known_int(v: Any) -> int | None:
    known = _neve.known_content(v) if isinstance(v, Tensor) and v.size == 1 else None
    return None if known is None else int(known.item())


def _len(x: Any) -> Any:
    return x.shape[0] if isinstance(x, Tensor) and x.ndim else builtins.len(x)


def _int(*args: Any) -> Any:
    if len(args) == 1:
        (x,) = args
        if isinstance(x, Dim):
            return x
        if isinstance(x, SizeCondition):
            return x.tensor().astype("i64")
        if _is_program(x) and _known_int(x) is None:
            from .._elementwise import trunc

            x = x.reshape(()) if x.ndim else x
            return (trunc(x) if x.dtype in ("f64", "f32", "f16", "bf16") else x).astype("i64")
    return builtins.int(*args)


def _float(*args: Any) -> Any:
    if len(args) == 1:
        (x,) = args
        if isinstance(x, Dim):
            return _neve.dim_tensor(x).astype("f32")
        if _is_program(x):
            known = _neve.known_content(x) if x.size == 1 else None
            return builtins.float(known) if known is not None else (x.reshape(()) if x.ndim else x).astype("f32")
    return builtins.float(*args)


def _bool(*args: Any) -> Any:
    return _condition(args[0]) if len(args) == 1 else builtins.bool(*args)


def _extreme(name: str) -> Callable[..., Any]:
    plain = getattr(builtins, name)

    def f(*args: Any, **kwargs: Any) -> Any:
        values = list(args[0]) if len(args) == 1 and isinstance(args[0], (list, tuple)) else list(args)
        if kwargs or len(values) < 2 or not any(isinstance(v, Dim) or _is_program(v) for v in values):
            return plain(*args, **kwargs)
        if all(isinstance(v, (Dim, int)) for v in values):
            best = values[0]
            for v in values[1:]:
                best = getattr(Dim, name)(best, v)
            return best
        from .. import _elementwise

        pair = _elementwise.maximum if name == "max" else _elementwise.minimum
        best = values[0]
        for v in values[1:]:
            best = pair(
                _neve.dim_tensor(best) if isinstance(best, Dim) else best,
                _neve.dim_tensor(v) if isinstance(v, Dim) else v,
            )
        return best

    return f


def _isinstance(x: Any, kinds: Any) -> bool:
    if isinstance(x, Dim):
        return builtins.isinstance(0, kinds) or builtins.isinstance(x, kinds)
    if isinstance(x, SizeCondition):
        return builtins.isinstance(True, kinds)
    return builtins.isinstance(x, kinds)


def _enumerate(iterable: Any, start: int = 0) -> Any:
    if _is_program(iterable):
        return [(start + k, iterable[k]) for k in builtins.range(int(iterable.shape[0]))]
    return builtins.enumerate(iterable, start)


def _all(values: Any) -> Any:
    result: Any = True
    for v in values:
        result = and_(_always(result), functools.partial(_condition, v))
        if result is False:
            return False
    return result


def _any(values: Any) -> Any:
    result: Any = False
    for v in values:
        result = or_(_always(result), functools.partial(_condition, v))
        if result is True:
            return True
    return result


_BUILTINS: dict[Any, Any] = {
    builtins.range: _range, builtins.len: _len, builtins.int: _int, builtins.float: _float, builtins.bool: _bool,
    builtins.max: _extreme("max"), builtins.min: _extreme("min"), builtins.isinstance: _isinstance,
    builtins.enumerate: _enumerate, builtins.all: _all, builtins.any: _any,
}  # fmt: skip


def call(function: Any) -> Any:
    """What is called in the place of a function: its converted form, where it is the user's."""
    try:
        staged = _BUILTINS.get(function)
    except TypeError:
        staged = None
    if staged is not None:
        return staged if _neve.is_capturing() else function
    if isinstance(function, type) or not callable(function):
        return function
    if _neve.is_capturing() and _draws(function):
        fail(
            "unsupported",
            f"to_static: {getattr(function, '__qualname__', function)}() gives another value at each call, and the graph would keep the first (neve.random, or pass the value in)",
        )
    target = getattr(function, "__func__", function)
    if not is_user_code(target):
        return function
    from ._capture import note_function

    note_function(target)
    return transform(function)


def _draws(function: Any) -> bool:
    """Whether a function is one of chance or of the clock."""
    if getattr(function, "__module__", None) in ("random", "time", "secrets", "uuid", "numpy.random"):
        return True
    owner = getattr(function, "__self__", None)
    return isinstance(owner, random.Random) or type(owner).__module__.startswith("numpy.random")


def forward_of(module: Any) -> Any:
    """The converted forward of a module, while converted code is captured."""
    from ._capture import note_module

    f = module.forward
    note_module(module)
    if _neve.is_capturing() and active() and is_user_code(getattr(f, "__func__", f)):
        return transform(f)
    return f


class _Active:
    depth = 0


def active() -> bool:
    """Whether modules that are called convert their forward."""
    return _Active.depth > 0


class activated:
    """While this is open, in this process, modules convert their forward when a program is captured."""

    def __enter__(self) -> None:
        from ..nn import module

        _Active.depth += 1
        module.convert_forward = forward_of

    def __exit__(self, *_: object) -> None:
        from ..nn import module

        _Active.depth -= 1
        if not _Active.depth:
            module.convert_forward = None
