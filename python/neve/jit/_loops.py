"""while and for statements: over plain values pass by pass, over tensors and open sizes as a `loop` of the graph."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .. import _neve
from .._base import Tensor, fail
from . import _effects
from ._aliases import Objects, Result
from ._align import Aligned, Apart, Flat, Grown, Leaf, count_of, looping, relocated
from ._branches import Get, Problems, Put, if_, require_stageable
from ._choices import options_of
from ._effects import Raised, with_effects
from ._kinds import kinds_in
from ._lists import Open, open_of
from ._numbers import number
from ._one_of import OneOf, Way
from ._reach import Missed, Reached, code_of, note_places, own_of, require_own, with_places
from ._state import (
    Merge,
    boxes_of,
    either,
    flatten,
    grow,
    is_fixed,
    joined,
    lost,
    objects_of,
    paths_of,
    returned,
    unflatten,
    with_wholes_in,
)  # fmt: skip
from ._values import Maybe, condition, is_number, is_program, read, same, tensor_of, weak_dtype
from ._variants import UNSET, Unset

_BEFORE = "before a loop over tensors and", "after a pass"


def while_(
    test: Callable[[], Any],
    body: Callable[[], None],
    get: Get,
    put: Put,
    names: tuple[str, ...],
    problems: Problems = (),
) -> None:
    """A while statement: runs as Python while its condition is a plain bool, then as a loop of the graph."""
    passes = 0
    while True:
        c = condition(test())
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
    stage_loop(c, None, None, lambda _: body(), test, get, put, names, problems, code=code_of(body))


def stage_loop(
    first: Any, trips: Tensor | None, item: Callable[[Any], Any] | None, body: Callable[[Any], None],
    test: Callable[[], Any] | None, get: Get, put: Put, names: tuple[str, ...], problems: Problems, code: Any = None,
) -> None:  # fmt: skip
    """A `loop` of the graph: passes while the condition holds and `trips` (if given) allow. code: of the body."""
    require_stageable(problems, "a loop")

    def once(counter: Tensor) -> Any:
        body(item(number(counter)) if item else None)
        return condition(test()) if test else True

    code = code or code_of(body)
    places = Reached([once], get).places(code) if code in _effects.current().places else []
    wholes: dict[tuple[Any, ...], Any] = {}
    for _ in range(64):
        try:
            loop = _Loop(once, places, wholes, *with_effects(*with_places(get, put, names, places)))
            loop.expect(code)
            with looping(loop.known):
                loop.make(trips, tensor_of(first))
            return
        except Grown as grown:  # a list that is longer after a pass: from before on, tensors decide its length
            loop.restore()
            if grown.path in objects_of(loop.before) or grown.path in wholes:
                grow(grown, loop.before)
            else:  # a list of the passes: it holds them so at each one's end
                wholes[grown.path] = grown.of
        except Missed as missed:
            loop.restore()
            note_places(code, missed.places)
            places += missed.places
        except Raised as r:
            loop.restore()
            fail("unsupported", f"to_static: every pass of a loop over tensors raises ({r.text!r})")
    fail("internal", "internal: to_static: the lists of a loop do not settle")


class _Learnt(BaseException):
    """A loop carries more than was known: it is made again."""


class _Loop:
    """A loop that is being made: what changes from pass to pass is found by trying."""

    def __init__(
        self, once: Callable[[Tensor], Any], places: list[Any], wholes: dict[tuple[Any, ...], Any], get: Get, put: Put,
        names: tuple[str, ...],
    ) -> None:  # fmt: skip
        self.once, self.put, self.names = once, put, names
        self.get = lambda: with_wholes_in(get(), wholes)
        self.before = get()
        self.start, self.structure = flatten(self.before)
        self.boxes = boxes_of(self.before)
        self.reached = Reached([once], get, places)
        self.paths = paths_of(names, self.structure)
        self.objects = objects_of(self.before)
        self.own = own_of(get)
        self.known = self.reached.known(b.container for b in self.boxes.values())
        self.unseen: list[Any] = []  # containers that a pass changes, and no variable leads to any more
        self.result = Result([self.objects], self.objects, {}, names)
        self.carried: dict[int, Merge] = {}
        self.open: set[tuple[int, int]] = set()  # (leaf, axis) of sizes that differ from pass to pass

    def expect(self, code: Any) -> None:
        """Begins with what was found when this loop was made before, from a state like this one: a try confirms it."""
        kinds = tuple(_kind_of(v) for v in self.start)
        self._key = None if code is None else (code, *self.names, repr(self.structure), kinds)
        found = _effects.current().settled.get(self._key)
        if found is not None and not _effects.memory.off:
            _effects.memory.used = True
            self.carried, self.open = dict(found[0]), set(found[1])

    def restore(self) -> None:
        """All as before the loop."""
        self.reached.restore()
        for b in self.boxes.values():
            b.restore()
        self.put(self.before)

    def begin(self, parameters: Iterator[Tensor]) -> list[Any]:
        """Puts in place what a pass begins with."""
        self.reached.restore()
        for b in self.boxes.values():
            b.restore()
        leaves = [self.carried[i].take(parameters) if i in self.carried else v for i, v in enumerate(self.start)]
        self.put_result(leaves)
        return leaves

    def put_result(self, leaves: list[Any]) -> None:
        """Puts variables in place that have these leaves."""
        made = unflatten(self.structure, leaves, self.result.kept)
        self.result.note(objects_of(made))
        self.put(tuple(made))

    def initial(self) -> list[Tensor]:
        """What is carried into the first pass."""
        out: list[Tensor] = []
        for i, m in sorted(self.carried.items()):
            out += m.outputs(self.start[i])
        return out

    def make(self, trips: Tensor | None, first: Tensor) -> None:
        """Finds what is carried, makes the loop, and puts in place what comes of it."""
        for _ in range(64):
            self.settle()
            try:
                self.run(trips, first)
                return
            except _Learnt:
                self.restore()
        fail("internal", "internal: to_static: what a loop carries does not settle")

    def settle(self) -> None:
        """Finds what is carried, and its types."""
        for _ in range(64):
            found: list[tuple[int, Leaf, Any]] = []
            shape: list[Any] = []
            trial = functools.partial(self._trial, found, shape)
            _neve.stage_probe(
                [_neve.tensor(0), *self.initial()], [(k + 1, axis) for k, axis in self._open_axes()], trial
            )
            if missed := self.reached.missed(self.boxes) or self.unseen:
                raise Missed(missed)
            self.restore()
            if shape[0] != self.structure:
                self._rebuild(shape[0])
            elif not self._learn(found):
                if self._key is not None and self._key[-2] == repr(self.structure):
                    _effects.current().settled[self._key] = dict(self.carried), set(self.open)
                return
        fail(
            "unsupported",
            f"to_static: the types of {', '.join(self.paths[:4])} change with every pass of a loop over tensors",
        )

    def _rebuild(self, structure: list[Any]) -> None:
        """Begins with another structure: what has no value yet is unset."""
        nothing = [UNSET for s in structure for _ in range(count_of(s))]
        apart = self._apart({})
        whole = self._aligned(self.start, Flat(nothing, structure), apart)
        self.start, self.structure = whole.a, whole.structure
        self.objects = relocated(self.objects, whole.moved[0])
        elsewhere = apart.elsewhere(self.structure)
        self.result = Result([self.objects], self.objects, {}, self.names, self.known, self.own, elsewhere)
        self.paths = paths_of(self.names, self.structure)
        self.carried.clear()
        self.open.clear()

    def _apart(self, ended: Objects) -> Apart:
        """Containers of the begin and the end of a pass that stay what they are."""
        return Apart([self.objects, ended], self.known, {(i,) for i, n in enumerate(self.names) if n in self.own})

    def _aligned(self, leaves: list[Any], other: Flat, apart: Apart, exact: Iterable[Any] = ()) -> Aligned:
        """Leaves of this loop's structure, and others."""
        return Aligned(self.names, Flat(leaves, self.structure), other, lambda v: v, exact, apart)

    def _open_axes(self) -> list[tuple[int, int]]:
        """The sizes that differ from pass to pass, by the number of the carried value."""
        at, found = 0, []
        for i, m in sorted(self.carried.items()):
            found += [(at, axis) for leaf, axis in self.open if leaf == i and m.count]
            at += m.count
        return found

    def _trial(self, found: Any, shape: Any, parameters: list[Tensor]) -> list[Tensor]:
        leaves = self.begin(iter(parameters[1:]))
        with self.reached:
            self.once(parameters[0])
        state = self.get()
        ended = objects_of(state)
        exact = {p for p, o in self.objects.items() if ended.get(p) is o}
        apart = self._apart(ended)
        both = self._aligned(leaves, Flat(*flatten(state)), apart, exact)
        shape.append(both.structure)
        if both.structure == self.structure:
            found.extend((i, Leaf(x), Leaf(v)) for i, (x, v) in enumerate(zip(both.b, leaves)))
            self.result = Result(
                [self.objects, relocated(ended, both.moved[1])], self.objects, self.reached.held(), self.names,
                self.known, self.own, apart.elsewhere(self.structure),
            )  # fmt: skip
            kept = {id(v) for v in self.result.kept.values()}
            shared = {id(o) for p, o in self.objects.items() if len(p) > 1 or self.names[p[0]] not in self.own}
            changed = [b.container for b in self.boxes.values() if b.is_changed()]
            self.unseen = [v for v in changed if id(v) in shared and id(v) not in kept]
        return []

    def _learn(self, found: list[tuple[int, Leaf, Any]]) -> bool:
        changed = False
        for i, leaf, was in found:
            known = self.carried.get(i)
            if either(self.start[i], leaf.value) is not self.start[i] and is_fixed(leaf.value):
                self.start[i] = leaf.value
                changed = changed or not isinstance(leaf.value, Unset)
                continue
            m = _carry(self.paths[i], Leaf(self.start[i]), was.value, leaf, known)
            if known is not None and (more := _differing(was, leaf, i) - self.open):
                self.open |= more
                changed = True
            if m is not None and (known is None or m.key != known.key):
                self.carried[i] = m
                changed = True
            elif m is not None and known is not None:
                known.like = m.like
        return changed

    def run(self, trips: Tensor | None, first: Tensor) -> None:
        """Makes the loop, and puts in place what comes of it. Raises _Learnt where more changes than was found: what a
        pass does to a tensor in place is open only now."""
        order = sorted(self.carried)
        last = returned([self.paths[i] for i in order], [self.carried[i] for i in order])

        def final(parameters: list[Tensor]) -> list[Tensor]:
            begun = self.begin(iter(parameters[2:]))
            out = [tensor_of(self.once(parameters[0]))]
            state = self.get()
            both = self._aligned(begun, Flat(*flatten(state)), self._apart(objects_of(state)))
            after = both.b
            others = ((v, w) for i, (v, w) in enumerate(zip(begun, after)) if i not in self.carried)
            if both.structure != self.structure:
                self._rebuild(both.structure)
                raise _Learnt
            if not all(isinstance(w, Unset) or same(v, w) for v, w in others):
                if self._learn([(i, Leaf(w), Leaf(v)) for i, (v, w) in enumerate(zip(begun, after))]):
                    raise _Learnt
                fail("unsupported", f"to_static: a loop over tensors changes more than it seemed to ({self.names})")
            for i in order:
                out += self.carried[i].outputs(after[i])
            return out

        results = iter(_neve.stage_loop(trips, first, self.initial(), self._open_axes(), final, last))
        self.reached.restore()
        for b in self.boxes.values():
            b.restore()
        leaves = [self.carried[i].take(results) if i in self.carried else v for i, v in enumerate(self.start)]
        self.put_result(leaves)


def _kind_of(v: Any) -> Any:
    """What a leaf is when a loop begins: its type, or the constant."""
    if isinstance(v, Tensor):
        return v.dtype, v.ndim, kinds_in(v)
    if isinstance(v, Maybe):
        return "maybe", _kind_of(v.value), v.absent is None
    return type(v).__name__, repr(v) if is_fixed(v) and not callable(v) else ""


def _differing(was: Leaf, leaf: Leaf, i: int) -> set[tuple[int, int]]:
    """The axes of a leaf whose sizes are not proven to be the same at the begin and the end of a pass."""
    one, two = (v.type or (v.inner and v.inner.type) for v in (was, leaf))
    if not one or not two or len(one[1]) != len(two[1]):
        return set()
    return {(i, a) for a, (n, m) in enumerate(zip(one[1], two[1])) if not same(n, m)}


def _carry(path: str, start: Leaf, was: Any, leaf: Leaf, known: Merge | None) -> Merge | None:
    """How a variable goes round, from its value before the loop, at the start of a pass and at its end."""
    if known is None and same(was, leaf.value):
        return None
    m = joined(path, start, leaf, *_BEFORE)
    if m is None or m.lost:
        return m
    if known is not None and known.lost:
        return known
    if known is not None:
        if known.options is not None and m.options is not None:
            m.options = options_of([*known.options, *m.options])
        elif known.options is None and m.options is None:
            if m.is_number != known.is_number:
                tensor, number_ = (known, m) if m.is_number else (m, known)
                m.dtype, m.is_number = weak_dtype(tensor.dtype, number_.dtype), False
            elif m.dtype != known.dtype:
                m.dtype = _neve.promote(m.dtype, known.dtype)
        m.kinds |= known.kinds
        if m.absent is None or (known.absent is not None and known.absent.value is None):
            m.absent = known.absent
        m.like = (m.dtype, m.like[1])
    begin = start.inner.value if start.inner else start.value
    if isinstance(begin, Tensor) and not is_number(begin) and begin.dtype != m.dtype:
        return lost(
            f"to_static: '{path}' is a tensor of {begin.dtype} before a loop over tensors and of {m.dtype} after a pass (astype before the loop)",
        )
    return m


def for_(
    iterable: Any, body: Callable[[Any], None], more: Callable[[], Any] | None, get: Get, put: Put,
    names: tuple[str, ...], problems: Problems = (),
) -> None:  # fmt: skip
    """A for statement: over plain Python values pass by pass, over open sizes as a loop of the graph."""
    iterable = read(iterable)
    if isinstance(iterable, OneOf):
        _for_each(iterable.ways(), body, more, get, put, names, problems)
        return
    require_own(iterable)
    if (rows := open_of(iterable)) is not None:
        if rows.most is not None:
            iterable, body = range(rows.most), functools.partial(_pass_if, rows, body, get, put, names, problems)
        elif (first := True if more is None else condition(more())) is not False:
            stage_loop(first, rows.trips, rows.item, body, more, get, put, names, problems)
        if rows.most is None:
            return
    if is_program(iterable):
        if iterable.ndim == 0:
            raise TypeError("iteration over a tensor of rank 0")
        iterable = [iterable[k] for k in range(iterable.shape[0])]
    for value in iterable:
        c = True if more is None else condition(more())
        if isinstance(c, bool):
            if not c:
                return
            body(value)
        else:
            if_(c, functools.partial(body, value), lambda: None, get, put, names, problems)


def _for_each(
    ways: list[Way], body: Callable[[Any], None], more: Callable[[], Any] | None, get: Get, put: Put, names: Any, problems: Any
) -> None:  # fmt: skip
    """A for statement over one of several things."""
    (test, iterable), *others = ways
    state = get, put, names, problems
    if others:
        if_(test(), lambda: for_(iterable, body, more, *state), lambda: _for_each(others, body, more, *state), *state)
    else:
        for_(iterable, body, more, *state)


def _pass_if(rows: Open, body: Callable[[Any], None], get: Get, put: Put, names: Any, problems: Any, k: int) -> None:
    """A pass with the number k, where there are so many."""
    test = rows.passes(k)
    if_(test, lambda: body(rows.item(number(_neve.tensor(k)))), lambda: None, get, put, names, problems)
