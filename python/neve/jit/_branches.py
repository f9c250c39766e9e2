"""if statements: plain conditions as Python, conditions over tensors as an `if` of the graph; what raises in one way."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from .. import _neve
from .._base import Error, Tensor, fail
from . import _effects
from ._aliases import Result, note_maybe_one
from ._align import Aligned, Apart, Grown, Leaf, relocated
from ._choices import Choice
from ._effects import Raised, with_effects
from ._errors import error_place
from ._lists import is_spread
from ._numbers import Dim, Number, number
from ._one_of import answered, asked_of, knowing
from ._reach import Missed, Reached, code_of, note_places, own_of, with_places
from ._state import (
    Merge,
    boxes_of,
    either,
    flatten,
    grow,
    is_gone,
    joined,
    merge,
    objects_of,
    paths_of,
    returned,
    unflatten,
    with_wholes,
)  # fmt: skip
from ._values import Maybe, Recursion, SizeCondition, condition, read, sizes, tensor_of

Get = Callable[[], tuple[Any, ...]]
Put = Callable[[tuple[Any, ...]], None]
Problems = Sequence[tuple[int, str]]


def require_stageable(problems: Problems, what: str) -> None:
    """Refuses what cannot be in a branch or loop of the graph."""
    if problems:
        line, text = problems[0]
        fail(
            "unsupported",
            f"to_static: {text} at line {line}, inside {what} over tensors (only one of the ways runs; assign to a local variable)",
        )


def if_(
    test: Any, then: Callable[[], None], other: Callable[[], None], get: Get, put: Put, names: tuple[str, ...],
    problems: Problems = (),
) -> None:  # fmt: skip
    """An if statement."""
    c = condition(test)
    if isinstance(c, bool):
        (then if c else other)()
        return
    if isinstance(c, SizeCondition):
        get_all, put_all, _ = with_effects(get, put, names)
        state = get_all()
        boxes, reached = boxes_of(state), Reached([then, other], get)
        code = code_of(then)
        if code is not None and sizes.branches.count(code) >= _DEEPEST and not sizes.decided:
            raise Recursion
        try:
            sizes.branches.append(code)
            stage_if(number(c.tensor()), then, other, get, put, names, problems, whole=c.is_decidable())
        except (Error, UnboundLocalError, TypeError, IndexError) as e:  # not one graph: the example's way, with a guard
            again = getattr(e, "code", "") == "internal" or _neve.met_listed()  # it is made once more, or all is
            if again or not c.is_decidable():
                raise
            reached.restore()
            for b in boxes.values():
                b.restore()
            put_all(state)
            sizes.branches.pop()
            try:
                (then if c.decide() else other)()
            finally:
                sizes.branches.append(code)
        finally:
            sizes.branches.pop()
        return
    is_number = isinstance(test, Number) and c is test.raw
    stage_if(test if is_number else asked_of(c, test), then, other, get, put, names, problems)


_DEEPEST = 8  # branches over sizes with one code, one inside of another
_RAISED = (NameError, LookupError, ZeroDivisionError, AttributeError, TypeError)


def _is_own(e: Exception) -> bool:
    """Whether the program would raise it as well."""
    return "NoneType" in str(e) if isinstance(e, (AttributeError, TypeError)) else not isinstance(e, Error)


class _Way:
    """One way of an `if`, as it ran."""

    def __init__(self, run: Any, leaves: list[Any], structure: Any, objects: Any, raised: str) -> None:
        self.run, self.leaves, self.structure, self.objects, self.raised = run, leaves, structure, objects, raised
        self.copies: list[tuple[Any, Any]] = []  # of lists that were copied: where, and from what
        self.changed: list[Any] = []  # containers from before it
        self.error: Exception | None = None  # where it is the program's own

    def note_copies(self, made: dict[Any, Any]) -> None:
        """That lists of the result were copied from others in this way."""
        for path, original in self.copies:
            if original is not None and path in made:
                note_maybe_one(made[path], original, back=False)


def stage_if(
    test: Number, then: Callable[[], None], other: Callable[[], None], get: Get, put: Put, names: tuple[str, ...],
    problems: Problems, whole: bool = False,
) -> None:  # fmt: skip
    """An `if` of the graph. whole: an error where a variable could not be read after it."""
    require_stageable(problems, "a branch")
    code = code_of(then)
    reached = Reached([then, other], get)
    places = reached.places(code)
    reached.own |= {id(p) for p in places}
    wholes: dict[tuple[Any, ...], Any] = {}
    for _ in range(64):
        all_of = with_effects(*with_places(get, put, names, places))
        try:
            _stage_once(test, then, other, *all_of, whole, reached, wholes)
            return
        except Missed as missed:
            places += missed.places
            note_places(code, missed.places)
            reached.own |= {id(p) for p in missed.places}
        except Grown as grown:  # a list that is longer in one way: from before on, tensors decide its length
            state = all_of[0]()
            there = objects_of(state).get(grown.path)
            is_new = there is None or grown.name == "__neve_value" or is_gone(there)
            if new := is_new and grown.path not in wholes:  # each way may have a list of its own
                wholes[grown.path] = grown.of
            if not new or (there is not None and not is_spread(there)):
                grow(grown, state)
            reached = Reached([then, other], get, places)
    fail("internal", "internal: to_static: the lists of an 'if' do not settle")


def _way(
    body: Callable[[], None], get: Get, put: Put, names: tuple[str, ...], begin: Any, before: Any, boxes: Any, reached: Reached,
    wholes: dict[Any, Any], whole: bool,
) -> _Way:  # fmt: skip
    seen: list[Any] = []

    def restore(state: Any) -> None:
        reached.restore()
        for box in boxes.values():
            box.restore()
        put(state)

    def inside(_: list[Tensor]) -> list[Tensor]:
        restore(begin)
        raised = ""
        try:
            with reached:
                body()
            ended = get()
            state = with_wholes(ended, wholes, names)
            copies.extend((p, objects_of(ended).get(p)) for p in wholes if names[p[0]] == "__neve_value")
            changed.append(reached.missed(boxes))
            touched.extend(b.container for b in boxes.values() if b.is_changed())
        except Raised as r:
            raised, state = r.text, before
            restore(before)
        except _RAISED as e:  # the program's own error, where it comes to it
            if whole or _effects.current().trying or not _is_own(e):
                raise
            raised, state, errors[:] = f"{type(e).__name__}: {e}{error_place(e)}", before, [e]
            _effects.current().has_raised = True
            restore(before)
        leaves, structure = flatten(state)
        leaves = [v.narrowed() if isinstance(v, Choice) else v for v in leaves]
        seen.append(([Leaf(v) for v in leaves], structure, objects_of(state), raised))
        return []

    changed: list[Any] = []
    touched: list[Any] = []
    errors: list[Exception] = []
    copies: list[tuple[Any, Any]] = []
    try:
        run = _neve.stage_open(inside)
    finally:
        restore(before)
    if changed and changed[0]:
        raise Missed(changed[0])
    way = _Way(run, *seen[0])
    way.copies, way.changed, way.error = copies, touched, errors[0] if errors else None
    return way


def _stage_once(
    test: Number, then: Callable[[], None], other: Callable[[], None], get: Get, put: Put, names: tuple[str, ...],
    whole: bool, reached: Reached, wholes: dict[Any, Any],
) -> None:  # fmt: skip
    before = get()
    old, _ = flatten(before)
    boxes = boxes_of(before)
    ways = []
    for f, answer in ((then, True), (other, False)):
        with knowing(test, answer):
            begin = answered(before, test, answer)
            ways.append(_way(f, get, put, names, begin, before, boxes, reached, wholes, whole))
    one, two = ways
    if one.raised and two.raised:
        if _neve.capture_depth() > 0 and not _effects.current().trying:  # where a way around comes to it
            raise Raised(one.raised)
        if error := one.error or two.error:
            raise error
        fail("unsupported", f"to_static: both ways of an 'if' over a tensor raise ({one.raised!r})")
    for way, with_all in ((one, two), (two, one)):
        if way.raised:  # what comes after it is not reached: the other way's variables, never read
            way.leaves, way.structure, way.objects = list(with_all.leaves), with_all.structure, with_all.objects
    own, known = own_of(get), reached.known(b.container for b in boxes.values())
    exact = {p for p, o in one.objects.items() if two.objects.get(p) is o}
    apart = Apart([one.objects, two.objects], known, {(i,) for i, n in enumerate(names) if n in own})
    both = Aligned(names, one, two, exact=exact, apart=apart)
    a, b, structure = both.a, both.b, both.structure
    if whole and (name := both.mixed(names)):
        fail("unsupported", f"to_static: '{name}' is of another kind in each way of an 'if' over a size")
    objects = [relocated(w.objects, moved) for w, moved in zip((one, two), both.moved)]
    result = Result(objects, objects_of(before), reached.held(), names, known, own, apart.elsewhere(structure))
    kept = {id(v) for v in result.kept.values()}
    shared = {id(o) for p, o in objects_of(before).items() if len(p) > 1 or names[p[0]] not in own}
    if unseen := [v for w in (one, two) for v in w.changed if id(v) not in kept and id(v) in shared]:
        raise Missed(unseen)  # no variable of these leads to it any more
    paths = paths_of(names, structure)
    plan = [_plan(p, x, y, one.raised or two.raised, old) for p, x, y in zip(paths, a, b)]
    # A flag that is set in one way alone is the condition.
    flags = {} if one.raised or two.raised else {
        i: x.value for i, (x, y) in enumerate(zip(a, b)) if isinstance(x.value, bool) and isinstance(y.value, bool)
        and x.value is not y.value
    }  # fmt: skip
    for i in flags:
        plan[i] = None
    if whole and (gone := next((p.lost for p in plan if p is not None and p.lost), "")):
        fail("unsupported", gone)
    token = [i for i, p in enumerate(paths) if p.startswith("__neve_effects")][:1]

    def end(way: _Way, leaves: list[Leaf]) -> Callable[[list[Tensor]], list[Tensor]]:
        def inside(_: list[Tensor]) -> list[Tensor]:
            out: list[Tensor] = []
            for i, (leaf, p) in enumerate(zip(leaves, plan)):
                if p is not None and way.raised:
                    out += [_effects.raised_token(way.raised)] if i in token else p.placeholders()
                elif p is not None:
                    out += p.outputs(leaf.value)
            return out

        return inside

    results = iter(_neve.stage_close(test.raw, one.run, two.run, end(one, a), end(two, b), returned(paths, plan)))
    merged = [either(x.value, y.value) if p is None else p.take(results) for x, y, p in zip(a, b, plan)]
    for i, holds in flags.items():
        merged[i] = asked_of(test.raw if holds else ~test.raw, test, negated=not holds)
    made = unflatten(structure, merged, result.kept)
    result.note(objects_of(made))
    for way in (one, two):
        way.note_copies(objects_of(made))
    put(tuple(made))


def _plan(path: str, x: Leaf, y: Leaf, raised: str, before: list[Any]) -> Merge | None:
    if not raised:
        return merge(path, x, y)
    if path.startswith("__neve_effects[0]"):
        return Merge("bool", ("bool", ()), None, True)
    # x and y are one: as it is in the way that goes on.
    changes = isinstance(x.value, (Tensor, Maybe, Choice, Dim, SizeCondition)) and not any(x.value is v for v in before)
    return joined(path, x, x, "", "") if changes else None


def raise_(error: Any, where: str) -> None:
    """A raise statement: at once where no tensor decides that it runs, else when the program runs."""
    error = read(error)
    if not _neve.is_capturing() or _neve.capture_depth() <= 0 or isinstance(error, (Error, Raised)):
        raise error
    effects = _effects.current()
    if effects.trying:
        fail(
            "unsupported",
            "to_static: a raise that tensors decide, inside of a try statement with handlers (return a flag, or let the error leave the function)",
        )
    effects.has_raised = True
    kind = error.__name__ if isinstance(error, type) else type(error).__name__
    text = "" if isinstance(error, type) else ", ".join(_effects.message(a) for a in error.args)
    raise Raised(f"{kind}: {text}\n  at {where}" if text else f"{kind}\n  at {where}")


def assert_(test: Any, message: Callable[[], Any], where: str = "") -> None:
    """An assert statement; over tensors it is checked when the program runs."""
    c = condition(test)
    if isinstance(c, SizeCondition):
        c = c.decide() if c.is_decidable() else c.tensor()
    if isinstance(c, bool):
        if not c:
            raise AssertionError(message())
        return

    def failed() -> None:
        text = message()
        raise_(AssertionError("assertion failed" if text is None else _effects.message(text)), where)

    stage_if(number(tensor_of(c)), lambda: None, failed, lambda: (), lambda _: None, (), ())


def passing() -> tuple[type[BaseException], ...]:
    """For a handler before the program's own: the exception that is handled, if it is not the program's to handle: what
    captures end with, and what they refuse (handlers for that would run in the captured program alone)."""
    e: Any = sys.exc_info()[1]
    refused = isinstance(e, Error) and _neve.is_capturing() and e.code in ("unsupported", "internal")
    return (type(e),) if refused or isinstance(e, (Grown, Missed, Raised, Recursion, _effects.NeedsGenerator)) else ()


class trying:
    """Around the body of a try statement with handlers; divisions: one of them may be for divisions by 0."""

    def __init__(self, divisions: bool = True) -> None:
        self._divisions = divisions

    def __enter__(self) -> None:
        _effects.current().trying += 1
        _effects.current().dividing += self._divisions

    def __exit__(self, *_: object) -> None:
        _effects.current().trying -= 1
        _effects.current().dividing -= self._divisions
