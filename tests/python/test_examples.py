"""The numbered examples in Python run, and print what they promise. The one in C++ is built and run by tests/outside."""

import os
import pathlib
import subprocess
import sys

import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.parametrize("name", sorted(p.name for p in EXAMPLES.glob("[0-9]*.py")))
def test_runs(name, tmp_path):
    done = subprocess.run([sys.executable, EXAMPLES / name], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    expected = {
        "01_tensor.py": ["gradient is cos(x) x + sin(x): True", "line: 3.000 x -0.500"],
        "02_train_digits.py": ["at least 98%: pass"],
        "03_finetune.py": ["better than before: pass" if os.environ.get("NEVE_MODELS") else "skipped: no mnist"],
        "04_char_gpt.py": ["loss at most 1.5: pass", "Now is better"],
        "06_optimize.py": ["accuracy: pass", "the archive gives the same: True"],
        "07_threads.py": ["images: 9"],
    }
    for text in expected.get(name, []):
        assert text in done.stdout
