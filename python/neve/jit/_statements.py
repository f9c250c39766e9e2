"""The rest of what converted code calls: results, items, augmented assignment, attributes, comprehensions, texts."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

from .. import _neve
from .._base import Tensor, fail, ops
from .._elementwise import where
from .._shape import stack
from . import _effects
from ._aliases import note_maybe_one, note_returned, require_one
from ._align import element_type
from ._branches import assert_, if_
from ._choices import Choice, index_of, is_constant, is_object
from ._gaps import as_decided, delete, element, has_gaps, refuse
from ._kinds import is_mixed, kinds_in, place_of, ways_of, which_of
from ._lists import Consumed, Open, Spread, TensorList, TupleSpread, gathered, is_spread, open_of, spread
from ._logic import choose, compare, or_
from ._loops import for_
from ._numbers import DTYPES, Dim, Kinds, Number, as_number, number, of_kinds
from ._one_of import OneOf, each, over
from ._state import flatten, objects_of, unflatten
from ._tables import Table
from ._tree import Decided, Rows
from ._values import (
    Lost,
    Maybe,
    NoAttribute,
    SizeCondition,
    Undefined,
    always,
    condition,
    is_absent_value,
    placeholder,
    read,
    remade,
    tensor_of,
)
from ._variants import Variant

_ENDED = "the function ended without a return in a way that tensors chose (return a tensor in every way)"


def result(returned: Any, value: Any, always: bool = False) -> Any:
    """What a function with early returns gives. always: every way through it ends in one of them."""
    note_returned(objects_of([value]).values())
    c = condition(returned)
    if c is False:
        return None
    if c is True or always:
        return _of_leaves(value, *_leaves_there(value))
    if is_absent_value(value):
        return None
    if isinstance(value, (OneOf, tuple)) or (isinstance(value, Maybe) and isinstance(value.value, OneOf)):
        return choose(c, lambda: _of_leaves(value, *_leaves_there(value)), lambda: None)
    if isinstance(value, (Tensor, Maybe)):  # in the other ways it is None, as in Python
        flag: Any = tensor_of(c)
        if isinstance(value, Maybe):
            flag, value = value.flag if isinstance(value.absent, Undefined) else flag & value.flag, value.value
        return Maybe(value, flag, None, _ENDED)
    old, structure = flatten([value])
    # Where the flag holds there is a value; None that a return gave stays one way to have none.
    leaves = [_there(v) for v in old]
    first = next((i for i, v in enumerate(leaves) if isinstance(v, Tensor)), None)
    if first is not None:
        leaves[first] = _if_returned(c, leaves[first])
    return _of_leaves(value, structure, old, leaves)


def _leaves_there(value: Any) -> Any:
    leaves, structure = flatten([value])
    return structure, leaves, [_there(v) for v in leaves]


def _of_leaves(value: Any, structure: Any, old: list[Any], leaves: list[Any]) -> Any:
    """A value, with other leaves."""
    if all(a is b for a, b in zip(old, leaves)):
        return value
    made = unflatten(structure, leaves)
    containers = objects_of(made)
    for path, v in objects_of([value]).items():
        note_maybe_one(containers[path], v)
    return made[0]


def _there(value: Any) -> Any:
    """What a return gave, of which the flag says that there was one."""
    return value.value if isinstance(value, Maybe) and isinstance(value.absent, Undefined) else value


def _if_returned(c: Any, value: Tensor) -> Tensor:
    t = value.raw if hasattr(value, "raw") else value
    flag = c.tensor() if isinstance(c, SizeCondition) else c
    if _neve.known_content(flag) is not None:
        return value
    made = _neve.stage_if(flag, lambda _: [t], lambda _: [ops.fail(ops.shape(t), message=_ENDED, dtype=t.dtype)])[0]
    return remade(value, made)


def as_results(value: Any) -> Any:
    """Results with sizes, conditions and lists whose length tensors decide as tensors of the graph."""
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(as_results(v) for v in value))
    if is_spread(value):
        whole = gathered(value)
        if isinstance(whole, Table):
            columns = [ListResult(c) for c in whole.columns]
            return Rows(unflatten([whole.form], columns)[0])
        return ListResult(whole)
    if isinstance(value, (list, tuple)):
        return type(value)(as_results(v) for v in value)
    if has_gaps(value):
        return as_decided(value, as_results)
    if isinstance(value, dict):
        made = value.copy()
        if any(isinstance(k, Dim) for k in value):  # a key is what it is: a graph for each size
            made.clear()
        made.update((int(k) if isinstance(k, Dim) else k, as_results(v)) for k, v in value.items())
        return made
    if isinstance(value, Variant):
        if any(map(is_object, value._ways)):
            value.refused("the return")
        return Decided(index_of(read(value._tag), value._labels), [_result_of(v) for v in value._ways])
    leaves, structure = flatten([value])
    if structure != [None]:
        return unflatten(structure, [as_results(v) for v in leaves])[0]
    if isinstance(value, (Dim, SizeCondition)):
        return value.number() if isinstance(value, SizeCondition) else as_number(value)
    if isinstance(value, _effects.Text):
        return str(value)
    if isinstance(value, Maybe) and not isinstance(value.value, Tensor):
        value = read(value)
    if isinstance(value, Choice):
        if any(map(is_object, value._options)):
            value.refused("the return")
        return Decided(value._index.raw, value._options)
    if isinstance(value, Spread):
        unpacked([value])
    if isinstance(value, Maybe) and value.absent is None and isinstance(value.value, Tensor):
        return _of_kinds(value.value, value.flag) if is_mixed(value.value) else OptionalResult(value)
    value = read(value)
    return _of_kinds(value) if is_mixed(value) else value


def _of_kinds(value: Any, flag: Tensor | None = None) -> Decided:
    """A result whose type tensors decide; None where the flag does not hold."""
    ways, place = [w for _, w in ways_of(value)], place_of(value)
    if flag is None:
        return Decided(place, ways)
    return Decided(where(flag, place + 1, _neve.tensor(0)), [None, *ways])


def _result_of(way: Any) -> Any:
    """A kind of result; None for one that has no value and so is never the one."""
    try:
        return as_results(way)
    except UnboundLocalError:
        return None


def for_plain_code(value: Any, name: str) -> Any:
    """What a converted function gives to a caller that is not: values that every function knows. Else refused."""
    if has_gaps(value):
        refuse("the return to code that is traced")
    if is_spread(value) or isinstance(value, (OneOf, Maybe, SizeCondition, _effects.Text, Lost)):
        what = "a list whose length tensors decide" if is_spread(value) else "what tensors decide to be None or not"
        what = "a text, function or condition that tensors decide" if not isinstance(value, (list, Maybe)) else what
        fail("unsupported", f"{name}: {what} is returned to code that is traced (to_static for the caller too)")
    for v in value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ():
        for_plain_code(v, name)
    return value


class ListResult(Tensor):
    """A list that a program returns, as one tensor."""

    def __init__(self, whole: Spread) -> None:
        super().__init__(whole.data)
        kind = "tuple" if isinstance(whole, TupleSpread) else "list"
        self.form = f"{kind} of numbers" if whole.is_of_numbers else kind


class OptionalResult(Tensor):
    """What a program returns where tensors decide whether it is None, as a list of one element or none."""

    def __init__(self, value: Maybe) -> None:
        t = value.value.raw if isinstance(value.value, Number) else value.value

        def there(_: list[Tensor]) -> list[Tensor]:
            return [t.unsqueeze(0)]

        super().__init__(_neve.stage_if(value.flag, there, lambda _: [placeholder((t.dtype, (0, *t.shape)))])[0])
        self.form = f"optional {value.value.form}" if isinstance(value.value, Number) else "optional"


_IN_PLACE = {"Add": "iadd", "Sub": "isub", "Mult": "imul", "Div": "itruediv", "FloorDiv": "ifloordiv", "Mod": "imod",
             "Pow": "ipow", "LShift": "ilshift", "RShift": "irshift", "BitOr": "ior", "BitXor": "ixor", "BitAnd": "iand",
             "MatMult": "imatmul"}  # fmt: skip


def item(owner: Any, index: Any) -> Any:
    """owner[index]."""
    owner = read(owner)
    index = tuple(read(i) for i in index) if type(index) is tuple else read(index)
    if isinstance(owner, OneOf):
        return over(owner, index if type(index) is tuple else (index,), lambda v: item(v, index))
    if isinstance(index, OneOf) and not isinstance(owner, dict):
        return each(index, lambda v: item(owner, v))
    if isinstance(index, SizeCondition):
        index = index.number()
    index = tuple(map(_as_index, index)) if type(index) is tuple else _as_index(index)
    if isinstance(index, Number) and isinstance(owner, (list, tuple)):
        index = index.whole()
    if is_spread(owner):
        return TensorList(owner)[index]
    if isinstance(owner, Open):
        return owner[index]
    if isinstance(owner, dict) and is_open_key(owner, index):
        return entry(owner, index)
    if has_gaps(owner):
        return element(owner, index)
    if isinstance(owner, (list, tuple, str)) and isinstance(index, (Number, Dim)):
        return _element(list(owner), index)
    return owner[index]


def _as_index(v: Any) -> Any:
    """A number whose type tensors decide as the int that an index is."""
    if not is_mixed(v):
        return v
    return v.whole() if isinstance(v, Number) else number(v.raw) if v.dtype == "i64" else v.raw


def _element(values: list[Any], index: Any) -> Any:
    """An element of a plain list whose number tensors or sizes decide."""
    n: Any = as_number(index)
    leaves, structure = flatten([values])
    of = element_type(structure[0], leaves)
    if of is not None:
        kinds = [*map(which_of, values)] if of[2] is True and len({k for v in values for k in kinds_in(v)}) > 1 else []
        spread(values, of)
        made = TensorList(values)[n]
        return of_kinds(made.raw, Kinds(stack(kinds)[n.raw], (*range(len(DTYPES)),))) if kinds else made
    place = _place_in(values, n)
    if values and all(v is None or (is_constant(v) and not isinstance(v, Choice)) for v in values):
        return Choice(values, Number(place))

    def way(k: int) -> Any:
        return values[k] if k == len(values) - 1 else choose(place == k, always(values[k]), lambda: way(k + 1))

    return way(0)


def is_open_key(entries: dict[Any, Any], key: Any) -> bool:
    """Whether tensors or sizes decide which key of a dict this is."""
    if isinstance(key, Dim):
        return key not in entries and any(isinstance(k, int) for k in entries)
    return isinstance(key, (OneOf, Number))


def entry(entries: dict[Any, Any], key: Any, *default: Any) -> Any:
    """What a dict has for a key that tensors decide."""
    if isinstance(key, OneOf):
        return over(key, (), lambda k: entry(entries, k, *default))
    if not is_open_key(entries, key):
        return entries.get(key, *default) if default else entries[key]
    keys = [k for k in entries if isinstance(k, int)]

    def way(k: int) -> Any:
        if k < len(keys):
            return choose(compare(["eq"], key, keys[k]), always(entries[keys[k]]), lambda: way(k + 1))
        if default:
            return default[0]
        raise KeyError(f"a key that is none of {', '.join(map(repr, keys))}")

    return way(0)


def unpacked(values: Any, count: int | None = None, star: tuple[int, int] | None = None) -> Any:
    """What is assigned to several names: so many, or any number; star: so many before one and so many after it."""
    values = read(values)
    if isinstance(values, OneOf):
        ways = [w for _, w in values.ways()]
        if count is None and all(isinstance(w, (list, tuple)) and not is_spread(w) for w in ways):
            count = len(ways[0]) if len({len(w) for w in ways}) == 1 else None
        if count is not None:
            return each(values, lambda v: _parts_of(v, count))
    if not is_spread(values):
        return values
    whole = TensorList(values)
    length = whole.length
    if isinstance(length, Dim):
        if star is not None:
            assert_(compare(["ge"], length, sum(star)), lambda: f"not enough values to unpack (expected {sum(star)})")
            ends = [whole[k] for k in range(star[0])], [whole[k] for k in range(-star[1], 0)]
            return [*ends[0], *whole.rest(*star), *ends[1]]
        if count is None:
            fail(
                "unsupported",
                "to_static: a list whose length tensors decide is unpacked here (go through it with a for statement, or stack it)",
            )
        assert_(compare(["eq"], length, count), lambda: f"not enough or too many values to unpack (expected {count})")
        length = count
    return [whole[k] for k in range(length)]


def _parts_of(values: Any, count: int) -> tuple[Any, ...]:
    """So many values. Raises ValueError where there are others."""
    parts = tuple(unpacked(values, count))
    if len(parts) != count:
        raise ValueError(f"not enough or too many values to unpack (expected {count})")
    return parts


def set_item(value: Any, owner: Any, index: Any) -> None:
    """owner[index] = value."""
    owner, index = read(owner), read(index)
    value = read(value) if isinstance(owner, Tensor) else value
    if isinstance(owner, OneOf):
        each(owner, lambda v: set_item(value, v, index))
        return
    if isinstance(index, OneOf):
        each(index, lambda v: set_item(value, owner, v))
        return
    if isinstance(value, OneOf) and isinstance(owner, Tensor):
        each(value, lambda v: set_item(v, owner, index))
        return
    value = value.number() if isinstance(value, SizeCondition) else value
    if isinstance(owner, Tensor):
        n = as_number(value) if isinstance(value, (Number, Dim)) else None
        owner[index] = value if n is None else n.beside(owner.dtype).astype(owner.dtype)
        return
    require_one(owner)
    number_ = as_number(index) if isinstance(owner, list) and isinstance(index, (Number, Dim)) else None
    if number_ is not None and not is_spread(owner):
        _set_one(owner, number_, value)
    elif is_spread(owner):
        TensorList(owner)[index] = value
    elif isinstance(owner, dict) and is_open_key(owner, index):
        _set_entry(owner, index, value)
    else:
        owner[index] = value


def del_item(owner: Any, index: Any) -> None:
    """del owner[index]."""
    owner, index = read(owner), read(index)
    if isinstance(owner, (list, dict)):
        require_one(owner)
    if isinstance(owner, list) and not is_spread(owner) and isinstance(index, (Number, Dim)):
        leaves, structure = flatten([owner])
        if (of := element_type(structure[0], leaves)) is None:
            fail(
                "unsupported",
                "to_static: del of an element that tensors decide, of a list of different things (pop by a plain number)",
            )
        spread(owner, of)
    if is_spread(owner):
        del TensorList(owner)[index]
    elif has_gaps(owner):
        delete(owner, index)
    else:
        del owner[index]


def starred(values: Any, in_list: bool = False) -> Any:
    """What a call, a tuple or a list takes one by one."""
    if has_gaps(values):
        refuse("'*'")
    return values if in_list else unpacked(values)


def _set_one(owner: list[Any], n: Number, value: Any) -> None:
    """Sets the element of a plain list whose number tensors or sizes decide."""
    leaves, structure = flatten([owner])
    of, new = element_type(structure[0], leaves), element_type((list, None, [None]), [value])
    if of is not None and new is not None and (of[2], len(of[1])) == (new[2], len(new[1])):
        spread(owner, of)
        TensorList(owner)[n] = value
        return
    place = _place_in(owner, n)
    for k in range(len(owner)):
        if_(place == k, functools.partial(owner.__setitem__, k, value), lambda: None, *_list_state(owner, None))


def _set_entry(entries: dict[Any, Any], key: Any, value: Any) -> None:
    """Sets what a dict has for a key that tensors decide."""
    known = functools.reduce(lambda a, k: or_(always(a), functools.partial(compare, ["eq"], key, k)), entries, False)
    assert_(known, lambda: "a new key of a dict, which tensors decide")
    for k in list(entries):
        state = lambda: (entries,), lambda _: None, ("the dict",)  # noqa: E731
        if_(compare(["eq"], key, k), functools.partial(entries.__setitem__, k, value), lambda: None, *state)


def augment_item(kind: str, owner: Any, index: Any, value: Any) -> None:
    """owner[index] OP= value."""
    owner, index, value = read(owner), read(index), read(value)
    if isinstance(owner, OneOf):
        each(owner, lambda v: augment_item(kind, v, index, value))
        return
    if isinstance(index, OneOf):
        each(index, lambda v: augment_item(kind, owner, v, value))
        return
    value = value.number() if isinstance(value, SizeCondition) else value
    if isinstance(owner, Tensor) and _neve.is_capturing():  # no view is needed: the result is put in its place
        name = _IN_PLACE[kind][1:]
        set_item(getattr(operator, name + "_" if name in ("or", "and") else name)(owner[index], value), owner, index)
        return
    in_place = getattr(operator, _IN_PLACE[kind])
    if is_spread(owner) and not gathered(owner).is_of_numbers:
        in_place(item(owner, index), value)
        return
    number_ = as_number(index) if isinstance(owner, list) and isinstance(index, (Number, Dim)) else None
    if number_ is not None and not is_spread(owner) and owner and all(_is_tensor(v) for v in owner):
        place = _place_in(owner, number_)
        for k, v in enumerate(owner):  # the element itself changes, for all that hold it
            if_(place == k, functools.partial(in_place, v, value), lambda: None, lambda: (), lambda _: None, ())
        return
    set_item(in_place(item(owner, index), value), owner, index)


def _is_tensor(v: Any) -> bool:
    return isinstance(v, Tensor) and not isinstance(v, Number)


def _place_in(values: list[Any], n: Number) -> Tensor:
    """The number of an element, where -1 is the last. One that is not there is an error when the program runs."""
    return _neve.tensor([*range(len(values)), *range(len(values))])[n.raw + len(values)]


def augment(kind: str, target: Any, value: Any) -> Any:
    """target OP= value."""
    target, value = (v.number() if isinstance(v, SizeCondition) else v for v in (read(target), read(value)))
    in_place = getattr(operator, _IN_PLACE[kind])
    if isinstance(value, OneOf) and not isinstance(target, OneOf):
        return over(value, (target,), lambda v: in_place(target, v))
    require_one(target)
    return in_place(target, value)


def attribute(owner: Any, name: str) -> Any:
    """owner.name, or that it is not there yet."""
    return getattr(owner, name, NoAttribute(name))


def set_attribute(owner: Any, name: str, value: Any) -> None:
    """owner.name = value."""
    if isinstance(value, Lost):
        read(value)
    if isinstance(value, Undefined):
        if hasattr(owner, name):
            delattr(owner, name)
        return
    if getattr(owner, name, None) is not value:
        require_one(owner)
        setattr(owner, name, value)


# ---- comprehensions and texts ----------------------------------------------------------------------------------------


def is_open(iterable: Any) -> bool:
    """Whether a comprehension over it is a loop of the graph."""
    iterable = read(iterable)
    return isinstance(iterable, OneOf) or open_of(iterable) is not None


def collect(out: Any, iterable: Any, add: Callable[[Any], Any], state: Any = None) -> None:
    """Calls `add`, which appends to `out`, with every element."""
    for_(iterable, lambda v: None if add(v) is None else None, None, *_list_state(out, state))


def when(out: Any, test: Any, add: Callable[[], Any], state: Any = None) -> None:
    """Calls `add`, which appends to `out`, where the test holds."""

    def then() -> None:
        add()

    if_(test, then, lambda: None, *_list_state(out, state))


def _list_state(out: Any, state: Any) -> tuple[Any, Any, tuple[str, ...]]:
    get_more, put_more, names = state or (lambda: (), lambda _: None, ())

    def put(values: tuple[Any, ...]) -> None:
        if values[0] is not out and isinstance(out, dict):
            out.clear()
            out.update(values[0])
        elif values[0] is not out:
            out[:] = values[0]
        put_more(values[1:])

    return lambda: (out, *get_more()), put, ("the list", *names)


def mapped(make: Callable[[dict[Any, Any]], Any]) -> dict[Any, Any]:
    """The dict that `make` fills."""
    out: dict[Any, Any] = {}
    make(out)
    return out


def listed(make: Callable[[list[Any]], Any], consumed: bool = False) -> list[Any]:
    """The list that `make` fills; consumed: the elements of a generator that is an argument of a call."""
    out: list[Any] = Consumed() if consumed else []
    make(out)
    return out
