"""Files of weights that mean harm (tests/fuzz/weights.py) run nothing, take no memory, and are refused with words."""

import importlib.util
import resource
import subprocess
import sys
from pathlib import Path

import neve
import pytest

_spec = importlib.util.spec_from_file_location("fuzz_weights", Path(__file__).parents[1] / "fuzz" / "weights.py")
fuzz = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fuzz)
CASES = fuzz.hostile()


@pytest.mark.parametrize("name", CASES)
def test_hostile(name, tmp_path):
    raw, says = CASES[name]
    path = tmp_path / name
    path.write_bytes(raw)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if says is None:
        fuzz.touch(neve.load_weights(path))
    else:
        with pytest.raises(neve.Error) as caught:
            neve.load_weights(path)
        assert caught.value.code == "corrupt_file" and says in str(caught.value), caught.value
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600_000  # KiB
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_fuzzer_runs():
    command = [sys.executable, fuzz.__file__, "--seconds", "3", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and " 0 failed" in done.stdout, done.stdout + done.stderr


def test_fuzzer_notices(tmp_path):
    """The watch of the fuzzer sees what a reader must not do."""
    code = f"""
import sys; sys.path.insert(0, {str(Path(fuzz.__file__).parent)!r})
import weights, os, pathlib
sys.addaudithook(weights._audit)
weights.neve.load_weights = lambda path: os.system("true")
try:
    weights.attempt(pathlib.Path({str(tmp_path)!r}, "x"), b"x")
except SystemError as error:
    print("seen", error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert "seen a file of weights made this process do os.system" in done.stdout, done.stdout + done.stderr
