"""Makes the files that the transcripts of this folder use: sound ones, and ones that a user or an attacker may bring."""

import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]


def model(nodes, inputs, outputs, initializers=()):
    def info(ports):
        return [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in ports]

    graph = helper.make_graph(nodes, "g", info(inputs), info(outputs), list(initializers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def external(folder, name, location, offset=None, length=None):
    """A model whose weight lies, by its own word, in another file."""
    weight = numpy_helper.from_array(np.ones((4, 4), np.float32), "w")
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    entries = {"location": location, "offset": offset, "length": length}
    for key, value in entries.items():
        if value is not None:
            weight.external_data.add(key=key, value=str(value))
    m = model([helper.make_node("MatMul", ["x", "w"], ["y"])], [("x", ["n", 4])], [("y", ["n", 4])], [weight])
    (folder / name).write_bytes(m.SerializeToString())


def slow_model():
    """Many convolutions of different sizes: choosing their kernels takes seconds."""
    rng = np.random.default_rng(1)
    nodes, weights, value, channels = [], [], "x", 3
    for i in range(60):
        out = 32 + 16 * (i % 7) + i
        weights.append(numpy_helper.from_array(rng.standard_normal((out, channels, 3, 3)).astype(np.float32), f"w{i}"))
        nodes.append(helper.make_node("Conv", [value, f"w{i}"], [f"v{i}"], pads=[1, 1, 1, 1]))
        value, channels = f"v{i}", out
    return model(nodes, [("x", [1, 3, 56, 56])], [(value, [1, channels, 56, 56])], weights)


def broken_onnx(folder):
    digits = (folder / "digits.onnx").read_bytes()
    (folder / "empty.onnx").write_bytes(b"")
    (folder / "text.onnx").write_text("Dear sir or madam,\n")
    (folder / "truncated.onnx").write_bytes(digits[: len(digits) // 2])
    (folder / "length_bomb.onnx").write_bytes(b"\x08\x09\x3a\xff\xff\xff\xff\x07" + b"\0" * 64)
    relu = helper.make_node
    two = [("x", ["n", 4])], [("y", ["n", 4])]
    cyclic = model([relu("Add", ["x", "b"], ["a"]), relu("Relu", ["a"], ["b"]), relu("Relu", ["b"], ["y"])], *two)
    (folder / "cyclic.onnx").write_bytes(cyclic.SerializeToString())
    (folder / "unnamed.onnx").write_bytes(model([relu("Relu", ["z"], ["y"])], *two).SerializeToString())
    (folder / "unknown_op.onnx").write_bytes(model([relu("Frobnicate", ["x"], ["y"])], *two).SerializeToString())
    bomb = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1 << 30, 1 << 30])
    bomb_model = model([relu("MatMul", ["x", "w"], ["y"])], *two, [bomb])
    (folder / "dims_bomb.onnx").write_bytes(bomb_model.SerializeToString())
    short = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4, 4], raw_data=b"\0" * 12)
    short_model = model([relu("MatMul", ["x", "w"], ["y"])], *two, [short])
    (folder / "short_weight.onnx").write_bytes(short_model.SerializeToString())


def broken_archives(folder):
    good = (folder / "digits.neve").read_bytes()
    (folder / "truncated.neve").write_bytes(good[: len(good) // 2])
    with zipfile.ZipFile(folder / "digits.neve") as z:
        members = {i.filename: (i.header_offset, z.read(i)) for i in z.infolist()}
    for name, member in [
        ("flipped_weights", "weights.safetensors"),
        ("flipped_graph", "graphs/forward.nir"),
        ("flipped_manifest", "manifest.json"),
    ]:
        flipped = bytearray(good)
        start = good.index(members[member][1], members[member][0])
        middle = members[member][1].find(b'"weights.safetensors": "') + 30 if member == "manifest.json" else 0
        flipped[start + (middle or len(members[member][1]) // 2)] ^= 1
        (folder / f"{name}.neve").write_bytes(flipped)
    with zipfile.ZipFile(folder / "compressed.neve", "w", zipfile.ZIP_DEFLATED) as z:
        for name, (_, content) in members.items():
            z.writestr(name, content)
    with zipfile.ZipFile(folder / "escaping.neve", "w") as z:
        z.writestr("manifest.json", members["manifest.json"][1])
        z.writestr("../outside", b"boo")
    with zipfile.ZipFile(folder / "newer.neve", "w") as z:
        z.writestr("manifest.json", '{"format": "neve", "format_version": 99}')
    with zipfile.ZipFile(folder / "other.zip", "w") as z:
        z.writestr("hello.txt", b"hello")


MODULE = """import neve
neve.manual_seed(1)
neve.jit.save(neve.nn.Linear(3, 2), "module.neve", [neve.jit.InputSpec(("n", 3))])
"""


def broken_modules(folder, environment):
    """Archives of modules whose digests fit and whose manifests lie."""
    subprocess.run([sys.executable, "-c", MODULE], cwd=folder, env=environment, check=True)
    with zipfile.ZipFile(folder / "module.neve") as z:
        members = {n: z.read(n) for n in z.namelist()}

    def write(name, change):
        manifest = json.loads(members["manifest.json"])
        change(manifest)
        manifest.pop("manifest_sha256")
        text = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        manifest["manifest_sha256"] = hashlib.sha256(text.encode()).hexdigest()
        with zipfile.ZipFile(folder / name, "w") as z:
            for n, content in members.items():
                z.writestr(n, json.dumps(manifest) if n == "manifest.json" else content)

    write("module_newer.neve", lambda m: m.update(format_version=99))
    write("module_path.neve", lambda m: m["methods"]["forward"][0].update(graph="../../etc/passwd"))
    write("module_cyclic.neve", lambda m: m["methods"]["forward"][0].update(results='{"tuple": [{"t": 1}, {"t": 0}]}'))
    write("module_class.neve", lambda m: m["tensors"][0].update(name="__class__"))
    write("module_draws.neve", lambda m: m["methods"]["forward"][0].update(draws=[2**62], own_generator=[False]))
    write("module_weight.neve", lambda m: m["methods"]["forward"][0]["weights"].pop())
    write("module_empty.neve", lambda m: m.update(methods={}))
    flipped = (folder / "module.neve").read_bytes().replace(b'in_features\\": 3', b'in_features\\": 7')
    (folder / "module_flipped.neve").write_bytes(flipped)
    (folder / "module_cut.neve").write_bytes((folder / "module.neve").read_bytes()[:-40])


def make(folder, neve, environment):
    folder = pathlib.Path(folder)
    shutil.copy(ROOT / "examples/digits/digits.onnx", folder)
    optimize = [
        neve,
        "optimize",
        "digits.onnx",
        "-o",
        "digits.neve",
        "--range",
        "x=1x1x8x8..16x1x8x8",
        "-q",
        "--no-tune",
    ]
    subprocess.run([*map(str, optimize)], cwd=folder, env=environment, check=True)
    broken_onnx(folder)
    broken_archives(folder)
    broken_modules(folder, environment)
    (folder / "models").mkdir()
    (folder / "secret.bin").write_bytes(b"\1" * 64)
    (folder / "models" / "w.bin").write_bytes(b"\0" * 64)
    external(folder / "models", "outside.onnx", "../secret.bin", 0, 64)
    external(folder / "models", "absolute.onnx", "/etc/hostname", 0, 64)
    external(folder / "models", "no_file.onnx", "weights.bin", 0, 64)
    external(folder / "models", "past_end.onnx", "w.bin", 32, 64)
    external(folder / "models", "wrong_length.onnx", "w.bin", 0, 60)
    (folder / "models" / "link.bin").symlink_to(folder / "secret.bin")
    external(folder / "models", "by_link.onnx", "link.bin", 0, 64)
    onnx.save(slow_model(), folder / "slow.onnx")
    np.save(folder / "x.npy", np.zeros((3, 1, 8, 8), np.float32))
    np.save(folder / "x17.npy", np.zeros((17, 1, 8, 8), np.float32))
    np.save(folder / "x9.npy", np.zeros((3, 1, 9, 8), np.float32))
    np.save(folder / "rank3.npy", np.zeros((3, 8, 8), np.float32))
    np.save(folder / "f64.npy", np.zeros((3, 1, 8, 8)))
    np.save(folder / "nan.npy", np.full((1, 1, 8, 8), np.nan, np.float32))
    np.save(folder / "object.npy", np.array([{}, None]), allow_pickle=True)
    (folder / "cut.npy").write_bytes((folder / "x.npy").read_bytes()[:200])
    np.savez(folder / "nan.npz", x=np.full((1, 1, 8, 8), np.nan, np.float32))
    np.savez(folder / "wrong_name.npz", y=np.zeros((1, 1, 8, 8), np.float32))
