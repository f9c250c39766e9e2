"""The checks of the house themselves: a layer that is broken is seen, and the examples of the pages are true."""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def check_layers(root):
    done = subprocess.run([sys.executable, ROOT / "tools" / "check_layers.py", root], capture_output=True, text=True)
    return done.returncode, done.stdout


@pytest.fixture
def tree(tmp_path):
    """A tree with a right file in it, and the real layers.toml."""
    (tmp_path / "layers.toml").write_text((ROOT / "layers.toml").read_text())
    (tmp_path / "src" / "core").mkdir(parents=True)
    (tmp_path / "src" / "core" / "right.cpp").write_text(
        '#include <vector>\n\n#include "base/error.h"\n#include "core/dim.h"\n'
    )
    return tmp_path


def test_right_tree_passes(tree):
    assert check_layers(tree)[0] == 0


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("src/core/a.cpp", '#include "ir/graph.h"\n', "core may not include ir/"),
        ("src/core/a.cpp", '\n#  include "op/def.h"\n', "src/core/a.cpp:2: core may not include op/"),
        ("src/runtime/a.cpp", '#include "passes/pass.h"\n', "runtime may not include passes/"),
        ("src/core/a.cpp", '#include "dim.h"\n', '"dim.h" is not rooted'),
        ("src/loop/a.cpp", "#include <llvm/IR/Module.h>\n", "may be included in src/loop/llvm/ alone"),
        ("src/kernels/a.cpp", "#include <oneapi/dnnl/dnnl.hpp>\n", "<oneapi/dnnl/dnnl.hpp> may be included in"),
        ("src/jit/a.cpp", '#include "neve_onnx.pb.h"\n', "may be included in src/import/onnx/ alone"),
        ("src/kernels/a.cpp", "#pragma omp parallel for\n", "OpenMP belongs in src/base/threads"),
        ("include/neve/a.h", '#include "core/dim.h"\n', "a public header may not include core/dim.h"),
        ("include/neve/a.h", "#include <nlohmann/json.hpp>\n", "a public header may not include nlohmann/json.hpp"),
        ("src/nonsense/a.cpp", "\n", "src/nonsense: is no layer"),
    ],
)
def test_broken_layer_is_seen(tree, name, text, message):
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    status, output = check_layers(tree)
    assert status == 1
    assert message in output


@pytest.mark.parametrize("arguments, status, text", [
    (["nonsense"], 2, "unknown word"),
    (["check", "--nonsense"], 2, "unknown option"),
    (["bench", "--help"], 0, "--peers"),
])  # fmt: skip
def test_dev_says_what_it_takes(arguments, status, text):
    done = subprocess.run([ROOT / "dev", *arguments], capture_output=True, text=True)
    assert done.returncode == status
    assert text in done.stdout + done.stderr


@pytest.mark.parametrize("library", ["libneve.so", "libneve_loop.so"])
def test_foreign_symbols_stay_inside(library):
    """What is linked statically or generated must not meet another copy of it in the process."""
    path = ROOT / "build" / "lib" / library
    if not path.exists():
        pytest.skip(f"{library} is not built")
    symbols = subprocess.run(["nm", "-D", "--defined-only", path], check=True, capture_output=True, text=True).stdout
    assert "neve" in symbols
    foreign = [line for line in symbols.splitlines() if "N4llvm" in line or "9neve_onnx" in line]
    assert foreign == []
