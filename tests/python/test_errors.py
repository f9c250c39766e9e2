"""What a user reads after a mistake: tests/errors/*.txt are transcripts, compared word for word.

`$ COMMAND` runs in bash, `>>> LINES` in Python with neve and numpy (np) imported; what follows is all that was printed, an exception as
`Class: message`, then `exit N` where N is not 0. `python tests/python/test_errors.py --write [NAME...]` writes what is printed now: read it.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "errors"
sys.path.insert(0, str(FOLDER))
NEVE = pathlib.Path(os.environ.get("NEVE_BUILD_DIR", ROOT / "build")) / "bin" / "neve"
PYTHON = """import sys, numpy as np, neve
try:
    exec(compile(sys.argv[1], 'transcript', 'exec'))
except Exception as e:
    print(type(e).__module__.replace("builtins", "") + "." * (type(e).__module__ != "builtins") + type(e).__qualname__ + ":", e)
except KeyboardInterrupt:
    print("KeyboardInterrupt")
"""


def environment(cache):
    path = os.pathsep.join([str(NEVE.parent), str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])
    kept = {k: v for k, v in os.environ.items() if not k.startswith("NEVE_")}
    extra = {"PATH": path, "NEVE_CACHE_DIR": str(cache), "LC_ALL": "C", "NO_COLOR": "1", "OMP_WAIT_POLICY": "passive"}
    return {**kept, **extra}


def blocks(text):
    """[(kind, command, expected)]; kind is "#", "$" or ">>>"."""
    out = []
    for line in text.splitlines():
        if line.startswith("#") and (not out or out[-1][0] == "#"):
            out.append(["#", line, ""])
        elif line.startswith(("$ ", ">>> ")):
            kind, command = line.split(" ", 1)
            out.append([kind, command, ""])
        elif line.startswith("... ") and out[-1][0] == ">>>" and not out[-1][2]:
            out[-1][1] += "\n" + line[4:]
        else:
            out[-1][2] += line + "\n"
    return out


def answer(kind, command, folder, env):
    arguments = ["bash", "-c", command] if kind == "$" else [sys.executable, "-c", PYTHON, command]
    done = subprocess.run(
        arguments, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120
    )
    text = done.stdout if done.stdout.endswith("\n") or not done.stdout else done.stdout + "\n"
    return text + (f"exit {done.returncode}\n" if done.returncode else "")


def replay(path, files):
    """The transcript as it is now."""
    out = ""
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder) / "work"
        shutil.copytree(files, work, symlinks=True)
        env = environment(pathlib.Path(folder) / "cache")
        for kind, command, expected in blocks(path.read_text()):
            if kind == "#":
                out += command + "\n" + expected
                continue
            lead = "\n... " if kind == ">>>" else "\n"
            out += f"{kind} " + command.replace("\n", lead) + "\n" + answer(kind, command, work, env)
    return out


def make_files(folder):
    import make_files as maker

    folder.mkdir()
    maker.make(folder, NEVE, environment(folder.parent / "cache"))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    pytest.importorskip("onnx")
    if not NEVE.exists():
        pytest.skip("the neve command is not built")
    folder = tmp_path_factory.mktemp("errors") / "files"
    make_files(folder)
    return folder


@pytest.mark.parametrize("name", sorted(p.stem for p in FOLDER.glob("*.txt")))
def test_message(name, files):
    path = FOLDER / f"{name}.txt"
    assert replay(path, files) == path.read_text()


if __name__ == "__main__":
    assert sys.argv[1] == "--write"
    with tempfile.TemporaryDirectory() as top:
        source = pathlib.Path(top) / "files"
        make_files(source)
        for one in sorted(FOLDER.glob("*.txt")):
            if len(sys.argv) == 2 or one.stem in sys.argv[2:]:
                one.write_text(replay(one, source))
