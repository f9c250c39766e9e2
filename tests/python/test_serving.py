"""What a program that serves needs: sizes prepared in the background, and threads that do not keep cores busy for nothing."""

import os
import pathlib
import subprocess
import sys
import threading

import neve
import numpy as np
import pytest

DIGITS = pathlib.Path(__file__).resolve().parents[2] / "examples" / "digits" / "digits.onnx"


@pytest.fixture(scope="module")
def engine():
    return neve.optimize(str(DIGITS), ranges="x=1x1x8x8..64x1x8x8", gate=False, tune=False)


def test_background_warm(engine):
    x = np.random.default_rng(0).random((5, 1, 8, 8), np.float32)
    expected = np.asarray(engine(x))
    warming = engine.warm([{"x": (n, 1, 8, 8)} for n in range(1, 65)], background=True)
    session = engine.session()
    for _ in range(50):
        assert np.array_equal(np.asarray(session(x)), expected)
    warming.wait()
    assert warming.done() and warming.error is None
    assert engine.warm([{"x": (2, 1, 8, 8)}]) is None


def test_background_warm_fails(engine):
    with pytest.raises(neve.Error, match="no sizes for input 'x'"):
        engine.warm([{"y": (1, 1, 8, 8)}], background=True)
    warming = engine.warm([{"x": (65, 1, 8, 8)}], background=True)
    with pytest.raises(neve.Error, match="outside every range"):
        warming.wait()
    assert warming.done() and "outside every range" in warming.error


def test_background_warm_is_cancelled(engine):
    warming = engine.warm([{"x": (n, 1, 8, 8)} for n in range(1, 65)] * 100, background=True)
    warming.cancel()
    assert warming.done()
    if warming.error:  # it may have been faster
        with pytest.raises(neve.Error, match="cancelled") as caught:
            warming.wait()
        assert caught.value.code == "cancelled"


def test_exit_while_warming():
    """A process that ends in the middle of it ends at once, and cleanly."""
    code = f"""
import neve
engine = neve.optimize({str(DIGITS)!r}, ranges="x=1x1x8x8..64x1x8x8", gate=False, tune=False)
warming = engine.warm([{{"x": (n, 1, 8, 8)}} for n in range(1, 65)] * 10000, background=True)
print("left")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "left\n", "")


def settings(**environment):
    """What GNU OpenMP says of its settings when it is initialised, and what the process's environment holds afterwards."""
    code = """
import ctypes, neve
get = ctypes.CDLL(None).getenv
get.restype = ctypes.c_char_p
print([get(n) for n in (b"GOMP_SPINCOUNT", b"OMP_WAIT_POLICY")])
"""
    keep = {k: v for k, v in os.environ.items() if k not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "KMP_BLOCKTIME")}
    env = {**keep, "OMP_DISPLAY_ENV": "verbose", **environment}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    said = dict(line.strip().split(" = ") for line in done.stderr.splitlines() if " = " in line)
    return said, done.stdout.strip()


def test_threads_wait_for_a_bounded_time():
    said, left = settings()
    if "GOMP_SPINCOUNT" not in said:
        pytest.skip("not built with GNU OpenMP")
    turns = int(said["GOMP_SPINCOUNT"].strip("'"))
    assert 150 <= turns <= 100_000, "50 microseconds of a pause each"
    assert left == "[None, None]", "the environment is as it was"


def test_the_user_decides_how_threads_wait():
    said, left = settings(GOMP_SPINCOUNT="77")
    if "GOMP_SPINCOUNT" not in said:
        pytest.skip("not built with GNU OpenMP")
    assert said["GOMP_SPINCOUNT"] == "'77'" and left == "[b'77', None]"
    said, left = settings(OMP_WAIT_POLICY="passive")
    assert said["GOMP_SPINCOUNT"] == "'0'" and left == "[None, b'passive']"


def test_many_threads_with_sessions(engine):
    """Sessions of several threads, one each, all right."""
    x = np.random.default_rng(1).random((8, 1, 8, 8), np.float32)
    expected, wrong = np.asarray(engine(x)), []

    def serve():
        session = engine.session()
        for _ in range(50):
            if not np.array_equal(np.asarray(session(x)), expected):
                wrong.append(1)

    threads = [threading.Thread(target=serve) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
