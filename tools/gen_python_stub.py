"""Writes python/neve/_neve.pyi, the types of the compiled module, from the module itself: python tools/gen_python_stub.py [--check].

The methods that the package adds to Tensor are found by `__getattr__`: mypy takes them for Any.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = ROOT / "python" / "neve" / "_neve.pyi"
HEAD = """# Types of the compiled module; written by tools/gen_python_stub.py.
from typing import Any

class Error(RuntimeError):
    code: str

"""


def stub():
    """The text, made in a process where the package has not yet added its methods to the classes."""
    import neve

    folder = pathlib.Path(neve.__file__).parent
    with tempfile.TemporaryDirectory() as out:
        path = pathlib.Path(out) / "_neve.pyi"
        command = [sys.executable, "-m", "nanobind.stubgen", "-q", "-P", "-m", "_neve", "-o", str(path)]
        subprocess.run(command, check=True, env={"PYTHONPATH": str(folder)})
        text = path.read_text()
    text = re.sub(r"\bobject\b", "Any", text).replace('"std::pair<int, int>"', "tuple[int, int]")
    text = re.sub(
        r"(class (?:Tensor|Engine|Session|Model).*:\n)", r"\1    def __getattr__(self, name: str) -> Any: ...\n", text
    )
    return HEAD + text


if __name__ == "__main__":
    now = stub()
    if "--check" in sys.argv:
        if not TARGET.exists() or TARGET.read_text() != now:
            sys.exit(f"{TARGET.relative_to(ROOT)} is out of date (./dev gen)")
    else:
        TARGET.write_text(now)
