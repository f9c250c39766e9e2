"""What a user reads where a program cannot be captured: refusals.txt holds programs and whole messages, compared word for word.

A line `# TITLE` begins a program, which goes into a file of its own (its first line imports neve, nn and np); `>>> CALL` is
run, and what follows is its error. `python tests/capture/test_refusals.py --write` writes what is said now: read it.
"""

import importlib.util
import pathlib
import sys
import tempfile

import neve
import pytest

FILE = pathlib.Path(__file__).with_name("refusals.txt")
FIRST = "import neve, random, time, numpy as np; from neve import nn; from neve.jit import *\n"


def programs(text):
    """[(title, source, [(call, message)])]."""
    out = []
    for line in text.splitlines():
        if line.startswith("# "):
            out.append((line[2:], [], []))
        elif line.startswith(">>> "):
            out[-1][2].append((line[4:], []))
        elif out[-1][2]:
            out[-1][2][-1][1].append(line)
        else:
            out[-1][1].append(line)
    return [(title, "\n".join(source).strip() + "\n", [(c, "\n".join(m).strip()) for c, m in calls])
            for title, source, calls in out]  # fmt: skip


def answer(source, call, folder):
    """The error of a call, with its class and code, and files by their names."""
    path = pathlib.Path(folder) / "program.py"
    path.write_text(FIRST + source)
    spec = importlib.util.spec_from_file_location("program", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    here = pathlib.Path.cwd()
    try:
        with neve.no_grad():
            space = vars(module)
            space.update(x=neve.ones(2, 3), folder=pathlib.Path(folder))
            made = eval(compile(call, "call", "eval"), space)
    except Exception as e:
        code = f"[{e.code}]" if isinstance(e, neve.Error) else ""
        text = f"{type(e).__name__}{code}: {e}"
    else:
        text = f"no error: {made}"
    assert pathlib.Path.cwd() == here and float(neve.ones(2).sum()) == 2  # no capture is left open
    return text.replace(str(path), "program.py").replace(str(folder), "FOLDER").strip()


ALL = programs(FILE.read_text()) if FILE.exists() else []


@pytest.mark.parametrize("title, source, calls", ALL, ids=[p[0] for p in ALL])
def test_message(title, source, calls, tmp_path):
    for k, (call, message) in enumerate(calls):
        folder = tmp_path / str(k)  # linecache knows files by their names
        folder.mkdir()
        assert answer(source, call, folder) == message


def test_every_refusal_points_at_the_program():
    """The user's file with the line, and what would be right in brackets."""
    assert len(ALL) >= 40
    for title, _, calls in ALL:
        for call, message in calls:
            assert not message.startswith("no error"), title
            if not title.startswith("Call:"):
                assert "program.py:" in message and "^" in message, f"{title}: {call}"
                assert "[unsupported]" not in message or " (" in message, f"{title}: {call}"


if __name__ == "__main__":
    assert sys.argv[1:] == ["--write"]
    lines = []
    for title, source, calls in ALL:
        lines.append(f"# {title}\n{source}")
        for call, _ in calls:
            with tempfile.TemporaryDirectory() as top:
                lines.append(f">>> {call}\n{answer(source, call, top)}\n")
        lines.append("\n")
    FILE.write_text("".join(lines).strip() + "\n")
