"""A reader of pickles that executes nothing: a small machine with the opcodes and names that files of weights need."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

# dtype as Neve names it, for the storages and dtypes of PyTorch.
STORAGES = {
    "DoubleStorage": "f64", "FloatStorage": "f32", "HalfStorage": "f16", "BFloat16Storage": "bf16", "LongStorage": "i64",
    "IntStorage": "i32", "ShortStorage": "i16", "CharStorage": "i8", "ByteStorage": "u8", "BoolStorage": "bool",
}  # fmt: skip
ITEMSIZE = {"f64": 8, "f32": 4, "f16": 2, "bf16": 2, "i64": 8, "i32": 4, "i16": 2, "i8": 1, "u8": 1, "bool": 1}
_SCALARS = frozenset("f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1".split())
_MAX_DEPTH = 1_000_000  # objects on the stack


class StorageType(NamedTuple):
    dtype: str


class StorageRef(NamedTuple):
    """A storage that the pickle names; its bytes are elsewhere in the file."""

    dtype: str
    key: str
    numel: int


class TensorRef(NamedTuple):
    """A tensor as strides over a storage."""

    storage: StorageRef
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


class _Dtype:
    """A NumPy dtype on its way: BUILD sets the byte order."""

    def __init__(self, text: str) -> None:
        self.text, self.order = text, "<"


class _Array:
    """A NumPy array on its way: BUILD brings shape, dtype and bytes."""

    value: np.ndarray | None = None


class _Called(NamedTuple):
    """A global that may be called."""

    name: str
    call: Callable[..., Any]


class _Plain(NamedTuple):
    """A global that may be an argument, but is not called."""

    name: str


class Bad(Exception):
    """What is wrong with a pickle; the reader of the file says which file."""


def _need(condition: bool, text: str) -> None:
    if not condition:
        raise Bad(text)


def _sizes(value: Any, what: str) -> tuple[int, ...]:
    _need(
        isinstance(value, (tuple, list)) and len(value) <= 64 and all(type(n) is int and 0 <= n < 2**62 for n in value),
        f"the {what} of a tensor is no tuple of sizes",
    )
    return tuple(value)


def _rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> TensorRef:
    _need(isinstance(storage, StorageRef), "a tensor stands on something that is no storage")
    _need(type(offset) is int and 0 <= offset < 2**62, "the offset of a tensor is no size")
    size, stride = _sizes(size, "shape"), _sizes(stride, "stride")
    _need(len(size) == len(stride), f"a tensor has {len(size)} sizes and {len(stride)} strides")
    count = 1
    for n in size:
        count *= n
    _need(count <= storage.numel, f"a tensor of shape {size} stands on a storage of {storage.numel} elements")
    last = offset + sum((n - 1) * s for n, s in zip(size, stride)) if count else 0
    _need(last < storage.numel or not count, f"a tensor reads element {last} of a storage of {storage.numel} elements")
    return TensorRef(storage, offset, size, stride)


def _rebuild_parameter(data: Any, *_: Any) -> TensorRef:
    _need(isinstance(data, TensorRef), "a parameter holds no tensor")
    return data


def _ordered_dict(*args: Any) -> dict[Any, Any]:
    _need(len(args) <= 1, "OrderedDict has more than one argument")
    made: dict[Any, Any] = {}
    for pair in args[0] if args else ():
        _need(isinstance(pair, (list, tuple)) and len(pair) == 2, "OrderedDict is made of things that are no pairs")
        made[_key(pair[0])] = pair[1]
    return made


def _tuple(*args: Any) -> tuple[Any, ...]:
    _need(len(args) <= 1 and all(isinstance(a, (list, tuple)) for a in args), "tuple is made of no list")
    return tuple(args[0]) if args else ()


def _encode(text: Any = None, encoding: Any = None) -> bytes:
    _need(isinstance(text, str) and encoding in ("latin1", "latin-1"), "bytes are written in an unknown way")
    try:
        return text.encode("latin1")
    except UnicodeEncodeError:
        raise Bad("bytes hold a character above 255") from None


def _dtype(text: Any = None, *_: Any) -> _Dtype:
    _need(isinstance(text, str) and text.lstrip("<>|=") in _SCALARS, f"dtype {text!r} is none of numbers")
    return _Dtype(text.lstrip("<>|="))


def _array(shape: Any, dtype: Any, data: Any, fortran: Any) -> np.ndarray:
    _need(isinstance(dtype, _Dtype), "the dtype of an array is no dtype")
    _need(isinstance(data, bytes), "an array does not hold bytes")
    shape = _sizes(shape, "shape")
    _need(len(shape) <= 32, f"an array has {len(shape)} axes")
    kind = np.dtype(dtype.order + dtype.text)
    count = 1
    for n in shape:
        count *= n
    _need(count * kind.itemsize == len(data), f"an array {kind} {shape} has {len(data)} bytes")
    return np.frombuffer(data, dtype=kind).reshape(shape, order="F" if fortran else "C")  # a view: copied once, later


def _reconstruct(*_: Any) -> _Array:
    return _Array()


def _frombuffer(data: Any = None, dtype: Any = None, shape: Any = None, order: Any = "C", *_: Any) -> np.ndarray:
    return _array(shape, dtype, data, order == "F")


def _scalar(dtype: Any = None, data: Any = None, *_: Any) -> Any:
    return _array((), dtype, data, False).item()


def _size(value: Any = (), *_: Any) -> tuple[int, ...]:
    return _sizes(value, "size")


def _device(*args: Any) -> str:
    _need(len(args) <= 2 and all(isinstance(a, (str, int)) for a in args), "a device has no name")
    return ":".join(map(str, args))[:100]


_CALLS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _ordered_dict,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    "torch.Size": _size,
    "torch.device": _device,
    "builtins.tuple": _tuple,
    "__builtin__.tuple": _tuple,
    "_codecs.encode": _encode,
    "numpy.dtype": _dtype,
    "numpy.core.multiarray._reconstruct": _reconstruct,
    "numpy._core.multiarray._reconstruct": _reconstruct,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy._core.multiarray.scalar": _scalar,
    "numpy.core.numeric._frombuffer": _frombuffer,
    "numpy._core.numeric._frombuffer": _frombuffer,
}
_PLAIN = {"numpy.ndarray", *(f"torch.{t}" for t in ("float32", "float64", "float16", "bfloat16", "int64", "int32"))}


def _global(module: Any, name: Any) -> Any:
    _need(isinstance(module, str) and isinstance(name, str), "a global has no name")
    full = f"{module}.{name}"
    if module == "torch" and name in STORAGES:
        return StorageType(STORAGES[name])
    if full in _CALLS:
        return _Called(full, _CALLS[full])
    if full in _PLAIN:
        return _Plain(full)
    raise Bad(f"the pickle asks for '{full[:200]}', which files of weights do not need; nothing was run")


def _key(value: Any) -> Any:
    _need(isinstance(value, (str, int, float, bool, type(None), bytes)), f"a dict has a key of {type(value).__name__}")
    return value


def _storage(pid: Any) -> StorageRef:
    _need(isinstance(pid, tuple) and len(pid) in (5, 6) and pid[0] == "storage", "a persistent id is no storage")
    kind, key, numel = pid[1], pid[2], pid[4]
    _need(isinstance(kind, StorageType), "a storage has an unknown type")
    _need(isinstance(key, str) and len(key) < 200, "a storage has no name")
    _need(type(numel) is int and 0 <= numel < 2**58, "a storage has no size")
    _need(len(pid) == 5 or pid[5] is None, "a storage is a view of another, as PyTorch before 0.4 wrote them")
    return StorageRef(kind.dtype, key, numel)


class Machine:
    """Reads one pickle of `data` from `at`; at ends behind it. Raises Bad."""

    def __init__(self, data: Any, at: int = 0) -> None:
        self.data, self.at, self.end = data, at, len(data)
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def take(self, n: int) -> bytes:
        _need(0 <= n <= self.end - self.at, f"the pickle ends early: {n} bytes at {self.at} of {self.end}")
        self.at += n
        return bytes(self.data[self.at - n : self.at])

    def number(self, form: str) -> Any:
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0]

    def text(self, n: int) -> str:
        try:
            return self.take(n).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise Bad("a text is not UTF-8") from None

    def line(self) -> str:
        for n in range(min(self.end - self.at, 400)):
            if self.data[self.at + n] == 10:
                return self.text(n + 1)[:-1]
        raise Bad("a name has no end")

    def pop(self) -> Any:
        _need(len(self.stack) > (self.marks[-1] if self.marks else 0), "the stack is empty")
        return self.stack.pop()

    def top(self, kind: type, what: str) -> Any:
        _need(len(self.stack) > (self.marks[-1] if self.marks else 0), "the stack is empty")
        _need(isinstance(self.stack[-1], kind), f"{what} stands on {type(self.stack[-1]).__name__}")
        return self.stack[-1]

    def since_mark(self) -> list[Any]:
        _need(bool(self.marks), "there is no mark")
        at = self.marks.pop()
        items = self.stack[at:]
        del self.stack[at:]
        return items

    def set_items(self, items: list[Any]) -> None:
        _need(len(items) % 2 == 0, "a dict has a key without a value")
        into = self.top(dict, "an item")
        for k, v in zip(items[::2], items[1::2]):
            into[_key(k)] = v

    def append(self, items: list[Any]) -> None:
        self.top(list, "an element").extend(items)

    def reduce(self) -> Any:
        args, call = self.pop(), self.pop()
        _need(isinstance(args, tuple), "a call has no tuple of arguments")
        _need(isinstance(call, _Called), f"{type(call).__name__} is called")
        try:
            return call.call(*args)
        except TypeError:
            raise Bad(f"{call.name} is called with {len(args)} arguments of wrong types") from None

    def build(self) -> None:
        state = self.pop()
        _need(bool(self.stack), "the stack is empty")
        into = self.stack[-1]
        if isinstance(into, dict):
            return  # attributes of a state dict: _metadata alone is written, and holds versions of modules
        _need(isinstance(state, tuple), "a state is no tuple")
        if isinstance(into, _Dtype):
            _need(len(state) >= 2 and state[1] in ("<", ">", "|", "="), "a dtype has an unknown byte order")
            _need(all(s is None for s in state[2:5]), "a dtype has fields")
            into.order = state[1]
        elif isinstance(into, _Array):
            _need(len(state) == 5 and into.value is None, "an array has an unknown state")
            into.value = _array(state[1], state[2], state[4], state[3])
        else:
            raise Bad(f"a state is set on {type(into).__name__}")

    def get(self, n: int) -> Any:
        _need(n in self.memo, f"the memo has no entry {n}")
        return self.memo[n]

    def put(self, n: int) -> None:
        _need(bool(self.stack), "the stack is empty")
        self.memo[n] = self.stack[-1]

    def run(self) -> Any:
        push = self.stack.append
        while True:
            op = self.take(1)
            _need(len(self.stack) < _MAX_DEPTH, f"more than {_MAX_DEPTH} objects on the stack")
            if op == b".":
                value = self.pop()
                _need(not self.stack, "objects are left over")
                return value
            step = _STEPS.get(op)
            _need(step is not None, f"opcode {op!r} is none that files of weights need")
            made = step(self)  # type: ignore[misc]
            if made is not _NOTHING:
                push(made)


_NOTHING = object()


def _does(call: Callable[[Machine], Any]) -> Callable[[Machine], Any]:
    def step(m: Machine) -> Any:
        call(m)
        return _NOTHING

    return step


def _proto(m: Machine) -> None:
    version = m.number("B")
    _need(version <= 5, f"the pickle has protocol {version}")


def _stack_global(m: Machine) -> Any:
    name, module = m.pop(), m.pop()
    return _global(module, name)


def _several(n: int) -> Callable[[Machine], Any]:
    return lambda m: tuple([m.pop() for _ in range(n)][::-1])


def _set_item(m: Machine) -> None:
    value, key = m.pop(), m.pop()
    m.set_items([key, value])


def _dict(m: Machine) -> dict[Any, Any]:
    items = m.since_mark()
    _need(len(items) % 2 == 0, "a dict has a key without a value")
    return {_key(k): v for k, v in zip(items[::2], items[1::2])}


_STEPS: dict[bytes, Callable[[Machine], Any]] = {
    b"\x80": _does(_proto),
    b"\x95": _does(lambda m: m.number("Q")),
    b"(": _does(lambda m: m.marks.append(len(m.stack))),
    b"0": _does(lambda m: m.pop()),
    b"}": lambda m: {},
    b"]": lambda m: [],
    b")": lambda m: (),
    b"t": lambda m: tuple(m.since_mark()),
    b"l": lambda m: m.since_mark(),
    b"d": _dict,
    b"\x85": _several(1),
    b"\x86": _several(2),
    b"\x87": _several(3),
    b"N": lambda m: None,
    b"\x88": lambda m: True,
    b"\x89": lambda m: False,
    b"J": lambda m: m.number("i"),
    b"K": lambda m: m.number("B"),
    b"M": lambda m: m.number("H"),
    b"\x8a": lambda m: int.from_bytes(m.take(m.number("B")), "little", signed=True),
    b"G": lambda m: struct.unpack(">d", m.take(8))[0],
    b"X": lambda m: m.text(m.number("I")),
    b"\x8c": lambda m: m.text(m.number("B")),
    b"\x8d": lambda m: m.text(m.number("Q")),
    b"T": lambda m: m.take(m.number("i")),
    b"U": lambda m: m.take(m.number("B")),
    b"B": lambda m: m.take(m.number("I")),
    b"C": lambda m: m.take(m.number("B")),
    b"\x8e": lambda m: m.take(m.number("Q")),
    b"q": _does(lambda m: m.put(m.number("B"))),
    b"r": _does(lambda m: m.put(m.number("I"))),
    b"\x94": _does(lambda m: m.put(len(m.memo))),
    b"h": lambda m: m.get(m.number("B")),
    b"j": lambda m: m.get(m.number("I")),
    b"c": lambda m: _global(m.line(), m.line()),
    b"\x93": _stack_global,
    b"R": lambda m: m.reduce(),
    b"b": _does(lambda m: m.build()),
    b"s": _does(_set_item),
    b"u": _does(lambda m: m.set_items(m.since_mark())),
    b"a": _does(lambda m: m.append([m.pop()])),
    b"e": _does(lambda m: m.append(m.since_mark())),
    b"Q": lambda m: _storage(m.pop()),
}


def finished(value: Any, tensor: Callable[[Any], Any], depth: int = 0, budget: list[int] | None = None) -> Any:
    """The value with every TensorRef and array replaced by tensor(it). Raises Bad for what is no plain data."""
    budget = [2_000_000] if budget is None else budget
    budget[0] -= 1
    _need(budget[0] > 0, "more than 2000000 values (shared lists that repeat, perhaps)")
    _need(depth < 100, "lists and dicts are nested more than 100 deep")
    if isinstance(value, _Array):
        value = value.value
        _need(value is not None, "an array has no bytes")
    if isinstance(value, (TensorRef, np.ndarray)):
        return tensor(value)
    if isinstance(value, dict):
        return {k: finished(v, tensor, depth + 1, budget) for k, v in value.items()}
    if type(value) in (list, tuple):
        return type(value)(finished(v, tensor, depth + 1, budget) for v in value)
    if isinstance(value, (_Plain,)):
        return value.name
    if isinstance(value, (str, int, float, bool, bytes, type(None))):
        return value
    raise Bad(f"the pickle holds {type(value).__name__}, which is no tensor and no number")
