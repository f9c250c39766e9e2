"""Weights and states in files: neve.save writes safetensors; neve.load_weights reads safetensors, PyTorch, Paddle and .npz."""

from __future__ import annotations

import contextlib
import io
import json
import math
import mmap
import os
import struct
import tempfile
import zipfile
import zlib
from typing import Any, NoReturn

import numpy as np

from . import _neve
from ._pickles import ITEMSIZE, Bad, Machine, StorageRef, TensorRef, finished
from .nn._core import Tensor, fail, ops, text_of

_TO_SAFE = {
    "f64": "F64", "f32": "F32", "f16": "F16", "bf16": "BF16", "i64": "I64", "i32": "I32", "i16": "I16", "i8": "I8",
    "u64": "U64", "u32": "U32", "u16": "U16", "u8": "U8", "bool": "BOOL",
}  # fmt: skip
_FROM_SAFE = {v: k for k, v in _TO_SAFE.items()}
_NUMPY = {
    "f64": "<f8", "f32": "<f4", "f16": "<f2", "bf16": "<u2", "i64": "<i8", "i32": "<i4", "i16": "<i2", "i8": "i1",
    "u64": "<u8", "u32": "<u4", "u16": "<u2", "u8": "u1", "bool": "u1",
}  # fmt: skip
_MAX_HEADER = 100_000_000  # as the format says
_TREE = "neve.tree"
_MAGIC_LEGACY = 0x1950A86A20F9469CFC6C


def _tensor(view: np.ndarray, dtype: str) -> Tensor:
    """A tensor over an array of the bytes of dtype; it shares memory where the array is aligned, whole and writable."""
    if dtype == "bool":
        if view.size and view.max() > 1:
            raise Bad("a bool is neither 0 nor 1")
        view = view.view(np.bool_)
    kind = view.dtype.newbyteorder("=")
    right = view.flags.c_contiguous and view.flags.writeable and view.flags.aligned and view.dtype == kind
    shape = view.shape
    if not right:
        view = np.array(view, dtype=kind, order="C", copy=True).reshape(shape)
    if dtype != "bf16":
        return _neve.from_numpy(view)
    return ops.bit_cast(_neve.from_numpy(view), to="bf16")


def _array_of(t: Tensor) -> np.ndarray:
    """The elements as an array of plain bytes' dtype, contiguous."""
    if not isinstance(t, Tensor):
        return np.ascontiguousarray(t)
    t = t.detach()
    return np.ascontiguousarray((ops.bit_cast(t, to="u16") if t.dtype == "bf16" else t).numpy())


# ---- save ------------------------------------------------------------------------------------------------------------


def _tree_of(value: Any, tensors: dict[str, Tensor], path: str, depth: int = 0) -> Any:
    """The value as JSON, its tensors put into `tensors` under their paths."""
    if depth > 50:
        fail("invalid_argument", f"save: {path}: lists and dicts are nested more than 50 deep")
    if isinstance(value, np.ndarray):
        value = _neve.tensor(value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Tensor):
        name, n = path or "tensor", 1
        while name in tensors:
            name, n = f"{path}#{n}", n + 1
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, dict):
        items = []
        for k, v in value.items():
            if not isinstance(k, (str, int)) or isinstance(k, bool):
                fail("type_mismatch", f"save: {path or 'the state'} has a key {k!r} (texts and integers are keys)")
            items.append([k, _tree_of(v, tensors, f"{path}.{k}" if path else str(k), depth + 1)])
        return {"dict": items}
    if isinstance(value, (list, tuple)):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_tree_of(v, tensors, f"{path}.{i}" if path else str(i), depth + 1) for i, v in enumerate(value)]}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    fail(
        "type_mismatch",
        f"save: {path or 'the state'} is {type(value).__name__} (tensors, numbers, texts, None, and dicts, lists and tuples of them)",
    )


def _from_tree(tree: Any, tensors: dict[str, Tensor], depth: int = 0) -> Any:
    if depth > 60:
        raise Bad("the state is nested more than 60 deep")
    if not isinstance(tree, dict):
        if isinstance(tree, list):
            raise Bad("the state holds a bare list")
        return tree
    if len(tree) != 1:
        raise Bad("a node of the state has not one key")
    ((kind, value),) = tree.items()
    if kind == "tensor" and isinstance(value, str) and value in tensors:
        return tensors[value]
    if kind == "float" and value in ("inf", "-inf", "nan"):
        return float(value)
    if kind in ("list", "tuple") and isinstance(value, list):
        items = [_from_tree(v, tensors, depth + 1) for v in value]
        return items if kind == "list" else tuple(items)
    if kind == "dict" and isinstance(value, list):
        made = {}
        for pair in value:
            if not isinstance(pair, list) or len(pair) != 2 or type(pair[0]) not in (str, int):
                raise Bad("a dict of the state has an item that is no pair")
            made[pair[0]] = _from_tree(pair[1], tensors, depth + 1)
        return made
    raise Bad(f"a node of the state is {str(kind)[:40]!r} of something else")


def save(state: Any, path: str | os.PathLike[str]) -> None:
    """Writes tensors to a safetensors file: first to a temporary file beside it, then renamed.

    state: a dict of tensors by name (module.state_dict()), which makes a plain safetensors file that other programs read; one
    tensor; or nested dicts, lists and tuples of tensors, numbers, texts and None (optimiser.state_dict()). The latter are plain
    safetensors too, with the tensors under dotted paths, and a JSON text under `__metadata__["neve.tree"]` whose nodes are
    {"dict": [[key, node], ...]}, {"list": [...]}, {"tuple": [...]}, {"tensor": name}, {"float": "inf" | "-inf" | "nan"} or plain values.
    Raises Error{type_mismatch} for other values, Error{io}. Cost: one pass over the bytes.
    """
    path = os.fspath(path)
    tensors: dict[str, Tensor] = {}
    flat = isinstance(state, dict) and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items())
    metadata: dict[str, str] = {}
    if flat and "__metadata__" not in state:
        tensors = dict(state)
    else:
        metadata[_TREE] = json.dumps(_tree_of(state, tensors, ""), allow_nan=False)
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    at = 0
    order = sorted(tensors, key=lambda n: -tensors[n].itemsize)  # wide elements first: all stay aligned
    for name in order:
        t = tensors[name]
        if t.dtype not in _TO_SAFE:
            fail(
                "unsupported", f"save: '{name}' is {text_of(t)}, which safetensors cannot hold (astype('f32') converts)"
            )
        header[name] = {"dtype": _TO_SAFE[t.dtype], "shape": list(t.shape), "data_offsets": [at, at + t.nbytes]}
        at += t.nbytes
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 64 + 56)  # data begin at a multiple of 64
    try:
        folder = os.path.dirname(os.path.abspath(path))
        handle, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=folder)
        try:
            with os.fdopen(handle, "wb") as f:
                f.write(struct.pack("<Q", len(head)) + head)
                for name in order:
                    f.write(_array_of(tensors[name]).reshape(-1).view(np.uint8).data)
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(temporary, 0o666 & ~mask)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        fail("io", f"save: {path}: {error.strerror or error}")


# ---- load ------------------------------------------------------------------------------------------------------------


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Bad("the header names something twice")
    return made


def _json(text: bytes | str, what: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise Bad(f"{what} is no JSON") from None


def _view(data: Any, at: int, end: int, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    count = (end - at) // ITEMSIZE.get(dtype, np.dtype(_NUMPY[dtype]).itemsize)
    return np.frombuffer(data, dtype=_NUMPY[dtype], count=count, offset=at).reshape(shape)


def _safetensors(data: Any) -> Any:
    size = struct.unpack("<Q", data[:8])[0]
    if size > min(_MAX_HEADER, len(data) - 8):
        raise Bad(f"the header says {size} bytes and the file has {len(data)}")
    header = _json(bytes(data[8 : 8 + size]), "the header")
    if not isinstance(header, dict):
        raise Bad("the header is no object")
    metadata = header.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise Bad("__metadata__ is no map of texts")
    base, room, spans, tensors = 8 + size, len(data) - 8 - size, [], {}
    for name, entry in header.items():
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise Bad(f"'{name[:100]}' has not dtype, shape and data_offsets")
        kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
        if not isinstance(kind, str) or kind not in _FROM_SAFE:
            raise Bad(f"'{name[:100]}' has dtype {str(kind)[:40]!r}, one of {', '.join(_FROM_SAFE)} is known")
        for what, values in (("shape", shape), ("data_offsets", offsets)):
            if (
                not isinstance(values, list)
                or len(values) > 32
                or not all(type(n) is int and 0 <= n < 2**62 for n in values)
            ):
                raise Bad(f"'{name[:100]}' has a wrong {what}")
        if len(offsets) != 2 or not offsets[0] <= offsets[1] <= room:
            raise Bad(f"'{name[:100]}' lies at {offsets} of {room} bytes")
        dtype = _FROM_SAFE[kind]
        need = math.prod(shape) * np.dtype(_NUMPY[dtype]).itemsize
        if need != offsets[1] - offsets[0]:
            raise Bad(f"'{name[:100]}' is {kind} {shape} of {need} bytes, and has {offsets[1] - offsets[0]}")
        spans.append((offsets[0], offsets[1], name, dtype, tuple(shape)))
    before = 0
    for at, end, name, _, _ in sorted(spans):
        if at != before:
            raise Bad(f"'{name[:100]}' lies at byte {at}, where {before} is free: tensors overlap or leave holes")
        before = end
    if before != room:
        raise Bad(f"the tensors end at byte {before} of {room}")
    for at, end, name, dtype, shape in spans:
        tensors[name] = _tensor(_view(data, base + at, base + end, dtype, shape), dtype)
    tensors = {name: tensors[name] for name in header}
    return _from_tree(_json(metadata[_TREE], "the state"), tensors) if _TREE in metadata else tensors


class _Zip:
    """Entries of a zip file: each listed once, inside the file, none over another. Raises Bad."""

    def __init__(self, file: Any, data: Any) -> None:
        self.data = data
        self.entries: dict[Any, Any] = {}
        try:
            listed = zipfile.ZipFile(file).infolist()
        except Exception as error:  # zipfile raises many kinds for broken files
            raise Bad(f"the zip directory is broken: {error}") from None
        spans = []
        for e in listed:
            at = e.header_offset
            if e.flag_bits & 0x2041 or not 0 <= at <= len(data) - 30 or data[at : at + 4] != b"PK\x03\x04":
                raise Bad(f"the zip entry '{e.filename[:100]}' is encrypted or has no header")
            n, extra = struct.unpack("<HH", data[at + 26 : at + 30])
            begin = at + 30 + n + extra
            end = begin + e.compress_size
            local = bytes(data[at + 30 : at + 30 + n])
            if local not in (e.orig_filename.encode("utf-8", "replace"), e.orig_filename.encode("cp437", "replace")):
                raise Bad(f"the zip entry '{e.filename[:100]}' has another name in its header")
            if e.filename in self.entries or end > len(data):
                raise Bad(f"the zip entry '{e.filename[:100]}' is there twice, or ends after the file")
            spans.append((at, end))
            self.entries[e.filename] = (e, begin, end)
        spans.sort()
        if any(end > at for (_, end), (at, _) in zip(spans, spans[1:])):
            raise Bad("zip entries overlap")

    def stored(self, name: str) -> tuple[int, int]:
        """Where the bytes of an entry are, that must not be compressed; their checksum is compared."""
        if name not in self.entries:
            raise Bad(f"there is no entry '{name[:200]}'")
        e, at, end = self.entries[name]
        if e.compress_type != zipfile.ZIP_STORED or e.file_size != e.compress_size:
            raise Bad(f"the zip entry '{name[:100]}' is compressed")
        if e.CRC and zlib.crc32(memoryview(self.data)[at:end]) != e.CRC:
            raise Bad(f"the zip entry '{name[:100]}' has a wrong checksum")
        return at, end

    def read(self, name: str) -> bytes:
        """The bytes of an entry, stored or deflated; never more than the entry says."""
        e, at, end = self.entries[name]
        if e.compress_type == zipfile.ZIP_STORED:
            at, end = self.stored(name)
            return bytes(self.data[at:end])
        if e.compress_type != zipfile.ZIP_DEFLATED or e.file_size > 1100 * (e.compress_size + 10):
            raise Bad(f"the zip entry '{name[:100]}' is compressed in an unknown way, or grows without measure")
        worker = zlib.decompressobj(-15)
        try:
            made = worker.decompress(self.data[at:end], e.file_size + 1)
        except zlib.error:
            raise Bad(f"the zip entry '{name[:100]}' cannot be inflated") from None
        if len(made) != e.file_size or zlib.crc32(made) != e.CRC:
            raise Bad(f"the zip entry '{name[:100]}' has a wrong size or checksum")
        return made


class _Tensors:
    """Makes tensors of what a pickle names; equal references share one tensor, and what all need together is bounded."""

    def __init__(self, data: Any, storages: Any) -> None:
        self.data, self.storages = data, storages
        self.made: dict[Any, Any] = {}
        self.budget = 16 * len(data) + 2**20

    def _count(self, nbytes: int) -> None:
        self.budget -= nbytes
        if self.budget < 0:
            raise Bad(f"the tensors together need more than 16 times the {len(self.data)} bytes of the file")

    def __call__(self, ref: Any) -> Tensor:
        key = ref if isinstance(ref, TensorRef) else id(ref)
        if key in self.made:
            return self.made[key][0]
        if isinstance(ref, TensorRef):
            at, end = self.storages(ref.storage)
            dtype, item = ref.storage.dtype, ITEMSIZE[ref.storage.dtype]
            if end - at < ref.storage.numel * item:
                raise Bad(f"storage '{ref.storage.key}' has {end - at} bytes, not {ref.storage.numel} of {item}")
            self._count(math.prod(ref.size) * item)
            whole = _view(self.data, at, at + ref.storage.numel * item, dtype, (ref.storage.numel,))
            if math.prod(ref.size) == 0:
                view = np.zeros(ref.size, whole.dtype)
            else:
                view = np.lib.stride_tricks.as_strided(whole[ref.offset :], ref.size, [s * item for s in ref.stride])
            t = _tensor(view, dtype)
        else:
            self._count(ref.nbytes)
            kind = ref.dtype.newbyteorder("=")
            t = _tensor(ref.view(np.uint8) if kind == np.bool_ else ref, "bool" if kind == np.bool_ else "")
        self.made[key] = (t, ref)
        return t


def _torch_zip(archive: _Zip, data: Any) -> Any:
    tops = [name for name in archive.entries if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(tops) != 1:
        raise Bad("there is no data.pkl, or several")
    root = tops[0][: -len("data.pkl")]
    if f"{root}constants.pkl" in archive.entries:
        raise Bad(
            "this is a TorchScript archive, which holds code (neve.load reads models; save the state_dict for weights)"
        )
    if f"{root}byteorder" in archive.entries and archive.read(f"{root}byteorder") != b"little":
        raise Bad("the tensors are big-endian")
    known: dict[str, tuple[int, int]] = {}

    def storage(ref: StorageRef) -> tuple[int, int]:
        if ref.key not in known:
            known[ref.key] = archive.stored(f"{root}data/{ref.key}")
        return known[ref.key]

    return finished(Machine(archive.read(tops[0])).run(), _Tensors(data, storage))


def _torch_legacy(data: Any, at: int) -> Any:
    def one(kind: type) -> Any:
        nonlocal at
        machine = Machine(data, at)
        value, at = machine.run(), machine.at
        if not isinstance(value, kind):
            raise Bad(f"a {kind.__name__} is expected, {type(value).__name__} found")
        return value

    if one(int) != 1001 or one(dict).get("little_endian") is not True:
        raise Bad("an unknown version of PyTorch's old form, or big-endian")
    value, keys, places = one(object), one(list), {}
    items: dict[str, int] = {}

    def note(ref: Any) -> None:
        if isinstance(ref, TensorRef):
            items.setdefault(ref.storage.key, ITEMSIZE[ref.storage.dtype])

    finished(value, note)
    for key in keys:
        if not isinstance(key, str) or key in places:
            raise Bad("the list of storages names one twice, or something that is no name")
        if at + 8 > len(data):
            raise Bad("the file ends before its storages do")
        numel = struct.unpack("<q", data[at : at + 8])[0]
        item = items.get(key)
        if item is None:
            raise Bad(f"storage '{key[:100]}' belongs to no tensor")
        end = at + 8 + numel * item
        if numel < 0 or end > len(data):
            raise Bad(f"storage '{key[:100]}' of {numel} elements ends after the file")
        places[key] = (at + 8, end)
        at = end

    def storage(ref: StorageRef) -> tuple[int, int]:
        if ref.key not in places:
            raise Bad(f"there is no storage '{ref.key[:100]}'")
        return places[ref.key]

    return finished(value, _Tensors(data, storage))


def _paddle(value: Any, data: Any) -> Any:
    """A pickle of arrays: Paddle writes pairs (name, array) in some versions, and a table of names."""
    if isinstance(value, dict):
        value.pop("StructuredToParameterName@@", None)
        for k, v in value.items():
            if isinstance(v, tuple) and len(v) == 2 and isinstance(v[0], str):
                value[k] = v[1]

    def none(ref: StorageRef) -> NoReturn:
        raise Bad("a storage is named, but the file has none")

    return finished(value, _Tensors(data, none))


def _npz(archive: _Zip) -> dict[str, Tensor]:
    made = {}
    for name in archive.entries:
        if not name.endswith(".npy"):
            raise Bad(f"the entry '{name[:100]}' is no .npy")
        raw = archive.read(name)
        f = io.BytesIO(raw)
        try:
            version = np.lib.format.read_magic(f)
            if version not in ((1, 0), (2, 0)):
                raise Bad(f"'{name[:100]}' has version {version}")
            header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = header(f)
        except Bad:
            raise
        except Exception as error:  # the header is evaluated as a literal; broken ones raise many kinds
            raise Bad(f"'{name[:100]}' has a broken header: {str(error)[:100]}") from None
        if dtype.kind not in "fiub" or dtype.itemsize > 8 or len(shape) > 32 or not all(0 <= n < 2**62 for n in shape):
            raise Bad(f"'{name[:100]}' is {dtype} {shape}, which is no array of numbers")
        if math.prod(shape) * dtype.itemsize != len(raw) - f.tell():
            raise Bad(f"'{name[:100]}' is {dtype} {shape} and has {len(raw) - f.tell()} bytes")
        view = np.frombuffer(raw, np.uint8 if dtype == np.bool_ else dtype, offset=f.tell())
        view = view.reshape(shape, order="F" if fortran else "C")
        made[name[:-4]] = _tensor(view, "bool" if dtype == np.bool_ else "")
    return made


def _read(f: Any, data: Any) -> Any:
    head = bytes(data[:16])
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        archive = _Zip(f, data)
        names = list(archive.entries)
        return _npz(archive) if names and all(n.endswith(".npy") for n in names) else _torch_zip(archive, data)
    if head[:1] == b"\x80" and 2 <= head[1] <= 5:
        machine = Machine(data)
        value = machine.run()
        return _torch_legacy(data, machine.at) if value == _MAGIC_LEGACY else _paddle(value, data)
    if len(data) >= 10 and head[8:9] == b"{":
        return _safetensors(data)
    raise Bad("the file is neither safetensors, nor PyTorch's, nor Paddle's, nor .npz")


def _of_module(path: str, names: str) -> dict[str, Tensor]:
    if not _neve.is_module_archive(path):
        fail(
            "unsupported",
            f"load_weights: {path}: it holds an engine, whose weights are packed (a file that neve.jit.save wrote)",
        )
    tensors = _neve.load_module(path).tensors()
    if names == "stored":
        return {key: t.detach() for _, key, t, _, _ in tensors}
    return {name: t.detach() for name, _, t, _, persistent in tensors if persistent}


def load_weights(path: str | os.PathLike[str], *, names: str = "structured") -> Any:
    """Reads tensors: safetensors, PyTorch .pt/.pth (zip and old form), Paddle .pdparams, .npz, and what neve.jit.save wrote.
    What it is, the bytes say, not the name.

    names: of a file of neve.jit.save: "structured", the state dict of the original class, or "stored", each tensor once,
    as the file calls it, and those too that are no part of the state dict.

    Returns what was saved: mostly a dict of tensors by name, for module.load_state_dict; nested dicts and lists for the states of
    optimisers. Nothing in a file is run: pickles are read by a reader that knows the names which weights need, and refuses all others
    by name. Files are mapped into memory: tensors of aligned, whole storages share it (writes to them do not reach the file), so the
    file must not be shortened while they live.
    Raises Error{corrupt_file} for a file that is not what its form says, Error{not_found}, Error{io}. Cost: the checksums, else lazy.
    """
    path = os.fspath(path)
    if names not in ("structured", "stored"):
        fail("invalid_argument", f"load_weights: names is {names!r} ('structured' or 'stored')")
    try:
        with open(path, "rb") as f:
            if os.fstat(f.fileno()).st_size < 10:
                fail("corrupt_file", f"load_weights: {path}: it has less than 10 bytes (a whole file of weights)")
            data = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_COPY)
            if data[:4] == b"PK\x03\x04" and data[30:43] == b"manifest.json":
                return _of_module(path, names)
            return _read(f, data)
    except Bad as error:
        fail("corrupt_file", f"load_weights: {path}: {error}")
    except (ValueError, OverflowError, MemoryError) as error:  # sizes that no array can have
        fail("corrupt_file", f"load_weights: {path}: {error}")
    except (FileNotFoundError, IsADirectoryError):
        fail("not_found", f"load_weights: {path}: there is no such file (the path of a file of weights)")
    except OSError as error:
        fail("io", f"load_weights: {path}: {error.strerror or error}")
