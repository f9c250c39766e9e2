"""Fuzzes the readers of weights (PyTorch zip and old form, Paddle, safetensors, npz): build/venv/bin/python tests/fuzz/weights.py.

Seeds, hostile files and files that are put together from parts are changed at random; each must be read, or be refused
with neve.Error, within seconds and within memory, and nothing may be run. What fails is kept in the folder of findings.
"""

import argparse
import hashlib
import io
import json
import os
import pathlib
import pickle
import random
import resource
import signal
import struct
import sys
import tempfile
import time
import tokenize  # noqa: F401 (NumPy imports it while it reads some headers)
import zipfile
import zlib

import neve
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODES = {"corrupt_file", "not_found", "io"}
MEMORY = 1 << 30  # beyond what the process has when it starts
FORBIDDEN = (
    "os.",
    "subprocess.",
    "socket.",
    "ctypes.",
    "shutil.",
    "pty.",
    "webbrowser.",
    "pickle.",
    "marshal.",
    "exec",
    "code.",
)
ALLOWED = {"os.listdir", "os.scandir", "os.fwalk", "os.walk"}
_watching = False


def _audit(event, args):
    if not _watching or event in ALLOWED:
        return
    writes = event == "open" and isinstance(args[1], str) and any(c in args[1] for c in "wax+")
    if writes or event.startswith(FORBIDDEN):
        raise SystemError(f"a file of weights made this process do {event}{args!r:.200}")


# ---- files that mean harm --------------------------------------------------------------------------------------------


def zipped(entries, compression=zipfile.ZIP_STORED):
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w", compression) as z:
        for name, body in entries:
            z.writestr(zipfile.ZipInfo(name) if compression == zipfile.ZIP_STORED else name, body)
    return f.getvalue()


class Runs:
    def __init__(self, call, *args):
        self.how = call, args

    def __reduce__(self):
        return self.how


def safe(header, data=b""):
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + data


def part(begin, end, shape=(2,), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def tensor(key="0", numel=4, offset=0, size=(4,), stride=(1,), kind="FloatStorage"):
    """Opcodes of one tensor as PyTorch writes them."""

    def text(s):
        return b"X" + struct.pack("<I", len(s.encode())) + s.encode()

    def number(n):
        raw = n.to_bytes((n.bit_length() + 8) // 8, "little", signed=True)
        return b"\x8a" + bytes([len(raw)]) + raw

    def numbers(v):
        return b"(" + b"".join(map(number, v)) + b"t"

    storage = b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text(key) + text("cpu") + number(numel) + b"tQ"
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage
        + number(offset)
        + numbers(size)
        + numbers(stride)
        + b"\x89N"
        + b"tR"
    )


def torch_file(body, storages=(("0", bytes(16)),), extra=()):
    return zipped([("m/data.pkl", b"\x80\x02" + body + b"."), *((f"m/data/{k}", b) for k, b in storages), *extra])


def named(body):
    return b"}(X\x01\x00\x00\x00w" + body + b"u"


def npy(header, body=b""):
    head = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + body


def hostile():
    """name -> (bytes, what the message says)."""
    import codecs

    system = Runs(os.system, "touch /nonexistent/ran")
    deep = b"]" * 5000 + b"a" * 4999
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = bomb.compress(bytes(64 << 20)) + bomb.flush()
    many = named(b"](" + b"".join(tensor(size=(4,)) for _ in range(2000)) + b"e")
    cases = {
        "system.pdparams": (pickle.dumps({"w": system}, 2), "nothing was run"),
        "system_in_key.pdparams": (pickle.dumps({"w": {"x": [system]}}, 4), "nothing was run"),
        "system.pt": (torch_file(b"cos\nsystem\n(X\x02\x00\x00\x00idtR"), "nothing was run"),
        "getattr.pt": (torch_file(b"cbuiltins\ngetattr\n(NNtR"), "nothing was run"),
        "import.pt": (torch_file(b"cbuiltins\n__import__\n(X\x02\x00\x00\x00ostR"), "nothing was run"),
        "load.pt": (torch_file(b"ctorch\nload\n(NtR"), "nothing was run"),
        "nested_pickle.pdparams": (pickle.dumps(Runs(pickle.loads, b"x"), 2), "nothing was run"),
        "inst.pt": (torch_file(b"(ios\nsystem\n"), "opcode"),
        "obj.pt": (torch_file(b"(cos\nsystem\no"), "'os.system'"),
        "newobj.pt": (torch_file(b"ccollections\nOrderedDict\n)\x81"), "opcode"),
        "persistent.pt": (torch_file(b"X\x01\x00\x00\x00xQ"), "no storage"),
        "extension.pt": (torch_file(b"\x82\x01"), "opcode"),
        "dotted.pdparams": (b"\x80\x04\x8c\x08builtins\x8c\x0eprint.__self__\x93." + bytes(9), "nothing was run"),
        "codecs.pdparams": (pickle.dumps(Runs(codecs.encode, "x", "rot13"), 2), "unknown way"),
        "codecs_module.pdparams": (b"\x80\x02c_codecs\nlookup\n(X\x01\x00\x00\x00xtR." + bytes(9), "nothing was run"),
        "length.pdparams": (b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + bytes(20), "ends early"),
        "length_negative.pdparams": (b"\x80\x02T" + struct.pack("<i", -5) + bytes(20), "ends early"),
        "text.pdparams": (b"\x80\x02X" + struct.pack("<I", 2**32 - 1) + bytes(20), "ends early"),
        "long.pdparams": (b"\x80\x02\x8a\xff" + bytes(20), "ends early"),
        "deep.pt": (torch_file(deep), "nested more than 100"),
        "cycle.pt": (torch_file(b"]q\x00h\x00a"), "nested more than 100"),
        "doubling.pdparams": (b"\x80\x02]q\x00" + b"".join(b"](h%ch%ceq%c" % (i, i, i + 1) for i in range(60)) + b".", "left over"),
        "doubling_tuples.pdparams": (
            b"\x80\x02)q\x00" + b"".join(b"0h%ch%c\x86q%c" % (i, i, i + 1) for i in range(60)) + b".", "2000000 values"),
        "huge_tensor.pt": (torch_file(named(tensor(numel=2**40, size=(2**40,)))), "has 16 bytes"),
        "overflowing_tensor.pt": (torch_file(named(tensor(size=(2**40, 2**40), stride=(0, 0)))), "stands on a storage of 4"),
        "expanded_tensor.pt": (torch_file(named(tensor(numel=4, size=(2**30,), stride=(0,)))), "stands on a storage of 4"),
        "negative_size.pt": (torch_file(named(tensor(size=(-4,)))), "no tuple of sizes"),
        "negative_stride.pt": (torch_file(named(tensor(stride=(-1,)))), "no tuple of sizes"),
        "offset.pt": (torch_file(named(tensor(offset=3))), "reads element 6"),
        "offset_huge.pt": (torch_file(named(tensor(offset=2**70))), "offset"),
        "stride_huge.pt": (torch_file(named(tensor(size=(2, 2), stride=(2**61, 1)))), "reads element"),
        "ranks.pt": (torch_file(named(tensor(size=(4,), stride=(1, 1)))), "1 sizes and 2 strides"),
        "no_storage.pt": (torch_file(named(tensor(key="7"))), "no entry"),
        "escape.pt": (torch_file(named(tensor(key="../../../../etc/passwd"))), "no entry"),
        "absolute.pt": (torch_file(named(tensor(key="/etc/passwd"))), "no entry"),
        "unknown_storage.pt": (torch_file(named(tensor(kind="QInt8Storage"))), "nothing was run"),
        "list_as_key.pt": (torch_file(b"}]Ns"), "key of list"),
        "budget.pt": (torch_file(b"](" + b"".join(tensor(key=str(i % 1), size=(4,), stride=((i % 4) and 0 or 1,), offset=0) for i in range(3)) + b"e"), None),
        "many.pt": (torch_file(many), None),
        "two_pickles.pt": (zipped([("a/data.pkl", b"\x80\x02}."), ("b/data.pkl", b"\x80\x02}.")]), "several"),
        "empty.zip": (zipped([]), "no data.pkl"),
        "zip_bomb.npz": (zipped([("a.npy", bytes(64 << 20))], zipfile.ZIP_DEFLATED), "broken header"),
        "zip_bomb_raw.npz": (_raw_zip("a.npy", zeros, 100, 8), "wrong size"),
        "zip_bomb_says.npz": (_raw_zip("a.npy", zeros, 1 << 40, 8), "grows without measure"),
        "zip_escape.npz": (zipped([("../../a.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", bytes(4)))]), None),
        "objects.npz": (zipped([("a.npy", npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", pickle.dumps([system])))]), "no array of numbers"),
        "code.npz": (zipped([("a.npy", npy("__import__('os').system('id')"))]), "broken header"),
        "nested.npz": (zipped([("a.npy", npy("(" * 3000 + ")" * 3000))]), "broken header"),
        "shape.npz": (zipped([("a.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,), }", bytes(4)))]), "has 4 bytes"),
        "shape_negative.npz": (zipped([("a.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", bytes(4)))]), "no array of numbers"),
        "descr.npz": (zipped([("a.npy", npy("{'descr': '<f999999999', 'fortran_order': False, 'shape': (1,), }"))]), "broken header"),
        "fields.npz": (zipped([("a.npy", npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", bytes(4)))]), "no array of numbers"),
        "overlap.safetensors": (safe({"a": part(0, 8), "b": part(4, 12)}, bytes(12)), "overlap"),
        "hole.safetensors": (safe({"a": part(4, 12)}, bytes(12)), "holes"),
        "beyond.safetensors": (safe({"a": part(0, 8)}, bytes(4)), "lies at"),
        "backwards.safetensors": (safe({"a": part(8, 0)}, bytes(8)), "lies at"),
        "shape.safetensors": (safe({"a": part(0, 8, (2**31, 2**31))}, bytes(8)), "bytes, and has 8"),
        "huge_number.safetensors": (safe(b'{"a":{"dtype":"F32","shape":[1' + b"0" * 5000 + b'],"data_offsets":[0,8]}}', bytes(8)), "no JSON"),
        "float_shape.safetensors": (safe({"a": part(0, 8, (2.0,))}, bytes(8)), "wrong shape"),
        "nan.safetensors": (safe(b'{"a":NaN}'), "has not dtype"),
        "deep.safetensors": (safe(b'{"a":' + b"[" * 100000), "no JSON"),
        "header.safetensors": (struct.pack("<Q", 2**64 - 1) + b"{}" + bytes(20), "header says"),
        "twice.safetensors": (safe(b'{"a":1,"a":2}'), "twice"),
        "tree.safetensors": (safe({"__metadata__": {"neve.tree": '{"list":' * 90 + "[]" + "}" * 90}}), "state"),
        "metadata.safetensors": (safe({"__metadata__": {"a": 1}}), "__metadata__"),
        "short": (b"x" * 4, "less than 10 bytes"),
        "noise": (bytes(range(256)), "neither"),
    }  # fmt: skip
    legacy = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}X\r\x00\x00\x00little_endian\x88s."
    cases["legacy_numel.pth"] = (
        legacy + b"\x80\x02" + named(tensor()) + b".\x80\x02]X\x01\x00\x00\x000a." + struct.pack("<q", -1),
        "ends after",
    )
    cases["legacy_short.pth"] = (
        legacy + b"\x80\x02" + named(tensor()) + b".\x80\x02]X\x01\x00\x00\x000a." + struct.pack("<q", 2**60),
        "ends after",
    )
    cases["legacy_twice.pth"] = (
        legacy
        + b"\x80\x02"
        + named(tensor())
        + b".\x80\x02](X\x01\x00\x00\x000X\x01\x00\x00\x000e."
        + struct.pack("<q", 4)
        + bytes(16),
        "twice",
    )
    return cases


def _raw_zip(name, body, says, crc):
    """A zip of one deflated entry whose directory says what it likes."""
    n, size = name.encode(), min(says, 2**32 - 1)
    local = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 8, 0, 0, crc, len(body), size, len(n), 0) + n + body
    entry = (
        struct.pack(
            "<4sHHHHHHIIIHHHHHII", b"PK\1\2", 20, 20, 0, 8, 0, 0, crc, len(body), size, len(n), 0, 0, 0, 0, 0, 0
        )
        + n
    )
    return local + entry + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, len(entry), len(local), 0)


# ---- changing --------------------------------------------------------------------------------------------------------

WORDS = (b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0", b"\0\0\0\x80", b"\xff" * 8, b"\xff" * 7 + b"\x7f", b"PK\1\2", b"PK\5\6",
         b"cos\nsystem\n", b"\x93", b"R", b"Q", b"(", b"t", b"u", b"e", b"s", b"b", b"\x94", b"h\0", b"q\0", b"N", b"}", b"]", b")", b".",
         b"-1", b"1e999", b"[", b"{", b'"', b"ctorch._utils\n_rebuild_tensor_v2\n", b"cnumpy\ndtype\n", b"cnumpy.core.multiarray\n_reconstruct\n",
         b"c_codecs\nencode\n", b"ccollections\nOrderedDict\n")  # fmt: skip


def changed(raw, draw):
    raw = bytearray(raw)
    for _ in range(draw.choice((1, 1, 1, 2, 4, 16))):
        if not raw:
            return b"x"
        at, kind = draw.randrange(len(raw)), draw.randrange(8)
        if kind == 0:
            raw[at] = draw.randrange(256)
        elif kind == 1:
            raw[at] ^= 1 << draw.randrange(8)
        elif kind == 2:
            del raw[at : at + draw.choice((1, 2, 4, 16, 100))]
        elif kind == 3:
            raw[at:at] = raw[at : at + draw.choice((1, 8, 64, 1000))]
        elif kind == 4:
            word = draw.choice(WORDS)
            raw[at : at + len(word)] = word
        elif kind == 5:
            raw[at:at] = draw.choice(WORDS)
        elif kind == 6:
            other = draw.randrange(len(raw))
            size = draw.choice((1, 4, 32))
            raw[at : at + size] = raw[other : other + size]
        else:
            del raw[at:]
    return bytes(raw)


def changed_within(raw, draw):
    """A zip whose entries are changed, with checksums that are right; a safetensors header with other numbers."""
    if raw[:2] == b"PK":
        try:
            with zipfile.ZipFile(io.BytesIO(raw)) as z:
                entries = [(n, z.read(n)) for n in z.namelist()]
        except Exception:
            return changed(raw, draw)
        if not entries:
            return changed(raw, draw)
        k = draw.randrange(len(entries))
        name, body = entries[k]
        entries[k] = (name, changed(body, draw))
        return zipped(entries, zipfile.ZIP_DEFLATED if draw.random() < 0.2 else zipfile.ZIP_STORED)
    if raw[8:9] == b"{" and len(raw) > 16:
        size = struct.unpack("<Q", raw[:8])[0]
        if size < len(raw):
            return safe(changed(raw[8 : 8 + size], draw), raw[8 + size :])
    return changed(raw, draw)


def seeds():
    made = [p.read_bytes() for p in sorted((ROOT / "tests/golden/weights").iterdir())]
    values = {"a": np.arange(6, dtype=np.float32), "b": np.ones((2, 2)), "c": np.array([True, False])}
    for write in (np.savez, np.savez_compressed):
        f = io.BytesIO()
        write(f, **values)
        made.append(f.getvalue())
    with tempfile.TemporaryDirectory() as folder:
        tensors = {k: neve.tensor(v) for k, v in values.items()}
        for state in (tensors, {"s": [tensors, 1, (2.5, None)], 3: float("inf")}):
            neve.save(state, f"{folder}/x")
            made.append(pathlib.Path(folder, "x").read_bytes())
    return made + [
        raw for name, (raw, _) in hostile().items() if len(raw) < 100_000 and "doubling" not in name
    ]  # slow ones


# ---- running ---------------------------------------------------------------------------------------------------------


def touch(value):
    """Reads every element of what was loaded: memory that is not there would show."""
    if isinstance(value, neve.Tensor):
        assert value.nbytes < MEMORY
        np.array(value.astype("f32") if value.dtype == "bf16" else value).sum()
    elif isinstance(value, dict):
        for v in value.values():
            touch(v)
    elif isinstance(value, (list, tuple)):
        for v in value:
            touch(v)


def attempt(path, raw, seconds=10):
    """Loads; True if it was read, False if refused. Anything else is raised."""
    global _watching
    path.write_bytes(raw)

    def late(*_):
        raise TimeoutError(f"it took more than {seconds} s")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    _watching = True
    try:
        touch(neve.load_weights(path))
        return True
    except neve.Error as error:
        if error.code not in CODES or not str(error).startswith(f"load_weights: {path}: "):
            raise AssertionError(f"an error of another kind: {error.code}: {error}") from error
        return False
    finally:
        _watching = False
        signal.alarm(0)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--seed", type=int, default=None)
    options.add_argument("--findings", default=str(ROOT / "build/fuzz/findings"))
    args = options.parse_args()
    seed = int(time.time()) if args.seed is None else args.seed
    draw = random.Random(seed)
    sys.addaudithook(_audit)
    with open("/proc/self/statm") as f:
        now = int(f.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, now + MEMORY))
    pool, start, runs, read, failed = seeds(), time.monotonic(), 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "case")
        while time.monotonic() - start < args.seconds:
            raw = draw.choice(pool)
            for _ in range(draw.choice((1, 1, 2))):
                raw = (changed_within if draw.random() < 0.6 else changed)(raw, draw)
            runs += 1
            try:
                good = attempt(path, raw)
                read += good
                if good and len(pool) < 400 and draw.random() < 0.05:
                    pool.append(raw)
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                failed += 1
                keep = pathlib.Path(args.findings)
                keep.mkdir(parents=True, exist_ok=True)
                name = keep / f"weights-{hashlib.sha256(raw).hexdigest()[:16]}"
                name.write_bytes(raw)
                print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
                if failed >= 20:
                    break
    print(f"weights: {runs} files, {read} read, {runs - read - failed} refused, {failed} failed (seed {seed})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
