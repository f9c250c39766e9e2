"""Files of weights: what is saved is loaded, files of others are read, and hostile ones run nothing."""

import io
import json
import os
import pathlib
import pickle
import random
import struct
import zipfile

import neve
import numpy as np
import pytest
from neve import _neve

WEIGHTS = pathlib.Path(__file__).resolve().parents[1] / "golden" / "weights"


def array(t):
    return t.astype("f32").numpy() if t.dtype == "bf16" else t.numpy()


def refused(path, text, code="corrupt_file"):
    with pytest.raises(neve.Error, match=text) as caught:
        neve.load_weights(path)
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["state.pt", "state_legacy.pt"])
def test_torch_state(name):
    d = neve.load_weights(WEIGHTS / name)
    ramp = np.arange(24, dtype=np.float32).reshape(4, 6)
    expected = {
        "ramp": ("f32", ramp), "turned": ("f32", ramp.T), "part": ("f32", ramp[1:3, 2:5]), "half": ("f16", (ramp / 7).astype(np.float16)),
        "brain": ("bf16", ramp / 8), "long": ("i64", np.arange(5)), "flag": ("bool", [True, False]), "one": ("f32", np.float32(2.5)),
        "empty": ("f32", np.zeros((0, 3))), "byte": ("u8", np.arange(4)), "double": ("f64", [1e-300]), "weight": ("f32", np.ones((2, 2))),
    }  # fmt: skip
    assert list(d) == list(expected)
    for key, (dtype, values) in expected.items():
        assert d[key].dtype == dtype, key
        np.testing.assert_array_equal(array(d[key]), values, err_msg=key, strict=False)
        assert tuple(d[key].shape) == np.shape(values)


def test_torch_checkpoint_and_round_trip(tmp_path):
    d = neve.load_weights(WEIGHTS / "checkpoint.pt")
    assert d["epoch"] == 3 and d["optimizer"]["param_groups"][0]["betas"] == (0.9, 0.999)
    np.testing.assert_array_equal(d["model"]["1.bias"].numpy() != 0, True)
    neve.save(d, tmp_path / "c.safetensors")
    e = neve.load_weights(tmp_path / "c.safetensors")
    assert e["optimizer"]["param_groups"] == d["optimizer"]["param_groups"]
    assert list(e["optimizer"]["state"]) == [0, 1, 2, 3]
    np.testing.assert_array_equal(
        e["optimizer"]["state"][1]["exp_avg"].numpy(), d["optimizer"]["state"][1]["exp_avg"].numpy()
    )


@pytest.mark.parametrize("protocol", [2, 4])
def test_paddle(protocol):
    d = neve.load_weights(WEIGHTS / f"paddle{protocol}.pdparams")
    assert list(d) == ["fc.weight", "fc.bias"]
    np.testing.assert_array_equal(d["fc.weight"].numpy(), np.arange(6, dtype=np.float32).reshape(2, 3))


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_npz(tmp_path, write):
    values = {"a": np.arange(6.0).reshape(2, 3).T, "b": np.array([True, False]), "c": np.arange(3, dtype=">i4")}
    write(tmp_path / "x.npz", **values)
    d = neve.load_weights(tmp_path / "x.npz")
    assert d["c"].dtype == "i32" and d["b"].dtype == "bool"
    for k in values:
        np.testing.assert_array_equal(d[k].numpy(), values[k])
    np.savez(tmp_path / "o.npz", a=np.array([object()]))
    refused(tmp_path / "o.npz", "no array of numbers")


@pytest.mark.parametrize("dtype", "f64 f32 f16 bf16 i64 i32 i16 i8 u64 u32 u16 u8 bool".split())
def test_every_dtype(tmp_path, dtype):
    t = _neve.tensor(np.arange(6).reshape(2, 3) % 2).astype(dtype)
    neve.save(
        {"t": t, "empty": _neve.empty([0, 2], dtype), "scalar": _neve.tensor(np.array(1)).astype(dtype)}, tmp_path / "x"
    )
    d = neve.load_weights(tmp_path / "x")
    assert (
        [d[k].dtype for k in d] == [dtype] * 3 and tuple(d["empty"].shape) == (0, 2) and tuple(d["scalar"].shape) == ()
    )
    np.testing.assert_array_equal(array(d["t"]), np.arange(6).reshape(2, 3) % 2)


def test_loaded_tensors_do_not_write_to_the_file(tmp_path):
    neve.save({"t": _neve.tensor(np.ones(4, np.float32))}, tmp_path / "x")
    before = (tmp_path / "x").read_bytes()
    t = neve.load_weights(tmp_path / "x")["t"]
    t.copy_(_neve.tensor(np.zeros(4, np.float32)))
    assert t.tolist() == [0, 0, 0, 0] and (tmp_path / "x").read_bytes() == before


def test_states(tmp_path):
    state = {
        "step": 3,
        7: [1.5, float("inf"), None, ("a", True)],
        "t": _neve.tensor(np.ones(2)),
        "u": {"t": _neve.tensor([1])},
    }
    neve.save(state, tmp_path / "x")
    d = neve.load_weights(tmp_path / "x")
    assert d["step"] == 3 and d[7] == state[7] and d["t"].tolist() == [1, 1] and d["u"]["t"].tolist() == [1]
    neve.save(_neve.tensor([1, 2]), tmp_path / "y")
    assert neve.load_weights(tmp_path / "y").tolist() == [1, 2]


def test_save_fails_whole(tmp_path):
    neve.save({"t": _neve.tensor([1])}, tmp_path / "x")
    with pytest.raises(neve.Error, match="save: a.1 is object"):
        neve.save({"a": [1, object()]}, tmp_path / "x")
    assert neve.load_weights(tmp_path / "x")["t"].tolist() == [1]
    assert os.listdir(tmp_path) == ["x"]
    with pytest.raises(neve.Error, match="save: .*No such file") as caught:
        neve.save({}, tmp_path / "none" / "x")
    assert caught.value.code == "io"
    refused(tmp_path / "none", "no such file", "not_found")


# ---- hostile files ---------------------------------------------------------------------------------------------------


class Runs:
    def __init__(self, call, *args):
        self.how = call, args

    def __reduce__(self):
        return self.how


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("call", [os.system, exec, eval, getattr, os.mkdir], ids=lambda c: c.__name__)
def test_pickles_run_nothing(tmp_path, protocol, call):
    mark = tmp_path / "ran"
    arg = {"system": f"touch {mark}", "mkdir": str(mark)}.get(call.__name__, f"open({str(mark)!r}, 'w')")
    raw = pickle.dumps({"w": Runs(call, arg)}, protocol=protocol)
    (tmp_path / "p.pdparams").write_bytes(raw)
    refused(tmp_path / "p.pdparams", f"asks for '.*{call.__name__}'.*nothing was run")
    with zipfile.ZipFile(tmp_path / "z.pt", "w") as z:
        z.writestr("m/data.pkl", raw)
    refused(tmp_path / "z.pt", "nothing was run")
    assert not mark.exists()


def test_hostile_pickles(tmp_path):
    p = tmp_path / "p"
    for raw, text in [
        (b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"x" * 20, "ends early"),
        (b"\x80\x02" + b"]" * 20, "ends early"),
        (b"\x80\x02" + b"}" * 2 + b"." + b" " * 9, "left over"),
        (b"\x80\x02]q\x00h\x00a." + b" " * 9, "nested more than 100"),
        (b"\x80\x02h\x07." + b" " * 9, "memo has no entry"),
        (b"\x80\x02R." + b" " * 9, "stack is empty"),
        (b"\x80\x02P12\n." + b" " * 9, "opcode b'P'"),
        (b"\x80\x02cos\nsystem\n." + b" " * 9, "'os.system'"),
        (b"\x80\x02(]q\x00" + b"(h\x00h\x00e]" * 1 + b"t." + b" " * 9, None),
    ]:
        p.write_bytes(raw)
        refused(p, text or ".")
    doubled = b"".join(b"](h%ch%ceq%c" % (i, i, i + 1) for i in range(40))
    p.write_bytes(b"\x80\x02(]q\x00" + doubled + b"t.")
    refused(p, ".")


def safe(header, data=b""):
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + data


def entry(begin, end, shape=(2,), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


@pytest.mark.parametrize("raw, text", [
    (safe({"a": entry(0, 8), "b": entry(4, 12)}, bytes(12)), "overlap"),
    (safe({"a": entry(0, 8), "b": entry(0, 8)}, bytes(8)), "overlap"),
    (safe({"a": entry(4, 12)}, bytes(12)), "holes"),
    (safe({"a": entry(0, 8)}, bytes(9)), "end at byte 8 of 9"),
    (safe({"a": entry(0, 8)}, bytes(7)), "lies at"),
    (safe({"a": entry(8, 0)}, bytes(8)), "lies at"),
    (safe({"a": entry(0, 8, (2**40, 2**40))}, bytes(8)), "of 4835703278458516698824704 bytes"),
    (safe({"a": entry(0, 8, (-2, -1))}, bytes(8)), "wrong shape"),
    (safe({"a": entry(0, 8, (True, 2))}, bytes(8)), "wrong shape"),
    (safe({"a": entry(0, 8, dtype="F31")}, bytes(8)), "'F31'"),
    (safe({"a": entry(0, 2, dtype="BOOL")}, b"\x01\x02"), "bool is neither"),
    (safe(b'{"a":1,"a":2}'), "twice"),
    (safe(b"{" + b'"a":{' * 5000), "no JSON"),
    (struct.pack("<Q", 2**63) + b"{}      ", "header says"),
    (struct.pack("<Q", 90_000_000) + b"{}      ", "header says"),
    (safe({"__metadata__": {"neve.tree": '{"tensor":"b"}'}, "a": entry(0, 8)}, bytes(8)), "node of the state"),
])  # fmt: skip
def test_hostile_safetensors(tmp_path, raw, text):
    (tmp_path / "x").write_bytes(raw)
    refused(tmp_path / "x", text)


def test_hostile_zips(tmp_path):
    good = {n: zipfile.ZipFile(WEIGHTS / "state.pt").read(n) for n in zipfile.ZipFile(WEIGHTS / "state.pt").namelist()}
    storage = next(n for n in good if n.endswith("data/0"))

    def write(entries, compression=zipfile.ZIP_STORED):
        with zipfile.ZipFile(tmp_path / "z", "w", compression) as z:
            for n, b in entries:
                z.writestr(n, b)

    write([(n, b) for n, b in good.items() if n != storage])
    refused(tmp_path / "z", "no entry")
    write([(n, b[:-4] if n == storage else b) for n, b in good.items()])
    refused(tmp_path / "z", "has 92 bytes, not 24 of 4")
    write(good.items(), zipfile.ZIP_DEFLATED)
    refused(tmp_path / "z", "is compressed")
    with pytest.warns(UserWarning):
        write([*good.items(), (storage, bytes(96))])
    refused(tmp_path / "z", "twice")
    write([*good.items(), (storage.split("/")[0] + "/constants.pkl", b"")])
    refused(tmp_path / "z", "TorchScript")
    body = io.BytesIO()
    np.lib.format.write_array(body, np.zeros(1000))
    write([("a.npy", body.getvalue() + bytes(50_000_000))], zipfile.ZIP_DEFLATED)
    refused(tmp_path / "z", "has 50008000 bytes")


@pytest.mark.parametrize(
    "name", sorted(p.name for p in WEIGHTS.iterdir()) + ["x.safetensors", "s.safetensors", "x.npz"]
)
def test_mutations_are_refused_or_read(tmp_path, name):
    """Bytes changed, cut or repeated at random: a result or neve.Error, never anything else."""
    source = WEIGHTS / name
    if not source.exists():
        source = tmp_path / name
        values = {"a": np.arange(6, dtype=np.float32), "b": np.ones((2, 2))}
        if name == "x.npz":
            np.savez_compressed(source, **values)
        else:
            tensors = {k: _neve.tensor(v) for k, v in values.items()}
            neve.save(tensors if name[0] == "x" else {"s": [tensors, 1, (2.5,)]}, source)
    good, draw, path = source.read_bytes(), random.Random(7), tmp_path / "m"
    refusals = 0
    for _ in range(500):
        raw = bytearray(good)
        for _ in range(draw.choice((1, 1, 1, 2, 8))):
            at = draw.randrange(len(raw))
            kind = draw.randrange(5)
            if kind == 0:
                raw[at] = draw.randrange(256)
            elif kind == 1:
                raw[at] ^= 1 << draw.randrange(8)
            elif kind == 2 and len(raw) > 32:
                del raw[at : at + draw.choice((1, 4, 100))]
            elif kind == 3:
                raw[at:at] = raw[at : at + draw.choice((1, 8, 64))]
            else:
                raw[at : at + 4] = draw.choice((b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0"))
        path.write_bytes(raw or b"x")
        try:
            neve.load_weights(path)
        except neve.Error as error:
            refusals += 1
            assert str(error).startswith("load_weights: ")
    assert refusals > 50
